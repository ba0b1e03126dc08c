// SPDX-License-Identifier: Apache-2.0
//
// The middle, asked directly: nothing else in this process uses hz4, so all its objects are the
// test's. Objects keep what is written into them while they are in the middle: it never touches
// them.

#include "hz4/central.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "hz4/arena.h"
#include "hz4/base/lock.h"
#include "hz4/base/os.h"
#include "hz4/base/scope.h"
#include "hz4/check.h"
#include "hz4/dispatch.h"
#include "hz4/page_heap.h"
#include "hz4/page_map.h"
#include "hz4/side_arena.h"
#include "tests/core/fake_clock.h"
#include "tests/core/threads.h"
#include "tests/support/cpus.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

uint32_t Fetch(unsigned cls, void** out, uint32_t n) {
  SlowScope scope;
  return central::Fetch<NotCounting>(cls, out, n);
}
void Return(unsigned cls, void* const* in, uint32_t n) {
  SlowScope scope;
  central::Return<NotCounting>(cls, in, n);
}
size_t GiveBackAll() {
  SlowScope scope;
  return central::GiveBackAll<NotCounting>();
}
std::vector<void*> FetchAll(unsigned cls, uint32_t n) {
  std::vector<void*> objects(n);
  uint32_t got = 0;
  while (got < n) {
    const uint32_t more = Fetch(cls, objects.data() + got, n - got);
    EXPECT_NE(more, 0u);
    if (more == 0) break;
    got += more;
  }
  return objects;
}
void Return(unsigned cls, const std::vector<void*>& objects) {
  for (size_t i = 0; i < objects.size(); i += 64) {
    Return(cls, objects.data() + i,
           static_cast<uint32_t>(std::min<size_t>(64, objects.size() - i)));
  }
}
std::string Wrong() {
  SlowScope scope;
  const char* wrong = central::Check();
  if (wrong == nullptr) wrong = PageHeap::Check();
  return wrong == nullptr ? "" : wrong;
}
size_t InUsePages() {
  SlowScope scope;
  return PageHeap::Totals().in_use_pages;
}
size_t Bound() { return PageHeap::MappedBytes() / 64 + kMiB; }

class CentralTest : public testing::Test {
 protected:
  void SetUp() override {
    ExpectNothing();
    SlowScope scope;
    PageHeap::ReleaseFree();  // all pages read as zero
  }
  void TearDown() override {
    os::FailNth(0, false);
    ExpectNothing();
  }
  // Two of cpus_ exist, with an array each.
  bool TwoArrays() const { return cpus_.size() >= 2 && arena::Direct(); }
  // Neither objects nor spans are anywhere.
  void ExpectNothing() {
    GiveBackAll();
    EXPECT_EQ(Wrong(), "");
    const central::Totals t = central::GetTotals();
    EXPECT_EQ(t.handed_out_bytes, 0u);
    EXPECT_EQ(t.array_bytes, 0u);
    EXPECT_EQ(t.span_free_bytes, 0u);
    EXPECT_EQ(t.uncarved_bytes, 0u);
    EXPECT_EQ(t.span_bytes, 0u);
    EXPECT_EQ(InUsePages(), 0u);
  }
  const std::vector<int> cpus_ = test::AllowedCpus();
};

TEST_F(CentralTest, EveryClassHandsOutDistinctObjectsOfItsSpans) {
  for (unsigned cls = 1; cls <= kNumClasses; ++cls) {
    const uint32_t n = Class(cls).objects * 2 + 3;
    const std::vector<void*> objects = FetchAll(cls, n);
    std::vector<uintptr_t> starts;
    for (void* p : objects) {
      ASSERT_EQ(page_map::ClassOf(p), cls);
      ASSERT_TRUE(page_map::SpanOf(p)->IsObjectStart(p));
      starts.push_back(reinterpret_cast<uintptr_t>(p));
    }
    std::sort(starts.begin(), starts.end());
    for (size_t i = 1; i < starts.size(); ++i) {
      ASSERT_GE(starts[i] - starts[i - 1], Class(cls).size) << "class " << cls << ": overlap";
    }
    const central::Totals t = central::GetTotals();
    EXPECT_EQ(t.handed_out_bytes, uint64_t{n} * Class(cls).size);
    EXPECT_EQ(t.array_bytes, 0u);
    Return(cls, objects);
    GiveBackAll();
  }
}

