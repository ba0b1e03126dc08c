// SPDX-License-Identifier: Apache-2.0
//
// The CPUs that a test may use, and threads that stay on some of them.
#ifndef HZ4_TESTS_SUPPORT_CPUS_H_
#define HZ4_TESTS_SUPPORT_CPUS_H_

#include <sched.h>
#include <sys/types.h>

#include <vector>

namespace hz4 {
namespace test {

// Those of the calling thread; none when the kernel does not say.
inline std::vector<int> AllowedCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<unsigned>(cpu), &set)) cpus.push_back(cpu);
  }
  return cpus;
}

// thread 0: the calling one. False: the kernel refused.
inline bool PinTo(const std::vector<int>& cpus, pid_t thread = 0) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (int cpu : cpus) CPU_SET(static_cast<unsigned>(cpu), &set);
  return sched_setaffinity(thread, sizeof(set), &set) == 0;
}

}  // namespace test
}  // namespace hz4

#endif  // HZ4_TESTS_SUPPORT_CPUS_H_
