// The linear maps of Winograd's F(4x4, 3x3), on vectors of channels (or of outputs).
//
// A 3-tap correlation with 4 outputs is the product of two polynomials, evaluated at six points
// and interpolated (Toom 1963, Cook 1966; Winograd 1980; Lavin & Gray 2016, arXiv 1509.09308).
// The usual points are 0, +-1, +-2, infinity. The ones here, 0, +-5/8, +-3/2, infinity, cost the
// same and lose a third of the digits: found by measuring the error of candidates whose products
// are exact in float32 (see also Barabasz et al. 2018, arXiv 1803.10986).
#pragma once
#include <cstddef>
#include <cstring>

#include "simd.hpp"

namespace {

using striate::keep, striate::load, striate::store;
using Vector = striate::Vec;

constexpr int TILE = 4;                       // outputs a side
constexpr int PATCH = 6;                      // inputs a side
constexpr int POINTS = PATCH * PATCH;         // products a tile

constexpr float A1 = 0.625f, B1 = 1.5f;       // the points are 0, +-A1, +-B1 and infinity
constexpr float A2 = A1 * A1, B2 = B1 * B1, A3 = A2 * A1, B3 = B2 * B1;
constexpr float PRODUCT = A2 * B2, SUM = A2 + B2;
constexpr float G0 = 1.0f / PRODUCT;          // 1 over the product of a point's distances
constexpr float GA = 1.0f / (2 * A2 * (A2 - B2));
constexpr float GB = 1.0f / (2 * B2 * (B2 - A2));

// The last vector of a row of channels may be short: the missing lanes are zero.
inline Vector load(const float* from, int lanes) {
  Vector v = {};
  std::memcpy(&v, from, lanes * sizeof(float));
  return v;
}

inline void store(float* to, Vector v, int lanes) { std::memcpy(to, &v, lanes * sizeof(float)); }

// B^T: six inputs to six points.
inline void input_map(const Vector d[6], Vector o[6]) {
  const Vector ea = d[4] - B2 * d[2], oa = d[3] - B2 * d[1];
  const Vector eb = d[4] - A2 * d[2], ob = d[3] - A2 * d[1];
  o[0] = PRODUCT * d[0] + (d[4] - SUM * d[2]);
  o[1] = ea + A1 * oa;
  o[2] = ea - A1 * oa;
  o[3] = eb + B1 * ob;
  o[4] = eb - B1 * ob;
  o[5] = PRODUCT * d[1] + (d[5] - SUM * d[3]);
}

// A^T: six points to four outputs.
inline void output_map(const Vector m[6], Vector o[4]) {
  const Vector sa = m[1] + m[2], da = m[1] - m[2], sb = m[3] + m[4], db = m[3] - m[4];
  o[0] = m[0] + (sa + sb);
  o[1] = A1 * da + B1 * db;
  o[2] = A2 * sa + B2 * sb;
  o[3] = A3 * da + (B3 * db + m[5]);
}

// A: the gradient of four outputs to six points.
inline void gradient_map(const Vector y[4], Vector o[6]) {
  const Vector ea = y[0] + A2 * y[2], oa = A1 * y[1] + A3 * y[3];
  const Vector eb = y[0] + B2 * y[2], ob = B1 * y[1] + B3 * y[3];
  o[0] = y[0];
  o[1] = ea + oa;
  o[2] = ea - oa;
  o[3] = eb + ob;
  o[4] = eb - ob;
  o[5] = y[3];
}

// G: three taps to six points.
inline void weight_map(const Vector k[3], Vector o[6]) {
  const Vector ea = GA * k[0] + (GA * A2) * k[2], oa = (GA * A1) * k[1];
  const Vector eb = GB * k[0] + (GB * B2) * k[2], ob = (GB * B1) * k[1];
  o[0] = G0 * k[0];
  o[1] = ea + oa;
  o[2] = ea - oa;
  o[3] = eb + ob;
  o[4] = eb - ob;
  o[5] = k[2];
}

// G^T: six points to the gradient of three taps.
inline void tap_map(const Vector m[6], Vector o[3]) {
  const Vector sa = m[1] + m[2], da = m[1] - m[2], sb = m[3] + m[4], db = m[3] - m[4];
  o[0] = G0 * m[0] + (GA * sa + GB * sb);
  o[1] = (GA * A1) * da + (GB * B1) * db;
  o[2] = (GA * A2) * sa + ((GB * B2) * sb + m[5]);
}

}  // namespace
