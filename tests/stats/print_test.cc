// SPDX-License-Identifier: Apache-2.0
#include "hz4/stats/print.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <sstream>

#include "tests/support/json.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

template <typename Print>
std::string Text(const Print& print) {
  std::string buffer(64 * 1024, '\0');
  Printer out(&buffer[0], buffer.size());
  print(&out);
  EXPECT_FALSE(out.truncated());
  return std::string(out.text(), out.size());
}

Json ParsedJson(const std::string& text) {
  Json json;
  std::string error;
  EXPECT_TRUE(ParseJson(text, &json, &error)) << error << "\n" << text;
  return json;
}

// Every counter and gauge has a value of its own: 1000 + its place, 5000000 + its place.
struct Sample {
  Knobs knobs;
  StatsReport report = {&knobs, {"1.2.3", "", ""}, {}, {}};

  Sample() {
    for (size_t i = 0; i < kCounterCount; ++i) report.totals.v[i] = 1000 + i;
    for (size_t i = 0; i < kGaugeCount; ++i) report.gauges.*kGaugeRows[i].field = 5000000 + i;
  }
};

size_t CountOf(CounterGroup group) {
  size_t n = 0;
  for (const CounterRow& row : kCounterRows) n += row.group == group ? 1 : 0;
  return n;
}

void ExpectMembers(const Json& json, CounterGroup group) {
  for (size_t i = 0; i < kCounterCount; ++i) {
    if (kCounterRows[i].group != group) continue;
    ASSERT_TRUE(json.Has(kCounterRows[i].name)) << kCounterRows[i].name;
    EXPECT_EQ(json[kCounterRows[i].name].number, 1000 + i) << kCounterRows[i].name;
  }
}

TEST(Counters, AreFitToBeRead) {
  std::set<std::pair<CounterGroup, std::string>> names;
  for (const CounterRow& row : kCounterRows) {
    EXPECT_TRUE(names.insert({row.group, row.name}).second) << row.name << " stands there twice";
    EXPECT_EQ(std::string(row.sentence).back(), '.') << row.sentence;
    EXPECT_EQ(std::string(row.name).find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"),
              std::string::npos);
    EXPECT_NE(row.unit[0], '\0') << row.name;
  }
  for (const GaugeRow& row : kGaugeRows) EXPECT_EQ(std::string(row.sentence).back(), '.');
}

// The names that the work orders read.
TEST(Counters, HaveTheWorkOrdersNames) {
  std::set<std::string> b1, lock;
  for (const CounterRow& row : kCounterRows) {
    if (row.group == CounterGroup::kMidB1) b1.insert(row.name);
    if (row.group == CounterGroup::kMidLock) lock.insert(row.name);
  }
  for (const char* name : {"malloc_calls",
                           "malloc_lock_path",
                           "malloc_bin_hit",
                           "malloc_bin_miss",
                           "malloc_page_create",
                           "free_calls",
                           "free_locked",
                           "malloc_alloc_cache_hit",
                           "malloc_outlock_refill_calls",
                           "malloc_outlock_refill_objs",
                           "malloc_outlock_refill_drop_back",
                           "malloc_l0_hit",
                           "malloc_l0_refill_calls",
                           "malloc_l0_refill_objs",
                           "malloc_owner_local_stack_hit",
                           "malloc_owner_local_stack_stale_remote",
                           "malloc_owner_local_stack_stale_unowned",
                           "malloc_owner_local_stack_pop_gated_remote",
                           "free_owner_local_stack_hit",
                           "free_owner_local_stack_overflow",
                           "free_owner_local_stack_push_gated_remote",
                           "free_owner_remote",
                           "malloc_owner_local_stack_adaptive_push_skip_cold",
                           "malloc_owner_local_stack_adaptive_push_skip_cooldown",
                           "malloc_owner_local_stack_adaptive_hot_promote",
                           "malloc_owner_local_stack_adaptive_hot_reset",
                           "free_owner_local_stack_adaptive_push_skip_cold",
                           "free_owner_local_stack_adaptive_push_skip_cooldown",
                           "malloc_page_create_outlock_calls"}) {
    EXPECT_EQ(b1.count(name), 1u) << name;
  }
  for (const char* name :
       {"lock_enter", "lock_wait_ns_sum", "hold_page_create_calls", "hold_page_create_ns_sum",
        "inlock_remote_drain_calls", "inlock_remote_drain_objs"}) {
    EXPECT_EQ(lock.count(name), 1u) << name;
  }
}

TEST(PrintStatsJson, IsOneLine) {
  Sample sample;
  std::string text = Text([&](Printer* out) { PrintStatsJson(out, sample.report); });
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  Json json = ParsedJson(text);
  EXPECT_EQ(json["hz4"].text, "stats");
  EXPECT_EQ(json["version"].text, "1.2.3");
  EXPECT_EQ(json["pid"].number, getpid());
  EXPECT_EQ(json["fingerprint"].text,
            Text([&](Printer* out) { out->Hex16(Fingerprint(sample.knobs)); }));
  EXPECT_EQ(json["counters"].members.size(), CountOf(CounterGroup::kCore));
  ExpectMembers(json["counters"], CounterGroup::kCore);
  EXPECT_EQ(json["gauges"].members.size(), kGaugeCount);
  for (size_t i = 0; i < kGaugeCount; ++i) {
    EXPECT_EQ(json["gauges"][kGaugeRows[i].name].number, 5000000 + i) << kGaugeRows[i].name;
  }
  EXPECT_FALSE(json.Has("mid_b1"));
  EXPECT_FALSE(json.Has("mid_lock"));
}

