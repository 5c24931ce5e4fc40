// Forward: for a block of output vectors, rows of the convolution in register tiles, pooled as
// soon as both rows of a window are there; the convolution's output lives in two rows of cache.
#pragma once
#include <omp.h>

#include "layer.hpp"
#include "places.hpp"

namespace striate::max_forward {

constexpr int MOST_VECTORS = REGISTERS == 32 ? 4 : 3;
// Pixels of a tile, by how many output vectors each has.
constexpr int most_pixels(int vectors) {
  constexpr int wide[] = {0, 14, 12, 8, 6}, narrow[] = {0, 10, 6, 4};
  return REGISTERS == 32 ? wide[vectors] : narrow[vectors];
}

inline int argmax_stride(const Layer& l) { return round_up(l.outputs, 16); }

struct Buffers {
  float *packed, *bias, *threads;
  int64_t per_thread;
  Buffers(const Layer& l, Workspace& space) {
    packed = space.take((int64_t)l.kernel_h * l.row * l.lanes_k);
    bias = space.take(l.lanes_k);
    Workspace one{nullptr};
    OneThread(l, one);
    per_thread = one.used;
    threads = space.take(per_thread * l.threads);
  }
  struct OneThread {
    float *padded, *rows, *image;
    OneThread(const Layer& l, Workspace& space) {
      padded = space.take(l.image);
      rows = space.take(4ll * l.pool_w * MOST_VECTORS * LANES);
      image = space.take((int64_t)l.pooled * l.lanes_k);
    }
  };
};

// [block of vectors][kernel row][kernel column, channel][lanes of the block]
inline void pack(const Layer& l, const float* weight, float* packed, Part vectors) {
  int lanes = vectors.size * LANES, taps = l.kernel_h * l.kernel_w;
  float* target = packed + (int64_t)l.kernel_h * l.row * vectors.begin * LANES;
  for (int o = 0; o < lanes; ++o) {
    int output = vectors.begin * LANES + o;
    const float* source = weight + (int64_t)output * l.channels * taps;
    for (int t = 0; t < taps; ++t)
      for (int c = 0; c < l.channels; ++c)
        target[((int64_t)t * l.channels + c) * lanes + o] =
            output < l.outputs ? source[c * taps + t] : 0.f;
  }
}

// sum[p][v] += value(p) * weights[v]: VECTORS vectors of weights, held, and a number for each pixel.
template <int PIXELS, int VECTORS, typename Value>
INLINE void add_products(const float* w, Value value, Vec (&sum)[PIXELS][VECTORS]) {
  Vec weights[VECTORS];
#pragma GCC unroll 4
  for (int v = 0; v < VECTORS; ++v) weights[v] = load(w + v * LANES), keep(weights[v]);
#pragma GCC unroll 32
  for (int p = 0; p < PIXELS; ++p) {
    Vec factor = splat(value(p));
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; ++v) sum[p][v] += factor * weights[v];
  }
}

// One kernel row: its products are added up before they join `out` (a long sum in parts loses
// fewer bits).
template <int PIXELS, int VECTORS>
INLINE void add_kernel_row(const float* x, int pixel, int row, const float* w, float* out) {
  Vec sum[PIXELS][VECTORS] = {};
  for (int k = 0; k < row; ++k, w += VECTORS * LANES)
    add_products(w, [&](int p) INLINE_LAMBDA { return x[p * pixel + k]; }, sum);
#pragma GCC unroll 16
  for (int p = 0; p < PIXELS; ++p)
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; ++v) {
      float* total = out + (p * VECTORS + v) * LANES;
      store(total, load(total) + sum[p][v]);
    }
}

constexpr int FEW = 32;  // products too few to be worth a sum of their own

template <int PIXELS, int VECTORS>
INLINE void tile(const float* x, int pixel, int line, int rows, int row, const float* w,
                 const float* bias, float* out) {
  Vec sum[PIXELS][VECTORS];
#pragma GCC unroll 16
  for (int p = 0; p < PIXELS; ++p)
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; ++v) sum[p][v] = load(bias + v * LANES);
  if (row <= FEW) {
    for (int r = 0; r < rows; ++r, x += line)
      for (int k = 0; k < row; ++k, w += VECTORS * LANES)
        add_products(w, [&](int p) INLINE_LAMBDA { return x[p * pixel + k]; }, sum);
    rows = 0;
  }
#pragma GCC unroll 16
  for (int p = 0; p < PIXELS; ++p)
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; ++v) store(out + (p * VECTORS + v) * LANES, sum[p][v]);
  for (int r = 0; r < rows; ++r)
    add_kernel_row<PIXELS, VECTORS>(x + r * line, pixel, row, w + r * row * VECTORS * LANES, out);
}

// The later candidate wins when it is greater or NaN: PyTorch's rule, so the first maximum stays.
INLINE void contend(Vec& best, IntVec& place, Vec candidate, int32_t index) {
  IntVec wins = (candidate > best) | (candidate != candidate);
  best = wins ? candidate : best;
  place = wins ? splat_int(index) : place;
}

