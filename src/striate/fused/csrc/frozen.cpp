// A chain of layers that only predicts, as one call: convolutions with activation and 2x2 pool,
// then dense layers. Weights are packed once; maps stay in a thread's cache from layer to layer.
#include <omp.h>

#include "frozen_dense.hpp"
#include "frozen_images.hpp"
#include "frozen_lanes.hpp"

using namespace striate;
using namespace striate::frozen;

namespace {

int64_t vectors_of(int floats) { return parts_of(floats, LANES); }

// Vector multiply-adds of one image, roughly: by itself, and in a full group of lanes.
double image_work(const Step& step) {
  const Layer l(step.shape);
  const double vectors = vectors_of(l.outputs);
  const int side = l.kernel_h + 1;
  if (step.tiles)
    return (double)l.pooled * side * side * ((l.channels + 3) * vectors + 3 * vectors_of(l.channels));
  return 4.0 * l.pooled * l.kernel_h * l.row * vectors;
}

double lane_work(const Step& step) {
  const Layer l(step.shape);
  return 4.0 * l.pooled * l.kernel_h * l.row * l.outputs / LANES;
}

constexpr double WORK_OF_A_THREAD = 1 << 18;  // multiply-adds: to wake one takes microseconds

struct Chain {
  const Step* steps;
  int count, convolutions, in_lanes, groups, batch, threads;

  Chain(const Step* given, int all, int images, int team)
      : steps(given), count(all), convolutions(0), in_lanes(0), groups(0), batch(images), threads(team) {
    while (convolutions < count && steps[convolutions].pool != DENSE) ++convolutions;
    if (parts_of(batch, LANES) < threads) return;
    double best = 0, alone = 0, lanes = 0;  // the first layers whose work in lanes is least
    for (int s = 0; s < convolutions; ++s) {
      alone += image_work(steps[s]), lanes += lane_work(steps[s]);
      if (alone - lanes <= best) continue;
      best = alone - lanes, in_lanes = s + 1;
      const bool fill = batch % LANES * alone > LANES * lanes;  // a group need not be full
      groups = batch / LANES + fill;
    }
    if (!groups) in_lanes = 0;
  }
  // Threads that the work of steps [first, last) is worth waking.
  int team(int first, int last) const {
    double work = 0;
    for (int s = first; s < last; ++s) {
      const Layer l(steps[s].shape);
      work += (double)batch * l.outputs * l.kernel_h * l.row * l.out_h * l.out_w;
    }
    return (int)std::min<double>(threads, 1 + work / WORK_OF_A_THREAD);
  }
  static int64_t size_after(const Step& step) {
    const Layer l(step.shape);
    return step.pool == DENSE ? l.outputs : (int64_t)l.outputs * l.pooled;
  }
  static int64_t size_before(const Step& step) {
    const Shape& s = step.shape;
    return step.pool == DENSE ? s.channels : (int64_t)s.channels * s.height * s.width;
  }
};

// What one thread works in.
struct OneThread {
  float *between[2], *pooled, *images;
  float* memory;  // and the layers' own buffers
  OneThread(const Chain& chain, Workspace& space) {
    int64_t most = 0;
    for (int s = 0; s + 1 < chain.convolutions; ++s)
      most = std::max(most, Chain::size_after(chain.steps[s]));
    // a vector more: rows are read in whole vectors
    for (float*& each : between) each = space.take(most + LANES);
    pooled = images = nullptr;
    if (chain.in_lanes) {
      const int64_t floats = Chain::size_after(chain.steps[chain.in_lanes - 1]) * LANES;
      pooled = space.take(floats), images = space.take(floats + LANES);
    }
    memory = space.base ? space.base + space.used : nullptr;
    for (int s = 0; s < chain.convolutions; ++s) {
      const Layer l(chain.steps[s].shape);
      if (s < chain.in_lanes) LaneBuffers(l, space);
      space.take(image_thread_floats(chain.steps[s]));
    }
  }
};

struct Buffers {
  float *features, *units[2], *threads;
  int64_t per_thread;
  Buffers(const Chain& chain, Workspace& space) {
    features = nullptr;
    if (chain.convolutions && chain.convolutions < chain.count)
      features = space.take(chain.batch * Chain::size_before(chain.steps[chain.convolutions]));
    int64_t most = 0;
    for (int s = chain.convolutions; s + 1 < chain.count; ++s)
      most = std::max(most, Chain::size_after(chain.steps[s]));
    for (float*& each : units) each = space.take(chain.batch * most);
    Workspace one{nullptr};
    OneThread(chain, one);
    per_thread = one.used;
    threads = space.take(per_thread * chain.threads);
  }
};

// The convolutions of one thread; borders are zero from the beginning.
class Images {
 public:
  Images(const Chain& chain, float* memory) : chain_(chain), space_{memory}, own_(chain, space_) {
    Workspace space{own_.memory};
    for (int s = 0; s < chain.convolutions; ++s) {
      const Layer l(chain.steps[s].shape);
      if (s < chain.in_lanes) {
        LaneBuffers buffers(l, space);
        std::memset(buffers.padded, 0, 4 * buffers.padded_floats);
      }
      float* own = space.take(image_thread_floats(chain.steps[s]));
      std::memset(padded_of(chain.steps[s], own), 0, 4 * l.image);
    }
  }

