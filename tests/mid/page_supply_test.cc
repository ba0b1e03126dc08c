// SPDX-License-Identifier: Apache-2.0
//
// B70: pages cut from a thread's run, the rest of it given back, and what happens without memory.
#include <gtest/gtest.h>

#include <vector>

#include "hz4/base/os.h"
#include "hz4/mid/bins.h"
#include "hz4/page_heap.h"
#include "tests/mid/ladder.h"

namespace hz4 {
namespace test {
namespace {

constexpr unsigned kSmallest = mid::kFirstClass;  // pages of 64 KiB
constexpr unsigned kLargest = kLastMidClass;      // pages of 512 KiB

Knobs Reserving(uint64_t chunk_pages) {
  Knobs k = BareLadder();
  k.mid_page_supply_resv = true;
  k.mid_page_supply_resv_chunk_pages = chunk_pages;
  return k;
}

size_t InUsePages() {
  tls.busy = 1;
  const size_t pages = PageHeap::Totals().in_use_pages;
  tls.busy = 0;
  return pages;
}

std::vector<void*> AllocPages(Ladder* ladder, unsigned cls, uint32_t pages) {
  std::vector<void*> live;
  for (uint32_t i = 0; i < pages * Class(cls).objects; ++i) live.push_back(ladder->Alloc(cls));
  return live;
}

TEST(PageSupply, OneRunServesSeveralPages) {
  Ladder ladder(Reserving(4));
  const size_t before = InUsePages();
  const std::vector<void*> live = AllocPages(&ladder, kSmallest, 4);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocPageCreate), 4u);
  EXPECT_EQ(ladder.Count(CounterId::kMidSupplyResvHit), 4u);
  EXPECT_EQ(ladder.Count(CounterId::kMidSupplyResvRefill), 1u);
  EXPECT_EQ(ladder.Count(CounterId::kMidSupplyResvPages), 4u);
  EXPECT_EQ(InUsePages() - before, 4 * 65536 / kPageSize);
  // They adjoin.
  for (size_t i = 1; i < 4; ++i) {
    const uint32_t objects = Class(kSmallest).objects;
    EXPECT_EQ(mid::PageOf(live[i * objects])->start, mid::PageOf(live[(i - 1) * objects])->End());
  }
  EXPECT_EQ(CheckLadder(), nullptr);
  for (void* p : live) ladder.Free(p);
}

TEST(PageSupply, APageLargerThanARunIsARunOfItsOwn) {
  Ladder ladder(Reserving(2));
  const std::vector<void*> live = AllocPages(&ladder, kLargest, 2);
  EXPECT_EQ(ladder.Count(CounterId::kMidSupplyResvRefill), 2u);
  EXPECT_EQ(ladder.Count(CounterId::kMidSupplyResvHit), 2u);
  EXPECT_EQ(ladder.Count(CounterId::kMidSupplyResvPages), 16u);
  for (void* p : live) ladder.Free(p);
}

TEST(PageSupply, WhatIsLeftGoesBackWithTheNextRunAndAtExit) {
  Ladder ladder(Reserving(9));
  const size_t before = InUsePages();
  ladder.Become(1);
  std::vector<void*> live = AllocPages(&ladder, kSmallest, 2);
  const std::vector<void*> more = AllocPages(&ladder, kLargest, 1);  // 7 are left, 8 are needed
  EXPECT_EQ(ladder.Count(CounterId::kMidSupplyResvRefill), 2u);
  EXPECT_EQ(InUsePages() - before, (2 + 9) * 65536 / kPageSize);
  ladder.Exit(1);
  EXPECT_EQ(InUsePages() - before, (2 + 8) * 65536 / kPageSize);
  EXPECT_EQ(CheckLadder(), nullptr);
  for (void* p : live) ladder.Free(p);
  for (void* p : more) ladder.Free(p);
  Table().mid_flush();
  EXPECT_EQ(InUsePages(), before);
}

TEST(PageSupply, WithoutStateOrMemoryOnePageAtATime) {
  Ladder ladder(Reserving(16));
  ladder.Become(Ladder::kNobody);
  void* p = ladder.Alloc(kSmallest);
  EXPECT_NE(p, nullptr);
  EXPECT_EQ(ladder.Count(CounterId::kMidSupplyResvRefill), 0u);
  EXPECT_EQ(ladder.Count(CounterId::kSpanCreated), 1u);
  ladder.Become(0);
  ladder.Free(p);
}

TEST(PageSupply, OutOfMemoryIsNullAndNothingIsLost) {
  for (bool reserve : {false, true}) {
    Knobs k = B7xBase();
    k.mid_page_supply_resv = reserve;
    Ladder ladder(k);
    const size_t before = InUsePages();
    std::vector<void*> live;
    os::FailNth(1, /*sticky=*/true);
    while (void* p = ladder.Alloc(kLargest)) live.push_back(p);
    EXPECT_EQ(CheckLadder(), nullptr);
    os::FailNth(0, false);
    void* p = ladder.Alloc(kLargest);
    EXPECT_NE(p, nullptr) << "works again";
    if (p != nullptr) ladder.Free(p);
    for (void* q : live) ladder.Free(q);
    ladder.Exit(0);
    Table().mid_flush();
    EXPECT_EQ(InUsePages(), before);
  }
}

}  // namespace
}  // namespace test
}  // namespace hz4
