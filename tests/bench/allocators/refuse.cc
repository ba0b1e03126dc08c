// SPDX-License-Identifier: Apache-2.0
//
// An allocator that runs out of memory after a while: its program survives, its figures must not.

#include <atomic>
#include <cstddef>

extern "C" void* __libc_malloc(std::size_t size);

namespace {
std::atomic<int> g_calls{0};
}

extern "C" void* malloc(std::size_t size) {
  const int call = g_calls.fetch_add(1, std::memory_order_relaxed);
  return call > 1000 && call % 100 == 0 && size < 4096 ? nullptr : __libc_malloc(size);
}
