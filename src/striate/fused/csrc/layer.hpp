// The shape of one convolution with a 2x2 pool behind it, and what both pools share:
// images in padded channels-last rows, work cut into even pieces, one workspace.
//
// A row of a convolution's window is kernel_w * channels consecutive floats of such an image, so
// every kernel is kernel_h dot products (or updates) of that length, whatever the shape.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "simd.hpp"

namespace striate {

// Mirrored by `Shape` in layer.py.
struct Shape {
  int32_t batch, channels, height, width, outputs, kernel_h, kernel_w, pad_h, pad_w;
  int32_t activation, threads, x_last, y_last;
};

struct Layer : Shape {
  int padded_h, padded_w, out_h, out_w, pool_h, pool_w, pooled;
  int row;      // floats in a window's row
  int lanes_k;  // outputs, rounded up to whole vectors
  int64_t image;  // floats in a padded image, with room to read one vector past its end

  explicit Layer(const Shape& shape) : Shape(shape) {
    padded_h = height + 2 * pad_h, padded_w = width + 2 * pad_w;
    out_h = padded_h - kernel_h + 1, out_w = padded_w - kernel_w + 1;
    pool_h = out_h / 2, pool_w = out_w / 2, pooled = pool_h * pool_w;
    row = kernel_w * channels;
    lanes_k = round_up(outputs, LANES);
    image = (int64_t)padded_h * padded_w * channels;
    image = (image + LANES - 1) / LANES * LANES + round_up(row, LANES) + LANES;
  }
  int line() const { return padded_w * channels; }
};

// Hands out pieces of one buffer; with no buffer it only counts.
struct Workspace {
  float* base;
  int64_t used = 0;
  float* take(int64_t floats) {
    float* piece = base ? base + used : nullptr;
    used += (floats + 15) / 16 * 16;
    return piece;
  }
};

// Part `index` of `count` even parts of `total`.
struct Part {
  int begin, size;
  Part(int total, int count, int index) {
    int small = total / count, larger = total % count;
    begin = index * small + std::min(index, larger);
    size = small + (index < larger);
  }
};

constexpr int parts_of(int total, int most) { return (total + most - 1) / most; }

// Copies rows [first, last) of the padded image; the border is zero already.
inline void pad_rows(const Layer& l, const float* x, int first, int last, float* padded) {
  int from = std::max(first - l.pad_h, 0), to = std::min(last - l.pad_h, l.height);
  for (int r = from; r < to; ++r) {
    float* target = padded + (int64_t)(r + l.pad_h) * l.line() + l.pad_w * l.channels;
    if (l.x_last || l.channels == 1) {
      std::memcpy(target, x + (int64_t)r * l.width * l.channels, 4ll * l.width * l.channels);
      continue;
    }
    for (int c = 0; c < l.channels; ++c) {
      const float* source = x + ((int64_t)c * l.height + r) * l.width;
      for (int w = 0; w < l.width; ++w) target[w * l.channels + c] = source[w];
    }
  }
}

// The other way: the inside of a padded image into x's own layout.
inline void unpad(const Layer& l, const float* padded, float* x) {
  for (int r = 0; r < l.height; ++r) {
    const float* source = padded + (int64_t)(r + l.pad_h) * l.line() + l.pad_w * l.channels;
    if (l.x_last || l.channels == 1) {
      std::memcpy(x + (int64_t)r * l.width * l.channels, source, 4ll * l.width * l.channels);
      continue;
    }
    for (int c = 0; c < l.channels; ++c)
      for (int w = 0; w < l.width; ++w)
        x[((int64_t)c * l.height + r) * l.width + w] = source[w * l.channels + c];
  }
}

// Rows of `width` floats, too short for memcpy to pay. All but the last few are moved in whole
// vectors, whose surplus the next row overwrites.
inline void copy_rows(const float* from, int from_pitch, int rows, int width, float* to,
                      int to_pitch) {
  int whole = std::max(0, rows - parts_of(LANES, std::min(from_pitch, to_pitch)));
  for (int r = 0; r < rows; ++r, from += from_pitch, to += to_pitch) {
    if (r < whole)
      for (int v = 0; v < width; v += LANES) store(to + v, load(from + v));
    else
      std::memcpy(to, from, 4 * width);
  }
}

// Pooled rows [first, last) of an image from [position][lanes_k] into y's own layout.
inline void write_pooled(const Layer& l, const float* image, int first, int last, float* y) {
  int begin = first * l.pool_w, end = last * l.pool_w;
  if (l.y_last) {
    y += (int64_t)begin * l.outputs, image += (int64_t)begin * l.lanes_k;
    copy_rows(image, l.lanes_k, end - begin, l.outputs, y, l.outputs);
    return;
  }
  for (int o = 0; o < l.outputs; ++o)
    for (int p = begin; p < end; ++p) y[(int64_t)o * l.pooled + p] = image[(int64_t)p * l.lanes_k + o];
}

// A whole pooled image from y's own layout into [position][lanes_k]; lanes past the outputs keep
// whatever they hold, and nobody reads them.
inline void read_pooled(const Layer& l, const float* y, float* image) {
  if (l.y_last) {
    copy_rows(y, l.outputs, l.pooled, l.outputs, image, l.lanes_k);
    return;
  }
  for (int p = 0; p < l.pooled; ++p)
    for (int o = 0; o < l.outputs; ++o) image[(int64_t)p * l.lanes_k + o] = y[(int64_t)o * l.pooled + p];
}

}  // namespace striate