TEST_F(CentralTest, ReturnedObjectsComeBackFirstAndUntouched) {
  const unsigned cls = SizeToClass(64);
  std::vector<void*> objects = FetchAll(cls, 300);
  for (size_t i = 0; i < objects.size(); ++i) {
    std::fill_n(static_cast<uint64_t*>(objects[i]), 8, i);
  }
  Return(cls, objects);
  EXPECT_EQ(central::GetTotals().array_bytes, 300u * 64u);
  std::vector<void*> again = FetchAll(cls, 300);
  EXPECT_EQ(std::set<void*>(again.begin(), again.end()),
            std::set<void*>(objects.begin(), objects.end()));
  for (size_t i = 0; i < objects.size(); ++i) {
    for (int w = 0; w < 8; ++w) ASSERT_EQ(static_cast<uint64_t*>(objects[i])[w], i);
  }
  Return(cls, again);
}

// A mover between an array and a vector, that moves no more than `most` at a time.
struct Moved {
  std::vector<void*> objects;
  uint32_t most;
  static uint32_t Out(void* context, unsigned, void** at, uint32_t n) {
    auto* self = static_cast<Moved*>(context);
    const uint32_t moved = std::min(n, self->most);
    self->objects.insert(self->objects.end(), at, at + moved);
    return moved;
  }
  static uint32_t In(void* context, unsigned, void** at, uint32_t n) {
    auto* self = static_cast<Moved*>(context);
    const uint32_t moved = std::min(n, self->most);
    const auto first = self->objects.end() - static_cast<long>(moved);
    std::copy(first, self->objects.end(), at);
    self->objects.erase(first, self->objects.end());
    return moved;
  }
};

TEST_F(CentralTest, AMoverMayMoveLessThanItIsOffered) {
  const unsigned cls = SizeToClass(64);
  const std::vector<void*> objects = FetchAll(cls, 300);
  Return(cls, objects);
  Moved moved = {{}, 30};
  {
    SlowScope scope;
    EXPECT_EQ(central::Withdraw(cls, 100, &Moved::Out, &moved), 30u);
    moved.most = 0;
    EXPECT_EQ(central::Withdraw(cls, 100, &Moved::Out, &moved), 0u);
    EXPECT_EQ(central::Deposit<NotCounting>(cls, 100, &Moved::In, &moved), 0u);
    moved.most = 10;
    EXPECT_EQ(central::Deposit<NotCounting>(cls, 100, &Moved::In, &moved), 10u);
  }
  EXPECT_EQ(Wrong(), "");
  EXPECT_EQ(central::GetTotals().array_bytes, 280u * 64u);
  std::vector<void*> rest = FetchAll(cls, 280);
  rest.insert(rest.end(), moved.objects.begin(), moved.objects.end());
  EXPECT_EQ(std::set<void*>(rest.begin(), rest.end()),
            std::set<void*>(objects.begin(), objects.end()));
  Return(cls, rest);
  {
    SlowScope scope;
    void* none = nullptr;
    EXPECT_EQ(central::Withdraw(SizeToClass(7000), 1, &Moved::Out, &none), 0u) << "all are empty";
  }
}

// The calling thread on one CPU, until the end of the scope.
class OnCpu {
 public:
  explicit OnCpu(int cpu) { EXPECT_TRUE(test::PinTo({cpu})); }
  ~OnCpu() { test::PinTo(before_); }
  OnCpu(const OnCpu&) = delete;
  OnCpu& operator=(const OnCpu&) = delete;

