// LANES images through convolutions with activation and 2x2 pool, side by side in the lanes of
// vectors from layer to layer: the layout for few channels.
#pragma once
#include "frozen_step.hpp"
#include "lanes.hpp"

namespace striate::frozen {

using lanes::Convolution;
using lanes::Group;

inline Convolution in_lanes(const Layer& l) {
  return {l.channels, l.outputs, l.kernel_h,   l.kernel_w, l.padded_w, l.padded_h * l.padded_w,
          l.pad_h,    l.height,  2 * l.pool_w, l.pad_w,    l.width};
}

// What a step keeps: weights, bias, and where each element of an image comes from and goes.
struct LaneWeights {
  float *packed, *bias;
  int32_t *x_place, *y_place;
  LaneWeights(const Layer& l, Workspace& space) {
    packed = space.take((int64_t)l.kernel_h * l.row * l.outputs);
    bias = space.take(l.lanes_k);
    x_place = reinterpret_cast<int32_t*>(space.take((int64_t)l.channels * l.height * l.width));
    y_place = reinterpret_cast<int32_t*>(space.take((int64_t)l.outputs * l.pooled));
  }
};

struct LaneBuffers {
  float *padded, *rows;
  int64_t padded_floats;
  LaneBuffers(const Layer& l, Workspace& space) {
    padded_floats = ((int64_t)l.channels * l.padded_h * l.padded_w + 1) * LANES;
    padded = space.take(padded_floats);
    rows = space.take(4ll * l.outputs * l.pool_w * LANES);
  }
};

inline void pack_lanes(const Layer& l, const float* weight, const float* bias, float* memory) {
  Workspace space{memory};
  LaneWeights kept(l, space);
  const int taps = l.kernel_h * l.kernel_w;
  lanes::pack(in_lanes(l), kept.packed, [&](int o, int c, int r, int k) {
    return weight[((int64_t)o * l.channels + c) * taps + r * l.kernel_w + k];
  });
  for (int o = 0; o < l.lanes_k; ++o) kept.bias[o] = bias && o < l.outputs ? bias[o] : 0.f;
  for (int c = 0; c < l.channels; ++c)
    for (int h = 0; h < l.height; ++h)
      for (int w = 0; w < l.width; ++w)
        kept.x_place[(c * l.height + h) * l.width + w] =
            (c * l.padded_h + h + l.pad_h) * l.padded_w + w + l.pad_w;
  for (int o = 0; o < l.outputs; ++o)
    for (int p = 0; p < l.pooled; ++p) kept.y_place[p * l.outputs + o] = o * l.pooled + p;
}

inline Group group_of(Layer l, int images) {
  l.batch = images;
  return Group(l, 0);
}

// A map of vectors [channel][row][column] with a border.
struct LaneMap {
  float* at;
  int64_t map;  // floats to the next channel
  int line;     // floats to the next row
};

INLINE Vec larger(Vec a, Vec b) { return (b > a) | (b != b) ? b : a; }

template <int ACT, bool MEAN> INLINE Vec pooled(const float* a, const float* b) {
  Vec first = load(a), second = load(a + LANES), third = load(b), fourth = load(b + LANES);
  if constexpr (MEAN) {
    Vec sum = (activate<ACT>(first) + activate<ACT>(second)) +
              (activate<ACT>(third) + activate<ACT>(fourth));
    return sum * splat(.25f);
  }
  return activate<ACT>(larger(larger(first, second), larger(third, fourth)));
}

// The rows of the convolution that pooled row `i` reads.
inline void convolve_rows(const Layer& l, const LaneWeights& kept, const LaneBuffers& own, int i) {
  const Convolution v = in_lanes(l);
  const int64_t line = (int64_t)v.columns * LANES, map = 2 * line;
  for (int r = 0; r < 2; ++r)
    for (int b = 0; b < parts_of(l.outputs, lanes::MOST_OUTPUTS); ++b)
      lanes::convolve_row(v, own.padded, kept.packed, kept.bias, 2 * i + r, b,
                          [map, to = own.rows + r * line](int o, int w, Vec value)
                              INLINE_LAMBDA { store(to + o * map + w * LANES, value); });
}

template <int ACT, bool MEAN>
void lane_rows(const Layer& l, const LaneWeights& kept, const LaneBuffers& own, const LaneMap& y) {
  const int64_t line = 2ll * l.pool_w * LANES, map = 2 * line;
  for (int i = 0; i < l.pool_h; ++i) {
    convolve_rows(l, kept, own, i);
    for (int o = 0; o < l.outputs; ++o)
      for (int j = 0; j < l.pool_w; ++j) {
        const float* a = own.rows + o * map + 2 * j * LANES;
        store(y.at + o * y.map + (int64_t)i * y.line + j * LANES, pooled<ACT, MEAN>(a, a + line));
      }
  }
}

inline void run_lanes(const Step& step, const LaneWeights& kept, const LaneBuffers& own,
                      const LaneMap& y) {
  const Layer l(step.shape);
  with_activation(l.activation, [&](auto activation) {
    if (step.pool == MAX) lane_rows<activation.value, false>(l, kept, own, y);
    else lane_rows<activation.value, true>(l, kept, own, y);
  });
}

}  // namespace striate::frozen
