// SPDX-License-Identifier: Apache-2.0
//
// What is asked of the kernel while a heap grows and shrinks. Whether the kernel then has huge
// pages is its own matter, so the tests look at the mappings' flags, each in a child: a process has
// one heap.

#include "hz4/huge_pages.h"

#include <gtest/gtest.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <string>
#include <vector>

#include "hz4/arena.h"
#include "hz4/base/bits.h"
#include "hz4/base/os.h"
#include "hz4/page_heap.h"
#include "hz4/page_map.h"
#include "tests/core/fake_clock.h"
#include "tests/core/heap_table.h"
#include "tests/core/in_child.h"
#include "tests/support/contents.h"
#include "tests/support/mappings.h"
#include "tests/support/resident.h"

namespace hz4 {
namespace {

using huge_pages::AnyPrice;
using huge_pages::MeasuredPrice;
using huge_pages::Use;
using test::HugeBytesIn;
using test::Mapping;
using test::MappingsIn;

constexpr size_t kMiB = size_t{1} << 20;
constexpr size_t kStep = huge_pages::kHugePage;
constexpr long kSmallNs = 1000;    // of a small page, in the tests of measured,
constexpr long kDearNs = 2000000;  // and of a huge one that is not worth it

constexpr auto OpenAdvised = huge_pages::OpenStepAdvised<AnyPrice>;
constexpr auto OpenMeasured = huge_pages::OpenStepAdvised<MeasuredPrice>;

void* At(uintptr_t address) { return reinterpret_cast<void*>(address); }

// A reservation that is opened step by step.
class Heap {
 public:
  explicit Heap(size_t bytes) {
    start_ = end_ = reinterpret_cast<uintptr_t>(os::Reserve(bytes, kStep));
    EXPECT_NE(start_, 0u);
  }
  uintptr_t start() const { return start_; }
  uintptr_t end() const { return end_; }

  void Open(size_t bytes, Use use, bool (*open)(uintptr_t, size_t, Use) = OpenAdvised) {
    ASSERT_TRUE(open(end_, bytes, use));
    end_ += bytes;
  }
  size_t HugeBytes() const { return HugeBytesIn(start_, end_); }
  size_t Mappings() const { return MappingsIn(start_, end_).size(); }

 private:
  uintptr_t start_;
  uintptr_t end_;
};

// The page heap on top of an arena, with spans that are handed out and never come back.
class ObjectHeap {
 public:
  explicit ObjectHeap(ThpMode mode = ThpMode::kAdvise) {
    test::BindHeap(mode);
    arena::Init(size_t{4} << 30, true);
    PageHeap::Init();
    start_ = arena::Boundary();
  }
  uintptr_t start() const { return start_; }
  uintptr_t end() const { return arena::Boundary(); }
  size_t HugeBytes() const { return HugeBytesIn(start_, end()); }
  size_t Mappings() const { return MappingsIn(start_, end()).size(); }

  // A span of objects of an OS page each, `of_span` of its 16 handed out and every `nth` of them
  // written to, 0: none.
  void TakeSpan(size_t nth, uint32_t of_span = 16) {
    Span* span = PageHeap::NewObjectSpan(SizeToClass(kOsPage), false, PageSource::kAny);
    ASSERT_NE(span, nullptr);
    void* objects[16];
    ASSERT_EQ(span->objects, 16u);
    ASSERT_EQ(span->TakeBatch(objects + of_span, of_span), of_span);
    for (size_t i = 0; nth > 0 && i < of_span; i += nth) *static_cast<char*>(objects[i]) = 1;
  }
  // Such spans until the heap has grown by `bytes`.
  void Grow(size_t bytes, size_t nth, uint32_t of_span = 16) {
    for (const uintptr_t to = end() + bytes; end() < to;) TakeSpan(nth, of_span);
  }

 private:
  uintptr_t start_;
};

// From Linux 6.1 on, where it has a huge page to give.
bool KernelCollapses() {
  void* p = os::Map(kStep, kStep);
  *static_cast<char*>(p) = 1;
  const bool collapses = os::Collapse(p, kStep);
  os::Unmap(p, kStep);
  return collapses;
}

class HugePagesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::KernelHasHugePages()) GTEST_SKIP() << "this kernel has no transparent huge pages";
  }
};

