// Batch-lane layout: a vector holds the same element of LANES images, so that few channels waste
// nothing. A map is [channel][row][column] vectors; weights are single floats.
#pragma once
#include "layer.hpp"
#include "transpose.hpp"

namespace striate::lanes {

// A tile of the convolution in registers: pixels times outputs.
constexpr int MOST_PIXELS = REGISTERS == 32 ? 4 : 6;
constexpr int MOST_OUTPUTS = REGISTERS == 32 ? 6 : 2;

// The images of a group; a lane past the batch repeats the first image.
struct Group {
  int first, size;
  Group(const Layer& l, int index)
      : first(index * LANES), size(std::min(LANES, l.batch - index * LANES)) {}
  int64_t image(int lane) const { return first + (lane < size ? lane : 0); }
  Vec mask() const {  // all bits where a lane has an image of its own
    IntVec m;
    for (int i = 0; i < LANES; ++i) m[i] = i < size ? -1 : 0;
    return as_float(m);
  }
};

// `elements` floats of each image, element e to vector place[e].
inline void to_lanes(const Group& group, const float* images, int elements, const int32_t* place,
                     float* vectors) {
  if (elements < LANES) {
    for (int e = 0; e < elements; ++e)
      for (int i = 0; i < LANES; ++i)
        vectors[(int64_t)place[e] * LANES + i] = images[group.image(i) * elements + e];
    return;
  }
  for (int e = 0; e < elements; e += LANES) {
    int at = std::min(e, elements - LANES);
    Vec rows[LANES];
#pragma GCC unroll 16
    for (int i = 0; i < LANES; ++i) rows[i] = load(images + group.image(i) * elements + at);
    transpose(rows);
#pragma GCC unroll 16
    for (int i = 0; i < LANES; ++i) store(vectors + (int64_t)place[at + i] * LANES, rows[i]);
  }
}

inline void from_lanes(const Group& group, const float* vectors, int elements,
                       const int32_t* place, float* images) {
  if (elements < LANES) {
    for (int e = 0; e < elements; ++e)
      for (int i = 0; i < group.size; ++i)
        images[group.image(i) * elements + e] = vectors[(int64_t)place[e] * LANES + i];
    return;
  }
  for (int e = 0; e < elements; e += LANES) {
    int at = std::min(e, elements - LANES);
    Vec rows[LANES];
#pragma GCC unroll 16
    for (int i = 0; i < LANES; ++i) rows[i] = load(vectors + (int64_t)place[at + i] * LANES);
    transpose(rows);
    for (int i = 0; i < group.size; ++i) store(images + group.image(i) * elements + at, rows[i]);
  }
}

// The sums over threads and lanes, in their order, of up to LANES of each thread's `vectors`, from
// `first` on; vectors_of(thread) is where they lie.
template <typename VectorsOf>
void add_up(int threads, int64_t first, int64_t vectors, VectorsOf vectors_of, float* sums) {
  const int count = (int)std::min<int64_t>(LANES, vectors - first);
  Vec rows[LANES] = {}, sum = {};
  for (int t = 0; t < threads; ++t) {
    const float* from = vectors_of(t) + first * LANES;
    for (int i = 0; i < count; ++i) rows[i] += load(from + i * LANES);
  }
  transpose(rows);
  for (int i = 0; i < LANES; ++i) sum += rows[i];
  std::memcpy(sums + first, &sum, 4 * count);
}

// Products added up before they join the total: a long sum in parts loses fewer bits.
constexpr int RUN = 100;

// A convolution over maps in lanes. The padded input is zero outside of its content, or as good as
// zero: products with it are skipped, as far as a whole tile has them.
struct Convolution {
  int channels, outputs, kernel_h, kernel_w;
  int in_line, in_map;           // vectors to the next row, to the next channel
  int rows_above, content_rows;  // rows of zeros above, rows of content
  int columns;                   // of the result
  int columns_left = 0, content_columns = 1 << 24;  // the same for columns, where they are known
};

// [block of outputs][channel][kernel row][kernel column][outputs of the block]
template <int OUTPUTS = MOST_OUTPUTS, typename Weight>
void pack(const Convolution& v, float* packed, Weight&& weight) {
  int blocks = parts_of(v.outputs, OUTPUTS);
  for (int b = 0; b < blocks; ++b) {
    Part part(v.outputs, blocks, b);
    for (int c = 0; c < v.channels; ++c)
      for (int r = 0; r < v.kernel_h; ++r)
        for (int k = 0; k < v.kernel_w; ++k)
          for (int o = 0; o < part.size; ++o) *packed++ = weight(part.begin + o, c, r, k);
  }
}

// What a tile takes from a convolution: some rows and columns of the kernel.
struct Taps {
  int channels, step, rows, columns;  // `step`: channels of one run
  int64_t map, line;                  // floats of the input to the next channel, to the next row
  int64_t kernel, kernel_line;        // the same for the weights
};

template <int PIXELS, int OUTPUTS>
INLINE void add_taps(const Taps& t, int channels, const float* x, const float* w,
                     Vec (&sum)[PIXELS][OUTPUTS]) {
  for (int c = 0; c < channels; ++c, x += t.map, w += t.kernel) {
    const float *row = x, *weights = w;
    for (int r = 0; r < t.rows; ++r, row += t.line, weights += t.kernel_line) {
      const float *from = row, *weight = weights;
      for (int k = 0; k < t.columns; ++k, from += LANES, weight += OUTPUTS) {
        asm("" : "+r"(from));  // or a compiler keeps vectors for the next k, in memory
        Vec factors[OUTPUTS];
#pragma GCC unroll 8
        for (int o = 0; o < OUTPUTS; ++o) factors[o] = splat(weight[o]);
#pragma GCC unroll 8
        for (int p = 0; p < PIXELS; ++p) {
          Vec value = load(from + p * LANES);
          keep(value);
#pragma GCC unroll 8
          for (int o = 0; o < OUTPUTS; ++o) sum[p][o] += factors[o] * value;
        }
      }
    }
  }
}

template <int PIXELS, int OUTPUTS, typename Finish>
INLINE void tile(const Taps& t, const float* x, const float* w, const float* bias, int column,
                 Finish finish) {
  float total[PIXELS * OUTPUTS * LANES];
  for (int c = 0; c < t.channels; c += t.step) {
    Vec sum[PIXELS][OUTPUTS];
#pragma GCC unroll 8
    for (int o = 0; o < OUTPUTS; ++o)
#pragma GCC unroll 8
      for (int p = 0; p < PIXELS; ++p) sum[p][o] = c || !bias ? Vec{} : splat(bias[o]);
    add_taps<PIXELS, OUTPUTS>(t, std::min(t.step, t.channels - c), x + c * t.map, w + c * t.kernel,
                              sum);
    const bool last = c + t.step >= t.channels;
#pragma GCC unroll 8
    for (int o = 0; o < OUTPUTS; ++o)
#pragma GCC unroll 8
      for (int p = 0; p < PIXELS; ++p) {
        float* before = total + (o * PIXELS + p) * LANES;
        if (c) sum[p][o] += load(before);
        if (last) finish(o, column + p, sum[p][o]);
        else store(before, sum[p][o]);
      }
  }
}

// `count` tiles of a row, from column `begin` on.
template <int PIXELS, int OUTPUTS, typename Finish>
void tiles(const Convolution& v, Taps t, const float* row, const float* w, const float* bias,
           int begin, int count, Finish finish) {
  t.kernel = v.kernel_h * v.kernel_w * OUTPUTS, t.kernel_line = v.kernel_w * OUTPUTS;
  for (; count > 0; --count, begin += PIXELS) {
    const int first = std::max(0, v.columns_left - begin - PIXELS + 1);
    t.columns = std::min(v.kernel_w, v.columns_left + v.content_columns - begin) - first;
    tile<PIXELS, OUTPUTS>(t, row + (begin + first) * LANES, w + first * OUTPUTS, bias, begin,
                          finish);
  }
}

// One row of the result for block `b` of outputs; finish(output, column, value) takes it. Its
// captures had better be values: through references, each is read again after every store.
template <int PIXELS = MOST_PIXELS, int OUTPUTS = MOST_OUTPUTS, typename Finish>
void convolve_row(const Convolution& v, const float* x, const float* packed, const float* bias,
                  int h, int b, Finish finish) {
  Part part(v.outputs, parts_of(v.outputs, OUTPUTS), b);
  const int begin = part.begin, taps = v.kernel_h * v.kernel_w;
  const int first = std::max(0, v.rows_above - h);
  const int rows = std::min(v.kernel_h, v.rows_above + v.content_rows - h) - first;
  const Taps t{v.channels, std::max(1, RUN / taps), rows, 0, (int64_t)v.in_map * LANES,
               v.in_line * LANES, 0, 0};
  packed += (int64_t)v.channels * taps * begin + first * v.kernel_w * part.size;
  x += (int64_t)(h + first) * v.in_line * LANES;
  if (bias) bias += begin;
  auto take = [=](int o, int w, Vec value) INLINE_LAMBDA { finish(begin + o, w, value); };
  const int count = parts_of(v.columns, PIXELS);
  const int small = v.columns / count, larger = v.columns % count;
  with_count<OUTPUTS>(part.size, [&](auto outputs) {
    auto run = [&](int size, int column, int some) {
      with_count<PIXELS>(size, [&](auto pixels) {
        tiles<pixels.value, outputs.value>(v, t, x, packed, bias, column, some, take);
      });
    };
    if (larger) run(small + 1, 0, larger);
    run(small, larger * (small + 1), count - larger);
  });
}

}  // namespace striate::lanes