 private:
  const std::vector<int> before_ = test::AllowedCpus();
};

TEST_F(CentralTest, ACpuGetsItsOwnFirstAndFindsWhatOthersReturned) {
  if (cpus_.size() < 2) GTEST_SKIP() << "one CPU";
  const unsigned cls = SizeToClass(64);
  std::vector<void*> objects[2];
  {
    const OnCpu on(cpus_[1]);
    for (int i = 0; i < 2; ++i) objects[i] = FetchAll(cls, 300);
  }
  for (int i = 0; i < 2; ++i) {
    const OnCpu on(cpus_[static_cast<size_t>(i)]);
    Return(cls, objects[i]);
  }
  const std::set<void*> first(objects[0].begin(), objects[0].end());
  std::set<void*> all(objects[1].begin(), objects[1].end());
  all.insert(first.begin(), first.end());
  {
    const OnCpu on(cpus_[0]);
    objects[0] = FetchAll(cls, 300);
    objects[1] = FetchAll(cls, 300);
  }
  if (arena::Direct()) {  // elsewhere all CPUs share one array
    EXPECT_EQ(std::set<void*>(objects[0].begin(), objects[0].end()), first);
  }
  std::set<void*> again(objects[0].begin(), objects[0].end());
  again.insert(objects[1].begin(), objects[1].end());
  EXPECT_EQ(again, all) << "fresh objects although others had been returned";
  for (int i = 0; i < 2; ++i) Return(cls, objects[i]);
}

uint32_t WithdrawInto(Moved* moved, unsigned cls, uint32_t n) {
  SlowScope scope;
  return central::Withdraw(cls, n, &Moved::Out, moved);
}

TEST_F(CentralTest, ACpuTakesFromItsOwnSpansBeforeAnothersArray) {
  if (!TwoArrays()) GTEST_SKIP() << "all CPUs share one array";
  const unsigned cls = SizeToClass(64);
  const uint32_t in_span = Class(cls).objects;
  std::vector<void*> objects;
  {
    const OnCpu on(cpus_[0]);
    objects = FetchAll(cls, in_span / 2);
  }
  {
    const OnCpu on(cpus_[1]);
    Return(cls, objects);
  }
  const OnCpu on(cpus_[0]);
  std::vector<void*> rest = FetchAll(cls, in_span - in_span / 2);
  EXPECT_EQ(central::GetTotals().array_bytes, objects.size() * 64u) << "another's were taken";
  const std::vector<void*> others = FetchAll(cls, in_span / 2);
  EXPECT_EQ(std::set<void*>(others.begin(), others.end()),
            std::set<void*>(objects.begin(), objects.end()));
  Return(cls, rest);
  Return(cls, others);
}

// The first CPU needs a span's worth of objects, the second one has `free` spans' worth of them,
// `live` spans' worth are in use. Returns how many the first one took from the second.
size_t TakenFromAnother(const std::vector<int>& cpus, unsigned cls, uint32_t live, uint32_t free,
                        bool free_pages_in_memory) {
  const uint32_t in_span = Class(cls).objects;
  const std::vector<void*> used = FetchAll(cls, live * in_span);
  const std::vector<void*> others = FetchAll(cls, free * in_span);
  {
    const OnCpu on(cpus[1]);
    Return(cls, others);
  }
  if (free_pages_in_memory) {
    SlowScope scope;
    PageHeap::Free(PageHeap::NewObjectSpan(cls, /*with_remote=*/false));
  }
  const OnCpu on(cpus[0]);
  const std::vector<void*> got = FetchAll(cls, in_span);
  const std::set<void*> all(others.begin(), others.end());
  size_t taken = 0;
  for (void* p : got) taken += all.count(p);
  EXPECT_EQ(central::GetTotals().array_bytes, (others.size() - taken) * Class(cls).size);
  EXPECT_EQ(InUsePages(), (live + free + (taken == 0 ? 1 : 0)) * Class(cls).span_pages);
  Return(cls, used);
  Return(cls, got);
  return taken;
}

