// SPDX-License-Identifier: Apache-2.0
//
// From knobs to the table, for every knob: each boolean flipped alone, each choice at each value,
// each number at both ends, and random sets; on the array route and on the ladder.

#include "hz4/resolve.h"

#include <gtest/gtest.h>
#include <string.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "hz4/knobs_table.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace {

// --- the table as data ---

struct Bound {
  std::string entry;  // "malloc", "mid_alloc_steps[0]"
  const void* function;
  const char* name;
  bool ladder_only;
};

template <typename F>
const void* Address(F* function) {
  return reinterpret_cast<const void*>(function);
}
bool OfLadder(const char* text) { return strncmp(text, "Ladder:", 7) == 0; }

std::vector<Bound> EntriesOf(const Resolution& r) {
  std::vector<Bound> entries;
#define HZ4_DOOR(entry, ret, params, text) \
  entries.push_back({#entry, Address(r.table.entry), r.names.entry, OfLadder(text)});
#define HZ4_SEAM(entry, ret, params, text) \
  entries.push_back({#entry, Address(r.table.entry), r.names.entry, OfLadder(text)});
#include "hz4/seams.def"
  return entries;
}

struct List {
  std::string name;
  std::vector<Bound> steps;  // max + 1 of them
};
std::vector<List> ListsOf(const Resolution& r) {
  std::vector<List> lists;
#define HZ4_STEPS(list, type, max, text)                                             \
  lists.push_back({#list, {}});                                                      \
  for (int i = 0; i <= (max); ++i) {                                                 \
    lists.back().steps.push_back({std::string(#list "[") + std::to_string(i) + "]",  \
                                  Address(r.table.list[i]), r.names.list[i], true}); \
  }
#include "hz4/seams.def"
  return lists;
}

// All that is bound.
std::vector<Bound> AllOf(const Resolution& r) {
  std::vector<Bound> all = EntriesOf(r);
  for (const List& list : ListsOf(r)) all.insert(all.end(), list.steps.begin(), list.steps.end());
  std::vector<Bound> bound;
  for (const Bound& b : all) {
    if (b.function != nullptr) bound.push_back(b);
  }
  return bound;
}

// Whether any function's name has the word: not as a part of a longer word.
bool Mentions(const Resolution& r, const std::string& word) {
  for (const Bound& b : AllOf(r)) {
    const std::string name = b.name;
    for (size_t at = name.find(word); at != name.npos; at = name.find(word, at + 1)) {
      const bool begins = at == 0 || !isalnum(static_cast<unsigned char>(name[at - 1]));
      const size_t end = at + word.size();
      if (begins && (end == name.size() || !isalnum(static_cast<unsigned char>(name[end])))) {
        return true;
      }
    }
  }
  return false;
}

// --- what every resolution must be ---

// Over all resolutions of this process.
std::map<std::string, const void*> function_of_name;
std::map<const void*, std::string> name_of_function;

void ExpectSound(const Resolution& r, const Knobs& knobs, const std::string& what) {
  SCOPED_TRACE(what);
  const bool ladder = knobs.mid_route == MidRoute::kLadder;
  for (const Bound& b : EntriesOf(r)) {
    EXPECT_EQ(b.function != nullptr, !b.ladder_only || ladder) << b.entry;
    EXPECT_EQ(b.function != nullptr, b.name != nullptr) << b.entry;
  }
  for (const List& list : ListsOf(r)) {
    EXPECT_EQ(list.steps.back().function, nullptr) << list.name << " has no end";
    bool ended = false;
    std::set<const void*> seen;
    for (const Bound& b : list.steps) {
      EXPECT_EQ(b.function != nullptr, b.name != nullptr) << b.entry;
      ended |= b.function == nullptr;
      EXPECT_EQ(ended, b.function == nullptr) << b.entry << " stands behind the end";
      if (b.function != nullptr) {
        EXPECT_TRUE(ladder) << b.entry;
        EXPECT_TRUE(seen.insert(b.function).second) << b.entry << " stands there twice";
      }
    }
  }
  for (const Bound& b : AllOf(r)) {
    const std::string name = b.name;
    EXPECT_FALSE(name.empty()) << b.entry;
    EXPECT_EQ(name.find("hz4"), name.npos) << b.entry << ": " << name;
    const auto by_name = function_of_name.emplace(name, b.function).first;
    EXPECT_EQ(by_name->second, b.function) << b.entry << ": two functions are called " << name;
    const auto by_function = name_of_function.emplace(b.function, name).first;
    EXPECT_EQ(by_function->second, name) << b.entry << ": one function has two names";
  }
}

// --- boxes ---

// A policy that is on is seen in the table by these words, one that is off by none of them.
struct BoxWords {
  KnobId knob;
  std::vector<std::string> words;
};
const std::vector<BoxWords>& Boxes() {
  static const std::vector<BoxWords> boxes = {
      {KnobId::kMidAllocRunCache, {"AllocRunPop", "RefillInside", "RefillOutside"}},
      {KnobId::kMidFreeBatch, {"FreeBatchPush", "FreeBatchFlush"}},
      {KnobId::kMidFreeBatchConsume, {"FreeBatchConsume"}},
      {KnobId::kMidOwnerRemoteQueue, {"OwnerAlloc", "OwnerPut", "OwnerPush", "OwnedPages"}},
      {KnobId::kMidOwnerLocalStack, {"LocalStackPop", "LocalStackPush"}},
      {KnobId::kMidOwnerLocalStackRemoteGate, {"RemoteGate"}},
      {KnobId::kMidOwnerLocalStackAdaptive, {"AdaptiveThrottle"}},
      {KnobId::kMidDualTierAlloc, {"DualTierPop"}},
      {KnobId::kMidPageCreateOutsideScLock, {"CreateOutside"}},
      {KnobId::kMidPageSupplyResv, {"SupplyFromRun", "UnreserveRun"}},
      {KnobId::kMidTransferCache, {"TransferTake", "TransferPublish", "TransferFlush"}},
      {KnobId::kMidLockpathOutlockRefill, {"RefillOutside"}},
      {KnobId::kMidLockTimeStats, {"Timed"}},
  };
  return boxes;
}

void ExpectOffIsAbsent(const Resolution& r, const Knobs& knobs, const std::string& what) {
  SCOPED_TRACE(what);
  for (const BoxWords& box : Boxes()) {
    if (knobs.mid_route == MidRoute::kLadder && GetKnob(knobs, box.knob) != 0) continue;
    for (const std::string& word : box.words) {
      EXPECT_FALSE(Mentions(r, word)) << RowOf(box.knob).name << " is off, " << word << " is there";
    }
  }
  const bool counting =
      knobs.stats != StatsFormat::kOff || knobs.mid_stats_b1 || knobs.mid_lock_time_stats;
  if (!counting) {
    EXPECT_FALSE(Mentions(r, "Counting"));
  }
}

// --- sets of knobs ---

std::vector<Facts> AllFacts() {
  std::vector<Facts> all;
  for (CpuIndex index : kCpuIndexes) {
    for (bool direct : {false, true}) all.push_back({nullptr, index, direct});
  }
  return all;
}

void ExpectGood(const Knobs& knobs, const std::string& what) {
  for (const Facts& facts : AllFacts()) {
    const Resolution r = Resolve(knobs, facts);
    ExpectSound(r, knobs, what);
    ExpectOffIsAbsent(r, knobs, what);
  }
}

// The default, the ladder, and each profile.
std::vector<std::pair<std::string, Knobs>> Bases() {
  std::vector<std::pair<std::string, Knobs>> bases = {{"default", Knobs{}}};
  Knobs ladder;
  ladder.mid_route = MidRoute::kLadder;
  bases.push_back({"ladder", ladder});
  for (size_t i = 0; i < kProfileCount; ++i) {
    const std::string variable = std::string("HZ4_PROFILE=") + kProfileNames[i].name;
    const char* const environment[] = {variable.c_str(), nullptr};
    const KnobSet set = ParseKnobs(environment, nullptr);
    EXPECT_EQ(set.errors, 0u) << variable;
    bases.push_back({variable, set.value});
  }
  return bases;
}

// The values that a knob must be tried at; nothing for a text.
std::vector<uint64_t> ValuesToTry(const KnobRow& row) {
  switch (row.type) {
    case KnobType::kBool:
      return {0, 1};
    case KnobType::kText:
      return {};
    case KnobType::kChoice: {
      std::vector<uint64_t> values;
      for (uint64_t v = row.range.min; v <= row.range.max; ++v) values.push_back(v);
      return values;
    }
    default:
      return {row.range.min, row.range.max};
  }
}

// Sets a knob and what it needs.
void SetWithNeeds(Knobs* knobs, KnobId id, uint64_t value) {
  SetKnob(knobs, id, value);
  for (const KnobNeed& need : RowOf(id).relation.needs) {
    if (need.knob != kNoKnob && value != 0) SetWithNeeds(knobs, need.knob, need.value);
  }
}

TEST(Resolve, IsPure) {
  for (const auto& base : Bases()) {
    for (const Facts& facts : AllFacts()) {
      const Knobs before = base.second;
      const Dispatch live = sealed.table;
      const Resolution a = Resolve(base.second, facts);
      const Resolution b = Resolve(base.second, facts);
      EXPECT_EQ(memcmp(&a.table, &b.table, sizeof(a.table)), 0);
      EXPECT_EQ(memcmp(&a.names, &b.names, sizeof(a.names)), 0);
      EXPECT_EQ(memcmp(&live, &sealed.table, sizeof(live)), 0) << "it touched the live table";
      for (const KnobRow& row : kKnobRows) {
        EXPECT_EQ(GetKnob(before, row.id), GetKnob(base.second, row.id)) << row.name;
      }
    }
  }
}

TEST(Resolve, TheLiveTableIsWhatItMakes) {
  const char* unavailable = PerCpuUnavailable();
  for (bool direct : {false, true}) {
    const Resolution r = Resolve(EffectiveKnobs(), {unavailable, PerCpuIndex(), direct});
    if (r.table.malloc != sealed.table.malloc) continue;
    EXPECT_EQ(memcmp(&r.table, &sealed.table, sizeof(r.table)), 0);
    EXPECT_EQ(memcmp(&r.names, &sealed.names, sizeof(r.names)), 0);
    return;
  }
  ADD_FAILURE() << "the live malloc is " << sealed.names.malloc;
}

TEST(Resolve, EveryKnobAloneOnEveryBase) {
  for (const auto& base : Bases()) {
    ExpectGood(base.second, base.first);
    for (const KnobRow& row : kKnobRows) {
      for (uint64_t value : ValuesToTry(row)) {
        Knobs knobs = base.second;
        SetKnob(&knobs, row.id, value);
        ExpectGood(knobs, base.first + " " + row.name + "=" + std::to_string(value));
        SetWithNeeds(&knobs, row.id, value);
        ExpectGood(knobs, base.first + " with needs " + row.name + "=" + std::to_string(value));
      }
    }
  }
}

TEST(Resolve, ABoxThatIsOnIsThere) {
  for (const BoxWords& box : Boxes()) {
    // The page supply and the alloc run are on: boxes that take their place stay off here.
    Knobs off;
    off.mid_route = MidRoute::kLadder;
    SetKnob(&off, box.knob, 0);
    Knobs on = off;
    SetWithNeeds(&on, box.knob, 1);
    for (const Facts& facts : AllFacts()) {
      const Resolution with = Resolve(on, facts);
      bool any = false;
      for (const std::string& word : box.words) any |= Mentions(with, word);
      EXPECT_TRUE(any) << RowOf(box.knob).name << " is on and nothing of it is in the table";
      const Resolution without = Resolve(off, facts);
      EXPECT_NE(memcmp(&with.table, &without.table, sizeof(with.table)), 0) << RowOf(box.knob).name;
    }
  }
}

TEST(Resolve, RandomSets) {
  test::Random random(test::Seed());
  for (int round = 0; round < 400; ++round) {
    Knobs knobs;
    std::string what = "set " + std::to_string(round) + ":";
    for (const KnobRow& row : kKnobRows) {
      const std::vector<uint64_t> values = ValuesToTry(row);
      if (values.empty() || random.OneIn(3)) continue;
      const uint64_t value = values[random.In(0, values.size() - 1)];
      SetKnob(&knobs, row.id, value);
      what += std::string(" ") + row.name + "=" + std::to_string(value);
    }
    ExpectGood(knobs, what);
    if (HasFailure()) break;
  }
}

TEST(Resolve, FrontMapAndStatisticsAreInTheDoors) {
  struct Case {
    FrontKind front;
    CpuIndex index;
    const char* word;
  };
  for (const Case& c : {Case{FrontKind::kPercpu, CpuIndex::kCpuIdUsual, "kCpuIdUsual>"},
                        Case{FrontKind::kPercpu, CpuIndex::kCpuId, "kCpuId>"},
                        Case{FrontKind::kPercpu, CpuIndex::kCid, "kCid>"},
                        Case{FrontKind::kThread, CpuIndex::kCid, "ThreadFront"},
                        Case{FrontKind::kNone, CpuIndex::kCid, "NoFront"}}) {
    for (bool direct : {false, true}) {
      for (StatsFormat stats : {StatsFormat::kOff, StatsFormat::kJson}) {
        Knobs knobs;
        knobs.front = c.front;
        knobs.stats = stats;
        const Resolution r = Resolve(knobs, {nullptr, c.index, direct});
        for (const char* name : {r.names.malloc, r.names.free, r.names.calloc, r.names.realloc,
                                 r.names.memalign, r.names.usable_size, r.names.op_new}) {
          const std::string text = name;
          EXPECT_NE(text.find(c.word), text.npos) << text;
          EXPECT_EQ(text.find("DirectMap") != text.npos, direct) << text;
          EXPECT_EQ(text.find("RadixMap") != text.npos, !direct) << text;
          EXPECT_EQ(text.find("NotCounting") != text.npos, stats == StatsFormat::kOff) << text;
        }
        EXPECT_EQ(Mentions(r, "PerCpuFront"), c.front == FrontKind::kPercpu);
        EXPECT_EQ(Mentions(r, "ThreadFront"), c.front == FrontKind::kThread);
        EXPECT_EQ(Mentions(r, "NoFront"), c.front == FrontKind::kNone);
      }
    }
  }
}

// --- what the machine forbids ---

KnobSet Parse(std::vector<const char*> environment) {
  environment.push_back(nullptr);
  return ParseKnobs(environment.data(), nullptr);
}
struct Lines {
  std::vector<std::string> lines;
  DiagnosticSink sink = {[](void* context, const char* text, size_t length) {
                           static_cast<Lines*>(context)->lines.emplace_back(text, length);
                         },
                         this};
};

TEST(ApplyFacts, WhatIsAvailableStays) {
  for (const char* front : {"HZ4_FRONT=percpu", "HZ4_FRONT=thread", "HZ4_FRONT=none"}) {
    KnobSet set = Parse({front, "HZ4_PAGE_MAP=direct"});
    const KnobSet before = set;
    Lines lines;
    ApplyFacts({nullptr, CpuIndex::kCid, true}, &set, &lines.sink);
    EXPECT_EQ(set.value.front, before.value.front);
    EXPECT_EQ(set.value.page_map, before.value.page_map);
    EXPECT_EQ(set.OriginOf(KnobId::kFront).kind, OriginKind::kEnvironment);
    EXPECT_TRUE(lines.lines.empty());
  }
}

TEST(ApplyFacts, APerCpuFrontThatIsNotToBeHadBecomesThePerThreadOne) {
  for (bool asked : {false, true}) {
    KnobSet set = asked ? Parse({"HZ4_FRONT=percpu"}) : Parse({});
    Lines lines;
    ApplyFacts({"the moon is full", CpuIndex::kCpuId, true}, &set, &lines.sink);
    EXPECT_EQ(set.value.front, FrontKind::kThread);
    const Origin& origin = set.OriginOf(KnobId::kFront);
    EXPECT_EQ(origin.kind, OriginKind::kFallback);
    EXPECT_STREQ(origin.why, "the moon is full");
    EXPECT_EQ(lines.lines.empty(), !asked) << "only who asked for it is told";
    if (asked) {
      EXPECT_NE(lines.lines[0].find("the moon is full"), std::string::npos) << lines.lines[0];
    }
  }
  for (const char* other : {"HZ4_FRONT=thread", "HZ4_FRONT=none"}) {
    KnobSet set = Parse({other});
    const FrontKind before = set.value.front;
    ApplyFacts({"the moon is full", CpuIndex::kCpuId, true}, &set, nullptr);
    EXPECT_EQ(set.value.front, before) << "it does not need rseq";
    EXPECT_EQ(set.OriginOf(KnobId::kFront).kind, OriginKind::kEnvironment);
  }
}

TEST(ApplyFacts, AnIndexThatTheKernelDoesNotOfferBecomesTheCpuNumber) {
  for (CpuIndex index : kCpuIndexes) {
    KnobSet set = Parse({"HZ4_FRONT_CPU_INDEX=mm_cid"});
    Lines lines;
    ApplyFacts({nullptr, index, true}, &set, &lines.sink);
    const bool offered = index == CpuIndex::kCid;
    EXPECT_EQ(set.value.front_cpu_index, offered ? FrontIndex::kMmCid : FrontIndex::kCpuId);
    EXPECT_EQ(lines.lines.size(), offered ? 0u : 1u);
  }
  // Of a front that is not there only that is told.
  KnobSet set = Parse({"HZ4_FRONT_CPU_INDEX=mm_cid"});
  Lines lines;
  ApplyFacts({"the moon is full", CpuIndex::kCpuIdUsual, true}, &set, &lines.sink);
  EXPECT_EQ(set.value.front, FrontKind::kThread);
  for (const std::string& line : lines.lines) EXPECT_EQ(line.find("mm_cid"), line.npos) << line;
}

TEST(ApplyFacts, ADirectMapThatIsNotToBeHadBecomesTheRadixOne) {
  KnobSet asked = Parse({"HZ4_PAGE_MAP=direct"});
  Lines lines;
  ApplyFacts({nullptr, CpuIndex::kCpuId, false}, &asked, &lines.sink);
  EXPECT_EQ(asked.value.page_map, PageMapKind::kRadix);
  EXPECT_EQ(asked.OriginOf(KnobId::kPageMap).kind, OriginKind::kFallback);
  EXPECT_EQ(lines.lines.size(), 1u);
  KnobSet free_choice = Parse({"HZ4_PAGE_MAP=auto"});
  ApplyFacts({nullptr, CpuIndex::kCpuId, false}, &free_choice, &lines.sink);
  EXPECT_EQ(lines.lines.size(), 1u) << "auto is content with either";
}

TEST(ApplyFacts, HugePagesAreAdvisedInOneReservationOnly) {
  for (const char* of_parts : {"HZ4_THP=advise", "HZ4_THP=measured"}) {
    KnobSet asked = Parse({of_parts});
    const ThpMode mode = asked.value.thp;
    Lines lines;
    ApplyFacts({nullptr, CpuIndex::kCpuId, true}, &asked, &lines.sink);
    EXPECT_EQ(asked.value.thp, mode);
    ApplyFacts({nullptr, CpuIndex::kCpuId, false}, &asked, &lines.sink);
    EXPECT_EQ(asked.value.thp, ThpMode::kSystem) << of_parts;
    EXPECT_EQ(asked.OriginOf(KnobId::kThp).kind, OriginKind::kFallback);
    EXPECT_EQ(lines.lines.size(), 1u);
  }
  for (const char* other : {"HZ4_THP=never", "HZ4_THP=always"}) {
    KnobSet set = Parse({other});
    const ThpMode before = set.value.thp;
    Lines lines;
    ApplyFacts({nullptr, CpuIndex::kCpuId, false}, &set, &lines.sink);
    EXPECT_EQ(set.value.thp, before) << "works with separate mappings too";
  }
}

TEST(ApplyFacts, HugePagesAreNotAdvisedWhereTheAdministratorWantsNone) {
  for (const bool asked : {false, true}) {
    KnobSet set = asked ? Parse({"HZ4_THP=advise"}) : Parse({});
    Lines lines;
    ApplyFacts({nullptr, CpuIndex::kCid, true, /*huge_pages_off=*/true}, &set, &lines.sink);
    EXPECT_EQ(set.value.thp, ThpMode::kSystem);
    EXPECT_EQ(set.OriginOf(KnobId::kThp).kind, OriginKind::kFallback);
    EXPECT_EQ(lines.lines.size(), asked ? 1u : 0u);
  }
}

}  // namespace
}  // namespace hz4
