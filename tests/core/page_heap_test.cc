// SPDX-License-Identifier: Apache-2.0
//
// The page heap, alone: hz4 is linked here up to its shapes, so every page in it is this test's.
// Run with the direct map, with HZ4_PAGE_MAP=radix and with HZ4_THP=advise (read here, by the
// test).

#include "hz4/page_heap.h"

#include <gtest/gtest.h>
#include <string.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "hz4/arena.h"
#include "hz4/base/bits.h"
#include "hz4/base/lock.h"
#include "hz4/base/os.h"
#include "hz4/page_map.h"
#include "tests/core/fake_clock.h"
#include "tests/core/heap_table.h"
#include "tests/core/in_child.h"
#include "tests/core/threads.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

// Words that say which block a page belongs to, at both ends of each of its pages.
void Fill(const Span* span, uint64_t tag) {
  for (uintptr_t page = span->start; page < span->End(); page += kPageSize) {
    uint64_t* words = reinterpret_cast<uint64_t*>(page);
    words[0] = words[kPageSize / 8 - 1] = tag ^ page;
  }
}
bool Holds(uintptr_t start, size_t pages, uint64_t tag) {
  for (uintptr_t page = start; page < start + pages * kPageSize; page += kPageSize) {
    const uint64_t* words = reinterpret_cast<const uint64_t*>(page);
    if (words[0] != (tag ^ page) || words[kPageSize / 8 - 1] != (tag ^ page)) return false;
  }
  return true;
}
bool ReadsAsZero(const Span* span) {
  const uint64_t* words = reinterpret_cast<const uint64_t*>(span->start);
  for (size_t i = 0; i < span->Bytes() / 8; ++i) {
    if (words[i] != 0) return false;
  }
  return true;
}

std::string Wrong() {
  const char* wrong = PageHeap::Check();
  return wrong == nullptr ? "" : wrong;
}

class PageHeapTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (PageHeap::MappedBytes() != 0) return;
    arena::Init(size_t{256} << 30, test::Variable("HZ4_PAGE_MAP") != "radix");
    PageHeap::Init();
    if (test::Variable("HZ4_THP") == "advise") test::BindHeap(ThpMode::kAdvise);
  }
  // Every test leaves a heap that holds nothing.
  void TearDown() override {
    os::FailNth(0, false);
    EXPECT_EQ(Wrong(), "");
    const PageHeapTotals t = PageHeap::Totals();
    EXPECT_EQ(t.in_use_pages, 0u);
    EXPECT_EQ(t.free_pages + t.released_pages, t.mapped_pages);
  }
  static Span* Large(size_t bytes, size_t align = kPageSize) {
    Span* span = PageHeap::NewLargeSpan(bytes, align);
    EXPECT_NE(span, nullptr);
    return span;
  }
};

TEST_F(PageHeapTest, ASpanOfObjectsIsReady) {
  for (bool with_remote : {false, true}) {
    for (unsigned cls = 1; cls <= kNumClasses; ++cls) {
      Span* span = PageHeap::NewObjectSpan(cls, with_remote);
      ASSERT_NE(span, nullptr);
      EXPECT_EQ(span->state, SpanState::kObjects);
      EXPECT_EQ(span->size_class, cls);
      EXPECT_GE(span->pages, Class(cls).span_pages);
      EXPECT_EQ(span->objects, Class(cls).objects);
      EXPECT_EQ(span->carved, 0u);
      EXPECT_EQ(span->free_count, 0u);
      EXPECT_EQ(span->start % kPageSize, 0u);
      EXPECT_EQ(span->owner.load(), 0u);
      EXPECT_EQ(span->remote_bits != nullptr, with_remote);
      for (uint32_t w = 0; w < span->BitWords(); ++w) {
        ASSERT_EQ(span->free_bits[w], 0u);
        if (with_remote) {
          ASSERT_EQ(span->remote_bits[w].load(), 0u);
        }
      }
      EXPECT_EQ(span->Check(), nullptr);
      // Leaves its marks for the next user of pages and bitmaps.
      while (span->Take() != nullptr) {
      }
      for (uint32_t i = 0; i < span->objects; ++i) ASSERT_TRUE(span->Put(i));
      if (with_remote) span->remote_bits[0] = ~uint64_t{0};
      Fill(span, cls);
      PageHeap::Free(span);
    }
  }
}

