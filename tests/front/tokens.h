// SPDX-License-Identifier: Apache-2.0
//
// Tokens: what stands for objects in tests of a cache, which never touches what it holds. Each
// knows who has it, so that one lost, or handed out twice, is seen.
#ifndef HZ4_TESTS_FRONT_TOKENS_H_
#define HZ4_TESTS_FRONT_TOKENS_H_

#include <atomic>
#include <cstdint>
#include <vector>

namespace hz4 {
namespace test {

class Tokens {
 public:
  // count tokens, all held by nobody.
  explicit Tokens(unsigned count) : has_(count) {}

  unsigned count() const { return static_cast<unsigned>(has_.size()); }
  // The pointer that stands for token i.
  static void* Pointer(unsigned i) { return reinterpret_cast<void*>((uintptr_t{i} + 1) * 16); }

  // No object lies so low in memory.
  static bool IsPointer(const void* p) { return reinterpret_cast<uintptr_t>(p) < 1 << 24; }

  // False: it is no token, or somebody has it already: it was handed out twice.
  bool Take(void* p) {
    const uintptr_t i = reinterpret_cast<uintptr_t>(p) / 16 - 1;
    return i < has_.size() && reinterpret_cast<uintptr_t>(p) % 16 == 0 &&
           has_[i].exchange(1, std::memory_order_relaxed) == 0;
  }
  // Call before it goes into a cache. False: nobody had it.
  bool Leave(void* p) {
    return has_[reinterpret_cast<uintptr_t>(p) / 16 - 1].exchange(0, std::memory_order_relaxed) ==
           1;
  }

 private:
  std::vector<std::atomic<int>> has_;
};

}  // namespace test
}  // namespace hz4

#endif  // HZ4_TESTS_FRONT_TOKENS_H_
