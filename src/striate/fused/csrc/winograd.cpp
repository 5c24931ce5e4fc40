// 3x3 convolution with stride 1 on NHWC float32 maps by Winograd's F(4x4, 3x3), in three passes.
//
// A map is cut into tiles of 4x4 outputs. Each tile's 6x6 inputs are transformed to 36 points, at
// each point all tiles are multiplied by the transformed weights (a matrix product over channels),
// and 36 sums are transformed back to 16 outputs: 36 products where a direct form has 144.
// The order of every sum is fixed by the sizes alone, whatever the number of threads.
#include <omp.h>
#include <unistd.h>

#include <algorithm>

#include "winograd_maps.hpp"
#include "winograd_product.hpp"
#include "winograd_weights.hpp"
#include "winograd_workspace.hpp"

namespace {  // one library, one source file: nothing here is seen from outside

constexpr long CHUNK = std::max(MAX_COLUMNS, 32 / LANES);  // output blocks whose sums stay in cache
constexpr long TERMS = 64 / LANES;  // channel blocks in one sum: short for accuracy and the cache
constexpr long PASS = 128;          // tiles whose sums for some outputs stay in cache
constexpr long SHARED = 256;        // tiles in one sum over tiles: two barriers each time

// ---------------------------------------------------------------- the products

// At all 36 points: out(rows, columns) (+)= left(rows, terms) right(terms, columns), where the
// terms are `blocks` blocks of `left` from `from` on, TERMS of them in one sum.
void multiply_points(const Points& left, long rows, long from, long blocks, const Points& right,
                     long from_column, long columns, const Points& out, bool add) {
  const long row_parts = (rows + MAX_ROWS - 1) / MAX_ROWS;
  const long column_parts = (columns + MAX_COLUMNS - 1) / MAX_COLUMNS;
  for (int p = 0; p < POINTS; p++)
    for (long c = 0; c < column_parts; c++) {
      const long j = piece(columns, column_parts, c), j_end = piece(columns, column_parts, c + 1);
      for (long r = 0; r < row_parts; r++) {
        const long i = piece(rows, row_parts, r), i_end = piece(rows, row_parts, r + 1);
        const Kernel kernel = inner_kernel(int(i_end - i), int(j_end - j));
        for (long k = 0; k < blocks; k += TERMS)
          kernel({left.at(p, from + k, i), left.block, int(std::min(TERMS, blocks - k)), LANES,
                  right.at(p, from_column + j, k * LANES), right.block, out.at(p, j, i), out.block,
                  add || k > 0});
      }
    }
}

// At point p, for output blocks first..last: out(channels, outputs) (+)= left^T right.
void multiply_outer(int p, const Points& left, long channel_blocks, const Points& right, long first,
                    long last, long terms, const Points& out, bool add) {
  const long parts = (last - first + OUTER_COLUMNS - 1) / OUTER_COLUMNS;
  for (long c = 0; c < parts; c++) {
    const long j = first + piece(last - first, parts, c);
    const long j_end = first + piece(last - first, parts, c + 1);
    const Kernel kernel = outer_kernel(int(j_end - j));
    for (long b = 0; b < channel_blocks; b++)
      for (int i = 0; i < LANES; i += OUTER_ROWS)
        kernel({left.at(p, b, 0) + i, 0, 1, int(terms), right.at(p, j, 0), right.block,
                out.at(p, j, b * LANES + i), out.block, add});
  }
}

// ---------------------------------------------------------------- forward

long cache_floats() {
  long bytes = 0;
#ifdef _SC_LEVEL2_CACHE_SIZE
  bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
#endif
  return std::clamp(bytes, 256L << 10, 4L << 20) / long(sizeof(float));
}

// Each thread takes some of the tiles through all three steps; the weights are transformed before.
void forward_by_tiles(const Sizes& s, const Tiles& tiles, const float* x, const float* w,
                      const Added& added, float* y, int threads) {
  const long in = blocks_of(s.channels), out = blocks_of(s.outputs), chunk = std::min(CHUNK, out);
  const long fit = cache_floats() / 2 / (POINTS * (in + chunk) * LANES);
  const long share = (tiles.count + threads - 1) / threads;
  const long rows = std::min(std::max<long>(fit / MAX_ROWS, 1) * MAX_ROWS, share);
  const size_t weights = Points::floats(out, in * LANES);
  const size_t left = Points::floats(in, rows), sums = Points::floats(chunk, rows);
  Workspace space(weights + threads * (left + sums));
  const Points right(space.data(), out, in * LANES);
#pragma omp parallel num_threads(threads)
  {
    const long team = omp_get_num_threads(), me = omp_get_thread_num();
    for (long b = piece(out, team, me); b < piece(out, team, me + 1); b++)
      transform_weight(s, w, 0, in, b, right, b);
#pragma omp barrier
    float* mine = space.data() + weights + me * (left + sums);
    const Points points(mine, in, rows), sum(mine + left, chunk, rows);
    const long end = piece(tiles.count, team, me + 1);
    for (long t = piece(tiles.count, team, me); t < end; t += rows) {
      const long count = std::min(rows, end - t);
      transform_input(s, tiles, x, t, t + count, points, 0);
      for (long b = 0; b < out; b += chunk) {
        const long width = std::min(chunk, out - b);
        multiply_points(points, count, 0, in, right, b, width, sum, false);
        transform_output(s, tiles, sum, 0, t, t + count, b, width, added, y);
      }
    }
  }
}

// Few tiles, many weights: each thread takes some of the outputs, and transforms its weights just
// before it uses them, so that they never leave its cache.
void forward_by_outputs(const Sizes& s, const Tiles& tiles, const float* x, const float* w,
                        const Added& added, float* y, int threads) {
  const long in = blocks_of(s.channels), out = blocks_of(s.outputs), chunk = std::min(CHUNK, out);
  const long terms = std::min(TERMS, in), rows = std::min(tiles.count, PASS);
  const size_t left = Points::floats(in, rows);
  const size_t weights = Points::floats(chunk, terms * LANES), sums = Points::floats(chunk, rows);
  Workspace space(left + threads * (weights + sums));
  const Points points(space.data(), in, rows);
  const long chunks = (out + chunk - 1) / chunk;
#pragma omp parallel num_threads(threads)
  {
    const long team = omp_get_num_threads(), me = omp_get_thread_num();
    float* mine = space.data() + left + me * (weights + sums);
    const Points panel(mine, chunk, terms * LANES), sum(mine + weights, chunk, rows);
    for (long t = 0; t < tiles.count; t += rows) {
      const long count = std::min(rows, tiles.count - t), first = piece(count, team, me);
      transform_input(s, tiles, x, t + first, t + piece(count, team, me + 1), points, first);
#pragma omp barrier
      for (long c = piece(chunks, team, me); c < piece(chunks, team, me + 1); c++) {
        const long b = c * chunk, width = std::min(chunk, out - b);
        for (long k = 0; k < in; k += terms) {
          const long depth = std::min(terms, in - k);
          for (long j = 0; j < width; j++)
            transform_weight(s, w, k, k + depth, b + j, panel, j);
          multiply_points(points, count, k, depth, panel, 0, width, sum, k > 0);
        }
        transform_output(s, tiles, sum, 0, t, t + count, b, width, added, y);
      }
#pragma omp barrier
    }
  }
}

void forward(const Sizes& s, const float* x, const float* w, const Added& added, float* y,
             int threads) {
  const Tiles tiles(s);
  const bool many_weights = POINTS * s.channels * s.outputs > (3L << 20) / 4;
  const bool few_tiles = tiles.count < 4L * MAX_ROWS * threads;
  (many_weights || few_tiles ? forward_by_outputs : forward_by_tiles)(s, tiles, x, w, added, y,
                                                                      threads);
}

// ---------------------------------------------------------------- backward to the weights

void backward_weight(const Sizes& s, const float* x, const float* g, float* dw, int threads) {
  const Tiles tiles(s);
  const long in = blocks_of(s.channels), out = blocks_of(s.outputs);
  const long rows = std::min(tiles.count, SHARED);
  const size_t left = Points::floats(in, rows), right = Points::floats(out, rows);
  Workspace space(left + right + Points::floats(out, in * LANES));
  const Points u(space.data(), in, rows), d(space.data() + left, out, rows);
  const Points sum(space.data() + left + right, out, in * LANES);
  const long groups = (out + OUTER_COLUMNS - 1) / OUTER_COLUMNS, tasks = POINTS * groups;
#pragma omp parallel num_threads(threads)
  {
    const long team = omp_get_num_threads(), me = omp_get_thread_num();
    for (long t = 0; t < tiles.count; t += rows) {
      const long count = std::min(rows, tiles.count - t);
      const long first = piece(count, team, me), last = piece(count, team, me + 1);
      transform_input(s, tiles, x, t + first, t + last, u, first);
      transform_gradient(s, tiles, g, t + first, t + last, d, first);
#pragma omp barrier
      for (long k = piece(tasks, team, me); k < piece(tasks, team, me + 1); k++)
        multiply_outer(int(k / groups), u, in, d, piece(out, groups, k % groups),
                       piece(out, groups, k % groups + 1), count, sum, t > 0);
#pragma omp barrier
    }
    for (long b = piece(out, team, me); b < piece(out, team, me + 1); b++)
      transform_weight_gradient(s, sum, b, dw);
  }
}

}  // namespace

