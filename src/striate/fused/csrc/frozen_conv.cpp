// A convolution that only predicts, on maps with channels innermost: any stride and kernel, weights
// packed once, and on the way out bias, another map added, ReLU. The direct form: it gains over
// others where a call has little work for its weights.
//
// A row of a window is kernel_w * channels consecutive floats of the padded map. Some pixels times
// some vectors of outputs are summed in registers over a piece of the weights that stays in cache.
#include <omp.h>

#include "frozen_step.hpp"

using namespace striate;
using striate::frozen::held;

namespace {

constexpr int MOST_VECTORS = REGISTERS == 32 ? 4 : 2;
constexpr int MOST_PIXELS = 6;
constexpr int DEPTH = 576;  // products in one sum, with all outputs of a block: half a second cache
constexpr int PIXELS_TOGETHER = 256;  // of several small images, for each reading of the weights

// Mirrored by `ConvShape` in frozen_conv.py.
struct Conv {
  int32_t batch, channels, height, width, outputs, kernel_h, kernel_w, stride_h, stride_w;
  int32_t pad_h, pad_w, relu, threads;
};

struct Plan : Conv {
  int padded_h, padded_w, out_h, out_w, pixels, row, vectors, blocks, together, groups;
  int rows;    // of the kernel in one sum
  int pieces;  // of a row, where one alone is too long
  int64_t line, image;
  explicit Plan(const Conv& c) : Conv(c) {
    padded_h = height + 2 * pad_h, padded_w = width + 2 * pad_w;
    out_h = (padded_h - kernel_h) / stride_h + 1, out_w = (padded_w - kernel_w) / stride_w + 1;
    pixels = out_h * out_w, row = kernel_w * channels;
    vectors = parts_of(outputs, LANES), blocks = parts_of(vectors, MOST_VECTORS);
    rows = std::clamp(DEPTH / row, 1, (int)kernel_h), pieces = parts_of(row, DEPTH);
    line = (int64_t)padded_w * channels, image = padded_h * line;
    together = std::max(1, PIXELS_TOGETHER / std::max(1, pixels));
    groups = parts_of(batch, together);
  }
  bool pads() const { return pad_h || pad_w; }
};

void pad(const Plan& p, const float* x, float* padded) {
  std::memset(padded, 0, 4 * p.pad_h * p.line);
  const int64_t before = (int64_t)p.pad_w * p.channels, inside = (int64_t)p.width * p.channels;
  for (int r = 0; r < p.height; ++r) {
    float* to = padded + (r + p.pad_h) * p.line;
    std::memset(to, 0, 4 * before);
    std::memcpy(to + before, x + r * inside, 4 * inside);
    std::memset(to + before + inside, 0, 4 * before);
  }
  std::memset(padded + (p.pad_h + p.height) * p.line, 0, 4 * p.pad_h * p.line);
}

struct Out {
  const float *bias, *add;  // bias: where a sum begins, null for what is in y already
  bool relu;                // of the last sum
  int lanes;                // outputs of the block
};

// The terms of one sum: `rows` rows, `line` floats apart, of `depth` floats each.
struct Terms {
  int64_t at, line;
  int rows, depth;
};

// Not inlined: around it too few registers would be left for the addresses of the pixels.
template <int PIXELS, int VECTORS>
__attribute__((noinline)) void tile(const float* const* x, const Terms& terms, const float* w, float* const* y,
          const int64_t* add, const Out& out) {
  const float* from[PIXELS];
#pragma GCC unroll 8
  for (int p = 0; p < PIXELS; ++p) from[p] = x[p] + terms.at;
  Vec sum[PIXELS][VECTORS] = {};
  for (int64_t r = 0; r < terms.rows * terms.line; r += terms.line)
    for (int64_t k = r; k < r + terms.depth; ++k, w += VECTORS * LANES) {
      Vec weights[VECTORS];
#pragma GCC unroll 4
      for (int v = 0; v < VECTORS; ++v) weights[v] = load(w + v * LANES), held(weights[v]);
#pragma GCC unroll 8
      for (int p = 0; p < PIXELS; ++p) {
        Vec value = splat(from[p][k]);
#pragma GCC unroll 4
        for (int v = 0; v < VECTORS; ++v) sum[p][v] += value * weights[v];
      }
    }
#pragma GCC unroll 8
  for (int p = 0; p < PIXELS; ++p)
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; ++v) {
      const int lanes = std::min(LANES, out.lanes - v * LANES);
      float* to = y[p] + v * LANES;
      Vec value = {}, more = {};
      if (out.bias) value = load(out.bias + v * LANES);
      else if (lanes == LANES) value = load(to);
      else std::memcpy(&value, to, 4 * lanes);
      value += sum[p][v];
      if (out.add && lanes == LANES) more = load(out.add + add[p] + v * LANES);
      else if (out.add) std::memcpy(&more, out.add + add[p] + v * LANES, 4 * lanes);
      value += more;
      if (out.relu) value = activate<RELU>(value);
      if (lanes == LANES) store(to, value);
      else std::memcpy(to, &value, 4 * lanes);
    }
}