#define IN_CHILD(...) EXPECT_EQ(test::InChild([&] { __VA_ARGS__ }), "")

TEST_F(HugePagesTest, BlocksAreAskedForAndWhatShallReadAsZeroIsNot) {
  IN_CHILD({
    Heap heap(256 * kMiB);
    heap.Open(8 * kMiB, Use::kBlock);
    EXPECT_EQ(heap.HugeBytes(), 8 * kMiB);
    heap.Open(16 * kMiB, Use::kZeroedBlock);
    EXPECT_EQ(heap.HugeBytes(), 8 * kMiB);
    heap.Open(8 * kMiB, Use::kBlock);
    EXPECT_EQ(heap.HugeBytes(), 16 * kMiB);
    heap.Open(8 * kMiB, Use::kBlock);
    EXPECT_EQ(heap.HugeBytes(), 24 * kMiB);
    EXPECT_EQ(heap.Mappings(), 3u);
  });
}

TEST_F(HugePagesTest, ObjectsAreAskedForWhereTheHeapIsWritten) {
  IN_CHILD({
    ObjectHeap heap;
    heap.Grow(kStep, 1);
    EXPECT_EQ(heap.HugeBytes(), 0u) << "nothing is known yet";
    heap.Grow(kStep, 1);
    EXPECT_EQ(heap.HugeBytes(), kStep);
    while (heap.end() - heap.start() < 512 * kMiB) {
      heap.Grow(kStep, 1);
      const size_t bytes = heap.end() - heap.start();
      ASSERT_GE(heap.HugeBytes(), bytes / 2) << bytes;
      ASSERT_LE(heap.Mappings(), 50u) << bytes;
    }
    EXPECT_GE(heap.HugeBytes(), 448 * kMiB) << "few probes in a large heap";
  });
}

TEST_F(HugePagesTest, NothingIsAskedForWhereTheHeapIsNotWritten) {
  for (const size_t nth : {0, 3}) {
    IN_CHILD({
      ObjectHeap heap;
      heap.Grow(64 * kMiB, nth);
      EXPECT_EQ(heap.HugeBytes(), 0u) << nth;
      EXPECT_EQ(heap.Mappings(), 1u) << nth;
    });
  }
}

// What spans have not handed out says nothing about the program.
TEST_F(HugePagesTest, OnlyWhatWasHandedOutCounts) {
  IN_CHILD({
    ObjectHeap heap;
    heap.Grow(16 * kMiB, 1, /*of_span=*/4);
    EXPECT_GE(heap.HugeBytes(), 8 * kMiB) << "a quarter of the heap in memory, all there was";
  });
  IN_CHILD({
    ObjectHeap heap;
    heap.Grow(2 * kStep, 0, /*of_span=*/0);
    EXPECT_EQ(heap.HugeBytes(), 0u) << "nothing of nothing";
  });
}

TEST_F(HugePagesTest, ObjectsDecideAndWhereThereAreFewBlocksDo) {
  for (const bool objects : {false, true}) {
    for (const bool written : {false, true}) {
      IN_CHILD({
        ObjectHeap heap;
        for (int spans = 0; objects && spans < 4; ++spans) heap.TakeSpan(written ? 1 : 0);
        while (heap.end() - heap.start() < 3 * kStep) {
          Span* block = PageHeap::NewLargeSpan(kMiB / 2, kPageSize);
          ASSERT_NE(block, nullptr);
          if (objects != written) memset(At(block->start), 1, block->Bytes());
        }
        EXPECT_EQ(heap.HugeBytes() > 0, written) << objects;
      });
    }
  }
}

// What was handed out of it may lie in caches.
TEST_F(HugePagesTest, TheProbeBeforeTheLastCountsAsWell) {
  IN_CHILD({
    ObjectHeap heap;
    heap.Grow(2 * kStep, 0);
    memset(At(heap.start()), 1, kStep);
    heap.Grow(kStep, 0);
    EXPECT_EQ(heap.HugeBytes(), kStep);
  });
}

