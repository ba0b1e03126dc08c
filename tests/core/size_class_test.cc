// SPDX-License-Identifier: Apache-2.0
//
// Everything about size classes, for every size, every class and every offset.

#include "hz4/size_class.h"

#include <gtest/gtest.h>

#include <set>

namespace hz4 {
namespace {

TEST(SizeClass, LookupEqualsTheReferenceForEverySize) {
  for (size_t size = 1; size <= kMaxClassSize; ++size) {
    ASSERT_EQ(SizeToClass(size), ComputeClass(size)) << size;
  }
  EXPECT_EQ(SizeToClass(0), SizeToClass(1));
}

TEST(SizeClass, EverySizeGetsTheSmallestClassThatHoldsIt) {
  unsigned cls = 1;
  for (size_t size = 1; size <= kMaxClassSize; ++size) {
    if (size > Class(cls).size) ++cls;
    ASSERT_LE(size, Class(cls).size) << "classes are not contiguous at " << size;
    ASSERT_EQ(SizeToClass(size), cls) << size;
  }
  EXPECT_EQ(cls, kNumClasses);
}

TEST(SizeClass, SizesRiseAndClassSizeIsTheInverse) {
  for (unsigned cls = 1; cls <= kNumClasses; ++cls) {
    const size_t size = ComputeClassSize(cls);
    EXPECT_EQ(Class(cls).size, size);
    EXPECT_EQ(ComputeClass(size), cls);
    EXPECT_EQ(size % kMinAlign, 0u) << cls;
    if (cls > 1) {
      EXPECT_GT(size, Class(cls - 1).size);
    }
  }
  EXPECT_EQ(Class(1).size, kMinAlign);
  EXPECT_EQ(Class(kNumClasses).size, kMaxClassSize);
}

TEST(SizeClass, EightClassesPerDoublingAbove256) {
  for (size_t size = 256; size < kMaxClassSize; size *= 2) {
    EXPECT_EQ(SizeToClass(2 * size) - SizeToClass(size), 8u) << size;
  }
}

TEST(SizeClass, WasteIsBelowAnEighthAbove128) {
  for (size_t size = 1; size <= kMaxClassSize; ++size) {
    const size_t waste = Class(SizeToClass(size)).size - size;
    if (size > 128) {
      ASSERT_LT(waste * 8, Class(SizeToClass(size)).size) << size;
    } else {
      ASSERT_LT(waste, kMinAlign) << size;
    }
  }
}

TEST(SizeClass, KindsMeetAtTheirLimits) {
  EXPECT_EQ(Class(kLastSmallClass).size, kMaxSmallSize);
  EXPECT_EQ(Class(kLastMidClass).size, kMaxMidSize);
  for (size_t size : {size_t{1}, kMaxSmallSize}) {
    EXPECT_EQ(KindOf(SizeToClass(size)), ClassKind::kSmall);
  }
  for (size_t size : {kMaxSmallSize + 1, kMaxMidSize}) {
    EXPECT_EQ(KindOf(SizeToClass(size)), ClassKind::kMid);
  }
  for (size_t size : {kMaxMidSize + 1, kMaxClassSize}) {
    EXPECT_EQ(KindOf(SizeToClass(size)), ClassKind::kBig);
  }
}

TEST(SizeClass, MarksOfThePageMapAreNoClasses) {
  const std::set<unsigned> marks = {kNoClass, kSideClass, kLargeClass};
  EXPECT_EQ(marks.size(), 3u);
  for (unsigned mark : marks) {
    EXPECT_LT(mark, 256u) << "a byte of the page map";
    EXPECT_TRUE(mark == 0 || mark > kNumClasses);
  }
}

TEST(SizeClass, SpansWasteLessThanAnEighth) {
  for (unsigned cls = 1; cls <= kNumClasses; ++cls) {
    const ClassInfo& c = Class(cls);
    const size_t bytes = c.span_pages * kPageSize;
    EXPECT_GE(c.objects, 1u) << cls;
    EXPECT_LE(size_t{c.objects} * c.size, bytes) << cls;
    EXPECT_LT(bytes - size_t{c.objects} * c.size, c.size) << cls << ": room for one more object";
    EXPECT_LT((bytes - size_t{c.objects} * c.size) * 8, bytes) << cls;
    EXPECT_GE(bytes, size_t{65536}) << cls;
    EXPECT_LT(bytes, size_t{1} << 20) << cls << ": the inverse is exact below 2^20 only";
  }
}

TEST(SizeClass, InverseDividesExactlyForEveryOffset) {
  for (unsigned cls = 1; cls <= kNumClasses; ++cls) {
    const uint64_t size = Class(cls).size;
    const uint64_t inverse = Class(cls).inverse;
    const uint64_t end = uint64_t{Class(cls).span_pages} * kPageSize;
    uint64_t quotient = 0, rest = 0;
    for (uint64_t offset = 0; offset < end; ++offset) {
      ASSERT_EQ(offset * inverse >> 40, quotient) << "class " << cls << " offset " << offset;
      if (++rest == size) {
        rest = 0;
        ++quotient;
      }
    }
  }
}

TEST(SizeClass, AlignedClassIsTheSmallestThatFits) {
  for (size_t align = 1; align <= 4 * kPageSize; align *= 2) {
    for (size_t size = 0; size <= kMaxClassSize + 1; size += size < 4200 ? 1 : 509) {
      unsigned expected = kNoClass;
      if (align <= kPageSize) {
        for (unsigned cls = kNumClasses; cls >= 1; --cls) {
          if (Class(cls).size >= size && Class(cls).size % align == 0) expected = cls;
        }
      }
      ASSERT_EQ(AlignedClass(size, align), expected) << size << " aligned to " << align;
    }
  }
  EXPECT_EQ(AlignedClass(SIZE_MAX, 16), kNoClass);
  EXPECT_EQ(AlignedClass(kMaxClassSize + 1, 16), kNoClass);
  EXPECT_EQ(AlignedClass(1, size_t{1} << 63), kNoClass);
}

}  // namespace
}  // namespace hz4
