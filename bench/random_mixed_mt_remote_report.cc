// SPDX-License-Identifier: Apache-2.0
//
// The report of the lanes' loop. Writing it does not allocate but for stdio's buffer.

#include "bench/random_mixed_mt_remote_report.h"

#include <fcntl.h>
#include <strings.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace hz4 {
namespace {

double Percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

bool IsOn(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return false;
  for (const char* off : {"0", "off", "false", "no"}) {
    if (strcasecmp(value, off) == 0) return false;
  }
  return true;
}

// The last line that starts with `head`, without it; empty if there is none.
std::string LastLine(const std::string& output, const std::string& head) {
  size_t at = output.rfind("\n" + head);
  at = at != std::string::npos ? at + 1 : output.rfind(head, 0);
  if (at == std::string::npos) return "";
  at += head.size();
  return output.substr(at, output.find('\n', at) - at);
}

// The number behind " name=" in a line.
bool Number(const std::string& line, const std::string& name, double* number, std::string* error) {
  const size_t at = line.find(" " + name + "=");
  if (at != std::string::npos) {
    const char* const text = line.c_str() + at + name.size() + 2;
    char* end = nullptr;
    *number = std::strtod(text, &end);
    if (end != text && (*end == ' ' || *end == '\0')) return true;
  }
  *error = "no number " + name + "= in \"" + line + "\"";
  return false;
}

}  // namespace

std::int64_t ResidentBytes() {
  const int file = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
  if (file < 0) return -1;
  char text[1024];
  const ssize_t size = read(file, text, sizeof(text) - 1);
  close(file);
  if (size <= 0) return -1;
  text[size] = '\0';
  const char* const rss = std::strstr(text, "\nRss:");
  return rss == nullptr ? -1 : std::strtol(rss + 5, nullptr, 10) * 1024;
}

bool StatisticsAreOn() {
  return IsOn("HZ4_STATS") || IsOn("HZ4_MID_STATS_B1") || IsOn("HZ4_MID_LOCK_TIME_STATS");
}

void PrintTrimCheck(const TrimCheck& check) {
  std::printf("trim: rss_start=%lld rss_freed=%lld rss_trimmed=%lld\n",
              static_cast<long long>(check.start), static_cast<long long>(check.freed),
              static_cast<long long>(check.trimmed));
}

void PrintRandomMixed(const char* program, const RandomMixedArgs& args,
                      const RandomMixedCounts& counts) {
  std::printf(
      "remote: asked_pct=%d real_pct=%.2f fallback_pct=%.2f peak_ring_depth=%llu "
      "alloc_failed=%llu\n",
      args.remote_pct, Percent(counts.remote_frees, counts.Frees()),
      Percent(counts.fallbacks, counts.sent + counts.fallbacks),
      static_cast<unsigned long long>(counts.peak_ring_depth),
      static_cast<unsigned long long>(counts.alloc_failed));
  char rate[32] = "-";
  if (!StatisticsAreOn()) {
    std::snprintf(rate, sizeof(rate), "%.0f", static_cast<double>(counts.Ops()) / counts.seconds);
  }
  std::printf(
      "%s: threads=%d iters=%ld ws=%d min=%ld max=%ld remote_pct=%d ring=%d ops=%llu time=%.6f "
      "ops/s=%s\n",
      program, args.threads, args.iters, args.ws, args.min, args.max, args.remote_pct,
      args.ring_slots, static_cast<unsigned long long>(counts.Ops()), counts.seconds, rate);
}

bool ParseRate(const std::string& program, const std::string& output, RandomMixedReport* report,
               std::string* error) {
  const std::string result = LastLine(output, program + ":");
  if (result.empty()) {
    *error = "no line \"" + program + ": ...\"";
    return false;
  }
  report->ops_per_second = 0;
  const bool counting = result.find(" ops/s=-") != std::string::npos;
  return Number(result, "ops", &report->ops, error) &&
         Number(result, "time", &report->seconds, error) &&
         (counting || Number(result, "ops/s", &report->ops_per_second, error));
}

bool ParseRandomMixedReport(const std::string& program, const std::string& output,
                            RandomMixedReport* report, std::string* error) {
  if (!ParseRate(program, output, report, error)) return false;
  const std::string remote = LastLine(output, "remote:");
  if (remote.empty()) {
    *error = "no line \"remote: ...\"";
    return false;
  }
  return Number(remote, "real_pct", &report->real_pct, error) &&
         Number(remote, "fallback_pct", &report->fallback_pct, error) &&
         Number(remote, "peak_ring_depth", &report->peak_ring_depth, error) &&
         Number(remote, "alloc_failed", &report->alloc_failed, error);
}

}  // namespace hz4
