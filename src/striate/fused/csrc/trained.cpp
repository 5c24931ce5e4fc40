// Layers behind each other by the kernels of other libraries, forward and back, in one call; and
// the cross-entropy between the two.
//
//   forward    answer[k] = layer k of answer[k - 1],  answer[-1] = x,  y = the last
//   backward   gradient[k - 1] and the gradients of the weights, from gradient[k]
#include <omp.h>

#include <cmath>

#include "layer.hpp"

using namespace striate;

namespace {

enum Kind { MAX, AVG, DENSE };

// Mirrored by `LinkFields` in trained.py.
struct Link {
  const void *shape, *forward, *backward;  // what the kernels take; the kernels
  int64_t kind, outputs;
  int64_t answer, kept;  // floats from the start of the memory; no `kept`: -1
};

// Mirrored by `ChainFields` in trained.py.
struct Links {
  const Link* each;
  int64_t count, batch, threads;
  int64_t widest;  // floats of the largest answer
  int64_t outputs;  // of the layer that has most
};

// Mirrored by `TensorsFields` in trained.py.
struct Tensors {
  const float *x, *const* weights;  // weight, bias of each layer; no bias: null
  float *memory, *y;
  float *dx, *const* gradients;  // as the weights; dx is null where nobody wants it
  float* workspace;
};

using ForwardConv = void(const void*, const float*, const float*, const float*, float*, float*,
                         float*);
using ForwardDense = void(const void*, const float*, const float*, const float*, float*, float*);
using BackwardMax = void(const void*, const float*, const float*, const float*, const float*,
                         const float*, float*, float*, float*, float*);
using Backward = void(const void*, const float*, const float*, const float*, const float*, float*,
                      float*, float*, float*);

struct Buffers {
  float *gradients[2], *dbias, *losses, *kernel;
  Buffers(const Links& links, float* workspace) {
    Workspace space{workspace};
    for (float*& each : gradients) each = space.take(links.widest);
    dbias = space.take(links.outputs);
    losses = space.take(links.batch);
    kernel = space.take(0);
    used = space.used;
  }
  int64_t used;
  float* gradient(int64_t layer) const { return gradients[layer % 2]; }
};

struct Run {
  const Links& links;
  const Tensors& t;
  Buffers buffers;
  Run(const Links& links, const Tensors& t) : links(links), t(t), buffers(links, t.workspace) {}

  float* answer(int64_t k) const {
    return k + 1 == links.count ? t.y : t.memory + links.each[k].answer;
  }
  const float* read(int64_t k) const { return k ? answer(k - 1) : t.x; }
  float* kept(int64_t k) const {
    return links.each[k].kept < 0 ? nullptr : t.memory + links.each[k].kept;
  }

  void forward() const {
    for (int64_t k = 0; k < links.count; ++k) {
      const Link& link = links.each[k];
      const float *weight = t.weights[2 * k], *bias = t.weights[2 * k + 1];
      if (link.kind == DENSE)
        ((ForwardDense*)link.forward)(link.shape, read(k), weight, bias, answer(k), buffers.kernel);
      else
        ((ForwardConv*)link.forward)(link.shape, read(k), weight, bias, answer(k), kept(k),
                                     buffers.kernel);
    }
  }

  void backward(const float* gradient) const {
    for (int64_t k = links.count; k--;) {
      const Link& link = links.each[k];
      const float* weight = t.weights[2 * k];
      float* dx = k ? buffers.gradient(k - 1) : t.dx;
      float *dweight = t.gradients[2 * k], *dbias = t.gradients[2 * k + 1];
      if (!dbias) dbias = buffers.dbias;
      if (link.kind == MAX)
        ((BackwardMax*)link.backward)(link.shape, gradient, read(k), weight, answer(k), kept(k), dx,
                                      dweight, dbias, buffers.kernel);
      else
        ((Backward*)link.backward)(link.shape, gradient, read(k), weight,
                                   link.kind == AVG ? kept(k) : answer(k), dx, dweight, dbias,
                                   buffers.kernel);
      gradient = dx;
    }
  }

  // The mean of log(sum of e^score) - score of the label, and its gradient.
  float cross_entropy(const int64_t* labels, float* gradient) const {
    const int64_t classes = links.each[links.count - 1].outputs;
    const float share = 1.f / (float)links.batch;
#pragma omp parallel for num_threads(links.threads) schedule(static) if (links.batch * classes > 8192)
    for (int64_t n = 0; n < links.batch; ++n) {
      const float* scores = t.y + n * classes;
      float* out = gradient + n * classes;
      float most = scores[0];
      for (int64_t c = 1; c < classes; ++c) most = std::max(most, scores[c]);
      double sum = 0;
      for (int64_t c = 0; c < classes; ++c) sum += out[c] = std::exp(scores[c] - most);
      const float scale = (float)(share / sum);
      for (int64_t c = 0; c < classes; ++c) out[c] *= scale;
      out[labels[n]] -= share;
      buffers.losses[n] = (float)(std::log(sum) + (most - scores[labels[n]]));
    }
    double total = 0;
    for (int64_t n = 0; n < links.batch; ++n) total += buffers.losses[n];
    return (float)(total / links.batch);
  }
};

}  // namespace

// Floats before the workspace of the kernels themselves.
extern "C" int64_t trained_workspace(const Links* links) { return Buffers(*links, nullptr).used; }

extern "C" void trained_forward(const Links* links, const Tensors* tensors) {
  Run(*links, *tensors).forward();
}

extern "C" void trained_backward(const Links* links, const Tensors* tensors,
                                 const float* gradient) {
  Run(*links, *tensors).backward(gradient);
}

// Forward, cross-entropy and backward. Returns whether every label is that of a class; where one
// is not, nothing is computed.
extern "C" int32_t trained_step(const Links* links, const Tensors* tensors, const int64_t* labels,
                                float* loss) {
  const int64_t classes = links->each[links->count - 1].outputs;
  for (int64_t n = 0; n < links->batch; ++n)
    if (labels[n] < 0 || labels[n] >= classes) return 0;
  const Run run(*links, *tensors);
  run.forward();
  float* gradient = run.buffers.gradient(links->count - 1);
  *loss = run.cross_entropy(labels, gradient);
  run.backward(gradient);
  return 1;
}
