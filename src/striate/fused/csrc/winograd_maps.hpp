// Tiles of the maps to points, and sums at points to tiles of the outputs.
#pragma once
#include "winograd_layout.hpp"

namespace {

template <bool INSIDE>
inline void input_tile(const Sizes& s, const float* x, long top, long left, const Points& to,
                       long row) {
  for (long b = 0, blocks = blocks_of(s.channels); b < blocks; b++) {
    const int lanes = lanes_of(s.channels, b);
    Vector half[PATCH][PATCH];  // [input row][point of its columns]
    for (int r = 0; r < PATCH; r++) {
      Vector d[PATCH];
      for (int k = 0; k < PATCH; k++) {
        const long y = top + r, z = left + k;
        const bool there = INSIDE || (y >= 0 && y < s.height && z >= 0 && z < s.width);
        d[k] = there ? load_lanes(x + (y * s.width + z) * s.channels + b * LANES, lanes)
                     : Vector{};
      }
      input_map(d, half[r]);
    }
    store_points<PATCH, input_map>(half, to, b, row);
  }
}

inline void transform_input(const Sizes& s, const Tiles& tiles, const float* x, long first,
                            long last, const Points& to, long row) {
  for (long t = first; t < last; t++, row++) {
    const long image = t / (tiles.rows * tiles.columns);
    const long top = t / tiles.columns % tiles.rows * TILE - s.pad_top;
    const long left = t % tiles.columns * TILE - s.pad_left;
    const float* picture = x + image * s.height * s.width * s.channels;
    const bool inside = top >= 0 && top + PATCH <= s.height && left >= 0 && left + PATCH <= s.width;
    (inside ? input_tile<true> : input_tile<false>)(s, picture, top, left, to, row);
  }
}

// The gradient of the outputs, for the gradient of the weights; outside the map it is zero.
inline void transform_gradient(const Sizes& s, const Tiles& tiles, const float* g, long first,
                               long last, const Points& to, long row) {
  for (long t = first; t < last; t++, row++) {
    const long image = t / (tiles.rows * tiles.columns);
    const long top = t / tiles.columns % tiles.rows * TILE, left = t % tiles.columns * TILE;
    const float* corner =
        g + ((image * s.out_height + top) * s.out_width + left) * s.outputs;
    for (long b = 0, blocks = blocks_of(s.outputs); b < blocks; b++) {
      const int lanes = lanes_of(s.outputs, b);
      Vector half[TILE][PATCH];
      for (int r = 0; r < TILE; r++) {
        Vector d[TILE];
        for (int k = 0; k < TILE; k++)
          d[k] = top + r < s.out_height && left + k < s.out_width
                     ? load_lanes(corner + (r * s.out_width + k) * s.outputs + b * LANES, lanes)
                     : Vector{};
        gradient_map(d, half[r]);
      }
      store_points<TILE, gradient_map>(half, to, b, row);
    }
  }
}

// What joins the sums on the way out: a number an output, and another map; each may be null.
struct Added {
  const float *bias, *map;
};

// Blocks first..last of the sums in `from`, which is the output block `offset + first` and on.
inline void transform_output(const Sizes& s, const Tiles& tiles, const Points& from, long row,
                             long first, long last, long offset, long blocks, const Added& added,
                             float* y) {
  for (long t = first; t < last; t++, row++) {
    const long image = t / (tiles.rows * tiles.columns);
    const long top = t / tiles.columns % tiles.rows * TILE, left = t % tiles.columns * TILE;
    const int rows = int(std::min<long>(TILE, s.out_height - top));
    const int columns = int(std::min<long>(TILE, s.out_width - left));
    const long corner = ((image * s.out_height + top) * s.out_width + left) * s.outputs;
    for (long b = 0; b < blocks; b++) {
      const int lanes = lanes_of(s.outputs, offset + b);
      const Vector shift =
          added.bias ? load_lanes(added.bias + (offset + b) * LANES, lanes) : Vector{};
      Vector half[TILE][PATCH];
      for (int k = 0; k < PATCH; k++) {
        Vector m[PATCH], o[TILE];
        for (int r = 0; r < PATCH; r++) m[r] = load(from.at(r * PATCH + k, b, row));
        output_map(m, o);
        for (int r = 0; r < TILE; r++) half[r][k] = o[r];
      }
      for (int r = 0; r < rows; r++) {
        Vector o[TILE];
        output_map(half[r], o);
        for (int k = 0; k < columns; k++) {
          const long place = corner + (r * s.out_width + k) * s.outputs + (offset + b) * LANES;
          Vector v = o[k] + shift;
          if (added.map) v += load_lanes(added.map + place, lanes);
          if (s.relu) v = v < 0 ? Vector{} : v;  // keeps NaN, as torch does
          store_lanes(y + place, v, lanes);
        }
      }
    }
  }
}

}  // namespace
