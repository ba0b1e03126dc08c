// SPDX-License-Identifier: Apache-2.0
//
// The comparison as its user meets it: allocators that crash, hang and run out of memory are
// reported and survived; lanes and commands; bad arguments.

#include <gtest/gtest.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "bench/process.h"
#include "bench/runfile.h"

namespace hz4 {
namespace {

std::string Read(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

class PeersProgramTest : public testing::Test {
 protected:
  PeersProgramTest() {
    std::string folder = testing::TempDir() + "/peersXXXXXX";
    EXPECT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
  }

  ProcessResult RunPeers(const std::vector<std::string>& arguments) {
    ProcessSpec spec;
    spec.argv = {FindRunfile("bench/peers"), "--out=" + folder_ + "/a/b"};
    EXPECT_NE(spec.argv[0], "") << "bench/peers is not among the runfiles";
    spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
    spec.env = BaseEnvironment();
    spec.env.push_back("HZ4_LEAKED=1");
    spec.env.push_back("VISIBLE=1");
    spec.timeout_seconds = 240;
    const ProcessResult result = RunProcess(spec);
    EXPECT_EQ(result.outcome, ProcessOutcome::kExited)
        << DescribeOutcome(spec, result) << result.err;
    return result;
  }
  std::string Output(const std::string& file) const { return Read(folder_ + "/a/b/" + file); }

  std::string folder_;
};

std::string Bad(const std::string& name) {
  return name + "=" + FindRunfile("tests/bench/lib" + name + ".so");
}

TEST_F(PeersProgramTest, SurvivesAllocatorsThatFail) {
  const ProcessResult result =
      RunPeers({"--allocators=libc", "--lanes=guard_r0", "--forms=untouched", "--threads=2",
                "--iters=guard_r0=20000", "--rounds=3", "--timeout=2", Bad("crash"), Bad("hang"),
                Bad("refuse"), "again=libc,VARIABLE=1"});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  const std::string report = Output("REPORT.md");
  for (const std::string expected :
       {"- crash in guard_r0 untouched 2t: 3 of 3: killed by SIGSEGV (3)",
        "- hang in guard_r0 untouched 2t: 3 of 3: skipped after 2 hangs (1), timed out after 2 s "
        "(2)",
        "- refuse in guard_r0 untouched 2t: 3 of 3: failed allocations (3)"}) {
    EXPECT_NE(report.find(expected), std::string::npos) << expected << "\nis not in\n" << report;
  }
  EXPECT_EQ(report.find("- libc in"), std::string::npos);
  EXPECT_EQ(report.find("- again in"), std::string::npos);
  EXPECT_EQ(report.find("- ceiling in"), std::string::npos);
  EXPECT_NE(Output("hangs.txt").find("guard_r0 untouched 2t, hang"), std::string::npos);
  EXPECT_NE(Output("hangs.txt").find("State: "), std::string::npos);
  const std::string raw = Output("raw.tsv");
  EXPECT_EQ(std::count(raw.begin(), raw.end(), '\n'), 1 + 3 * 6) << raw;
  EXPECT_NE(Output("plot.svg").find("</svg>"), std::string::npos);
}

TEST_F(PeersProgramTest, LibraryThatCannotBePreloadedIsNoFigure) {
  // An ELF file cut short: it passes for a library until ld.so looks closer.
  const std::string torn = folder_ + "/torn.so";
  std::ofstream(torn, std::ios::binary)
      << Read(FindRunfile("tests/bench/libcrash.so")).substr(0, 200);
  const ProcessResult result =
      RunPeers({"--allocators=libc", "--lanes=guard_r0", "--forms=untouched", "--threads=1",
                "--iters=guard_r0=1000", "--rounds=1", "torn=" + torn});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_NE(Output("REPORT.md").find("torn in guard_r0 untouched 1t: 1 of 1: "), std::string::npos)
      << Output("REPORT.md");
}

TEST_F(PeersProgramTest, ComparesOnACommand) {
  const ProcessResult result = RunPeers(
      {"--allocators=libc", "--peers=again=libc,SEEN=2", "--rounds=2", "--command", "--", "sh",
       "-c", "test -z \"$HZ4_LEAKED$LD_PRELOAD\" && test \"$VISIBLE\" = 1 && test -n \"$SEEN\""});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  const std::string report = Output("REPORT.md");
  EXPECT_NE(report.find("- libc in sh: 2 of 2: exit 1 (2)"), std::string::npos) << report;
  EXPECT_EQ(report.find("- again in"), std::string::npos) << report;
  EXPECT_NE(report.find("## Time"), std::string::npos) << report;
}

TEST_F(PeersProgramTest, ComparesOnCommandsOfAFile) {
  const std::string path = folder_ + "/commands";
  std::ofstream(path) << "yes: true\nno: false\n";
  const ProcessResult result = RunPeers({"--allocators=libc", "--rounds=1", "--commands=" + path});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  EXPECT_NE(Output("REPORT.md").find("- libc in no: 1 of 1: exit 1 (1)"), std::string::npos)
      << Output("REPORT.md");
}

TEST_F(PeersProgramTest, ComparesOnMicroBenchmarks) {
  const ProcessResult result =
      RunPeers({"--allocators=libc", "--rounds=2", "--micro=^Realloc(Steps|DoubleUntouched)$",
                "--micro_seconds=0.001", "pass=" + FindRunfile("tests/bench/libpass.so")});
  EXPECT_EQ(result.exit_status, 0) << result.err;
  const std::string report = Output("REPORT.md");
  EXPECT_NE(report.find("## Micro benchmarks"), std::string::npos) << report;
  EXPECT_NE(report.find("None: every run of every allocator was ok."), std::string::npos) << report;
  // Two allocators, two benchmarks: both have a figure in each.
  for (const std::string name : {"ReallocSteps", "ReallocDoubleUntouched"}) {
    double libc = 0;
    double pass = 0;
    const size_t at = report.find("| " + name + " | ");
    ASSERT_NE(at, std::string::npos) << report;
    std::string row = report.substr(at + name.size() + 5, 60);
    row.erase(std::remove(row.begin(), row.end(), '*'), row.end());
    ASSERT_EQ(sscanf(row.c_str(), "%lf | %lf |", &libc, &pass), 2) << row;
    EXPECT_GT(libc, 0);
    EXPECT_GT(pass, 0);
  }
}

TEST_F(PeersProgramTest, BadArgumentsExitTwoBeforeAnythingRuns) {
  const struct {
    std::vector<std::string> arguments;
    std::string error;
  } cases[] = {
      {{"--allocators=nosuch"}, "nosuch: no such allocator"},
      {{"--allocators=libc", "x=/nonexistent.so"}, "not a readable 64-bit shared library"},
      {{"--allocators=libc", "libc=libc"}, "the name libc is taken"},
      {{"--allocators=libc", "ceiling=libc"}, "the name ceiling is taken"},
      {{"--allocators="}, "no allocator to run"},
      {{"--allocators=libc", "--lanes=nolane"}, "lane nolane: lanes are guard_r0"},
      {{"--allocators=libc", "--threads=two"}, "--threads=two: two is not a number"},
      {{"--allocators=libc", "--iters=main_r0"}, "--iters: \"main_r0\": expected LANE=N"},
      {{"--allocators=libc", "--rounds=0"}, "--rounds: allowed is 1 or more"},
      {{"--allocators=libc", "--timeout=0"}, "--timeout: allowed is a number above 0"},
      {{"--allocators=libc", "--command"}, "--command: the command is missing behind --"},
      {{"--allocators=libc", "--commands=/nonexistent"}, "/nonexistent: cannot be read"},
      {{"--allocators=libc", "--micro=^NoSuchBenchmark$"}, "no micro benchmark matches"},
      {{"--allocators=libc", "--micro=Pair", "--micro_seconds=0"}, "--micro_seconds: allowed is"},
      {{"--allocators=libc", "--micro=Pair", "--commands=x"}, "exclude each other"},
      {{"--allocators=libc", "--out=/proc/nowhere"}, "--out=/proc/nowhere"},
  };
  for (const auto& bad : cases) {
    const ProcessResult result = RunPeers(bad.arguments);
    EXPECT_EQ(result.exit_status, 2) << bad.error;
    EXPECT_NE(result.err.find(bad.error), std::string::npos) << bad.error << "\nis not in\n"
                                                             << result.err;
    EXPECT_EQ(Output("raw.tsv"), "");
  }
}

}  // namespace
}  // namespace hz4
