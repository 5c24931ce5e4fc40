// LANES vectors as a square of floats, turned in registers.
#pragma once
#include <utility>

#include "simd.hpp"

namespace striate {

#if defined(__clang__)
template <int STRIDE, bool UPPER, size_t... I>
INLINE Vec mix(Vec a, Vec b, std::index_sequence<I...>) {
  return __builtin_shufflevector(
      a, b, ((I & STRIDE) ? (UPPER ? I + LANES : I + LANES - STRIDE) : (UPPER ? I + STRIDE : I))...);
}
#else
template <int STRIDE, bool UPPER, size_t... I>
INLINE Vec mix(Vec a, Vec b, std::index_sequence<I...>) {
  constexpr IntVec from = {
      (int)((I & STRIDE) ? (UPPER ? I + LANES : I + LANES - STRIDE) : (UPPER ? I + STRIDE : I))...};
  return __builtin_shuffle(a, b, from);
}
#endif

template <int STRIDE> INLINE void exchange(Vec* rows) {
  constexpr auto all = std::make_index_sequence<LANES>{};
#pragma GCC unroll 16
  for (int i = 0; i < LANES; ++i) {
    if (i & STRIDE) continue;
    Vec a = rows[i], b = rows[i + STRIDE];
    rows[i] = mix<STRIDE, false>(a, b, all);
    rows[i + STRIDE] = mix<STRIDE, true>(a, b, all);
  }
}

// LANES rows of LANES become columns.
INLINE void transpose(Vec* rows) {
  exchange<1>(rows), exchange<2>(rows);
  if constexpr (LANES >= 8) exchange<4>(rows);
  if constexpr (LANES >= 16) exchange<8>(rows);
}

}  // namespace striate
