// SPDX-License-Identifier: Apache-2.0
#include "hz4/base/bootstrap.h"

#include "hz4/base/bits.h"

namespace hz4 {
namespace bootstrap {
namespace {

constexpr size_t kBytes = 32768;
alignas(kOsPage) char buffer[kBytes];
size_t used = 0;

}  // namespace

void* Allocate(size_t size, size_t align) {
  if (size == 0) size = 1;  // an address of its own, inside of the buffer
  if (align < kMinAlign) align = kMinAlign;
  // Before each object its size, in a word of the 16 bytes that alignment costs anyway.
  const uintptr_t base = reinterpret_cast<uintptr_t>(buffer);
  const uintptr_t object = AlignUp(base + used + kMinAlign, align);
  if (size > kBytes || object + size > base + kBytes) return nullptr;
  used = AlignUp(object + size - base, kMinAlign);
  reinterpret_cast<size_t*>(object)[-1] = size;
  return reinterpret_cast<void*>(object);
}

bool Owns(const void* p) {
  return reinterpret_cast<uintptr_t>(p) - reinterpret_cast<uintptr_t>(buffer) < kBytes;
}

size_t UsableSize(const void* p) { return static_cast<const size_t*>(p)[-1]; }

}  // namespace bootstrap
}  // namespace hz4