TEST_F(PageHeapTest, LargeSpansAreRoundedToPagesAndAligned) {
  for (size_t align = 1; align <= 512 * kMiB; align *= 2) {
    for (size_t bytes : {size_t{1}, kPageSize, kPageSize + 1, 300 * kPageSize - 1}) {
      Span* span = Large(bytes, align);
      ASSERT_NE(span, nullptr) << bytes << " aligned to " << align;
      EXPECT_EQ(span->state, SpanState::kLarge);
      EXPECT_EQ(span->size_class, kLargeClass);
      EXPECT_EQ(span->start % std::max(align, kPageSize), 0u);
      EXPECT_EQ(span->pages, CeilDiv(bytes, kPageSize));
      EXPECT_EQ(PageHeap::Totals().in_use_pages, span->pages) << "what alignment cost is in use";
      PageHeap::Free(span);
    }
  }
}

TEST_F(PageHeapTest, WhatCannotBeHadIsRefusedAndChangesNothing) {
  const PageHeapTotals before = PageHeap::Totals();
  for (unsigned bits = 46; bits <= 63; ++bits) {
    EXPECT_EQ(PageHeap::NewLargeSpan(size_t{1} << bits, 1), nullptr) << bits;
    EXPECT_EQ(PageHeap::NewLargeSpan(1, size_t{1} << bits), nullptr) << bits;
    EXPECT_EQ(PageHeap::NewLargeSpan((size_t{1} << bits) - 1, size_t{1} << bits), nullptr) << bits;
  }
  EXPECT_EQ(PageHeap::NewLargeSpan(static_cast<size_t>(PTRDIFF_MAX), 1), nullptr);
  const PageHeapTotals after = PageHeap::Totals();
  EXPECT_EQ(after.mapped_pages, before.mapped_pages);
  EXPECT_EQ(after.in_use_pages, before.in_use_pages);
}

TEST_F(PageHeapTest, ZeroedSaysWhatItReads) {
  Span* fresh = Large(40 * kMiB);  // more than any earlier test left dirty in one piece
  if (fresh->zeroed) {
    EXPECT_TRUE(ReadsAsZero(fresh));
  }
  Fill(fresh, 1);
  PageHeap::Free(fresh);
  Span* dirty = Large(40 * kMiB);
  EXPECT_FALSE(dirty->zeroed);
  PageHeap::Free(dirty);
  EXPECT_GE(PageHeap::ReleaseFree(), 40 * kMiB);
  Span* released = Large(40 * kMiB);
  EXPECT_TRUE(released->zeroed);
  EXPECT_TRUE(ReadsAsZero(released));
  PageHeap::Free(released);
}

TEST_F(PageHeapTest, NeighboursMergeWhateverTheOrderOfTheirFrees) {
  test::Random random(test::Seed());
  PageHeap::ReleaseFree();
  for (int round = 0; round < 20; ++round) {
    Span* all = Large(2 * kMiB);
    const uintptr_t start = all->start;
    PageHeap::Free(all);
    std::vector<Span*> parts;
    size_t pages = 0;
    while (pages < 2 * kMiB / kPageSize) {
      const size_t want = std::min<size_t>(random.In(1, 9), 2 * kMiB / kPageSize - pages);
      parts.push_back(Large(want * kPageSize));
      pages += want;
    }
    for (size_t i = parts.size(); i > 1; --i) std::swap(parts[i - 1], parts[random.In(0, i - 1)]);
    const size_t mapped = PageHeap::MappedBytes();
    for (Span* part : parts) {
      PageHeap::Free(part);
      ASSERT_EQ(Wrong(), "");
    }
    Span* again = Large(2 * kMiB);
    EXPECT_EQ(PageHeap::MappedBytes(), mapped) << "2 MiB in pieces did not become one again";
    EXPECT_EQ(again->start, start) << "round " << round;
    PageHeap::Free(again);
  }
}

