// Batch normalization on odd shapes with buffers of exactly the promised sizes, for the address and
// undefined-behavior sanitizers to watch. Exits with 0 when all results are finite.
#include <cmath>
#include <cstdio>
#include <vector>

#include "batch_norm.cpp"

namespace {

std::vector<float> random(int64_t size) {
  static unsigned state = 1;
  std::vector<float> values(size);
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = (int)(state >> 16) / 32768.f - 1.f;
  }
  return values;
}

bool finite(const std::vector<float>& values) {
  for (float value : values)
    if (!std::isfinite(value)) return false;
  return true;
}

bool run(const Sizes& s, bool adds) {
  const int64_t all = s.rows * s.channels;
  const auto x = random(all), gradient = random(all), other = random(all);
  const auto weight = random(s.channels), bias = random(s.channels);
  std::vector<float> y(all), dx(all), dother(all), dweight(s.channels), dbias(s.channels);
  std::vector<float> statistics(3 * s.channels), space(batch_norm_workspace(&s));
  batch_norm_forward(&s, x.data(), weight.data(), bias.data(), adds ? other.data() : nullptr,
                     y.data(), statistics.data(), space.data());
  batch_norm_backward(&s, gradient.data(), x.data(), weight.data(), bias.data(), statistics.data(),
                      adds ? y.data() : nullptr, dx.data(), dweight.data(), dbias.data(),
                      adds ? dother.data() : nullptr, space.data());
  return finite(y) && finite(dx) && finite(dweight) && finite(dbias) && finite(statistics);
}

}  // namespace

int main() {
  // rows, channels, threads, epsilon
  const Sizes sizes[] = {{2, 1, 1, 1e-5f},   {31, 3, 2, 1e-5f},   {32, 16, 3, 1e-5f},
                         {33, 17, 2, 1e-3f}, {65, 64, 2, 1e-5f},  {200, 70, 3, 1e-5f},
                         {97, 129, 1, 1e-5f}, {64, 200, 2, 1e-5f}, {3, 263, 2, 1e-5f}};
  int bad = 0;
  for (const Sizes& s : sizes)
    for (bool adds : {false, true})
      if (!run(s, adds)) std::printf("not finite: %d\n", (int)(&s - sizes)), ++bad;
  return bad;
}
