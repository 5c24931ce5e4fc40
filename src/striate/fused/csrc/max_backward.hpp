// Backward: lists of the outputs that have a gradient, then rows added to registers.
//
//   dW[o]      += g * x[window at place]        a list for each output o
//   dx[window] += g * W[o]                      a list for each place of the convolution
//
// A window is kernel_h rows. Where a row is short (few channels) dW goes another way: a vector of
// outputs picks, for each tap, its place of the 2x2 (a quad) with one permutation.
#pragma once
#include <omp.h>

#include "layer.hpp"
#include "max_forward.hpp"
#include "max_lists.hpp"
#include "quads.hpp"

namespace striate::max_backward {

using max_forward::argmax_stride;

constexpr int MOST_CHUNK = REGISTERS == 32 ? 28 : 13;
constexpr int CACHE_FLOATS = 10 * 1024;  // of the innermost data cache, for the images' rows

struct Plan : Layer {
  bool wants_dx, quads;
  int vectors, chunks;  // of a window's row
  int band;             // pooled rows taken together
  int places;           // pooled outputs in a band

  Plan(const Layer& layer, bool dx) : Layer(layer), wants_dx(dx) {
    quads = channels < 4 || 2 * row < 3 * LANES;
    vectors = parts_of(row, LANES), chunks = parts_of(vectors, MOST_CHUNK);
    int lines = CACHE_FLOATS / line() - (kernel_h - 1);
    band = std::min(std::max(1, lines / 2), pool_h);
    band = parts_of(pool_h, parts_of(pool_h, band));
    places = band * pool_w;
  }
  bool wants_lists() const { return wants_dx || !quads; }
  int64_t dw_floats() const {
    return quads ? (int64_t)kernel_h * row * lanes_k
                 : (int64_t)kernel_h * vectors * LANES * outputs;
  }
};

struct Buffers {
  float *packed, *threads;
  int64_t per_thread;
  Buffers(const Plan& p, Workspace& space) {
    packed = space.take(p.wants_dx ? (int64_t)p.kernel_h * p.vectors * LANES * p.outputs : 0);
    Workspace one{nullptr};
    OneThread(p, one);
    per_thread = one.used;
    threads = space.take(per_thread * p.threads);
  }
  struct OneThread {
    float *padded, *quads, *dpadded, *gradient, *result, *dw, *db, *image_db;
    lists::Lists lists;
    OneThread(const Plan& p, Workspace& space) : lists(p, p.places, p.wants_lists(), space) {
      dw = space.take(p.dw_floats()), db = space.take(p.lanes_k);
      image_db = space.take(p.lanes_k);
      padded = space.take(p.image);
      quads = space.take(p.quads ? 4ll * p.padded_h * p.padded_w + LANES : 0);
      dpadded = space.take(p.wants_dx ? p.image : 0);
      gradient = space.take((int64_t)p.pooled * p.lanes_k);
      result = space.take((int64_t)p.pooled * p.lanes_k);
    }
  };
};

// sum += gradient[e] * rows[offset[e] * SCALE] over the list, `VECTORS` vectors wide, in registers.
// Short rows run several sums side by side, or each addition would wait for the one before. The
// list is added up first and `sum` last: a long sum in parts loses fewer bits.
template <int VECTORS, int SCALE>
INLINE void add_rows(float* sum, const float* rows, const float* gradient, const int32_t* offset,
                     int count) {
  constexpr int SIDE = VECTORS <= 2 ? 4 : VECTORS <= 4 ? 2 : 1;
  Vec part[SIDE][VECTORS];
#pragma GCC unroll 4
  for (int s = 0; s < SIDE; ++s)
#pragma GCC unroll 28
    for (int v = 0; v < VECTORS; ++v) part[s][v] = Vec{};
  int e = 0;
  for (; e + SIDE <= count; e += SIDE)
#pragma GCC unroll 4
    for (int s = 0; s < SIDE; ++s) {
      Vec g = splat(gradient[e + s]);
      const float* r = rows + (int64_t)offset[e + s] * SCALE;
#pragma GCC unroll 28
      for (int v = 0; v < VECTORS; ++v) part[s][v] += g * load(r + v * LANES);
    }
  for (; SIDE > 1 && e < count; ++e) {
    Vec g = splat(gradient[e]);
    const float* r = rows + (int64_t)offset[e] * SCALE;
#pragma GCC unroll 28
    for (int v = 0; v < VECTORS; ++v) part[0][v] += g * load(r + v * LANES);
  }
#pragma GCC unroll 28
  for (int v = 0; v < VECTORS; ++v) {
#pragma GCC unroll 4
    for (int s = 1; s < SIDE; ++s) part[0][v] += part[s][v];
    store(sum + v * LANES, load(sum + v * LANES) + part[0][v]);
  }
}

// [kernel row][chunk][output][lanes of the chunk]
inline void pack(const Plan& p, const float* weight, float* packed, int output) {
  int taps = p.kernel_h * p.kernel_w;
  const float* source = weight + (int64_t)output * p.channels * taps;
  for (int r = 0; r < p.kernel_h; ++r)
    for (int b = 0; b < p.chunks; ++b) {
      Part chunk(p.vectors, p.chunks, b);
      int lanes = chunk.size * LANES;
      float* target = packed + ((int64_t)r * p.vectors + chunk.begin) * LANES * p.outputs +
                      (int64_t)output * lanes;
      for (int e = 0; e < lanes; ++e) {
        int at = chunk.begin * LANES + e, column = at / p.channels, c = at % p.channels;
        target[e] = at < p.row ? source[c * taps + r * p.kernel_w + column] : 0.f;
      }
    }
}

// The gradient of the convolution's outputs at their maxima, and its sum, from that of the result.
template <int ACT>
void make_live(const Plan& p, const float* gradient, const float* result, const uint8_t* argmax,
               const Buffers::OneThread& own) {
  std::memset(own.image_db, 0, 4 * p.lanes_k);
  IntVec lane;
  for (int i = 0; i < LANES; ++i) lane[i] = i;
  for (int position = 0; position < p.pooled; ++position, argmax += argmax_stride(p))
    for (int v = 0; v < p.lanes_k; v += LANES) {
      int64_t at = (int64_t)position * p.lanes_k + v;
      Vec g = load(gradient + at);
      if constexpr (ACT == RELU)
        g = load_places(argmax + v) > 3 ? splat(0.f) : g;
      else if constexpr (ACT != IDENTITY)
        g = chain<ACT>(g, load(result + at));
      g = lane < splat_int(p.outputs - v) ? g : splat(0.f);  // whatever the memory held past them
      store(own.image_db + v, load(own.image_db + v) + g);
      store(own.gradient + at, g);
    }
  for (int o = 0; o < p.lanes_k; ++o) own.db[o] += own.image_db[o];
}

inline void add_dw(const Plan& p, const float* rows, const Buffers::OneThread& own) {
  for (int r = 0; r < p.kernel_h; ++r)
    for (int b = 0; b < p.chunks; ++b) {
      Part chunk(p.vectors, p.chunks, b);
      const float* source = rows + (int64_t)r * p.line() + chunk.begin * LANES;
      float* sums = own.dw + ((int64_t)r * p.vectors + chunk.begin) * LANES * p.outputs;
      with_count<MOST_CHUNK>(chunk.size, [&](auto size) {
        for (int o = 0; o < p.outputs; ++o)
          if (own.lists.count[o])
            add_rows<size.value, 1>(sums + (int64_t)o * size.value * LANES, source,
                                    own.lists.gradients_of(o), own.lists.places_of(o),
                                    own.lists.count[o]);
      });
    }
}

inline void add_dx(const Plan& p, int first, int last, const float* packed,
                   const Buffers::OneThread& own) {
  for (int r = 0; r < p.kernel_h; ++r)
    for (int b = 0; b < p.chunks; ++b) {
      Part chunk(p.vectors, p.chunks, b);
      const float* w = packed + ((int64_t)r * p.vectors + chunk.begin) * LANES * p.outputs;
      with_count<MOST_CHUNK>(chunk.size, [&](auto size) {
        const int32_t* start = own.lists.start;
        for (int i = first; i < last; ++i)
          for (int j = 0; j < p.pool_w; ++j)
            for (int k = 0; k < 4; ++k, ++start) {
              int h = 2 * i + k / 2 + r, w_at = 2 * j + k % 2, listed = start[1] - start[0];
              if (!listed || h < p.pad_h || h >= p.pad_h + p.height) continue;
              float* target = own.dpadded + (int64_t)h * p.line() + w_at * p.channels;
              add_rows<size.value, size.value * LANES>(target + chunk.begin * LANES, w,
                                                       own.lists.by_place + *start,
                                                       own.lists.place_output + *start, listed);
            }
      });
    }
}

inline void one_image(const Plan& p, const float* gradient, const float* x, const float* y,
                      const uint8_t* argmax, float* dx, const Buffers& shared,
                      const Buffers::OneThread& own) {
  if (!(p.y_last && p.lanes_k == p.outputs)) {
    read_pooled(p, gradient, own.gradient), gradient = own.gradient;
    if (max_forward::is_costly(p.activation)) read_pooled(p, y, own.result), y = own.result;
  }
  with_activation(p.activation, [&](auto activation) {
    make_live<activation.value>(p, gradient, y, argmax, own);
  });
  pad_rows(p, x, 0, p.padded_h, own.padded);
  if (p.quads) quads::add_dw(p, own.padded, own.gradient, argmax, own.quads, own.dw);
  if (dx) std::memset(own.dpadded, 0, 4 * p.image);
  for (int first = 0; p.wants_lists() && first < p.pool_h; first += p.band) {
    int last = std::min(first + p.band, p.pool_h);
    const int begin = first * p.pool_w, end = last * p.pool_w;
    if (!p.quads) {
      lists::make_by_output(p, own.lists, begin, end, own.gradient, argmax);
      add_dw(p, own.padded + 2ll * first * p.line(), own);
    }
    if (!dx) continue;
    lists::make_by_place(p, own.lists, begin, end, own.gradient, argmax);
    add_dx(p, first, last, shared.packed, own);
  }
  if (dx) unpad(p, own.dpadded, dx);
}

// The threads' sums, added in the threads' order, into PyTorch's layout.
inline void gather_output(const Plan& p, int output, int threads, float* dweight, float* dbias,
                          const Buffers& shared) {
  auto own = [&](int t) {
    Workspace space{shared.threads + shared.per_thread * t};
    return Buffers::OneThread(p, space);
  };
  int taps = p.kernel_h * p.kernel_w;
  float* target = dweight + (int64_t)output * p.channels * taps;
  std::memset(target, 0, 4ll * p.channels * taps);
  if (dbias) dbias[output] = 0.f;
  for (int t = 0; t < threads; ++t) {
    const Buffers::OneThread part = own(t);
    if (dbias) dbias[output] += part.db[output];
    if (p.quads) {
      for (int at = 0; at < taps * p.channels; ++at) target[at] += part.dw[at * p.lanes_k + output];
      continue;
    }
    for (int r = 0; r < p.kernel_h; ++r)
      for (int b = 0; b < p.chunks; ++b) {
        Part chunk(p.vectors, p.chunks, b);
        int lanes = chunk.size * LANES, begin = chunk.begin * LANES;
        const float* source = part.dw + ((int64_t)r * p.vectors * LANES + begin) * p.outputs +
                              (int64_t)output * lanes;
        for (int e = 0; e < std::min(lanes, p.row - begin); ++e) {
          int at = r * p.row + begin + e;  // (kernel row, kernel column, channel)
          target[at % p.channels * taps + at / p.channels] += source[e];
        }
      }
  }
}

inline void run(const Plan& p, const float* gradient, const float* x, const float* weight,
                const float* y, const uint8_t* argmax, float* dx, float* dweight, float* dbias,
                const Buffers& shared) {
  int64_t x_image = (int64_t)p.channels * p.height * p.width, y_image = (int64_t)p.pooled * p.outputs;
#pragma omp parallel num_threads(p.threads)
  {
    Workspace space{shared.threads + shared.per_thread * omp_get_thread_num()};
    Buffers::OneThread own(p, space);
    std::memset(own.dw, 0, 4 * p.dw_floats());
    std::memset(own.db, 0, 4 * p.lanes_k);
    std::memset(own.padded, 0, 4 * p.image);
    if (p.wants_dx) {
#pragma omp for schedule(static)
      for (int o = 0; o < p.outputs; ++o) pack(p, weight, shared.packed, o);
    }
#pragma omp for schedule(static)
    for (int n = 0; n < p.batch; ++n)
      one_image(p, gradient + n * y_image, x + n * x_image, y + n * y_image,
                argmax + (int64_t)n * p.pooled * argmax_stride(p),
                dx ? dx + n * x_image : nullptr, shared, own);
    int threads = omp_get_num_threads();
#pragma omp for schedule(static)
    for (int o = 0; o < p.outputs; ++o) gather_output(p, o, threads, dweight, dbias, shared);
  }
}

}  // namespace striate::max_backward