TEST_F(PageHeapTest, EverythingReleasedIsOneSpan) {
  if (!arena::Direct()) GTEST_SKIP() << "separate mappings need not adjoin";
  std::vector<Span*> spans;
  for (unsigned cls = 1; cls <= kNumClasses; ++cls)
    spans.push_back(PageHeap::NewObjectSpan(cls, false));
  for (int i = 0; i < 100; ++i) spans.push_back(Large(kMiB));
  for (size_t i = 0; i < spans.size(); i += 2) PageHeap::Free(spans[i]);
  PageHeap::ReleaseFree();
  for (size_t i = 1; i < spans.size(); i += 2) PageHeap::Free(spans[i]);
  PageHeap::ReleaseFree();
  const PageHeapTotals t = PageHeap::Totals();
  EXPECT_EQ(t.released_pages, t.mapped_pages);
  Span* all = Large(t.mapped_pages * kPageSize);
  EXPECT_EQ(PageHeap::Totals().mapped_pages, t.mapped_pages) << "the whole heap is not one span";
  PageHeap::Free(all);
}

TEST_F(PageHeapTest, SeparateMappingsGoBackAsAddressSpace) {
  std::vector<Span*> spans;
  for (int i = 0; i < 64; ++i) spans.push_back(Large(kMiB));
  const size_t mapped = PageHeap::Totals().mapped_pages;
  for (Span* span : spans) PageHeap::Free(span);
  PageHeap::ReleaseFree();
  const size_t left = PageHeap::Totals().mapped_pages;
  if (arena::Direct()) {
    EXPECT_EQ(left, mapped);
  } else {
    EXPECT_LE(left * kPageSize, kMiB) << "of " << mapped * kPageSize;
  }
  Span* again = Large(10 * kMiB);
  EXPECT_TRUE(ReadsAsZero(again));
  PageHeap::Free(again);
}

// --- resizing ---

TEST_F(PageHeapTest, ShrinkingGivesTheTailBack) {
  Span* span = Large(20 * kPageSize);
  const uintptr_t start = span->start;
  Fill(span, 7);
  ASSERT_TRUE(PageHeap::ResizeInPlace(span, 5 * kPageSize - 100));
  EXPECT_EQ(span->pages, 5u);
  EXPECT_EQ(span->start, start);
  EXPECT_TRUE(Holds(start, 5, 7));
  EXPECT_EQ(PageHeap::Totals().in_use_pages, 5u);
  Span* tail = Large(15 * kPageSize);
  EXPECT_EQ(tail->start, start + 5 * kPageSize) << "the tail is the best fit";
  ASSERT_TRUE(PageHeap::ResizeInPlace(span, 5 * kPageSize)) << "the size that it has";
  EXPECT_FALSE(PageHeap::ResizeInPlace(span, 5 * kPageSize + 1)) << "its neighbour is in use";
  EXPECT_EQ(span->pages, 5u);
  PageHeap::Free(tail);
  ASSERT_TRUE(PageHeap::ResizeInPlace(span, 20 * kPageSize));
  EXPECT_EQ(span->pages, 20u);
  EXPECT_TRUE(Holds(start, 5, 7));
  PageHeap::Free(span);
}

TEST_F(PageHeapTest, ARefusedGrowthLeavesTheSpanAsItWas) {
  // [span 4][free 4][in use 4]: the free neighbour is not enough.
  Span* all = Large(12 * kPageSize);
  ASSERT_TRUE(PageHeap::ResizeInPlace(all, 4 * kPageSize));
  Span* middle = Large(4 * kPageSize);
  Span* last = Large(4 * kPageSize);
  ASSERT_EQ(middle->start, all->End());
  ASSERT_EQ(last->start, middle->End());
  PageHeap::Free(middle);
  const PageHeapTotals before = PageHeap::Totals();
  EXPECT_FALSE(PageHeap::ResizeInPlace(all, 9 * kPageSize));
  EXPECT_EQ(all->pages, 4u);
  EXPECT_EQ(PageHeap::Totals().in_use_pages, before.in_use_pages);
  EXPECT_EQ(Wrong(), "");
  ASSERT_TRUE(PageHeap::ResizeInPlace(all, 8 * kPageSize));
  EXPECT_EQ(page_map::SpanOf(reinterpret_cast<void*>(all->End() - 1)), all);
  PageHeap::Free(all);
  PageHeap::Free(last);
}

