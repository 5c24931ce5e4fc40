// Forward with a max-pool by Winograd's tiles of 2x2 outputs, exactly one pooling window.
#pragma once
#include <omp.h>

#include "layer.hpp"
#include "max_forward.hpp"
#include "transforms.hpp"

namespace striate::max_tiles {

using max_forward::add_products;
using max_forward::argmax_stride;
using max_forward::bands_of;
using max_forward::most_pixels;
using max_forward::MOST_VECTORS;

constexpr int FLOATS_OF_DATA = 96 * 1024;  // transformed data kept in the second cache

struct Buffers {
  float *packed, *bias, *threads;
  int64_t per_thread;
  Buffers(const Layer& l, Workspace& space) {
    int points = (l.kernel_h + 1) * (l.kernel_h + 1);
    packed = space.take((int64_t)points * l.channels * l.lanes_k);
    bias = space.take(l.lanes_k);
    Workspace one{nullptr};
    OneThread(l, one);
    per_thread = one.used;
    threads = space.take(per_thread * l.threads);
  }
  struct OneThread {
    float *padded, *data, *products, *image;
    OneThread(const Layer& l, Workspace& space) {
      int points = (l.kernel_h + 1) * (l.kernel_h + 1);
      padded = space.take(l.image);
      data = space.take((int64_t)points * rows_together(l) * l.pool_w * lanes_c(l));
      products = space.take((int64_t)points * 16 * LANES * MOST_VECTORS);
      image = space.take((int64_t)l.pooled * l.lanes_k);
    }
  };
  static int lanes_c(const Layer& l) { return round_up(l.channels, LANES); }
  static int rows_together(const Layer& l) {
    int points = (l.kernel_h + 1) * (l.kernel_h + 1);
    int rows = FLOATS_OF_DATA / (points * l.pool_w * lanes_c(l));
    return std::min(l.pool_h, std::max(1, rows));
  }
};

// [block of vectors][point][channel][lanes of the block]
template <int KERNEL>
void pack(const Layer& l, const float* weight, float* packed, Part vectors) {
  constexpr int SIDE = KERNEL + 1;
  const int lanes = vectors.size * LANES;
  packed += (int64_t)SIDE * SIDE * l.channels * vectors.begin * LANES;
  for (int v = 0; v < vectors.size; ++v)
    for (int c = 0; c < l.channels; ++c) {
      alignas(64) float taps[KERNEL * KERNEL][LANES] = {};
      for (int o = 0; o < LANES; ++o) {
        int output = (vectors.begin + v) * LANES + o;
        if (output >= l.outputs) break;
        const float* source = weight + ((int64_t)output * l.channels + c) * KERNEL * KERNEL;
        for (int t = 0; t < KERNEL * KERNEL; ++t) taps[t][o] = source[t];
      }
      Vec kernel[KERNEL * KERNEL], half[SIDE * KERNEL], whole[SIDE * SIDE];
      for (int t = 0; t < KERNEL * KERNEL; ++t) kernel[t] = load(taps[t]);
      for (int k = 0; k < KERNEL; ++k) Transform<KERNEL>::kernel(kernel + k, half + k, KERNEL, KERNEL);
      for (int r = 0; r < SIDE; ++r)
        Transform<KERNEL>::kernel(half + r * KERNEL, whole + r * SIDE, 1, 1);
      for (int point = 0; point < SIDE * SIDE; ++point)
        store(packed + ((int64_t)point * l.channels + c) * lanes + v * LANES, whole[point]);
    }
}

// data: [point][tile][channels rounded up to lanes]
template <int KERNEL>
void transform_data(const Layer& l, const float* padded, int first, int last, float* data) {
  constexpr int SIDE = KERNEL + 1;
  const int wide = Buffers::lanes_c(l);
  const int64_t next = (int64_t)(last - first) * l.pool_w * wide;
  for (int i = first; i < last; ++i)
    for (int j = 0; j < l.pool_w; ++j)
      for (int c = 0; c < wide; c += LANES) {
        const float* x = padded + (int64_t)2 * i * l.line() + 2 * j * l.channels + c;
        float* target = data + ((int64_t)(i - first) * l.pool_w + j) * wide + c;
        Vec half[SIDE * SIDE];
#pragma GCC unroll 6
        for (int w = 0; w < SIDE; ++w) {
          Vec column[SIDE], done[SIDE];
#pragma GCC unroll 6
          for (int h = 0; h < SIDE; ++h) column[h] = load(x + h * l.line() + w * l.channels);
          Transform<KERNEL>::data(column, done, 1);
#pragma GCC unroll 6
          for (int h = 0; h < SIDE; ++h) half[h * SIDE + w] = done[h];
        }
#pragma GCC unroll 6
        for (int h = 0; h < SIDE; ++h) {
          Vec done[SIDE];
          Transform<KERNEL>::data(half + h * SIDE, done, 1);
#pragma GCC unroll 6
          for (int w = 0; w < SIDE; ++w) store(target + (h * SIDE + w) * next, done[w]);
        }
      }
}

// All points of some tiles for a block of outputs: products[point][tile][vector].
template <int SIDE, int TILES, int VECTORS>
INLINE void multiply(const float* data, int64_t next, int wide, int channels, const float* w,
                     float* products) {
  for (int point = 0; point < SIDE * SIDE; ++point, data += next) {
    Vec sum[TILES][VECTORS] = {};
    for (int c = 0; c < channels; ++c, w += VECTORS * LANES)
      add_products(w, [&](int t) INLINE_LAMBDA { return data[t * wide + c]; }, sum);
#pragma GCC unroll 16
    for (int t = 0; t < TILES; ++t)
#pragma GCC unroll 4
      for (int v = 0; v < VECTORS; ++v, products += LANES) store(products, sum[t][v]);
  }
}

template <int SIDE, int VECTORS>
__attribute__((noinline)) void multiply_some(int tiles, const float* data, int64_t next, int wide,
                                             int channels, const float* w, float* products) {
  with_count<most_pixels(VECTORS)>(tiles, [&](auto count) {
    multiply<SIDE, count.value, VECTORS>(data, next, wide, channels, w, products);
  });
}

// Back from the products of one tile, a vector of outputs, to its window, pooled.
template <int ACT, int KERNEL>
INLINE void finish(const float* products, int64_t next, Vec bias, float* y, uint8_t* argmax) {
  constexpr int SIDE = KERNEL + 1;
  Vec half[2 * SIDE], window[4];
#pragma GCC unroll 6
  for (int w = 0; w < SIDE; ++w) {
    Vec column[SIDE];
#pragma GCC unroll 6
    for (int h = 0; h < SIDE; ++h) column[h] = load(products + (h * SIDE + w) * next);
    Transform<KERNEL>::result(column, half + w, 1, SIDE);
  }
  Transform<KERNEL>::result(half, window, 1, 1);
  Transform<KERNEL>::result(half + SIDE, window + 2, 1, 1);
  max_forward::pool<ACT>(window[0], window[1], window[2], window[3], bias, y, argmax);
}

template <int ACT, int KERNEL, int VECTORS>
void block(const Layer& l, int first, int last, int vector, const Buffers& shared,
           const Buffers::OneThread& own, float* image, uint8_t* argmax) {
  constexpr int SIDE = KERNEL + 1, MOST = most_pixels(VECTORS);
  const int all = (last - first) * l.pool_w, groups = parts_of(all, MOST);
  const int wide = Buffers::lanes_c(l);
  const float* w = shared.packed + (int64_t)SIDE * SIDE * l.channels * vector * LANES;
  for (int g = 0; g < groups; ++g) {
    Part tiles(all, groups, g);
    multiply_some<SIDE, VECTORS>(tiles.size, own.data + (int64_t)tiles.begin * wide,
                                 (int64_t)all * wide, wide, l.channels, w, own.products);
    for (int t = 0; t < tiles.size; ++t)
      for (int v = 0; v < VECTORS; ++v) {
        int64_t position = (int64_t)first * l.pool_w + tiles.begin + t;
        int channel = (vector + v) * LANES;
        finish<ACT, KERNEL>(own.products + (t * VECTORS + v) * LANES,
                            (int64_t)tiles.size * VECTORS * LANES, load(shared.bias + channel),
                            image + position * l.lanes_k + channel,
                            argmax ? argmax + position * argmax_stride(l) + channel : nullptr);
      }
  }
}

template <int ACT, int KERNEL>
void rows_of_image(const Layer& l, const float* x, Part band, float* y, uint8_t* argmax,
                   const Buffers& shared, const Buffers::OneThread& own) {
  const int end = band.begin + band.size;
  pad_rows(l, x, 2 * band.begin, 2 * end + KERNEL - 1, own.padded);
  const bool direct = l.y_last && l.lanes_k == l.outputs;
  float* image = direct ? y : own.image;
  const int vectors = l.lanes_k / LANES, blocks = parts_of(vectors, MOST_VECTORS);
  const int step = Buffers::rows_together(l);
  for (int first = band.begin; first < end; first += step) {
    int last = std::min(first + step, end);
    transform_data<KERNEL>(l, own.padded, first, last, own.data);
    for (int b = 0; b < blocks; ++b) {
      Part part(vectors, blocks, b);
      with_count<MOST_VECTORS>(part.size, [&](auto count) {
        block<ACT, KERNEL, count.value>(l, first, last, part.begin, shared, own, image, argmax);
      });
    }
  }
  max_forward::write_out(l, image, band.begin, end, y, argmax);
}

template <int ACT, int KERNEL>
void run(const Layer& l, const float* x, const float* weight, const float* bias, float* y,
         uint8_t* argmax, const Buffers& shared) {
  const int vectors = l.lanes_k / LANES, blocks = parts_of(vectors, MOST_VECTORS);
  const int bands = bands_of(l);
  const int64_t x_image = (int64_t)l.channels * l.height * l.width;
#pragma omp parallel num_threads(l.threads)
  {
    Workspace space{shared.threads + shared.per_thread * omp_get_thread_num()};
    Buffers::OneThread own(l, space);
    std::memset(own.padded, 0, 4 * l.image);
#pragma omp for schedule(static) nowait
    for (int b = 0; b < blocks; ++b) pack<KERNEL>(l, weight, shared.packed, Part(vectors, blocks, b));
#pragma omp single
    for (int o = 0; o < l.lanes_k; ++o) shared.bias[o] = bias && o < l.outputs ? bias[o] : 0.f;
#pragma omp for schedule(static)
    for (int item = 0; item < l.batch * bands; ++item) {
      int n = item / bands;
      rows_of_image<ACT, KERNEL>(l, x + n * x_image, Part(l.pool_h, bands, item % bands),
                                 y + (int64_t)n * l.pooled * l.outputs,
                                 argmax ? argmax + (int64_t)n * l.pooled * argmax_stride(l) : nullptr,
                                 shared, own);
    }
  }
}

}  // namespace striate::max_tiles
