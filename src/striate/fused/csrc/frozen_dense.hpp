// A dense layer and its activation, its weights packed before: panels of some outputs' weights, in
// the order in which they are read.
#pragma once
#include <omp.h>

#include "frozen_step.hpp"

namespace striate::frozen {

constexpr int PANEL = REGISTERS == 32 ? 4 : 2;  // vectors
constexpr int MOST_ROWS = 6;
constexpr int DEPTH = 256;  // products in one sum: short for accuracy and the first cache

inline int64_t dense_floats(const Shape& s) {
  return (int64_t)(s.channels + 1) * round_up(s.outputs, LANES);
}

// [panel][input][lanes of the panel], then the biases.
inline void pack_dense(const Shape& s, const float* weight, const float* bias, float* packed) {
  const int vectors = parts_of(s.outputs, LANES), panels = parts_of(vectors, PANEL);
  for (int p = 0; p < panels; ++p) {
    Part part(vectors, panels, p);
    const int lanes = part.size * LANES, first = part.begin * LANES;
    for (int k = 0; k < s.channels; ++k)
      for (int i = 0; i < lanes; ++i)
        *packed++ = first + i < s.outputs ? weight[(int64_t)(first + i) * s.channels + k] : 0.f;
  }
  for (int o = 0; o < vectors * LANES; ++o) *packed++ = bias && o < s.outputs ? bias[o] : 0.f;
}

// Sums of two kinds of products where one row alone would wait for each of its sums.
template <int ROWS, int VECTORS>
INLINE void dense_tile(const float* x, int64_t stride, int depth, const float* packed,
                       Vec (&sum)[ROWS][VECTORS]) {
  constexpr int STEPS = ROWS == 1 ? 2 : 1;
  Vec part[STEPS][ROWS][VECTORS] = {};
  int k = 0;
  for (; k + STEPS <= depth; k += STEPS)
#pragma GCC unroll 2
    for (int s = 0; s < STEPS; ++s, packed += VECTORS * LANES) {
      Vec w[VECTORS];
#pragma GCC unroll 4
      for (int v = 0; v < VECTORS; ++v) {
        w[v] = load(packed + v * LANES);
        if constexpr (ROWS > 1) held(w[v]);
      }
#pragma GCC unroll 8
      for (int r = 0; r < ROWS; ++r) {
        Vec value = splat(x[r * stride + k + s]);
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; ++v) part[s][r][v] += value * w[v];
      }
    }
  for (; k < depth; ++k, packed += VECTORS * LANES)
    for (int r = 0; r < ROWS; ++r)
      for (int v = 0; v < VECTORS; ++v)
        part[0][r][v] += splat(x[r * stride + k]) * load(packed + v * LANES);
#pragma GCC unroll 8
  for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; ++v) {
      sum[r][v] = part[0][r][v];
      if constexpr (STEPS == 2) sum[r][v] += part[1][r][v];
    }
}

template <int ROWS, int VECTORS>
void dense_rows(const Shape& s, const float* x, int depth, const float* packed, const float* bias,
                bool first, int column, float* y) {
  Vec sum[ROWS][VECTORS];
  dense_tile<ROWS, VECTORS>(x, s.channels, depth, packed, sum);
#pragma GCC unroll 8
  for (int r = 0; r < ROWS; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; ++v) {
      float* target = y + (int64_t)r * s.outputs + column + v * LANES;
      const int lanes = std::min(LANES, s.outputs - column - v * LANES);
      Vec total = sum[r][v], before = {};
      if (first) before = load(bias + column + v * LANES);
      else if (lanes == LANES) before = load(target);
      else std::memcpy(&before, target, 4 * lanes);
      total += before;
      if (lanes == LANES) store(target, total);
      else std::memcpy(target, &total, 4 * lanes);
    }
}

template <int VECTORS>
void dense_panel(const Shape& s, int rows, const float* x, const float* packed, const float* bias,
                 int column, float* y) {
  const int pieces = std::max(1, parts_of(s.channels, DEPTH)), tiles = parts_of(rows, MOST_ROWS);
  for (int piece = 0; piece < pieces; ++piece) {
    Part k(s.channels, pieces, piece);
    for (int t = 0; t < tiles; ++t) {
      Part part(rows, tiles, t);
      with_count<MOST_ROWS>(part.size, [&](auto count) {
        dense_rows<count.value, VECTORS>(s, x + (int64_t)part.begin * s.channels + k.begin, k.size,
                                         packed + (int64_t)k.begin * VECTORS * LANES, bias,
                                         piece == 0, column, y + (int64_t)part.begin * s.outputs);
      });
    }
  }
}

// Some columns of every row, in place.
template <int ACT> void activate_columns(const Shape& s, int rows, int column, int count, float* y) {
  if (ACT == IDENTITY) return;
  const int end = std::min(column + count, s.outputs), rest = (end - column) % LANES;
  for (float* row = y; rows > 0; --rows, row += s.outputs) {
    for (int c = column; c + LANES <= end; c += LANES) store(row + c, activate<ACT>(load(row + c)));
    if (!rest) continue;
    Vec last = {};
    std::memcpy(&last, row + end - rest, 4 * rest);
    last = activate<ACT>(last);
    std::memcpy(row + end - rest, &last, 4 * rest);
  }
}

// For the threads of a running team.
inline void run_dense(const Step& step, int rows, const float* x, float* y) {
  const Shape& s = step.shape;
  const int vectors = parts_of(s.outputs, LANES), panels = parts_of(vectors, PANEL);
  const float* bias = step.memory + (int64_t)s.channels * vectors * LANES;
#pragma omp for schedule(static)
  for (int p = 0; p < panels; ++p) {
    Part part(vectors, panels, p);
    const float* packed = step.memory + (int64_t)s.channels * part.begin * LANES;
    const int column = part.begin * LANES;
    with_count<PANEL>(part.size, [&](auto count) {
      dense_panel<count.value>(s, rows, x, packed, bias, column, y);
    });
    with_activation(s.activation, [&](auto activation) {
      activate_columns<activation.value>(s, rows, column, part.size * LANES, y);
    });
  }
}

}  // namespace striate::frozen
