// Convolution, bias, activation and 2x2 max-pool in one pass, and backward through all of it.
//
// The activation is monotone, so it is applied to the maximum alone. Backward, one output in four
// has a gradient (fewer behind ReLU): forward keeps which one in a byte, backward makes lists of
// (place, gradient) from it and adds rows to registers, a quarter of a dense convolution's work.
#include <omp.h>

#include "layer.hpp"
#include "max_forward.hpp"
#include "max_backward.hpp"
#include "max_tiles.hpp"

using namespace striate;

extern "C" int64_t max_forward_workspace(const Shape* shape) {
  Workspace space{nullptr};
  max_forward::Buffers{Layer(*shape), space};
  return space.used;
}

// y: pooled outputs; argmax: [batch][pooled][outputs rounded up to 16] bytes, or null.
extern "C" void max_forward_run(const Shape* shape, const float* x, const float* weight,
                                const float* bias, float* y, uint8_t* argmax, float* workspace) {
  Layer layer(*shape);
  Workspace space{workspace};
  max_forward::Buffers buffers{layer, space};
  auto run = layer.activation == RELU ? max_forward::run<RELU> : max_forward::run<IDENTITY>;
  run(layer, x, weight, bias, y, argmax, buffers);
}

// The same by Winograd's tiles, for kernels of 3x3 and 5x5.
extern "C" int64_t max_tiles_workspace(const Shape* shape) {
  Workspace space{nullptr};
  max_tiles::Buffers{Layer(*shape), space};
  return space.used;
}

extern "C" void max_tiles_run(const Shape* shape, const float* x, const float* weight,
                              const float* bias, float* y, uint8_t* argmax, float* workspace) {
  Layer layer(*shape);
  Workspace space{workspace};
  max_tiles::Buffers buffers{layer, space};
  const bool wide = layer.kernel_h == 5;
  auto run = layer.activation == RELU ? (wide ? max_tiles::run<RELU, 5> : max_tiles::run<RELU, 3>)
                                      : (wide ? max_tiles::run<IDENTITY, 5>
                                              : max_tiles::run<IDENTITY, 3>);
  run(layer, x, weight, bias, y, argmax, buffers);
}

extern "C" int64_t max_backward_workspace(const Shape* shape, int32_t wants_dx) {
  Workspace space{nullptr};
  max_backward::Buffers{max_backward::Plan(Layer(*shape), wants_dx), space};
  return space.used;
}

// dx is null where nobody wants it.
extern "C" void max_backward_run(const Shape* shape, const float* gradient, const float* x,
                                 const float* weight, const float* y, const uint8_t* argmax,
                                 float* dx, float* dweight, float* dbias, float* workspace) {
  max_backward::Plan plan(Layer(*shape), dx != nullptr);
  Workspace space{workspace};
  max_backward::Buffers buffers{plan, space};
  max_backward::run(plan, gradient, x, weight, y, argmax, dx, dweight, dbias, buffers);
}