TEST_F(PageHeapTest, TheLastBlockGrowsByMovingTheBoundary) {
  if (!arena::Direct()) GTEST_SKIP() << "there is no boundary";
  PageHeap::ReleaseFree();
  const size_t mapped = PageHeap::Totals().mapped_pages;
  Span* filler = mapped == 0 ? nullptr : Large(mapped * kPageSize);
  Span* span = Large(kMiB);
  ASSERT_GT(PageHeap::Totals().mapped_pages, mapped);
  const uintptr_t start = span->start;
  Fill(span, 3);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(PageHeap::ResizeInPlace(span, span->Bytes() + 5 * kMiB)) << i;
    ASSERT_EQ(Wrong(), "");
  }
  EXPECT_EQ(span->start, start);
  EXPECT_TRUE(Holds(start, kMiB / kPageSize, 3));
  Fill(span, 4);
  EXPECT_FALSE(PageHeap::ResizeInPlace(span, size_t{1} << 46));
  EXPECT_TRUE(Holds(start, span->pages, 4));
  PageHeap::Free(span);
  if (filler != nullptr) PageHeap::Free(filler);
}

// --- what the kernel gets back ---

TEST_F(PageHeapTest, ReleaseFreeGivesMemoryBack) {
  PageHeap::ReleaseFree();
  Span* span = Large(96 * kMiB);
  const size_t idle = os::ResidentBytes();
  Fill(span, 5);
  for (uintptr_t p = span->start; p < span->End(); p += kOsPage) *reinterpret_cast<char*>(p) = 1;
  const size_t touched = os::ResidentBytes();
  EXPECT_GE(touched, idle + 80 * kMiB);
  PageHeap::Free(span);
  EXPECT_GE(PageHeap::ReleaseFree(), 96 * kMiB);
  EXPECT_LE(os::ResidentBytes(), touched - 80 * kMiB);
  EXPECT_EQ(PageHeap::Totals().free_pages, 0u);
  EXPECT_EQ(PageHeap::ReleaseFree(), 0u);
}

// Free pages that nobody needs for some periods go back by themselves, but for the share that is
// kept.
TEST_F(PageHeapTest, UnneededPagesGoBackByThemselves) {
  PageHeap::ReleaseFree();
  Span* kept = Large(64 * kMiB);
  Span* burst = Large(300 * kMiB);
  Span* second = Large(100 * kMiB);
  PageHeap::Free(burst);
  ASSERT_TRUE(PageHeap::ResizeInPlace(second, kMiB)) << "a tail counts like a block";
  EXPECT_GE(PageHeap::Totals().free_pages, 300 * kMiB / kPageSize) << "a period has to pass first";
  const size_t bound = 64 * kMiB / 8 + 8 * kMiB + kMiB;
  for (int period = 0; period < 4; ++period) {
    test::AdvanceClock(10);
    PageHeap::Free(Large(kPageSize));  // only whoever frees looks at the clock
  }
  EXPECT_LE(PageHeap::Totals().free_pages * kPageSize, bound);
  PageHeap::Free(kept);
  PageHeap::Free(second);
}

TEST_F(PageHeapTest, PagesInUseAgainAndAgainStay) {
  PageHeap::ReleaseFree();
  for (int period = 0; period < 5; ++period) {
    test::AdvanceClock(10);
    Span* span = Large(200 * kMiB);
    if (period > 0) {
      EXPECT_FALSE(span->zeroed) << "it went to the kernel between two uses";
    }
    PageHeap::Free(span);
  }
  PageHeap::ReleaseFree();
}