TEST_F(CentralTest, ACpuTakesFreePagesThatAreInMemoryBeforeAQuarterOfTheObjectsFromAnother) {
  if (!TwoArrays()) GTEST_SKIP() << "all CPUs share one array";
  EXPECT_EQ(TakenFromAnother(cpus_, SizeToClass(64), 3, 1, /*free_pages_in_memory=*/true), 0u);
}

TEST_F(CentralTest, ACpuTakesMoreThanAQuarterOfTheObjectsFromAnotherBeforeFreePages) {
  if (!TwoArrays()) GTEST_SKIP() << "all CPUs share one array";
  const unsigned cls = SizeToClass(64);
  EXPECT_EQ(TakenFromAnother(cpus_, cls, 2, 1, /*free_pages_in_memory=*/true), Class(cls).objects);
}

TEST_F(CentralTest, ACpuTakesAnothersObjectsBeforeMorePagesComeIntoMemory) {
  if (!TwoArrays()) GTEST_SKIP() << "all CPUs share one array";
  const unsigned cls = SizeToClass(64);
  EXPECT_EQ(TakenFromAnother(cpus_, cls, 10, 1, /*free_pages_in_memory=*/false),
            Class(cls).objects);
}

TEST_F(CentralTest, ACpuTakesNewPagesBeforeHalfOfTheObjectsThatShareLinesFromAnother) {
  if (!TwoArrays()) GTEST_SKIP() << "all CPUs share one array";
  EXPECT_EQ(TakenFromAnother(cpus_, SizeToClass(48), 1, 1, /*free_pages_in_memory=*/false), 0u);
}

TEST_F(CentralTest, ACpuTakesMoreThanHalfOfTheObjectsThatShareLinesFromAnother) {
  if (!TwoArrays()) GTEST_SKIP() << "all CPUs share one array";
  const unsigned cls = SizeToClass(48);
  EXPECT_EQ(TakenFromAnother(cpus_, cls, 1, 2, /*free_pages_in_memory=*/false), Class(cls).objects);
}

TEST_F(CentralTest, ABatchOfSeveralSpansFallsAddressByAddressInEach) {
  const unsigned cls = SizeToClass(8192);
  constexpr uint32_t kSpans = 3;
  const uint32_t in_span = Class(cls).objects;
  std::vector<void*> objects = FetchAll(cls, kSpans * in_span);
  std::sort(objects.begin(), objects.end());
  std::vector<void*> kept;  // one of each span, so that it stays
  std::vector<void*> returned;
  for (uint32_t i = 0; i < objects.size(); ++i) {
    (i % in_span == 0 ? kept : returned).push_back(objects[i]);
  }
  Return(cls, returned);
  GiveBackAll();
  std::vector<void*> batch(objects.size());
  ASSERT_EQ(Fetch(cls, batch.data(), kSpans * in_span), returned.size());
  batch.resize(returned.size());
  uint32_t changes = 0;  // of the span
  for (size_t i = 1; i < batch.size(); ++i) {
    if (page_map::SpanOf(batch[i]) == page_map::SpanOf(batch[i - 1])) {
      EXPECT_LT(batch[i], batch[i - 1]);
    } else {
      ++changes;
    }
  }
  EXPECT_EQ(changes, kSpans - 1) << "a span's objects lie apart in the batch";
  EXPECT_EQ(std::set<void*>(batch.begin(), batch.end()),
            std::set<void*>(returned.begin(), returned.end()));
  Return(cls, batch);
  Return(cls, kept);
}