  // From layer `first` on.
  void one(int first, const float* x, float* y) {
    Workspace space{own_.memory};
    for (int s = 0; s < chain_.convolutions; ++s) {
      const Step& step = chain_.steps[s];
      if (s < chain_.in_lanes) LaneBuffers(Layer(step.shape), space);
      float* own = space.take(image_thread_floats(step));
      if (s < first) continue;
      float* to = s + 1 == chain_.convolutions ? y : own_.between[s % 2];
      run_image(step, x, to, own);
      x = to;
    }
  }

  // Up to LANES images, from the first layer on.
  void group(const float* x, float* y, int images) {
    Workspace space{own_.memory};
    for (int s = 0; s < chain_.in_lanes; ++s) {
      const Step& step = chain_.steps[s];
      const Layer l(step.shape);
      LaneBuffers own(l, space);
      space.take(image_thread_floats(step));
      Workspace memory{step.memory + image_floats(step)};
      const LaneWeights kept(l, memory);
      if (s == 0)
        lanes::to_lanes(group_of(l, images), x, l.channels * l.height * l.width, kept.x_place, own.padded);
      LaneMap to{own_.pooled, (int64_t)l.pooled * LANES, l.pool_w * LANES};
      if (s + 1 < chain_.in_lanes) {
        const Layer next(chain_.steps[s + 1].shape);
        Workspace peek = space;
        to = {LaneBuffers(next, peek).padded + ((int64_t)next.pad_h * next.padded_w + next.pad_w) * LANES,
              (int64_t)next.padded_h * next.padded_w * LANES, next.padded_w * LANES};
      }
      run_lanes(step, kept, own, to);
      if (s + 1 == chain_.in_lanes) leave(step, l, kept, y, images);
    }
  }

 private:
  void leave(const Step& step, const Layer& l, const LaneWeights& kept, float* y, int images) {
    const int64_t size = Chain::size_after(step);
    const bool done = chain_.in_lanes == chain_.convolutions;
    lanes::from_lanes(group_of(l, images), own_.pooled, (int)size, kept.y_place,
                      done ? y : own_.images);
    if (done) return;
    const int64_t after = Chain::size_after(chain_.steps[chain_.convolutions - 1]);
    for (int i = 0; i < images; ++i) one(chain_.in_lanes, own_.images + i * size, y + i * after);
  }

  const Chain& chain_;
  Workspace space_;
  OneThread own_;
};

void convolve(const Chain& chain, const float* x, float* y, float* memory) {
  Images images(chain, memory);
  const int64_t before = Chain::size_before(chain.steps[0]);
  const int64_t after = Chain::size_after(chain.steps[chain.convolutions - 1]);
  const int groups = chain.groups, alone = std::max(0, chain.batch - groups * LANES);
#pragma omp for schedule(static)
  for (int item = 0; item < groups + alone; ++item) {
    const int64_t n = item < groups ? (int64_t)item * LANES : item - groups + groups * LANES;
    if (item < groups)
      images.group(x + n * before, y + n * after, std::min<int64_t>(LANES, chain.batch - n));
    else images.one(0, x + n * before, y + n * after);
  }
}

}  // namespace

extern "C" int64_t frozen_memory(const Step* step) {
  if (step->pool == DENSE) return dense_floats(step->shape);
  Workspace space{nullptr};
  LaneWeights(Layer(step->shape), space);
  return image_floats(*step) + space.used;
}

extern "C" void frozen_pack(const Step* step, const float* weight, const float* bias) {
  if (step->pool == DENSE) return pack_dense(step->shape, weight, bias, step->memory);
  pack_image(*step, weight, bias, step->memory);
  pack_lanes(Layer(step->shape), weight, bias, step->memory + image_floats(*step));
}

extern "C" int64_t frozen_workspace(const Step* steps, int32_t count, int32_t batch,
                                    int32_t threads) {
  Workspace space{nullptr};
  Buffers(Chain(steps, count, batch, threads), space);
  return space.used;
}

// x: (batch, channel, row, column) or (batch, units); y: (batch, row, column, channel) or units.
extern "C" void frozen_run(const Step* steps, int32_t count, int32_t batch, int32_t threads,
                           const float* x, float* y, float* workspace) {
  const Chain chain(steps, count, batch, threads);
  Workspace space{workspace};
  const Buffers buffers(chain, space);
  const auto run = [&](int first, int last) {
    if (first < chain.convolutions) {
      float* to = buffers.features ? buffers.features : y;
      convolve(chain, x, to, buffers.threads + omp_get_thread_num() * buffers.per_thread);
      first = chain.convolutions;
    }
    for (int s = first; s < last; ++s) {
      const float* inner = s == chain.convolutions ? buffers.features : buffers.units[(s - 1) % 2];
      run_dense(steps[s], batch, s ? inner : x, s + 1 == count ? y : buffers.units[s % 2]);
    }
  };
  // What cannot be shared, or is too little to be, comes before and behind what is: threads that
  // only wait at a barrier cost the one that works.
  const int first = batch > 1 ? 0 : chain.convolutions;
  int last = count;
  while (last > chain.convolutions && chain.team(last - 1, last) == 1) --last;
  if (first > 0) run(0, first);
  const int team = chain.team(first, last);
  if (team == 1) run(first, last);  // in no parallel region, whose barriers call the system
  else {
#pragma omp parallel num_threads(team)
    run(first, last);
  }
  if (last < count) run(last, count);
}
