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

// A convolution over maps in lanes. `rows_above` of the padded input are zero above its content
// of `content` rows, and as good as zero below: they are skipped.
struct Convolution {
  int channels, outputs, kernel_h, kernel_w;
  int in_line, in_map;    // vectors to the next row, to the next channel
  int rows_above, content;
  int columns;            // of the result
};

// [block of outputs][channel][kernel row][kernel column][outputs of the block]
template <typename Weight>
void pack(const Convolution& v, float* packed, Weight&& weight) {
  int blocks = parts_of(v.outputs, MOST_OUTPUTS);
  for (int b = 0; b < blocks; ++b) {
    Part part(v.outputs, blocks, b);
    for (int c = 0; c < v.channels; ++c)
      for (int r = 0; r < v.kernel_h; ++r)
        for (int k = 0; k < v.kernel_w; ++k)
          for (int o = 0; o < part.size; ++o) *packed++ = weight(part.begin + o, c, r, k);
  }
}

// Products added up before they join the total: a long sum in parts loses fewer bits.
constexpr int RUN = 100;

template <int PIXELS, int OUTPUTS>
INLINE void add_channels(const Convolution& v, const float* x, const float* w, int first, int last,
                         int channels, Vec (&total)[PIXELS][OUTPUTS]) {
  const int64_t map = (int64_t)v.in_map * LANES, line = v.in_line * LANES;
  Vec sum[PIXELS][OUTPUTS] = {};
  for (int c = 0; c < channels; ++c, x += map, w += v.kernel_h * v.kernel_w * OUTPUTS)
    for (int r = first; r < last; ++r) {
      const float* from = x + r * line;
      const float* weight = w + r * v.kernel_w * OUTPUTS;
      for (int k = 0; k < v.kernel_w; ++k, from += LANES, weight += OUTPUTS) {
        Vec factors[OUTPUTS];
#pragma GCC unroll 8
        for (int o = 0; o < OUTPUTS; ++o) factors[o] = splat(weight[o]);
#pragma GCC unroll 8
        for (int p = 0; p < PIXELS; ++p) {
          Vec value = load(from + p * LANES);
#pragma GCC unroll 8
          for (int o = 0; o < OUTPUTS; ++o) sum[p][o] += factors[o] * value;
        }
      }
    }
#pragma GCC unroll 8
  for (int o = 0; o < OUTPUTS; ++o)
#pragma GCC unroll 8
    for (int p = 0; p < PIXELS; ++p) total[p][o] += sum[p][o];
}

template <int PIXELS, int OUTPUTS, typename Finish>
INLINE void tile(const Convolution& v, const float* x, const float* w, int first, int last,
                 const float* bias, Finish&& finish) {
  const int taps = v.kernel_h * v.kernel_w, step = std::max(1, RUN / taps);
  Vec total[PIXELS][OUTPUTS];
#pragma GCC unroll 8
  for (int o = 0; o < OUTPUTS; ++o)
#pragma GCC unroll 8
    for (int p = 0; p < PIXELS; ++p) total[p][o] = bias ? splat(bias[o]) : Vec{};
  for (int c = 0; c < v.channels; c += step)
    add_channels<PIXELS, OUTPUTS>(v, x + (int64_t)c * v.in_map * LANES,
                                  w + (int64_t)c * taps * OUTPUTS, first, last,
                                  std::min(step, v.channels - c), total);
#pragma GCC unroll 8
  for (int o = 0; o < OUTPUTS; ++o)
#pragma GCC unroll 8
    for (int p = 0; p < PIXELS; ++p) finish(p, o, total[p][o]);
}

// One row of the result for block `b` of outputs; finish(output, column, value) takes it.
template <typename Finish>
void convolve_row(const Convolution& v, const float* x, const float* packed, const float* bias,
                  int h, int b, Finish&& finish) {
  int blocks = parts_of(v.outputs, MOST_OUTPUTS), tiles = parts_of(v.columns, MOST_PIXELS);
  Part part(v.outputs, blocks, b);
  packed += (int64_t)v.channels * v.kernel_h * v.kernel_w * part.begin;
  int first = std::max(0, v.rows_above - h);
  int last = std::max(first, std::min(v.kernel_h, v.rows_above + v.content - h));
  const float* row = x + (int64_t)h * v.in_line * LANES;
  for (int t = 0; t < tiles; ++t) {
    Part pixels(v.columns, tiles, t);
    const float* at = row + pixels.begin * LANES;
    with_count<MOST_OUTPUTS>(part.size, [&](auto outputs) {
      with_count<MOST_PIXELS>(pixels.size, [&](auto count) {
        tile<count.value, outputs.value>(
            v, at, packed, first, last, bias ? bias + part.begin : nullptr,
            [&](int p, int o, Vec value) INLINE_LAMBDA {
              finish(part.begin + o, pixels.begin + p, value);
            });
      });
    });
  }
}

}  // namespace striate::lanes
