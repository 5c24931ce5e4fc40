// One layer of a network that only predicts.
#pragma once
#include "layer.hpp"

namespace striate::frozen {

// Keeps a weight in its register where registers are few: with many, the compiler does better alone.
INLINE void held(Vec& v) {
  if constexpr (REGISTERS == 16) keep(v);
}

enum Pool { MAX = 0, AVERAGE = 1, DENSE = 2 };

// Mirrored by `StepFields` in frozen.py. A dense layer has `channels` inputs. The first convolution
// reads (channel, row, column), all others (row, column, channel), which is what all write.
struct Step {
  Shape shape;
  int32_t pool, tiles;  // tiles: by Winograd's, where a single image is computed
  float* memory;        // packed weights and bias
};

}  // namespace striate::frozen
