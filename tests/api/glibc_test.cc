// SPDX-License-Identifier: Apache-2.0
//
// What glibc offers beside malloc: mallopt, mallinfo, malloc_info, malloc_stats, malloc_trim, and
// its own names for the functions.

#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/api/api.h"
#include "tests/support/child.h"
#include "tests/support/test_env.h"
#include "tests/support/xml.h"

namespace hz4 {
namespace test {
namespace {

constexpr uint64_t kMiB = 1 << 20;

TEST(Mallopt, AcceptsEveryParameterOfGlibc) {
  struct {
    const char* name;
    int parameter, value;
  } const parameters[] = {
      {"M_MXFAST", M_MXFAST, 64},        {"M_TRIM_THRESHOLD", M_TRIM_THRESHOLD, 1 << 20},
      {"M_TOP_PAD", M_TOP_PAD, 1 << 17}, {"M_MMAP_THRESHOLD", M_MMAP_THRESHOLD, 1 << 20},
      {"M_MMAP_MAX", M_MMAP_MAX, 1000},  {"M_CHECK_ACTION", M_CHECK_ACTION, 3},
      {"M_PERTURB", M_PERTURB, 0},       {"M_ARENA_TEST", M_ARENA_TEST, 2},
      {"M_ARENA_MAX", M_ARENA_MAX, 2},
  };
  for (const auto& p : parameters) {
    if (!RunsOnHz4() && p.parameter == M_CHECK_ACTION) continue;
    EXPECT_EQ(mallopt(p.parameter, p.value), 1) << p.name;
  }
  void* p = malloc(100);
  Fill(p, 100);
  free(p);
}

// Nothing else allocates between the readings, so they are exact.
TEST(Mallinfo, UordblksFollowsTheCallingThread) {
  for (size_t size : {size_t{16}, size_t{100}, size_t{2000}, size_t{5000}, size_t{60000},
                      size_t{200000}, size_t{1 << 20}, size_t{9 << 20}}) {
    constexpr size_t kCount = 50;
    void* blocks[kCount];
    size_t usable = 0;
    const size_t before = mallinfo2().uordblks;
    for (void*& p : blocks) {
      p = malloc(size);
      usable += malloc_usable_size(p);
    }
    const size_t during = mallinfo2().uordblks;
    for (void* p : blocks) free(p);
    const size_t after = mallinfo2().uordblks;
    EXPECT_GE(during, before + size * kCount) << size;
    if (!RunsOnHz4()) continue;
    EXPECT_LE(during, before + usable + kCount * 4096) << size;
    EXPECT_EQ(after, before) << size;
  }
}

TEST(Mallinfo, FieldsArePlausible) {
  void* p = malloc(10 * kMiB);
  memset(p, 1, 10 * kMiB);
  const struct mallinfo2 wide = mallinfo2();
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  const struct mallinfo narrow = mallinfo();
#pragma GCC diagnostic pop
  EXPECT_GE(wide.arena + wide.hblkhd, 10 * kMiB);
  EXPECT_EQ(static_cast<size_t>(narrow.uordblks), wide.uordblks);
  EXPECT_EQ(static_cast<size_t>(narrow.arena), wide.arena);
  EXPECT_TRUE(!RunsOnHz4() || wide.arena + wide.hblkhd >= wide.uordblks)
      << "more in use than there is";
  free(p);
}

std::string MallocInfo(int options, int* result) {
  char* text = nullptr;
  size_t size = 0;
  FILE* stream = open_memstream(&text, &size);
  *result = malloc_info(options, stream);
  fclose(stream);
  const std::string copy(text, size);
  free(text);
  return copy;
}

TEST(MallocInfo, IsWellFormedXml) {
  void* p = malloc(3 * kMiB);
  int result = -1;
  const std::string text = MallocInfo(0, &result);
  free(p);
  EXPECT_EQ(result, 0);
  std::string root;
  EXPECT_EQ(CheckXml(text, &root), "") << text;
  EXPECT_EQ(root, "malloc") << text;

  if (FindExecutable("xmllint").empty())
    GTEST_SKIP() << "no xmllint (libxml2-utils) for a second opinion";
  const std::string path = ScratchDirectory() + "/malloc_info.xml";
  WriteFile(path, text);
  const ChildResult lint = Child({"xmllint", "--noout", path}).WithoutVariant().Run();
  EXPECT_TRUE(lint.Succeeded()) << lint.description << text;
}

TEST(MallocInfo, RefusesUnknownOptions) {
  int result = 0;
  const std::string text = MallocInfo(1, &result);
  EXPECT_NE(result, 0);
  EXPECT_EQ(text, "");
}

TEST(MallocStats, PrintsToStderr) {
  const std::string path = ScratchDirectory() + "/malloc_stats";
  fflush(stderr);
  const int saved = dup(STDERR_FILENO);
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  dup2(file, STDERR_FILENO);
  malloc_stats();
  fflush(stderr);
  dup2(saved, STDERR_FILENO);
  close(saved);
  close(file);
  EXPECT_GT(ReadFile(path).size(), 40u) << ReadFile(path);
}

// Live memory in blocks of `size`, then none: the pages must be gone from this process.
void ExpectTrimReleases(size_t size, size_t bytes) {
  std::vector<void*> blocks(bytes / size, nullptr);
  malloc_trim(0);
  const uint64_t start = ResidentBytes();
  for (void*& p : blocks) {
    p = malloc(size);
    memset(p, 1, size);
  }
  const uint64_t peak = ResidentBytes();
  EXPECT_GE(peak, start + bytes / 2) << size;
  for (void* p : blocks) free(p);
  malloc_trim(0);
  EXPECT_LE(ResidentBytes(), start + 8 * kMiB) << "blocks of " << size << ", peak " << peak;
}

TEST(MallocTrim, ReleasesEverySize) {
  for (size_t size :
       {size_t{64}, size_t{1000}, size_t{5000}, size_t{40000}, size_t{150000}, size_t{1 << 20}}) {
    ExpectTrimReleases(size, 64 * kMiB);
  }
}

TEST(MallocTrim, SaysWhetherItReleased) {
  std::vector<void*> blocks(16 * kMiB / 1000);
  for (void*& p : blocks) {
    p = malloc(1000);
    memset(p, 1, 1000);
  }
  for (void* p : blocks) free(p);
  EXPECT_EQ(malloc_trim(0), 1);
  if (!RunsOnHz4()) return;
  EXPECT_EQ(malloc_trim(0), 0) << "nothing was left to release";
}

TEST(LibcNames, AreTheSameAllocator) {
  auto* libc_malloc = Entry<void*(size_t)>("__libc_malloc");
  auto* libc_calloc = Entry<void*(size_t, size_t)>("__libc_calloc");
  auto* libc_realloc = Entry<void*(void*, size_t)>("__libc_realloc");
  auto* libc_free = Entry<void(void*)>("__libc_free");
  auto* libc_memalign = Entry<void*(size_t, size_t)>("__libc_memalign");
  auto* libc_valloc = Entry<void*(size_t)>("__libc_valloc");
  auto* libc_pvalloc = Entry<void*(size_t)>("__libc_pvalloc");
  auto* libc_posix_memalign = Entry<int(void**, size_t, size_t)>("__posix_memalign");
  if (!RunsOnHz4()) GTEST_SKIP() << "not running on hz4";
  for (size_t size : {size_t{1}, size_t{100}, size_t{5000}, size_t{100000}, size_t{1 << 20}}) {
    SCOPED_TRACE(size);
    void* p = libc_malloc(size);
    Fill(p, malloc_usable_size(p));
    free(p);
    p = malloc(size);
    libc_free(p);
    p = libc_calloc(2, size);
    EXPECT_TRUE(IsZero(p, 2 * size));
    p = libc_realloc(p, 3 * size);
    EXPECT_TRUE(IsZero(p, 2 * size));
    free(p);
    p = libc_memalign(512, size);
    EXPECT_TRUE(Aligned(p, 512));
    p = realloc(p, 2 * size);
    libc_free(p);
    p = libc_valloc(size);
    EXPECT_TRUE(Aligned(p, 4096));
    free(p);
    p = libc_pvalloc(size);
    EXPECT_TRUE(Aligned(p, 4096));
    EXPECT_EQ(malloc_usable_size(p) % 4096, 0u);
    free(p);
    EXPECT_EQ(libc_posix_memalign(&p, 1024, size), 0);
    EXPECT_TRUE(Aligned(p, 1024));
    free(p);
  }
}

// Functions of libc that hand out memory which the program frees.
TEST(LibcNames, MemoryFromLibcIsOurs) {
  for (int i = 0; i < 100; ++i) {
    char* copy = strdup("a string");
    free(copy);
    char* printed = nullptr;
    ASSERT_GT(asprintf(&printed, "%d %s", i, "x"), 0);
    printed = static_cast<char*>(realloc(printed, 5000));
    free(printed);
    char* path = realpath("/proc/../proc", nullptr);
    EXPECT_STREQ(path, "/proc");
    free(path);
    free(getcwd(nullptr, 0));
  }
}

}  // namespace
}  // namespace test
}  // namespace hz4
