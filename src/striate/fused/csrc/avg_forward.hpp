// Forward with an average pool: two rows of the convolution, then activation and the means of
// their windows.
#pragma once
#include <omp.h>

#include "lanes.hpp"
#include "layer.hpp"

namespace striate::avg_forward {

using lanes::Convolution;
using lanes::Group;

inline Convolution convolution(const Layer& l) {
  return {l.channels, l.outputs, l.kernel_h,   l.kernel_w, l.padded_w, l.padded_h * l.padded_w,
          l.pad_h,    l.height,  2 * l.pool_w, l.pad_w,    l.width};
}

// Vectors that `kept` has for a group of images.
inline int64_t kept_vectors(const Layer& l) { return 4ll * l.outputs * l.pooled; }

inline int groups(const Layer& l) { return parts_of(l.batch, LANES); }

// Where element e of an image, in x's own layout, goes in padded lanes.
inline void place_x(const Layer& l, int32_t* place) {
  for (int c = 0; c < l.channels; ++c)
    for (int h = 0; h < l.height; ++h)
      for (int w = 0; w < l.width; ++w)
        place[l.x_last ? (h * l.width + w) * l.channels + c : (c * l.height + h) * l.width + w] =
            (c * l.padded_h + h + l.pad_h) * l.padded_w + w + l.pad_w;
}

inline void place_y(const Layer& l, int32_t* place) {
  for (int o = 0; o < l.outputs; ++o)
    for (int p = 0; p < l.pooled; ++p)
      place[l.y_last ? p * l.outputs + o : o * l.pooled + p] = o * l.pooled + p;
}

struct Buffers {
  float *packed, *threads;
  int32_t *x_place, *y_place;
  int64_t per_thread;
  Buffers(const Layer& l, Workspace& space) {
    packed = space.take((int64_t)l.kernel_h * l.row * l.outputs);
    x_place = reinterpret_cast<int32_t*>(space.take((int64_t)l.channels * l.height * l.width));
    y_place = reinterpret_cast<int32_t*>(space.take((int64_t)l.outputs * l.pooled));
    Workspace one{nullptr};
    OneThread(l, one);
    per_thread = one.used;
    threads = space.take(per_thread * l.threads);
  }
  struct OneThread {
    float *padded, *rows, *pooled;
    OneThread(const Layer& l, Workspace& space) {
      // a tile reads a few columns past a row's end only where the next row follows
      padded = space.take(((int64_t)l.channels * l.padded_h * l.padded_w + 1) * LANES);
      rows = space.take(4ll * l.outputs * l.pool_w * LANES);
      pooled = space.take((int64_t)l.outputs * l.pooled * LANES);
    }
  };
};

// The mean of a window whose rows begin at `a` and `b`, activated in place: not on the way out of
// the registers, where every shape of a tile would carry its own copy of the activation.
template <int ACT> INLINE Vec mean_of_active(float* a, float* b) {
  Vec window[] = {load(a), load(a + LANES), load(b), load(b + LANES)};
  activate_all<ACT>(window);
  store(a, window[0]), store(a + LANES, window[1]);
  store(b, window[2]), store(b + LANES, window[3]);
  return ((window[0] + window[1]) + (window[2] + window[3])) * splat(.25f);
}

inline void convolve_rows(const Layer& l, int pooled_row, const float* bias, float* rows,
                          int64_t map, const Buffers& shared, const Buffers::OneThread& own) {
  const Convolution v = convolution(l);
  for (int r = 0; r < 2; ++r)
    for (int b = 0; b < parts_of(l.outputs, lanes::MOST_OUTPUTS); ++b)
      lanes::convolve_row(v, own.padded, shared.packed, bias, 2 * pooled_row + r, b,
                          [map, to = rows + r * v.columns * LANES](int o, int w, Vec value)
                              INLINE_LAMBDA { store(to + o * map + w * LANES, value); });
}

// convolve(i, rows, map) writes the rows of the convolution under row i of the pool.
template <int ACT, typename Shared, typename Own, typename Convolve>
void one_group(const Layer& l, const Group& group, const float* x, float* y, float* kept,
               const Shared& shared, const Own& own, Convolve convolve) {
  lanes::to_lanes(group, x, l.channels * l.height * l.width, shared.x_place, own.padded);
  const int columns = 2 * l.pool_w;
  // without `kept` a pair of rows is overwritten by the next
  const int64_t map = kept ? 4ll * l.pooled * LANES : 2ll * columns * LANES;
  for (int i = 0; i < l.pool_h; ++i) {
    float* rows = kept ? kept + 2ll * i * columns * LANES : own.rows;
    convolve(i, rows, map);
    for (int o = 0; o < l.outputs; ++o)
      for (int j = 0; j < l.pool_w; ++j) {
        float* a = rows + o * map + 2 * j * LANES;
        store(own.pooled + ((int64_t)o * l.pooled + i * l.pool_w + j) * LANES,
              mean_of_active<ACT>(a, a + columns * LANES));
      }
  }
  lanes::from_lanes(group, own.pooled, l.outputs * l.pooled, shared.y_place, y);
}

template <int ACT>
void run(const Layer& l, const float* x, const float* weight, const float* bias, float* y,
         float* kept, const Buffers& shared) {
  const int taps = l.kernel_h * l.kernel_w;
#pragma omp parallel num_threads(l.threads)
  {
    Workspace space{shared.threads + shared.per_thread * omp_get_thread_num()};
    Buffers::OneThread own(l, space);
    std::memset(own.padded, 0, 4ll * l.channels * l.padded_h * l.padded_w * LANES);
#pragma omp single
    {
      place_x(l, shared.x_place), place_y(l, shared.y_place);
      lanes::pack(convolution(l), shared.packed, [&](int o, int c, int r, int k) {
        return weight[((int64_t)o * l.channels + c) * taps + r * l.kernel_w + k];
      });
    }
#pragma omp for schedule(static)
    for (int g = 0; g < groups(l); ++g)
      one_group<ACT>(l, Group(l, g), x, y, kept ? kept + g * kept_vectors(l) * LANES : nullptr,
                     shared, own, [&](int i, float* rows, int64_t map) {
                       convolve_rows(l, i, bias, rows, map, shared, own);
                     });
  }
}

}  // namespace striate::avg_forward
