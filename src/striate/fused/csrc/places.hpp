// The places of maxima, a byte each, and lists of the lanes that are wanted. GCC 12 converts and
// compresses vectors lane by lane, ten times slower than the processor's own instructions.
#pragma once
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include "simd.hpp"

namespace striate {

#if defined(__AVX512F__) && LANES == 16

INLINE IntVec load_places(const uint8_t* places) {
  return (IntVec)_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i*)places));
}

INLINE void store_places(uint8_t* places, IntVec values) {
  _mm_storeu_si128((__m128i*)places, _mm512_cvtepi32_epi8((__m512i)values));
}

// Writes the lanes where `keep` is all ones, one after another, and behind them anything up to
// LANES; says how many they were.
INLINE int append(Vec gradient, IntVec place, IntVec keep, float* gradients, int32_t* places) {
  const __mmask16 mask = _mm512_test_epi32_mask((__m512i)keep, (__m512i)keep);
  store(gradients, (Vec)_mm512_maskz_compress_ps(mask, (__m512)gradient));
  _mm512_storeu_si512(places, _mm512_maskz_compress_epi32(mask, (__m512i)place));
  return __builtin_popcount(mask);
}

#elif defined(__AVX2__) && LANES == 8

INLINE IntVec load_places(const uint8_t* places) {
  return (IntVec)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)places));
}

INLINE void store_places(uint8_t* places, IntVec values) {
  const __m128i low = _mm256_castsi256_si128((__m256i)values);
  const __m128i words = _mm_packus_epi32(low, _mm256_extracti128_si256((__m256i)values, 1));
  _mm_storel_epi64((__m128i*)places, _mm_packus_epi16(words, words));
}

struct Orders {  // for each mask of lanes, the numbers of those that are kept
  alignas(64) uint8_t of[256][8];
  constexpr Orders() : of() {
    for (int mask = 0; mask < 256; ++mask)
      for (int lane = 0, count = 0; lane < 8; ++lane)
        if (mask >> lane & 1) of[mask][count++] = (uint8_t)lane;
  }
};
inline constexpr Orders ORDERS;

INLINE int append(Vec gradient, IntVec place, IntVec keep, float* gradients, int32_t* places) {
  const int mask = _mm256_movemask_ps((__m256)keep);
  const __m256i order = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i*)ORDERS.of[mask]));
  store(gradients, (Vec)_mm256_permutevar8x32_ps((__m256)gradient, order));
  _mm256_storeu_si256((__m256i*)places, _mm256_permutevar8x32_epi32((__m256i)place, order));
  return __builtin_popcount(mask);
}

#else

INLINE IntVec load_places(const uint8_t* places) {
  return __builtin_convertvector(*reinterpret_cast<const LooseBytes*>(places), IntVec);
}

INLINE void store_places(uint8_t* places, IntVec values) {
  *reinterpret_cast<LooseBytes*>(places) = __builtin_convertvector(values, ByteVec);
}

INLINE int append(Vec gradient, IntVec place, IntVec keep, float* gradients, int32_t* places) {
  int count = 0;
  for (int i = 0; i < LANES; ++i)
    if (keep[i]) gradients[count] = gradient[i], places[count++] = place[i];
  return count;
}

#endif

}  // namespace striate
