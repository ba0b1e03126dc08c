// SPDX-License-Identifier: Apache-2.0
//
// What the lanes' loop itself can do: the same loop, the same threads and rings, with the allocator
// replaced by a per-thread array that is never wrong. Figures of allocators are given as a share of
// this one.
//
// The array is a stack of addresses that is read and written round and round, so that it is never
// empty and never full and no test is needed. A thread that receives more than it allocates hands
// an address out twice; nobody minds, for nothing is kept in the blocks. With `touch` the addresses
// belong to real memory, one cache line apart: blocks overlap, so that touching them costs as
// little as touching can.

#include <sys/mman.h>

#include <cstdlib>

#include "bench/random_mixed_mt_remote_main.h"

namespace {

class PointerArray {
 public:
  PointerArray(const hz4::RandomMixedArgs& args, int) {
    std::size_t count = 1024;
    while (count < 2 * static_cast<std::size_t>(args.ws)) count *= 2;
    mask_ = count - 1;
    array_ = static_cast<void**>(std::malloc(count * sizeof(void*)));
    std::uintptr_t first = kStride;  // an address that is never written to, but not null
    if (args.touch != hz4::Touch::kNone) {
      arena_size_ = count * kStride + static_cast<std::size_t>(args.max);
      arena_ =
          mmap(nullptr, arena_size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      first = reinterpret_cast<std::uintptr_t>(arena_);
    }
    if (!Ready()) return;
    for (std::size_t i = 0; i < count; ++i) {
      array_[i] = reinterpret_cast<void*>(first + i * kStride);
    }
  }
  ~PointerArray() {
    std::free(array_);
    if (arena_ != nullptr && arena_ != MAP_FAILED) munmap(arena_, arena_size_);
  }
  PointerArray(const PointerArray&) = delete;
  PointerArray& operator=(const PointerArray&) = delete;

  bool Ready() const { return array_ != nullptr && arena_ != MAP_FAILED; }
  // Every allocator looks at the size; unread, the compiler would drop the draw and its division
  // from the loop.
  void* Allocate(std::size_t size) {
    asm volatile("" : : "r"(size));
    return array_[--top_ & mask_];
  }
  void Free(void* block) { array_[top_++ & mask_] = block; }

 private:
  static constexpr std::size_t kStride = 64;

  void** array_ = nullptr;
  std::size_t top_ = 0;
  std::size_t mask_ = 0;
  void* arena_ = nullptr;
  std::size_t arena_size_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  return hz4::RandomMixedMain<PointerArray>("ceiling", argc, argv);
}
