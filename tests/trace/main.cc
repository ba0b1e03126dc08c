// SPDX-License-Identifier: Apache-2.0
//
// main() of the traces: where TEST_RANDOM_KNOBS asks for it draws a set of knobs by TEST_SEED and
// starts again under it; and keeps TSan to a front that it can follow.

#include <stdio.h>
#include <stdlib.h>

#include <string>

#include "tests/support/run_tests.h"
#include "tests/support/test_env.h"
#include "tests/trace/random_knobs.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HZ4_TEST_UNDER_TSAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define HZ4_TEST_UNDER_TSAN 1
#endif

namespace {

#if defined(HZ4_TEST_UNDER_TSAN)
constexpr bool kUnderTsan = true;
#else
constexpr bool kUnderTsan = false;
#endif

}  // namespace

int main(int argc, char** argv) {
  using hz4::test::Variable;
  if (!Variable("TEST_RANDOM_KNOBS").empty()) {
    unsetenv("TEST_RANDOM_KNOBS");
    setenv("TEST_SEED", std::to_string(hz4::test::Seed()).c_str(), 1);
    for (const auto& knob : hz4::test::DrawKnobs(hz4::test::Seed())) {
      printf("drawn: %s=%s\n", knob.first.c_str(), knob.second.c_str());
      setenv(knob.first.c_str(), knob.second.c_str(), 1);
      // The least of it is less than the traces ask for.
      if (knob.first == "HZ4_RESERVE") setenv("TEST_REFUSALS", "1", 1);
    }
    fflush(stdout);
    hz4::test::StartAgain(argv);
  }
  // A per-CPU cache hands blocks over inside a restartable sequence, in assembly that TSan does not
  // see, so it would call every reuse of a block on another thread a race.
  const std::string front = Variable("HZ4_FRONT");
  if (kUnderTsan && (front.empty() || front == "percpu")) {
    printf("TSan: HZ4_FRONT=thread in place of percpu\n");
    fflush(stdout);
    setenv("HZ4_FRONT", "thread", 1);
    hz4::test::StartAgain(argv);
  }
  return hz4::test::RunTests(argc, argv);
}
