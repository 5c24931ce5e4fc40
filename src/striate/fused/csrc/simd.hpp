// Vectors of LANES floats by the compiler's vector extensions, and the activations on them.
#pragma once
#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__AVX512F__)
#define LANES_OF_A_REGISTER 16
#elif defined(__AVX__)
#define LANES_OF_A_REGISTER 8
#else
#define LANES_OF_A_REGISTER 4
#endif

#ifndef LANES
#define LANES LANES_OF_A_REGISTER
#endif

// How many accumulators fit the registers beside a broadcast and a weight.
#if defined(__AVX512F__) || defined(__aarch64__)
#define REGISTERS 32
#else
#define REGISTERS 16
#endif

#define INLINE inline __attribute__((always_inline))
#define INLINE_LAMBDA __attribute__((always_inline))

namespace striate {

typedef float Vec __attribute__((vector_size(4 * LANES)));
typedef int32_t IntVec __attribute__((vector_size(4 * LANES)));
typedef uint8_t ByteVec __attribute__((vector_size(LANES)));
typedef float LooseVec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint8_t LooseBytes __attribute__((vector_size(LANES), aligned(1), may_alias));

INLINE Vec load(const float* p) { return *reinterpret_cast<const LooseVec*>(p); }
INLINE void store(float* p, Vec v) { *reinterpret_cast<LooseVec*>(p) = v; }
INLINE Vec splat(float s) {
#if LANES == 16
  return Vec{s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s};
#elif LANES == 8
  return Vec{s, s, s, s, s, s, s, s};
#else
  return Vec{s, s, s, s};
#endif
}
// Keeps a vector in its register: GCC would rather load it again for each product, which then waits
// for the loads.
INLINE void keep(Vec& v) {
#if LANES == LANES_OF_A_REGISTER && defined(__x86_64__)
  asm("" : "+v"(v));
#elif LANES == LANES_OF_A_REGISTER && defined(__aarch64__)
  asm("" : "+w"(v));
#endif
}
INLINE IntVec splat_int(int32_t s) { return IntVec{} + s; }
INLINE Vec as_float(IntVec v) { return reinterpret_cast<Vec>(v); }
INLINE IntVec as_int(Vec v) { return reinterpret_cast<IntVec>(v); }
INLINE Vec absolute(Vec x) { return as_float(as_int(x) & 0x7fffffff); }
INLINE Vec with_sign_of(Vec magnitude, Vec sign) {
  return as_float((as_int(magnitude) & 0x7fffffff) | (as_int(sign) & INT32_MIN));
}

constexpr int round_up(int n, int multiple) { return (n + multiple - 1) / multiple * multiple; }

enum Activation { IDENTITY = 0, RELU = 1, TANH = 2, SIGMOID = 3 };

// e^x for x <= 0 (and NaN): 2^n by the exponent bits, e^r by its series to r^7 / 7!,
// |r| <= ln 2 / 2, so the series stops 5e-9 short.
INLINE Vec exp_negative(Vec x) {
  x = x < splat(-87.f) ? splat(-87.f) : x;
  const Vec magic = splat(12582912.f);  // 1.5 * 2^23: adding it rounds to an integer
  Vec shifted = x * splat(1.44269504f) + magic;
  Vec n = shifted - magic;
  Vec r = x - n * splat(0.693145752f);
  r = r - n * splat(1.42860677e-6f);
  Vec p = splat(1.f / 5040.f);
  p = p * r + splat(1.f / 720.f);
  p = p * r + splat(1.f / 120.f);
  p = p * r + splat(1.f / 24.f);
  p = p * r + splat(1.f / 6.f);
  p = p * r + splat(.5f);
  p = p * r + splat(1.f);
  p = p * r + splat(1.f);
  IntVec power = (as_int(shifted) - as_int(magic) + 127) << 23;
  return p * as_float(power);
}

// 1 / (1 + e^-x) of several vectors, step by step side by side: each alone would wait for itself.
// e^-x as above, but by the polynomial 1 - r + r^2 q(r) of degree 6 (least maximum error 3e-9,
// fitted for this file).
template <int N> INLINE void sigmoids(Vec (&x)[N]) {
  constexpr float coefficients[] = {1.38145399e-3f,  -8.36874513e-3f, 4.16683908e-2f,
                                    -1.66665204e-1f, 4.99999934e-1f,  -1.f, 1.f};
  const Vec magic = splat(12582912.f);
  Vec shifted[N], r[N], p[N];
#pragma GCC unroll 4
  for (int i = 0; i < N; ++i) {
    x[i] = splat(-87.f) > x[i] ? splat(-87.f) : x[i];
    x[i] = splat(87.f) < x[i] ? splat(87.f) : x[i];
    shifted[i] = x[i] * splat(-1.44269504f) + magic;
  }
#pragma GCC unroll 4
  for (int i = 0; i < N; ++i) {
    Vec n = shifted[i] - magic;
    r[i] = x[i] + n * splat(0.693145752f);
    r[i] = r[i] + n * splat(1.42860677e-6f);
    p[i] = splat(coefficients[0]);
  }
#pragma GCC unroll 6
  for (int k = 1; k < 7; ++k)
#pragma GCC unroll 4
    for (int i = 0; i < N; ++i) p[i] = p[i] * r[i] + splat(coefficients[k]);
#pragma GCC unroll 4
  for (int i = 0; i < N; ++i) {
    IntVec power = (as_int(shifted[i]) - as_int(magic) + 127) << 23;
    x[i] = splat(1.f) / (p[i] * as_float(power) + splat(1.f));
  }
}

INLINE Vec sigmoid(Vec x) {
  Vec alone[] = {x};
  sigmoids(alone);
  return alone[0];
}

// Below 5/8 an odd polynomial (least maximum error 4e-9, fitted for this file), above it
// 1 - 2 e^-2|x| / (1 + e^-2|x|).
INLINE Vec hyperbolic_tangent(Vec x) {
  Vec size = absolute(x), z = x * x;
  Vec p = splat(-5.7049864e-3f);
  p = p * z + splat(2.0639086e-2f);
  p = p * z + splat(-5.3739715e-2f);
  p = p * z + splat(1.33314416e-1f);
  p = p * z + splat(-3.33332807e-1f);
  Vec near = x + x * z * p;
  Vec e = exp_negative(splat(-2.f) * size);
  Vec far = splat(1.f) - (e + e) / (splat(1.f) + e);
  return size > splat(.625f) ? with_sign_of(far, x) : near;
}

// Every form keeps NaN, as PyTorch's do.
template <int ACT> INLINE Vec activate(Vec x) {
  if constexpr (ACT == RELU) return x <= splat(0.f) ? splat(0.f) : x;
  if constexpr (ACT == TANH) return hyperbolic_tangent(x);
  if constexpr (ACT == SIGMOID) return sigmoid(x);
  return x;
}

template <int ACT, int N> INLINE void activate_all(Vec (&x)[N]) {
  if constexpr (ACT == SIGMOID) return sigmoids(x);
#pragma GCC unroll 4
  for (int i = 0; i < N; ++i) x[i] = activate<ACT>(x[i]);
}

// The derivative, read off the activation's own value y, times the gradient g.
template <int ACT> INLINE Vec chain(Vec g, Vec y) {
  if constexpr (ACT == RELU) return y <= splat(0.f) ? splat(0.f) : g;
  if constexpr (ACT == TANH) return g * (splat(1.f) - y * y);
  if constexpr (ACT == SIGMOID) return g * (y * (splat(1.f) - y));
  return g;
}

template <typename F> INLINE void with_activation(int activation, F&& f) {
  switch (activation) {
    case RELU: f(std::integral_constant<int, RELU>{}); break;
    case TANH: f(std::integral_constant<int, TANH>{}); break;
    case SIGMOID: f(std::integral_constant<int, SIGMOID>{}); break;
    default: f(std::integral_constant<int, IDENTITY>{});
  }
}

// Calls f with a compile-time count of 1..MAX.
template <int MAX, typename F> INLINE void with_count(int count, F&& f) {
  if constexpr (MAX > 1) {
    if (count < MAX) return with_count<MAX - 1>(count, f);
  }
  f(std::integral_constant<int, MAX>{});
}

}  // namespace striate
