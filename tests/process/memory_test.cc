// SPDX-License-Identifier: Apache-2.0
//
// Memory that runs out, is locked, or is split: answers stay NULL with ENOMEM, and everything works
// once there is memory again.

#include <errno.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <new>

#include "tests/process/exercise.h"
#include "tests/support/test_env.h"
#include "tests/support/watchdog.h"

namespace hz4 {
namespace test {
namespace {

constexpr uint64_t kMiB = 1 << 20;

// Children judge by hand: a failed EXPECT in a child is lost.
#define REQUIRE(condition)                                                                      \
  do {                                                                                          \
    if (!(condition)) {                                                                         \
      fprintf(stderr, "%s:%d: not so: %s (errno %d)\n", __FILE__, __LINE__, #condition, errno); \
      _exit(1);                                                                                 \
    }                                                                                           \
  } while (false)

// This process may map `more` bytes of writable memory beyond what it has.
void LimitData(uint64_t more) {
  unsigned long pages = 0;
  FILE* statm = fopen("/proc/self/statm", "r");
  REQUIRE(fscanf(statm, "%*u %*u %*u %*u %*u %lu", &pages) == 1);
  fclose(statm);
  const rlimit limit = {pages * 4096 + more, pages * 4096 + more};
  REQUIRE(setrlimit(RLIMIT_DATA, &limit) == 0);
}

struct Link {
  Link* next;
};

// Takes blocks of `size` until there are no more; returns how many. The list lives in the blocks.
size_t TakeAll(size_t size, Link** all) {
  size_t count = 0;
  for (;; ++count) {
    errno = 0;
    Link* link = static_cast<Link*>(malloc(size));
    if (link == nullptr) break;
    memset(static_cast<void*>(link), 1, size < 4096 ? size : 4096);
    link->next = *all;
    *all = link;
  }
  REQUIRE(errno == ENOMEM);
  return count;
}

void FreeAll(Link* all) {
  while (all != nullptr) {
    Link* next = all->next;
    free(all);
    all = next;
  }
}

const size_t kSizes[] = {32, 1000, 5000, 50000, 200000, 1 << 20, 9 << 20};

// RLIMIT_DATA counts private writable memory, as vm.overcommit_memory=2 does for the whole machine.
TEST(OutOfMemory, IsNullAndEnomemForEveryFunction) {
  Watchdog watchdog(60);
  for (size_t size : kSizes) {
    const std::string outcome = InChild([size] {
      LimitData(48 * kMiB);
      Link* all = nullptr;
      REQUIRE(TakeAll(size, &all) * size > 20 * kMiB);
      void* p = &all;
      errno = 0;
      REQUIRE(calloc(1, 64 * kMiB) == nullptr && errno == ENOMEM);
      errno = 0;
      REQUIRE(memalign(4096, 64 * kMiB) == nullptr && errno == ENOMEM);
      REQUIRE(posix_memalign(&p, 4096, 64 * kMiB) == ENOMEM && p == &all);
      memset(static_cast<void*>(all + 1), 7, size - sizeof(Link));
      REQUIRE(realloc(all, 64 * kMiB) == nullptr && errno == ENOMEM);
      REQUIRE(reinterpret_cast<char*>(all)[size - 1] == 7);
      bool thrown = false;
      try {
        p = ::operator new(64 * kMiB);
      } catch (const std::bad_alloc&) {
        thrown = true;
      }
      REQUIRE(thrown);
      REQUIRE(::operator new(64 * kMiB, std::nothrow) == nullptr);
      FreeAll(all);
      for (int i = 0; i < 20; ++i) Exercise(i, 60, 100000);
    });
    EXPECT_EQ(outcome, "") << "blocks of " << size;
  }
}

// What was freed in one size is there for any other, before anybody is refused.
TEST(OutOfMemory, FreedMemoryServesEveryOtherSize) {
  Watchdog watchdog(60);
  for (size_t from : {kSizes[0], kSizes[2], kSizes[4], kSizes[6]}) {
    const std::string outcome = InChild([from] {
      LimitData(40 * kMiB);
      for (size_t to : kSizes) {
        Link* all = nullptr;
        TakeAll(from, &all);
        FreeAll(all);
        all = nullptr;
        const size_t bytes = TakeAll(to, &all) * to;
        if (bytes < 20 * kMiB) {
          fprintf(stderr, "of 40 MiB, after blocks of %zu: only %zu bytes in blocks of %zu\n", from,
                  bytes, to);
          _exit(1);
        }
        FreeAll(all);
      }
    });
    EXPECT_EQ(outcome, "") << "from blocks of " << from;
  }
}

TEST(OutOfMemory, InSeveralThreads) {
  Watchdog watchdog(60);
  const std::string outcome = InChild([] {
    std::vector<std::thread> threads;
    std::atomic<int> ready{0};
    std::atomic<bool> go{false};
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        ++ready;
        while (!go) sched_yield();
        for (int round = 0; round < 3; ++round) {
          Link* all = nullptr;
          TakeAll(kSizes[(t + round) % 6], &all);
          FreeAll(all);
        }
      });
    }
    while (ready < 4) sched_yield();
    LimitData(48 * kMiB);
    go = true;
    for (std::thread& thread : threads) thread.join();
    for (int i = 0; i < 20; ++i) Exercise(i, 60, 100000);
  });
  EXPECT_EQ(outcome, "");
}

// Locked pages cannot be given back, so they keep their content: calloc must not trust them.
TEST(LockedMemory, CallocIsZeroAllTheSame) {
  Watchdog watchdog(60);
  const std::string outcome = InChild([] {
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) _exit(77);
    for (int round = 0; round < 3; ++round) {
      for (size_t size : kSizes) {
        void* blocks[20];
        for (void*& p : blocks) {
          p = calloc(1, size);
          REQUIRE(p != nullptr);
          for (size_t i = 0; i < size; ++i) REQUIRE(static_cast<char*>(p)[i] == 0);
          memset(p, 0xff, size);
        }
        for (void* p : blocks) free(p);
        malloc_trim(0);
      }
    }
    REQUIRE(ResidentBytes() < 1024 * kMiB);
  });
  if (outcome == "exit 77") GTEST_SKIP() << "mlockall is not allowed";
  EXPECT_EQ(outcome, "");
}

// 65530 mappings is all the kernel allows a process.
TEST(Mappings, StayFewUnderFragmentation) {
  Watchdog watchdog(60);
  Random random(Seed());
  std::vector<void*> blocks(3000, nullptr);
  for (int i = 0; i < 60000; ++i) {
    void*& p = blocks[random.Next() % blocks.size()];
    free(p);
    p = malloc(random.OneIn(20) ? random.In(100000, 2000000) : random.In(1, 30000));
    if (i % 5000 == 0) malloc_trim(0);
  }
  EXPECT_LT(MappingCount(), 1500u);
  for (void* p : blocks) free(p);
}

}  // namespace
}  // namespace test
}  // namespace hz4
