// Runs the kernels of frozen networks on odd shapes with buffers of exactly the promised sizes, full
// of NaN, for the address and undefined-behavior sanitizers to watch. Exits with 0 when all results
// are finite.
#include <cmath>
#include <cstdio>
#include <vector>

#include "frozen.cpp"
#define Conv ConvShape
#define Plan ConvPlan
#include "frozen_conv.cpp"

namespace {

unsigned state = 1;
float next() {
  state = state * 1664525u + 1013904223u;
  return (int)(state >> 16) / 32768.f - 1.f;
}

std::vector<float> random(int64_t size) {
  std::vector<float> values(size);
  for (float& value : values) value = next() * .1f;
  return values;
}

bool finite(const std::vector<float>& values) {
  for (float value : values)
    if (!std::isfinite(value)) return false;
  return true;
}

// Two convolutions with pools, two dense layers; and what the first ones alone give.
bool chain(Shape first, int pool, bool tiles, int batch, int threads) {
  const Layer l(first);
  Shape second{0, l.outputs, l.pool_h, l.pool_w, 5, 3, 2, 1, 2, first.activation, 0, 1, 1};
  const Layer m(second);
  Shape dense{0, m.outputs * m.pooled, 1, 1, 37, 1, 1, 0, 0, 2, 0, 1, 1}, last = dense;
  last.channels = 37, last.outputs = 3;
  const Shape shapes[] = {first, second, dense, last};
  std::vector<Step> steps;
  std::vector<std::vector<float>> kept;
  for (int s = 0; s < 4; ++s) {
    steps.push_back({shapes[s], s < 2 ? pool : (int)DENSE, s == 0 && tiles, nullptr});
    kept.emplace_back(frozen_memory(&steps[s]));
    steps[s].memory = kept[s].data();
    const Shape& c = shapes[s];
    const auto weight = random((int64_t)c.outputs * c.channels * c.kernel_h * c.kernel_w);
    const auto bias = random(c.outputs);
    frozen_pack(&steps[s], weight.data(), s % 2 ? nullptr : bias.data());
  }
  const auto x = random((int64_t)batch * first.channels * first.height * first.width);
  const int64_t after[] = {(int64_t)l.outputs * l.pooled, (int64_t)m.outputs * m.pooled, 37, 3};
  bool good = true;
  for (int count = 1; count <= 4; ++count) {
    std::vector<float> y(batch * after[count - 1], NAN);
    std::vector<float> space(frozen_workspace(steps.data(), count, batch, threads), NAN);
    frozen_run(steps.data(), count, batch, threads, x.data(), y.data(), space.data());
    good = good && finite(y);
  }
  return good;
}

bool convolution(const ConvShape& c) {
  const ConvPlan p(c);
  const auto x = random((int64_t)c.batch * c.channels * c.height * c.width);
  const auto weight = random((int64_t)c.outputs * c.channels * c.kernel_h * c.kernel_w);
  const auto bias = random(c.outputs), add = random((int64_t)c.batch * p.pixels * c.outputs);
  std::vector<float> y(add.size(), NAN), packed(conv_memory(&c)), space(conv_workspace(&c), NAN);
  conv_pack(&c, weight.data(), bias.data(), packed.data());
  conv_run(&c, x.data(), packed.data(), nullptr, y.data(), space.data());
  conv_run(&c, x.data(), packed.data(), add.data(), y.data(), space.data());
  return finite(y);
}

}  // namespace

int main() {
  bool good = true;
  const Shape shapes[] = {
      {0, 1, 13, 12, 6, 5, 5, 2, 2, 3, 0, 0, 1},
      {0, 3, 9, 11, 18, 3, 3, 0, 1, 1, 0, 0, 1},
      {0, 17, 8, 9, 21, 5, 5, 2, 0, 2, 0, 0, 1},
  };
  for (const Shape& shape : shapes)
    for (int batch : {1, 16, 35})
      for (int threads : {1, 2})
        for (int kind = 0; kind < 3; ++kind)
          good = chain(shape, kind == 1, kind == 2 && shape.kernel_h == shape.kernel_w, batch,
                       threads) && good;
  const ConvShape convs[] = {
      {3, 3, 9, 7, 5, 3, 3, 2, 1, 1, 1, 1, 2},
      {2, 70, 5, 6, 67, 1, 1, 1, 2, 0, 0, 0, 1},
      {1, 300, 4, 3, 20, 3, 2, 1, 1, 1, 0, 1, 3},
      {9, 2, 7, 7, 33, 7, 7, 1, 1, 3, 3, 1, 2},
  };
  for (const ConvShape& conv : convs) good = convolution(conv) && good;
  std::puts(good ? "finite" : "not finite");
  return good ? 0 : 1;
}
