// SPDX-License-Identifier: Apache-2.0
//
// An allocator that hangs after a while: what a comparison has to survive.

#include <unistd.h>

#include <atomic>
#include <cstddef>

extern "C" void* __libc_malloc(std::size_t size);

namespace {
std::atomic<int> g_calls{0};
}

extern "C" void* malloc(std::size_t size) {
  if (g_calls.fetch_add(1, std::memory_order_relaxed) >= 2000) pause();
  return __libc_malloc(size);
}
