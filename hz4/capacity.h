// SPDX-License-Identifier: Apache-2.0
//
// How much of a size class a front cache holds and moves: rules, the same for every class.
#ifndef HZ4_CAPACITY_H_
#define HZ4_CAPACITY_H_

#include <cstddef>
#include <cstdint>

#include "hz4/size_class.h"

namespace hz4 {

// Most objects of `cls` in one cache: 1 MiB worth, within 32..4096.
constexpr uint32_t MaxSlots(unsigned cls) {
  const size_t n = (size_t{1} << 20) / Class(cls).size;
  return static_cast<uint32_t>(n < 32 ? 32 : n > 4096 ? 4096 : n);
}
// Objects that move between a cache and the middle at a time: half of what the class may hold
// there, at most 1024; at first 4 KiB worth, within 2..64: a class that is used little must not
// cost much in every cache. What has to go over the stack goes in smaller batches.
inline constexpr uint32_t kMaxBatch = 1024;
inline constexpr uint32_t kStackBatch = 256;
constexpr uint32_t FirstBatch(unsigned cls) {
  const size_t n = (size_t{4} << 10) / Class(cls).size;
  return static_cast<uint32_t>(n < 2 ? 2 : n > 64 ? 64 : n);
}
constexpr uint32_t BatchOf(unsigned cls, uint32_t room) {
  const uint32_t half = room / 2 < kMaxBatch ? room / 2 : kMaxBatch;
  return half > FirstBatch(cls) ? half : FirstBatch(cls);
}

}  // namespace hz4

#endif  // HZ4_CAPACITY_H_
