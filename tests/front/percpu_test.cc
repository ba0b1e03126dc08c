// SPDX-License-Identifier: Apache-2.0
//
// The per-CPU front: its sequences against a model, and against everything that aborts one. Objects
// are tokens of one class that nothing else in this process uses. Skipped where the front is
// another: TSan does not see the sequences' accesses.

#include "hz4/front/percpu.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "hz4/base/scope.h"
#include "hz4/central.h"
#include "hz4/check.h"
#include "hz4/dispatch.h"
#include "hz4/hz4.h"
#include "hz4/internal_api.h"
#include "tests/core/in_child.h"
#include "tests/core/sanitizers.h"
#include "tests/core/signal_storm.h"
#include "tests/core/threads.h"
#include "tests/front/tokens.h"
#include "tests/support/cpus.h"
#include "tests/support/test_env.h"

extern "C" {
extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned int __rseq_size __attribute__((weak));
}

namespace hz4 {
namespace {

constexpr unsigned kCls = 33;  // of the tokens

template <CpuIndex kIndex>
struct Calls {
  using Front = PerCpuFront<kIndex>;
  static void* Pop() { return Front::Pop(kCls); }
  static PushResult Push(void* p) { return Front::Push(p, kCls); }
  static uint32_t PopBatch(void** out, size_t max) {
    SlowScope scope;
    return typename Front::Session().PopBatch(kCls, out, max);
  }
  static uint32_t PushBatch(void* const* in, size_t max) {
    SlowScope scope;
    return typename Front::Session().PushBatch(kCls, in, max);
  }
  static void Grow() {
    SlowScope scope;
    typename Front::Session session;
    session.Grow(kCls);
  }
  // Objects that a session, begun before, moves while every cache is stopped.
  static uint32_t MovedWhileStopped() {
    SlowScope scope;
    typename Front::Session session;
    static ptrdiff_t serving[std::size(cache_directory.distance)];
    memcpy(serving, cache_directory.distance, sizeof(serving));
    memset(cache_directory.distance, 0, sizeof(serving));
    void* batch[8] = {};
    const uint32_t moved = session.PopBatch(kCls, batch, 8) + session.PushBatch(kCls, batch, 8);
    memcpy(cache_directory.distance, serving, sizeof(serving));
    return moved;
  }
};

// The calls of the index that this process uses.
struct Front {
  void* (*pop)();
  PushResult (*push)(void*);
  uint32_t (*pop_batch)(void**, size_t);
  uint32_t (*push_batch)(void* const*, size_t);
  void (*grow)();
  uint32_t (*moved_while_stopped)();
};
template <CpuIndex kIndex>
constexpr Front Make() {
  using C = Calls<kIndex>;
  return {&C::Pop, &C::Push, &C::PopBatch, &C::PushBatch, &C::Grow, &C::MovedWhileStopped};
}
constexpr Front kFronts[] = {Make<CpuIndex::kCpuIdUsual>(), Make<CpuIndex::kCpuId>(),
                             Make<CpuIndex::kCid>()};
Front front;

std::string Wrong() {
  const char* wrong = CheckAll();
  return wrong == nullptr ? "" : wrong;
}

// Where PerCpuFlush puts the tokens that it drained; objects go to the middle.
std::vector<void*> drained;
void Drain(unsigned cls, void* const* objects, uint32_t n) {
  for (uint32_t i = 0; i < n; ++i) {
    if (cls == kCls && test::Tokens::IsPointer(objects[i])) {
      drained.push_back(objects[i]);
    } else {
      central::Return<NotCounting>(cls, objects + i, 1);
    }
  }
}

class PerCpuTest : public testing::Test {
 protected:
  void SetUp() override {
    if (EffectiveKnobs().front != FrontKind::kPercpu) {
      GTEST_SKIP() << "the front is not percpu here";
    }
    ASSERT_EQ(PerCpuUnavailable(), nullptr);
    index_ = PerCpuIndex();
    // Where struct rseq is at its usual place, it can be looked up all the same.
    if (getenv("TEST_LOOK_UP") && index_ == CpuIndex::kCpuIdUsual) index_ = CpuIndex::kCpuId;
    front = kFronts[static_cast<int>(index_)];
    allowed_ = test::AllowedCpus();
    hz4_release_memory();
    drained.clear();
    PerCpuFlush(&Drain);
    ASSERT_TRUE(drained.empty()) << "a test left tokens";
    test::PinTo({allowed_.front()});
    while (PerCpuMine()->Room(kCls) < MaxSlots(kCls)) front.grow();
  }
  void TearDown() override {
    if (IsSkipped()) return;
    test::PinTo(allowed_);
    PerCpuFlush(&Drain);
    drained.clear();
    EXPECT_EQ(Wrong(), "");
  }
  // Every token is either with `held` or drained, once.
  static void ExpectAll(test::Tokens* tokens, const std::vector<void*>& held) {
    for (void* p : drained) EXPECT_TRUE(tokens->Take(p)) << "one that a thread has was drained";
    EXPECT_EQ(drained.size() + held.size(), tokens->count()) << "tokens were lost";
    for (unsigned i = 0; i < tokens->count(); ++i) {
      EXPECT_TRUE(tokens->Leave(test::Tokens::Pointer(i))) << "token " << i << " was lost";
    }
  }

