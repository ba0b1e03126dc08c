// SPDX-License-Identifier: Apache-2.0
//
// The process runner: what it reports about children that end in every way they can.

#include "bench/process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "tests/support/cpus.h"

namespace hz4 {
namespace {

ProcessSpec Shell(const std::string& script) {
  ProcessSpec spec;
  spec.argv = {"/bin/sh", "-c", script};
  spec.env = {"PATH=/usr/bin:/bin"};
  spec.timeout_seconds = 60;
  return spec;
}

TEST(ProcessTest, ExitStatusAndOutputAreReported) {
  const ProcessSpec spec = Shell("echo to-out; echo to-err >&2; exit 3");
  const ProcessResult result = RunProcess(spec);
  EXPECT_EQ(result.outcome, ProcessOutcome::kExited);
  EXPECT_EQ(result.exit_status, 3);
  EXPECT_FALSE(result.Succeeded());
  EXPECT_EQ(result.out, "to-out\n");
  EXPECT_EQ(result.err, "to-err\n");
  EXPECT_GT(result.pid, 0);
  EXPECT_EQ(DescribeOutcome(spec, result), "exit 3");
}

TEST(ProcessTest, SignalIsNamed) {
  const ProcessSpec spec = Shell("kill -SEGV $$");
  const ProcessResult result = RunProcess(spec);
  EXPECT_EQ(result.outcome, ProcessOutcome::kSignaled);
  EXPECT_EQ(result.signal, SIGSEGV);
  EXPECT_EQ(DescribeOutcome(spec, result), "killed by SIGSEGV");
}

TEST(ProcessTest, EnvironmentIsExactlyTheOneGiven) {
  ProcessSpec spec;
  spec.argv = {"/usr/bin/env"};
  spec.env = {"ONE=1", "TWO=with blank and = sign"};
  const ProcessResult result = RunProcess(spec);
  ASSERT_TRUE(result.Succeeded()) << DescribeOutcome(spec, result);
  EXPECT_EQ(result.out, "ONE=1\nTWO=with blank and = sign\n");
}

TEST(ProcessTest, BaseEnvironmentHoldsOnlyTheListedNames) {
  setenv("HZ4_FRONT", "thread", 1);
  setenv("LD_PRELOAD_NOT", "x", 1);
  for (const std::string& entry : BaseEnvironment()) {
    EXPECT_NE(entry.rfind("HZ4_", 0), 0u) << entry;
    EXPECT_NE(entry.rfind("LD_", 0), 0u) << entry;
  }
  unsetenv("HZ4_FRONT");
  unsetenv("LD_PRELOAD_NOT");
}

TEST(ProcessTest, TimeoutKillsAndDescribesTheChild) {
  ProcessSpec spec = Shell("echo before; sleep 600");
  spec.timeout_seconds = 0.3;
  const ProcessResult result = RunProcess(spec);
  EXPECT_EQ(result.outcome, ProcessOutcome::kTimedOut);
  EXPECT_EQ(result.out, "before\n");
  EXPECT_EQ(DescribeOutcome(spec, result), "timed out after 0.3 s");
  EXPECT_NE(result.hang_report.find("process " + std::to_string(result.pid) + ": sh"),
            std::string::npos)
      << result.hang_report;
  EXPECT_NE(result.hang_report.find("State: S (sleeping)"), std::string::npos)
      << result.hang_report;
  EXPECT_NE(result.hang_report.find("stacks:"), std::string::npos) << result.hang_report;
  EXPECT_NE(kill(result.pid, 0), 0) << "the child still exists";
}

TEST(ProcessTest, WhatTheChildLeftBehindIsKilled) {
  const ProcessResult result = RunProcess(Shell("sleep 600 & echo $!"));
  ASSERT_TRUE(result.Succeeded());
  const pid_t left = static_cast<pid_t>(atol(result.out.c_str()));
  ASSERT_GT(left, 0);
  // Killed already; whoever adopts it reaps it in his own time, and until then it is a zombie.
  for (int i = 0; i < 1000 && kill(left, 0) == 0; ++i) {
    const ProcessResult state =
        RunProcess(Shell("cut -d' ' -f3 /proc/" + std::to_string(left) + "/stat 2>/dev/null"));
    if (state.out == "Z\n") return;
    usleep(10000);
  }
  EXPECT_NE(kill(left, 0), 0) << "pid " << left << " still runs";
}

TEST(ProcessTest, MissingProgramsAreNamed) {
  ProcessSpec spec = Shell("");
  spec.argv = {"hz4-no-such-program"};
  ProcessResult result = RunProcess(spec);
  EXPECT_EQ(result.outcome, ProcessOutcome::kNotStarted);
  EXPECT_EQ(DescribeOutcome(spec, result), "not started: no such program: hz4-no-such-program");

  // An executable file that exec itself refuses.
  const std::string path = testing::TempDir() + "/hz4_not_a_program";
  FILE* file = fopen(path.c_str(), "w");
  ASSERT_NE(file, nullptr);
  fputs("neither ELF nor script", file);
  fclose(file);
  ASSERT_EQ(RunProcess(Shell("chmod +x " + path)).exit_status, 0);
  spec.argv = {path};
  result = RunProcess(spec);
  EXPECT_EQ(result.outcome, ProcessOutcome::kNotStarted);
  EXPECT_EQ(result.error, "cannot execute " + path + ": Exec format error");
  spec.argv.clear();
  EXPECT_EQ(RunProcess(spec).error, "no program given");
}

TEST(ProcessTest, LongOutputKeepsItsEnd) {
  ProcessSpec spec = Shell(
      "i=0; while [ $i -lt 20000 ]; do echo line$i; i=$((i+1)); done; "
      "echo last line");
  spec.output_limit = 1000;
  const ProcessResult result = RunProcess(spec);
  ASSERT_TRUE(result.Succeeded());
  EXPECT_EQ(result.out.size(), 1000u);
  EXPECT_EQ(result.out.substr(result.out.size() - 10), "last line\n");
  EXPECT_GT(result.out_dropped, 100000u);
}

TEST(ProcessTest, WorkingDirectoryAndCpuSetAreApplied) {
  const std::vector<int> allowed = test::AllowedCpus();
  ASSERT_FALSE(allowed.empty());
  const int cpu = allowed.front();
  ProcessSpec spec = Shell("pwd; grep Cpus_allowed_list /proc/self/status");
  spec.directory = "/usr";
  spec.cpus = {cpu};
  const ProcessResult result = RunProcess(spec);
  EXPECT_EQ(result.out, "/usr\nCpus_allowed_list:\t" + std::to_string(cpu) + "\n");
  spec.directory = "/hz4-no-such-directory";
  EXPECT_EQ(RunProcess(spec).outcome, ProcessOutcome::kNotStarted);
}

TEST(ProcessTest, StandardInputIsEmpty) {
  const ProcessResult result = RunProcess(Shell("wc -c"));
  EXPECT_EQ(atoi(result.out.c_str()), 0);
  EXPECT_TRUE(result.Succeeded());
}

// The reason for the launcher: this process's own size must not appear as a small child's.
TEST(ProcessTest, PeakMemoryIsTheChildsOwn) {
  StartProcessLauncher();
  const size_t size = 256 << 20;
  std::vector<char> ballast(size);
  memset(ballast.data(), 1, size);
  ProcessSpec spec = Shell("");
  spec.argv = {"/bin/true"};
  const ProcessResult result = RunProcess(spec);
  ASSERT_TRUE(result.Succeeded());
  EXPECT_GT(result.max_rss_bytes, 0);
  EXPECT_LE(result.max_rss_floor_bytes, result.max_rss_bytes);
  EXPECT_LT(result.max_rss_bytes, static_cast<int64_t>(size / 2));
  EXPECT_EQ(ballast[size / 2], 1);
}

TEST(ProcessTest, UsageCountsWhatTheChildDid) {
  // dd touches a 64 MiB buffer: 16384 pages, fewer where the kernel gives huge pages.
  ProcessSpec spec = Shell("");
  spec.argv = {"dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"};
  const ProcessResult result = RunProcess(spec);
  ASSERT_TRUE(result.Succeeded()) << result.err;
  EXPECT_GE(result.max_rss_bytes, 64 << 20);
  EXPECT_GT(result.minor_faults, 32);
  EXPECT_GT(result.wall_seconds, 0);
  EXPECT_GT(result.user_seconds + result.system_seconds, 0);
  EXPECT_GE(result.voluntary_switches + result.involuntary_switches, 0);
}

volatile std::sig_atomic_t g_cancel = 0;

TEST(ProcessTest, CancellingEndsTheChildAndTheNextOneRuns) {
  g_cancel = 0;
  signal(SIGALRM, [](int) { g_cancel = 1; });
  const itimerval soon = {{0, 0}, {0, 50000}};
  setitimer(ITIMER_REAL, &soon, nullptr);
  const ProcessSpec spec = Shell("sleep 600");
  const ProcessResult result = RunProcess(spec, &g_cancel);
  EXPECT_EQ(result.outcome, ProcessOutcome::kCancelled);
  EXPECT_EQ(DescribeOutcome(spec, result), "cancelled");
  EXPECT_EQ(RunProcess(Shell("echo next")).out, "next\n");
  // Raised, but too late for a child that has ended: the stray message harms nothing.
  for (int i = 0; i < 50; ++i) {
    RunProcess(Shell("exit 0"), &g_cancel);
    ASSERT_EQ(RunProcess(Shell("echo " + std::to_string(i))).out, std::to_string(i) + "\n");
  }
}

// Under this argument the test's program is not a test but a runner that the test below kills.
constexpr char kRunner[] = "--runner";

int RunForever() {
  const std::string out = "/proc/" + std::to_string(getpid()) + "/fd/1";
  return RunProcess(Shell("echo \"child=$$;\" >" + out + "; exec sleep 600")).exit_status;
}

// A runner that dies takes its child along.
TEST(ProcessTest, ChildDoesNotOutliveItsRunner) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t runner = fork();
  ASSERT_GE(runner, 0);
  if (runner == 0) {
    // By exec, so that it gets a launcher of its own: the one inherited belongs to the test.
    dup2(ends[1], STDOUT_FILENO);
    execl("/proc/self/exe", "process_test", kRunner, nullptr);
    _exit(127);
  }
  close(ends[1]);
  // The runner's child prints its pid.
  std::string text;
  char byte;
  while (text.find("child=") == std::string::npos || text.back() != ';') {
    ASSERT_EQ(read(ends[0], &byte, 1), 1) << "the runner ended early: " << text;
    text += byte;
  }
  const pid_t child = static_cast<pid_t>(atol(text.c_str() + text.find("child=") + 6));
  ASSERT_GT(child, 0) << text;
  ASSERT_EQ(kill(child, 0), 0);
  kill(runner, SIGKILL);
  waitpid(runner, nullptr, 0);
  bool gone = false;
  for (int i = 0; i < 1000 && !gone; ++i) {
    gone = kill(child, 0) != 0 ||
           RunProcess(Shell("cut -d' ' -f3 /proc/" + std::to_string(child) + "/stat")).out == "Z\n";
    usleep(10000);
  }
  EXPECT_TRUE(gone) << "pid " << child << " outlived its runner";
  close(ends[0]);
}

TEST(ProcessTest, ExecutablesAreFoundInThePath) {
  EXPECT_NE(FindExecutable("sh"), "");
  EXPECT_EQ(FindExecutable("hz4-no-such-program"), "");
  EXPECT_EQ(FindExecutable("/"), "");
  EXPECT_EQ(FindExecutable(""), "");
}

}  // namespace
}  // namespace hz4

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], hz4::kRunner) == 0) return hz4::RunForever();
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
