// SPDX-License-Identifier: Apache-2.0
//
// The dispatch table is read-only once it is resolved: for the kernel, and for whoever writes to
// it.

#include <gtest/gtest.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "hz4/check.h"
#include "hz4/internal_api.h"
#include "tests/support/mappings.h"

namespace hz4 {
namespace test {
namespace {

TEST(Sealed, TheTableIsAReadOnlyPage) {
  hz4_free(hz4_malloc(1));
  EXPECT_EQ(RightsAt(TableAddressForTest()), "r--p");
  EXPECT_EQ(reinterpret_cast<unsigned long>(TableAddressForTest()) % 4096, 0u);
}

TEST(Sealed, WritingToItFaults) {
  hz4_free(hz4_malloc(1));
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGSEGV, SIG_DFL);
    const rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    *static_cast<void* volatile*>(TableAddressForTest()) = nullptr;
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV) << status;
}

}  // namespace
}  // namespace test
}  // namespace hz4