// A costly activation is left for `write_out`, where no lanes are idle and none waits for another:
// before it, ACT is RELU or IDENTITY.
constexpr bool is_costly(int activation) { return activation == TANH || activation == SIGMOID; }

// The four outputs of a window, in reading order.
template <int ACT>
INLINE void pool(Vec first, Vec second, Vec third, Vec fourth, Vec bias, float* y,
                 uint8_t* argmax) {
  IntVec place = {};
  contend(first, place, second, 1);
  contend(first, place, third, 2);
  contend(first, place, fourth, 3);
  Vec result = activate<ACT>(first + bias);
  store(y, result);
  if (!argmax) return;
  if constexpr (ACT == RELU) place = result <= splat(0.f) ? splat_int(4) : place;  // dead: no gradient
  store_places(argmax, place);
}

// One row of the convolution, for one block of vectors.
template <int VECTORS>
void convolve_row(const Layer& l, const float* padded, int h, const float* w, const float* bias,
                  float* out) {
  int first = std::max(0, l.pad_h - h), last = std::min(l.kernel_h, l.height + l.pad_h - h);
  int rows = std::max(0, last - first), columns = 2 * l.pool_w;
  const float* x = padded + (int64_t)(h + first) * l.line();
  w += (int64_t)first * l.row * VECTORS * LANES;
  constexpr int MOST = most_pixels(VECTORS);
  int tiles = parts_of(columns, MOST);
  for (int t = 0; t < tiles; ++t) {
    Part pixels(columns, tiles, t);
    with_count<MOST>(pixels.size, [&](auto count) INLINE_LAMBDA {
      tile<count.value, VECTORS>(x + pixels.begin * l.channels, l.channels, l.line(), rows, l.row,
                                 w, bias, out + pixels.begin * VECTORS * LANES);
    });
  }
}

// Some windows at once, their four outputs and the maximum all in registers: for kernels of so few
// products that a sum needs no parts.
template <int ACT, int WINDOWS, int VECTORS>
INLINE void windows(const Layer& l, const float* x, int rows, const float* w, const float* bias,
                    float* y, uint8_t* argmax) {
  const int pixel = l.channels, line = l.line();
  Vec sum[4 * WINDOWS][VECTORS] = {};
  for (int r = 0; r < rows; ++r, x += line)
    for (int k = 0; k < l.row; ++k, w += VECTORS * LANES)
      add_products(w, [&](int p) INLINE_LAMBDA {
        return x[(p / 4 * 2 + p % 2) * pixel + p / 2 % 2 * line + k];
      }, sum);
#pragma GCC unroll 8
  for (int i = 0; i < WINDOWS; ++i)
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; ++v)
      pool<ACT>(sum[4 * i][v], sum[4 * i + 1][v], sum[4 * i + 2][v], sum[4 * i + 3][v],
                load(bias + v * LANES), y + (int64_t)i * l.lanes_k + v * LANES,
                argmax ? argmax + (int64_t)i * argmax_stride(l) + v * LANES : nullptr);
}

// None where too few sums would wait for one another.
constexpr int most_windows(int vectors) {
  constexpr int wide[] = {0, 6, 3, 2, 1}, narrow[] = {0, 3, 0, 1};
  return REGISTERS == 32 ? wide[vectors] : narrow[vectors];
}

template <int ACT, int VECTORS>
void row_of_windows(const Layer& l, const float* padded, int i, const float* w, const float* bias,
                    float* y, uint8_t* argmax) {
  const int first = std::max(0, l.pad_h - 2 * i - 1);
  const int rows = std::max(0, std::min(l.kernel_h, l.height + l.pad_h - 2 * i) - first);
  const float* x = padded + (int64_t)(2 * i + first) * l.line();
  w += (int64_t)first * l.row * VECTORS * LANES;
  constexpr int MOST = most_windows(VECTORS);
  const int tiles = parts_of(l.pool_w, MOST);
  for (int t = 0; t < tiles; ++t) {
    Part part(l.pool_w, tiles, t);
    with_count<MOST>(part.size, [&](auto count) INLINE_LAMBDA {
      windows<ACT, count.value, VECTORS>(
          l, x + 2 * part.begin * l.channels, rows, w, bias, y + (int64_t)part.begin * l.lanes_k,
          argmax ? argmax + (int64_t)part.begin * argmax_stride(l) : nullptr);
    });
  }
}

