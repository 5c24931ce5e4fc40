// Weights to points, and sums at points to the gradient of the weights.
//
// Vectors run over outputs, whose elements lie far apart in memory: a block of LANES outputs by
// LANES channels is read in whole vectors along what is contiguous, and transposed in registers.
#pragma once
#include <utility>

#include "winograd_layout.hpp"

namespace {

template <size_t... I>
inline void interleave(Vector a, Vector b, Vector* out, std::index_sequence<I...>) {
#if defined(__clang__) || __GNUC__ >= 12
  out[0] = __builtin_shufflevector(a, b, (I % 2 * LANES + I / 2)...);
  out[1] = __builtin_shufflevector(a, b, (I % 2 * LANES + LANES / 2 + I / 2)...);
#else
  typedef int Index __attribute__((vector_size(LANES * sizeof(int))));
  out[0] = __builtin_shuffle(a, b, Index{int(I % 2 * LANES + I / 2)...});
  out[1] = __builtin_shuffle(a, b, Index{int(I % 2 * LANES + LANES / 2 + I / 2)...});
#endif
}

// Row r, lane l becomes row l, lane r: as many perfect shuffles as the number has bits.
inline void transpose(Vector rows[LANES]) {
  for (int stage = 1; stage < LANES; stage *= 2) {
    Vector next[LANES];
    for (int r = 0; r < LANES / 2; r++)
      interleave(rows[r], rows[r + LANES / 2], next + 2 * r, std::make_index_sequence<LANES>());
    for (int r = 0; r < LANES; r++) rows[r] = next[r];
  }
}

// The 9 taps of LANES channels by LANES outputs.
struct Taps {
  alignas(64) float at[9][LANES][LANES];  // [tap][channel][output]
};

enum class Order { scattered, by_tap, turned, by_channel, by_output };

// What is contiguous in the weights: outputs, channels (channels_last) or taps (the usual layout;
// turned: back to front, and of neighboring outputs, as the gradient of the data reads them).
inline Order order_of(const Sizes& s) {
  if (s.weight_output == 1) return Order::by_output;
  if (s.weight_input == 1) return Order::by_channel;
  if (s.weight_column == 1 && s.weight_row == 3 && s.weight_input == 9) return Order::by_tap;
  const bool turned = s.weight_column == -1 && s.weight_row == -3 && s.weight_output == 9;
  return turned ? Order::turned : Order::scattered;
}

// Half `SECOND` of a and the other half of b, their elements by turns.
template <int SECOND, size_t... I>
inline Vector by_turns(Vector a, Vector b, std::index_sequence<I...>) {
  constexpr int half = LANES / 2;
#if defined(__clang__) || __GNUC__ >= 12
  return __builtin_shufflevector(
      a, b, (I % 2 ? LANES + (1 - SECOND) * half + I / 2 : SECOND * half + I / 2)...);
#else
  typedef int Index __attribute__((vector_size(LANES * sizeof(int))));
  return __builtin_shuffle(
      a, b, Index{int(I % 2 ? LANES + (1 - SECOND) * half + I / 2 : SECOND * half + I / 2)...});
#endif
}

// [lane][9] becomes [9][lane]: its first and second half by turns, as often as lanes have bits.
inline void deal(Vector v[9]) {
  constexpr auto lanes = std::make_index_sequence<LANES>();
  for (int stage = 1; stage < LANES; stage *= 2) {
    const Vector next[9] = {
        by_turns<0>(v[0], v[4], lanes), by_turns<1>(v[0], v[5], lanes),
        by_turns<0>(v[1], v[5], lanes), by_turns<1>(v[1], v[6], lanes),
        by_turns<0>(v[2], v[6], lanes), by_turns<1>(v[2], v[7], lanes),
        by_turns<0>(v[3], v[7], lanes), by_turns<1>(v[3], v[8], lanes),
        by_turns<0>(v[4], v[8], lanes)};
    for (int q = 0; q < 9; q++) v[q] = next[q];
  }
}

// Vector q of the 9 that hold one output's taps: where it begins, and where element e of them goes.
inline long vector_offset(const Sizes& s, Order order, int q) {
  return order == Order::by_tap ? q * LANES : q / 3 * s.weight_row + q % 3 * s.weight_column;
}

inline float* element(Taps& taps, Order order, int e) {
  return order == Order::by_tap ? taps.at[e % 9][e / 9] : taps.at[e / LANES][e % LANES];
}

inline void read_taps(const Sizes& s, const float* w, Order order, int outputs, int channels,
                      Taps& taps) {
  const bool whole = outputs == LANES && channels == LANES;
  if (whole && (order == Order::by_tap || order == Order::by_channel)) {
    for (int q = 0; q < 9; q++) {
      Vector v[LANES];
      const float* from = w + vector_offset(s, order, q);
      for (int l = 0; l < LANES; l++) v[l] = load(from + l * s.weight_output);
      transpose(v);
      for (int r = 0; r < LANES; r++) store(element(taps, order, q * LANES + r), v[r]);
    }
    return;
  }
  if (whole && order == Order::turned) {
    for (int i = 0; i < LANES; i++) {
      Vector v[9];
      for (int q = 0; q < 9; q++) v[q] = load(w - 8 + i * s.weight_input + q * LANES);
      deal(v);
      for (int q = 0; q < 9; q++) store(taps.at[8 - q][i], v[q]);
    }
    return;
  }
  if (!whole) std::memset(taps.at, 0, sizeof taps.at);
  for (int i = 0; i < channels; i++)
    for (int k = 0; k < 9; k++) {
      const float* from = w + i * s.weight_input + k / 3 * s.weight_row + k % 3 * s.weight_column;
      if (order == Order::by_output)
        std::memcpy(taps.at[k][i], from, outputs * sizeof(float));
      else
        for (int l = 0; l < outputs; l++) taps.at[k][i][l] = from[l * s.weight_output];
    }
}

inline void write_taps(const Sizes& s, Taps& taps, Order order, int outputs, int channels,
                       float* w) {
  const bool whole = outputs == LANES && channels == LANES;
  if (whole && (order == Order::by_tap || order == Order::by_channel)) {
    for (int q = 0; q < 9; q++) {
      Vector v[LANES];
      for (int r = 0; r < LANES; r++) v[r] = load(element(taps, order, q * LANES + r));
      transpose(v);
      float* to = w + vector_offset(s, order, q);
      for (int l = 0; l < LANES; l++) store(to + l * s.weight_output, v[l]);
    }
    return;
  }
  for (int l = 0; l < outputs; l++)
    for (int i = 0; i < channels; i++)
      for (int k = 0; k < 9; k++)
        w[l * s.weight_output + i * s.weight_input + k / 3 * s.weight_row +
          k % 3 * s.weight_column] = taps.at[k][i][l];
}

// Weights that were laid out before, in the order in which they are read: taps of a block of
// outputs by a block of channels, [block of outputs][block of channels]. They have no strides.
inline bool laid_out(const Sizes& s) { return s.weight_output == 0; }

inline const Taps& laid_out_taps(const Sizes& s, const float* w, long block, long b) {
  return reinterpret_cast<const Taps*>(w)[block * blocks_of(s.channels) + b];
}

// Weights of channel blocks first..last to output block `block`; beyond the last channel, zeros.
inline void transform_weight(const Sizes& s, const float* w, long first, long last, long block,
                             const Points& to, long to_block) {
  const Order order = order_of(s);
  const float* base = w + block * LANES * s.weight_output;
  Taps read;
  for (long b = first; b < last; b++) {
    if (!laid_out(s))
      read_taps(s, base + b * LANES * s.weight_input, order, lanes_of(s.outputs, block),
                lanes_of(s.channels, b), read);
    const Taps& taps = laid_out(s) ? laid_out_taps(s, w, block, b) : read;
    for (int i = 0; i < LANES; i++) {
      Vector half[3][PATCH];
      for (int r = 0; r < 3; r++) {
        const Vector k[3] = {load(taps.at[3 * r][i]), load(taps.at[3 * r + 1][i]),
                             load(taps.at[3 * r + 2][i])};
        weight_map(k, half[r]);
      }
      store_points<3, weight_map>(half, to, to_block, (b - first) * LANES + i);
    }
  }
}

inline void lay_out(const Sizes& s, const float* w, Taps* to) {
  for (long block = 0; block < blocks_of(s.outputs); block++)
    for (long b = 0; b < blocks_of(s.channels); b++)
      read_taps(s, w + block * LANES * s.weight_output + b * LANES * s.weight_input, order_of(s),
                lanes_of(s.outputs, block), lanes_of(s.channels, b), *to++);
}

// The gradient of the weights of output block `block`, from its 36 points.
inline void transform_weight_gradient(const Sizes& s, const Points& from, long block, float* dw) {
  const Order order = order_of(s);
  float* base = dw + block * LANES * s.weight_output;
  Taps taps;
  for (long b = 0, blocks = blocks_of(s.channels); b < blocks; b++) {
    for (int i = 0; i < LANES; i++) {
      Vector half[3][PATCH];
      for (int k = 0; k < PATCH; k++) {
        Vector m[PATCH], o[3];
        for (int r = 0; r < PATCH; r++) m[r] = load(from.at(r * PATCH + k, block, b * LANES + i));
        tap_map(m, o);
        for (int r = 0; r < 3; r++) half[r][k] = o[r];
      }
      for (int r = 0; r < 3; r++) {
        Vector o[3];
        tap_map(half[r], o);
        for (int k = 0; k < 3; k++) store(taps.at[3 * r + k][i], o[k]);
      }
    }
    write_taps(s, taps, order, lanes_of(s.outputs, block), lanes_of(s.channels, b),
               base + b * LANES * s.weight_input);
  }
}

}  // namespace