// A page fault for each of its pages would be half of what a small program has of huge pages.
TEST_F(HugePagesTest, TheProbesOfAYoungHeapBecomeHugeThemselves) {
  IN_CHILD({
    ObjectHeap heap;
    heap.Grow(2 * kStep, 1, /*of_span=*/4);
    EXPECT_EQ(heap.HugeBytes(), 2 * kStep) << "a quarter of it is in memory";
    if (KernelCollapses()) {
      EXPECT_EQ(test::PagesPresent(At(heap.start()), kStep), kStep / kOsPage);
    }
    heap.Grow(64 * kMiB, 1, /*of_span=*/4);
    const size_t later = heap.end() - heap.start() - heap.HugeBytes();
    EXPECT_GE(later, 2 * kStep) << "not those of a large one";
  });
}

// What huge pages bring into memory unwritten is bounded by what is written.
TEST_F(HugePagesTest, AProbeOfWhichLittleIsInMemoryWaits) {
  IN_CHILD({
    ObjectHeap heap;
    const auto first = [&] { return HugeBytesIn(heap.start(), heap.start() + kStep); };
    heap.Grow(3 * kStep, 1, /*of_span=*/2);
    EXPECT_EQ(first(), 0u) << "an eighth";
    EXPECT_EQ(heap.HugeBytes(), 2 * kStep) << "though all that was handed out was written";
    memset(At(heap.start()), 1, kStep / 2);
    heap.Grow(kStep, 1, /*of_span=*/2);
    EXPECT_EQ(first(), kStep) << "no longer";
  });
}

TEST_F(HugePagesTest, AHeapThatIsNotWrittenAnyLongerIsNotAskedForAnyLonger) {
  IN_CHILD({
    ObjectHeap heap;
    heap.Grow(64 * kMiB, 1);
    const uintptr_t written = heap.end();
    heap.Grow(64 * kMiB, 0);
    const uintptr_t until = heap.end();
    EXPECT_LE(HugeBytesIn(written, until), until - heap.start() / 4)
        << "what was asked for already";
    heap.Grow(64 * kMiB, 1);
    EXPECT_GE(HugeBytesIn(until, heap.end()), 48 * kMiB) << "and then again";
  });
}

TEST_F(HugePagesTest, WholeHugePagesGoBack) {
  IN_CHILD({
    Heap heap(kMiB * 256);
    const auto released = [&](size_t from, size_t to, bool must) {
      uintptr_t start = heap.start() + from;
      size_t bytes = to - from;
      if (!huge_pages::ReleaseWhole(&start, &bytes, must)) return std::string("nothing");
      return std::to_string((start - heap.start()) / kOsPage) + "+" +
             std::to_string(bytes / kOsPage);
    };
    EXPECT_EQ(released(kOsPage, 3 * kOsPage, false), "1+2") << "nothing was asked for yet";
    heap.Open(16 * kMiB, Use::kBlock);
    EXPECT_EQ(released(0, 4 * kMiB, false), "0+1024");
    EXPECT_EQ(released(kOsPage, 6 * kMiB + kOsPage, false), "512+1024");
    EXPECT_EQ(released(2 * kMiB, 4 * kMiB, false), "512+512");
    EXPECT_EQ(released(kOsPage, 4 * kMiB - kOsPage, false), "nothing");
    EXPECT_EQ(heap.HugeBytes(), 16 * kMiB);
    EXPECT_EQ(released(kOsPage, 4 * kMiB - kOsPage, true), "1+1022");
    EXPECT_EQ(heap.HugeBytes(), 0u) << "the kernel must not fill the holes again";
    EXPECT_EQ(heap.Mappings(), 1u);
    EXPECT_EQ(released(kOsPage, 3 * kOsPage, false), "1+2");
    heap.Open(16 * kMiB, Use::kBlock);
    EXPECT_EQ(heap.HugeBytes(), 16 * kMiB) << "what comes later is asked for again";
  });
  IN_CHILD({
    ObjectHeap heap;
    heap.Grow(2 * kStep, 1);
    ASSERT_EQ(heap.HugeBytes(), kStep) << "for objects";
    uintptr_t start = heap.start() + kOsPage;
    size_t bytes = 2 * kOsPage;
    EXPECT_FALSE(huge_pages::ReleaseWhole(&start, &bytes, false));
    EXPECT_TRUE(huge_pages::ReleaseWhole(&start, &bytes, true));
    EXPECT_EQ(heap.HugeBytes(), 0u);
  });
  IN_CHILD({
    ObjectHeap heap;
    heap.Grow(3 * kStep, 1, /*of_span=*/2);
    ASSERT_EQ(heap.HugeBytes(), 2 * kStep);
    memset(At(heap.start()), 1, kStep / 2);
    uintptr_t start = heap.start();
    size_t bytes = kStep / 4;
    EXPECT_TRUE(huge_pages::ReleaseWhole(&start, &bytes, true));
    heap.Grow(kStep, 1, /*of_span=*/2);
    EXPECT_EQ(HugeBytesIn(heap.start(), heap.start() + kStep), 0u)
        << "a probe that waited stays in small pages as well";
  });
}

