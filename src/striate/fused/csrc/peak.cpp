// What the processor can do at most: independent multiply-adds that never leave its registers.
#include "simd.hpp"

namespace {

using striate::Vec;

// More than latency times units of any processor known (4 x 4), as far as registers reach.
constexpr int CHAINS = REGISTERS == 32 ? 16 : 12;

float chains(int64_t rounds) {
  Vec sum[CHAINS];
  for (int c = 0; c < CHAINS; ++c) sum[c] = striate::splat(static_cast<float>(c + rounds % 3));
  const Vec factor = striate::splat(1.0f - 1.0f / static_cast<float>(rounds + 2));
  for (int64_t round = 0; round < rounds; ++round)
    for (int c = 0; c < CHAINS; ++c) sum[c] = sum[c] * factor + factor;
  for (int c = 1; c < CHAINS; ++c) sum[0] += sum[c];
  return sum[0][0];
}

}  // namespace

// Multiply-adds of one thread in `peak_run(rounds, ...)`.
extern "C" double peak_multiply_adds(int64_t rounds) {
  return static_cast<double>(rounds) * CHAINS * LANES;
}

// Every thread does the same; the sum is returned so that no compiler leaves the work out.
extern "C" float peak_run(int64_t rounds, int threads) {
  float total = 0;
#pragma omp parallel num_threads(threads) reduction(+ : total)
  total += chains(rounds);
  return total;
}
