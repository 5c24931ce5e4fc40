// Where everything lies: the caller's maps and weights, the tiles, and the 36 points between.
#pragma once
#include <algorithm>
#include <cstdint>

#include "winograd_transform.hpp"

namespace {

struct Sizes {  // as the caller passes them, 64 bits each
  int64_t batch, height, width, channels, out_height, out_width, outputs;
  int64_t pad_top, pad_left;                           // may be negative: a crop
  int64_t weight_output, weight_input, weight_row, weight_column;  // strides
  int64_t relu;
};

struct Tiles {
  long rows, columns, count;
  explicit Tiles(const Sizes& s)
      : rows((s.out_height + TILE - 1) / TILE),
        columns((s.out_width + TILE - 1) / TILE),
        count(s.batch * rows * columns) {}
};

// [point][block of LANES columns][row][lane], the operands of the 36 products.
struct Points {
  float* data;
  size_t point, block;

  static size_t odd_lines(size_t floats) {  // else the 36 streams fall into the same cache sets
    const size_t lines = (floats + 15) / 16;
    return (lines | 1) * 16;
  }
  static size_t floats(long blocks, long rows) {
    return POINTS * odd_lines(size_t(blocks) * rows * LANES);
  }
  Points(float* memory, long blocks, long rows)
      : data(memory), point(odd_lines(size_t(blocks) * rows * LANES)), block(rows * LANES) {}
  float* at(long p, long b, long row) const {
    return data + p * point + b * block + row * LANES;
  }
};

inline long blocks_of(int64_t columns) { return (columns + LANES - 1) / LANES; }

inline int lanes_of(int64_t columns, long block) {
  return int(std::min<int64_t>(LANES, columns - block * LANES));
}

inline Vector load_lanes(const float* from, int lanes) {
  return lanes == LANES ? load(from) : load(from, lanes);
}

inline void store_lanes(float* to, Vector v, int lanes) {
  lanes == LANES ? store(to, v) : store(to, v, lanes);
}

// The second half of a transform to points: ROWS rows of `half` down each of its six columns.
template <int ROWS, void (*MAP)(const Vector*, Vector*)>
inline void store_points(const Vector half[ROWS][PATCH], const Points& to, long block, long row) {
  for (int k = 0; k < PATCH; k++) {
    Vector d[ROWS], o[PATCH];
    for (int r = 0; r < ROWS; r++) d[r] = half[r][k];
    MAP(d, o);
    for (int r = 0; r < PATCH; r++) store(to.at(r * PATCH + k, block, row), o[r]);
  }
}

}  // namespace
