// SPDX-License-Identifier: Apache-2.0
//
// A debugger that steps through malloc and free. Every step ends a restartable sequence, so a
// per-CPU cache that only tries again would never get through.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "tests/support/child.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace test {
namespace {

// The target's next stop; false when it ended, with its status in *status.
bool NextStop(pid_t target, int* status) {
  return waitpid(target, status, 0) == target && WIFSTOPPED(*status);
}

TEST(Singlestep, ThroughHundredsOfCalls) {
  const std::string program = Runfile("tests/process/singlestep_target");
  const pid_t target = fork();
  if (target == 0) {
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    char* const argv[] = {const_cast<char*>(program.c_str()), nullptr};
    execv(program.c_str(), argv);
    _exit(127);
  }
  int status = 0;
  if (!NextStop(target, &status)) GTEST_SKIP() << "ptrace is not allowed here, status " << status;
  // From exec to the first raise at full speed; signals on the way are handed over.
  int handed = 0;
  do {
    ASSERT_EQ(ptrace(PTRACE_CONT, target, nullptr, handed), 0);
    ASSERT_TRUE(NextStop(target, &status)) << "ended before it stopped, status " << status;
    handed = WSTOPSIG(status);
  } while (handed != SIGSTOP);

  // 480 calls of some hundred instructions each: far below this, unless there is no progress.
  constexpr long kMostSteps = 3000000;
  long steps = 0;
  for (;; ++steps) {
    ASSERT_LT(steps, kMostSteps) << "no end in sight: is a restartable sequence tried for ever?";
    ASSERT_EQ(ptrace(PTRACE_SINGLESTEP, target, nullptr, nullptr), 0);
    ASSERT_TRUE(NextStop(target, &status)) << "ended while stepped, status " << status;
    if (WSTOPSIG(status) == SIGSTOP) break;
    ASSERT_EQ(WSTOPSIG(status), SIGTRAP) << "after " << steps << " steps";
  }
  EXPECT_GT(steps, 480 * 5);
  RecordProperty("steps", std::to_string(steps));
  ASSERT_EQ(ptrace(PTRACE_CONT, target, nullptr, nullptr), 0);
  EXPECT_FALSE(NextStop(target, &status));
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

}  // namespace
}  // namespace test
}  // namespace hz4