// Holes that no request fits look unneeded, but a heap that takes pages from the kernel in the same
// period would only pay for them twice.
TEST_F(PageHeapTest, NothingGoesBackWhileReleasedPagesComeIntoUse) {
  PageHeap::ReleaseFree();
  Span* holes[2];
  Span* walls[2];
  for (int i = 0; i < 2; ++i) {
    holes[i] = Large(50 * kMiB);
    walls[i] = Large(4 * kMiB);
  }
  for (Span* hole : holes) PageHeap::Free(hole);
  test::AdvanceClock(10);
  PageHeap::Free(Large(kPageSize));  // the holes count as free from here on
  Span* fresh = Large(120 * kMiB);
  test::AdvanceClock(10);
  PageHeap::Free(Large(kPageSize));
  EXPECT_GE(PageHeap::Totals().free_pages, 99 * kMiB / kPageSize);
  for (int period = 0; period < 2; ++period) {
    test::AdvanceClock(10);
    PageHeap::Free(Large(kPageSize));
  }
  EXPECT_LE(PageHeap::Totals().free_pages * kPageSize, 128 * kMiB / 8 + 8 * kMiB + kMiB);
  PageHeap::Free(fresh);
  for (Span* wall : walls) PageHeap::Free(wall);
}

// --- blocks that wait for their like ---

TEST_F(PageHeapTest, ABlockThatWasFreedServesTheNextOfItsSize) {
  PageHeap::ReleaseFree();
  Span* first = Large(kMiB);
  Span* second = Large(kMiB);
  const uintptr_t start = first->start;
  Fill(first, 3);
  PageHeap::Free(Large(4 * kMiB));  // too large to wait: for requests of other sizes
  PageHeap::Free(first);
  PageHeap::Free(second);
  EXPECT_EQ(PageHeap::Totals().in_use_pages, 0u);
  Span* other = Large(kMiB - kPageSize);
  Span* latest = Large(kMiB);
  EXPECT_EQ(latest, second) << "the latest first";
  Span* again = Large(kMiB);
  EXPECT_EQ(again->start, start);
  EXPECT_FALSE(again->zeroed);
  EXPECT_TRUE(Holds(start, again->pages, 3)) << "somebody else had it";
  for (Span* span : {other, latest, again}) PageHeap::Free(span);
}

TEST_F(PageHeapTest, WaitingBlocksAreMergedBeforeTheHeapGrows) {
  PageHeap::ReleaseFree();
  Span* all = Large(8 * kMiB);
  const size_t mapped = PageHeap::MappedBytes();
  PageHeap::Free(all);
  std::vector<Span*> parts;
  for (int i = 0; i < 8; ++i) parts.push_back(Large(kMiB));
  for (Span* part : parts) PageHeap::Free(part);
  EXPECT_EQ(Wrong(), "");
  all = Large(8 * kMiB);
  EXPECT_EQ(PageHeap::MappedBytes(), mapped);
  PageHeap::Free(all);
}

TEST_F(PageHeapTest, ABlockGrowsIntoAWaitingNeighbour) {
  PageHeap::ReleaseFree();
  Span* all = Large(2 * kMiB);
  ASSERT_TRUE(PageHeap::ResizeInPlace(all, kMiB));
  Span* behind = Large(kMiB);
  ASSERT_EQ(behind->start, all->End());
  PageHeap::Free(behind);
  ASSERT_TRUE(PageHeap::ResizeInPlace(all, 2 * kMiB));
  EXPECT_EQ(all->Bytes(), 2 * kMiB);
  PageHeap::Free(all);
}

// --- refusals of the system, forks ---

TEST_F(PageHeapTest, AFailingMadviseKeepsThePages) {
  PageHeap::ReleaseFree();
  Span* span = Large(30 * kMiB);
  Fill(span, 9);
  const uintptr_t start = span->start;
  PageHeap::Free(span);
  os::FailNth(1, /*sticky=*/true);
  EXPECT_EQ(PageHeap::ReleaseFree(), 0u);
  os::FailNth(0, false);
  EXPECT_GE(PageHeap::Totals().free_pages, 30 * kMiB / kPageSize);
  EXPECT_EQ(Wrong(), "");
  span = Large(30 * kMiB);
  EXPECT_EQ(span->start, start);
  EXPECT_FALSE(span->zeroed);
  PageHeap::Free(span);
}

