// Backward with an average pool, in batch-lane layout. Every output has a gradient:
//
//   dz = g / 4 * activation'            kept with a border of zeros
//   dx = dz convolved with the kernels turned by 180 degrees, their channels and outputs exchanged
//   dW[o, c, r, k] = sum over rows, columns and lanes of dz[o] * x[c] shifted by (r, k)
#pragma once
#include <omp.h>

#include "avg_forward.hpp"
#include "lanes.hpp"
#include "layer.hpp"

namespace striate::avg_backward {

using avg_forward::groups;
using avg_forward::kept_vectors;
using lanes::Convolution;
using lanes::Group;

constexpr int MOST_OUTPUTS = REGISTERS == 32 ? 4 : 2;
constexpr int MOST_TAPS = REGISTERS == 32 ? 6 : 5;
// for dx: narrow tiles skip more of the zeros left and right of dz
constexpr int DX_PIXELS = 4, DX_CHANNELS = REGISTERS == 32 ? 6 : 3;

struct Plan : Layer {
  bool wants_dx;
  int above, left;       // zeros around dz
  int dz_h, dz_w;        // rows and columns of dz with them
  Plan(const Layer& layer, bool dx) : Layer(layer), wants_dx(dx) {
    above = std::max(0, kernel_h - 1 - pad_h), left = std::max(0, kernel_w - 1 - pad_w);
    dz_h = out_h + 2 * above, dz_w = out_w + 2 * left;
  }
  int x_elements() const { return channels * height * width; }
  int64_t dw_vectors() const { return (int64_t)outputs * kernel_h * row; }
  Convolution to_dx() const {
    // where the padding exceeds the kernel, the outermost rows of dz reach no pixel
    int skip_h = std::max(0, pad_h - kernel_h + 1), skip_w = std::max(0, pad_w - kernel_w + 1);
    return {outputs,        channels,   kernel_h, kernel_w,      dz_w, dz_h * dz_w,
            above - skip_h, 2 * pool_h, width,    left - skip_w, 2 * pool_w};
  }
};

struct Buffers {
  float *packed, *threads;
  int32_t *x_place, *y_place, *dx_place;
  int64_t per_thread;
  Buffers(const Plan& p, Workspace& space) {
    packed = space.take((int64_t)p.kernel_h * p.row * p.outputs);
    x_place = integers(space, p.x_elements()), dx_place = integers(space, p.x_elements());
    y_place = integers(space, (int64_t)p.outputs * p.pooled);
    Workspace one{nullptr};
    OneThread(p, one);
    per_thread = one.used;
    threads = space.take(per_thread * p.threads);
  }
  static int32_t* integers(Workspace& space, int64_t n) {
    return reinterpret_cast<int32_t*>(space.take(n));
  }
  struct OneThread {
    float *padded, *gradient, *dz, *dx, *dw, *db;
    OneThread(const Plan& p, Workspace& space) {
      padded = space.take((int64_t)p.channels * p.padded_h * p.padded_w * LANES);
      gradient = space.take((int64_t)p.outputs * p.pooled * LANES);
      dz = space.take(((int64_t)p.outputs * p.dz_h * p.dz_w + 1) * LANES);
      dx = space.take(p.wants_dx ? (int64_t)p.x_elements() * LANES : 0);
      dw = space.take(p.dw_vectors() * LANES), db = space.take((int64_t)p.outputs * LANES);
    }
  };
  OneThread of(const Plan& p, int thread) const {
    Workspace space{threads + per_thread * thread};
    return {p, space};
  }
};

inline void place_dx(const Plan& p, int32_t* place) {
  for (int c = 0; c < p.channels; ++c)
    for (int h = 0; h < p.height; ++h)
      for (int w = 0; w < p.width; ++w)
        place[p.x_last ? (h * p.width + w) * p.channels + c : (c * p.height + h) * p.width + w] =
            (c * p.height + h) * p.width + w;
}

// A window's row of dz, two vectors, at place(output, row), the next window's `step` vectors on;
// own.db takes the sums.
template <int ACT, typename Own, typename Place>
void make_dz(const Layer& l, const Group& group, const float* kept, const Own& own, int step,
             Place place) {
  const Vec quarter = splat(.25f);
  const IntVec mask = as_int(group.mask());
  for (int o = 0; o < l.outputs; ++o) {
    Vec sum = {};
    for (int h = 0; h < 2 * l.pool_h; ++h) {
      const float* g = own.gradient + ((int64_t)o * l.pooled + h / 2 * l.pool_w) * LANES;
      float* dz = own.dz + place(o, h) * LANES;
      for (int j = 0; j < l.pool_w; ++j, g += LANES, dz += step * LANES) {
        const Vec share = as_float(as_int(load(g)) & mask) * quarter;
        Vec pair[] = {share, share};
        if constexpr (ACT != IDENTITY) {
          pair[0] = chain<ACT>(share, load(kept)), pair[1] = chain<ACT>(share, load(kept + LANES));
          kept += 2 * LANES;
        }
        sum += pair[0], sum += pair[1];
        store(dz, pair[0]), store(dz + LANES, pair[1]);
      }
    }
    store(own.db + o * LANES, load(own.db + o * LANES) + sum);
  }
}

// Some taps of one kernel row for some outputs and one channel, over a whole map.
template <int TAPS, int OUTPUTS>
INLINE void add_taps(const Plan& p, const float* x, const float* dz, float* dw, int64_t next) {
  Vec sum[OUTPUTS][TAPS];
#pragma GCC unroll 8
  for (int o = 0; o < OUTPUTS; ++o)
#pragma GCC unroll 8
    for (int k = 0; k < TAPS; ++k) sum[o][k] = load(dw + o * next + k * LANES);
  const int64_t map = (int64_t)p.dz_h * p.dz_w * LANES;
  for (int h = 0; h < 2 * p.pool_h; ++h, x += p.padded_w * LANES, dz += p.dz_w * LANES)
    for (int w = 0; w < 2 * p.pool_w; ++w) {
      Vec g[OUTPUTS];
#pragma GCC unroll 8
      for (int o = 0; o < OUTPUTS; ++o) g[o] = load(dz + o * map + w * LANES);
#pragma GCC unroll 8
      for (int k = 0; k < TAPS; ++k) {
        Vec value = load(x + (w + k) * LANES);
#pragma GCC unroll 8
        for (int o = 0; o < OUTPUTS; ++o) sum[o][k] += g[o] * value;
      }
    }
#pragma GCC unroll 8
  for (int o = 0; o < OUTPUTS; ++o)
#pragma GCC unroll 8
    for (int k = 0; k < TAPS; ++k) store(dw + o * next + k * LANES, sum[o][k]);
}

inline void add_dw(const Plan& p, const Buffers::OneThread& own) {
  int blocks = parts_of(p.outputs, MOST_OUTPUTS), pieces = parts_of(p.kernel_w, MOST_TAPS);
  const int64_t next = (int64_t)p.kernel_h * p.row * LANES;
  for (int b = 0; b < blocks; ++b) {
    Part outputs(p.outputs, blocks, b);
    const float* dz =
        own.dz + (((int64_t)outputs.begin * p.dz_h + p.above) * p.dz_w + p.left) * LANES;
    for (int c = 0; c < p.channels; ++c)
      for (int r = 0; r < p.kernel_h; ++r)
        for (int piece = 0; piece < pieces; ++piece) {
          Part taps(p.kernel_w, pieces, piece);
          const float* x =
              own.padded + (((int64_t)c * p.padded_h + r) * p.padded_w + taps.begin) * LANES;
          float* dw = own.dw + outputs.begin * next +
                      (((int64_t)c * p.kernel_h + r) * p.kernel_w + taps.begin) * LANES;
          with_count<MOST_OUTPUTS>(outputs.size, [&](auto some) {
            with_count<MOST_TAPS>(taps.size, [&](auto count) {
              add_taps<count.value, some.value>(p, x, dz, dw, next);
            });
          });
        }
  }
}

inline void make_dx(const Plan& p, const Buffers& shared, const Buffers::OneThread& own) {
  const Convolution v = p.to_dx();
  const int skip_h = std::max(0, p.pad_h - p.kernel_h + 1);
  const int skip_w = std::max(0, p.pad_w - p.kernel_w + 1);
  const float* dz = own.dz + ((int64_t)skip_h * p.dz_w + skip_w) * LANES;
  const int64_t map = (int64_t)p.height * p.width * LANES;
  for (int b = 0; b < parts_of(v.outputs, DX_CHANNELS); ++b)
    for (int h = 0; h < p.height; ++h)
      lanes::convolve_row<DX_PIXELS, DX_CHANNELS>(
          v, dz, shared.packed, nullptr, h, b,
          [map, to = own.dx + (int64_t)h * p.width * LANES](int c, int w, Vec value)
              INLINE_LAMBDA { store(to + c * map + w * LANES, value); });
}

template <int ACT>
void run(const Plan& p, const float* gradient, const float* x, const float* weight,
         const float* kept, float* dx, float* dweight, float* dbias, const Buffers& shared) {
  const int taps = p.kernel_h * p.kernel_w;
#pragma omp parallel num_threads(p.threads)
  {
    const Buffers::OneThread own = shared.of(p, omp_get_thread_num());
    std::memset(own.padded, 0, 4ll * p.channels * p.padded_h * p.padded_w * LANES);
    std::memset(own.dz, 0, 4ll * p.outputs * p.dz_h * p.dz_w * LANES);
    std::memset(own.dw, 0, 4 * p.dw_vectors() * LANES);
    std::memset(own.db, 0, 4ll * p.outputs * LANES);
#pragma omp single
    {
      avg_forward::place_x(p, shared.x_place), avg_forward::place_y(p, shared.y_place);
      place_dx(p, shared.dx_place);
      if (dx)
        lanes::pack<DX_CHANNELS>(p.to_dx(), shared.packed, [&](int c, int o, int r, int k) {
          return weight[((int64_t)o * p.channels + c) * taps + taps - 1 - (r * p.kernel_w + k)];
        });
    }
#pragma omp for schedule(static)
    for (int g = 0; g < groups(p); ++g) {
      const Group group(p, g);
      lanes::to_lanes(group, x, p.x_elements(), shared.x_place, own.padded);
      lanes::to_lanes(group, gradient, p.outputs * p.pooled, shared.y_place, own.gradient);
      make_dz<ACT>(p, group, ACT == IDENTITY ? kept : kept + g * kept_vectors(p) * LANES, own, 2,
                   [&](int o, int h) {
                     return ((int64_t)o * p.dz_h + h + p.above) * p.dz_w + p.left;
                   });
      add_dw(p, own);
      if (!dx) continue;
      make_dx(p, shared, own);
      lanes::from_lanes(group, own.dx, p.x_elements(), shared.dx_place, dx);
    }
    const int threads = omp_get_num_threads();
#pragma omp for schedule(static) nowait
    for (int64_t e = 0; e < p.dw_vectors(); e += LANES)
      lanes::add_up(threads, e, p.dw_vectors(), [&](int t) { return shared.of(p, t).dw; }, dweight);
#pragma omp for schedule(static)
    for (int o = 0; o < p.outputs; o += LANES)
      lanes::add_up(threads, o, p.outputs, [&](int t) { return shared.of(p, t).db; }, dbias);
  }
}

}  // namespace striate::avg_backward
