// SPDX-License-Identifier: Apache-2.0
//
// What knobs mean for each other, and the fingerprint of what remains.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/knobs_testing.h"

namespace hz4 {
namespace test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// --- needs ---

TEST(Needs, BoxPullsInTheLadderWithOneNote) {
  Parsed parsed = Parse({"HZ4_MID_LOCKPATH_OUTLOCK_REFILL=1"});
  EXPECT_EQ(parsed.set.value.mid_route, MidRoute::kLadder);
  const Origin& origin = parsed.set.OriginOf(KnobId::kMidRoute);
  EXPECT_EQ(origin.kind, OriginKind::kImplied);
  EXPECT_EQ(origin.by, KnobId::kMidLockpathOutlockRefill);
  EXPECT_THAT(parsed.lines,
              ElementsAre("HZ4_MID_LOCKPATH_OUTLOCK_REFILL=1 implies HZ4_MID_ROUTE=ladder"));
}

TEST(Needs, AreTransitiveAndStillOneNote) {
  Parsed parsed = Parse({"HZ4_MID_OWNER_LOCAL_STACK_ADAPTIVE=1"});
  EXPECT_THAT(parsed.lines,
              ElementsAre("HZ4_MID_OWNER_LOCAL_STACK_ADAPTIVE=1 implies HZ4_MID_ROUTE=ladder "
                          "HZ4_MID_OWNER_REMOTE_QUEUE=1 HZ4_MID_OWNER_LOCAL_STACK=1"));
  EXPECT_TRUE(parsed.set.value.mid_owner_local_stack);
  EXPECT_TRUE(parsed.set.value.mid_owner_remote_queue);
}

TEST(Needs, NothingIsSaidWhereEverythingIsThere) {
  EXPECT_THAT(Parse({"HZ4_MID_ROUTE=ladder", "HZ4_MID_TRANSFER_CACHE=1"}).lines, IsEmpty());
  EXPECT_THAT(Parse({"HZ4_MID_TRANSFER_CACHE=0"}).lines, IsEmpty()) << "off asks for nothing";
}

TEST(Needs, EveryBoxAloneHasItsEffect) {
  for (const KnobRow& row : kKnobRows) {
    if (row.type != KnobType::kBool || row.relation.needs[0].knob == kNoKnob) continue;
    Parsed parsed = Parse({Setting(row.id, "1")});
    EXPECT_TRUE(HasEffect(parsed.set.value, row.id)) << row.name;
    EXPECT_EQ(GetKnob(parsed.set.value, row.id), 1u) << row.name;
    EXPECT_LE(parsed.lines.size(), 1u) << Joined(parsed.lines);
    EXPECT_EQ(parsed.set.errors, 0u) << row.name;
  }
}

TEST(Needs, SwitchedOffByTheUserTheBoxHasNoEffect) {
  Parsed parsed = Parse({"HZ4_MID_ROUTE=array", "HZ4_MID_LOCKPATH_OUTLOCK_REFILL=1"});
  EXPECT_EQ(parsed.set.value.mid_route, MidRoute::kArray);
  EXPECT_FALSE(parsed.set.value.mid_lockpath_outlock_refill);
  const Origin& origin = parsed.set.OriginOf(KnobId::kMidLockpathOutlockRefill);
  EXPECT_EQ(origin.kind, OriginKind::kFallback);
  EXPECT_EQ(origin.by, KnobId::kMidRoute);
  EXPECT_THAT(parsed.lines, ElementsAre("HZ4_MID_LOCKPATH_OUTLOCK_REFILL=1 has no effect: "
                                        "HZ4_MID_ROUTE=array is set"));
  EXPECT_EQ(parsed.set.errors, 0u);
}

TEST(Needs, SwitchedOffDeepDownImpliesNothingOnTheWay) {
  Parsed parsed =
      Parse({"HZ4_MID_OWNER_LOCAL_STACK_REMOTE_GATE=1", "HZ4_MID_OWNER_REMOTE_QUEUE=0"});
  EXPECT_FALSE(parsed.set.value.mid_owner_local_stack_remote_gate);
  EXPECT_FALSE(parsed.set.value.mid_owner_local_stack);
  EXPECT_EQ(parsed.set.value.mid_route, MidRoute::kArray);
  EXPECT_THAT(parsed.lines, ElementsAre("HZ4_MID_OWNER_LOCAL_STACK_REMOTE_GATE=1 has no effect: "
                                        "HZ4_MID_OWNER_REMOTE_QUEUE=0 is set"));
}

TEST(Needs, EachBoxNamesTheRootOfItsTrouble) {
  Parsed parsed =
      Parse({"HZ4_MID_ROUTE=array", "HZ4_MID_OWNER_REMOTE_QUEUE=1", "HZ4_MID_OWNER_LOCAL_STACK=1"});
  EXPECT_EQ(parsed.set.OriginOf(KnobId::kMidOwnerLocalStack).by, KnobId::kMidRoute);
  EXPECT_EQ(parsed.lines.size(), 2u) << Joined(parsed.lines);
}

TEST(Needs, AnInvalidNeedIsNotASwitchedOffOne) {
  Parsed parsed = Parse({"HZ4_MID_ROUTE=laddr", "HZ4_MID_TRANSFER_CACHE=1"});
  EXPECT_EQ(parsed.set.value.mid_route, MidRoute::kLadder);
  EXPECT_EQ(parsed.set.errors, 1u);
}

TEST(Needs, EnvironmentOverrulesAProfile) {
  Parsed parsed = Parse({"HZ4_PROFILE=b7x-base", "HZ4_MID_ROUTE=array"});
  EXPECT_FALSE(parsed.set.value.mid_owner_local_stack);
  EXPECT_EQ(Fingerprint(parsed.set.value), Fingerprint(Knobs()));
  EXPECT_FALSE(parsed.lines.empty());
}

TEST(Needs, BoxOnByDefaultFollowsASwitchedOffNeed) {
  Parsed parsed = Parse({"HZ4_MID_ROUTE=ladder", "HZ4_MID_FREE_BATCH=0"});
  EXPECT_FALSE(parsed.set.value.mid_free_batch_consume);
  EXPECT_EQ(parsed.OriginOf(KnobId::kMidFreeBatchConsume), OriginKind::kFallback);
  EXPECT_TRUE(parsed.set.value.mid_alloc_run_cache);
  EXPECT_THAT(parsed.lines, IsEmpty());
}

TEST(Needs, StatisticsNeverChangeThePolicy) {
  uint64_t timed = Fingerprint(Parse({"HZ4_PROFILE=b46-base"}).set.value);
  for (const KnobRow& row : kKnobRows) {
    if (row.kind == KnobKind::kPolicy || row.id == KnobId::kProfile) continue;
    for (uint64_t value = row.range.min; value <= row.range.max && value < 30; ++value) {
      std::string text = row.type == KnobType::kText ? "/tmp/x" : NumberText(row, value);
      Parsed parsed = Parse({"HZ4_PROFILE=b46-base", Setting(row.id, text)});
      EXPECT_EQ(Fingerprint(parsed.set.value), timed) << row.name << "=" << text;
    }
  }
  Parsed counting = Parse({"HZ4_MID_LOCK_TIME_STATS=1"});
  EXPECT_TRUE(counting.set.value.mid_stats_b1);
  EXPECT_EQ(Fingerprint(counting.set.value), Fingerprint(Knobs()));
}

// --- what has no effect ---

TEST(Effect, NumberWithoutItsBoxIsTold) {
  EXPECT_THAT(Parse({"HZ4_MID_ROUTE=ladder", "HZ4_MID_OWNER_LOCAL_STACK_SLOTS=8"}).lines,
              ElementsAre("HZ4_MID_OWNER_LOCAL_STACK_SLOTS=8 has no effect: "
                          "HZ4_MID_OWNER_REMOTE_QUEUE is 0"));
  EXPECT_THAT(Parse({"HZ4_MID_ALLOC_RUN_LIMIT=16"}).lines,
              ElementsAre("HZ4_MID_ALLOC_RUN_LIMIT=16 has no effect: HZ4_MID_ROUTE is array"));
  EXPECT_THAT(Parse({"HZ4_MID_ROUTE=ladder", "HZ4_MID_ALLOC_RUN_LIMIT=16"}).lines, IsEmpty());
  EXPECT_THAT(
      Parse({"HZ4_MID_ROUTE=ladder", "HZ4_MID_ALLOC_RUN_LIMIT=16", "HZ4_MID_ALLOC_RUN_CACHE=0"})
          .lines,
      ElementsAre("HZ4_MID_ALLOC_RUN_LIMIT=16 has no effect: HZ4_MID_ALLOC_RUN_CACHE is 0"));
}

TEST(Effect, SwitchingOffWhatTheRouteDoesNotHaveIsTold) {
  EXPECT_THAT(Parse({"HZ4_MID_FREE_BATCH=0"}).lines,
              ElementsAre("HZ4_MID_FREE_BATCH=0 has no effect: HZ4_MID_ROUTE is array"));
}

// --- bounds ---

TEST(Bounds, LowerLimitTakesTheDefaultDownWithIt) {
  Parsed parsed = Parse({"HZ4_MID_ROUTE=ladder", "HZ4_MID_FREE_BATCH_LIMIT=2"});
  EXPECT_EQ(parsed.set.value.mid_free_batch_consume_min, 2u);
  EXPECT_EQ(parsed.OriginOf(KnobId::kMidFreeBatchConsumeMin), OriginKind::kImplied);
  EXPECT_THAT(parsed.lines, ElementsAre("HZ4_MID_FREE_BATCH_LIMIT=2 implies "
                                        "HZ4_MID_FREE_BATCH_CONSUME_MIN=2"));
  EXPECT_EQ(parsed.set.errors, 0u);
}

TEST(Bounds, AskingForMoreThanTheLimitIsAnError) {
  Parsed parsed = Parse({"HZ4_MID_ROUTE=ladder", "HZ4_MID_FREE_BATCH_CONSUME_MIN=33"});
  EXPECT_EQ(parsed.set.value.mid_free_batch_consume_min, 4u);
  EXPECT_EQ(parsed.OriginOf(KnobId::kMidFreeBatchConsumeMin), OriginKind::kDefault);
  EXPECT_EQ(parsed.set.errors, 1u);
  EXPECT_THAT(parsed.lines, ElementsAre("HZ4_MID_FREE_BATCH_CONSUME_MIN=33: above "
                                        "HZ4_MID_FREE_BATCH_LIMIT=32; allowed: 1 to "
                                        "HZ4_MID_FREE_BATCH_LIMIT objects; using the default 4"));
  EXPECT_EQ(Parse({"HZ4_MID_FREE_BATCH_CONSUME_MIN=33", "HZ4_MID_FREE_BATCH_LIMIT=33"}).set.errors,
            0u);

  Parsed both = Parse({"HZ4_MID_DUAL_TIER_ALLOC=1", "HZ4_MID_DUAL_TIER_L0_LIMIT=1",
                       "HZ4_MID_DUAL_TIER_L0_REFILL_BATCH=3"});
  EXPECT_EQ(both.set.value.mid_dual_tier_l0_refill_batch, 1u)
      << "the default is above the limit too";
  EXPECT_EQ(both.set.errors, 1u);
}

// --- the fingerprint ---

TEST(Fingerprint, ChangesWithEveryKnobThatHasAnEffect) {
  Knobs all;
  for (const KnobRow& row : kKnobRows) {
    if (row.type == KnobType::kBool && row.kind == KnobKind::kPolicy) SetKnob(&all, row.id, 1);
  }
  all.mid_route = MidRoute::kLadder;
  std::vector<uint64_t> seen = {Fingerprint(all)};
  for (const KnobRow& row : kKnobRows) {
    if (row.kind != KnobKind::kPolicy) continue;
    Knobs knobs = all;
    uint64_t now = GetKnob(knobs, row.id);
    SetKnob(&knobs, row.id, now == row.range.min ? row.range.max : row.range.min);
    uint64_t fingerprint = Fingerprint(knobs);
    EXPECT_NE(fingerprint, 0u);
    EXPECT_THAT(seen, testing::Not(testing::Contains(fingerprint))) << row.name;
    seen.push_back(fingerprint);
  }
}

TEST(Fingerprint, IgnoresWhatHasNoEffect) {
  uint64_t plain = Fingerprint(Knobs());
  for (const KnobRow& row : kKnobRows) {
    if (row.kind != KnobKind::kPolicy || HasEffect(Knobs(), row.id)) continue;
    Knobs knobs;
    SetKnob(&knobs, row.id, row.initial == row.range.max ? row.range.min : row.range.max);
    EXPECT_EQ(Fingerprint(knobs), plain) << row.name;
  }
}

}  // namespace
}  // namespace test
}  // namespace hz4
