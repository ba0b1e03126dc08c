// SPDX-License-Identifier: Apache-2.0
//
// Where the memory is, in a process in which nobody else uses hz4: the parts add up to the whole,
// and live bytes are exactly what this test holds. Under every front, both maps, both routes.

#include "hz4/gauges.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "hz4/base/lock.h"
#include "hz4/base/scope.h"
#include "hz4/central.h"
#include "hz4/check.h"
#include "hz4/dispatch.h"
#include "hz4/hz4.h"
#include "hz4/internal_api.h"
#include "hz4/page_heap.h"
#include "tests/core/threads.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace {

Gauges Now() {
  Gauges gauges;
  FillGauges(&gauges);
  return gauges;
}

// What spans lose at their ends.
struct Tails {
  uint64_t bytes;
  uint64_t span_bytes;
};
Tails TailsNow() {
  SlowScope scope;
  const central::Totals c = central::GetTotals();
  const MidTotals m = Table().mid_totals();
  return {c.span_bytes - c.handed_out_bytes - c.span_free_bytes - c.uncarved_bytes +
              (m.span_bytes - m.handed_out_bytes - m.span_free_bytes),
          c.span_bytes + m.span_bytes};
}

uint64_t DescriptorPages() {
  SlowScope scope;
  return uint64_t{PageHeap::Totals().descriptor_pages} << kPageShift;
}

void ExpectSum(const std::string& when) {
  SCOPED_TRACE(when);
  const Gauges g = Now();
  const Tails tails = TailsNow();
  EXPECT_EQ(g.mapped_bytes, g.live_bytes + g.front_cached_bytes + g.central_cached_bytes +
                                g.span_free_bytes + g.page_free_bytes + g.released_bytes +
                                tails.bytes + DescriptorPages());
  EXPECT_LE(tails.bytes * 8, tails.span_bytes);
  EXPECT_EQ(CheckAll(), nullptr);
}

TEST(Gauges, PartsAddUpAndLiveIsWhatIsHeld) {
  hz4_release_memory();
  const uint64_t base = Now().live_bytes;
  test::Random random(test::Seed());
  std::vector<void*> live;
  uint64_t held = 0;
  for (int step = 0; step < 6000; ++step) {
    const uint64_t what = random.In(0, 19);
    if (live.size() < 500 && what < 9) {
      const size_t size = random.In(0, random.OneIn(40)  ? 3 << 20
                                       : random.OneIn(4) ? 300000
                                                         : 5000);
      void* p =
          random.OneIn(8) ? hz4_memalign(size_t{1} << random.In(0, 16), size) : hz4_malloc(size);
      ASSERT_NE(p, nullptr);
      live.push_back(p);
      held += hz4_malloc_usable_size(p);
    } else if (!live.empty()) {
      std::swap(live[random.In(0, live.size() - 1)], live.back());
      held -= hz4_malloc_usable_size(live.back());
      if (what < 17) {
        hz4_free(live.back());
        live.pop_back();
      } else {
        live.back() = hz4_realloc(live.back(), random.In(1, 400000));
        ASSERT_NE(live.back(), nullptr);
        held += hz4_malloc_usable_size(live.back());
      }
    }
    if (step % 1000 == 999) hz4_release_memory();
    if (step % 20 != 0) continue;
    ASSERT_EQ(Now().live_bytes - base, held) << "step " << step;
    ExpectSum("step " + std::to_string(step));
    if (HasFailure()) break;
  }
  for (void* p : live) hz4_free(p);
  ExpectSum("all freed");
  EXPECT_EQ(Now().live_bytes, base);
}

TEST(Gauges, ReleasingEmptiesEverythingThatCanBeReached) {
  std::vector<void*> blocks;
  for (int i = 0; i < 20000; ++i) blocks.push_back(hz4_malloc(static_cast<size_t>(i % 5000 + 1)));
  for (int i = 0; i < 10; ++i) blocks.push_back(hz4_malloc(5 << 20));
  const Gauges full = Now();
  EXPECT_GE(full.live_bytes, 90u << 20);
  for (void* p : blocks) hz4_free(p);
  EXPECT_GT(hz4_release_memory(), 0u);
  const Gauges g = Now();
  EXPECT_EQ(g.front_cached_bytes, 0u);
  EXPECT_EQ(g.central_cached_bytes, 0u);
  EXPECT_EQ(g.page_free_bytes, 0u);
  // Separate mappings go back as address space, a reservation stays open.
  EXPECT_GE(g.released_bytes + (full.mapped_bytes - g.mapped_bytes),
            full.live_bytes - full.live_bytes / 16);
  if (test::Variable("HZ4_PAGE_MAP") == "radix") {
    EXPECT_LE(g.mapped_bytes, full.mapped_bytes / 4);
  } else {
    EXPECT_EQ(g.mapped_bytes, full.mapped_bytes);
  }
  ExpectSum("released");
}

TEST(Gauges, WhatHz4NeedsForItselfIsCounted) {
  const uint64_t before = Now().metadata_bytes;
  EXPECT_GT(before, 0u);
  std::vector<void*> blocks;
  for (int i = 0; i < 400000; ++i) blocks.push_back(hz4_malloc(16));
  for (void* p : blocks) hz4_free(p);
  const Gauges g = Now();
  EXPECT_GT(g.metadata_bytes, before) << "spans have descriptors, arrays pointers";
  EXPECT_LE(g.metadata_bytes, before + g.mapped_bytes / 8);
  hz4_release_memory();
}

TEST(Gauges, AfterThreadsThePartsAddUp) {
  hz4_release_memory();
  const uint64_t base = Now().live_bytes;
  test::RunThreads(6, [](int t) {
    test::Random random(test::Seed() + static_cast<uint64_t>(t));
    std::vector<void*> live(100, nullptr);
    for (int step = 0; step < 5000; ++step) {
      void*& p = live[random.In(0, live.size() - 1)];
      hz4_free(p);
      p = hz4_malloc(random.In(1, random.OneIn(50) ? 600000 : 3000));
    }
    for (void* p : live) hz4_free(p);
  });
  ExpectSum("threads ended");
  EXPECT_EQ(Now().live_bytes, base);
}

TEST(Gauges, WhereLocksAreClosedOnlyResidentIsKnown) {
  {
    SlowScope scope;
    const Gauges g = Now();
    EXPECT_EQ(g.mapped_bytes, 0u);
    EXPECT_GT(g.resident_bytes, 0u);
  }
  Fork::Begin();
  const Gauges g = Now();
  Fork::EndInParent();
  EXPECT_GT(g.resident_bytes, 0u);
  EXPECT_LE(g.live_bytes, Now().mapped_bytes) << "nonsense while a fork is pending";
}

}  // namespace
}  // namespace hz4
