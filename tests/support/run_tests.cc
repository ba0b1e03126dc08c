// SPDX-License-Identifier: Apache-2.0

#include "tests/support/run_tests.h"

#include <gtest/gtest.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/support/test_env.h"

namespace hz4 {
namespace test {
namespace {

class RepeatPrinter : public testing::EmptyTestEventListener {
  void OnTestEnd(const testing::TestInfo& info) override {
    if (!info.result()->Failed()) return;
    printf("repeat with: %s <this test> --gtest_filter=%s.%s\n", RepeatWith().c_str(),
           info.test_suite_name(), info.name());
    fflush(stdout);
  }
};

}  // namespace

int RunTests(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  // At the start, too: what ends the process ends the listener.
  printf("repeat with: %s\n", RepeatWith().c_str());
  fflush(stdout);
  testing::UnitTest::GetInstance()->listeners().Append(new RepeatPrinter);
  return RUN_ALL_TESTS();
}

void StartAgain(char** argv) {
  // argv[0] stays as it was: runfiles are looked up beside the name a program was started by.
  execv("/proc/self/exe", argv);
  perror("execv");
  exit(1);
}

}  // namespace test
}  // namespace hz4