TEST_F(CentralTest, AFullArrayDoesNotSpillIntoAnothersUnlessItCouldNeverGrow) {
  if (!TwoArrays()) GTEST_SKIP() << "all CPUs share one array";
  const unsigned cls = SizeToClass(16);
  const unsigned small_cls = SizeToClass(112);
  constexpr uint32_t kFew = 8192;  // more than other tests have made room for
  const std::vector<void*> objects = FetchAll(cls, static_cast<uint32_t>(Bound() / 8 + 100000));
  const std::vector<void*> few = FetchAll(small_cls, kFew);
  Moved moved = {{}, kFew};
  {
    // Room in the second CPU's arrays of both classes.
    const OnCpu on(cpus_[1]);
    for (const unsigned c : {cls, small_cls}) {
      Return(c, c == cls ? objects.data() : few.data(), kFew);
      ASSERT_EQ(WithdrawInto(&moved, c, kFew), kFew);
    }
  }
  {
    const OnCpu on(cpus_[0]);
    Return(cls, objects);
    const uint64_t before = central::GetTotals().array_bytes;
    EXPECT_LT(before, objects.size() * Class(cls).size) << "the first CPU's array was never full";
    os::FailNth(1, /*sticky=*/true);  // its array of this class cannot grow
    Return(small_cls, few.data(), kFew);
    os::FailNth(0, false);
    EXPECT_EQ(central::GetTotals().array_bytes, before + few.size() * Class(small_cls).size);
    EXPECT_EQ(WithdrawInto(&moved, small_cls, kFew), 0u);
  }
  EXPECT_LE(central::GetTotals().array_memory, Bound());
  const OnCpu on(cpus_[1]);
  EXPECT_EQ(WithdrawInto(&moved, cls, kFew), 0u) << "the first CPU's objects";
  EXPECT_EQ(WithdrawInto(&moved, small_cls, kFew), kFew);
  EXPECT_EQ(std::set<void*>(moved.objects.end() - kFew, moved.objects.end()),
            std::set<void*>(few.begin(), few.end()));
  Return(small_cls, few);
}

TEST_F(CentralTest, AnEmptySpanGoesBackToThePageHeap) {
  const unsigned cls = SizeToClass(1024);
  const std::vector<void*> objects = FetchAll(cls, 10 * Class(cls).objects);
  const size_t in_use = InUsePages();
  EXPECT_EQ(in_use, 10 * Class(cls).span_pages);
  // All but one object of the first span.
  Return(cls, std::vector<void*>(objects.begin() + 1, objects.end()));
  const uint64_t in_arrays = central::GetTotals().array_bytes;  // full ones gave some back already
  EXPECT_GT(in_arrays, 0u);
  EXPECT_EQ(GiveBackAll(), in_arrays);
  EXPECT_EQ(InUsePages(), Class(cls).span_pages);
  EXPECT_EQ(central::GetTotals().handed_out_bytes, 1024u);
  Return(cls, {objects[0]});
}

TEST_F(CentralTest, RandomTraceAgainstASet) {
  test::Random random(test::Seed());
  const unsigned classes[] = {1, 3, 20, kLastSmallClass, 55, kLastMidClass, 90, kNumClasses};
  std::vector<void*> live[8];
  std::set<void*> all;
  uint64_t live_bytes = 0;
  for (int step = 0; step < 4000; ++step) {
    const size_t k = random.In(0, 7);
    const unsigned cls = classes[k];
    if (random.OneIn(2)) {
      void* batch[100];
      const uint32_t want = static_cast<uint32_t>(random.In(1, 100));
      const uint32_t got = Fetch(cls, batch, want);
      ASSERT_GE(got, 1u);
      ASSERT_LE(got, want);
      for (uint32_t i = 0; i < got; ++i) {
        ASSERT_TRUE(all.insert(batch[i]).second) << "step " << step << ": handed out twice";
        live[k].push_back(batch[i]);
      }
      live_bytes += uint64_t{got} * Class(cls).size;
    } else if (!random.OneIn(50)) {
      std::vector<void*> back;
      for (uint64_t n = random.In(1, 64); n > 0 && !live[k].empty(); --n) {
        std::swap(live[k][random.In(0, live[k].size() - 1)], live[k].back());
        back.push_back(live[k].back());
        all.erase(live[k].back());
        live[k].pop_back();
      }
      live_bytes -= back.size() * Class(cls).size;
      Return(cls, back);
    } else {
      GiveBackAll();
      ASSERT_EQ(central::GetTotals().array_bytes, 0u);
    }
    if (step % 1000 == 999) test::AdvanceClock(1);
    if (step % 25 != 0) continue;
    ASSERT_EQ(Wrong(), "") << "step " << step;
    const central::Totals t = central::GetTotals();
    ASSERT_EQ(t.handed_out_bytes - t.array_bytes, live_bytes) << "step " << step;
    ASSERT_LE(t.handed_out_bytes + t.span_free_bytes + t.uncarved_bytes, t.span_bytes);
    ASSERT_GE((t.handed_out_bytes + t.span_free_bytes + t.uncarved_bytes) * 8, t.span_bytes * 7)
        << "more than an eighth in tails";
    ASSERT_LE(t.array_memory, Bound());
  }
  for (size_t k = 0; k < 8; ++k) Return(classes[k], live[k]);
}

