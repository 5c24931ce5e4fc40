// The gradient of the weights behind a max-pool where there are few channels. A quad is the 2x2 of
// the image that the four places of a window see through one tap. For a vector of outputs
//
//   dW[tap] += quad[place of the maximum] * g
//
// where the place differs from lane to lane: one permutation of four floats.
#pragma once
#include "layer.hpp"
#include "places.hpp"

namespace striate::quads {

constexpr int MOST_TAPS = REGISTERS == 32 ? 25 : 13;

// Lane i gets quad[place[i]]; the floats behind the quad are read and never chosen.
#if defined(__clang__) || LANES < 4
struct Choice {
  IntVec first, second, third;
  explicit INLINE_LAMBDA Choice(IntVec place)
      : first(place == 0), second(place == 1), third(place == 2) {}
  INLINE Vec of(const float* quad) const {
    Vec low = first ? splat(quad[0]) : splat(quad[1]);
    Vec high = third ? splat(quad[2]) : splat(quad[3]);
    return (first | second) ? low : high;
  }
};
#else
struct Choice {
  IntVec place;
  explicit INLINE_LAMBDA Choice(IntVec place) : place(place) {}
  INLINE Vec of(const float* quad) const { return __builtin_shuffle(load(quad), place); }
};
#endif

// The quads of one channel: quad (h, w) is the image at (h, w), (h, w+1), (h+1, w), (h+1, w+1).
inline void make(const Layer& l, const float* padded, int channel, float* quad) {
  for (int h = 0; h + 1 < l.padded_h; ++h)
    for (int w = 0; w + 1 < l.padded_w; ++w) {
      const float* x = padded + (int64_t)h * l.line() + w * l.channels + channel;
      float* q = quad + 4 * ((int64_t)h * l.padded_w + w);
      q[0] = x[0], q[1] = x[l.channels], q[2] = x[l.line()], q[3] = x[l.line() + l.channels];
    }
}

template <int TAPS>
void add_taps(const Layer& l, const float* quad, const int32_t* offset, const float* gradient,
              const uint8_t* argmax, float* dw) {
  Vec sum[TAPS] = {};
  for (int i = 0; i < l.pool_h; ++i)
    for (int j = 0; j < l.pool_w; ++j) {
      const int64_t position = (int64_t)i * l.pool_w + j;
      const Vec g = load(gradient + position * l.lanes_k);
      const Choice choice(load_places(argmax + position * round_up(l.outputs, 16)) & 3);
      const float* q = quad + 8 * ((int64_t)i * l.padded_w + j);
#pragma GCC unroll 25
      for (int t = 0; t < TAPS; ++t) sum[t] += choice.of(q + offset[t]) * g;
    }
#pragma GCC unroll 25
  for (int t = 0; t < TAPS; ++t) {
    float* total = dw + (int64_t)t * l.lanes_k;
    store(total, load(total) + sum[t]);
  }
}

// dw: [channel][kernel row][kernel column][lanes_k]
inline void add_dw(const Layer& l, const float* padded, const float* gradient,
                   const uint8_t* argmax, float* quad, float* dw) {
  const int taps = l.kernel_h * l.kernel_w, pieces = parts_of(taps, MOST_TAPS);
  for (int c = 0; c < l.channels; ++c) {
    make(l, padded, c, quad);
    for (int v = 0; v < l.lanes_k; v += LANES)
      for (int piece = 0; piece < pieces; ++piece) {
        Part part(taps, pieces, piece);
        int32_t offset[MOST_TAPS];
        for (int t = 0; t < part.size; ++t) {
          int tap = part.begin + t;
          offset[t] = 4 * (tap / l.kernel_w * l.padded_w + tap % l.kernel_w);
        }
        with_count<MOST_TAPS>(part.size, [&](auto count) {
          add_taps<count.value>(l, quad, offset, gradient + v, argmax + v,
                                dw + ((int64_t)c * taps + part.begin) * l.lanes_k + v);
        });
      }
  }
}

}  // namespace striate::quads
