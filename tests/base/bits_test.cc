// SPDX-License-Identifier: Apache-2.0

#include "hz4/base/bits.h"

#include <gtest/gtest.h>

namespace hz4 {
namespace {

TEST(Bits, PowersOfTwo) {
  EXPECT_FALSE(IsPowerOfTwo(0));
  for (unsigned b = 0; b < 64; ++b) {
    const size_t p = size_t{1} << b;
    EXPECT_TRUE(IsPowerOfTwo(p)) << b;
    EXPECT_EQ(FloorLog2(p), b);
    EXPECT_EQ(LowestBit(p), b);
    EXPECT_EQ(NextPowerOfTwo(p), p) << b;
    if (b < 2) continue;
    EXPECT_FALSE(IsPowerOfTwo(p - 1)) << b;
    EXPECT_FALSE(IsPowerOfTwo(p + 1)) << b;
    EXPECT_EQ(FloorLog2(p - 1), b - 1) << b;
    EXPECT_EQ(FloorLog2(p + 1), b) << b;
    EXPECT_EQ(LowestBit(p + 1), 0u) << b;
    EXPECT_EQ(NextPowerOfTwo(p - 1), p) << b;
    if (b < 63) {
      EXPECT_EQ(NextPowerOfTwo(p + 1), 2 * p) << b;
    }
  }
  EXPECT_EQ(NextPowerOfTwo(0), 1u);
}

TEST(Bits, LowestOnesAndLowBits) {
  EXPECT_EQ(LowestOnes(0), 0u);
  for (unsigned n = 1; n <= 64; ++n) {
    uint64_t bits = 0;
    for (unsigned b = 0; b < n; ++b) bits |= uint64_t{1} << b;
    EXPECT_EQ(LowBits(n), bits) << n;
    EXPECT_EQ(LowestOnes(bits), n);
    if (n >= 63) continue;
    EXPECT_EQ(LowestOnes(bits | uint64_t{1} << (n + 1)), n) << "a zero ends them";
  }
}

TEST(Bits, Rounding) {
  for (size_t x = 0; x < 3000; ++x) {
    for (size_t align : {1, 2, 16, 64, 1024}) {
      const size_t up = AlignUp(x, align);
      const size_t down = AlignDown(x, align);
      ASSERT_EQ(up % align, 0u) << x << ' ' << align;
      ASSERT_EQ(down % align, 0u) << x << ' ' << align;
      ASSERT_TRUE(up >= x && up - x < align) << x << ' ' << align;
      ASSERT_TRUE(down <= x && x - down < align) << x << ' ' << align;
    }
    for (size_t by = 1; by < 50; ++by) {
      ASSERT_TRUE(CeilDiv(x, by) * by >= x && CeilDiv(x, by) * by < x + by) << x << ' ' << by;
    }
  }
  EXPECT_EQ(AlignUp(SIZE_MAX - 4096, 4096), SIZE_MAX - 4095);
  EXPECT_EQ(AlignUp(SIZE_MAX, 4096), 0u) << "wraps, as bits.h says";
}

}  // namespace
}  // namespace hz4
