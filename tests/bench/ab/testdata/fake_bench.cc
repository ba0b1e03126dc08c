// SPDX-License-Identifier: Apache-2.0
//
// A benchmark whose figures are known: fake_bench [--slower=PERCENT]
// [--crash|--hang|--silent|--fail]
// [--refuse] [positional arguments, ignored]. Prints the last lines of random_mixed_mt_remote. The
// rate wobbles by a hundredth with the process number, so that runs are not all equal.

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

int main(int argc, char** argv) {
  double slower = 0;
  int allocation_failures = 0;
  for (int i = 1; i < argc; ++i) {
    if (std::strncmp(argv[i], "--slower=", 9) == 0) slower = std::atof(argv[i] + 9);
    if (std::strcmp(argv[i], "--crash") == 0) raise(SIGSEGV);
    if (std::strcmp(argv[i], "--hang") == 0) {
      while (true) pause();
    }
    if (std::strcmp(argv[i], "--silent") == 0) return 0;
    if (std::strcmp(argv[i], "--fail") == 0) return 3;
    if (std::strcmp(argv[i], "--refuse") == 0) allocation_failures = 4;
  }
  const double wobble = 1 + 0.0001 * (getpid() * 7919 % 101 - 50);
  std::printf(
      "remote: asked_pct=0 real_pct=0.00 fallback_pct=0.00 peak_ring_depth=0 alloc_failed=%d\n",
      allocation_failures);
  std::printf("random_mixed_mt_remote: threads=1 ops=1000000 time=0.01 ops/s=%.0f\n",
              1e8 * (1 - slower / 100) * wobble);
  return 0;
}
