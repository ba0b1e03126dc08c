// SPDX-License-Identifier: Apache-2.0
#ifndef HZ4_BASE_RELAXED_H_
#define HZ4_BASE_RELAXED_H_

#include <atomic>

namespace hz4 {

// A value with one writer at a time at which others may look without the writer's lock: never torn,
// and ordered with nothing.
template <class T>
class Relaxed {
 public:
  operator T() const { return value_.load(std::memory_order_relaxed); }
  T operator=(T value) {
    value_.store(value, std::memory_order_relaxed);
    return value;
  }

  T operator=(const Relaxed& other) { return *this = static_cast<T>(other); }

 private:
  std::atomic<T> value_;
};

}  // namespace hz4

#endif  // HZ4_BASE_RELAXED_H_
