// A dense layer with its activation: three matrix products with packed panels and register tiles.
//
//   y  = activation(x w' + b)       x: [rows][inputs], w: [outputs][inputs]
//   dz = dy * activation'(y),  db = sum of dz,  dx = dz w,  dw = dz' x
#include <omp.h>

#include "layer.hpp"
#include "transpose.hpp"

using namespace striate;

namespace {

constexpr int PANEL = REGISTERS == 32 ? 4 : 2;  // vectors
constexpr int ROWS = 6;
constexpr int DEPTH = 256;  // of a packed panel: it stays in the second cache
constexpr int BLOCK = 128 / (PANEL * LANES);  // panels packed together: fewer visits to a page
constexpr int CACHED = 64 * 1024;             // floats of c in the second cache beside them
constexpr int LINE = 16;                      // floats
constexpr int64_t PACKED = (int64_t)DEPTH * BLOCK * PANEL * LANES;

// Mirrored by `DenseShape` in dense.py.
struct Dense {
  int32_t rows, inputs, outputs, activation, threads;
};

struct Matrix {
  const float* base;
  int64_t row, column;  // floats to the next row, to the next column
  const float* at(int64_t r, int64_t c) const { return base + r * row + c * column; }
};

// The first `lanes` of a vector, zero past them: memcpy of a size not known is a call.
INLINE Vec load_some(const float* from, int lanes) {
  if (lanes >= LANES) return load(from);
  Vec some = {};
  std::memcpy(&some, from, 4 * lanes);
  return some;
}

INLINE void store_some(float* to, Vec value, int lanes) {
  if (lanes >= LANES) return store(to, value);
  std::memcpy(to, &value, 4 * lanes);
}

// packed[k][lane] of rows [first, first + depth) and `width` columns of b, zero past the width.
void pack(const Matrix& b, int first, int depth, int column, int width, int lanes, float* packed) {
  if (b.row == 1) {
    for (int v = 0; v < lanes; v += LANES) {
      int k = 0;
      for (; k + LANES <= depth && v + LANES <= width; k += LANES) {
        Vec block[LANES];
        for (int i = 0; i < LANES; ++i) block[i] = load(b.at(first + k, column + v + i));
        transpose(block);
        for (int i = 0; i < LANES; ++i) store(packed + (int64_t)(k + i) * lanes + v, block[i]);
      }
      for (; k < depth; ++k)
        for (int i = v; i < v + LANES; ++i)
          packed[(int64_t)k * lanes + i] = i < width ? *b.at(first + k, column + i) : 0.f;
    }
    return;
  }
  with_count<PANEL>(lanes / LANES, [&](auto vectors) {
    const float* from = b.at(first, column);
    for (int k = 0; k < depth; ++k, packed += lanes, from += b.row) {
#pragma GCC unroll 4
      for (int v = 0; v + 1 < vectors.value; ++v) store(packed + v * LANES, load(from + v * LANES));
      const int v = lanes - LANES;
      store(packed + v, load_some(from + v, width - v));
    }
  });
}

// packed[k][ROWS]: some rows of a piece of the left operand, side by side.
void pack_left(const Matrix& a, int row, int count, Part piece, float* packed) {
  int k = 0;
  if (a.row == 1 && count == ROWS)
    for (; k < piece.size; ++k)
      std::memcpy(packed + k * ROWS, a.at(row, piece.begin + k), 4 * ROWS);
  for (; k < piece.size; ++k)
    for (int r = 0; r < count; ++r) packed[k * ROWS + r] = *a.at(row + r, piece.begin + k);
}

// Memory that is read soon, asked for a few lines at a time.
struct Ahead {
  const float* run = nullptr;
  int64_t stride = 0;
  int runs = 0, floats = 0, at = 0;
  int lines() const { return runs * parts_of(floats, LINE); }
  void fetch(int count) {
    for (; count && runs; --count) {
      __builtin_prefetch(run + at, 0, 2);
      at += LINE;
      if (at >= floats) at = 0, run += stride, --runs;
    }
  }
};

template <int COUNT, int VECTORS>
INLINE void tile(const Matrix& left, int depth, const float* packed, float* out) {
  Vec sum[COUNT][VECTORS] = {};
  const float* from = left.base;
  for (int k = 0; k < depth; ++k, from += left.column, packed += VECTORS * LANES) {
    Vec b[VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; ++v) b[v] = load(packed + v * LANES);
#pragma GCC unroll 8
    for (int r = 0; r < COUNT; ++r) {
      Vec value = splat(from[r * left.row]);
#pragma GCC unroll 4
      for (int v = 0; v < VECTORS; ++v) sum[r][v] += value * b[v];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < COUNT; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; ++v) store(out + (r * VECTORS + v) * LANES, sum[r][v]);
}

// c = a b, or a part of it.
struct Product {
  int rows, columns, depth;
  Matrix a, b;
  float *c, *left, *packed;  // left: room for a where it is packed; packed: for each thread's b

  // Values of one column, apart in memory, would be fetched again for each panel.
  bool packs_left() const { return a.column != 1; }
  float* packed_left(int row, Part piece) const {
    return left + (int64_t)round_up(rows, ROWS) * piece.begin + (int64_t)row * piece.size;
  }
  Matrix left_at(int row, Part piece) const {
    if (packs_left()) return {packed_left(row, piece), 1, ROWS};
    return {a.at(row, piece.begin), a.row, a.column};
  }
  int panels() const { return parts_of(parts_of(columns, LANES), PANEL); }
  int pieces() const { return std::max(1, parts_of(depth, DEPTH)); }
  Part panel(int index) const {  // in floats
    Part part(parts_of(columns, LANES), panels(), index);
    part.begin *= LANES, part.size = std::min(part.size * LANES, columns - part.begin);
    return part;
  }
  // What is packed for the panels [first, end).
  Ahead source(int first, int end, Part piece) const {
    if (first >= end) return {};
    const Part left = panel(first), right = panel(end - 1);
    const int width = right.begin + right.size - left.begin;
    const float* from = b.at(piece.begin, left.begin);
    if (b.row == 1) return {from, b.column, width, piece.size};
    return {from, b.row, piece.size, width};
  }
};

// b for the panels [first, end), one after another.
void pack_panels(const Product& p, int first, int end, Part piece) {
  const int step = p.b.row == 1 ? piece.size : 32;
  for (int k = 0; k < piece.size; k += step) {
    float* packed = p.packed;
    for (int index = first; index < end; ++index) {
      const Part columns = p.panel(index);
      const int lanes = round_up(columns.size, LANES);
      pack(p.b, piece.begin + k, std::min(step, piece.size - k), columns.begin, columns.size, lanes,
           packed + k * lanes);
      packed += piece.size * lanes;
    }
  }
}

// One piece of one panel of c; finish(column, lanes, sum) takes each vector of the last sum.
template <int VECTORS, typename Finish>
void multiply(const Product& p, int index, int piece, const float* packed, Ahead& ahead, int lines,
              Finish&& finish) {
  alignas(64) float out[ROWS * PANEL * LANES];
  const Part columns = p.panel(index), part(p.depth, p.pieces(), piece);
  const bool last = piece == p.pieces() - 1;
  for (int row = 0; row < p.rows; row += ROWS) {
    const int count = std::min(ROWS, p.rows - row);
    float* c = p.c + (int64_t)row * p.columns + columns.begin;
    ahead.fetch(lines);
    with_count<ROWS>(count, [&](auto some) {
      tile<some.value, VECTORS>(p.left_at(row, part), part.size, packed, out);
    });
    for (int r = 0; r < count; ++r, c += p.columns)
      for (int v = 0; v < VECTORS; ++v) {
        const int lanes = std::min(LANES, columns.size - v * LANES);
        Vec sum = load(out + (r * VECTORS + v) * LANES);
        if (piece) sum += load_some(c + v * LANES, lanes);
        if (last) sum = finish(columns.begin + v * LANES, lanes, sum);
        store_some(c + v * LANES, sum, lanes);
      }
  }
}

template <typename Finish>
void multiply_panels(const Product& p, int first, int end, int piece, Finish&& finish) {
  const Part part(p.depth, p.pieces(), piece);
  for (int index = first; index < end;) {
    const int stop = std::min(index + BLOCK, end);
    pack_panels(p, index, stop, part);
    Ahead ahead = p.source(stop, std::min(stop + BLOCK, end), part);
    const int lines = parts_of(ahead.lines(), parts_of(p.rows, ROWS) * (stop - index));
    for (const float* packed = p.packed; index < stop; ++index)
      with_count<PANEL>(parts_of(p.panel(index).size, LANES), [&](auto some) {
        multiply<some.value>(p, index, piece, packed, ahead, lines, finish);
        packed += part.size * some.value * LANES;
      });
  }
}

// The whole by the threads of a running team. A sum is cut at DEPTH, which also loses fewer bits;
// each piece of the left operand stays in cache while the panels pass by.
template <typename Finish>
void product(Product p, Finish&& finish) {
  const int pieces = p.pieces();
  if (p.packs_left()) {
#pragma omp for schedule(static)
    for (int row = 0; row < p.rows; row += ROWS)
      for (int piece = 0; piece < pieces; ++piece) {
        const Part part(p.depth, pieces, piece);
        pack_left(p.a, row, std::min(ROWS, p.rows - row), part, p.packed_left(row, part));
      }
  }
  p.packed += omp_get_thread_num() * PACKED;
  const Part own(p.panels(), omp_get_num_threads(), omp_get_thread_num());
  const int group = std::max(1, CACHED / (p.rows * BLOCK * PANEL * LANES)) * BLOCK;
  const int end = own.begin + own.size;
  for (int first = own.begin; first < end; first += group)
    for (int piece = 0; piece < pieces; ++piece)
      multiply_panels(p, first, std::min(first + group, end), piece, finish);
#pragma omp barrier
}

// Of the rows of dz: never a page, where rows would push one another out of the cache.
int64_t pitch_of(const Dense& d) { return round_up(d.outputs, LANES) + LANES; }

}  // namespace

extern "C" int64_t dense_forward_workspace(const Dense* d) { return PACKED * d->threads; }

extern "C" void dense_forward_run(const Dense* d, const float* x, const float* weight,
                                  const float* bias, float* y, float* workspace) {
  const Product whole{d->rows, d->outputs, d->inputs, {x, d->inputs, 1}, {weight, 1, d->inputs},
                      y, nullptr, workspace};
  with_activation(d->activation, [&](auto activation) {
#pragma omp parallel num_threads(d->threads)
    product(whole, [&](int column, int lanes, Vec sum) {
      if (bias) sum += load_some(bias + column, lanes);
      return activate<activation.value>(sum);
    });
  });
}

extern "C" int64_t dense_backward_workspace(const Dense* d) {
  return PACKED * d->threads + d->rows * pitch_of(*d) +
         (int64_t)round_up(d->outputs, ROWS) * d->rows;
}

// dx is null where nobody wants it.
extern "C" void dense_backward_run(const Dense* d, const float* gradient, const float* x,
                                   const float* weight, const float* y, float* dx, float* dweight,
                                   float* dbias, float* workspace) {
  const int64_t pitch = pitch_of(*d);
  float *dz = workspace + PACKED * d->threads, *left = dz + d->rows * pitch;
  const Product to_w{d->outputs, d->inputs, d->rows, {dz, 1, pitch}, {x, d->inputs, 1},
                     dweight, left, workspace};
  const Product to_x{d->rows, d->inputs, d->outputs, {dz, pitch, 1}, {weight, d->inputs, 1},
                     dx, left, workspace};
  auto same = [](int, int, Vec sum) { return sum; };
#pragma omp parallel num_threads(d->threads)
  {
    with_activation(d->activation, [&](auto activation) {
#pragma omp for schedule(static)
      for (int r = 0; r < d->rows; ++r)
        for (int o = 0; o < d->outputs; o += LANES) {
          const int64_t at = (int64_t)r * d->outputs + o;
          const int lanes = d->outputs - o;
          const Vec g = load_some(gradient + at, lanes), value = load_some(y + at, lanes);
          store(dz + (int64_t)r * pitch + o, chain<activation.value>(g, value));
        }
    });
#pragma omp for schedule(static) nowait
    for (int o = 0; o < d->outputs; o += LANES) {
      Vec sum = {};
      for (int r = 0; r < d->rows; ++r)
        sum += load(dz + (int64_t)r * pitch + o);
      store_some(dbias + o, sum, d->outputs - o);
    }
    product(to_w, same);
    if (dx) product(to_x, same);
  }
}