// --- bounds ---

TEST_F(CentralTest, ArraysStayWithinTheirBoundAndNothingIsLost) {
  constexpr uint32_t kObjects =
      3 << 20;  // of 16 bytes: pointers to them take half of what they hold
  const std::vector<void*> objects = FetchAll(1, kObjects);
  size_t given_back = 0;
  for (size_t i = 0; i < objects.size(); i += 64) {
    Return(1, objects.data() + i, 64);
    if (i % (64 * 1024) != 0) continue;
    const central::Totals t = central::GetTotals();
    ASSERT_LE(t.array_memory, Bound());
    ASSERT_LE(t.array_bytes / 16 * sizeof(void*), t.array_memory);
    given_back = t.span_free_bytes;
  }
  EXPECT_GT(given_back, 0u) << "all of it fitted: the bound is not what it says";
  EXPECT_EQ(Wrong(), "");
  const central::Totals t = central::GetTotals();
  EXPECT_EQ(t.handed_out_bytes, t.array_bytes) << "objects were lost";
}

TEST_F(CentralTest, TheBoundIsOfAllArraysTogether) {
  std::vector<void*> objects[41];
  for (unsigned cls = 1; cls <= 40; ++cls) objects[cls] = FetchAll(cls, 20000);
  for (unsigned cls = 1; cls <= 40; ++cls) {
    Return(cls, objects[cls]);
    ASSERT_LE(central::GetTotals().array_memory, Bound()) << cls;
  }
  EXPECT_EQ(Wrong(), "");
}

TEST_F(CentralTest, WhenItsArrayCannotGrowAReturnGoesToTheSpans) {
  const unsigned cls = SizeToClass(32);
  const std::vector<void*> objects =
      FetchAll(cls, 200000);  // more than any test before left room for
  const uint64_t memory = central::GetTotals().array_memory;
  os::FailNth(1, /*sticky=*/true);
  Return(cls, objects);
  os::FailNth(0, false);
  const central::Totals t = central::GetTotals();
  EXPECT_EQ(t.array_memory, memory);
  EXPECT_EQ(t.handed_out_bytes, t.array_bytes) << "objects were lost";
  EXPECT_EQ(Wrong(), "");
}

TEST_F(CentralTest, FetchFailsWithoutPagesAndWorksAfterwards) {
  const unsigned cls = SizeToClass(200000);
  os::FailNth(1, /*sticky=*/true);
  std::vector<void*> objects;
  void* p;
  while (Fetch(cls, &p, 1) == 1) objects.push_back(p);
  EXPECT_EQ(Fetch(cls, &p, 1), 0u);
  EXPECT_EQ(Wrong(), "");
  os::FailNth(0, false);
  ASSERT_EQ(Fetch(cls, &p, 1), 1u);
  objects.push_back(p);
  Return(cls, objects);
}

