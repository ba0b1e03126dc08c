// SPDX-License-Identifier: Apache-2.0

#include "tests/core/fake_clock.h"

#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

namespace {
std::atomic<int> ahead_seconds{0};
std::atomic<long> reading_ns{0};
std::atomic<long> stopwatch_ns{0};
}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* t) noexcept {
  const int saved = errno;
  const long result = syscall(SYS_clock_gettime, clock, t);
  if (clock == CLOCK_MONOTONIC_COARSE) t->tv_sec += ahead_seconds.load();
  if (const long ns = reading_ns.load(); clock == CLOCK_MONOTONIC && ns > 0) {
    const long now = stopwatch_ns.fetch_add(ns);
    *t = {now / 1000000000, now % 1000000000};
  }
  if (result == 0) errno = saved;
  return static_cast<int>(result);
}

namespace hz4 {
namespace test {

void AdvanceClock(int seconds) { ahead_seconds.fetch_add(seconds); }
void SetStopwatch(long ns) { reading_ns.store(ns); }

}  // namespace test
}  // namespace hz4