// 0, or 1 when there is no memory for the workspace. No exception may pass a C boundary.
// `add`, shaped as y, joins the result before ReLU; like the bias it may be null.
extern "C" int winograd_forward(const Sizes* sizes, const float* x, const float* weight,
                                const float* bias, const float* add, float* y, int threads) {
  try {
    forward(*sizes, x, weight, {bias, add}, y, threads);
  } catch (const std::bad_alloc&) {
    return 1;
  }
  return 0;
}

extern "C" int winograd_backward_weight(const Sizes* sizes, const float* x,
                                        const float* gradient, float* dw, int threads) {
  try {
    backward_weight(*sizes, x, gradient, dw, threads);
  } catch (const std::bad_alloc&) {
    return 1;
  }
  return 0;
}

// Weights laid out for many calls: pass them with strides of 0.
extern "C" int64_t winograd_laid_out_floats(const Sizes* sizes) {
  return blocks_of(sizes->outputs) * blocks_of(sizes->channels) * (sizeof(Taps) / sizeof(float));
}

extern "C" void winograd_lay_out(const Sizes* sizes, const float* weight, float* to) {
  lay_out(*sizes, weight, reinterpret_cast<Taps*>(to));
}

extern "C" int winograd_lanes() { return LANES; }

extern "C" void winograd_release() { Workspace::release_all(); }