TEST_F(HugePagesTest, ThereIsAnEndToMappings) {
  IN_CHILD({
    constexpr size_t kBlocks = 6000;
    Heap heap(kBlocks * 2 * kStep);
    for (size_t i = 0; i < kBlocks; ++i) {
      heap.Open(2 * kStep, i % 2 == 0 ? Use::kBlock : Use::kZeroedBlock);
    }
    EXPECT_GE(heap.HugeBytes(), 4000 * kStep);
    EXPECT_LE(heap.Mappings(), 4200u);
  });
}

// Only what is needed decides: advice that is refused changes nothing else.
TEST_F(HugePagesTest, EverySystemCallMayFail) {
  for (const bool sticky : {false, true}) {
    for (uint64_t fail = 1; fail <= 8; ++fail) {
      for (const ThpMode mode : {ThpMode::kAdvise, ThpMode::kMeasured}) {
        IN_CHILD({
          test::SetStopwatch(kSmallNs);
          ObjectHeap heap(mode);
          heap.Grow(32 * kMiB, 1);
          for (int i = 0; i < 8; ++i) {
            const size_t bytes = i % 4 == 3 ? 4 * kStep : kStep;
            os::FailNth(fail, sticky);
            Span* span = PageHeap::NewLargeSpan(bytes, kPageSize);
            os::FailNth(0, false);
            if (span == nullptr) span = PageHeap::NewLargeSpan(bytes, kPageSize);
            ASSERT_NE(span, nullptr);
            memset(At(span->start), 1, bytes);
            heap.Grow(kStep, 1);
          }
          os::FailNth(fail, sticky);
          uintptr_t start = heap.start();
          size_t bytes = kStep;
          EXPECT_TRUE(huge_pages::ReleaseWhole(&start, &bytes, true));
          os::FailNth(0, false);
          EXPECT_EQ(PageHeap::Check(), nullptr);
        });
      }
    }
  }
}

// 20 MiB of page faults of a microsecond take as long as a cold huge page.
TEST_F(HugePagesTest, MeasuredAsksOnceItIsWorthwhile) {
  IN_CHILD({
    test::SetStopwatch(kSmallNs);
    ObjectHeap heap(ThpMode::kMeasured);
    heap.Grow(18 * kMiB, 1);
    EXPECT_EQ(heap.HugeBytes(), 0u);
    EXPECT_EQ(heap.Mappings(), 1u);
    heap.Grow(46 * kMiB, 1);
    EXPECT_GE(heap.HugeBytes(), 32 * kMiB);
  });
}

TEST_F(HugePagesTest, MeasuredDoesNotAskWhereTheHeapIsNotWritten) {
  IN_CHILD({
    test::SetStopwatch(kSmallNs);
    ObjectHeap heap(ThpMode::kMeasured);
    heap.Grow(64 * kMiB, 3);
    EXPECT_EQ(heap.HugeBytes(), 0u);
  });
}

// As where a guest's host has to find the memory first.
TEST_F(HugePagesTest, MeasuredStopsWhereHugePagesComeSlowly) {
  IN_CHILD({
    test::SetStopwatch(kSmallNs);
    ObjectHeap heap(ThpMode::kMeasured);
    heap.Grow(4 * kMiB, 1);
    test::SetStopwatch(kDearNs);
    heap.Grow(72 * kMiB, 1);
    EXPECT_EQ(heap.HugeBytes(), kStep) << "the one that was tried";
    EXPECT_LE(heap.Mappings(), 3u);
    heap.Grow(64 * kMiB, 1);
    EXPECT_EQ(heap.HugeBytes(), 2 * kStep) << "and another";
    test::SetStopwatch(kSmallNs);
    heap.Grow(256 * kMiB, 1);
    EXPECT_GE(heap.HugeBytes(), 96 * kMiB) << "they have become cheap";
  });
}

