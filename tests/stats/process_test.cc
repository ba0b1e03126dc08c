// SPDX-License-Identifier: Apache-2.0
//
// What a real process counts: the equations hold under every box, each form of output says the
// same, and counting does not change the configuration.
#include "bench/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "bench/runfile.h"
#include "hz4/stats/counters.h"
#include "tests/support/json.h"

namespace hz4 {
namespace test {
namespace {

using Variables = std::vector<std::string>;

// Two threads that free each other's objects, small to large.
ProcessResult RunLane(const Variables& variables) {
  ProcessSpec spec;
  spec.argv = {FindRunfile("bench/random_mixed_mt_remote"),
               "2",
               "30000",
               "200",
               "16",
               "131072",
               "50",
               "1024"};
  spec.env = BaseEnvironment();
  spec.env.push_back("LD_PRELOAD=" + FindRunfile("hz4/libhz4.so"));
  spec.env.push_back("HZ4_STRICT=abort");
  spec.env.insert(spec.env.end(), variables.begin(), variables.end());
  spec.timeout_seconds = 120;
  ProcessResult result = RunProcess(spec);
  EXPECT_TRUE(result.Succeeded()) << DescribeOutcome(spec, result) << "\n" << result.err;
  return result;
}

std::vector<std::string> LinesStarting(const std::string& text, const std::string& start) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (line.compare(0, start.size(), start) == 0) lines.push_back(line);
  }
  return lines;
}

Json OnlyRecord(const ProcessResult& result, const std::string& kind) {
  std::vector<std::string> lines = LinesStarting(result.err, "{\"hz4\":\"" + kind + "\"");
  EXPECT_EQ(lines.size(), 1u) << result.err;
  Json json;
  std::string error;
  EXPECT_TRUE(!lines.empty() && ParseJson(lines[0], &json, &error)) << error;
  return json;
}

const char* MemberOf(CounterGroup group) {
  switch (group) {
    case CounterGroup::kCore:
      return "counters";
    case CounterGroup::kMidB1:
      return "mid_b1";
    case CounterGroup::kMidLock:
      return "mid_lock";
  }
  return "";
}

StatsTotals TotalsOf(const Json& stats) {
  StatsTotals totals = {};
  for (size_t i = 0; i < kCounterCount; ++i) {
    const CounterRow& row = kCounterRows[i];
    EXPECT_TRUE(stats[MemberOf(row.group)].Has(row.name)) << row.id_name;
    totals.v[i] = static_cast<uint64_t>(stats[MemberOf(row.group)][row.name].number);
  }
  return totals;
}

std::string Printed(const StatsTotals& totals) {
  std::string text;
  for (size_t i = 0; i < kCounterCount; ++i) {
    text += std::string(kCounterRows[i].id_name) + "=" + std::to_string(totals.v[i]) + "\n";
  }
  return text;
}

class Equations : public testing::TestWithParam<Variables> {};

TEST_P(Equations, HoldWhenTheProcessEnds) {
  Variables variables = GetParam();
  variables.insert(variables.end(), {"HZ4_STATS=json", "HZ4_MID_LOCK_TIME_STATS=1",
                                     "HZ4_MID_LOCK_TIME_STATS_SAMPLE_SHIFT=0"});
  Json stats = OnlyRecord(RunLane(variables), "stats");
  StatsTotals totals = TotalsOf(stats);
  for (const EquationRow& row : kEquationRows) {
    EXPECT_TRUE(row.holds(totals)) << row.condition << "\n" << Printed(totals);
  }
  EXPECT_GT(totals[CounterId::kMallocCalls], 20000u);
  EXPECT_GT(totals[CounterId::kFreeCalls], 20000u);
  EXPECT_GT(totals[CounterId::kSpanCreated], 0u);
  EXPECT_EQ(totals[CounterId::kLockWaitSamples], totals[CounterId::kLockEnter])
      << "with a shift of 0 every entry is timed";
  EXPECT_GT(stats["gauges"]["mapped_bytes"].number, 0);
  EXPECT_GT(stats["gauges"]["resident_bytes"].number, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Policies, Equations,
    testing::Values(
        Variables{}, Variables{"HZ4_FRONT=thread"}, Variables{"HZ4_FRONT=none"},
        Variables{"HZ4_PROFILE=b46-base"}, Variables{"HZ4_PROFILE=b7x-base"},
        Variables{"HZ4_PROFILE=b7x-base", "HZ4_MID_OWNER_LOCAL_STACK_ADAPTIVE=1"},
        Variables{"HZ4_MID_ROUTE=ladder", "HZ4_MID_ALLOC_RUN_CACHE=0", "HZ4_MID_FREE_BATCH=0"},
        Variables{"HZ4_MID_DUAL_TIER_ALLOC=1", "HZ4_MID_TRANSFER_CACHE=1",
                  "HZ4_MID_LOCKPATH_OUTLOCK_REFILL=1", "HZ4_MID_PAGE_CREATE_OUTSIDE_SC_LOCK=1"}));

TEST(Statistics, WorkOrdersLinesSayWhatTheJsonSays) {
  ProcessResult result =
      RunLane({"HZ4_PROFILE=b7x-base", "HZ4_STATS=json", "HZ4_MID_LOCK_TIME_STATS=1",
               "HZ4_MID_LOCK_TIME_STATS_SAMPLE_SHIFT=7"});
  Json stats = OnlyRecord(result, "stats");
  StatsTotals totals = TotalsOf(stats);
  std::string b1 = "[HZ4_MID_STATS_B1]", lock = "[HZ4_MID_LOCK_STATS]";
  for (size_t i = 0; i < kCounterCount; ++i) {
    const CounterRow& row = kCounterRows[i];
    std::string* line = row.group == CounterGroup::kMidB1     ? &b1
                        : row.group == CounterGroup::kMidLock ? &lock
                                                              : nullptr;
    if (line != nullptr) *line += " " + std::string(row.name) + "=" + std::to_string(totals.v[i]);
  }
  EXPECT_THAT(LinesStarting(result.err, "[HZ4_MID_STATS_B1]"), testing::ElementsAre(b1));
  EXPECT_THAT(LinesStarting(result.err, "[HZ4_MID_LOCK_STATS]"),
              testing::ElementsAre(lock + " sample_scale=128"));
  EXPECT_GT(totals[CounterId::kMidMallocCalls], 0u);
}

TEST(Statistics, CountingRunProvesToBeTheTimedOne) {
  const Variables arm = {"HZ4_MID_LOCKPATH_OUTLOCK_REFILL=1", "HZ4_PRINT_CONFIG=json"};
  Variables counting = arm;
  counting.insert(counting.end(), {"HZ4_STATS=json", "HZ4_MID_LOCK_TIME_STATS=1"});
  const std::string timed = OnlyRecord(RunLane(arm), "config")["fingerprint"].text;
  ProcessResult counted = RunLane(counting);
  EXPECT_EQ(timed.size(), 16u);
  EXPECT_EQ(OnlyRecord(counted, "config")["fingerprint"].text, timed);
  EXPECT_EQ(OnlyRecord(counted, "stats")["fingerprint"].text, timed);
  EXPECT_NE(OnlyRecord(RunLane({"HZ4_PRINT_CONFIG=json"}), "config")["fingerprint"].text, timed);
}

}  // namespace
}  // namespace test
}  // namespace hz4
