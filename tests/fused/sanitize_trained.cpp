// Runs a chain of layers that learns, forward, loss and backward, with buffers of exactly the
// promised sizes, full of NaN, for the address and undefined-behavior sanitizers to watch. Exits
// with 0 when all results are finite.
#include <cmath>
#include <cstdio>
#include <vector>

#include "conv_avg.cpp"
#include "conv_max.cpp"
#include "dense.cpp"
#include "trained.cpp"

namespace {

using Floats = std::vector<float>;

Floats random(int64_t size) {
  static unsigned state = 1;
  Floats values(size);
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = ((int)(state >> 16) / 32768.f - 1.f) * .1f;
  }
  return values;
}

Floats unset(int64_t size) { return Floats(size, NAN); }

bool finite(const Floats& values) {
  for (float value : values)
    if (!std::isfinite(value)) return false;
  return true;
}

// A convolution, another, a dense layer; behind each other or the first alone.
bool chain(int kind, int batch, int threads, int count, bool wants_dx) {
  const Shape first{batch, 3, 13, 12, 6, 5, 4, 2, 1, SIGMOID, threads, 0, 1};
  const Layer a(first);
  const Shape second{batch, 6, a.pool_h, a.pool_w, 5, 3, 3, 0, 1, TANH, threads, 1, count < 3};
  const Layer b(second);
  const Dense third{batch, 5 * b.pooled, 7, RELU, threads};
  const bool max = kind == MAX;
  auto forward = max ? (const void*)max_forward_run : (const void*)avg_forward_run;
  auto backward = max ? (const void*)max_backward_run : (const void*)avg_backward_run;
  const Link links[] = {
      {&first, forward, backward, kind, 6, 0, 60000},
      {&second, forward, backward, kind, 5, 30000, 130000},
      {&third, (const void*)dense_forward_run, (const void*)dense_backward_run, DENSE, 7, 0, -1},
  };
  const int64_t sizes[] = {6 * a.pooled, 5 * b.pooled, 7};
  const Links all{links, count, batch, threads, batch * sizes[0], 7};
  int64_t kernels = std::max(dense_forward_workspace(&third), dense_backward_workspace(&third));
  for (const Shape* s : {&first, &second})
    kernels = std::max({kernels, max_forward_workspace(s), max_backward_workspace(s, true),
                        avg_forward_workspace(s), avg_backward_workspace(s, true)});
  auto memory = unset(200000), y = unset(batch * sizes[count - 1]);
  auto workspace = unset(kernels + trained_workspace(&all));
  const auto x = random((int64_t)batch * 3 * 13 * 12);
  auto dx = unset(x.size());
  Floats weights[] = {random(6 * 3 * 20), random(6), random(5 * 6 * 9), {}, random(35 * b.pooled), random(7)};
  Floats gradients[6];
  const float* given[6];
  float* wanted[6];
  for (int k = 0; k < 6; ++k) {
    gradients[k] = unset(weights[k].size());
    given[k] = k == 3 ? nullptr : weights[k].data(), wanted[k] = k == 3 ? nullptr : gradients[k].data();
  }
  const Tensors tensors{x.data(), given, memory.data(), y.data(), wants_dx ? dx.data() : nullptr,
                        wanted, workspace.data()};
  std::vector<int64_t> labels(batch, 4);
  float loss = NAN;
  bool good = true;
  if (count == 3) {
    good = trained_step(&all, &tensors, labels.data(), &loss) && std::isfinite(loss);
    labels[batch - 1] = 7;
    good = good && !trained_step(&all, &tensors, labels.data(), &loss);
  } else {
    trained_forward(&all, &tensors);
    trained_backward(&all, &tensors, random(y.size()).data());
  }
  for (int k = 0; k < 2 * count; ++k) good = good && finite(gradients[k]);
  return good && finite(y) && (!wants_dx || finite(dx));
}

}  // namespace

int main() {
  bool good = true;
  for (int kind : {MAX, AVG})
    for (int batch : {1, 17})
      for (int threads : {1, 2})
        for (int count : {1, 2, 3})
          for (bool wants_dx : {false, true})
            good = chain(kind, batch, threads, count, wants_dx) && good;
  std::puts(good ? "finite" : "not finite");
  return good ? 0 : 1;
}
