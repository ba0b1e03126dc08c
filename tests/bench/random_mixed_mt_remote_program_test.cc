// SPDX-License-Identifier: Apache-2.0
//
// The two programs over the lanes' loop as their users meet them: exit status, usage, last lines;
// and the reader of those lines.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "bench/process.h"
#include "bench/random_mixed_mt_remote_report.h"
#include "bench/runfile.h"

namespace hz4 {
namespace {

ProcessResult RunProgram(const std::string& program, const std::vector<std::string>& arguments,
                         const std::vector<std::string>& environment = {}) {
  ProcessSpec spec;
  spec.argv = {FindRunfile("bench/" + program)};
  EXPECT_NE(spec.argv[0], "") << "bench/" << program << " is not among the runfiles";
  spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
  spec.env = environment;
  spec.timeout_seconds = 120;
  const ProcessResult result = RunProcess(spec);
  EXPECT_EQ(result.outcome, ProcessOutcome::kExited) << DescribeOutcome(spec, result);
  return result;
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t start = 0; start < text.size();) {
    const size_t end = text.find('\n', start);
    lines.push_back(text.substr(start, end - start));
    start = end == std::string::npos ? text.size() : end + 1;
  }
  return lines;
}

class ProgramTest : public testing::TestWithParam<std::string> {};

TEST_P(ProgramTest, LastLinesAreTheReport) {
  const ProcessResult result =
      RunProgram(GetParam(), {"4", "5000", "40", "16", "2048", "50", "64", "--matched"});
  ASSERT_TRUE(result.Succeeded()) << result.err;
  const std::vector<std::string> lines = Lines(result.out);
  ASSERT_EQ(lines.size(), 2u) << result.out;
  EXPECT_EQ(lines[0].rfind("remote: asked_pct=50 real_pct=", 0), 0u) << lines[0];
  EXPECT_NE(lines[0].find(" fallback_pct=0.00 peak_ring_depth="), std::string::npos) << lines[0];
  EXPECT_NE(lines[0].find(" alloc_failed=0"), std::string::npos) << lines[0];
  // Matched: every count follows from the arguments, so ops is 4 x 5000 exactly.
  EXPECT_EQ(lines[1].rfind(GetParam() + ": threads=4 iters=5000 ws=40 min=16 max=2048 "
                                        "remote_pct=50 ring=64 ops=20000 time=",
                           0),
            0u)
      << lines[1];
  RandomMixedReport report;
  std::string error;
  ASSERT_TRUE(ParseRandomMixedReport(GetParam(), result.out, &report, &error)) << error;
  EXPECT_EQ(report.ops, 20000);
  EXPECT_GT(report.seconds, 0);
  EXPECT_GT(report.ops_per_second, 0);
  EXPECT_NEAR(report.real_pct, 50, 3);
  EXPECT_EQ(report.alloc_failed, 0);
}

TEST_P(ProgramTest, BadArgumentsGiveUsageAndExitTwo) {
  for (const std::vector<std::string>& bad :
       {std::vector<std::string>{}, {"--lane=nothing"}, {"1", "2", "3"}, {"--bad"}}) {
    const ProcessResult result = RunProgram(GetParam(), bad);
    EXPECT_EQ(result.exit_status, 2);
    EXPECT_EQ(result.out, "");
    EXPECT_NE(
        result.err.find("usage: " + GetParam() + " threads iters ws min max remote_pct ring_slots"),
        std::string::npos)
        << result.err;
  }
  EXPECT_TRUE(RunProgram(GetParam(), {"--help"}).Succeeded());
}

TEST_P(ProgramTest, TouchedFormsRun) {
  for (const std::string touch : {"--touch=ends", "--touch=all"}) {
    const ProcessResult result =
        RunProgram(GetParam(), {"2", "5000", "40", "16", "70000", "90", "8", touch});
    EXPECT_TRUE(result.Succeeded()) << touch << ": " << result.err;
  }
}

TEST_P(ProgramTest, NoRateIsPrintedWhileStatisticsAreOn) {
  const std::vector<std::string> arguments = {"1", "1000", "40", "16", "64", "0", "1"};
  for (const char* on :
       {"HZ4_STATS=1", "HZ4_STATS=json", "HZ4_MID_STATS_B1=yes", "HZ4_MID_LOCK_TIME_STATS=on"}) {
    const ProcessResult result = RunProgram(GetParam(), arguments, {on});
    EXPECT_EQ(result.out.substr(result.out.rfind(" ")), " ops/s=-\n") << on << ": " << result.out;
  }
  for (const char* off : {"HZ4_STATS=0", "HZ4_STATS=off", "HZ4_MID_STATS_B1=false",
                          "HZ4_MID_LOCK_TIME_STATS=no", "HZ4_FRONT=thread"}) {
    const ProcessResult result = RunProgram(GetParam(), arguments, {off});
    EXPECT_EQ(result.out.find("ops/s=-"), std::string::npos) << off << ": " << result.out;
  }
}

TEST_P(ProgramTest, TrimCheckPrintsThreeMoments) {
  const ProcessResult result =
      RunProgram(GetParam(), {"2", "2000", "40", "16", "64", "0", "1", "--trim-check"});
  const std::vector<std::string> lines = Lines(result.out);
  ASSERT_EQ(lines.size(), 3u) << result.out;
  long long start = 0;
  long long freed = 0;
  long long trimmed = 0;
  ASSERT_EQ(sscanf(lines[0].c_str(), "trim: rss_start=%lld rss_freed=%lld rss_trimmed=%lld", &start,
                   &freed, &trimmed),
            3)
      << lines[0];
  EXPECT_GT(start, 0);
  EXPECT_GT(freed, 0);
  EXPECT_GT(trimmed, 0);
}

INSTANTIATE_TEST_SUITE_P(All, ProgramTest, testing::Values("random_mixed_mt_remote", "ceiling"),
                         [](const auto& info) { return info.param; });

TEST(ReportTest, ReadsTheLastReportAndNamesWhatIsMissing) {
  const std::string good =
      "noise\nremote: asked_pct=50 real_pct=48.11 fallback_pct=3.80 peak_ring_depth=7 "
      "alloc_failed=2\np: threads=1 ring=1 ops=100 time=0.500000 ops/s=200\n";
  RandomMixedReport report;
  std::string error;
  ASSERT_TRUE(ParseRandomMixedReport("p", good, &report, &error)) << error;
  EXPECT_EQ(report.ops, 100);
  EXPECT_EQ(report.seconds, 0.5);
  EXPECT_EQ(report.ops_per_second, 200);
  EXPECT_EQ(report.real_pct, 48.11);
  EXPECT_EQ(report.fallback_pct, 3.8);
  EXPECT_EQ(report.peak_ring_depth, 7);
  EXPECT_EQ(report.alloc_failed, 2);

  EXPECT_FALSE(ParseRandomMixedReport("q", good, &report, &error));
  EXPECT_EQ(error, "no line \"q: ...\"");
  EXPECT_FALSE(ParseRandomMixedReport("p", "p: ops=1 time=1 ops/s=1\n", &report, &error));
  EXPECT_EQ(error, "no line \"remote: ...\"");
  std::string torn = good;
  torn.resize(torn.find("ops/s"));
  EXPECT_FALSE(ParseRandomMixedReport("p", torn, &report, &error));
  EXPECT_NE(error.find("ops/s="), std::string::npos) << error;
}

TEST(ReportTest, CountingRunsHaveNoRate) {
  RandomMixedReport report;
  std::string error;
  ASSERT_TRUE(ParseRandomMixedReport(
      "p",
      "remote: real_pct=0 fallback_pct=0 peak_ring_depth=0 alloc_failed=0\np: ops=9 time=1 "
      "ops/s=-",
      &report, &error))
      << error;
  EXPECT_EQ(report.ops_per_second, 0);
  EXPECT_EQ(report.ops, 9);
}

}  // namespace
}  // namespace hz4
