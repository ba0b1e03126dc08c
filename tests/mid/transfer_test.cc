// SPDX-License-Identifier: Apache-2.0
//
// B73: lists go from a full batch to another thread's caches, within the limit, and back at a
// flush.
#include "hz4/mid/transfer.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/mid/ladder.h"

namespace hz4 {
namespace test {
namespace {

constexpr unsigned kCls = mid::kFirstClass;

Knobs Transferring() {
  Knobs k = BareLadder();
  k.mid_alloc_run_cache = true;
  k.mid_alloc_run_limit = 2;
  k.mid_free_batch = true;
  k.mid_free_batch_limit = 6;
  k.mid_transfer_cache = true;
  k.mid_transfer_cache_batch_max = 4;
  k.mid_transfer_cache_publish_min = 5;
  k.mid_transfer_cache_soft_limit = 8;
  return k;
}

std::vector<void*> AllocMany(Ladder* ladder, int n) {
  std::vector<void*> live;
  for (int i = 0; i < n; ++i) live.push_back(ladder->Alloc(kCls));
  return live;
}
void FreeAll(Ladder* ladder, const std::vector<void*>& live, size_t from = 0) {
  for (size_t i = from; i < live.size(); ++i) ladder->Free(live[i]);
}

TEST(Transfer, AFullBatchPublishesItsOldest) {
  Ladder ladder(Transferring());
  std::vector<void*> live = AllocMany(&ladder, 7);
  FreeAll(&ladder, live);
  EXPECT_EQ(ladder.Count(CounterId::kMidTransferPublish), 1u);
  EXPECT_EQ(ladder.Count(CounterId::kMidFreeBatchFlush), 0u);
  mid::ClassCache& c = ladder.Cache(kCls);
  ASSERT_EQ(c.batch, 3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ladder.Thread()->Batch(c)[i], live[4 + i]);
  EXPECT_EQ(CheckLadder(), nullptr);
}

TEST(Transfer, AnotherThreadTakesTheWholeList) {
  Ladder ladder(Transferring());
  std::vector<void*> live = AllocMany(&ladder, 7);
  FreeAll(&ladder, live);
  ladder.Become(1);
  EXPECT_EQ(ladder.Alloc(kCls), live[3]);
  EXPECT_EQ(ladder.Count(CounterId::kMidTransferPop), 1u);
  EXPECT_EQ(ladder.Count(CounterId::kMidTransferPopObjs), 4u);
  mid::ClassCache& c = ladder.Cache(kCls);
  EXPECT_EQ(c.run, 2);
  EXPECT_EQ(c.batch, 1);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocLockPath), 3u) << "those of AllocMany";
  EXPECT_EQ(CheckLadder(), nullptr);
  ladder.Free(live[3]);
}

TEST(Transfer, AListThatDoesNotFitIsPublishedAgain) {
  Knobs k = Transferring();
  k.mid_alloc_run_cache = false;
  Ladder ladder(k);
  std::vector<void*> live = AllocMany(&ladder, 12);
  FreeAll(&ladder, {live.begin(), live.begin() + 7});  // one list of 4, 3 in the batch
  FreeAll(&ladder, {live.begin() + 7, live.begin() + 10});
  EXPECT_EQ(ladder.Cache(kCls).batch, 6);
  void* p = ladder.Alloc(kCls);  // no consume: the batch stays full, one object is taken
  EXPECT_EQ(p, live[3]);
  EXPECT_EQ(ladder.Count(CounterId::kMidTransferPopObjs), 1u);
  EXPECT_EQ(CheckLadder(), nullptr);
  EXPECT_EQ(ladder.Alloc(kCls), live[2]);
  FreeAll(&ladder, {live[2], live[3], live[10], live[11]});
}

TEST(Transfer, StopsAtTheSoftLimit) {
  Ladder ladder(Transferring());
  std::vector<void*> live = AllocMany(&ladder, 40);
  FreeAll(&ladder, live);
  EXPECT_EQ(ladder.Count(CounterId::kMidTransferPublish), 2u) << "8 objects in lists of 4";
  EXPECT_GT(ladder.Count(CounterId::kMidFreeBatchFlush), 0u);
  EXPECT_EQ(CheckLadder(), nullptr);
}

TEST(Transfer, TooFewAreNotWorthPublishing) {
  Knobs k = Transferring();
  k.mid_transfer_cache_publish_min = 7;  // a batch holds 6
  Ladder ladder(k);
  FreeAll(&ladder, AllocMany(&ladder, 20));
  EXPECT_EQ(ladder.Count(CounterId::kMidTransferPublish), 0u);
}

TEST(Transfer, FlushReturnsWhatIsPublished) {
  Ladder ladder(Transferring());
  ladder.Become(1);
  std::vector<void*> live = AllocMany(&ladder, 12);
  FreeAll(&ladder, live);
  ladder.Exit(1);
  EXPECT_NE(mid::TransferCache::Of(kCls).published.Top(), UINT32_MAX);
  EXPECT_GT(Table().mid_flush(), 0u);
  EXPECT_EQ(mid::TransferCache::Of(kCls).published.Top(), UINT32_MAX);
  EXPECT_EQ(mid::BinOf(kCls).pages, 0u);
}

TEST(Transfer, ListsAreReused) {
  Ladder ladder(Transferring());
  std::vector<void*> live = AllocMany(&ladder, 12);
  for (int round = 0; round < 50; ++round) {
    FreeAll(&ladder, live);
    ladder.Become(round % 2);
    live = AllocMany(&ladder, 12);
  }
  EXPECT_GE(ladder.Count(CounterId::kMidTransferPublish), 50u);
  EXPECT_LE(mid::TransferCache::Of(kCls).fresh.load(), mid::TransferCache::lists());
  EXPECT_EQ(CheckLadder(), nullptr);
  FreeAll(&ladder, live);
}

}  // namespace
}  // namespace test
}  // namespace hz4