TEST_F(HugePagesTest, MeasuredLeavesTheRestOfADearBlockInSmallPages) {
  IN_CHILD({
    test::SetStopwatch(kSmallNs);
    Heap heap(256 * kMiB);
    heap.Open(8 * kMiB, Use::kZeroedBlock, OpenMeasured);
    test::SetStopwatch(kDearNs);
    heap.Open(32 * kMiB, Use::kBlock, OpenMeasured);
    EXPECT_EQ(heap.HugeBytes(), kStep);
    EXPECT_EQ(HugeBytesIn(heap.start() + 8 * kMiB, heap.start() + 8 * kMiB + kStep), kStep);
    heap.Open(32 * kMiB, Use::kBlock, OpenMeasured);
    EXPECT_EQ(heap.HugeBytes(), kStep);
    EXPECT_EQ(heap.Mappings(), 3u);
  });
}

TEST_F(HugePagesTest, MeasuredHasMapsHugeInHeapsThatAreLarge) {
  IN_CHILD({
    test::SetStopwatch(kSmallNs);
    const uintptr_t map = reinterpret_cast<uintptr_t>(os::Reserve(8 * kMiB, kStep));
    Heap heap(256 * kMiB);
    heap.Open(8 * kMiB, Use::kObjects, OpenMeasured);
    ASSERT_TRUE(OpenMeasured(map, kStep, Use::kMap));
    EXPECT_EQ(HugeBytesIn(map, map + 8 * kMiB), 0u);
    heap.Open(32 * kMiB, Use::kZeroedBlock, OpenMeasured);
    ASSERT_TRUE(OpenMeasured(map + kStep, kStep, Use::kMap));
    EXPECT_EQ(HugeBytesIn(map, map + 8 * kMiB), kStep);
  });
}

TEST_F(HugePagesTest, AlwaysAndNever) {
  IN_CHILD({
    Heap heap(kMiB * 64);
    ASSERT_TRUE(huge_pages::OpenStepAs<true>(heap.start(), kStep, Use::kObjects));
    ASSERT_TRUE(huge_pages::OpenStepAs<true>(heap.start() + kStep, kStep, Use::kZeroedBlock));
    ASSERT_TRUE(huge_pages::OpenStepAs<false>(heap.start() + 2 * kStep, 2 * kStep, Use::kBlock));
    const std::vector<Mapping> mappings = MappingsIn(heap.start(), heap.start() + 4 * kStep);
    ASSERT_EQ(mappings.size(), 2u);
    EXPECT_TRUE(mappings[0].huge && !mappings[0].small);
    EXPECT_TRUE(mappings[1].small && !mappings[1].huge);
    EXPECT_EQ(mappings[0].end, heap.start() + 2 * kStep);
  });
}

// The page map of a large heap: what was in use of it before keeps its contents.
TEST_F(HugePagesTest, ThePageMapIsAskedForFromItsFirstPieceOn) {
  for (uint64_t fail = 0; fail <= 3; ++fail) {
    IN_CHILD({
      constexpr size_t kBefore = 256 << 10;
      const uintptr_t map = reinterpret_cast<uintptr_t>(os::ReserveReadable(8 * kMiB, kStep));
      ASSERT_TRUE(OpenAdvised(map, kBefore, Use::kMap));
      memset(At(map), 7, kBefore);
      os::FailNth(fail, false);
      const bool opened = OpenAdvised(map + kBefore, 2 * kStep - kBefore, Use::kMap);
      os::FailNth(0, false);
      ASSERT_EQ(opened, fail != 1) << "only what is refused is an error";
      EXPECT_TRUE(test::All(At(map), kBefore, 7));
      if (!opened) return;
      memset(At(map + kBefore), 8, 2 * kStep - kBefore);
      if (fail == 2) return;
      EXPECT_EQ(HugeBytesIn(map, map + 8 * kMiB), 2 * kStep);
    });
  }
}

