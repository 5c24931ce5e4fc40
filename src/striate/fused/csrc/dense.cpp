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
constexpr int64_t PACKED = (int64_t)DEPTH * PANEL * LANES;

// Mirrored by `DenseShape` in dense.py.
struct Dense {
  int32_t rows, inputs, outputs, activation, threads;
};

struct Matrix {
  const float* base;
  int64_t row, column;  // floats to the next row, to the next column
  const float* at(int64_t r, int64_t c) const { return base + r * row + c * column; }
};

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
  for (int k = 0; k < depth; ++k, packed += lanes) {
    std::memcpy(packed, b.at(first + k, column), 4 * width);
    std::memset(packed + width, 0, 4 * (lanes - width));
  }
}

template <int COUNT, int VECTORS>
INLINE void tile(const Matrix& a, int row, int first, int depth, const float* packed, float* out) {
  Vec sum[COUNT][VECTORS] = {};
  const float* from = a.at(row, first);
  for (int k = 0; k < depth; ++k, packed += VECTORS * LANES, from += a.column) {
    Vec b[VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; ++v) b[v] = load(packed + v * LANES);
#pragma GCC unroll 8
    for (int r = 0; r < COUNT; ++r) {
      Vec value = splat(from[r * a.row]);
#pragma GCC unroll 4
      for (int v = 0; v < VECTORS; ++v) sum[r][v] += value * b[v];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < COUNT; ++r)
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; ++v) store(out + (r * VECTORS + v) * LANES, sum[r][v]);
}

// One panel of c = a b: columns [column, column + width) of all `rows`; finish(c) takes each vector
// of the last sum. A sum is cut at DEPTH, which also loses fewer bits.
template <int VECTORS, typename Finish>
void panel(int rows, int depth, const Matrix& a, const Matrix& b, int column, int width, float* c,
           int64_t stride, float* packed, Finish&& finish) {
  alignas(64) float out[ROWS * PANEL * LANES];
  const int pieces = std::max(1, parts_of(depth, DEPTH));
  for (int piece = 0; piece < pieces; ++piece) {
    Part part(depth, pieces, piece);
    pack(b, part.begin, part.size, column, width, VECTORS * LANES, packed);
    const bool last = piece == pieces - 1;
    for (int row = 0; row < rows; row += ROWS) {
      const int count = std::min(ROWS, rows - row);
      with_count<ROWS>(count, [&](auto some) {
        tile<some.value, VECTORS>(a, row, part.begin, part.size, packed, out);
      });
      for (int r = 0; r < count; ++r)
        for (int v = 0; v < VECTORS; ++v) {
          float* target = c + (row + r) * stride + column + v * LANES;
          const int lanes = std::min(LANES, width - v * LANES);
          Vec sum = load(out + (r * VECTORS + v) * LANES), before = {};
          if (piece && lanes == LANES) before = load(target);
          if (piece && lanes < LANES) std::memcpy(&before, target, 4 * lanes);
          sum += before;
          if (last) sum = finish(column + v * LANES, lanes, sum);
          if (lanes == LANES) store(target, sum);
          else std::memcpy(target, &sum, 4 * lanes);
        }
    }
  }
}

// c = a b for the threads of a running team.
template <typename Finish>
void product(int rows, int columns, int depth, const Matrix& a, const Matrix& b, float* c,
             float* packed, Finish&& finish) {
  const int vectors = parts_of(columns, LANES), panels = parts_of(vectors, PANEL);
#pragma omp for schedule(static)
  for (int p = 0; p < panels; ++p) {
    Part part(vectors, panels, p);
    const int begin = part.begin * LANES;
    const int width = std::min(part.size * LANES, columns - begin);
    with_count<PANEL>(part.size, [&](auto some) {
      panel<some.value>(rows, depth, a, b, begin, width, c, columns,
                        packed + omp_get_thread_num() * PACKED, finish);
    });
  }
}

}  // namespace

extern "C" int64_t dense_forward_workspace(const Dense* d) { return PACKED * d->threads; }

extern "C" void dense_forward_run(const Dense* d, const float* x, const float* weight,
                                  const float* bias, float* y, float* workspace) {
  const Matrix a{x, d->inputs, 1}, b{weight, 1, d->inputs};
  with_activation(d->activation, [&](auto activation) {
#pragma omp parallel num_threads(d->threads)
    product(d->rows, d->outputs, d->inputs, a, b, y, workspace,
            [&](int column, int lanes, Vec sum) {
              Vec add = {};
              if (bias) std::memcpy(&add, bias + column, 4 * lanes);
              return activate<activation.value>(sum + add);
            });
  });
}

extern "C" int64_t dense_backward_workspace(const Dense* d) {
  return PACKED * d->threads + (int64_t)d->rows * d->outputs + LANES;
}

// dx is null where nobody wants it.
extern "C" void dense_backward_run(const Dense* d, const float* gradient, const float* x,
                                   const float* weight, const float* y, float* dx, float* dweight,
                                   float* dbias, float* workspace) {
  const int64_t all = (int64_t)d->rows * d->outputs;
  float* dz = workspace + PACKED * d->threads;
  const Matrix back{dz, d->outputs, 1}, turned{dz, 1, d->outputs};
  const Matrix w{weight, d->inputs, 1}, in{x, d->inputs, 1};
  auto same = [](int, int, Vec sum) { return sum; };
#pragma omp parallel num_threads(d->threads)
  {
#pragma omp for schedule(static)
    for (int64_t e = 0; e < all; e += LANES) {
      const int lanes = (int)std::min<int64_t>(LANES, all - e);
      Vec g = {}, value = {};
      std::memcpy(&g, gradient + e, 4 * lanes), std::memcpy(&value, y + e, 4 * lanes);
      with_activation(d->activation, [&](auto activation) {
        g = chain<activation.value>(g, value);
      });
      std::memcpy(dz + e, &g, 4 * lanes);
    }
#pragma omp for schedule(static) nowait
    for (int o = 0; o < d->outputs; o += LANES) {
      const int lanes = std::min(LANES, d->outputs - o);
      Vec sum = {};
      for (int r = 0; r < d->rows; ++r) {
        Vec g = {};
        std::memcpy(&g, dz + (int64_t)r * d->outputs + o, 4 * lanes);
        sum += g;
      }
      std::memcpy(dbias + o, &sum, 4 * lanes);
    }
    product(d->outputs, d->inputs, d->rows, turned, in, dweight, workspace, same);
    if (dx) product(d->rows, d->inputs, d->outputs, back, w, dx, workspace, same);
  }
}
