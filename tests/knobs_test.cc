// SPDX-License-Identifier: Apache-2.0
//
// What an environment becomes: values, errors, aliases, unknown names, needs, bounds, profiles.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/knobs_testing.h"

namespace hz4 {
namespace test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// --- the table ---

TEST(KnobTable, IsFitToBeRead) {
  for (const KnobRow& row : kKnobRows) {
    SCOPED_TRACE(row.name);
    std::string sentence = row.sentence;
    EXPECT_GT(sentence.size(), 10u);
    EXPECT_EQ(sentence.back(), '.') << sentence;
    EXPECT_EQ(sentence.find("  "), std::string::npos) << sentence;
    EXPECT_EQ(&RowOf(row.id), &row);
    EXPECT_EQ(FindKnob(row.name, strlen(row.name)), row.id) << "names are unique";
    EXPECT_NE(FindKnob(row.name, strlen(row.name) - 1), row.id);
  }
  EXPECT_EQ(FindKnob("HZ4_MID_ROUT", 12), kNoKnob);
  EXPECT_EQ(FindKnob("HZ4_MID_ROUTER", 14), kNoKnob);
}

TEST(KnobTable, GetAndSetReachTheRowsField) {
  for (const KnobRow& row : kKnobRows) {
    SCOPED_TRACE(row.name);
    if (row.type == KnobType::kText) continue;
    Knobs knobs;
    EXPECT_EQ(GetKnob(knobs, row.id), row.initial);
    uint64_t other = row.initial == row.range.max ? row.range.min : row.range.max;
    SetKnob(&knobs, row.id, other);
    EXPECT_EQ(GetKnob(knobs, row.id), other);
    EXPECT_EQ(Differences(Knobs(), knobs).find(row.name), 0u);
    SetKnob(&knobs, row.id, row.initial);
    EXPECT_EQ(Differences(Knobs(), knobs), "");
  }
}

// --- values ---

TEST(ParseKnobs, EmptyEnvironmentIsTheDefaults) {
  for (const Variables& variables :
       {Variables{}, Variables{"PATH=/bin", "HZ4", "XHZ4_FRONT=none"}}) {
    Parsed parsed = Parse(variables);
    EXPECT_EQ(Differences(Knobs(), parsed.set.value), "");
    EXPECT_THAT(parsed.lines, IsEmpty());
    EXPECT_EQ(parsed.set.errors, 0u);
  }
  EXPECT_EQ(Differences(Knobs(), ParseKnobs(nullptr, nullptr).value), "");
}

TEST(ParseKnobs, TakesTheValueAndSaysWhereItCameFrom) {
  Parsed parsed = Parse({"HZ4_FRONT=thread", "HZ4_RESERVE=1G", "HZ4_OUTPUT=/tmp/x.%p"});
  EXPECT_EQ(parsed.set.value.front, FrontKind::kThread);
  EXPECT_EQ(parsed.set.value.reserve, kGiB);
  EXPECT_STREQ(parsed.set.value.output.chars, "/tmp/x.%p");
  EXPECT_EQ(parsed.OriginOf(KnobId::kFront), OriginKind::kEnvironment);
  EXPECT_EQ(parsed.OriginOf(KnobId::kPageMap), OriginKind::kDefault);
  EXPECT_THAT(parsed.lines, IsEmpty());
}

TEST(ParseKnobs, InvalidValueNamesKnobValueAndWhatIsAllowed) {
  Parsed parsed = Parse({"HZ4_MID_LOCKPATH_OUTLOCK_REFILL=yes_please"});
  EXPECT_THAT(parsed.lines,
              ElementsAre("HZ4_MID_LOCKPATH_OUTLOCK_REFILL=yes_please: not a boolean; allowed: "
                          "1 0 on off true false yes no; using the default 0"));
  EXPECT_EQ(parsed.set.errors, 1u);
  EXPECT_EQ(parsed.OriginOf(KnobId::kMidLockpathOutlockRefill), OriginKind::kDefault);
  EXPECT_EQ(parsed.set.value.mid_route, MidRoute::kArray);
}

TEST(ParseKnobs, InvalidValueKeepsTheProfiles) {
  Parsed parsed = Parse({"HZ4_PROFILE=b7x-base", "HZ4_MID_OWNER_LOCAL_STACK_SLOTS=3"});
  EXPECT_EQ(parsed.set.value.mid_owner_local_stack_slots, 8u);
  EXPECT_THAT(parsed.lines, ElementsAre(HasSubstr("using the profile's 8")));
}

TEST(ParseKnobs, AnInvalidTextKeepsTheDefault) {
  for (const std::string& bad :
       {std::string(), std::string(256, 'x'), std::string("a%"), std::string("%d")}) {
    Parsed parsed = Parse({"HZ4_OUTPUT=" + bad});
    EXPECT_EQ(parsed.set.errors, 1u) << bad;
    EXPECT_STREQ(parsed.set.value.output.chars, "stderr") << bad;
  }
  std::string longest(kTextMax, 'x');
  EXPECT_EQ(Parse({"HZ4_OUTPUT=" + longest}).set.value.output.chars, longest);
}

TEST(ParseKnobs, WhatTheUserTypedCannotSpoilTheTerminalOrTheLine) {
  Parsed parsed = Parse({"HZ4_FRONT=\x1b[31m\n" + std::string(5000, 'x')});
  ASSERT_EQ(parsed.lines.size(), 1u);
  EXPECT_THAT(parsed.lines[0], HasSubstr("HZ4_FRONT=\\x1b[31m\\x0axxx"));
  EXPECT_THAT(parsed.lines[0], HasSubstr("...: not one of its values"));
  EXPECT_LT(parsed.lines[0].size(), 300u);
}

TEST(ParseKnobs, FirstOfTwoCountsAsInGetenv) {
  Parsed parsed = Parse({"HZ4_FRONT=none", "HZ4_FRONT=thread"});
  EXPECT_EQ(parsed.set.value.front, FrontKind::kNone);
  EXPECT_THAT(parsed.lines,
              ElementsAre("HZ4_FRONT: stands in the environment twice; the first one counts"));
}

TEST(ParseKnobs, StrictMakesErrorsFatalAndNotesNot) {
  EXPECT_FALSE(Parse({"HZ4_FRONT=x"}).set.Fatal());
  EXPECT_TRUE(Parse({"HZ4_FRONT=x", "HZ4_STRICT=abort"}).set.Fatal());
  EXPECT_TRUE(Parse({"HZ4_STRICT=abort", "HZ4_UNKNOWN=1"}).set.Fatal());
  Parsed implied =
      Parse({"HZ4_STRICT=abort", "HZ4_MID_FREE_BATCH=1", "HZ4_MID_ALLOC_RUN_CACHE_BOX=1"});
  EXPECT_FALSE(implied.set.Fatal()) << Joined(implied.lines);
  EXPECT_EQ(implied.lines.size(), 2u) << Joined(implied.lines);
}

// --- names ---

TEST(ParseKnobs, UnknownNameIsToldWithTheNearest) {
  struct {
    const char* typed;
    const char* nearest;
  } cases[] = {
      {"HZ4_MID_LOKPATH", "HZ4_MID_LOCKPATH_OUTLOCK_REFILL"},
      {"HZ4_MIDROUTE", "HZ4_MID_ROUTE"},
      {"HZ4_mid_route", "HZ4_MID_ROUTE"},
      {"HZ4_FRONT_SIZE", "HZ4_FRONT_MAX_SIZE"},
      {"HZ4_LOCKPATH_OUTLOCK_REFILL", "HZ4_MID_LOCKPATH_OUTLOCK_REFILL"},
      {"HZ4_MID_ALLOC_RUN", "HZ4_MID_ALLOC_RUN_CACHE"},
      {"HZ4_STAT", "HZ4_STATS"},
      {"HZ4_MID_LOCK_SHARDS_BOX", "HZ4_MID_LOCK_SHARDS"},
  };
  for (const auto& c : cases) {
    Parsed parsed = Parse({std::string(c.typed) + "=1"});
    EXPECT_THAT(parsed.lines,
                ElementsAre(std::string(c.typed) + ": unknown knob; nearest is " + c.nearest));
    EXPECT_EQ(parsed.set.errors, 1u);
  }
}

TEST(ParseKnobs, UnknownNamesOfAnyShapeAreSurvived) {
  for (const std::string& name :
       {std::string("HZ4_"), std::string("HZ4__BOX"), "HZ4_" + std::string(100000, 'A'),
        "HZ4_" + std::string(200, '_'), std::string("HZ4_\x80\xff\n")}) {
    Parsed parsed = Parse({name + "=1"});
    EXPECT_EQ(parsed.set.errors, 1u);
    ASSERT_EQ(parsed.lines.size(), 1u);
    EXPECT_LT(parsed.lines[0].size(), 400u);
    EXPECT_THAT(parsed.lines[0], HasSubstr("unknown knob; nearest is HZ4_"));
  }
}

TEST(ParseKnobs, TwoMistakesAreTwoLines) {
  Parsed parsed = Parse({"HZ4_MID_LOCKPATH_OUTLOCK_REFILL=yes_please", "HZ4_MID_LOKPATH=1"});
  EXPECT_EQ(parsed.lines.size(), 2u) << Joined(parsed.lines);
  EXPECT_EQ(parsed.set.errors, 2u);
}

TEST(ParseKnobs, WorkOrdersSpellingIsAnAlias) {
  Parsed parsed = Parse({"HZ4_MID_ROUTE=ladder", "HZ4_MID_OWNER_REMOTE_QUEUE_BOX=1"});
  EXPECT_TRUE(parsed.set.value.mid_owner_remote_queue);
  EXPECT_THAT(parsed.lines, ElementsAre("HZ4_MID_OWNER_REMOTE_QUEUE_BOX: is now spelled "
                                        "HZ4_MID_OWNER_REMOTE_QUEUE"));
  EXPECT_EQ(parsed.set.errors, 0u);
  EXPECT_EQ(Parse({"HZ4_MID_STATS_B1_BOX=1"}).set.errors, 1u) << "only boxes were spelled so";
  EXPECT_EQ(Parse({"HZ4_HELP_BOX=1"}).set.errors, 1u);
}

TEST(ParseKnobs, OwnNameWinsOverTheAlias) {
  const std::string own = "HZ4_MID_FREE_BATCH=0";
  const std::string alias = "HZ4_MID_FREE_BATCH_BOX=1";
  for (const Variables& order : {Variables{own, alias}, Variables{alias, own}}) {
    Parsed parsed = Parse(order);
    EXPECT_FALSE(parsed.set.value.mid_free_batch);
    EXPECT_THAT(Joined(parsed.lines), HasSubstr("HZ4_MID_FREE_BATCH_BOX: ignored"));
  }
}

// --- profiles ---

TEST(ParseKnobs, ProfilesSetTheirRowsAndNothingNeedsToBeSaid) {
  for (size_t i = 0; i < kProfileCount; ++i) {
    Parsed parsed = Parse({std::string("HZ4_PROFILE=") + kProfileNames[i].name});
    EXPECT_THAT(parsed.lines, IsEmpty());
    for (const ProfileRow& row : kProfileRows) {
      if (row.profile != static_cast<ProfileId>(i)) continue;
      EXPECT_EQ(GetKnob(parsed.set.value, row.knob), row.value) << RowOf(row.knob).name;
      EXPECT_EQ(parsed.OriginOf(row.knob), OriginKind::kProfile) << RowOf(row.knob).name;
      EXPECT_TRUE(HasEffect(parsed.set.value, row.knob)) << RowOf(row.knob).name;
    }
  }
}

TEST(ParseKnobs, SingleVariableWinsOverTheProfileWhereverItStands) {
  const std::string slots = "HZ4_MID_OWNER_LOCAL_STACK_SLOTS=32";
  const std::string profile = "HZ4_PROFILE=b7x-base";
  for (const Variables& order : {Variables{slots, profile}, Variables{profile, slots}}) {
    Parsed parsed = Parse(order);
    EXPECT_EQ(parsed.set.value.mid_owner_local_stack_slots, 32u);
    EXPECT_EQ(parsed.OriginOf(KnobId::kMidOwnerLocalStackSlots), OriginKind::kEnvironment);
    EXPECT_TRUE(parsed.set.value.mid_owner_local_stack_remote_gate);
  }
}

TEST(ParseKnobs, ProfileIsTheSameAllocatorAsItsRowsOneByOne) {
  Parsed profile = Parse({"HZ4_PROFILE=b7x-base"});
  Parsed singles =
      Parse({"HZ4_MID_OWNER_LOCAL_STACK_REMOTE_GATE=1", "HZ4_MID_OWNER_LOCAL_STACK_SLOTS=8"});
  EXPECT_EQ(Fingerprint(profile.set.value), Fingerprint(singles.set.value))
      << Differences(profile.set.value, singles.set.value);
}

// --- SetFallback ---

TEST(SetFallback, SaysItWhereTheUserAskedForTheOther) {
  for (bool asked : {false, true}) {
    Parsed parsed = Parse(asked ? Variables{"HZ4_FRONT=percpu"} : Variables{});
    Lines lines;
    DiagnosticSink sink = {CaptureLine, &lines};
    SetFallback(&parsed.set, KnobId::kFront, static_cast<uint64_t>(FrontKind::kThread), "no rseq",
                &sink);
    EXPECT_EQ(parsed.set.value.front, FrontKind::kThread);
    EXPECT_EQ(parsed.OriginOf(KnobId::kFront), OriginKind::kFallback);
    EXPECT_STREQ(parsed.set.OriginOf(KnobId::kFront).why, "no rseq");
    EXPECT_STREQ(parsed.set.notes, "HZ4_FRONT=thread, because no rseq");
    if (asked) {
      EXPECT_THAT(lines, ElementsAre("HZ4_FRONT=thread, because no rseq"));
    } else {
      EXPECT_THAT(lines, IsEmpty());
    }
  }
}

// --- notes ---

TEST(ParseKnobs, NotesKeepTheLinesAndCountWhatDidNotFit) {
  Variables many;
  for (int i = 0; i < 100; ++i) many.push_back("HZ4_NOTHING_" + std::to_string(i) + "=1");
  Parsed parsed = Parse(many);
  EXPECT_EQ(parsed.set.errors, 100u);
  size_t kept = 0;
  for (size_t at = 0; at < parsed.set.notes_size; at += strlen(parsed.set.notes + at) + 1, ++kept) {
    EXPECT_EQ(parsed.set.notes + at, parsed.lines[kept]);
  }
  EXPECT_GT(kept, 5u);
  EXPECT_EQ(kept + parsed.set.notes_dropped, 100u);
}

}  // namespace
}  // namespace test
}  // namespace hz4