TEST_F(CentralTest, WhatIsNotNeededForSomePeriodsGoesBack) {
  const unsigned cls = SizeToClass(512);
  const std::vector<void*> objects = FetchAll(cls, 20000);
  Return(cls, objects);
  const uint64_t full = central::GetTotals().array_bytes;
  EXPECT_GE(full, 500u * 512u);
  const size_t in_use = InUsePages();
  for (int period = 0; period < 12; ++period) {
    test::AdvanceClock(1);
    for (int i = 0; i < 64; ++i) {  // the clock is read at every 64th return
      void* p;
      ASSERT_EQ(Fetch(cls, &p, 1), 1u);
      Return(cls, &p, 1);
    }
  }
  EXPECT_LT(central::GetTotals().array_bytes, full / 16);
  if (arena::Direct()) {  // elsewhere arrays are small and most went back at once
    EXPECT_LT(InUsePages(), in_use / 4);
  }
  EXPECT_EQ(Wrong(), "");
}

// --- forks ---

TEST_F(CentralTest, WhileAForkIsPendingReturnsAreDeferred) {
  const unsigned cls = SizeToClass(256);
  const std::vector<void*> objects = FetchAll(cls, 100);
  Fork::Begin();
  void* p;
  EXPECT_EQ(Fetch(cls, &p, 1), 0u);
  Return(cls, objects);
  EXPECT_TRUE(side::HasDeferred());
  EXPECT_EQ(GiveBackAll(), 0u);
  Fork::EndInParent();
  EXPECT_EQ(central::GetTotals().handed_out_bytes, 100u * 256u);
  side::DrainDeferred();  // through the table, so into a front
  EXPECT_FALSE(side::HasDeferred());
  Table().front_flush();
}

// --- threads ---

// Objects carry a mark in their second word while a thread has them (a deferred free uses the
// first): handed out twice, one is seen. Give-back passes and pending forks go on beside.
TEST_F(CentralTest, ThreadsNeverShareAnObjectAndLoseNone) {
  const unsigned classes[] = {SizeToClass(32), SizeToClass(256), SizeToClass(5000)};
  std::atomic<int> working{6};
  test::RunThreads(8, [&](int t) {
    if (t == 6) {
      while (working > 0) GiveBackAll();
      return;
    }
    if (t == 7) {
      while (working > 0) {
        Fork::Begin();
        Fork::EndInParent();
        std::this_thread::yield();
      }
      return;
    }
    const test::Leaving leaving(&working);
    test::Random random(test::Seed() + static_cast<uint64_t>(t));
    std::vector<void*> mine[3];
    const auto mark_of = [](void* p) { return static_cast<std::atomic<uint64_t>*>(p) + 1; };
    for (int step = 0; step < 15000; ++step) {
      const size_t k = random.In(0, 2);
      if (random.OneIn(2) && mine[k].size() < 3000) {
        void* batch[64];
        const uint32_t got = Fetch(classes[k], batch, static_cast<uint32_t>(random.In(1, 64)));
        for (uint32_t i = 0; i < got; ++i) {
          ASSERT_EQ(mark_of(batch[i])->exchange(static_cast<uint64_t>(t) + 1), 0u) << "shared";
          mine[k].push_back(batch[i]);
        }
      } else {
        std::vector<void*> back;
        for (uint64_t n = random.In(1, 64); n > 0 && !mine[k].empty(); --n) {
          void* p = mine[k].back();
          mine[k].pop_back();
          ASSERT_EQ(mark_of(p)->exchange(0), static_cast<uint64_t>(t) + 1) << "changed by another";
          back.push_back(p);
        }
        Return(classes[k], back);
      }
    }
    for (size_t k = 0; k < 3; ++k) {
      for (void* p : mine[k]) mark_of(p)->store(0);
      Return(classes[k], mine[k]);
    }
  });
  side::DrainDeferred();
  Table().front_flush();
  EXPECT_EQ(Wrong(), "");
}

// --- misuse ---

using CentralDeathTest = CentralTest;

