// SPDX-License-Identifier: Apache-2.0
//
// A ring of pointers from one sending thread to one receiving thread.
//
//   0 <= tail - head <= slots       tail: pushed so far, head: taken so far; they only grow
//
// The sender writes tail, the receiver writes head, each on a cache line of its own. The sender
// looks at head only when the ring seems full by what it saw last.

#ifndef HZ4_BENCH_RANDOM_MIXED_MT_REMOTE_RING_H_
#define HZ4_BENCH_RANDOM_MIXED_MT_REMOTE_RING_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

namespace hz4 {

class Ring {
 public:
  Ring() = default;
  ~Ring() { std::free(cells_); }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  // The memory comes from malloc, untouched: a page of it is faulted in when the ring first gets
  // there. False: there was none.
  bool Reserve(std::size_t slots) {
    std::size_t cells = 1;
    while (cells < slots) cells *= 2;
    cells_ = static_cast<void**>(std::malloc(cells * sizeof(void*)));
    slots_ = slots;
    mask_ = cells - 1;
    return cells_ != nullptr;
  }

  // Sender only. False: full.
  bool Push(void* pointer) {
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - seen_head_ >= slots_) {
      seen_head_ = head_.load(std::memory_order_acquire);  // the cells before it are free again
      if (tail - seen_head_ >= slots_) return false;
    }
    cells_[tail & mask_] = pointer;
    tail_.store(tail + 1, std::memory_order_release);  // publishes the cell, and what it points to
    return true;
  }

  // Receiver only. Takes what was there when it was called, oldest first, and returns how many.
  template <class Consume>
  std::size_t Drain(Consume consume) {
    const std::uint64_t first = head_.load(std::memory_order_relaxed);
    const std::uint64_t tail = tail_.load(std::memory_order_acquire);
    if (first == tail) return 0;
    for (std::uint64_t head = first; head != tail; ++head) {
      void* const pointer = cells_[head & mask_];
      head_.store(head + 1,
                  std::memory_order_release);  // the cell is read: the sender may reuse it
      consume(pointer);
    }
    return tail - first;
  }

 private:
  alignas(64) std::atomic<std::uint64_t> tail_{0};
  std::uint64_t seen_head_ = 0;  // the sender's
  alignas(64) std::atomic<std::uint64_t> head_{0};
  alignas(64) void** cells_ = nullptr;
  std::uint64_t slots_ = 0;
  std::uint64_t mask_ = 0;
};

}  // namespace hz4

#endif  // HZ4_BENCH_RANDOM_MIXED_MT_REMOTE_RING_H_
