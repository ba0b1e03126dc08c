// SPDX-License-Identifier: Apache-2.0
//
// Pointer -> class and pointer -> span, of whichever map the process got: run under
// HZ4_PAGE_MAP=direct and radix.

#include "hz4/page_map.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "hz4/arena.h"
#include "hz4/base/scope.h"
#include "hz4/internal_api.h"
#include "hz4/page_heap.h"
#include "tests/core/threads.h"
#include "tests/support/mappings.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace {

void* At(uintptr_t address) { return reinterpret_cast<void*>(address); }

class PageMap : public testing::Test {
 protected:
  void SetUp() override {
    const std::string wanted = test::Variable("HZ4_PAGE_MAP");
    if (wanted == "direct") {
      ASSERT_TRUE(arena::Direct());
    }
    if (wanted == "radix") {
      ASSERT_FALSE(arena::Direct());
    }
  }
  // What the instantiated entries ask, beside what slow paths ask.
  static unsigned ClassOf(const void* p) {
    const unsigned cls = arena::Direct() ? DirectMap::ClassOf(p) : RadixMap::ClassOf(p);
    EXPECT_EQ(cls, page_map::ClassOf(p));
    return cls;
  }
  static Span* SpanOf(const void* p) {
    Span* span = arena::Direct() ? DirectMap::SpanOf(p) : RadixMap::SpanOf(p);
    EXPECT_EQ(span, page_map::SpanOf(p));
    return span;
  }
};

TEST_F(PageMap, KnowsEveryPageOfASpanOfObjects) {
  for (unsigned cls : {1u, 40u, 77u, kNumClasses}) {
    SlowScope scope;
    Span* span = PageHeap::NewObjectSpan(cls, false);
    ASSERT_NE(span, nullptr);
    for (uintptr_t p = span->start; p < span->End(); p += kMinAlign * 37) {
      ASSERT_EQ(ClassOf(At(p)), cls) << p - span->start;
      ASSERT_EQ(SpanOf(At(p)), span) << p - span->start;
    }
    EXPECT_EQ(ClassOf(At(span->End() - kMinAlign)), cls);
    const uintptr_t start = span->start, end = span->End();
    PageHeap::Free(span);
    for (uintptr_t p = start; p < end; p += kPageSize) ASSERT_EQ(ClassOf(At(p)), kNoClass);
  }
}

TEST_F(PageMap, MisalignedPointersHaveNoClass) {
  SlowScope scope;
  Span* span = PageHeap::NewObjectSpan(5, false);
  ASSERT_NE(span, nullptr);
  for (uintptr_t offset = 0; offset < 3 * kMinAlign; ++offset) {
    EXPECT_EQ(ClassOf(At(span->start + offset)), offset % kMinAlign == 0 ? 5u : kNoClass) << offset;
    EXPECT_EQ(SpanOf(At(span->start + offset)), span) << offset;
  }
  PageHeap::Free(span);
}

TEST_F(PageMap, OfALargeBlockOnlyTheFirstPageHasAClass) {
  SlowScope scope;
  Span* span = PageHeap::NewLargeSpan(5 * kPageSize, 1);
  ASSERT_NE(span, nullptr);
  EXPECT_EQ(ClassOf(At(span->start)), kLargeClass);
  EXPECT_EQ(SpanOf(At(span->start)), span);
  EXPECT_EQ(SpanOf(At(span->End() - 1)), span);
  for (uintptr_t p = span->start + kPageSize; p < span->End(); p += kPageSize) {
    EXPECT_EQ(ClassOf(At(p)), kNoClass);
  }
  const uintptr_t start = span->start;
  PageHeap::Free(span);
  PageHeap::ReleaseFree();  // a block that waits for the next of its size keeps its entries
  EXPECT_EQ(ClassOf(At(start)), kNoClass);
}