// One block of outputs for the images of one group.
template <int VECTORS>
void block(const Plan& p, const float* maps, Part images, Part part, const float* packed,
           const float* biases, const float* add, float* y) {
  const int all = images.size * p.pixels, tiles = parts_of(all, MOST_PIXELS);
  const int first = part.begin * LANES;
  const float* weights = packed + (int64_t)p.kernel_h * p.row * first;
  for (int r = 0; r < p.kernel_h; r += p.rows)
    for (int piece = 0; piece < p.pieces; ++piece) {
      const Part k(p.row, p.pieces, piece);
      const int rows = std::min(p.rows, p.kernel_h - r);
      const Terms terms{r * p.line + k.begin, p.line, rows, k.size};
      const bool begins = r == 0 && piece == 0;
      const bool ends = r + rows == p.kernel_h && piece == p.pieces - 1;
      const Out out{begins ? biases + first : nullptr, ends ? add : nullptr, ends && p.relu,
                    std::min(part.size * LANES, p.outputs - first)};
      const float* w = weights + ((int64_t)r * p.row + k.begin) * VECTORS * LANES;
      for (int t = 0; t < tiles; ++t) {
        const Part some(all, tiles, t);
        const float* from[MOST_PIXELS] = {};
        float* to[MOST_PIXELS] = {};
        int64_t place[MOST_PIXELS] = {};
        for (int i = 0; i < some.size; ++i) {
          const int n = images.begin + (some.begin + i) / p.pixels;
          const int pixel = (some.begin + i) % p.pixels;
          const int64_t row = pixel / p.out_w * p.stride_h, column = pixel % p.out_w * p.stride_w;
          from[i] = maps + n * p.image + row * p.line + column * p.channels;
          place[i] = ((int64_t)n * p.pixels + pixel) * p.outputs + first;
          to[i] = y + place[i];
        }
        with_count<MOST_PIXELS>(some.size, [&](auto count) {
          tile<count.value, VECTORS>(from, terms, w, to, place, out);
        });
      }
    }
}

}  // namespace

extern "C" int64_t conv_memory(const Conv* conv) {
  const Plan p(*conv);
  return ((int64_t)p.kernel_h * p.row + 1) * p.vectors * LANES;
}

// [block][kernel row][kernel column][channel][lanes of the block], then the biases.
extern "C" void conv_pack(const Conv* conv, const float* weight, const float* bias, float* packed) {
  const Plan p(*conv);
  const int taps = p.kernel_h * p.kernel_w;
  for (int b = 0; b < p.blocks; ++b) {
    const Part part(p.vectors, p.blocks, b);
    const int lanes = part.size * LANES, first = part.begin * LANES;
    for (int t = 0; t < taps; ++t)
      for (int c = 0; c < p.channels; ++c)
        for (int o = first; o < first + lanes; ++o)
          *packed++ = o < p.outputs ? weight[((int64_t)o * p.channels + c) * taps + t] : 0.f;
  }
  for (int o = 0; o < p.vectors * LANES; ++o) *packed++ = bias && o < p.outputs ? bias[o] : 0.f;
}

extern "C" int64_t conv_workspace(const Conv* conv) {
  const Plan p(*conv);
  return p.pads() ? p.batch * p.image : 0;
}

// All maps have channels innermost; `add` is shaped as y, or null.
extern "C" void conv_run(const Conv* conv, const float* x, const float* packed, const float* add,
                         float* y, float* workspace) {
  const Plan p(*conv);
  const float* biases = packed + (int64_t)p.kernel_h * p.row * p.vectors * LANES;
  const float* maps = p.pads() ? workspace : x;
#pragma omp parallel num_threads(p.threads)
  {
    if (p.pads()) {
#pragma omp for schedule(static)
      for (int n = 0; n < p.batch; ++n)
        pad(p, x + (int64_t)n * p.height * p.width * p.channels, workspace + n * p.image);
    }
#pragma omp for schedule(static)
    for (int item = 0; item < p.groups * p.blocks; ++item) {
      const Part images(p.batch, p.groups, item / p.blocks);
      const Part part(p.vectors, p.blocks, item % p.blocks);
      with_count<MOST_VECTORS>(part.size, [&](auto count) {
        block<count.value>(p, maps, images, part, packed, biases, add, y);
      });
    }
  }
}
