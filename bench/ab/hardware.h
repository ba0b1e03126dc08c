// SPDX-License-Identifier: Apache-2.0
//
// Hardware counters of a measured child. Children are forked by the launcher (bench/process.h), so
// the events are opened on the launcher, inherited by the child and switched on by its exec. Where
// the kernel or the machine has no such counter it is absent, never zero.

#ifndef HZ4_BENCH_AB_HARDWARE_H_
#define HZ4_BENCH_AB_HARDWARE_H_

#include <map>
#include <string>
#include <vector>

namespace hz4::ab {

class HardwareCounters {
 public:
  // `launcher` is the process whose next child is measured; with 0 nothing is available.
  explicit HardwareCounters(int launcher);
  ~HardwareCounters();
  HardwareCounters(const HardwareCounters&) = delete;
  HardwareCounters& operator=(const HardwareCounters&) = delete;

  // After the child's end: counts by the names of kMeasured, scaled where the kernel had to share
  // the counters out in turns.
  std::map<std::string, double> Read() const;

  // Why there are none, or empty.
  const std::string& why_unavailable() const { return why_; }

 private:
  struct Event {
    std::string name;
    int fd;
  };
  std::vector<Event> events_;
  std::string why_;
};

// The process that bench/process.h forks children from, or 0 where it cannot be told.
int FindLauncher();

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_HARDWARE_H_
