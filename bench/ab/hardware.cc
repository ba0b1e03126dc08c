// SPDX-License-Identifier: Apache-2.0
//
// perf_event_open, one event per quantity.

#include "bench/ab/hardware.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace hz4::ab {
namespace {

constexpr std::uint64_t kDataTlbReadMisses = PERF_COUNT_HW_CACHE_DTLB |
                                             (PERF_COUNT_HW_CACHE_OP_READ << 8) |
                                             (PERF_COUNT_HW_CACHE_RESULT_MISS << 16);

constexpr struct {
  const char* name;
  std::uint32_t type;
  std::uint64_t config;
} kEvents[] = {
    {"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
    {"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
    {"cache_misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
    {"tlb_misses", PERF_TYPE_HW_CACHE, kDataTlbReadMisses},
};

}  // namespace

HardwareCounters::HardwareCounters(int launcher) {
  if (launcher == 0) {
    why_ = "the launcher was not found";
    return;
  }
  for (const auto& row : kEvents) {
    perf_event_attr attributes = {};
    attributes.size = sizeof(attributes);
    attributes.type = row.type;
    attributes.config = row.config;
    attributes.disabled = 1;
    attributes.enable_on_exec = 1;
    attributes.inherit = 1;
    attributes.exclude_hv = 1;
    attributes.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
    const long fd =
        syscall(SYS_perf_event_open, &attributes, launcher, -1, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd >= 0) {
      events_.push_back({row.name, static_cast<int>(fd)});
    } else if (why_.empty()) {
      why_ = absl::StrCat("perf_event_open: ", strerror(errno));
    }
  }
}

HardwareCounters::~HardwareCounters() {
  for (const Event& event : events_) close(event.fd);
}

std::map<std::string, double> HardwareCounters::Read() const {
  std::map<std::string, double> counts;
  for (const Event& event : events_) {
    struct {
      std::uint64_t value, enabled, running;
    } sample = {};
    if (read(event.fd, &sample, sizeof(sample)) != sizeof(sample)) continue;
    if (sample.running == 0) continue;  // it never had a counter: unknown, not none
    counts[event.name] = static_cast<double>(sample.value) * static_cast<double>(sample.enabled) /
                         static_cast<double>(sample.running);
  }
  return counts;
}

int FindLauncher() {
  std::ifstream children(absl::StrCat("/proc/self/task/", getpid(), "/children"));
  int launcher = 0;
  int another = 0;
  if (!(children >> launcher) || children >> another) return 0;
  return launcher;
}

}  // namespace hz4::ab
