// SPDX-License-Identifier: Apache-2.0
//
// Several real threads on the ladder under each variant: objects change hands, threads end and
// begin, somebody flushes. Every object carries its owner's mark while it is live, so that two
// owners of one object notice. Afterwards Check(), the equations of the counters, and no page may
// be left.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "hz4/base/scope.h"
#include "hz4/mid/bins.h"
#include "hz4/page_map.h"
#include "tests/core/sanitizers.h"
#include "tests/mid/ladder.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace test {
namespace {

constexpr int kThreads = 4;
constexpr int kCalls = kUnderTsan ? 30000 : 300000;
constexpr int kHandOvers = 64;
constexpr unsigned kClassesUsed[] = {kLastSmallClass + 1, kLastSmallClass + 20, kLastMidClass};

struct Variant {
  const char* name;
  void (*change)(Knobs* k);
};

const Variant kVariants[] = {
    {"b7x_base", [](Knobs*) {}},
    {"open_stack", [](Knobs* k) { k->mid_owner_local_stack_remote_gate = false; }},
    {"adaptive",
     [](Knobs* k) {
       k->mid_owner_local_stack_adaptive = true;
       k->mid_owner_local_stack_adaptive_cooldown = 3;
     }},
    {"adaptive_open",
     [](Knobs* k) {
       k->mid_owner_local_stack_adaptive = true;
       k->mid_owner_local_stack_remote_gate = false;
     }},
    {"owners_only",
     [](Knobs* k) {
       k->mid_owner_local_stack = false;
       k->mid_owner_local_stack_remote_gate = false;
       k->mid_alloc_run_cache = k->mid_free_batch = k->mid_free_batch_consume = false;
     }},
    {"eager_drain",
     [](Knobs* k) {
       k->mid_owner_remote_queue_drain_threshold = 1;
       k->mid_owner_remote_queue_drain_period = 1;
     }},
    {"create_outside", [](Knobs* k) { k->mid_page_create_outside_sc_lock = true; }},
    {"refill_outside", [](Knobs* k) { k->mid_lockpath_outlock_refill = true; }},
    {"both_outside",
     [](Knobs* k) {
       k->mid_page_create_outside_sc_lock = true;
       k->mid_lockpath_outlock_refill = true;
     }},
    {"dual_tier", [](Knobs* k) { k->mid_dual_tier_alloc = true; }},
    {"transfer",
     [](Knobs* k) {
       k->mid_transfer_cache = true;
       k->mid_free_batch_limit = 8;
       k->mid_transfer_cache_batch_max = 4;
       k->mid_transfer_cache_publish_min = 4;
       k->mid_transfer_cache_soft_limit = 16;
     }},
    {"one_lock", [](Knobs* k) { k->mid_lock_shards = 1; }},
    {"many_locks", [](Knobs* k) { k->mid_lock_shards = 256; }},
    {"plain_supply", [](Knobs* k) { k->mid_page_supply_resv = false; }},
    {"timed",
     [](Knobs* k) {
       k->mid_lock_time_stats = true;
       k->mid_lock_time_stats_sample_shift = 2;
     }},
    {"b46_base", [](Knobs* k) { *k = B46Base(); }},
    {"bare", [](Knobs* k) { *k = BareLadder(); }},
    {"everything",
     [](Knobs* k) {
       k->mid_owner_local_stack_adaptive = true;
       k->mid_page_create_outside_sc_lock = k->mid_lockpath_outlock_refill = true;
       k->mid_dual_tier_alloc = k->mid_transfer_cache = true;
       k->mid_free_batch_limit = 6;
       k->mid_transfer_cache_publish_min = 2;
     }},
};

class Stress : public ::testing::TestWithParam<Variant> {
 protected:
  // Objects on their way from one thread to another.
  std::atomic<void*> hand_overs_[kHandOvers] = {};
  std::atomic<int> torn_{0};

  // An object in a thread's hands says whose it is, in its first and last word.
  void Mark(void* p, unsigned cls, uint64_t mark) {
    static_cast<uint64_t*>(p)[0] = mark;
    static_cast<uint64_t*>(p)[Class(cls).size / sizeof(uint64_t) - 1] = mark;
  }
  void ExpectMark(void* p, unsigned cls, uint64_t mark) {
    if (static_cast<uint64_t*>(p)[0] != mark ||
        static_cast<uint64_t*>(p)[Class(cls).size / sizeof(uint64_t) - 1] != mark) {
      torn_.fetch_add(1);
    }
  }

  void Work(int thread, uint64_t seed) {
    struct Live {
      void* p;
      unsigned cls;
    };
    Random random(seed);
    std::vector<Live> live;
    const auto mark = static_cast<uint64_t>(thread) + 1;
    for (int i = 0; i < kCalls; ++i) {
      const uint64_t what = random.In(0, 99);
      if (what < 45 && live.size() < 200) {
        const unsigned cls = kClassesUsed[random.In(0, 2)];
        void* p = Table().mid_alloc(cls);
        if (p == nullptr) continue;
        Mark(p, cls, mark);
        live.push_back({p, cls});
      } else if (live.empty()) {
        continue;
      } else if (what < 99) {
        const size_t victim = random.In(0, live.size() - 1);
        const Live freed = live[victim];
        live[victim] = live.back();
        live.pop_back();
        ExpectMark(freed.p, freed.cls, mark);
        // Half of them are freed by whoever comes by.
        void* p = freed.p;
        if (what % 2 == 0) p = hand_overs_[random.In(0, kHandOvers - 1)].exchange(p);
        if (p != nullptr) Table().mid_free(p, page_map::ClassOf(p));
      } else if (random.OneIn(50)) {
        Table().mid_flush();
      } else if (random.OneIn(10)) {
        // This thread ends, another begins.
        ThreadRegistry::ExitThread();
        tls.exited = false;
      }
    }
    for (const Live& rest : live) {
      ExpectMark(rest.p, rest.cls, mark);
      Table().mid_free(rest.p, rest.cls);
    }
    ThreadRegistry::ExitThread();
  }

  static void ExpectEquations(const Ladder& ladder) {
#define HZ4_N(id) ladder.Count(CounterId::id)
#define HZ4_EQUATION(...) EXPECT_TRUE((__VA_ARGS__)) << #__VA_ARGS__;
#include "hz4/stats/counters.def"
#undef HZ4_N
  }
};

TEST_P(Stress, NothingIsLostOrServedTwice) {
  SCOPED_TRACE("TEST_SEED=" + std::to_string(Seed()));
  Knobs knobs = B7xBase();
  GetParam().change(&knobs);
  Ladder ladder(knobs);
  Random random(Seed());
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t, seed = random.Next()] { Work(t, seed); });
  }
  for (std::thread& thread : threads) thread.join();
  const char* wrong = CheckLadder();
  EXPECT_EQ(wrong, nullptr) << wrong;
  for (std::atomic<void*>& slot : hand_overs_) {
    if (void* p = slot.load()) ladder.Free(p);
  }
  wrong = CheckLadder();
  EXPECT_EQ(wrong, nullptr) << wrong;
  EXPECT_EQ(torn_.load(), 0);
  EXPECT_EQ(ladder.Count(CounterId::kMidMallocCalls), ladder.Count(CounterId::kMidFreeCalls));
  ExpectEquations(ladder);
}

INSTANTIATE_TEST_SUITE_P(Variants, Stress, ::testing::ValuesIn(kVariants),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace test
}  // namespace hz4