TEST_F(PageHeapTest, EveryCallOfTheSystemMayFail) {
  // The workload, in a child each time so that the n-th call is the same one.
  const auto workload = [] {
    std::map<Span*, uint64_t> live;
    test::Random random(4711);
    for (int i = 0; i < 300; ++i) {
      const uint64_t what = random.In(0, 9);
      if (what < 5) {
        const size_t bytes = random.In(1, 6 * kMiB);
        const size_t align = random.OneIn(4) ? size_t{1} << random.In(0, 23) : 1;
        if (Span* span = PageHeap::NewLargeSpan(bytes, align)) live[span] = random.Next();
      } else if (what < 7) {
        const unsigned cls = static_cast<unsigned>(random.In(1, kNumClasses));
        if (Span* span = PageHeap::NewObjectSpan(cls, random.OneIn(2))) live[span] = random.Next();
      } else if (!live.empty()) {
        auto it = std::next(live.begin(), static_cast<long>(random.In(0, live.size() - 1)));
        Span* span = it->first;
        if (what == 7 && span->state == SpanState::kLarge) {
          const uint32_t before = span->pages;
          if (!PageHeap::ResizeInPlace(span, random.In(1, 8 * kMiB))) {
            ASSERT_EQ(span->pages, before);
          }
        } else {
          live.erase(it);
          PageHeap::Free(span);
        }
      } else if (what == 9) {
        PageHeap::ReleaseFree();
      }
      ASSERT_EQ(Wrong(), "");
    }
    size_t pages = 0;
    for (const auto& entry : live) pages += entry.first->pages;
    EXPECT_EQ(PageHeap::Totals().in_use_pages, pages) << "pages were lost";
    for (const auto& entry : live) PageHeap::Free(entry.first);
    os::FailNth(0, false);
    EXPECT_EQ(Wrong(), "");
    Span* afterwards = PageHeap::NewLargeSpan(100 * kMiB, 1);
    ASSERT_NE(afterwards, nullptr);
    PageHeap::Free(afterwards);
    EXPECT_EQ(PageHeap::Totals().in_use_pages, 0u);
  };
  for (bool sticky : {false, true}) {
    for (uint64_t n = 1; n <= 60; ++n) {
      ASSERT_EQ(test::InChild([&] {
                  os::FailNth(n, sticky);
                  workload();
                }),
                "")
          << "call " << n << (sticky ? " and all later ones" : "");
    }
  }
}

TEST_F(PageHeapTest, DuringAForkNothingIsHadAndNothingIsLost) {
  Span* a = Large(3 * kMiB);
  Span* b = PageHeap::NewObjectSpan(10, false);
  const PageHeapTotals before = PageHeap::Totals();
  Fork::Begin();
  EXPECT_EQ(PageHeap::NewLargeSpan(kMiB, 1), nullptr);
  EXPECT_EQ(PageHeap::NewObjectSpan(1, false), nullptr);
  EXPECT_FALSE(PageHeap::ResizeInPlace(a, 4 * kMiB));
  EXPECT_FALSE(PageHeap::ResizeInPlace(a, kMiB));
  EXPECT_EQ(PageHeap::ReleaseFree(), 0u);
  EXPECT_EQ(PageHeap::Totals().mapped_pages, 0u);
  PageHeap::Free(a);
  PageHeap::Free(b);
  Fork::EndInParent();
  EXPECT_EQ(PageHeap::Totals().in_use_pages, before.in_use_pages) << "they wait";
  PageHeap::Free(Large(1));
  EXPECT_EQ(PageHeap::Totals().in_use_pages, 0u) << "the next one took them in";
}

// --- pages set aside ---

