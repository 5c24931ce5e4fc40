// Convolution, bias, activation and 2x2 average pool in one pass, and backward through all of it,
// in batch-lane layout. What backward needs of the activation is kept in `kept`, vectors of
// [group of images][output][row][column] (rows and columns that a window covers).
#include <omp.h>

#include "avg_backward.hpp"
#include "avg_forward.hpp"
#include "avg_tiles.hpp"
#include "avg_tiles_backward.hpp"
#include "layer.hpp"

using namespace striate;

extern "C" int32_t avg_lanes() { return LANES; }

extern "C" int64_t avg_forward_workspace(const Shape* shape) {
  Workspace space{nullptr};
  avg_forward::Buffers{Layer(*shape), space};
  return space.used;
}

// `kept` is null where nobody will go backward.
extern "C" void avg_forward_run(const Shape* shape, const float* x, const float* weight,
                                const float* bias, float* y, float* kept, float* workspace) {
  Layer layer(*shape);
  Workspace space{workspace};
  avg_forward::Buffers buffers{layer, space};
  with_activation(layer.activation, [&](auto activation) {
    avg_forward::run<activation.value>(layer, x, weight, bias, y, kept, buffers);
  });
}

extern "C" int64_t avg_backward_workspace(const Shape* shape, int32_t wants_dx) {
  Workspace space{nullptr};
  avg_backward::Buffers{avg_backward::Plan(Layer(*shape), wants_dx), space};
  return space.used;
}

// dx is null where nobody wants it.
extern "C" void avg_backward_run(const Shape* shape, const float* gradient, const float* x,
                                 const float* weight, const float* kept, float* dx, float* dweight,
                                 float* dbias, float* workspace) {
  avg_backward::Plan plan(Layer(*shape), dx != nullptr);
  Workspace space{workspace};
  avg_backward::Buffers buffers{plan, space};
  with_activation(plan.activation, [&](auto activation) {
    avg_backward::run<activation.value>(plan, gradient, x, weight, kept, dx, dweight, dbias,
                                        buffers);
  });
}

// The same by Winograd's tiles, for kernels of 3x3 and 5x5.
extern "C" int64_t avg_tiles_workspace(const Shape* shape) {
  Workspace space{nullptr};
  avg_tiles::Buffers{Layer(*shape), space};
  return space.used;
}

extern "C" void avg_tiles_run(const Shape* shape, const float* x, const float* weight,
                              const float* bias, float* y, float* kept, float* workspace) {
  Layer layer(*shape);
  Workspace space{workspace};
  avg_tiles::Buffers buffers{layer, space};
  with_activation(layer.activation, [&](auto activation) {
    auto run = layer.kernel_h == 5 ? avg_tiles::run<activation.value, 5>
                                   : avg_tiles::run<activation.value, 3>;
    run(layer, x, weight, bias, y, kept, buffers);
  });
}

extern "C" int64_t avg_tiles_backward_workspace(const Shape* shape, int32_t wants_dx) {
  Workspace space{nullptr};
  avg_tiles_backward::Buffers{avg_tiles_backward::Plan(Layer(*shape), wants_dx), space};
  return space.used;
}

extern "C" void avg_tiles_backward_run(const Shape* shape, const float* gradient, const float* x,
                                       const float* weight, const float* kept, float* dx,
                                       float* dweight, float* dbias, float* workspace) {
  avg_tiles_backward::Plan plan(Layer(*shape), dx != nullptr);
  Workspace space{workspace};
  avg_tiles_backward::Buffers buffers{plan, space};
  with_activation(plan.activation, [&](auto activation) {
    auto run = plan.kernel_h == 5 ? avg_tiles_backward::run<activation.value, 5>
                                  : avg_tiles_backward::run<activation.value, 3>;
    run(plan, gradient, x, weight, kept, dx, dweight, dbias, buffers);
  });
}