  CpuIndex index_ = CpuIndex::kCpuId;
  std::vector<int> allowed_;
};

TEST(ChooseIndex, TheProcessesOwnNumbersWhereCpusAreManyAndTheyAreOffered) {
  for (const ptrdiff_t offset : {kUsualRseqOffset, kUsualRseqOffset + 32, ptrdiff_t{-64}}) {
    const bool usual = offset == kUsualRseqOffset;
    const CpuIndex by_cpu_id = usual ? CpuIndex::kCpuIdUsual : CpuIndex::kCpuId;
    for (const uint32_t cpus : {1u, kFewCpus, kFewCpus + 1, 8192u}) {
      const CpuIndex by_cpus = cpus > kFewCpus ? CpuIndex::kCid : by_cpu_id;
      EXPECT_EQ(ChooseIndex(FrontIndex::kAuto, true, cpus, offset), by_cpus) << cpus;
      EXPECT_EQ(ChooseIndex(FrontIndex::kMmCid, true, cpus, offset), CpuIndex::kCid);
      EXPECT_EQ(ChooseIndex(FrontIndex::kCpuId, true, cpus, offset), by_cpu_id);
      for (const FrontIndex asked : {FrontIndex::kAuto, FrontIndex::kCpuId, FrontIndex::kMmCid}) {
        EXPECT_EQ(ChooseIndex(asked, false, cpus, offset), by_cpu_id) << "not offered";
      }
    }
  }
}

TEST_F(PerCpuTest, TheIndexIsTheOneAskedForWhereTheKernelOffersIt) {
  const bool asked = EffectiveKnobs().front_cpu_index == FrontIndex::kMmCid;
  EXPECT_EQ(index_ == CpuIndex::kCid, asked) << "a fallback would have been told";
  if (getenv("TEST_NO_CID") != nullptr) {
    EXPECT_FALSE(asked);
  }
}

// Every 8th abort of a thread takes the slow path; not here, where a busy machine alone would
// decide it.
void ForgetAborts() { tls.rseq_aborts = 0; }

TEST_F(PerCpuTest, PushAndPopAreAStackUpToTheCapacity) {
  const uint32_t room = PerCpuMine()->Room(kCls);
  ASSERT_EQ(room, MaxSlots(kCls));
  EXPECT_EQ(front.pop(), nullptr);
  for (unsigned i = 0; i < room; ++i) {
    ForgetAborts();
    ASSERT_EQ(front.push(test::Tokens::Pointer(i)), PushResult::kDone);
    ASSERT_EQ(PerCpuMine()->Count(kCls), i + 1);
  }
  EXPECT_EQ(PerCpuCachedBytes(), uint64_t{room} * Class(kCls).size);
  EXPECT_EQ(front.push(test::Tokens::Pointer(room)), PushResult::kFull);
  EXPECT_EQ(Wrong(), "");
  for (unsigned i = room; i-- > 0;) {
    ForgetAborts();
    ASSERT_EQ(front.pop(), test::Tokens::Pointer(i));
  }
  EXPECT_EQ(front.pop(), nullptr);
  EXPECT_EQ(PerCpuCachedBytes(), 0u);
}

TEST_F(PerCpuTest, WhatWasPushedLastCannotBePushedAgain) {
  ASSERT_EQ(front.push(test::Tokens::Pointer(1)), PushResult::kDone);
  EXPECT_EQ(front.push(test::Tokens::Pointer(1)), PushResult::kTwice);
  EXPECT_EQ(PerCpuMine()->Count(kCls), 1u);
  ASSERT_EQ(front.push(test::Tokens::Pointer(2)), PushResult::kDone);
  EXPECT_EQ(front.push(test::Tokens::Pointer(2)), PushResult::kTwice);
  EXPECT_EQ(front.pop(), test::Tokens::Pointer(2));
  EXPECT_EQ(front.pop(), test::Tokens::Pointer(1));
}

TEST_F(PerCpuTest, OtherPageClassesAreNeverTaken) {
  using Cpu = PerCpuFront<CpuIndex::kCpuId>;
  int object = 0;
  for (unsigned cls : {kNoClass, kNumClasses + 1, 200u, kSideClass, kLargeClass}) {
    EXPECT_EQ(Cpu::Push(&object, cls), PushResult::kFull) << cls;
    EXPECT_EQ(Cpu::Pop(cls), nullptr) << cls;
  }
}

TEST_F(PerCpuTest, BatchesAgainstAModel) {
  const uint32_t room = PerCpuMine()->Room(kCls);
  test::Random random(test::Seed());
  std::vector<void*> model, outside;
  for (unsigned i = 0; i < room + 50; ++i) outside.push_back(test::Tokens::Pointer(i));
  void* batch[200];
  for (int step = 0; step < 20000; ++step) {
    const size_t want = random.In(0, 100);
    ForgetAborts();
    if (random.OneIn(2)) {
      const size_t n = std::min(want, outside.size());
      const uint32_t pushed = front.push_batch(outside.data() + outside.size() - n, n);
      ASSERT_EQ(pushed, std::min(n, room - model.size())) << "step " << step;
      for (size_t i = 0; i < pushed; ++i) model.push_back(outside[outside.size() - n + i]);
      outside.erase(outside.end() - static_cast<long>(n),
                    outside.end() - static_cast<long>(n) + pushed);
    } else {
      const uint32_t got = front.pop_batch(batch, want);
      ASSERT_EQ(got, std::min(want, model.size())) << "step " << step;
      const auto first = model.end() - static_cast<long>(got);  // oldest first
      ASSERT_TRUE(std::equal(first, model.end(), batch)) << "step " << step;
      outside.insert(outside.end(), first, model.end());
      model.erase(first, model.end());
    }
    ASSERT_EQ(PerCpuMine()->Count(kCls), model.size());
  }
  while (front.pop() != nullptr) {
  }
}

TEST_F(PerCpuTest, WhereCachesAreStoppedBatchesNeitherComeNorGo) {
  ASSERT_EQ(front.push(test::Tokens::Pointer(1)), PushResult::kDone);
  EXPECT_EQ(front.moved_while_stopped(), 0u);
  EXPECT_EQ(front.pop(), test::Tokens::Pointer(1));
}

TEST_F(PerCpuTest, AnIdleCpusCacheIsDrainedFromElsewhere) {
  if (allowed_.size() < 2) GTEST_SKIP() << "one CPU";
  for (unsigned i = 0; i < 20; ++i)
    ASSERT_EQ(front.push(test::Tokens::Pointer(i)), PushResult::kDone);
  test::PinTo({allowed_[1]});
  EXPECT_EQ(PerCpuFlush(&Drain), 20 * Class(kCls).size);
  EXPECT_EQ(drained.size(), 20u);
  EXPECT_EQ(PerCpuCachedBytes(), 0u);
  test::PinTo({allowed_[0]});
  EXPECT_GT(PerCpuMine()->Room(kCls), 0u) << "it works again, capacities stay";
}

// --- against all that aborts a sequence ---

// Threads that hold tokens and exchange them with the caches until all of `until` have left.
void Work(test::Tokens* tokens, std::vector<void*>* held, uint64_t seed,
          const std::atomic<int>* until, long steps) {
  test::Random random(seed);
  void* batch[kMaxBatch];
  for (long step = 0; until != nullptr ? until->load() > 0 : step < steps; ++step) {
    switch (random.In(0, 5)) {
      case 0:
      case 1: {
        void* p = front.pop();
        if (p == nullptr) break;
        ASSERT_TRUE(tokens->Take(p)) << "handed out twice";
        held->push_back(p);
        break;
      }
      case 2: {
        const uint32_t n = front.pop_batch(batch, random.In(1, kMaxBatch));
        for (uint32_t i = 0; i < n; ++i) ASSERT_TRUE(tokens->Take(batch[i])) << "handed out twice";
        held->insert(held->end(), batch, batch + n);
        break;
      }
      case 3: {
        const size_t n = std::min<size_t>(random.In(1, kMaxBatch), held->size());
        void** from = held->data() + held->size() - n;
        for (size_t i = 0; i < n; ++i) ASSERT_TRUE(tokens->Leave(from[i]));
        const uint32_t pushed = front.push_batch(from, n);
        for (size_t i = pushed; i < n; ++i) ASSERT_TRUE(tokens->Take(from[i])) << "taken and kept";
        held->erase(held->end() - static_cast<long>(n),
                    held->end() - static_cast<long>(n) + pushed);
        break;
      }
      default: {
        if (held->empty()) break;
        void* p = held->back();
        ASSERT_TRUE(tokens->Leave(p));
        const PushResult result = front.push(p);
        ASSERT_NE(result, PushResult::kTwice);
        if (result == PushResult::kDone) {
          held->pop_back();
        } else {
          ASSERT_TRUE(tokens->Take(p)) << "refused and taken";
          front.grow();
        }
      }
    }
  }
}

struct Workers {
  explicit Workers(int count, unsigned tokens_each) : held(count), tokens(count * tokens_each) {
    for (unsigned i = 0; i < tokens.count(); ++i) {
      void* p = test::Tokens::Pointer(i);
      EXPECT_TRUE(tokens.Take(p));
      held[i / tokens_each].push_back(p);
    }
  }
  std::vector<void*> AllHeld() const {
    std::vector<void*> all;
    for (const std::vector<void*>& one : held) all.insert(all.end(), one.begin(), one.end());
    return all;
  }
  std::vector<std::vector<void*>> held;  // by worker
  test::Tokens tokens;
};

TEST_F(PerCpuTest, StoppingAndDrainingBesideThreadsAtWork) {
  constexpr int kThreads = 4;
  Workers workers(kThreads, 400);
  std::atomic<int> draining{1};
  size_t moved = 0;
  test::RunThreads(kThreads + 1, [&](int t) {
    if (t < kThreads) {
      return Work(&workers.tokens, &workers.held[t], test::Seed() + t, &draining, 0);
    }
    const test::Leaving leaving(&draining);
    for (int i = 0; i < 1000 || moved < 1000000 * size_t{Class(kCls).size}; ++i) {
      PerCpuFlush(&Drain);
      moved += drained.size() * Class(kCls).size;
      for (void* p : drained) ASSERT_TRUE(workers.tokens.Take(p)) << "drained and handed out";
      // Back into the caches, so that there is something to drain.
      while (!drained.empty()) {
        ASSERT_TRUE(workers.tokens.Leave(drained.back()));
        if (front.push(drained.back()) == PushResult::kDone) {
          drained.pop_back();
          continue;
        }
        // Full, or not made yet.
        ASSERT_TRUE(workers.tokens.Take(drained.back()));
        front.grow();
      }
    }
  });
  PerCpuFlush(&Drain);
  ExpectAll(&workers.tokens, workers.AllHeld());
}

TEST_F(PerCpuTest, MigrationStorm) {
  if (allowed_.size() < 2) GTEST_SKIP() << "one CPU";
  constexpr int kThreads = 4;
  Workers workers(kThreads, 400);
  std::atomic<pid_t> ids[kThreads] = {};
  std::atomic<int> working{kThreads};
  std::atomic<long> moves{0};
  test::RunThreads(kThreads + 1, [&](int t) {
    if (t < kThreads) {
      const test::Leaving leaving(&working);
      ids[t] = static_cast<pid_t>(syscall(SYS_gettid));
      while (moves < 4000 && !HasFatalFailure()) {
        Work(&workers.tokens, &workers.held[t], test::Seed() + t + moves, nullptr, 2000);
      }
      return;
    }
    test::Random random(test::Seed());
    while (working > 0) {
      const pid_t id = ids[random.In(0, kThreads - 1)];
      if (id == 0) continue;
      if (test::PinTo({allowed_[random.In(0, allowed_.size() - 1)]}, id)) moves.fetch_add(1);
    }
  });
  PerCpuFlush(&Drain);
  ExpectAll(&workers.tokens, workers.AllHeld());
}

Workers* signalled = nullptr;
std::atomic<long> handled{0};
std::atomic<long> handler_faults{0};
// Takes a token out of the cache and puts it back, or another way round.
void UseInHandler(int) {
  void* p = front.pop();
  if (p != nullptr) {
    if (!signalled->tokens.Take(p)) handler_faults.fetch_add(1);
    if (!signalled->tokens.Leave(p)) handler_faults.fetch_add(1);
    if (front.push(p) != PushResult::kDone) {
      // Full by now: into the common box of lost property.
      static std::atomic_flag busy = ATOMIC_FLAG_INIT;
      while (busy.test_and_set()) sched_yield();
      drained.push_back(p);
      busy.clear();
    }
  }
  handled.fetch_add(1);
}

TEST_F(PerCpuTest, SignalStormWithHandlersThatUseTheCache) {
  constexpr int kThreads = 2;
  drained.reserve(100000);  // the handler must not allocate from libc's malloc
  Workers workers(kThreads, 300);
  signalled = &workers;
  handled = 0;
  const test::SignalHandler handler(SIGUSR2, &UseInHandler);
  for (std::vector<void*>& held : workers.held) held.reserve(100000);
  test::RunThreads(kThreads, [&](int t) {
    const test::SignalStorm storm(SIGUSR2);
    while (handled < 6000 && !HasFatalFailure()) {
      Work(&workers.tokens, &workers.held[t], test::Seed() + t + handled, nullptr, 1000);
    }
  });
  EXPECT_EQ(handler_faults, 0);
  PerCpuFlush(&Drain);
  ExpectAll(&workers.tokens, workers.AllHeld());
}

TEST_F(PerCpuTest, AfterAMigrationTheThreadUsesTheOtherCache) {
  if (allowed_.size() < 2) GTEST_SKIP() << "one CPU";
  if (index_ == CpuIndex::kCid) GTEST_SKIP() << "a concurrency id may change, or not";
  ForgetAborts();
  ASSERT_EQ(front.push(test::Tokens::Pointer(1)), PushResult::kDone);
  test::PinTo({allowed_[1]});
  EXPECT_EQ(front.pop(), nullptr) << "another CPU's object";
  while (PerCpuMine()->Room(kCls) == 0) front.grow();
  ASSERT_EQ(front.push(test::Tokens::Pointer(2)), PushResult::kDone);
  EXPECT_EQ(front.pop(), test::Tokens::Pointer(2));
  test::PinTo({allowed_[0]});
  EXPECT_EQ(front.pop(), test::Tokens::Pointer(1));
}

// A trap behind every instruction aborts every sequence for ever; each gives up after 8 aborts.
volatile long traps = 0;
void CountTrap(int) { traps = traps + 1; }

__attribute__((noinline)) void SetTrapFlag(bool on) {
  if (on) {
    __asm__ volatile("pushfq\n orq $0x100, (%%rsp)\n popfq\n" ::: "memory", "cc");
  } else {
    __asm__ volatile("pushfq\n andq $~0x100, (%%rsp)\n popfq\n" ::: "memory", "cc");
  }
}

TEST_F(PerCpuTest, SingleSteppingTakesTheSlowPath) {
  const test::SignalHandler handler(SIGTRAP, &CountTrap);
  const uint32_t aborts = tls.rseq_aborts;
  void* blocks[20];
  SetTrapFlag(true);
  for (void*& p : blocks) p = hz4_malloc(100);
  for (void* p : blocks) hz4_free(p);
  SetTrapFlag(false);
  EXPECT_GT(traps, 1000);
  EXPECT_GE(tls.rseq_aborts - aborts, 8u * 40u) << "it was not stepped through the sequences";
  for (void* p : blocks) EXPECT_NE(p, nullptr);
  hz4_release_memory();
  EXPECT_EQ(PerCpuCachedBytes(), 0u);
}

// --- CPU numbers without a cache, threads without rseq ---

void UseDoors() {
  std::vector<void*> blocks;
  for (int i = 0; i < 2000; ++i) {
    blocks.push_back(hz4_malloc(static_cast<size_t>(i * 7 + 1)));
    ASSERT_NE(blocks.back(), nullptr);
    *static_cast<char*>(blocks.back()) = 1;
  }
  for (void* p : blocks) hz4_free(p);
}

TEST_F(PerCpuTest, CpuNumbersAboveTheCachesWork) {
  EXPECT_EQ(test::InChild([] {
              PerCpuFlush(&Drain);
              // None has a cache; then, of several threads at work, some.
              percpu_view.count = 0;
              memset(cache_directory.distance, 0, sizeof(cache_directory.distance));
              EXPECT_TRUE(PerCpuMine()->IsMiss());
              EXPECT_EQ(front.push(test::Tokens::Pointer(0)), PushResult::kFull);
              EXPECT_EQ(front.pop(), nullptr);
              UseDoors();
              percpu_view.count = 1;
              if (!test::kUnderTsan) {
                test::RunThreads(4, [](int t) {
                  const std::vector<int> cpus = test::AllowedCpus();
                  test::PinTo({cpus[static_cast<size_t>(t) % cpus.size()]});
                  for (int i = 0; i < 20; ++i) UseDoors();
                });
              }
              EXPECT_EQ(Wrong(), "");
            }),
            "");
}

TEST_F(PerCpuTest, AThreadWithoutRseqWorks) {
  std::thread([&] {
    UseDoors();
    char* area = reinterpret_cast<char*>(SelfId()) + __rseq_offset;
    constexpr uint32_t kSignature = 0x53053053;
    // The length that glibc registered is not in __rseq_size on every release.
    uint32_t length = 32;
    if (syscall(SYS_rseq, area, length, /*RSEQ_FLAG_UNREGISTER=*/1, kSignature) != 0) {
      length = __rseq_size;
      ASSERT_EQ(syscall(SYS_rseq, area, length, 1, kSignature), 0);
    }
    EXPECT_TRUE(PerCpuMine()->IsMiss());
    EXPECT_EQ(front.push(test::Tokens::Pointer(0)), PushResult::kFull);
    EXPECT_EQ(front.pop(), nullptr);
    void* out[4];
    EXPECT_EQ(front.pop_batch(out, 4), 0u);
    EXPECT_EQ(front.push_batch(out, 4), 0u);
    UseDoors();
    ASSERT_EQ(syscall(SYS_rseq, area, length, 0, kSignature), 0);
    UseDoors();
  }).join();
}

// A child of fork can stop and drain: it registered again.
TEST_F(PerCpuTest, AChildOfForkHasItsOwn) {
  for (bool threads : {false, true}) {
    std::atomic<int> until{1};
    std::thread other;
    if (threads) {
      other = std::thread([&] {
        while (until > 0) hz4_free(hz4_malloc(100));
      });
    }
    EXPECT_EQ(test::InChild([] {
                UseDoors();
                EXPECT_GT(hz4_release_memory(), 0u);
                EXPECT_EQ(PerCpuCachedBytes(), 0u) << "it could not stop its caches";
                UseDoors();
                EXPECT_EQ(Wrong(), "");
              }),
              "");
    until = 0;
    if (threads) other.join();
    hz4_release_memory();
  }
}

}  // namespace
}  // namespace hz4
