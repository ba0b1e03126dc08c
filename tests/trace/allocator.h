// SPDX-License-Identifier: Apache-2.0
//
// The allocator that a trace drives. Two binaries link one of two definitions: hz4's own entry
// points inside a process whose malloc is another (allocator_in_process.cc; sanitizers can watch),
// or whatever malloc the process has (allocator_of_process.cc).
#ifndef HZ4_TESTS_TRACE_ALLOCATOR_H_
#define HZ4_TESTS_TRACE_ALLOCATOR_H_

#include <cstddef>

namespace hz4 {
namespace test {

struct TracedAllocator {
  void* (*malloc)(size_t size);
  void* (*calloc)(size_t n, size_t size);
  void* (*realloc)(void* p, size_t size);
  void* (*memalign)(size_t align, size_t size);
  void (*free)(void* p);
  size_t (*usable_size)(const void* p);
  // nullptr, or the invariant that does not hold. Called while no other thread is in the allocator.
  const char* (*check)();
  // Gives free memory back to the kernel; called beside other threads at work.
  void (*release)();
};

extern const TracedAllocator kTraced;

}  // namespace test
}  // namespace hz4

#endif  // HZ4_TESTS_TRACE_ALLOCATOR_H_
