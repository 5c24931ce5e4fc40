// Backward with an average pool by the transposes of the forward pass's tiles, over its windows:
//
//   Z = A dz A'
//   dx += B [ sum over o of (G w_o G') * Z_o ] B'
//   dW = G' [ sum over tiles and images of Z * (B' x B) ] G
//
// One row of points after the other, so that the sums over tiles stay in registers and what they
// read in the first caches.
#pragma once
#include "avg_backward.hpp"
#include "avg_tiles.hpp"

namespace striate::avg_tiles_backward {

using avg_forward::groups;
using avg_forward::kept_vectors;
using avg_tiles::points;
using lanes::Group;

// Outputs times channels in registers, for dW; tiles times channels, for dx.
constexpr int MOST_OUTPUTS = 4, MOST_TILES = 4, MOST_CHANNELS = REGISTERS == 32 ? 6 : 3;
constexpr int FLOATS_OF_A_BAND = 96 * 1024;  // transformed data and gradients in the second cache

struct Plan : Layer {
  bool wants_dx;
  int side, wide;     // points of a tile's row; columns under a row of tiles
  int rows_together;  // rows of tiles in a band
  int data_line, spread_line;  // vectors to the next tile in transformed data and gradients
  Plan(const Layer& layer, bool dx) : Layer(layer), wants_dx(dx) {
    side = kernel_h + 1, wide = 2 * pool_w + kernel_w - 1;
    data_line = line_of(channels), spread_line = line_of(outputs);
    const int64_t row = (int64_t)side * pool_w * (channels + outputs) * LANES;
    rows_together = (int)std::min<int64_t>(pool_h, std::max<int64_t>(1, FLOATS_OF_A_BAND / row));
  }
  // whole kilobytes apart, tiles would share a few sets of the first cache
  static int line_of(int maps) { return maps * LANES % 256 ? maps : maps + 1; }
  int tiles() const { return rows_together * pool_w; }
  int64_t padded_floats() const { return (int64_t)channels * padded_h * padded_w * LANES; }
  int64_t du_vectors() const { return (int64_t)side * side * outputs * channels; }
};

struct Buffers {
  float *packed, *sums, *threads;
  int32_t *x_place, *y_place;
  int64_t per_thread;
  Buffers(const Plan& p, Workspace& space) {
    packed = space.take(p.wants_dx ? p.du_vectors() : 0), sums = space.take(p.du_vectors() + LANES);
    x_place = reinterpret_cast<int32_t*>(space.take((int64_t)p.channels * p.height * p.width));
    y_place = reinterpret_cast<int32_t*>(space.take((int64_t)p.outputs * p.pooled));
    Workspace one{nullptr};
    OneThread(p, one);
    per_thread = one.used;
    threads = space.take(per_thread * p.threads);
  }
  struct OneThread {
    float *padded, *gradient, *columns, *data, *spread, *dx, *du, *db;
    float* dz;  // [tile][output][row][column]
    OneThread(const Plan& p, Workspace& space) {
      padded = space.take(p.padded_floats());
      gradient = space.take((int64_t)p.outputs * p.pooled * LANES);
      dz = space.take(4ll * p.outputs * p.pooled * LANES);
      columns = space.take((int64_t)p.side * p.rows_together * p.channels * p.wide * LANES);
      data = space.take((int64_t)p.side * p.tiles() * p.data_line * LANES);
      spread = space.take((int64_t)p.side * p.tiles() * p.spread_line * LANES);
      dx = space.take(p.wants_dx ? p.padded_floats() : 0);
      du = space.take(p.du_vectors() * LANES), db = space.take((int64_t)p.outputs * LANES);
    }
  };
  OneThread of(const Plan& p, int thread) const {
    Workspace space{threads + per_thread * thread};
    return {p, space};
  }
};

// [point][block of channels][output][channels of the block]
template <int KERNEL>
void pack_backward(const Plan& p, const float* weight, int first, float* packed) {
  avg_tiles::pack<KERNEL>(p, weight, first, [&](int pair) -> avg_tiles::Packed {
    const int o = pair / p.channels, c = pair % p.channels;
    const Part block = avg_tiles::block_of(p.channels, MOST_CHANNELS, c);
    return {packed + (int64_t)block.begin * p.outputs + o * block.size + c - block.begin,
            p.channels * p.outputs};
  });
}

// columns: [row of points][row of tiles][channel][column]
template <int KERNEL>
void transform_columns(const Plan& p, Part band, const Buffers::OneThread& own) {
  constexpr int SIDE = KERNEL + 1;
  const int64_t next = (int64_t)band.size * p.channels * p.wide * LANES;
  float* columns = own.columns;
  for (int i = 0; i < band.size; ++i)
    for (int c = 0; c < p.channels; ++c) {
      const int64_t row = (int64_t)c * p.padded_h + 2 * (band.begin + i);
      const float* x = own.padded + row * p.padded_w * LANES;
      for (int w = 0; w < p.wide; ++w, x += LANES, columns += LANES) {
        Vec column[SIDE], done[SIDE];
#pragma GCC unroll 6
        for (int h = 0; h < SIDE; ++h) column[h] = load(x + (int64_t)h * p.padded_w * LANES);
        Transform<KERNEL>::data(column, done, 1);
#pragma GCC unroll 6
        for (int h = 0; h < SIDE; ++h) store(columns + h * next, done[h]);
      }
    }
}

// data: [point of the row][tile][channel]
template <int KERNEL>
void transform_row(const Plan& p, int rows, const float* columns, float* data) {
  constexpr int SIDE = KERNEL + 1;
  const int64_t next = (int64_t)rows * p.pool_w * p.data_line * LANES;
  for (int i = 0; i < rows; ++i)
    for (int c = 0; c < p.channels; ++c, columns += p.wide * LANES)
      for (int j = 0; j < p.pool_w; ++j) {
        Vec row[SIDE], done[SIDE];
#pragma GCC unroll 6
        for (int w = 0; w < SIDE; ++w) row[w] = load(columns + (2 * j + w) * LANES);
        Transform<KERNEL>::data(row, done, 1);
        float* to = data + ((int64_t)(i * p.pool_w + j) * p.data_line + c) * LANES;
#pragma GCC unroll 6
        for (int w = 0; w < SIDE; ++w) store(to + w * next, done[w]);
      }
}

// spread: [point of the row][tile][output]
template <int KERNEL>
void spread_row(const Plan& p, int row, int tiles, const float* dz, float* spread) {
  constexpr int SIDE = KERNEL + 1;
  const int64_t next = (int64_t)tiles * p.spread_line * LANES;
  const Vec second = splat(Transform<KERNEL>::SECOND[row]);
  for (int t = 0; t < tiles; ++t, spread += (p.spread_line - p.outputs) * LANES)
    for (int o = 0; o < p.outputs; ++o, dz += 4 * LANES, spread += LANES) {
      Vec a = second * load(dz + 2 * LANES), b = second * load(dz + 3 * LANES), done[SIDE];
      if (row < SIDE - 1) a += load(dz), b += load(dz + LANES);
      Transform<KERNEL>::result_back(a, b, done);
#pragma GCC unroll 6
      for (int w = 0; w < SIDE; ++w) store(spread + w * next, done[w]);
    }
}

template <int OUTPUTS, int CHANNELS>
__attribute__((noinline)) void add_du(const Plan& p, int tiles, const float* z, const float* data,
                                      float* du) {
  Vec sum[OUTPUTS][CHANNELS];
#pragma GCC unroll 8
  for (int o = 0; o < OUTPUTS; ++o)
#pragma GCC unroll 8
    for (int c = 0; c < CHANNELS; ++c) sum[o][c] = load(du + (o * p.channels + c) * LANES);
  for (int t = 0; t < tiles; ++t, z += p.spread_line * LANES, data += p.data_line * LANES) {
    Vec values[CHANNELS];
#pragma GCC unroll 8
    for (int c = 0; c < CHANNELS; ++c) values[c] = load(data + c * LANES), keep(values[c]);
#pragma GCC unroll 8
    for (int o = 0; o < OUTPUTS; ++o) {
      Vec g = load(z + o * LANES);
      keep(g);
#pragma GCC unroll 8
      for (int c = 0; c < CHANNELS; ++c) sum[o][c] += g * values[c];
    }
  }
#pragma GCC unroll 8
  for (int o = 0; o < OUTPUTS; ++o)
#pragma GCC unroll 8
    for (int c = 0; c < CHANNELS; ++c) store(du + (o * p.channels + c) * LANES, sum[o][c]);
}

template <int TILES, int CHANNELS>
__attribute__((noinline)) void multiply(const Plan& p, const float* z, const float* w, float* to) {
  Vec sum[TILES][CHANNELS] = {};
  for (int o = 0; o < p.outputs; ++o, z += LANES, w += CHANNELS) {
    Vec factors[CHANNELS];
#pragma GCC unroll 8
    for (int c = 0; c < CHANNELS; ++c) factors[c] = splat(w[c]);
#pragma GCC unroll 8
    for (int t = 0; t < TILES; ++t) {
      Vec value = load(z + (int64_t)t * p.spread_line * LANES);
      keep(value);
#pragma GCC unroll 8
      for (int c = 0; c < CHANNELS; ++c) sum[t][c] += factors[c] * value;
    }
  }
#pragma GCC unroll 8
  for (int t = 0; t < TILES; ++t)
#pragma GCC unroll 8
    for (int c = 0; c < CHANNELS; ++c)
      store(to + ((int64_t)t * p.data_line + c) * LANES, sum[t][c]);
}

// For one point: every output with every channel.
inline void add_du_of_point(const Plan& p, int tiles, const float* z, const float* data,
                            float* du) {
  const int blocks = parts_of(p.outputs, MOST_OUTPUTS);
  const int pieces = parts_of(p.channels, MOST_CHANNELS);
  for (int b = 0; b < blocks; ++b)
    for (int piece = 0; piece < pieces; ++piece) {
      const Part outputs(p.outputs, blocks, b), channels(p.channels, pieces, piece);
      with_count<MOST_OUTPUTS>(outputs.size, [&](auto some) {
        with_count<MOST_CHANNELS>(channels.size, [&](auto count) {
          add_du<some.value, count.value>(
              p, tiles, z + outputs.begin * LANES, data + channels.begin * LANES,
              du + ((int64_t)outputs.begin * p.channels + channels.begin) * LANES);
        });
      });
    }
}

inline void multiply_point(const Plan& p, int all, const float* z, const float* w, float* to) {
  const int blocks = parts_of(all, MOST_TILES), pieces = parts_of(p.channels, MOST_CHANNELS);
  for (int piece = 0; piece < pieces; ++piece)
    for (int b = 0; b < blocks; ++b) {
      const Part tiles(all, blocks, b), channels(p.channels, pieces, piece);
      with_count<MOST_TILES>(tiles.size, [&](auto some) {
        with_count<MOST_CHANNELS>(channels.size, [&](auto count) {
          multiply<some.value, count.value>(
              p, z + (int64_t)tiles.begin * p.spread_line * LANES,
              w + channels.begin * p.outputs,
              to + ((int64_t)tiles.begin * p.data_line + channels.begin) * LANES);
        });
      });
    }
}

// From products, laid out as `data`, back to `columns`: tiles overlap in all but two columns.
template <int KERNEL>
void back_to_columns(const Plan& p, int rows, const float* products, float* columns) {
  constexpr int SIDE = KERNEL + 1;
  const int64_t next = (int64_t)rows * p.pool_w * p.data_line * LANES;
  for (int i = 0; i < rows; ++i)
    for (int c = 0; c < p.channels; ++c) {
      Vec sum[SIDE] = {};
      for (int j = 0; j < p.pool_w; ++j, columns += 2 * LANES) {
        const float* from = products + ((int64_t)(i * p.pool_w + j) * p.data_line + c) * LANES;
        Vec row[SIDE];
#pragma GCC unroll 6
        for (int w = 0; w < SIDE; ++w) row[w] = load(from + w * next);
        Transform<KERNEL>::data_back(row, sum);
        store(columns, sum[0]), store(columns + LANES, sum[1]);
#pragma GCC unroll 6
        for (int w = 0; w < SIDE - 2; ++w) sum[w] = sum[w + 2];
      }
      for (int w = 0; w < SIDE - 2; ++w, columns += LANES) store(columns, sum[w]);
    }
}

// From all `columns` of a band to dx, which begins with what the band above has left.
template <int KERNEL>
void back_to_dx(const Plan& p, Part band, const Buffers::OneThread& own) {
  constexpr int SIDE = KERNEL + 1;
  const int64_t line = (int64_t)p.padded_w * LANES;
  const int64_t next_tile = (int64_t)p.channels * p.wide * LANES;
  for (int c = 0; c < p.channels; ++c)
    for (int w = 0; w < p.wide; ++w) {
      const float* from = own.columns + ((int64_t)c * p.wide + w) * LANES;
      float* to = own.dx + ((int64_t)c * p.padded_h + 2 * band.begin) * line + w * LANES;
      Vec sum[SIDE] = {};
      if (band.begin)
        for (int h = 0; h < SIDE - 2; ++h) sum[h] = load(to + h * line);
      for (int i = 0; i < band.size; ++i, from += next_tile, to += 2 * line) {
        Vec column[SIDE];
#pragma GCC unroll 6
        for (int h = 0; h < SIDE; ++h) column[h] = load(from + h * band.size * next_tile);
        Transform<KERNEL>::data_back(column, sum);
        store(to, sum[0]), store(to + line, sum[1]);
#pragma GCC unroll 6
        for (int h = 0; h < SIDE - 2; ++h) sum[h] = sum[h + 2];
      }
      for (int h = 0; h < SIDE - 2; ++h) store(to + h * line, sum[h]);
    }
}

template <int KERNEL>
void one_band(const Plan& p, Part band, const Buffers& shared, const Buffers::OneThread& own) {
  constexpr int SIDE = KERNEL + 1;
  const int tiles = band.size * p.pool_w, pairs = p.outputs * p.channels;
  transform_columns<KERNEL>(p, band, own);
  for (int r = 0; r < SIDE; ++r) {
    float* columns = own.columns + (int64_t)r * band.size * p.channels * p.wide * LANES;
    transform_row<KERNEL>(p, band.size, columns, own.data);
    spread_row<KERNEL>(p, r, tiles,
                       own.dz + 4ll * band.begin * p.pool_w * p.outputs * LANES, own.spread);
    for (int s = 0; s < SIDE; ++s) {
      const int64_t point = r * SIDE + s;
      const float* z = own.spread + (int64_t)s * tiles * p.spread_line * LANES;
      float* data = own.data + (int64_t)s * tiles * p.data_line * LANES;
      add_du_of_point(p, tiles, z, data, own.du + point * pairs * LANES);
      if (p.wants_dx) multiply_point(p, tiles, z, shared.packed + point * pairs, data);
    }
    if (p.wants_dx) back_to_columns<KERNEL>(p, band.size, own.data, columns);
  }
  if (p.wants_dx) back_to_dx<KERNEL>(p, band, own);
}

// The gradients of up to LANES kernels, from pair `first` of [output][channel] on.
template <int KERNEL>
void transform_back(const Plan& p, const float* sums, int first, float* dweight) {
  constexpr int SIDE = KERNEL + 1, TAPS = KERNEL * KERNEL;
  const int pairs = p.outputs * p.channels, count = std::min(LANES, pairs - first);
  Vec whole[SIDE * SIDE], half[KERNEL * SIDE], kernel[TAPS];
  for (int point = 0; point < SIDE * SIDE; ++point)
    whole[point] = load(sums + (int64_t)point * pairs + first);
  for (int s = 0; s < SIDE; ++s) Transform<KERNEL>::kernel_back(whole + s, half + s, SIDE, SIDE);
  for (int k = 0; k < KERNEL; ++k)
    Transform<KERNEL>::kernel_back(half + k * SIDE, kernel + k * KERNEL, 1, 1);
  for (int t = 0; t < TAPS; ++t)
    for (int i = 0; i < count; ++i) dweight[((int64_t)first + i) * TAPS + t] = kernel[t][i];
}

template <int ACT, int KERNEL>
void one_group(const Plan& p, const Group& group, const float* gradient, const float* x,
               const float* kept, float* dx, const Buffers& shared, const Buffers::OneThread& own) {
  const int elements = p.channels * p.height * p.width;
  lanes::to_lanes(group, x, elements, shared.x_place, own.padded);
  lanes::to_lanes(group, gradient, p.outputs * p.pooled, shared.y_place, own.gradient);
  avg_backward::make_dz<ACT>(p, group, kept, own, 4 * p.outputs, [&](int o, int h) {
    return 4 * ((int64_t)h / 2 * p.pool_w * p.outputs + o) + h % 2 * 2;
  });
  const int bands = parts_of(p.pool_h, p.rows_together);
  for (int b = 0; b < bands; ++b) one_band<KERNEL>(p, Part(p.pool_h, bands, b), shared, own);
  if (dx) lanes::from_lanes(group, own.dx, elements, shared.x_place, dx);
}

template <int ACT, int KERNEL>
void run(const Plan& p, const float* gradient, const float* x, const float* weight,
         const float* kept, float* dx, float* dweight, float* dbias, const Buffers& shared) {
  const int pairs = p.outputs * p.channels;
#pragma omp parallel num_threads(p.threads)
  {
    const Buffers::OneThread own = shared.of(p, omp_get_thread_num());
    std::memset(own.padded, 0, 4 * p.padded_floats());
    if (dx) std::memset(own.dx, 0, 4 * p.padded_floats());
    std::memset(own.du, 0, 4 * p.du_vectors() * LANES);
    std::memset(own.db, 0, 4ll * p.outputs * LANES);
#pragma omp single
    avg_forward::place_x(p, shared.x_place), avg_forward::place_y(p, shared.y_place);
#pragma omp for schedule(static)
    for (int pair = 0; pair < pairs; pair += LANES)
      if (dx) pack_backward<KERNEL>(p, weight, pair, shared.packed);
#pragma omp for schedule(static)
    for (int g = 0; g < groups(p); ++g)
      one_group<ACT, KERNEL>(p, Group(p, g), gradient, x,
                             ACT == IDENTITY ? kept : kept + g * kept_vectors(p) * LANES, dx,
                             shared, own);
    const int threads = omp_get_num_threads();
#pragma omp for schedule(static) nowait
    for (int o = 0; o < p.outputs; o += LANES)
      lanes::add_up(threads, o, p.outputs, [&](int t) { return shared.of(p, t).db; }, dbias);
#pragma omp for schedule(static)
    for (int64_t e = 0; e < p.du_vectors(); e += LANES)
      lanes::add_up(threads, e, p.du_vectors(), [&](int t) { return shared.of(p, t).du; },
                    shared.sums);
#pragma omp for schedule(static)
    for (int pair = 0; pair < pairs; pair += LANES)
      transform_back<KERNEL>(p, shared.sums, pair, dweight);
  }
}

}  // namespace striate::avg_tiles_backward
