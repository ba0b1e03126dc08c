// SPDX-License-Identifier: Apache-2.0
//
// vfork and what libc builds on it. HZ4_VFORK=fork (the default) makes a child's allocations safe;
// under native a child may only exec.

#include <gtest/gtest.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/process/exercise.h"
#include "tests/support/test_env.h"
#include "tests/support/watchdog.h"

namespace hz4 {
namespace test {
namespace {

char* const kTrue[] = {const_cast<char*>("/bin/true"), nullptr};

TEST(Vfork, ChildThenExec) {
  Watchdog watchdog(60);
  const bool child_may_allocate = Variable("HZ4_VFORK") != "native";
  Churn churn(3);
  for (int i = 0; i < 40; ++i) {
    void* volatile before = malloc(1000);
    const pid_t child = vfork();
    if (child == 0) {
      if (child_may_allocate) {
        for (int j = 0; j < 20; ++j) free(malloc(1000 + 3000 * j));
        free(before);
      }
      execv(kTrue[0], kTrue);
      _exit(1);
    }
    ASSERT_GT(child, 0);
    Exercise(Seed() + i, 60, 100000);
    // Freed in the child's memory, if at all: this is still the parent's.
    free(before);
    ASSERT_EQ(WaitFor(child), "") << i;
  }
}

TEST(Vfork, ExitWithoutExec) {
  Watchdog watchdog(60);
  Churn churn(2);
  for (int i = 0; i < 20; ++i) {
    const pid_t child = vfork();
    if (child == 0) _exit(0);
    ASSERT_EQ(WaitFor(child), "") << i;
  }
}

// posix_spawn's child shares memory too, and is not ours to change: it must simply work.
TEST(Vfork, SpawnSystemAndPopen) {
  Watchdog watchdog(60);
  Churn churn(3);
  for (int i = 0; i < 15; ++i) {
    pid_t child = 0;
    ASSERT_EQ(posix_spawn(&child, kTrue[0], nullptr, nullptr, kTrue, environ), 0);
    ASSERT_EQ(WaitFor(child), "") << i;
    ASSERT_EQ(system("exit 7"), 7 << 8);
    FILE* pipe = popen("echo out", "r");
    char text[16] = "";
    ASSERT_NE(fgets(text, sizeof(text), pipe), nullptr);
    EXPECT_STREQ(text, "out\n");
    ASSERT_EQ(pclose(pipe), 0);
  }
}

}  // namespace
}  // namespace test
}  // namespace hz4
