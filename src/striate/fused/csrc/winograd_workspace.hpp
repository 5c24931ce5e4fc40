// Large buffers that are kept between calls: fresh pages would cost what the algorithm gains.
//
// A call leases one buffer and gives it back, so any number of threads may call at once; as many
// buffers exist as were ever in use at the same time.
#pragma once
#include <cstddef>
#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>
#include <vector>
#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace {

class Workspace {
 public:
  explicit Workspace(size_t floats) : size_(floats), data_(take(size_)) {}
  ~Workspace() { give(data_, size_); }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  float* data() const { return data_; }

  static void release_all() {
    std::lock_guard<std::mutex> lock(guard());
    for (const auto& each : idle()) std::free(each.first);
    idle().clear();
  }

 private:
  typedef std::vector<std::pair<float*, size_t>> List;
  static constexpr size_t PAGE = size_t(1) << 21;

  static std::mutex& guard() {
    static std::mutex* mutex = new std::mutex;  // outlives every thread that may still call
    return *mutex;
  }
  static List& idle() {
    static List* list = new List;
    return *list;
  }

  // The smallest idle buffer that is large enough; failing that, a new one instead of the largest.
  static float* take(size_t& floats) {
    std::lock_guard<std::mutex> lock(guard());
    List& list = idle();
    auto best = list.end(), largest = list.end();
    for (auto each = list.begin(); each != list.end(); ++each) {
      const bool fits = each->second >= floats;
      if (fits && (best == list.end() || each->second < best->second)) best = each;
      if (largest == list.end() || each->second > largest->second) largest = each;
    }
    if (best == list.end() && largest != list.end()) {
      std::free(largest->first);
      list.erase(largest);
      best = list.end();
    }
    if (best != list.end()) {
      float* data = best->first;
      floats = best->second;
      list.erase(best);
      return data;
    }
    return fresh(floats);
  }

  static float* fresh(size_t& floats) {
    const size_t bytes = (floats * sizeof(float) + PAGE - 1) / PAGE * PAGE;
    void* memory = nullptr;
    if (posix_memalign(&memory, PAGE, bytes)) throw std::bad_alloc();
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    madvise(memory, bytes, MADV_HUGEPAGE);  // a hint: refusal changes nothing
#endif
    floats = bytes / sizeof(float);
    return static_cast<float*>(memory);
  }

  static void give(float* data, size_t floats) noexcept {
    std::lock_guard<std::mutex> lock(guard());
    try {
      idle().emplace_back(data, floats);
    } catch (const std::bad_alloc&) {
      std::free(data);
    }
  }

  size_t size_;
  float* data_;
};

}  // namespace