TEST_F(PageHeapTest, ARunIsCutIntoSpansWithoutTheHeap) {
  for (unsigned cls : {kLastSmallClass + 1, 60u, kLastMidClass}) {
    const uint32_t pages = Class(cls).span_pages;
    PageRun run = {};
    ASSERT_TRUE(PageHeap::Reserve(&run, 5 * pages + 1, 5));
    EXPECT_EQ(run.blank_count, 5u);
    EXPECT_EQ(PageHeap::Totals().in_use_pages, 5 * pages + 1);
    std::vector<Span*> spans;
    for (int i = 0; i < 5; ++i) {
      Fork::Begin();  // it needs no lock
      Span* span = PageHeap::Cut(&run, cls);
      Fork::EndInParent();
      ASSERT_NE(span, nullptr) << i;
      EXPECT_EQ(span->state, SpanState::kObjects);
      EXPECT_EQ(span->pages, pages);
      EXPECT_EQ(span->objects, Class(cls).objects);
      EXPECT_NE(span->remote_bits, nullptr);
      EXPECT_EQ(span->Check(), nullptr);
      for (uintptr_t page = span->start; page < span->End(); page += kPageSize) {
        EXPECT_EQ(page_map::SpanOf(reinterpret_cast<void*>(page)), span);
        EXPECT_EQ(page_map::ClassOf(reinterpret_cast<void*>(page)), cls);
      }
      Fill(span, static_cast<uint64_t>(i));
      spans.push_back(span);
    }
    EXPECT_EQ(PageHeap::Cut(&run, cls), nullptr) << "one page is left";
    for (size_t i = 0; i < 5; ++i) EXPECT_TRUE(Holds(spans[i]->start, pages, i));
    // A new run gives the rest of the old one back.
    ASSERT_TRUE(PageHeap::Reserve(&run, 2 * pages, 2));
    EXPECT_EQ(PageHeap::Totals().in_use_pages, 7 * pages);
    spans.push_back(PageHeap::Cut(&run, cls));
    for (size_t i = 0; i < spans.size(); i += 2) PageHeap::Free(spans[i]);
    PageHeap::Unreserve(&run);
    EXPECT_EQ(run.rest, nullptr);
    EXPECT_EQ(run.blanks, nullptr);
    PageHeap::Unreserve(&run);
    EXPECT_EQ(Wrong(), "");
    for (size_t i = 1; i < spans.size(); i += 2) PageHeap::Free(spans[i]);
    EXPECT_EQ(PageHeap::Totals().in_use_pages, 0u);
  }
}

TEST_F(PageHeapTest, ARunThatIsCutToItsEndLeavesNothing) {
  const unsigned cls = kLastMidClass;
  PageRun run = {};
  ASSERT_TRUE(PageHeap::Reserve(&run, Class(cls).span_pages, 1));
  Span* span = PageHeap::Cut(&run, cls);
  ASSERT_NE(span, nullptr);
  EXPECT_EQ(PageHeap::Cut(&run, cls), nullptr);
  PageHeap::Unreserve(&run);
  EXPECT_EQ(PageHeap::Totals().in_use_pages, span->pages);
  PageHeap::Free(span);
}

TEST_F(PageHeapTest, ARunIsKeptWhileAForkIsPending) {
  PageRun run = {};
  Fork::Begin();
  EXPECT_FALSE(PageHeap::Reserve(&run, 10, 1));
  Fork::EndInParent();
  ASSERT_TRUE(PageHeap::Reserve(&run, 10, 1));
  Fork::Begin();
  PageHeap::Unreserve(&run);
  EXPECT_NE(run.rest, nullptr);
  EXPECT_FALSE(PageHeap::Reserve(&run, 20, 1));
  Fork::EndInParent();
  PageHeap::Unreserve(&run);
}

// --- random traces ---

// One thread's blocks; every operation checks what it can.
class Tracer {
 public:
  explicit Tracer(uint64_t seed) : random_(seed) {}

