// SPDX-License-Identifier: Apache-2.0
//
// Knobs -> entries: which steps there are, in which order, and that off is absence.
#include "hz4/mid/resolve_mid.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "tests/mid/ladder.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace test {
namespace {

Resolution Resolved(const Knobs& knobs) {
  Resolution r = {};
  mid::ResolveMid(knobs, &r);
  return r;
}

// The names up to their template arguments; clang leaves these out anyway.
template <size_t N>
std::vector<std::string> Names(const char* const (&names)[N]) {
  std::vector<std::string> result;
  for (size_t i = 0; i < N && names[i] != nullptr; ++i) {
    result.emplace_back(names[i], strcspn(names[i], "<"));
  }
  return result;
}
using Steps = std::vector<std::string>;

TEST(ResolveMid, BaseArmsOfTheWorkOrders) {
  const Resolution b46 = Resolved(B46Base());
  EXPECT_EQ(Names(b46.names.mid_alloc_steps), (Steps{"AllocRunPop", "FreeBatchConsume"}));
  EXPECT_EQ(Names(b46.names.mid_free_own_steps), Steps{});
  EXPECT_EQ(Names(b46.names.mid_free_steps), (Steps{"FreeBatchPush", "FreeBatchFlush"}));
  const Resolution b7x = Resolved(B7xBase());
  EXPECT_EQ(Names(b7x.names.mid_alloc_steps),
            (Steps{"LocalStackPop", "AllocRunPop", "FreeBatchConsume", "OwnerAlloc"}));
  EXPECT_EQ(Names(b7x.names.mid_free_own_steps), (Steps{"LocalStackPush", "OwnerPut"}));
  EXPECT_EQ(Names(b7x.names.mid_free_steps),
            (Steps{"OwnerPush", "FreeBatchPush", "FreeBatchFlush"}));
}

TEST(ResolveMid, EverythingOnIsTheWholeLadder) {
  Knobs k = B7xBase();
  k.mid_dual_tier_alloc = true;
  k.mid_transfer_cache = true;
  const Resolution r = Resolved(k);
  EXPECT_EQ(Names(r.names.mid_alloc_steps),
            (Steps{"LocalStackPop", "DualTierPop", "AllocRunPop", "FreeBatchConsume", "OwnerAlloc",
                   "TransferTake"}));
  EXPECT_EQ(Names(r.names.mid_free_steps),
            (Steps{"OwnerPush", "FreeBatchPush", "TransferPublish", "FreeBatchFlush"}));
}

TEST(ResolveMid, NothingOnIsTheLockPath) {
  const Resolution r = Resolved(BareLadder());
  EXPECT_EQ(r.table.mid_alloc_steps[0], nullptr);
  EXPECT_EQ(r.table.mid_free_own_steps[0], nullptr);
  EXPECT_EQ(r.table.mid_free_steps[0], nullptr);
}

TEST(ResolveMid, EachVariantIsAnotherFunction) {
  Knobs k = B7xBase();
  const Resolution base = Resolved(k);
  const auto differs = [&](bool Knobs::*knob) {
    Knobs changed = k;
    changed.*knob = !(changed.*knob);
    const Resolution r = Resolved(changed);
    return memcmp(&r.table, &base.table, sizeof(Dispatch)) != 0;
  };
  EXPECT_TRUE(differs(&Knobs::mid_alloc_run_cache));
  EXPECT_TRUE(differs(&Knobs::mid_free_batch));
  EXPECT_TRUE(differs(&Knobs::mid_free_batch_consume));
  EXPECT_TRUE(differs(&Knobs::mid_owner_remote_queue));
  EXPECT_TRUE(differs(&Knobs::mid_owner_local_stack));
  EXPECT_TRUE(differs(&Knobs::mid_owner_local_stack_remote_gate));
  EXPECT_TRUE(differs(&Knobs::mid_owner_local_stack_adaptive));
  EXPECT_TRUE(differs(&Knobs::mid_dual_tier_alloc));
  EXPECT_TRUE(differs(&Knobs::mid_page_create_outside_sc_lock));
  EXPECT_TRUE(differs(&Knobs::mid_page_supply_resv));
  EXPECT_TRUE(differs(&Knobs::mid_transfer_cache));
  EXPECT_TRUE(differs(&Knobs::mid_lockpath_outlock_refill));
  EXPECT_TRUE(differs(&Knobs::mid_stats_b1));
  EXPECT_TRUE(differs(&Knobs::mid_lock_time_stats));
}

TEST(ResolveMid, ABoxWithoutItsNeedIsLeftOut) {
  Knobs k = BareLadder();
  const Resolution bare = Resolved(k);
  for (bool Knobs::*knob : {&Knobs::mid_free_batch_consume, &Knobs::mid_owner_local_stack,
                            &Knobs::mid_owner_local_stack_remote_gate,
                            &Knobs::mid_owner_local_stack_adaptive, &Knobs::mid_dual_tier_alloc,
                            &Knobs::mid_transfer_cache, &Knobs::mid_lockpath_outlock_refill}) {
    k.*knob = true;
  }
  const Resolution r = Resolved(k);
  EXPECT_EQ(memcmp(&r.table, &bare.table, sizeof(Dispatch)), 0);
}

// Random knobs, needs met or not: every seam has a function, every list ends, every entry a name.
TEST(ResolveMid, NoEntryIsForgotten) {
  Random random(Seed());
  for (int i = 0; i < 2000; ++i) {
    SCOPED_TRACE("TEST_SEED=" + std::to_string(Seed()) + ", draw " + std::to_string(i));
    Knobs k;
    for (bool Knobs::*knob :
         {&Knobs::mid_alloc_run_cache, &Knobs::mid_free_batch, &Knobs::mid_free_batch_consume,
          &Knobs::mid_owner_remote_queue, &Knobs::mid_owner_local_stack,
          &Knobs::mid_owner_local_stack_remote_gate, &Knobs::mid_owner_local_stack_adaptive,
          &Knobs::mid_dual_tier_alloc, &Knobs::mid_page_create_outside_sc_lock,
          &Knobs::mid_page_supply_resv, &Knobs::mid_transfer_cache,
          &Knobs::mid_lockpath_outlock_refill, &Knobs::mid_stats_b1, &Knobs::mid_lock_time_stats}) {
      k.*knob = random.OneIn(2);
    }
    const Resolution r = Resolved(k);
    const char* name = nullptr;
#define HZ4_SEAM(entry, ret, params, text)                              \
  name = #entry;                                                        \
  if (strncmp(name, "mid_", 4) == 0) {                                  \
    ASSERT_NE(reinterpret_cast<void*>(r.table.entry), nullptr) << name; \
    ASSERT_NE(r.names.entry, nullptr) << name;                          \
  }
#define HZ4_STEPS(entry, type, max, text)                                          \
  ASSERT_EQ(r.table.entry[max], nullptr) << #entry;                                \
  for (int s = 0; s < (max); ++s) {                                                \
    ASSERT_EQ(r.table.entry[s] == nullptr, r.names.entry[s] == nullptr) << #entry; \
  }
#include "hz4/seams.def"
  }
}

}  // namespace
}  // namespace test
}  // namespace hz4
