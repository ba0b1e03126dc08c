// SPDX-License-Identifier: Apache-2.0
//
// hz4's clocks (hz4/base/clock.h) in the hands of a test: the test's own clock_gettime takes libc's
// place in its program.
#ifndef HZ4_TESTS_CORE_FAKE_CLOCK_H_
#define HZ4_TESTS_CORE_FAKE_CLOCK_H_

namespace hz4 {
namespace test {

// From now on the clock that tells whether a period is over is that much further.
void AdvanceClock(int seconds);
// From now on whatever is timed takes that long.
void SetStopwatch(long ns);

}  // namespace test
}  // namespace hz4

#endif  // HZ4_TESTS_CORE_FAKE_CLOCK_H_
