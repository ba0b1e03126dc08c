// SPDX-License-Identifier: Apache-2.0

#include "tests/support/test_env.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hz4 {
namespace test {

std::uint64_t Seed() {
  static const std::uint64_t seed = [] {
    const std::string given = Variable("TEST_SEED");
    if (!given.empty()) return static_cast<std::uint64_t>(strtoull(given.c_str(), nullptr, 10));
    std::uint32_t drawn = 0;
    if (getrandom(&drawn, sizeof(drawn), 0) != sizeof(drawn)) drawn = getpid();
    return static_cast<std::uint64_t>(drawn);
  }();
  return seed;
}

std::uint64_t Random::Next() {
  std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

std::string Variable(const char* name) {
  const char* value = getenv(name);
  return value == nullptr ? "" : value;
}

std::vector<std::string> Hz4Variables() {
  std::vector<std::string> found;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (strncmp(*entry, "HZ4_", 4) == 0) found.emplace_back(*entry);
  }
  return found;
}

std::string RepeatWith() {
  std::string line;
  for (const std::string& entry : Hz4Variables()) line += entry + " ";
  for (const char* name : {"LD_PRELOAD", "TEST_PRELOAD", "TEST_REFUSALS"}) {
    if (!Variable(name).empty()) line += std::string(name) + "=" + Variable(name) + " ";
  }
  return line + "TEST_SEED=" + std::to_string(Seed());
}

std::string ScratchDirectory() {
  static const std::string directory = [] {
    std::string base = Variable("TEST_TMPDIR");
    std::string path = (base.empty() ? "/tmp" : base) + "/hz4_test_XXXXXX";
    if (mkdtemp(path.data()) == nullptr) {
      fprintf(stderr, "cannot make %s: %s\n", path.c_str(), strerror(errno));
      exit(1);
    }
    return path;
  }();
  return directory;
}

// Reads without the allocator under test: these figures are taken between its calls.
std::uint64_t ResidentBytes() {
  char text[256] = "";
  const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  const ssize_t length = read(fd, text, sizeof(text) - 1);
  close(fd);
  unsigned long long pages = 0;
  if (length <= 0 || sscanf(text, "%*u %llu", &pages) != 1) return 0;
  return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::uint64_t MappingCount() {
  char text[4096];
  std::uint64_t lines = 0;
  const int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  for (ssize_t length; (length = read(fd, text, sizeof(text))) > 0;) {
    for (ssize_t i = 0; i < length; ++i) lines += text[i] == '\n';
  }
  close(fd);
  return lines;
}

}  // namespace test
}  // namespace hz4
