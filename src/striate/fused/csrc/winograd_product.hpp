// The matrix products between the transforms, in a register tile of ROWS x COLUMNS vectors.
//
// Every operand is cut into blocks of LANES columns, rows next to each other inside a block:
// element (row, column) lies at block(column / LANES) + row * LANES + column % LANES. All strides
// in the inner loop are then compile-time constants, and every load is a whole cache line.
#pragma once
#include <array>
#include <utility>

#include "winograd_transform.hpp"

namespace {

// Accumulators, one row of the right operand and a broadcast must fit the vector registers.
#if defined(__AVX512F__)
constexpr int MAX_ROWS = 14, MAX_COLUMNS = 2, OUTER_ROWS = 8, OUTER_COLUMNS = 3;
#elif defined(__aarch64__)
constexpr int MAX_ROWS = 12, MAX_COLUMNS = 2, OUTER_ROWS = 4, OUTER_COLUMNS = 4;
#else
constexpr int MAX_ROWS = 6, MAX_COLUMNS = 2, OUTER_ROWS = 4, OUTER_COLUMNS = 3;
#endif

struct Product {
  const float* left;      // broadcast, element by element
  size_t left_step;       // from one run of `run` terms to the next
  int runs, run;          // terms of each sum: runs * run
  const float* right;     // loaded as vectors; consecutive terms are consecutive vectors
  size_t right_block;     // from one column of vectors to the next
  float* out;
  size_t out_block;
  bool add;               // to what is in `out`
};

// out[row][column] (+)= sum over terms of left[row][term] * right[term][column].
template <int ROWS, int COLUMNS, int ROW_STEP, int TERM_STEP>
void multiply(const Product& p) {
  Vector sum[ROWS][COLUMNS];
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 4
    for (int j = 0; j < COLUMNS; j++)
      sum[i][j] = Vector{};
  const float* right = p.right;
  for (int r = 0; r < p.runs; r++) {
    const float* left = p.left + r * p.left_step;
    for (int k = 0; k < p.run; k++, left += TERM_STEP, right += LANES) {
      Vector b[COLUMNS];
#pragma GCC unroll 4
      for (int j = 0; j < COLUMNS; j++) {
        b[j] = load(right + j * p.right_block);
        if (ROWS > 1) keep(b[j]);
      }
#pragma GCC unroll 16
      for (int i = 0; i < ROWS; i++) {
        const float a = left[i * ROW_STEP];
#pragma GCC unroll 4
        for (int j = 0; j < COLUMNS; j++) sum[i][j] += a * b[j];
      }
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < ROWS; i++)
#pragma GCC unroll 4
    for (int j = 0; j < COLUMNS; j++) {
      float* out = p.out + j * p.out_block + i * LANES;
      store(out, p.add ? load(out) + sum[i][j] : sum[i][j]);  // short sums first: smaller errors
    }
}

typedef void (*Kernel)(const Product&);

// A kernel for every size up to the largest, so that each runs unrolled.
template <size_t... I>
constexpr std::array<Kernel, sizeof...(I)> inner_table(std::index_sequence<I...>) {
  return {multiply<int(I) / MAX_COLUMNS + 1, int(I) % MAX_COLUMNS + 1, LANES, 1>...};
}

template <size_t... J>
constexpr std::array<Kernel, sizeof...(J)> outer_table(std::index_sequence<J...>) {
  return {multiply<OUTER_ROWS, int(J) + 1, 1, LANES>...};
}

// left is (rows, terms): its rows lie LANES apart, its terms next to each other.
inline Kernel inner_kernel(int rows, int columns) {
  static constexpr auto table =
      inner_table(std::make_index_sequence<size_t(MAX_ROWS) * MAX_COLUMNS>());
  return table[(rows - 1) * MAX_COLUMNS + columns - 1];
}

// left is (terms, rows), OUTER_ROWS of them: a sum of outer products.
inline Kernel outer_kernel(int columns) {
  static constexpr auto table = outer_table(std::make_index_sequence<OUTER_COLUMNS>());
  return table[columns - 1];
}

// `part` of `parts` nearly equal pieces of 0..size: where it starts.
inline long piece(long size, long parts, long part) { return size * part / parts; }

}  // namespace
