// SPDX-License-Identifier: Apache-2.0

#include "hz4/base/os.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "tests/core/sanitizers.h"
#include "tests/support/mappings.h"
#include "tests/support/resident.h"

namespace hz4 {
namespace os {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

uintptr_t Address(const void* p) { return reinterpret_cast<uintptr_t>(p); }

int InChild(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

TEST(Os, MapGivesZeroedAlignedMemory) {
  for (size_t align = kOsPage; align <= 64 * kMiB; align *= 4) {
    for (size_t bytes : {kOsPage, 3 * kOsPage, kMiB + kOsPage}) {
      char* p = static_cast<char*>(Map(bytes, align));
      ASSERT_NE(p, nullptr) << align;
      EXPECT_EQ(Address(p) % align, 0u);
      for (size_t i = 0; i < bytes; i += 512) ASSERT_EQ(p[i], 0);
      memset(p, 1, bytes);
      ASSERT_TRUE(Unmap(p, bytes));
      EXPECT_EQ(test::RightsAt(p), "") << "not gone";
    }
  }
}

TEST(Os, WhatAlignmentCostsIsGivenBack) {
  const auto size = [] {
    std::ifstream statm("/proc/self/statm");
    size_t pages = 0;
    statm >> pages;
    return pages * kOsPage;
  };
  const size_t vsize = size();
  void* p = Map(kMiB, 256 * kMiB);
  ASSERT_NE(p, nullptr);
  EXPECT_LT(size(), vsize + 64 * kMiB) << "the mapping kept what alignment cost";
  EXPECT_TRUE(Unmap(p, kMiB));
}

TEST(Os, ReservationsCostNothingUntilOpened) {
  const size_t bytes = 4096 * kMiB;
  char* p = static_cast<char*>(Reserve(bytes, 2 * kMiB));
  ASSERT_NE(p, nullptr);
  EXPECT_EQ(Address(p) % (2 * kMiB), 0u);
  EXPECT_EQ(test::RightsAt(p), "---p");
  ASSERT_TRUE(Open(p + kMiB, kMiB));
  EXPECT_EQ(test::RightsAt(p), "---p");
  EXPECT_EQ(test::RightsAt(p + kMiB), "rw-p");
  EXPECT_EQ(test::RightsAt(p + 2 * kMiB), "---p");
  EXPECT_EQ(test::PagesPresent(p + kMiB, kMiB), 0u);
  p[kMiB] = 1;
  ASSERT_TRUE(Open(p + kMiB, 2 * kMiB)) << "opening twice is harmless";
  EXPECT_EQ(p[kMiB], 1);
  ASSERT_TRUE(Unmap(p, bytes));
}

TEST(Os, InMemoryIsWhatTheKernelSays) {
  char* p = static_cast<char*>(Map(8 * kOsPage, kOsPage));
  ASSERT_NE(p, nullptr);
  p[0] = p[3 * kOsPage] = p[4 * kOsPage] = 1;
  uint8_t in_memory[8];
  ASSERT_TRUE(InMemory(p, sizeof(in_memory) * kOsPage, in_memory));
  const std::vector<bool> expected = test::ResidentPages(p, 8 * kOsPage);
  EXPECT_EQ(std::count(expected.begin(), expected.end(), true), 3);
  for (size_t page = 0; page < 8; ++page) EXPECT_EQ((in_memory[page] & 1) != 0, expected[page]);
  ASSERT_TRUE(Unmap(p, 8 * kOsPage));
  EXPECT_FALSE(InMemory(p, 8 * kOsPage, in_memory)) << "nothing is mapped there";
}

TEST(Os, ReadableReservationReadsAsZero) {
  const size_t bytes = 1024 * kMiB;
  char* p = static_cast<char*>(ReserveReadable(bytes, kOsPage));
  ASSERT_NE(p, nullptr);
  EXPECT_EQ(test::RightsAt(p), "r--p");
  for (size_t i = 0; i < bytes; i += 64 * kMiB) ASSERT_EQ(p[i], 0);
  ASSERT_TRUE(Open(p, kOsPage));
  p[0] = 1;
  EXPECT_EQ(p[kOsPage], 0);
  ASSERT_TRUE(Unmap(p, bytes));
}

TEST(Os, DecommitGivesPagesBackAndTheyReadAsZero) {
  char* p = static_cast<char*>(Map(4 * kMiB, kOsPage));
  ASSERT_NE(p, nullptr);
  memset(p, 1, 4 * kMiB);
  ASSERT_EQ(test::PagesPresent(p, 4 * kMiB), 1024u);
  ASSERT_TRUE(Decommit(p + kMiB, 2 * kMiB));
  EXPECT_EQ(test::PagesPresent(p, kMiB), 256u);
  EXPECT_EQ(test::PagesPresent(p + kMiB, 2 * kMiB), 0u);
  EXPECT_EQ(p[kMiB - 1], 1);
  EXPECT_EQ(p[kMiB], 0);
  EXPECT_EQ(p[3 * kMiB - 1], 0);
  EXPECT_EQ(p[3 * kMiB], 1);
  ASSERT_TRUE(Unmap(p, 4 * kMiB));
}

TEST(Os, ProtectForbidsWriting) {
  char* p = static_cast<char*>(Map(kOsPage, kOsPage));
  ASSERT_NE(p, nullptr);
  p[0] = 7;
  ASSERT_TRUE(Protect(p, kOsPage));
  EXPECT_EQ(test::RightsAt(p), "r--p");
  EXPECT_EQ(p[0], 7);
  EXPECT_TRUE(Unmap(p, kOsPage));
}

TEST(Os, RefusalsAreAnswersAndErrnoIsUntouched) {
  errno = 4711;
  EXPECT_EQ(Map(0, kOsPage), nullptr);
  EXPECT_EQ(Map(SIZE_MAX & ~(kOsPage - 1), kOsPage), nullptr);
  EXPECT_EQ(Reserve(size_t{1} << 62, kOsPage), nullptr);
  EXPECT_EQ(Reserve(size_t{1} << 46, size_t{1} << 63), nullptr) << "size + alignment overflow";
  char* p = static_cast<char*>(Reserve(kMiB, kOsPage));
  ASSERT_TRUE(Unmap(p, kMiB));
  EXPECT_FALSE(Open(p, kMiB)) << "nothing is mapped there";
  EXPECT_FALSE(Decommit(p, kMiB));
  EXPECT_FALSE(Protect(p, kMiB));
  EXPECT_FALSE(AdviseHuge(p, kMiB, false));
  EXPECT_FALSE(Unmap(p + 1, kMiB)) << "no multiple of a page";
  EXPECT_EQ(errno, 4711);
}

TEST(Os, FailNthFailsOneCall) {
  for (uint64_t n = 1; n <= 4; ++n) {
    FailNth(n, /*sticky=*/false);
    for (uint64_t call = 1; call <= 6; ++call) {
      void* p = Map(kOsPage, kOsPage);
      ASSERT_EQ(p == nullptr, call == n) << "call " << call << " with n " << n;
      if (p != nullptr) munmap(p, kOsPage);
    }
  }
  FailNth(0, false);
}

TEST(Os, FailNthStickyFailsAllLaterCallsUntilSwitchedOff) {
  FailNth(3, /*sticky=*/true);
  for (int call = 1; call <= 6; ++call) {
    void* p = Reserve(kOsPage, kOsPage);
    ASSERT_EQ(p == nullptr, call >= 3) << call;
    if (p != nullptr) munmap(p, kOsPage);
  }
  FailNth(0, false);
  void* p = Map(kOsPage, kOsPage);
  ASSERT_NE(p, nullptr);
  EXPECT_TRUE(Unmap(p, kOsPage));
}

TEST(Os, EachCallCountsAndCanFailWithoutEffect) {
  char* p = static_cast<char*>(Map(4 * kOsPage, kOsPage));
  ASSERT_NE(p, nullptr);
  memset(p, 1, 4 * kOsPage);
  const std::function<bool()> calls[] = {
      [] { return Map(kOsPage, kOsPage) != nullptr; },
      [] { return Reserve(kOsPage, kOsPage) != nullptr; },
      [] { return ReserveReadable(kOsPage, kOsPage) != nullptr; },
      [p] { return Decommit(p, kOsPage); },
      [p] { return Protect(p, kOsPage); },
      [p] { return AdviseHuge(p, kOsPage, false); },
      [p] { return Open(p, kOsPage); },
      [p] { return Unmap(p, kOsPage); },
  };
  for (const std::function<bool()>& call : calls) {
    const uint64_t before = Calls();
    FailNth(1, false);
    EXPECT_FALSE(call());
    EXPECT_EQ(Calls(), before + 1);
    EXPECT_EQ(p[0], 1) << "a call that failed changed something";
    EXPECT_EQ(test::RightsAt(p), "rw-p");
  }
  FailNth(0, false);
  EXPECT_TRUE(Unmap(p, 4 * kOsPage));
}

TEST(Os, CpuCountCoversEveryCpuOfThisProcess) {
  const unsigned count = CpuCount();
  EXPECT_GE(count, 1u);
  EXPECT_GE(count, static_cast<unsigned>(sysconf(_SC_NPROCESSORS_ONLN)));
  EXPECT_LT(static_cast<unsigned>(sched_getcpu()), count);
}

TEST(Os, HugePagesAreOffIsWhatTheSystemSays) {
  std::ifstream setting("/sys/kernel/mm/transparent_hugepage/enabled");
  std::string line;
  std::getline(setting, line);
  EXPECT_EQ(os::HugePagesAreOff(), line.find("[never]") != line.npos) << line;
}

TEST(Os, AddressSpaceLimitIsTheLimit) {
  if (test::kUnderAsan || test::kUnderTsan) GTEST_SKIP() << "a sanitizer needs its address space";
  const int status = InChild([] {
    rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};
    if (setrlimit(RLIMIT_AS, &limit) == 0 && AddressSpaceLimit() != SIZE_MAX) return 1;
    limit.rlim_cur = 3000 * kMiB;
    if (setrlimit(RLIMIT_AS, &limit) != 0) return 2;
    if (AddressSpaceLimit() != 3000 * kMiB) return 3;
    return Reserve(4000 * kMiB, kOsPage) == nullptr ? 0 : 4;
  });
  EXPECT_EQ(status, 0);
}

TEST(Os, ResidentBytesFollowsWhatIsTouched) {
  const size_t bytes = 64 * kMiB;
  char* p = static_cast<char*>(Map(bytes, kOsPage));
  ASSERT_NE(p, nullptr);
  const size_t before = ResidentBytes();
  EXPECT_GT(before, 0u);
  memset(p, 1, bytes);
  const size_t touched = ResidentBytes();
  EXPECT_GE(touched, before + bytes - 8 * kMiB);
  ASSERT_TRUE(Decommit(p, bytes));
  EXPECT_LE(ResidentBytes(), touched - bytes + 8 * kMiB);
  EXPECT_TRUE(Unmap(p, bytes));
}

}  // namespace
}  // namespace os
}  // namespace hz4
