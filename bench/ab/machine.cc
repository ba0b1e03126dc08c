// SPDX-License-Identifier: Apache-2.0
//
// Files under /proc and /sys, and the note in an ELF file.

#include "bench/ab/machine.h"

#include <elf.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "bench/ab/sections.h"
#include "bench/ab/sha256.h"

namespace hz4::ab {
namespace {

constexpr char kUnavailable[] = "unavailable";

std::string FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return kUnavailable;
  return std::string(absl::StripAsciiWhitespace(line));
}

std::string CpuModel() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    if (!absl::StartsWith(line, "model name")) continue;
    return std::string(absl::StripAsciiWhitespace(line.substr(line.find(':') + 1)));
  }
  return kUnavailable;
}

std::string Turbo() {
  const std::string off = FirstLine("/sys/devices/system/cpu/intel_pstate/no_turbo");
  if (off != kUnavailable) return off == "0" ? "on" : "off";
  const std::string boost = FirstLine("/sys/devices/system/cpu/cpufreq/boost");
  if (boost != kUnavailable) return boost == "1" ? "on" : "off";
  return kUnavailable;
}

std::string Temperature() {
  double millidegrees = 0;
  if (!absl::SimpleAtod(FirstLine("/sys/class/thermal/thermal_zone0/temp"), &millidegrees)) {
    return kUnavailable;
  }
  return absl::StrCat(millidegrees / 1000, " C");
}

std::string Kernel() {
  utsname names = {};
  if (uname(&names) != 0) return kUnavailable;
  return absl::StrCat(names.sysname, " ", names.release, " ", names.machine);
}

std::string MemoryMiB() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long size = sysconf(_SC_PAGESIZE);
  if (pages <= 0 || size <= 0) return kUnavailable;
  return absl::StrCat(static_cast<double>(pages) * static_cast<double>(size) / (1 << 20), " MiB");
}

}  // namespace

Json DescribeMachine() {
  Json json = Json::Object();
  json.Set("processor", Json(CpuModel()));
  json.Set("processors", Json(static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN))));
  json.Set("memory", Json(MemoryMiB()));
  json.Set("kernel", Json(Kernel()));
  json.Set("governor", Json(FirstLine("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")));
  json.Set("turbo", Json(Turbo()));
  json.Set("huge_pages", Json(FirstLine("/sys/kernel/mm/transparent_hugepage/enabled")));
  json.Set("address_randomisation", Json(FirstLine("/proc/sys/kernel/randomize_va_space")));
  json.Set("overcommit", Json(FirstLine("/proc/sys/vm/overcommit_memory")));
  json.Set("load_average", Json(FirstLine("/proc/loadavg")));
  json.Set("temperature", Json(Temperature()));
  return json;
}

MachineTime ReadMachineTime() {
  const std::vector<std::string> words =
      absl::StrSplit(FirstLine("/proc/stat"), ' ', absl::SkipEmpty());
  // cpu user nice system idle iowait irq softirq steal; guests are counted in user.
  const double tick = 1.0 / static_cast<double>(sysconf(_SC_CLK_TCK));
  MachineTime time;
  for (std::size_t i = 1; i < words.size() && i <= 8; ++i) {
    double ticks = 0;
    if (!absl::SimpleAtod(words[i], &ticks)) break;
    const bool idle = i == 4 || i == 5;
    const bool steal = i == 8;
    time.all += ticks * tick;
    if (steal) time.steal += ticks * tick;
    if (!idle && !steal) time.busy += ticks * tick;
  }
  return time;
}

double BusyProcessors(double seconds) {
  const MachineTime before = ReadMachineTime();
  absl::SleepFor(absl::Seconds(seconds));
  return (ReadMachineTime().busy - before.busy) / seconds;
}

absl::StatusOr<std::string> Sha256OfFile(const std::string& path) {
  absl::StatusOr<std::string> bytes = ReadWholeFile(path);
  if (!bytes.ok()) return bytes.status();
  return Sha256(*bytes);
}

std::string BuildIdOfFile(const std::string& path) {
  const absl::StatusOr<std::string> bytes = ReadWholeFile(path);
  if (!bytes.ok() || bytes->size() < sizeof(Elf64_Ehdr)) return "";
  Elf64_Ehdr header;
  std::memcpy(&header, bytes->data(), sizeof(header));
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return "";
  for (int i = 0; i < header.e_phnum; ++i) {
    const std::size_t at = header.e_phoff + static_cast<std::size_t>(i) * sizeof(Elf64_Phdr);
    Elf64_Phdr segment;
    if (at + sizeof(segment) > bytes->size()) return "";
    std::memcpy(&segment, bytes->data() + at, sizeof(segment));
    if (segment.p_type != PT_NOTE) continue;
    std::size_t note = segment.p_offset;
    const std::size_t end = std::min<std::size_t>(note + segment.p_filesz, bytes->size());
    while (note + sizeof(Elf64_Nhdr) <= end) {
      Elf64_Nhdr head;
      std::memcpy(&head, bytes->data() + note, sizeof(head));
      const std::size_t name = note + sizeof(head);
      const std::size_t content = name + ((head.n_namesz + 3u) & ~3u);
      const std::size_t next = content + ((head.n_descsz + 3u) & ~3u);
      if (next > end) break;
      if (head.n_type == NT_GNU_BUILD_ID) {
        std::string hex;
        for (std::size_t k = 0; k < head.n_descsz; ++k) {
          absl::StrAppend(
              &hex, absl::Hex(static_cast<unsigned char>((*bytes)[content + k]), absl::kZeroPad2));
        }
        return hex;
      }
      note = next;
    }
  }
  return "";
}

}  // namespace hz4::ab