template <int ACT, int VECTORS>
void block_rows(const Layer& l, const float* padded, int first, int last, int vector,
                const Buffers& shared, const Buffers::OneThread& own, float* image,
                uint8_t* argmax) {
  constexpr int wide = VECTORS * LANES;
  const float* w = shared.packed + (int64_t)l.kernel_h * l.row * vector * LANES;
  const float* bias = shared.bias + vector * LANES;
  float *upper = own.rows, *lower = own.rows + 2 * l.pool_w * wide;
  for (int i = first; i < last; ++i) {
    if constexpr (most_windows(VECTORS) > 0)
      if (l.row <= FEW) {
        const int64_t position = (int64_t)i * l.pool_w;
        row_of_windows<ACT, VECTORS>(
            l, padded, i, w, bias, image + position * l.lanes_k + vector * LANES,
            argmax ? argmax + position * argmax_stride(l) + vector * LANES : nullptr);
        continue;
      }
    convolve_row<VECTORS>(l, padded, 2 * i, w, bias, upper);
    convolve_row<VECTORS>(l, padded, 2 * i + 1, w, bias, lower);
    for (int j = 0; j < l.pool_w; ++j) {
      int64_t position = (int64_t)i * l.pool_w + j;
      float* y = image + position * l.lanes_k + vector * LANES;
      uint8_t* places = argmax ? argmax + position * argmax_stride(l) + vector * LANES : nullptr;
      for (int v = 0; v < VECTORS; ++v) {
        const float *a = upper + 2 * j * wide + v * LANES, *b = lower + 2 * j * wide + v * LANES;
        pool<ACT>(load(a), load(a + wide), load(b), load(b + wide), Vec{}, y + v * LANES,
                  places ? places + v * LANES : nullptr);
      }
    }
  }
}

inline void activate_values(int activation, float* values, int64_t count) {
  if (!is_costly(activation)) return;
  with_activation(activation, [&](auto kind) {
    for (; count >= LANES; count -= LANES, values += LANES)
      store(values, activate<kind.value>(load(values)));
    Vec last = {};
    std::memcpy(&last, values, 4 * count);
    last = activate<kind.value>(last);
    std::memcpy(values, &last, 4 * count);
  });
}

// Pooled rows [first, last) of `image`, activated, to their place in `y`, if that is another; and
// the bytes of `argmax` that no vector reaches.
inline void write_out(const Layer& l, float* image, int first, int last, float* y,
                      uint8_t* argmax) {
  const int64_t begin = (int64_t)first * l.pool_w, count = (int64_t)(last - first) * l.pool_w;
  const int rest = argmax_stride(l) - l.lanes_k;
  for (int64_t p = begin; argmax && rest && p < begin + count; ++p)
    std::memset(argmax + p * argmax_stride(l) + l.lanes_k, 0, rest);
  if (!l.y_last) activate_values(l.activation, image + begin * l.lanes_k, count * l.lanes_k);
  if (image != y) write_pooled(l, image, first, last, y);
  if (l.y_last) activate_values(l.activation, y + begin * l.outputs, count * l.outputs);
}

// Few images: each is cut into bands of pooled rows, so that every thread has work.
inline int bands_of(const Layer& l) {
  return l.batch >= 4 * l.threads ? 1 : std::min(l.pool_h, parts_of(2 * l.threads, l.batch));
}

// Pooled rows [first, last) of one image.
template <int ACT>
void rows_of_image(const Layer& l, const float* x, int first, int last, float* y, uint8_t* argmax,
                   const Buffers& shared, const Buffers::OneThread& own) {
  pad_rows(l, x, 2 * first, 2 * last + l.kernel_h - 1, own.padded);
  bool direct = l.y_last && l.lanes_k == l.outputs;
  float* image = direct ? y : own.image;
  int vectors = l.lanes_k / LANES, blocks = parts_of(vectors, MOST_VECTORS);
  for (int b = 0; b < blocks; ++b) {
    Part part(vectors, blocks, b);
    with_count<MOST_VECTORS>(part.size, [&](auto count) {
      block_rows<ACT, count.value>(l, own.padded, first, last, part.begin, shared, own, image,
                                   argmax);
    });
  }
  write_out(l, image, first, last, y, argmax);
}

template <int ACT>
void run(const Layer& l, const float* x, const float* weight, const float* bias, float* y,
         uint8_t* argmax, const Buffers& shared) {
  int vectors = l.lanes_k / LANES, blocks = parts_of(vectors, MOST_VECTORS);
  int bands = bands_of(l);
  int64_t x_image = (int64_t)l.channels * l.height * l.width;
#pragma omp parallel num_threads(l.threads)
  {
    Workspace space{shared.threads + shared.per_thread * omp_get_thread_num()};
    Buffers::OneThread own(l, space);
    std::memset(own.padded, 0, 4 * l.image);
#pragma omp for schedule(static) nowait
    for (int b = 0; b < blocks; ++b) pack(l, weight, shared.packed, Part(vectors, blocks, b));
#pragma omp single
    for (int o = 0; o < l.lanes_k; ++o) shared.bias[o] = bias && o < l.outputs ? bias[o] : 0.f;
#pragma omp for schedule(static)
    for (int item = 0; item < l.batch * bands; ++item) {
      int n = item / bands;
      Part band(l.pool_h, bands, item % bands);
      rows_of_image<ACT>(l, x + n * x_image, band.begin, band.begin + band.size,
                         y + (int64_t)n * l.pooled * l.outputs,
                         argmax ? argmax + (int64_t)n * l.pooled * argmax_stride(l) : nullptr,
                         shared, own);
    }
  }
}

}  // namespace striate::max_forward
