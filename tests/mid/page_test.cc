// SPDX-License-Identifier: Apache-2.0
//
// A page's own objects, its hand-over word, the bin, and what misuse of a page dies of.
#include "hz4/mid/page.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "hz4/mid/bins.h"
#include "tests/mid/ladder.h"

namespace hz4 {
namespace test {
namespace {

using mid::PageHandOver;
using mid::Pushed;

constexpr unsigned kCls = mid::kFirstClass + 9;

class PageTest : public ::testing::Test {
 protected:
  PageTest() : ladder_(B7xBase()) {
    SlowScopeHolder scope;
    page_ = PageHeap::NewObjectSpan(kCls, /*with_remote=*/true);
  }
  ~PageTest() override {
    SlowScopeHolder scope;
    PageHeap::Free(page_);
  }
  struct SlowScopeHolder {
    SlowScopeHolder() { tls.busy = 1; }
    ~SlowScopeHolder() { tls.busy = 0; }
  };

  Ladder ladder_;
  Span* page_;
};

TEST_F(PageTest, TakesEveryObjectOnceAndLowestFreeFirst) {
  std::set<void*> seen;
  while (void* p = mid::Take(page_)) {
    EXPECT_TRUE(page_->IsObjectStart(p));
    EXPECT_TRUE(seen.insert(p).second);
  }
  EXPECT_EQ(seen.size(), page_->objects);
  mid::Put(page_, page_->ObjectAt(5));
  mid::Put(page_, page_->ObjectAt(2));
  EXPECT_EQ(page_->Check(), nullptr);
  EXPECT_EQ(mid::Take(page_), page_->ObjectAt(2));
  EXPECT_EQ(mid::Take(page_), page_->ObjectAt(5));
  EXPECT_EQ(mid::Take(page_), nullptr);
}

TEST_F(PageTest, RemoteFreesWaitInTheWord) {
  for (int i = 0; i < 4; ++i) mid::Take(page_);
  auto& word = mid::WordOf(page_);
  EXPECT_FALSE(mid::PushRemote(page_, page_->ObjectAt(1))) << "nobody owns the page";
  EXPECT_EQ(word.load(), 0u);
  PageHandOver::Claim(word);
  EXPECT_TRUE(PageHandOver::Owned(word));
  EXPECT_TRUE(mid::PushRemote(page_, page_->ObjectAt(1)));
  EXPECT_TRUE(mid::PushRemote(page_, page_->ObjectAt(3)));
  EXPECT_EQ(PageHandOver::Waiting(word), 0b1010u);
  EXPECT_EQ(mid::PutDrained(page_, PageHandOver::Drain(word)), 2u);
  EXPECT_EQ(page_->free_bits[0], 0b1010u);
  EXPECT_TRUE(PageHandOver::Owned(word)) << "a drain keeps the owner";
  EXPECT_TRUE(mid::PushRemote(page_, page_->ObjectAt(0)));
  EXPECT_EQ(mid::PutDrained(page_, PageHandOver::Release(word)), 1u);
  EXPECT_EQ(word.load(), 0u);
  EXPECT_EQ(page_->Check(), nullptr);
}

TEST_F(PageTest, PushTellsTheSecondFree) {
  std::atomic<uint64_t> word{mid::kOwned};
  EXPECT_EQ(PageHandOver::Push(word, 4), Pushed::kYes);
  EXPECT_EQ(PageHandOver::Push(word, 4), Pushed::kTwice);
  EXPECT_EQ(PageHandOver::Push(word, 8), Pushed::kYes);
  EXPECT_EQ(PageHandOver::Release(word), 12u);
  EXPECT_EQ(PageHandOver::Push(word, 4), Pushed::kNotOwned);
}

TEST_F(PageTest, BinKeepsOneWhollyFreePageBehindThePartlyFreeOnes) {
  mid::Bin bin;
  SlowScopeHolder scope;
  mid::LeavingPages leaving;
  Span* whole[2] = {PageHeap::NewObjectSpan(kCls, true), PageHeap::NewObjectSpan(kCls, true)};
  bin.pages = 3;
  void* p = mid::Take(page_);
  bin.Add(whole[0]);
  bin.AddOrLeave(page_, &leaving);
  EXPECT_EQ(bin.first(), page_);
  EXPECT_EQ(bin.whole_free(), 1u);
  bin.AddOrLeave(whole[1], &leaving);
  EXPECT_EQ(bin.pages, 2u);
  EXPECT_EQ(leaving.Free<NotCounting>(), size_t{Class(kCls).span_pages} << kPageShift);
  // Its last object comes back: it would be the second wholly free page. (Taken out again by hand,
  // the fixture frees it.)
  EXPECT_EQ(bin.TakeFirst(), page_);
  bin.Add(page_);
  mid::LeavingPages last;
  bin.PutBack(page_, p, &last);
  EXPECT_EQ(bin.pages, 1u);
  EXPECT_EQ(page_->list, mid::kInNoList);
  EXPECT_EQ(bin.TakeFirst(), whole[0]);
  EXPECT_EQ(bin.whole_free(), 0u);
  EXPECT_EQ(bin.TakeFirst(), nullptr);
  PageHeap::Free(whole[0]);
}

using PageDeathTest = PageTest;

TEST_F(PageDeathTest, DoubleFreeIntoThePage) {
  void* p = mid::Take(page_);
  mid::Put(page_, p);
  EXPECT_DEATH(mid::Put(page_, p), "hz4: double free 0x");
}

TEST_F(PageDeathTest, DoubleRemoteFree) {
  void* p = mid::Take(page_);
  PageHandOver::Claim(mid::WordOf(page_));
  EXPECT_TRUE(mid::PushRemote(page_, p));
  EXPECT_DEATH(mid::PushRemote(page_, p), "hz4: double free 0x");
}

TEST_F(PageDeathTest, RemoteFreeOfAFreeObjectIsFoundWhenDrained) {
  void* p = mid::Take(page_);
  mid::Put(page_, p);
  PageHandOver::Claim(mid::WordOf(page_));
  EXPECT_TRUE(mid::PushRemote(page_, p));
  EXPECT_DEATH(mid::PutDrained(page_, PageHandOver::Drain(mid::WordOf(page_))),
               "hz4: double free 0x");
}

TEST_F(PageDeathTest, ObjectNeverHandedOut) {
  mid::Take(page_);
  EXPECT_DEATH(mid::Put(page_, page_->ObjectAt(1)),
               "hz4: invalid free: an object never handed out");
}

TEST_F(PageDeathTest, PointerIntoAnObject) {
  void* p = ladder_.Alloc(kCls);
  EXPECT_DEATH(ladder_.Free(static_cast<char*>(p) + 16),
               "hz4: invalid free: not the start of an object 0x");
  // Where one more object would begin, had it room.
  Span* page = mid::PageOf(p);
  char* behind = static_cast<char*>(page->ObjectAt(page->objects));
  if (reinterpret_cast<uintptr_t>(behind) < page->End()) {
    EXPECT_DEATH(ladder_.Free(behind), "hz4: invalid free: not the start of an object 0x");
  }
  ladder_.Free(p);
}

}  // namespace
}  // namespace test
}  // namespace hz4
