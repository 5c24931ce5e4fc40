// Runs every kernel on odd shapes with buffers of exactly the promised sizes, full of NaN, for the
// address and undefined-behavior sanitizers to watch. Exits with 0 when all results are finite.
#include <cmath>
#include <cstdio>
#include <vector>

#include "conv_avg.cpp"
#include "conv_max.cpp"

namespace {

unsigned state = 1;
float next() {
  state = state * 1664525u + 1013904223u;
  return (int)(state >> 16) / 32768.f - 1.f;
}

std::vector<float> random(int64_t size) {
  std::vector<float> values(size);
  for (float& value : values) value = next();
  return values;
}

bool finite(const std::vector<float>& values) {
  for (float value : values)
    if (!std::isfinite(value)) return false;
  return true;
}

std::vector<float> unset(int64_t size) { return std::vector<float>(size, NAN); }

bool fits_tiles(const Shape& s) {
  return s.kernel_h == s.kernel_w && (s.kernel_h == 3 || s.kernel_h == 5);
}

bool run(const Shape& s) {
  const Layer l(s);
  const auto x = random((int64_t)s.batch * s.channels * s.height * s.width);
  const auto weight = random((int64_t)s.outputs * s.channels * s.kernel_h * s.kernel_w);
  const auto bias = random(s.outputs), gradient = random((int64_t)s.batch * s.outputs * l.pooled);
  auto y = unset(gradient.size()), dx = unset(x.size());
  auto dweight = unset(weight.size()), dbias = unset(s.outputs);
  std::vector<uint8_t> argmax((size_t)s.batch * l.pooled * round_up(s.outputs, 16));
  auto kept = unset((int64_t)round_up(s.batch, 16) * s.outputs * 4 * l.pooled);
  bool good = true;
  for (bool tiles : {false, true}) {
    if (tiles && !fits_tiles(s)) continue;
    auto forward = unset(tiles ? max_tiles_workspace(&s) : max_forward_workspace(&s));
    auto* function = tiles ? max_tiles_run : max_forward_run;
    function(&s, x.data(), weight.data(), nullptr, y.data(), nullptr, forward.data());
    function(&s, x.data(), weight.data(), bias.data(), y.data(), argmax.data(), forward.data());
    for (bool wants_dx : {false, true}) {
      auto back = unset(max_backward_workspace(&s, wants_dx));
      max_backward_run(&s, gradient.data(), x.data(), weight.data(), y.data(), argmax.data(),
                       wants_dx ? dx.data() : nullptr, dweight.data(), dbias.data(), back.data());
    }
    good = good && finite(y) && finite(dx) && finite(dweight) && finite(dbias);
  }
  for (bool tiles : {false, true}) {
    if (tiles && !fits_tiles(s)) continue;
    y = unset(y.size()), dx = unset(dx.size()), dweight = unset(dweight.size());
    auto forward = unset(tiles ? avg_tiles_workspace(&s) : avg_forward_workspace(&s));
    auto* function = tiles ? avg_tiles_run : avg_forward_run;
    function(&s, x.data(), weight.data(), nullptr, y.data(), nullptr, forward.data());
    function(&s, x.data(), weight.data(), bias.data(), y.data(),
             s.activation ? kept.data() : nullptr, forward.data());
    auto* backward = tiles ? avg_tiles_backward_run : avg_backward_run;
    for (bool wants_dx : {false, true}) {
      auto back = unset(tiles ? avg_tiles_backward_workspace(&s, wants_dx)
                              : avg_backward_workspace(&s, wants_dx));
      backward(&s, gradient.data(), x.data(), weight.data(), s.activation ? kept.data() : nullptr,
               wants_dx ? dx.data() : nullptr, dweight.data(), dbias.data(), back.data());
    }
    good = good && finite(y) && finite(dx) && finite(dweight) && finite(dbias);
  }
  return good;
}

}  // namespace

int main() {
  // batch, channels, height, width, outputs, kernel, padding, activation, threads, layouts
  const Shape shapes[] = {
      {1, 1, 2, 2, 1, 1, 1, 0, 0, 0, 1, 0, 0},    {3, 1, 28, 28, 20, 5, 5, 0, 0, 2, 2, 0, 1},
      {2, 3, 9, 13, 17, 3, 5, 2, 0, 1, 2, 1, 0},  {17, 2, 7, 6, 5, 2, 7, 3, 4, 3, 2, 0, 0},
      {5, 20, 12, 11, 50, 5, 5, 0, 1, 2, 3, 1, 1}, {1, 33, 8, 31, 70, 3, 3, 1, 1, 1, 2, 0, 1},
      {2, 7, 5, 5, 3, 7, 6, 4, 5, 0, 1, 1, 0},    {1, 4, 3, 3, 16, 1, 3, 3, 4, 3, 2, 1, 1},
      {33, 6, 10, 9, 16, 5, 5, 2, 0, 3, 2, 1, 0}, {1, 130, 6, 6, 9, 5, 5, 0, 0, 1, 1, 0, 0},
      {2, 7, 3, 4, 5, 5, 5, 6, 5, 2, 2, 1, 0},    {1, 90, 9, 44, 40, 5, 5, 0, 0, 3, 1, 0, 0},
  };
  int bad = 0;
  for (const Shape& shape : shapes)
    if (!run(shape)) std::printf("not finite: shape %d\n", (int)(&shape - shapes)), ++bad;
  return bad;
}
