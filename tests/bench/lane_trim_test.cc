// SPDX-License-Identifier: Apache-2.0
//
// What a lane leaves behind: under hz4's default profile, when everything it allocated is freed and
// its threads have ended, malloc_trim(0) brings resident memory back to within 8 MiB of the start.
//
// What a lane holds at once does not depend on how long it runs, so it runs shorter here, but for
// untouched remote lanes: their backlog grows until the rings are full, and address space with it.

#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <tuple>
#include <vector>

#include "bench/lanes.h"
#include "bench/peers_workload.h"
#include "bench/process.h"
#include "bench/random_mixed_mt_remote_report.h"
#include "bench/runfile.h"

namespace hz4 {
namespace {

constexpr long kEnoughIters = 200000;
constexpr long long kAllowedBytes = 8 << 20;

std::vector<std::string> WorkOrderLanes() {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kWorkOrderLanes; ++i) names.push_back(kLanes[i].name);
  return names;
}

// Lane and form.
class LaneTrimTest : public testing::TestWithParam<std::tuple<std::string, std::string>> {};

TEST_P(LaneTrimTest, TrimBringsBackWhatTheLaneHeld) {
  const std::string library = FindRunfile("hz4/libhz4.so");
  const std::string program = FindRunfile("bench/random_mixed_mt_remote");
  ASSERT_NE(library, "") << "hz4/libhz4.so is not among the runfiles";
  ASSERT_NE(program, "") << "bench/random_mixed_mt_remote is not among the runfiles";
  const auto& [name, form] = GetParam();
  const Lane& lane = *FindLane(name.c_str());
  const bool fills_rings = lane.remote_pct > 0 && form == "untouched";
  LaneSelection selection;
  selection.lanes = {name};
  selection.threads = {lane.threads};
  selection.forms = {form};
  selection.iters = {{name, fills_rings ? lane.iters : kEnoughIters}};
  std::vector<Workload> workloads;
  std::string error;
  ASSERT_TRUE(PlanLanes(selection, program, /*ceiling=*/"", &workloads, &error)) << error;
  ASSERT_EQ(workloads.size(), 1u);

  ProcessSpec spec;
  spec.argv = workloads[0].argv;
  spec.argv.push_back("--trim-check");
  spec.env = BaseEnvironment();  // no HZ4_ variable of this process: the default profile
  spec.env.push_back("LD_PRELOAD=" + library);
  // ld.so goes on without a library it cannot load; the configuration proves that hz4 is there.
  spec.env.push_back("HZ4_PRINT_CONFIG=json");
  spec.timeout_seconds = 120;
  std::string repeat = "repeat: LD_PRELOAD=" + library;
  for (const std::string& word : spec.argv) repeat += " " + word;
  SCOPED_TRACE(repeat);

  const ProcessResult result = RunProcess(spec);
  ASSERT_TRUE(result.Succeeded()) << DescribeOutcome(spec, result) << "\n" << result.err;
  ASSERT_EQ(result.err.rfind("{\"hz4\":\"config\"", 0), 0u) << result.err;
  RandomMixedReport report;
  ASSERT_TRUE(ParseRandomMixedReport(workloads[0].reporter, result.out, &report, &error)) << error;
  EXPECT_GE(report.ops, static_cast<double>(kEnoughIters)) << result.out;
  EXPECT_EQ(report.alloc_failed, 0) << result.out;

  long long start = 0;
  long long freed = 0;
  long long trimmed = 0;
  ASSERT_EQ(std::sscanf(result.out.c_str(), "trim: rss_start=%lld rss_freed=%lld rss_trimmed=%lld",
                        &start, &freed, &trimmed),
            3)
      << result.out;
  ASSERT_GT(start, 0) << result.out;
  EXPECT_LE(trimmed - start, kAllowedBytes) << result.out;
}

INSTANTIATE_TEST_SUITE_P(WorkOrder, LaneTrimTest,
                         testing::Combine(testing::ValuesIn(WorkOrderLanes()),
                                          testing::Values("untouched", "touched")),
                         [](const auto& info) {
                           return std::get<0>(info.param) + "_" + std::get<1>(info.param);
                         });

}  // namespace
}  // namespace hz4
