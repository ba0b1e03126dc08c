// SPDX-License-Identifier: Apache-2.0
//
// The micro benchmarks' program: it starts itself under the allocator that is asked for and says
// so, every benchmark runs, bad arguments are named.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "bench/process.h"
#include "bench/runfile.h"

namespace hz4 {
namespace {

ProcessResult RunMicro(const std::vector<std::string>& arguments,
                       const std::vector<std::string>& environment = {}) {
  ProcessSpec spec;
  spec.argv = {FindRunfile("bench/micro")};
  EXPECT_NE(spec.argv[0], "") << "bench/micro is not among the runfiles";
  spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
  spec.env = BaseEnvironment();
  spec.env.insert(spec.env.end(), environment.begin(), environment.end());
  spec.timeout_seconds = 240;
  const ProcessResult result = RunProcess(spec);
  EXPECT_EQ(result.outcome, ProcessOutcome::kExited) << DescribeOutcome(spec, result) << result.err;
  return result;
}

std::string Library() { return FindRunfile("tests/bench/libpass.so"); }

bool Has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(MicroProgramTest, EveryBenchmarkRuns) {
  const ProcessResult result = RunMicro({"--allocator=libc", "--benchmark_min_time=0.0001"});
  EXPECT_EQ(result.exit_status, 0);
  EXPECT_TRUE(Has(result.err, "allocator: libc")) << result.err;
  for (const std::string name :
       {"Pair/16/real_time/threads:1", "Pair/1048576/real_time/threads:16",
        "Batch/16/real_time/threads:1", "Batch/131072/real_time/threads:4", "Calloc/16",
        "ReallocSteps", "ReallocDoubleTouched", "ReallocDoubleUntouched",
        "RemoteFree/1024/real_time/threads:2", "RemoteFree/16/real_time/threads:16",
        "ThreadStartAndExit/real_time", "FirstMalloc/manual_time"}) {
    EXPECT_TRUE(Has(result.out, name + " ")) << name << " is not in\n" << result.out;
  }
  EXPECT_FALSE(Has(result.out, "ERROR")) << result.out;
}

TEST(MicroProgramTest, RunsUnderTheLibraryAskedForWithItsVariables) {
  const std::vector<std::string> quick = {"--benchmark_filter=^ReallocSteps$",
                                          "--benchmark_min_time=0.0001"};
  std::vector<std::string> arguments = quick;
  arguments.push_back("--allocator=mine=" + Library() + ",MALLOC_ARENA_MAX=1");
  ProcessResult result = RunMicro(arguments);
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_TRUE(Has(result.err, "allocator: mine")) << result.err;
  EXPECT_TRUE(Has(result.err, "library: " + Library())) << result.err;

  result = RunMicro(quick, {"LD_PRELOAD=" + Library()});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_TRUE(Has(result.err, "allocator: preloaded")) << result.err;
  EXPECT_TRUE(Has(result.err, "library: " + Library())) << result.err;

  arguments = quick;
  arguments.push_back("--allocator=preloaded");
  result = RunMicro(arguments);
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_TRUE(Has(result.err, "library: libc's own")) << result.err;

  result = RunMicro(quick, {"LD_PRELOAD=/nonexistent/libnone.so"});
  EXPECT_EQ(result.exit_status, 1) << "ld.so goes on without it; the figures would be libc's";
  EXPECT_TRUE(Has(result.err, "micro: /nonexistent/libnone.so was not loaded")) << result.err;
}

TEST(MicroProgramTest, BadArgumentsExitTwo) {
  const struct {
    std::string argument;
    std::string error;
  } cases[] = {
      {"--allocator=nosuch", "micro: --allocator: nosuch: no such allocator; known without a path"},
      {"--allocator=x=/nonexistent.so", "not a readable 64-bit shared library"},
      {"--no_such_flag", "--no_such_flag"},
  };
  for (const auto& bad : cases) {
    std::vector<std::string> arguments = {bad.argument};
    if (!Has(bad.argument, "allocator")) arguments.push_back("--allocator=libc");
    const ProcessResult result = RunMicro(arguments);
    EXPECT_EQ(result.exit_status, 2) << bad.argument;
    EXPECT_TRUE(Has(result.err, bad.error)) << result.err;
  }
}

}  // namespace
}  // namespace hz4
