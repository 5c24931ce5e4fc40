// One image through one convolution with activation and 2x2 pool, its weights packed before.
#pragma once
#include "frozen_step.hpp"
#include "max_forward.hpp"
#include "max_tiles.hpp"

namespace striate::frozen {

// Buffers of a kernel whose weights lie in the step's memory; the threads' parts lie elsewhere.
template <typename Buffers> Buffers buffers_of(const Step& step, float* memory) {
  Shape shape = step.shape;
  shape.threads = 0;
  Workspace space{memory};
  return Buffers(Layer(shape), space);
}

template <typename Buffers> int64_t floats_of(const Step& step) {
  Shape shape = step.shape;
  shape.threads = 0;
  Workspace space{nullptr};
  Buffers{Layer(shape), space};
  return space.used;
}

inline int64_t image_floats(const Step& step) {
  return step.tiles ? floats_of<max_tiles::Buffers>(step) : floats_of<max_forward::Buffers>(step);
}

inline void fill_bias(const Layer& l, const float* bias, float* filled) {
  for (int o = 0; o < l.lanes_k; ++o) filled[o] = bias && o < l.outputs ? bias[o] : 0.f;
}

inline void pack_image(const Step& step, const float* weight, const float* bias, float* memory) {
  const Layer l(step.shape);
  const int vectors = l.lanes_k / LANES, blocks = parts_of(vectors, max_forward::MOST_VECTORS);
  if (!step.tiles) {
    auto shared = buffers_of<max_forward::Buffers>(step, memory);
    fill_bias(l, bias, shared.bias);
    for (int b = 0; b < blocks; ++b)
      max_forward::pack(l, weight, shared.packed, Part(vectors, blocks, b));
    return;
  }
  auto shared = buffers_of<max_tiles::Buffers>(step, memory);
  fill_bias(l, bias, shared.bias);
  auto pack = l.kernel_h == 5 ? max_tiles::pack<5> : max_tiles::pack<3>;
  for (int b = 0; b < blocks; ++b) pack(l, weight, shared.packed, Part(vectors, blocks, b));
}

inline int64_t image_thread_floats(const Step& step) {
  const Layer l(step.shape);
  Workspace space{nullptr};
  if (step.tiles) max_tiles::Buffers::OneThread(l, space);
  else max_forward::Buffers::OneThread(l, space);
  return space.used;
}

inline float* padded_of(const Step& step, float* own) {
  const Layer l(step.shape);
  Workspace space{own};
  return step.tiles ? max_tiles::Buffers::OneThread(l, space).padded
                    : max_forward::Buffers::OneThread(l, space).padded;
}

// Means of windows in place of maxima, for one block of output vectors.
template <int ACT, int VECTORS>
void mean_rows(const Layer& l, int vector, const max_forward::Buffers& shared,
               const max_forward::Buffers::OneThread& own, float* image) {
  constexpr int wide = VECTORS * LANES;
  const float* w = shared.packed + (int64_t)l.kernel_h * l.row * vector * LANES;
  const float* bias = shared.bias + vector * LANES;
  float *upper = own.rows, *lower = own.rows + 2 * l.pool_w * wide;
  for (int i = 0; i < l.pool_h; ++i) {
    max_forward::convolve_row<VECTORS>(l, own.padded, 2 * i, w, bias, upper);
    max_forward::convolve_row<VECTORS>(l, own.padded, 2 * i + 1, w, bias, lower);
    for (int j = 0; j < l.pool_w; ++j)
      for (int v = 0; v < VECTORS; ++v) {
        const float *a = upper + 2 * j * wide + v * LANES, *b = lower + 2 * j * wide + v * LANES;
        Vec window[] = {load(a), load(a + wide), load(b), load(b + wide)};
        activate_all<ACT>(window);
        store(image + ((int64_t)i * l.pool_w + j) * l.lanes_k + (vector + v) * LANES,
              ((window[0] + window[1]) + (window[2] + window[3])) * splat(.25f));
      }
  }
}

template <int ACT>
void mean_image(const Layer& l, const float* x, float* y, const max_forward::Buffers& shared,
                const max_forward::Buffers::OneThread& own) {
  pad_rows(l, x, 0, 2 * l.pool_h + l.kernel_h - 1, own.padded);
  float* image = l.lanes_k == l.outputs ? y : own.image;
  const int vectors = l.lanes_k / LANES, blocks = parts_of(vectors, max_forward::MOST_VECTORS);
  for (int b = 0; b < blocks; ++b) {
    Part part(vectors, blocks, b);
    with_count<max_forward::MOST_VECTORS>(part.size, [&](auto count) {
      mean_rows<ACT, count.value>(l, part.begin, shared, own, image);
    });
  }
  if (image != y) write_pooled(l, image, 0, l.pool_h, y);
}

template <int ACT>
void max_image(const Step& step, const Layer& l, const float* x, float* y, Workspace space) {
  if (step.tiles) {
    max_tiles::Buffers::OneThread mine(l, space);
    auto shared = buffers_of<max_tiles::Buffers>(step, step.memory);
    auto run = l.kernel_h == 5 ? max_tiles::rows_of_image<ACT, 5> : max_tiles::rows_of_image<ACT, 3>;
    return run(l, x, Part(l.pool_h, 1, 0), y, nullptr, shared, mine);
  }
  max_forward::Buffers::OneThread mine(l, space);
  auto shared = buffers_of<max_forward::Buffers>(step, step.memory);
  max_forward::rows_of_image<ACT>(l, x, 0, l.pool_h, y, nullptr, shared, mine);
}

// y: [pooled position][outputs]. The border of the padded image in `own` is zero.
inline void run_image(const Step& step, const float* x, float* y, float* own) {
  const Layer l(step.shape);
  Workspace space{own};
  if (step.pool == MAX)
    return l.activation == RELU ? max_image<RELU>(step, l, x, y, space)
                                : max_image<IDENTITY>(step, l, x, y, space);
  max_forward::Buffers::OneThread mine(l, space);
  auto shared = buffers_of<max_forward::Buffers>(step, step.memory);
  with_activation(l.activation, [&](auto activation) {
    mean_image<activation.value>(l, x, y, shared, mine);
  });
}

}  // namespace striate::frozen
