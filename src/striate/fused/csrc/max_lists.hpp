// The outputs of a band of pooled rows that have a gradient, in two orders: for each output its
// places in the image (as dW walks them), for each place of the convolution its outputs (as dX
// walks them).
#pragma once
#include "layer.hpp"
#include "places.hpp"
#include "transpose.hpp"

namespace striate::lists {

// What a thread's lists are kept in; there is room for what `append` writes behind the last.
struct Lists {
  float *by_output, *by_place;
  int32_t *output_place, *place_output;
  int32_t *count, *start;
  int capacity;  // of an output's list

  Lists(const Layer& layer, int pooled, bool wanted, Workspace& space) {
    capacity = wanted ? pooled + LANES : 0;
    const int64_t outputs = (int64_t)capacity * layer.lanes_k;
    by_output = space.take(outputs), by_place = space.take(outputs);
    output_place = integers(space, outputs), place_output = integers(space, outputs);
    count = integers(space, layer.lanes_k), start = integers(space, 4ll * pooled + 1);
  }
  static int32_t* integers(Workspace& space, int64_t n) {
    return reinterpret_cast<int32_t*>(space.take(n));
  }
  const float* gradients_of(int output) const { return by_output + (int64_t)output * capacity; }
  const int32_t* places_of(int output) const { return output_place + (int64_t)output * capacity; }
};

// The lists of pooled places [first, last); `live` and `argmax` are [place][outputs in lanes].
inline void make_by_place(const Layer& layer, const Lists& l, int first, int last,
                          const float* live, const uint8_t* argmax) {
  const int lanes = layer.lanes_k, stride = round_up(layer.outputs, 16);
  int listed = 0;
  int32_t* start = l.start;
  IntVec lane;
  for (int i = 0; i < LANES; ++i) lane[i] = i;
  for (int position = first; position < last; ++position) {
    const float* g = live + (int64_t)position * lanes;
    const uint8_t* winner = argmax + (int64_t)position * stride;
    for (int k = 0; k < 4; ++k) {
      *start++ = listed;
      for (int v = 0; v < lanes; v += LANES) {
        const Vec value = load(g + v);
        const IntVec keep = (load_places(winner + v) == splat_int(k)) & (value != splat(0.f));
        listed += append(value, lane + v, keep, l.by_place + listed, l.place_output + listed);
      }
    }
  }
  *start = listed;
}

// Places are counted from the band's first row, in floats of the padded image.
inline void make_by_output(const Layer& layer, const Lists& l, int first, int last,
                           const float* live, const uint8_t* argmax) {
  const int lanes = layer.lanes_k, stride = round_up(layer.outputs, 16);
  const int band = first / layer.pool_w;
  std::memset(l.count, 0, 4 * lanes);
  for (int begin = first; begin < last; begin += LANES)
    for (int v = 0; v < lanes; v += LANES) {
      Vec gradient[LANES], place[LANES];
      for (int i = 0; i < LANES; ++i) {
        const int position = begin + i;
        gradient[i] = place[i] = Vec{};
        if (position >= last) continue;
        const int row = position / layer.pool_w, column = position % layer.pool_w;
        const int corner = 2 * (row - band) * layer.line() + 2 * column * layer.channels;
        const IntVec winner = load_places(argmax + (int64_t)position * stride + v);
        gradient[i] = load(live + (int64_t)position * lanes + v);
        place[i] = as_float(corner + (winner & 1) * layer.channels +
                            (winner >> 1 & 1) * layer.line());
      }
      transpose(gradient), transpose(place);
      for (int i = 0; i < LANES; ++i) {
        int32_t& count = l.count[v + i];
        const int64_t at = (int64_t)(v + i) * l.capacity + count;
        count += append(gradient[i], as_int(place[i]), gradient[i] != splat(0.f),
                        l.by_output + at, l.output_place + at);
      }
    }
}

}  // namespace striate::lists
