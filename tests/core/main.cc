// SPDX-License-Identifier: Apache-2.0
//
// main() of the unit tests: keeps TSan to a front that it can follow.

#include <stdio.h>
#include <stdlib.h>

#include <string>

#include "tests/core/sanitizers.h"
#include "tests/support/run_tests.h"
#include "tests/support/test_env.h"

int main(int argc, char** argv) {
  // A per-CPU cache hands objects over inside a restartable sequence, in assembly that TSan does
  // not see: it would call every reuse of an object on another thread a race.
  const std::string front = hz4::test::Variable("HZ4_FRONT");
  if (hz4::test::kUnderTsan && (front.empty() || front == "percpu")) {
    printf("TSan: HZ4_FRONT=thread in place of percpu\n");
    fflush(stdout);
    setenv("HZ4_FRONT", "thread", 1);
    hz4::test::StartAgain(argv);
  }
  return hz4::test::RunTests(argc, argv);
}
