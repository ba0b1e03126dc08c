// SPDX-License-Identifier: Apache-2.0
//
// Small arithmetic that never fails and never allocates.
#ifndef HZ4_BASE_BITS_H_
#define HZ4_BASE_BITS_H_

#include <cstddef>
#include <cstdint>

namespace hz4 {

constexpr bool IsPowerOfTwo(size_t x) { return x != 0 && (x & (x - 1)) == 0; }

// `align` must be a power of two. Wraps to a small number when the result would not fit; callers
// bound `x` first.
constexpr size_t AlignUp(size_t x, size_t align) { return (x + align - 1) & ~(align - 1); }
constexpr size_t AlignDown(size_t x, size_t align) { return x & ~(align - 1); }
constexpr size_t CeilDiv(size_t x, size_t by) { return (x + by - 1) / by; }
constexpr unsigned Smaller(unsigned a, unsigned b) { return a < b ? a : b; }

// Index of the highest set bit; x must not be 0.
constexpr unsigned FloorLog2(uint64_t x) { return 63u - static_cast<unsigned>(__builtin_clzll(x)); }
// Index of the lowest set bit; x must not be 0.
constexpr unsigned LowestBit(uint64_t x) { return static_cast<unsigned>(__builtin_ctzll(x)); }

// How many of the lowest bits are set in a row: 0..64.
constexpr unsigned LowestOnes(uint64_t x) { return x + 1 == 0 ? 64 : LowestBit(~x); }
// The n lowest bits set; n in 1..64.
constexpr uint64_t LowBits(unsigned n) { return ~uint64_t{0} >> (64 - n); }

// Smallest power of two >= x; x must be in 1..2^63.
constexpr uint64_t NextPowerOfTwo(uint64_t x) {
  return x <= 1 ? 1 : uint64_t{1} << (FloorLog2(x - 1) + 1);
}

}  // namespace hz4

#endif  // HZ4_BASE_BITS_H_
