// 3x3 convolution with stride 1 on NHWC float32 maps by Winograd's F(4x4, 3x3), in three passes.
//
// A map is cut into tiles of 4x4 outputs. Each tile's 6x6 inputs are transformed to 36 points, at
// each point all tiles are multiplied by the transformed weights (a matrix product over channels),
// and 36 sums are transformed back to 16 outputs: 36 products where a direct form has 144.
// The order of every sum is fixed by the sizes alone, whatever the number of threads.
#include <omp.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "winograd_product.hpp"
#include "winograd_workspace.hpp"

namespace winograd {

constexpr long CHUNK = std::max(MAX_COLUMNS, 32 / LANES);  // output blocks whose sums stay in cache
constexpr long TERMS = 64 / LANES;  // channel blocks in one sum: short for accuracy and the cache
constexpr long PASS = 128;          // tiles in one sum over tiles, likewise

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

// ---------------------------------------------------------------- the four transforms

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

void transform_input(const Sizes& s, const Tiles& tiles, const float* x, long first, long last,
                     const Points& to, long row) {
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
void transform_gradient(const Sizes& s, const Tiles& tiles, const float* g, long first, long last,
                        const Points& to, long row) {
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

// Blocks first..last of the sums in `from`, which is the output block `offset + first` and on.
void transform_output(const Sizes& s, const Tiles& tiles, const Points& from, long row, long first,
                      long last, long offset, long blocks, const float* bias, float* y) {
  for (long t = first; t < last; t++, row++) {
    const long image = t / (tiles.rows * tiles.columns);
    const long top = t / tiles.columns % tiles.rows * TILE, left = t % tiles.columns * TILE;
    const int rows = int(std::min<long>(TILE, s.out_height - top));
    const int columns = int(std::min<long>(TILE, s.out_width - left));
    float* corner = y + ((image * s.out_height + top) * s.out_width + left) * s.outputs;
    for (long b = 0; b < blocks; b++) {
      const int lanes = lanes_of(s.outputs, offset + b);
      const Vector shift = bias ? load_lanes(bias + (offset + b) * LANES, lanes) : Vector{};
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
          Vector v = o[k] + shift;
          if (s.relu) v = v < 0 ? Vector{} : v;  // keeps NaN, as torch does
          store_lanes(corner + (r * s.out_width + k) * s.outputs + (offset + b) * LANES, v, lanes);
        }
      }
    }
  }
}

// Weights of input channels first..last to output block `block`; beyond the last channel, zeros.
void transform_weight(const Sizes& s, const float* w, long first, long last, long block,
                      const Points& to, long to_block) {
  const int lanes = lanes_of(s.outputs, block);
  const float* base = w + block * LANES * s.weight_output;
  for (long i = first; i < last; i++) {
    Vector half[3][PATCH] = {};
    if (i < s.channels) {
      alignas(sizeof(Vector)) float tap[9][LANES] = {};
      for (int l = 0; l < lanes; l++) {
        const float* from = base + l * s.weight_output + i * s.weight_input;
        for (int k = 0; k < 9; k++)
          tap[k][l] = from[k / 3 * s.weight_row + k % 3 * s.weight_column];
      }
      for (int r = 0; r < 3; r++) {
        const Vector k[3] = {load(tap[3 * r]), load(tap[3 * r + 1]), load(tap[3 * r + 2])};
        weight_map(k, half[r]);
      }
    }
    store_points<3, weight_map>(half, to, to_block, i - first);
  }
}

// The gradient of the weights of output block `block`, from its 36 points.
void transform_weight_gradient(const Sizes& s, const Points& from, long block, float* dw) {
  const int lanes = lanes_of(s.outputs, block);
  for (long i = 0; i < s.channels; i++) {
    Vector half[3][PATCH];
    for (int k = 0; k < PATCH; k++) {
      Vector m[PATCH], o[3];
      for (int r = 0; r < PATCH; r++) m[r] = load(from.at(r * PATCH + k, block, i));
      tap_map(m, o);
      for (int r = 0; r < 3; r++) half[r][k] = o[r];
    }
    for (int r = 0; r < 3; r++) {
      Vector o[3];
      tap_map(half[r], o);
      for (int k = 0; k < 3; k++)
        for (int l = 0; l < lanes; l++)
          dw[(block * LANES + l) * s.weight_output + i * s.weight_input + r * s.weight_row +
             k * s.weight_column] = o[k][l];
    }
  }
}

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
                      const float* bias, float* y, int threads) {
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
      transform_weight(s, w, 0, in * LANES, b, right, b);
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
        transform_output(s, tiles, sum, 0, t, t + count, b, width, bias, y);
      }
    }
  }
}

// Few tiles, many weights: each thread takes some of the outputs, and transforms its weights just
// before it uses them, so that they never leave its cache.
void forward_by_outputs(const Sizes& s, const Tiles& tiles, const float* x, const float* w,
                        const float* bias, float* y, int threads) {
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
            transform_weight(s, w, k * LANES, (k + depth) * LANES, b + j, panel, j);
          multiply_points(points, count, k, depth, panel, 0, width, sum, k > 0);
        }
        transform_output(s, tiles, sum, 0, t, t + count, b, width, bias, y);
      }
#pragma omp barrier
    }
  }
}

void forward(const Sizes& s, const float* x, const float* w, const float* bias, float* y,
             int threads) {
  const Tiles tiles(s);
  const bool many_weights = POINTS * s.channels * s.outputs > (3L << 20) / 4;
  const bool few_tiles = tiles.count < 4L * MAX_ROWS * threads;
  (many_weights || few_tiles ? forward_by_outputs : forward_by_tiles)(s, tiles, x, w, bias, y,
                                                                      threads);
}

// ---------------------------------------------------------------- backward to the weights

void backward_weight(const Sizes& s, const float* x, const float* g, float* dw, int threads) {
  const Tiles tiles(s);
  const long in = blocks_of(s.channels), out = blocks_of(s.outputs);
  const long rows = std::min(tiles.count, PASS);
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

}  // namespace winograd

// 0, or 1 when there is no memory for the workspace. No exception may pass a C boundary.
extern "C" int winograd_forward(const winograd::Sizes* sizes, const float* x, const float* weight,
                                const float* bias, float* y, int threads) {
  try {
    winograd::forward(*sizes, x, weight, bias, y, threads);
  } catch (const std::bad_alloc&) {
    return 1;
  }
  return 0;
}

extern "C" int winograd_backward_weight(const winograd::Sizes* sizes, const float* x,
                                        const float* gradient, float* dw, int threads) {
  try {
    winograd::backward_weight(*sizes, x, gradient, dw, threads);
  } catch (const std::bad_alloc&) {
    return 1;
  }
  return 0;
}

extern "C" void winograd_release() { winograd::Workspace::release_all(); }
