// Winograd's minimal filtering with tiles of 2x2 outputs, for one dimension at a time.
//
//   Y = A' [ sum over c of (G w_c G') * (B' x_c B) ] A        elementwise *, 4x4 or 6x6
//
// F(2x2, 5x5) takes 36 products for 100, F(2x2, 3x3) 16 for 36. The points of interpolation are
// 0, 1, -1 and infinity, and 0, 1/2, -1/2, 2, -2 and infinity: of the choices of two pairs a, 1/a
// these lose the fewest bits, and every factor of the data is a short binary fraction.
// Source: Winograd, Arithmetic Complexity of Computations (1980); Lavin and Gray, arXiv 1509.09308.
#pragma once
#include "simd.hpp"

namespace striate {

// Each transform reads values a stride apart and writes the other count likewise: B', G and A' by
// `data`, `kernel` and `result`; backward takes their transposes.
template <int KERNEL> struct Transform;

template <> struct Transform<3> {
  // `gradient` along rows: row r of the tile is the first of two rows (but for the last r), and
  // so much of the second
  static constexpr float SECOND[] = {0.f, 1.f, -1.f, -1.f};
  static INLINE void data(const Vec* d, Vec* t, int s) {
    t[0] = d[0] - d[2 * s];
    t[s] = d[s] + d[2 * s];
    t[2 * s] = d[2 * s] - d[s];
    t[3 * s] = d[s] - d[3 * s];
  }
  static INLINE void data_back(const Vec* t, Vec* d) {
    d[0] += t[0];
    d[1] += (t[1] - t[2]) + t[3];
    d[2] = (t[1] + t[2]) - t[0];
    d[3] = -t[3];
  }
  static INLINE void kernel(const Vec* g, Vec* t, int s, int out) {
    Vec even = splat(.5f) * (g[0] + g[2 * s]), odd = splat(.5f) * g[s];
    t[0] = g[0], t[out] = even + odd, t[2 * out] = even - odd, t[3 * out] = g[2 * s];
  }
  static INLINE void kernel_back(const Vec* t, Vec* g, int s, int out) {
    Vec even = splat(.5f) * (t[s] + t[2 * s]);
    g[0] = t[0] + even, g[out] = splat(.5f) * (t[s] - t[2 * s]), g[2 * out] = even + t[3 * s];
  }
  static INLINE void result(const Vec* m, Vec* y, int s, int out) {
    y[0] = m[0] + (m[s] + m[2 * s]);
    y[out] = (m[s] - m[2 * s]) - m[3 * s];
  }
  static INLINE void result_back(Vec a, Vec b, Vec* m) {
    m[0] = a, m[1] = a + b, m[2] = a - b, m[3] = -b;
  }
};

template <> struct Transform<5> {
  static constexpr float SECOND[] = {0.f, .5f, -.5f, 2.f, -2.f, 1.f};
  static INLINE void data(const Vec* d, Vec* t, int s) {
    Vec far = d[4 * s] - splat(4.f) * d[2 * s], near = d[4 * s] - splat(.25f) * d[2 * s];
    Vec far_odd = splat(.5f) * d[3 * s] - splat(2.f) * d[s];
    Vec near_odd = splat(2.f) * d[3 * s] - splat(.5f) * d[s];
    t[0] = (d[0] + d[4 * s]) - splat(4.25f) * d[2 * s];
    t[s] = far + far_odd, t[2 * s] = far - far_odd;
    t[3 * s] = near + near_odd, t[4 * s] = near - near_odd;
    t[5 * s] = (d[s] + d[5 * s]) - splat(4.25f) * d[3 * s];
  }
  static INLINE void data_back(const Vec* t, Vec* d) {
    Vec far = t[1] + t[2], near = t[3] + t[4], far_odd = t[1] - t[2], near_odd = t[3] - t[4];
    d[0] += t[0];
    d[1] = (d[1] + t[5]) - splat(2.f) * far_odd - splat(.5f) * near_odd;
    d[2] = d[2] - splat(4.25f) * t[0] - splat(4.f) * far - splat(.25f) * near;
    d[3] = d[3] - splat(4.25f) * t[5] + splat(.5f) * far_odd + splat(2.f) * near_odd;
    d[4] = t[0] + (far + near);
    d[5] = t[5];
  }
  static INLINE void kernel(const Vec* g, Vec* t, int s, int out) {
    const Vec half = splat(-1.f / 1.875f), two = splat(1.f / 30.f);
    Vec even = half * (g[0] + splat(.25f) * g[2 * s] + splat(.0625f) * g[4 * s]);
    Vec odd = half * (splat(.5f) * g[s] + splat(.125f) * g[3 * s]);
    Vec even2 = two * (g[0] + splat(4.f) * g[2 * s] + splat(16.f) * g[4 * s]);
    Vec odd2 = two * (splat(2.f) * g[s] + splat(8.f) * g[3 * s]);
    t[0] = g[0], t[out] = even + odd, t[2 * out] = even - odd;
    t[3 * out] = even2 + odd2, t[4 * out] = even2 - odd2, t[5 * out] = g[4 * s];
  }
  static INLINE void kernel_back(const Vec* t, Vec* g, int s, int out) {
    const Vec half = splat(-1.f / 1.875f), two = splat(1.f / 30.f);
    Vec even = half * (t[s] + t[2 * s]), odd = half * (t[s] - t[2 * s]);
    Vec even2 = two * (t[3 * s] + t[4 * s]), odd2 = two * (t[3 * s] - t[4 * s]);
    g[0] = t[0] + (even + even2);
    g[out] = splat(.5f) * odd + splat(2.f) * odd2;
    g[2 * out] = splat(.25f) * even + splat(4.f) * even2;
    g[3 * out] = splat(.125f) * odd + splat(8.f) * odd2;
    g[4 * out] = t[5 * s] + (splat(.0625f) * even + splat(16.f) * even2);
  }
  static INLINE void result(const Vec* m, Vec* y, int s, int out) {
    y[0] = m[0] + ((m[s] + m[2 * s]) + (m[3 * s] + m[4 * s]));
    y[out] = m[5 * s] + (splat(.5f) * (m[s] - m[2 * s]) + splat(2.f) * (m[3 * s] - m[4 * s]));
  }
  static INLINE void result_back(Vec a, Vec b, Vec* m) {
    m[0] = a, m[1] = a + splat(.5f) * b, m[2] = a - splat(.5f) * b;
    m[3] = a + splat(2.f) * b, m[4] = a - splat(2.f) * b, m[5] = b;
  }
};

}  // namespace striate
