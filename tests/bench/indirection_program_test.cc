// SPDX-License-Identifier: Apache-2.0
//
// The comparison of the two builds of hz4, on libraries that stand in for them.

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "bench/process.h"
#include "bench/runfile.h"

namespace hz4 {
namespace {

ProcessResult RunTool(const std::string& tool, const std::vector<std::string>& arguments) {
  ProcessSpec spec;
  spec.argv = {FindRunfile("bench/" + tool)};
  EXPECT_NE(spec.argv[0], "") << tool << " is not among the runfiles";
  spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
  spec.env = BaseEnvironment();
  spec.timeout_seconds = 280;
  const ProcessResult result = RunProcess(spec);
  EXPECT_EQ(result.outcome, ProcessOutcome::kExited) << DescribeOutcome(spec, result) << result.err;
  return result;
}

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class IndirectionTest : public testing::Test {
 protected:
  IndirectionTest() {
    std::string folder = testing::TempDir() + "/indirectionXXXXXX";
    EXPECT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
  }
  std::string folder_;
};

TEST_F(IndirectionTest, ReportsARatioWithItsIntervalPerWorkload) {
  const std::string pass = FindRunfile("tests/bench/libpass.so");
  const ProcessResult result =
      RunTool("indirection", {"--rounds=3", "--iters=20000", "--pairs=20000", "--table=" + pass,
                              "--constexpr_table=" + pass, "--out=" + folder_ + "/new/folder"});
  EXPECT_EQ(result.exit_status, 0) << result.err << result.out;
  std::ifstream file(folder_ + "/new/folder/raw.tsv");
  std::vector<std::string> lines;
  // Operations per second by workload and library, round by round.
  std::map<std::pair<std::string, std::string>, std::vector<double>> rates;
  for (std::string line; std::getline(file, line); lines.push_back(line)) {
    std::stringstream row(line);
    std::string round, workload, library, outcome, ops;
    double rate = 0;
    for (std::string* cell : {&round, &workload, &library, &outcome, &ops}) {
      std::getline(row, *cell, '\t');
    }
    if (row >> rate) rates[{workload, library}].push_back(rate);
  }
  EXPECT_EQ(lines.size(), 1u + 3 * 2 * 4);
  for (const std::string name : {"guard_r0 untouched 16t", "main_r0 untouched 16t",
                                 "pair of 64 bytes", "pair of 16384 bytes"}) {
    const size_t at = result.out.find("| " + name + " | ");
    ASSERT_NE(at, std::string::npos) << name << " is not in\n" << result.out;
    double table = 0;
    double other = 0;
    double ratio = 0;
    double low = 0;
    double high = 0;
    ASSERT_EQ(sscanf(result.out.c_str() + at + name.size() + 5, "%lf | %lf | %lf | %lf to %lf |",
                     &table, &other, &ratio, &low, &high),
              5)
        << result.out.substr(at, 100);
    EXPECT_GT(table, 0);
    EXPECT_GT(other, 0);
    EXPECT_GT(low, 0);
    EXPECT_LE(low, ratio);
    EXPECT_LE(ratio, high);
    std::vector<double> ratios = rates[{name, "table"}];
    const std::vector<double>& divisors = rates[{name, "constexpr"}];
    ASSERT_EQ(ratios.size(), 3u);
    ASSERT_EQ(divisors.size(), 3u);
    for (size_t round = 0; round < 3; ++round) ratios[round] /= divisors[round];
    std::sort(ratios.begin(), ratios.end());
    EXPECT_NEAR(ratio, ratios[1], 0.0001);
  }
}

TEST_F(IndirectionTest, FailedRunsEnterNoFigure) {
  const ProcessResult result =
      RunTool("indirection",
              {"--rounds=1", "--iters=20000", "--pairs=20000",
               "--table=" + FindRunfile("tests/bench/libcrash.so"),
               "--constexpr_table=" + FindRunfile("tests/bench/libcrash.so"), "--out=" + folder_});
  EXPECT_EQ(result.exit_status, 1);
  EXPECT_TRUE(Has(result.out, "- table in pair of 64 bytes: 1 of 1: killed by SIGSEGV (1)"))
      << result.out;
}

TEST_F(IndirectionTest, BadArgumentsExitTwo) {
  const std::string pass = FindRunfile("tests/bench/libpass.so");
  for (const std::vector<std::string>& bad :
       {std::vector<std::string>{"--rounds=0"},
        {"--timeout=-1"},
        {"--iters=-1"},
        {"--pairs=0"},
        {"extra"},
        {"--table=/nonexistent.so"},
        {"--table=" + pass, "--constexpr_table=/nonexistent.so"}}) {
    const ProcessResult result = RunTool("indirection", bad);
    EXPECT_EQ(result.exit_status, 2) << bad[0];
    EXPECT_TRUE(Has(result.err, "indirection: ")) << result.err;
  }
}

TEST_F(IndirectionTest, PairLoopNamesBadArguments) {
  for (const std::vector<std::string>& bad :
       {std::vector<std::string>{}, {"64"}, {"0", "1"}, {"64", "x"}, {"64", "1", "1"}}) {
    const ProcessResult result = RunTool("indirection_pair", bad);
    EXPECT_EQ(result.exit_status, 2);
    EXPECT_TRUE(Has(result.err, "usage: indirection_pair size pairs")) << result.err;
  }
  const ProcessResult result = RunTool("indirection_pair", {"64", "1000"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_TRUE(Has(result.out, "indirection_pair: size=64 failed=0 ops=2000 time=")) << result.out;
}

}  // namespace
}  // namespace hz4