TEST(PrintStatsJson, HasTheMidGroupsThatAreOn) {
  Sample sample;
  sample.knobs.mid_stats_b1 = true;
  sample.knobs.mid_lock_time_stats = true;
  sample.knobs.mid_lock_time_stats_sample_shift = 7;
  Json json = ParsedJson(Text([&](Printer* out) { PrintStatsJson(out, sample.report); }));
  EXPECT_EQ(json["mid_b1"].members.size(), CountOf(CounterGroup::kMidB1));
  ExpectMembers(json["mid_b1"], CounterGroup::kMidB1);
  ExpectMembers(json["mid_lock"], CounterGroup::kMidLock);
  EXPECT_EQ(json["mid_lock"]["sample_scale"].number, 128);
}

TEST(PrintMidStats, IsTheWorkOrdersLine) {
  Sample sample;
  std::string line = Text([&](Printer* out) { PrintMidStats(out, sample.report.totals); });
  size_t first = static_cast<size_t>(CounterId::kMidMallocCalls);
  EXPECT_THAT(line, StartsWith("[HZ4_MID_STATS_B1] malloc_calls=" + std::to_string(1000 + first) +
                               " malloc_lock_path=" + std::to_string(1001 + first) + " "));
  EXPECT_EQ(line.find('\n'), line.size() - 1);
}

TEST(PrintMidLockStats, EndsWithItsScale) {
  Sample sample;
  std::string line = Text([&](Printer* out) { PrintMidLockStats(out, sample.report.totals, 8); });
  size_t first = static_cast<size_t>(CounterId::kLockEnter);
  EXPECT_THAT(line,
              StartsWith("[HZ4_MID_LOCK_STATS] lock_enter=" + std::to_string(1000 + first) + " "));
  EXPECT_THAT(line, testing::EndsWith(" sample_scale=256\n"));
  EXPECT_EQ(line.find('\n'), line.size() - 1);
}

TEST(PrintStatsText, IsReadable) {
  Sample sample;
  sample.report.gauges.live_bytes = 3 * kMiB + kMiB / 2;
  sample.report.gauges.mapped_bytes = kMiB - 1;
  std::string text = Text([&](Printer* out) { PrintStatsText(out, sample.report); });
  for (const CounterRow& row : kCounterRows) {
    if (row.group != CounterGroup::kCore) continue;
    EXPECT_THAT(text, HasSubstr(std::string("\n  ") + row.name + " "));
  }
  EXPECT_THAT(text, testing::ContainsRegex("live_bytes +3670016  \\(3\\.5 MiB\\)\n"));
  EXPECT_THAT(text, testing::ContainsRegex("mapped_bytes +1048575  \\(0\\.9 MiB\\)\n"));
}

// The largest numbers in every place: still one write.
TEST(PrintStatsJson, FitsOneRecord) {
  Sample sample;
  sample.knobs.mid_stats_b1 = true;
  sample.knobs.mid_lock_time_stats = true;
  for (uint64_t& value : sample.report.totals.v) value = ~uint64_t{0};
  for (const GaugeRow& row : kGaugeRows) sample.report.gauges.*row.field = ~uint64_t{0};
  EXPECT_LT(Text([&](Printer* out) { PrintStatsJson(out, sample.report); }).size(), 14u * 1024);
}

std::string Written(const Knobs& knobs) {
  static int count = 0;
  std::string path = ScratchDirectory() + "/stats" + std::to_string(count++);
  Sample sample;
  sample.knobs = knobs;
  strcpy(sample.knobs.output.chars, path.c_str());
  WriteStats(sample.report);
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST(WriteStats, WritesWhatIsAskedFor) {
  Knobs knobs;
  EXPECT_FALSE(WantsStats(knobs));
  knobs.stats = StatsFormat::kJson;
  EXPECT_TRUE(WantsStats(knobs));
  EXPECT_THAT(Written(knobs), StartsWith("{\"hz4\":\"stats\""));
  knobs.stats = StatsFormat::kText;
  EXPECT_TRUE(WantsStats(knobs));
  EXPECT_THAT(Written(knobs), StartsWith("hz4 1.2.3 statistics, pid "));

  Knobs lines;
  lines.mid_stats_b1 = true;
  EXPECT_TRUE(WantsStats(lines));
  EXPECT_THAT(Written(lines), testing::MatchesRegex("\\[HZ4_MID_STATS_B1\\][^\n]*\n"));
  lines.mid_lock_time_stats = true;
  EXPECT_THAT(Written(lines), testing::MatchesRegex("\\[HZ4_MID_STATS_B1\\][^\n]*\n"
                                                    "\\[HZ4_MID_LOCK_STATS\\][^\n]*\n"));
}

// Each equation can fail, and holds where nothing happened.
TEST(Equations, HoldOfNothingAndNotOfNonsense) {
  StatsTotals nothing = {};
  for (const EquationRow& row : kEquationRows) {
    EXPECT_TRUE(row.holds(nothing)) << row.condition;
    bool can_fail = false;
    for (size_t i = 0; i < kCounterCount; ++i) {
      StatsTotals one = {};
      one.v[i] = 1;
      can_fail |= !row.holds(one);
    }
    EXPECT_TRUE(can_fail) << row.condition;
  }
}

}  // namespace
}  // namespace test
}  // namespace hz4
