// Forward with an average pool by Winograd's tiles of 2x2 outputs, exactly one pooling window, in
// batch-lane layout: every transform is arithmetic on whole vectors.
#pragma once
#include "avg_forward.hpp"
#include "transforms.hpp"

namespace striate::avg_tiles {

using avg_forward::groups;
using avg_forward::kept_vectors;
using lanes::Group;

// Tiles next to each other times outputs, in registers.
constexpr int MOST_TILES = 6, MOST_OUTPUTS = REGISTERS == 32 ? 4 : 2;

inline int points(const Layer& l) { return (l.kernel_h + 1) * (l.kernel_h + 1); }

struct Buffers {
  float *packed, *threads;
  int32_t *x_place, *y_place;
  int64_t per_thread;
  Buffers(const Layer& l, Workspace& space) {
    packed = space.take((int64_t)points(l) * l.channels * l.outputs);
    x_place = reinterpret_cast<int32_t*>(space.take((int64_t)l.channels * l.height * l.width));
    y_place = reinterpret_cast<int32_t*>(space.take((int64_t)l.outputs * l.pooled));
    Workspace one{nullptr};
    OneThread(l, one);
    per_thread = one.used;
    threads = space.take(per_thread * l.threads);
  }
  struct OneThread {
    float *padded, *data, *rows, *pooled;
    OneThread(const Layer& l, Workspace& space) {
      padded = space.take((int64_t)l.channels * l.padded_h * l.padded_w * LANES);
      data = space.take((int64_t)points(l) * l.channels * MOST_TILES * LANES);
      rows = space.take(4ll * l.outputs * l.pool_w * LANES);
      pooled = space.take((int64_t)l.outputs * l.pooled * LANES);
    }
  };
};

// Where the transformed kernel of one output and channel goes: its first point, floats to the next.
struct Packed {
  float* to;
  int next;
};

// The transformed kernels from pair `first` of [output][channel] on, up to LANES, to place(pair).
template <int KERNEL, typename Place>
void pack(const Layer& l, const float* weight, int first, Place place) {
  constexpr int SIDE = KERNEL + 1, TAPS = KERNEL * KERNEL;
  const int count = std::min(LANES, l.outputs * l.channels - first);
  alignas(64) float taps[TAPS][LANES] = {}, values[SIDE * SIDE][LANES];
  for (int i = 0; i < count; ++i)
    for (int t = 0; t < TAPS; ++t) taps[t][i] = weight[((int64_t)first + i) * TAPS + t];
  Vec kernel[TAPS], half[SIDE * KERNEL], whole[SIDE * SIDE];
  for (int t = 0; t < TAPS; ++t) kernel[t] = load(taps[t]);
  using T = Transform<KERNEL>;
  for (int k = 0; k < KERNEL; ++k) T::kernel(kernel + k, half + k, KERNEL, KERNEL);
  for (int r = 0; r < SIDE; ++r) T::kernel(half + r * KERNEL, whole + r * SIDE, 1, 1);
  for (int point = 0; point < SIDE * SIDE; ++point) store(values[point], whole[point]);
  for (int i = 0; i < count; ++i) {
    Packed packed = place(first + i);
    for (int point = 0; point < SIDE * SIDE; ++point, packed.to += packed.next)
      *packed.to = values[point][i];
  }
}

// Which of the even blocks of `total`, each `most` at most, has `index`.
inline Part block_of(int total, int most, int index) {
  const int blocks = parts_of(total, most), small = total / blocks, larger = total % blocks;
  const int end = larger * (small + 1);  // of the larger blocks, which come first
  return {total, blocks, index < end ? index / (small + 1) : larger + (index - end) / small};
}

// [block of outputs][point][channel][outputs of the block]
template <int KERNEL>
void pack_forward(const Layer& l, const float* weight, int first, float* packed) {
  pack<KERNEL>(l, weight, first, [&](int pair) -> Packed {
    const int o = pair / l.channels, c = pair % l.channels;
    const Part block = block_of(l.outputs, MOST_OUTPUTS, o);
    float* to = packed + (int64_t)points(l) * l.channels * block.begin;
    return {to + c * block.size + o - block.begin, l.channels * block.size};
  });
}

// Some tiles of a row: [point][channel][tile].
template <int KERNEL>
void transform_data(const Layer& l, const float* x, int tiles, float* data) {
  constexpr int SIDE = KERNEL + 1, MOST_WIDE = 2 * MOST_TILES + KERNEL - 1;
  const int wide = 2 * tiles + KERNEL - 1;
  const int64_t next = (int64_t)l.channels * tiles * LANES;
  for (int c = 0; c < l.channels; ++c, x += (int64_t)l.padded_h * l.padded_w * LANES) {
    Vec half[SIDE * MOST_WIDE];
    for (int w = 0; w < wide; ++w) {
      Vec column[SIDE], done[SIDE];
#pragma GCC unroll 6
      for (int h = 0; h < SIDE; ++h) column[h] = load(x + ((int64_t)h * l.padded_w + w) * LANES);
      Transform<KERNEL>::data(column, done, 1);
#pragma GCC unroll 6
      for (int h = 0; h < SIDE; ++h) half[h * MOST_WIDE + w] = done[h];
    }
    for (int h = 0; h < SIDE; ++h)
      for (int t = 0; t < tiles; ++t) {
        Vec done[SIDE];
        Transform<KERNEL>::data(half + h * MOST_WIDE + 2 * t, done, 1);
        float* target = data + h * SIDE * next + (c * tiles + t) * LANES;
#pragma GCC unroll 6
        for (int w = 0; w < SIDE; ++w) store(target + w * next, done[w]);
      }
  }
}

// One point of some tiles and outputs.
template <int TILES, int OUTPUTS>
INLINE void multiply(const float* data, const float* w, int channels, Vec* products) {
  Vec sum[OUTPUTS][TILES] = {};
  for (int c = 0; c < channels; ++c, data += TILES * LANES, w += OUTPUTS) {
    Vec factors[OUTPUTS];
#pragma GCC unroll 8
    for (int o = 0; o < OUTPUTS; ++o) factors[o] = splat(w[o]);
#pragma GCC unroll 8
    for (int t = 0; t < TILES; ++t) {
      Vec value = load(data + t * LANES);
      keep(value);
#pragma GCC unroll 8
      for (int o = 0; o < OUTPUTS; ++o) sum[o][t] += factors[o] * value;
    }
  }
#pragma GCC unroll 8
  for (int o = 0; o < OUTPUTS; ++o)
#pragma GCC unroll 8
    for (int t = 0; t < TILES; ++t) products[o * TILES + t] = sum[o][t];
}

// Two rows of the convolution where some tiles lie, for a block of outputs.
template <int KERNEL, int TILES, int OUTPUTS>
__attribute__((noinline)) void block(const Layer& l, const float* data, const float* w,
                                     const float* bias, float* rows, int64_t map) {
  constexpr int SIDE = KERNEL + 1, ALL = TILES * OUTPUTS;
  Vec half[SIDE][2 * ALL];
  for (int r = 0; r < SIDE; ++r) {
    Vec products[SIDE * ALL];
    for (int s = 0; s < SIDE; ++s) {
      multiply<TILES, OUTPUTS>(data, w, l.channels, products + s * ALL);
      data += l.channels * TILES * LANES, w += l.channels * OUTPUTS;
    }
#pragma GCC unroll 1
    for (int i = 0; i < ALL; ++i)
      Transform<KERNEL>::result(products + i, half[r] + 2 * i, ALL, 1);
  }
  for (int o = 0; o < OUTPUTS; ++o, rows += map) {
    const Vec start = bias ? splat(bias[o]) : Vec{};
#pragma GCC unroll 1
    for (int i = 0; i < 2 * TILES; ++i) {
      Vec y[2];
      Transform<KERNEL>::result(half[0] + 2 * TILES * o + i, y, 2 * ALL, 1);
      store(rows + i * LANES, y[0] + start);
      store(rows + (2 * l.pool_w + i) * LANES, y[1] + start);
    }
  }
}

template <int KERNEL>
void convolve_rows(const Layer& l, int pooled_row, const float* bias, float* rows, int64_t map,
                   const Buffers& shared, const Buffers::OneThread& own) {
  const int blocks = parts_of(l.outputs, MOST_OUTPUTS), pieces = parts_of(l.pool_w, MOST_TILES);
  for (int piece = 0; piece < pieces; ++piece) {
    const Part tiles(l.pool_w, pieces, piece);
    transform_data<KERNEL>(
        l, own.padded + 2 * ((int64_t)pooled_row * l.padded_w + tiles.begin) * LANES, tiles.size,
        own.data);
    for (int b = 0; b < blocks; ++b) {
      const Part outputs(l.outputs, blocks, b);
      with_count<MOST_TILES>(tiles.size, [&](auto some) {
        with_count<MOST_OUTPUTS>(outputs.size, [&](auto count) {
          block<KERNEL, some.value, count.value>(
              l, own.data, shared.packed + (int64_t)points(l) * l.channels * outputs.begin,
              bias ? bias + outputs.begin : nullptr,
              rows + outputs.begin * map + 2 * tiles.begin * LANES, map);
        });
      });
    }
  }
}

template <int ACT, int KERNEL>
void run(const Layer& l, const float* x, const float* weight, const float* bias, float* y,
         float* kept, const Buffers& shared) {
#pragma omp parallel num_threads(l.threads)
  {
    Workspace space{shared.threads + shared.per_thread * omp_get_thread_num()};
    Buffers::OneThread own(l, space);
    std::memset(own.padded, 0, 4ll * l.channels * l.padded_h * l.padded_w * LANES);
#pragma omp single
    avg_forward::place_x(l, shared.x_place), avg_forward::place_y(l, shared.y_place);
#pragma omp for schedule(static)
    for (int pair = 0; pair < l.outputs * l.channels; pair += LANES)
      pack_forward<KERNEL>(l, weight, pair, shared.packed);
#pragma omp for schedule(static)
    for (int g = 0; g < groups(l); ++g)
      avg_forward::one_group<ACT>(
          l, Group(l, g), x, y, kept ? kept + g * kept_vectors(l) * LANES : nullptr, shared, own,
          [&](int i, float* rows, int64_t map) {
            convolve_rows<KERNEL>(l, i, bias, rows, map, shared, own);
          });
  }
}

}  // namespace striate::avg_tiles