TEST_F(PageMap, ForeignPointersHaveNeitherClassNorSpan) {
  int on_stack = 0;
  static int in_image = 0;
  const std::vector<int> on_other_heap(100);
  std::vector<uintptr_t> foreign = {0,
                                    1,
                                    8,
                                    16,
                                    4096,
                                    UINTPTR_MAX,
                                    UINTPTR_MAX - 15,
                                    uintptr_t{1} << 47,
                                    (uintptr_t{1} << 47) - 16,
                                    uintptr_t{1} << 63,
                                    reinterpret_cast<uintptr_t>(&on_stack),
                                    reinterpret_cast<uintptr_t>(&in_image),
                                    reinterpret_cast<uintptr_t>(on_other_heap.data())};
  test::Random random(test::Seed());
  for (int i = 0; i < 100000; ++i) foreign.push_back(random.Next() | uintptr_t{1} << 47);
  for (uintptr_t p : foreign) {
    ASSERT_EQ(ClassOf(At(p)), kNoClass) << std::hex << p;
    ASSERT_EQ(SpanOf(At(p)), nullptr) << std::hex << p;
  }
}

TEST_F(PageMap, NeverFaultsForAnyMappedOrUnmappedAddress) {
  // Around every mapping of this process, and at random anywhere.
  const std::vector<test::Mapping> mappings = test::Mappings();
  ASSERT_FALSE(mappings.empty());
  unsigned checksum = 0;
  for (const test::Mapping& mapping : mappings) {
    for (long d : {-16l, -1l, 0l, 1l, 16l}) {
      for (uintptr_t edge : {mapping.start, mapping.end}) {
        const void* p = At(edge + static_cast<uintptr_t>(d));
        checksum += ClassOf(p) + (SpanOf(p) != nullptr);
      }
    }
  }
  test::Random random(test::Seed());
  for (int i = 0; i < 200000; ++i) {
    const void* p = At(random.Next() >> (random.Next() % 64));
    checksum += ClassOf(p) + (SpanOf(p) != nullptr);
  }
  SUCCEED() << checksum;
}

TEST_F(PageMap, TheSideRegionBecomesSidePageByPage) {
  const arena::Region region = arena::SideRegion();
  ASSERT_GT(region.bytes, 0u);
  // Its last pages: nothing of hz4 gets there in this test.
  const uintptr_t start = region.start + region.bytes - 4 * kPageSize;
  EXPECT_EQ(ClassOf(At(start)), kNoClass);
  page_map::SetSide(start, 2, true);
  page_map::SetSide(start, 2, true);
  EXPECT_EQ(ClassOf(At(start)), kSideClass);
  EXPECT_EQ(ClassOf(At(start + 2 * kPageSize - kMinAlign)), kSideClass);
  EXPECT_EQ(ClassOf(At(start + 2 * kPageSize)), kNoClass);
  EXPECT_EQ(SpanOf(At(start)), nullptr);
  page_map::SetSide(start, 2, false);
  EXPECT_EQ(ClassOf(At(start)), kNoClass);
}

// Readers take no lock: pointers that a thread was handed stay answerable while the map grows.
TEST_F(PageMap, ReadersBesideAGrowingMap) {
  constexpr int kReaders = 3;
  test::RunThreads(kReaders + 1, [&](int t) {
    std::vector<void*> mine;
    if (t == kReaders) {
      for (int i = 0; i < 400; ++i) {
        mine.push_back(hz4_malloc(size_t{3} << 20));  // untouched: addresses only
        ASSERT_NE(mine.back(), nullptr);
      }
    }
    for (int i = 0; i < 6000 && t < kReaders; ++i) {
      mine.push_back(hz4_malloc(3000));
      ASSERT_NE(mine.back(), nullptr);
      for (size_t k = mine.size() < 50 ? 0 : mine.size() - 50; k < mine.size(); ++k) {
        ASSERT_EQ(ClassOf(mine[k]), SizeToClass(3000));
        ASSERT_TRUE(SpanOf(mine[k]) != nullptr && SpanOf(mine[k])->IsObjectStart(mine[k]));
      }
      if (mine.size() < 1000) continue;
      for (void* p : mine) hz4_free(p);
      mine.clear();
    }
    for (void* p : mine) hz4_free(p);
  });
}

}  // namespace
}  // namespace hz4
