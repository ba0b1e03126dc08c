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

#include <fstream>
#include <string>

#include "hz4/check.h"
#include "hz4/internal_api.h"

namespace hz4 {
namespace test {
namespace {

// The access rights ("r--p") of the mapping that holds an address.
std::string RightsAt(const void* address) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    unsigned long start = 0;
    unsigned long end = 0;
    char rights[5] = "";
    if (sscanf(line.c_str(), "%lx-%lx %4s", &start, &end, rights) != 3) continue;
    const unsigned long at = reinterpret_cast<unsigned long>(address);
    if (start <= at && at < end) return rights;
  }
  return "";
}

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
