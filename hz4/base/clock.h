// SPDX-License-Identifier: Apache-2.0
//
// Time for decisions about surplus: cheap (no system call), a few milliseconds coarse.
#ifndef HZ4_BASE_CLOCK_H_
#define HZ4_BASE_CLOCK_H_

#include <time.h>

#include <cstdint>

namespace hz4 {

inline uint64_t CoarseNowNs() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1000000000u + static_cast<uint64_t>(t.tv_nsec);
}

}  // namespace hz4

#endif  // HZ4_BASE_CLOCK_H_
