// Batch normalization in training, with ReLU behind it, or with a sum and ReLU.
//
//   y  = max(z, 0),  z = (x - mean) scale + bias [+ other],  scale = weight / sqrt(variance + epsilon)
//   g  = dy where z > 0,  dbias = sum of g,  dweight = sum of g (x - mean) / sqrt(...),  dother = g
//   dx = scale (g - mean of g - (x - mean) mean of g (x - mean) / (variance + epsilon))
//
// x is [row][channel]: maps in channels_last memory, or a batch of vectors. It costs what memory
// costs, so every pass reads each number once: one for the sums, one for the result. Backward finds
// the sign of z from x again, unless something was added to it.
#include <omp.h>

#include <cmath>

#include "layer.hpp"

using namespace striate;

namespace {

constexpr int BLOCK = 8;  // vectors of neighboring channels: more spill, fewer wait for memory
constexpr int ROWS = 32;  // in one float32 sum; they stay in the first cache for a second look

// Mirrored by `Sizes` in batch_norm.py.
struct Sizes {
  int64_t rows;
  int32_t channels, threads;
  float epsilon;
};

// COUNT vectors of neighboring channels, or one channel at the end.
template <typename T, int COUNT> struct Columns {
  typedef T Value;
  static constexpr int count = COUNT, lanes = sizeof(T) / sizeof(float), all = count * lanes;
  static INLINE T get(const float* p) {
    if constexpr (lanes == 1) return *p;
    else return load(p);
  }
  static INLINE void put(float* p, T value) {
    if constexpr (lanes == 1) *p = value;
    else store(p, value);
  }
  static INLINE void get_all(const float* p, T (&values)[COUNT]) {
    for (int v = 0; v < COUNT; ++v) values[v] = get(p + v * lanes);
  }
  static INLINE void put_all(float* p, const T (&values)[COUNT]) {
    for (int v = 0; v < COUNT; ++v) put(p + v * lanes, values[v]);
  }
};

template <typename F> INLINE void each_block(int channels, F&& f) {
  int c = 0;
  for (int left; (left = (channels - c) / LANES) > 0; c += std::min(left, BLOCK) * LANES)
    with_count<BLOCK>(left, [&](auto count) { f(Columns<Vec, count.value>{}, c); });
  for (; c < channels; ++c) f(Columns<float, 1>{}, c);
}

// Calls f(offset of the first number, rows) for each piece of this thread's rows.
template <typename F> INLINE void each_piece(const Sizes& s, F&& f) {
  const int64_t pieces = (s.rows + ROWS - 1) / ROWS;
  const int64_t team = omp_get_num_threads(), me = omp_get_thread_num();
  for (int64_t p = pieces * me / team; p < pieces * (me + 1) / team; ++p)
    f(p * ROWS * s.channels, (int)std::min<int64_t>(ROWS, s.rows - p * ROWS));
}

// Two sums a channel and thread, of which every thread fills its own.
struct Sums {
  double* base;
  int channels;
  double* first(int thread) const { return base + (int64_t)2 * thread * channels; }
  double* second(int thread) const { return first(thread) + channels; }
  void clear(int thread) const { std::fill_n(first(thread), 2 * channels, 0.); }
  double total(int which, int channel) const {
    double sum = 0;
    for (int t = 0; t < omp_get_num_threads(); ++t)
      sum += first(t)[which * channels + channel];
    return sum;
  }
};

template <typename T> INLINE T rectified(T z) { return z <= T{} ? T{} : z; }
// Loads g whatever z is: a load that waits for the comparison halves the speed of memory.
template <typename T> INLINE T passed(T g, T z) {
  if constexpr (std::is_same_v<T, Vec>) keep(g);
  return z <= T{} ? T{} : g;
}

// Adds rows of a block to the sums of x and of its squares. They are taken from about the piece's
// own mean, and what that is off by is added up too: nothing is lost far from zero.
template <typename C>
INLINE void collect(C, const float* x, int channels, int rows, double* sum, double* squares) {
  typename C::Value about[C::count] = {}, rest[C::count] = {}, square[C::count] = {};
  for (int r = 0; r < rows; ++r)
    for (int v = 0; v < C::count; ++v)
      about[v] += C::get(x + (int64_t)r * channels + v * C::lanes);
  for (int v = 0; v < C::count; ++v) about[v] *= 1.f / rows;
  for (int r = 0; r < rows; ++r)
    for (int v = 0; v < C::count; ++v) {
      const auto apart = C::get(x + (int64_t)r * channels + v * C::lanes) - about[v];
      rest[v] += apart;
      square[v] += apart * apart;
    }
  float near[C::all], rests[C::all], spread[C::all];
  C::put_all(near, about), C::put_all(rests, rest), C::put_all(spread, square);
  for (int i = 0; i < C::all; ++i) {
    const double origin = near[i], off = rests[i];
    sum[i] += rows * origin + off;
    squares[i] += spread[i] + origin * (rows * origin + 2 * off);
  }
}

// Where a call's tensors lie. `statistics` are the means, 1 / sqrt(variance + epsilon) and the
// unbiased variances, [3][channels].
struct Forward {
  const float *x, *weight, *bias, *other;
  float *y, *statistics;
};

template <bool ADDS, typename C>
INLINE void normalize(C, const Forward& f, int channels, int c, int64_t at, int rows) {
  typename C::Value mean[C::count], scale[C::count], weight[C::count], bias[C::count];
  C::get_all(f.statistics + c, mean), C::get_all(f.statistics + channels + c, scale);
  C::get_all(f.weight + c, weight), C::get_all(f.bias + c, bias);
  for (int v = 0; v < C::count; ++v) scale[v] *= weight[v];
  at += c;
  for (int r = 0; r < rows; ++r, at += channels)
    for (int v = 0; v < C::count; ++v) {
      const int64_t i = at + v * C::lanes;
      auto z = (C::get(f.x + i) - mean[v]) * scale[v] + bias[v];
      if constexpr (ADDS) z += C::get(f.other + i);
      C::put(f.y + i, rectified(z));
    }
}

struct Backward {
  const float *gradient, *x, *weight, *bias, *statistics, *y;
  float *dx, *dweight, *dbias, *dother;
};

// The gradient g behind ReLU: where a sum was rectified it is read off y, and dother keeps it.
template <bool ADDS, typename C, typename T>
INLINE T behind(C, const Backward& b, int64_t i, T apart, T scale, T bias) {
  const T g = C::get(b.gradient + i);
  if constexpr (!ADDS) return passed(g, T(apart * scale + bias));
  const T kept = passed(g, C::get(b.y + i));
  C::put(b.dother + i, kept);
  return kept;
}

template <bool ADDS, typename C>
INLINE void collect_gradient(C, const Backward& b, int channels, int c, int64_t at, int rows,
                             double* sum, double* product) {
  typename C::Value mean[C::count], scale[C::count], weight[C::count], bias[C::count];
  C::get_all(b.statistics + c, mean), C::get_all(b.statistics + channels + c, scale);
  C::get_all(b.weight + c, weight), C::get_all(b.bias + c, bias);
  for (int v = 0; v < C::count; ++v) scale[v] *= weight[v];
  typename C::Value total[C::count] = {}, with_x[C::count] = {};
  at += c;
  for (int r = 0; r < rows; ++r, at += channels)
    for (int v = 0; v < C::count; ++v) {
      const int64_t i = at + v * C::lanes;
      const auto apart = C::get(b.x + i) - mean[v];
      const auto g = behind<ADDS>(C{}, b, i, apart, scale[v], bias[v]);
      total[v] += g;
      with_x[v] += g * apart;
    }
  float totals[C::all], products[C::all];
  C::put_all(totals, total), C::put_all(products, with_x);
  for (int i = 0; i < C::all; ++i) sum[i] += totals[i], product[i] += products[i];
}

// `means` of scale g, and of scale g (x - mean) / (variance + epsilon), [2][channels].
template <bool ADDS, typename C>
INLINE void differentiate(C, const Backward& b, const float* means, int channels, int c, int64_t at,
                          int rows) {
  typename C::Value mean[C::count], scale[C::count], weight[C::count], bias[C::count];
  typename C::Value level[C::count], slope[C::count];
  C::get_all(b.statistics + c, mean), C::get_all(b.statistics + channels + c, scale);
  C::get_all(b.weight + c, weight), C::get_all(b.bias + c, bias);
  C::get_all(means + c, level), C::get_all(means + channels + c, slope);
  for (int v = 0; v < C::count; ++v) scale[v] *= weight[v];
  at += c;
  for (int r = 0; r < rows; ++r, at += channels)
    for (int v = 0; v < C::count; ++v) {
      const int64_t i = at + v * C::lanes;
      const auto apart = C::get(b.x + i) - mean[v];
      auto g = C::get((ADDS ? b.dother : b.gradient) + i);
      if constexpr (!ADDS) g = passed(g, decltype(g)(apart * scale[v] + bias[v]));
      C::put(b.dx + i, scale[v] * g - (level[v] + apart * slope[v]));
    }
}

int team_of(const Sizes& s) {
  return (int)std::min<int64_t>(s.threads, (s.rows + ROWS - 1) / ROWS);
}

template <bool ADDS> void forward(const Sizes& s, const Forward& f, const Sums& sums) {
#pragma omp parallel num_threads(team_of(s))
  {
    const int me = omp_get_thread_num();
    sums.clear(me);
    each_piece(s, [&](int64_t at, int rows) {
      each_block(s.channels, [&](auto columns, int c) {
        collect(columns, f.x + at + c, s.channels, rows, sums.first(me) + c, sums.second(me) + c);
      });
    });
#pragma omp barrier
#pragma omp for schedule(static)
    for (int c = 0; c < s.channels; ++c) {
      const double mean = sums.total(0, c) / s.rows;
      const double spread = sums.total(1, c) / s.rows - mean * mean;
      const double variance = spread < 0 ? 0 : spread;  // and NaN stays NaN
      f.statistics[c] = (float)mean;
      f.statistics[s.channels + c] = (float)(1 / std::sqrt(variance + s.epsilon));
      f.statistics[2 * s.channels + c] = (float)(variance * s.rows / (s.rows - 1));
    }
    each_piece(s, [&](int64_t at, int rows) {
      each_block(s.channels, [&](auto columns, int c) {
        normalize<ADDS>(columns, f, s.channels, c, at, rows);
      });
    });
  }
}

template <bool ADDS>
void backward(const Sizes& s, const Backward& b, const Sums& sums, float* means) {
#pragma omp parallel num_threads(team_of(s))
  {
    const int me = omp_get_thread_num();
    sums.clear(me);
    each_piece(s, [&](int64_t at, int rows) {
      each_block(s.channels, [&](auto columns, int c) {
        collect_gradient<ADDS>(columns, b, s.channels, c, at, rows, sums.first(me) + c,
                                 sums.second(me) + c);
      });
    });
#pragma omp barrier
#pragma omp for schedule(static)
    for (int c = 0; c < s.channels; ++c) {
      const double one_over = b.statistics[s.channels + c], scale = b.weight[c] * one_over;
      const double total = sums.total(0, c), product = sums.total(1, c);
      b.dbias[c] = (float)total;
      b.dweight[c] = (float)(product * one_over);
      means[c] = (float)(scale * total / s.rows);
      means[s.channels + c] = (float)(scale * one_over * one_over * product / s.rows);
    }
    each_piece(s, [&](int64_t at, int rows) {
      each_block(s.channels, [&](auto columns, int c) {
        differentiate<ADDS>(columns, b, means, s.channels, c, at, rows);
      });
    });
  }
}

}  // namespace

extern "C" int64_t batch_norm_workspace(const Sizes* s) {
  return (int64_t)(4 * team_of(*s) + 2) * s->channels;
}

extern "C" void batch_norm_forward(const Sizes* s, const float* x, const float* weight,
                                   const float* bias, const float* other, float* y,
                                   float* statistics, float* workspace) {
  const Forward f{x, weight, bias, other, y, statistics};
  const Sums sums{reinterpret_cast<double*>(workspace), s->channels};
  other ? forward<true>(*s, f, sums) : forward<false>(*s, f, sums);
}

// `other`, `y` and `dother` are null where nothing was added.
extern "C" void batch_norm_backward(const Sizes* s, const float* gradient, const float* x,
                                    const float* weight, const float* bias,
                                    const float* statistics, const float* y, float* dx,
                                    float* dweight, float* dbias, float* dother,
                                    float* workspace) {
  const Backward b{gradient, x, weight, bias, statistics, y, dx, dweight, dbias, dother};
  const Sums sums{reinterpret_cast<double*>(workspace), s->channels};
  float* means = workspace + (int64_t)4 * team_of(*s) * s->channels;
  y ? backward<true>(*s, b, sums, means) : backward<false>(*s, b, sums, means);
}