void ReturnAndGiveBack(unsigned cls, std::vector<void*> objects) {
  Return(cls, objects);
  GiveBackAll();
}

TEST_F(CentralDeathTest, GiveBackFindsWhatIsNoFreedObject) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const unsigned cls = SizeToClass(64);
  const std::vector<void*> objects = FetchAll(cls, 10);
  char* p = static_cast<char*>(objects[3]);
  EXPECT_DEATH(ReturnAndGiveBack(cls, {p, objects[4], p}), "hz4: double free 0x");
  EXPECT_DEATH(ReturnAndGiveBack(cls, {p + 16}),
               "hz4: invalid free: not the start of an object 0x");
  EXPECT_DEATH(ReturnAndGiveBack(cls, {p + 1}), "hz4: invalid free: not the start of an object 0x");
  EXPECT_DEATH(ReturnAndGiveBack(cls + 1, {p}), "hz4: invalid free: not the start of an object 0x");
  // Beyond what was carved: never handed out.
  char* beyond = reinterpret_cast<char*>(page_map::SpanOf(p)->start) + 64 * 500;
  EXPECT_DEATH(ReturnAndGiveBack(cls, {beyond}),
               "hz4: invalid free: not the start of an object 0x");
  int foreign = 0;
  EXPECT_DEATH(ReturnAndGiveBack(cls, {&foreign}),
               "hz4: invalid free: not the start of an object 0x");
  // In a span that is gone.
  EXPECT_DEATH(
      {
        ReturnAndGiveBack(cls, objects);
        ReturnAndGiveBack(cls, {p});
      },
      "hz4: invalid free: not the start of an object 0x");
  Return(cls, objects);
}

TEST_F(CentralDeathTest, CheckSeesAnObjectThatIsInTheArrayAndFree) {
  const unsigned cls = SizeToClass(64);
  const std::vector<void*> objects = FetchAll(cls, 2);
  EXPECT_EXIT(
      {
        ReturnAndGiveBack(cls, {objects[1]});  // the span stays: objects[0] is out
        Return(cls, {objects[1]});
        fprintf(stderr, "%s", Wrong().c_str());
        _exit(0);
      },
      testing::ExitedWithCode(0), "central: object both in the array and free in its span");
  EXPECT_EXIT(
      {
        Return(cls, {static_cast<char*>(objects[1]) + 16});
        fprintf(stderr, "%s", Wrong().c_str());
        _exit(0);
      },
      testing::ExitedWithCode(0), "central: array holds what is no object of the class");
  Return(cls, objects);
}

// The last one: what it returns fills all arrays.
TEST_F(CentralTest, ACpuTakesMoreThan8MiBOfObjectsThatShareLinesFromAnother) {
  if (!TwoArrays()) GTEST_SKIP() << "all CPUs share one array";
  const unsigned cls = SizeToClass(48);
  const uint32_t in_span = Class(cls).objects;
  const auto spans = static_cast<uint32_t>(8 * kMiB / (size_t{in_span} * Class(cls).size));
  for (const bool more : {false, true}) {
    const uint32_t free = spans + (more ? 2 : 0);
    std::vector<void*> used = FetchAll(cls, 2 * spans * in_span);
    std::vector<void*> others;
    std::set<const Span*> seen;
    for (void* p : FetchAll(cls, free * in_span)) {  // one of each span stays in use
      (seen.insert(page_map::SpanOf(p)).second ? used : others).push_back(p);
    }
    {
      const OnCpu on(cpus_[1]);
      Return(cls, others);
      GiveBackAll();  // into their spans: so many might not fit into an array
    }
    const OnCpu on(cpus_[0]);
    const size_t in_use = InUsePages();
    const std::vector<void*> got = FetchAll(cls, in_span);
    EXPECT_EQ(InUsePages() - in_use, more ? 0u : Class(cls).span_pages);
    Return(cls, used);
    Return(cls, got);
  }
}

}  // namespace
}  // namespace hz4
