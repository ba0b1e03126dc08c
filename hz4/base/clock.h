// SPDX-License-Identifier: Apache-2.0
//
// Time without a system call, in nanoseconds since some moment of the past: CoarseNowNs for
// decisions about surplus, some milliseconds coarse; NowNs for how long something took.
#ifndef HZ4_BASE_CLOCK_H_
#define HZ4_BASE_CLOCK_H_

#include <time.h>

#include <cstdint>

namespace hz4 {

inline uint64_t ClockNs(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1000000000u + static_cast<uint64_t>(t.tv_nsec);
}

inline uint64_t CoarseNowNs() { return ClockNs(CLOCK_MONOTONIC_COARSE); }
inline uint64_t NowNs() { return ClockNs(CLOCK_MONOTONIC); }

}  // namespace hz4

#endif  // HZ4_BASE_CLOCK_H_