  void Step(bool exclusive) {
    const uint64_t what = random_.In(0, 99);
    if (what < 45 || blocks_.empty()) {
      Add();
    } else if (what < 85) {
      Remove(random_.In(0, blocks_.size() - 1));
    } else if (what < 99) {
      Resize(&blocks_[random_.In(0, blocks_.size() - 1)], exclusive);
    } else {
      PageHeap::ReleaseFree();
    }
  }
  void RemoveAll() {
    while (!blocks_.empty()) Remove(blocks_.size() - 1);
  }
  size_t Pages() const {
    size_t pages = 0;
    for (const Block& b : blocks_) pages += b.span->pages;
    return pages;
  }
  // No two blocks share a page.
  void CheckOverlap() const {
    std::map<uintptr_t, uintptr_t> ranges;
    for (const Block& b : blocks_) ranges[b.span->start] = b.span->End();
    ASSERT_EQ(ranges.size(), blocks_.size());
    uintptr_t end = 0;
    for (const auto& range : ranges) {
      ASSERT_GE(range.first, end) << "two blocks share pages";
      end = range.second;
    }
  }

 private:
  struct Block {
    Span* span;
    uint64_t tag;
  };
  void Add() {
    Span* span;
    if (random_.OneIn(3)) {
      const unsigned cls = static_cast<unsigned>(random_.In(1, kNumClasses));
      span = PageHeap::NewObjectSpan(cls, random_.OneIn(4));
      ASSERT_NE(span, nullptr);
      ASSERT_GE(span->pages, Class(cls).span_pages);
    } else {
      const size_t bytes = random_.In(1, random_.OneIn(10) ? 8 * kMiB : 600000);
      const size_t align = random_.OneIn(4) ? size_t{1} << random_.In(0, 22) : 1;
      span = PageHeap::NewLargeSpan(bytes, align);
      ASSERT_NE(span, nullptr);
      ASSERT_GE(span->Bytes(), bytes);
      ASSERT_EQ(span->start % align, 0u);
      if (span->zeroed && span->pages < 64) {
        ASSERT_TRUE(ReadsAsZero(span));
      }
    }
    const uint64_t tag = random_.Next();
    Fill(span, tag);
    blocks_.push_back({span, tag});
  }
  void Remove(size_t at) {
    const Block block = blocks_[at];
    blocks_[at] = blocks_.back();
    blocks_.pop_back();
    ASSERT_TRUE(Holds(block.span->start, block.span->pages, block.tag)) << "a block changed";
    PageHeap::Free(block.span);
  }
  void Resize(Block* block, bool exclusive) {
    Span* span = block->span;
    if (span->state != SpanState::kLarge) return;
    const uint32_t before = span->pages;
    const uintptr_t start = span->start;
    const size_t bytes = random_.In(1, 2 * span->Bytes());
    const bool done = PageHeap::ResizeInPlace(span, bytes);
    ASSERT_EQ(span->start, start);
    if (done) {
      ASSERT_GE(span->Bytes(), bytes);
    } else if (exclusive) {
      ASSERT_EQ(span->pages, before);
    }
    ASSERT_TRUE(Holds(start, std::min(before, span->pages), block->tag)) << "resizing changed it";
    Fill(span, block->tag);
  }

  test::Random random_;
  std::vector<Block> blocks_;
};

TEST_F(PageHeapTest, RandomTrace) {
  Tracer tracer(test::Seed());
  for (int step = 0; step < 6000; ++step) {
    ASSERT_NO_FATAL_FAILURE(tracer.Step(/*exclusive=*/true)) << "step " << step;
    if (step % 20 != 0) continue;
    ASSERT_EQ(Wrong(), "") << "step " << step;
    ASSERT_EQ(PageHeap::Totals().in_use_pages, tracer.Pages()) << "step " << step;
    ASSERT_NO_FATAL_FAILURE(tracer.CheckOverlap()) << "step " << step;
  }
  tracer.RemoveAll();
}

TEST_F(PageHeapTest, RandomTracesOfSeveralThreads) {
  test::RunThreads(4, [](int t) {
    Tracer tracer(test::Seed() + static_cast<uint64_t>(t) + 1);
    for (int step = 0; step < 2500; ++step) {
      ASSERT_NO_FATAL_FAILURE(tracer.Step(/*exclusive=*/true))
          << "thread " << t << " step " << step;
      if (step % 500 == 0) {
        ASSERT_EQ(Wrong(), "");
      }
    }
    tracer.RemoveAll();
  });
}

}  // namespace
}  // namespace hz4