TEST_F(HugePagesTest, ThePageMapOfASmallHeapIsNotAskedFor) {
  IN_CHILD({
    test::BindHeap(ThpMode::kAdvise);
    arena::Init(size_t{256} << 30, true);
    const uintptr_t heap = arena::Boundary();
    const auto asked_for = [] {
      const uintptr_t map = reinterpret_cast<uintptr_t>(DirectMap::view.span_map);
      return HugeBytesIn(map, map + 64 * kMiB);
    };
    const auto grow_to = [&](size_t bytes) {
      uintptr_t start;
      size_t got;
      while (arena::Boundary() < heap + bytes) {
        ASSERT_TRUE(arena::Grow(1, Use::kObjects, &start, &got));
      }
    };
    grow_to(900 * kMiB);
    EXPECT_EQ(asked_for(), 0u);
    grow_to(1200 * kMiB);
    EXPECT_EQ(asked_for(), kStep);
    grow_to(9000 * kMiB);
    EXPECT_EQ(asked_for(), 2 * kStep);
  });
}

// The page heap above it: pieces stay while they are few, then everything goes.
TEST_F(HugePagesTest, ThePageHeapGivesBackWholePagesFirst) {
  IN_CHILD({
    ObjectHeap heap;
    const auto large = [](size_t bytes) {
      Span* span = PageHeap::NewLargeSpan(bytes, kPageSize);
      memset(At(span->start), 1, span->Bytes());
      return span;
    };
    const auto pass_time = [&] {
      for (int period = 0; period < 2; ++period) {
        test::AdvanceClock(10);
        PageHeap::Free(large(kPageSize));
      }
    };
    std::vector<Span*> blocks;
    blocks.push_back(large(60 * kMiB));
    blocks.push_back(large(3 * kPageSize));
    Span* burst = large(51 * kMiB);
    blocks.push_back(large(kPageSize));
    const uintptr_t first = AlignUp(burst->start, kStep);
    const uintptr_t last = AlignDown(burst->End(), kStep);
    const size_t pieces = burst->pages - (last - first) / kPageSize;
    ASSERT_GT(first, burst->start);
    ASSERT_LT(last, burst->End());
    const size_t released = PageHeap::Totals().released_pages;
    PageHeap::Free(burst);
    pass_time();
    EXPECT_EQ(PageHeap::Totals().released_pages - released, (last - first) / kPageSize);
    EXPECT_EQ(test::PagesPresent(At(first), last - first), 0u);
    EXPECT_EQ(PageHeap::Totals().free_pages, pieces);
    PageHeap::ReleaseFree();
    EXPECT_EQ(PageHeap::Totals().free_pages, 0u);
    // Half of it free in pieces: more than a quarter of what is in use.
    std::vector<Span*> gone;
    for (int i = 0; i < 100; ++i) {
      gone.push_back(large(kMiB));
      blocks.push_back(large(kMiB));
    }
    for (Span* span : gone) PageHeap::Free(span);
    pass_time();
    EXPECT_LE(PageHeap::Totals().free_pages * kPageSize, (160 / 8 + 8 + 1) * kMiB);
    for (Span* span : blocks) PageHeap::Free(span);
    EXPECT_EQ(PageHeap::Check(), nullptr);
  });
}

TEST(HugePages, EachKnobHasItsFunctions) {
  const auto names = [](ThpMode mode) {
    Resolution r = {};
    huge_pages::Bind(mode, &r);
    return std::string(r.names.heap_open) + " " + r.names.heap_release;
  };
  EXPECT_EQ(names(ThpMode::kSystem), "OpenStep ReleaseAll");
  EXPECT_EQ(names(ThpMode::kNever), "OpenStepAs<false> ReleaseAll");
  EXPECT_EQ(names(ThpMode::kAlways), "OpenStepAs<true> ReleaseAll");
  EXPECT_EQ(names(ThpMode::kAdvise), "OpenStepAdvised<AnyPrice> ReleaseWhole");
  EXPECT_EQ(names(ThpMode::kMeasured), "OpenStepAdvised<MeasuredPrice> ReleaseWhole");
}

}  // namespace
}  // namespace hz4
