// SPDX-License-Identifier: Apache-2.0
//
// main() of the black-box tests: brings libhz4.so in where TEST_PRELOAD asks for it.

#include <stdio.h>
#include <stdlib.h>

#include "bench/runfile.h"
#include "tests/support/run_tests.h"
#include "tests/support/test_env.h"

int main(int argc, char** argv) {
  if (!hz4::test::Variable("TEST_PRELOAD").empty()) {
    const std::string library = hz4::FindRunfile("hz4/libhz4.so");
    if (library.empty()) {
      fprintf(stderr, "TEST_PRELOAD: hz4/libhz4.so is not among this test's files\n");
      return 1;
    }
    unsetenv("TEST_PRELOAD");
    setenv("LD_PRELOAD", library.c_str(), 1);
    hz4::test::StartAgain(argv);
  }
  return hz4::test::RunTests(argc, argv);
}
