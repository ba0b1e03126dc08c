// SPDX-License-Identifier: Apache-2.0
#include "tests/support/mappings.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <utility>

namespace hz4 {
namespace test {

std::vector<Mapping> Mappings() {
  std::vector<Mapping> mappings;
  std::ifstream smaps("/proc/self/smaps");
  for (std::string line; std::getline(smaps, line);) {
    unsigned long start, end;
    char rights[5];
    if (sscanf(line.c_str(), "%lx-%lx %4s", &start, &end, rights) == 3) {
      mappings.push_back({start, end, rights, false, false});
    } else if (line.rfind("VmFlags:", 0) == 0) {
      mappings.back().huge = line.find(" hg") != line.npos;
      mappings.back().small = line.find(" nh") != line.npos;
    }
  }
  return mappings;
}

std::vector<Mapping> MappingsIn(uintptr_t from, uintptr_t to) {
  std::vector<Mapping> in;
  for (Mapping& m : Mappings()) {
    if (m.end > from && m.start < to) in.push_back(std::move(m));
  }
  return in;
}

bool KernelHasHugePages() {
  constexpr size_t kBytes = 1 << 12;
  void* p = mmap(nullptr, kBytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const bool has = madvise(p, kBytes, MADV_HUGEPAGE) == 0;
  munmap(p, kBytes);
  return has;
}

size_t HugeBytesIn(uintptr_t from, uintptr_t to) {
  size_t bytes = 0;
  for (const Mapping& m : MappingsIn(from, to)) {
    if (m.huge) bytes += std::min(m.end, to) - std::max(m.start, from);
  }
  return bytes;
}

std::string RightsAt(const void* p) {
  const auto at = reinterpret_cast<uintptr_t>(p);
  const std::vector<Mapping> in = MappingsIn(at, at + 1);
  return in.empty() ? "" : in[0].rights;
}

}  // namespace test
}  // namespace hz4
