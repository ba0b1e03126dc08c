// SPDX-License-Identifier: Apache-2.0
//
// The operating system refuses: one workload is run with the n-th call refused, for every n, and
// with all calls from the n-th on. Each run is a fresh process, so that start-up is among what
// fails. In each: no crash, refusals are NULL with ENOMEM, no block is damaged, every invariant
// holds, and once the system gives again everything works.

#include <gtest/gtest.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "hz4/base/os.h"
#include "tests/support/test_env.h"
#include "tests/trace/trace.h"

namespace hz4 {
namespace test {
namespace {

TraceOptions Workload() {
  TraceOptions options;
  options.seed = 12345;  // the same for every n: "the n-th call" must mean the same call
  options.threads = 1;
  options.rounds = 3;
  options.operations = 700;
  options.slots = 60;
  options.live_bytes = 12 << 20;
  options.failures_allowed = true;
  return options;
}

// Runs `body` in a child. "" or how it ended; the child prints what was wrong.
std::string InChild(const std::function<int()>& body) {
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(body());
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return "no child";
  if (WIFSIGNALED(status)) return "killed by signal " + std::to_string(WTERMSIG(status));
  return WEXITSTATUS(status) == 0 ? "" : "exit " + std::to_string(WEXITSTATUS(status));
}

int Report(const char* when, const std::string& error) {
  fprintf(stderr, "%s: %s\n", when, error.c_str());
  return 1;
}

int RunWithFailure(std::uint64_t n, bool sticky) {
  os::FailNth(n, sticky);
  const TraceResult refused = RunTrace(Workload());
  if (!refused.error.empty()) return Report("with refusals", refused.error);
  os::FailNth(0, false);
  TraceOptions whole = Workload();
  whole.failures_allowed = false;
  whole.rounds = 1;
  const TraceResult after = RunTrace(whole);
  return after.error.empty() ? 0 : Report("afterwards", after.error);
}

// How many calls the workload makes when all succeed.
std::uint64_t CallsNeeded() {
  int pipes[2];
  EXPECT_EQ(pipe(pipes), 0);
  EXPECT_EQ(InChild([&pipes] {
              const TraceResult result = RunTrace(Workload());
              const std::uint64_t calls = os::Calls();
              if (!result.error.empty()) return Report("without refusals", result.error);
              if (result.refused != 0) return Report("without refusals", "something was refused");
              return write(pipes[1], &calls, sizeof(calls)) == sizeof(calls) ? 0 : 1;
            }),
            "");
  close(pipes[1]);
  std::uint64_t calls = 0;
  EXPECT_EQ(read(pipes[0], &calls, sizeof(calls)), static_cast<ssize_t>(sizeof(calls)));
  close(pipes[0]);
  return calls;
}

void ExpectEveryFailureIsSurvived(bool sticky) {
  const std::uint64_t calls = CallsNeeded();
  ASSERT_GT(calls, 5u) << "the workload asks the system for nothing";
  // Every one of the first calls, which are start-up; of the others at most 80.
  const std::uint64_t stride = calls > 130 ? (calls - 50) / 80 + 1 : 1;
  for (std::uint64_t n = 1; n <= calls; n += n < 50 ? 1 : stride) {
    EXPECT_EQ(InChild([n, sticky] { return RunWithFailure(n, sticky); }), "")
        << "call " << n << " of " << calls << (sticky ? " and all later ones" : "");
  }
}

TEST(OsFailure, OneRefusedCall) { ExpectEveryFailureIsSurvived(false); }

TEST(OsFailure, RefusedFromSomeCallOn) { ExpectEveryFailureIsSurvived(true); }

}  // namespace
}  // namespace test
}  // namespace hz4
