// SPDX-License-Identifier: Apache-2.0
//
// What stands between the doors and the seams: the side way for those who must not wait, deferred
// frees, memory pressure, ENOMEM. Run under every front and both page maps.

#include "hz4/slow_path.h"

#include <gtest/gtest.h>
#include <string.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "hz4/base/lock.h"
#include "hz4/base/os.h"
#include "hz4/base/scope.h"
#include "hz4/check.h"
#include "hz4/dispatch.h"
#include "hz4/gauges.h"
#include "hz4/hz4.h"
#include "hz4/internal_api.h"
#include "hz4/page_map.h"
#include "hz4/side_arena.h"
#include "tests/core/signal_storm.h"
#include "tests/core/threads.h"
#include "tests/support/contents.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace {

using test::All;

std::string Wrong() {
  const char* wrong = CheckAll();
  return wrong == nullptr ? "" : wrong;
}

uint64_t LiveBytes() {
  side::DrainDeferred();
  hz4_release_memory();
  Gauges gauges;
  FillGauges(&gauges);
  return gauges.live_bytes;
}

constexpr size_t kSizes[] = {1,     16,    100,    2048,   2049,           20000,
                             65536, 65537, 262144, 262145, size_t{5} << 20};

// Every call of the interface with every kind of size, in a state where slow paths are closed.
void UseEverythingWhileClosed() {
  std::vector<void*> blocks;
  for (size_t size : kSizes) {
    void* before = nullptr;
    for (int i = 0; i < 50; ++i) {
      void* p = hz4_malloc(size);
      ASSERT_NE(p, nullptr) << size;
      ASSERT_NE(p, before);
      ASSERT_GE(hz4_malloc_usable_size(p), size);
      memset(p, 0x11, size);
      blocks.push_back(before = p);
    }
    char* zeroed = static_cast<char*>(hz4_calloc(1, size));
    ASSERT_NE(zeroed, nullptr) << size;
    ASSERT_TRUE(All(zeroed, size, 0)) << size;
    memset(zeroed, 0x22, size);
    char* grown = static_cast<char*>(hz4_realloc(zeroed, size * 2));
    ASSERT_NE(grown, nullptr) << size;
    ASSERT_TRUE(All(grown, size, 0x22)) << size;
    char* shrunk = static_cast<char*>(hz4_realloc(grown, size / 2 + 1));
    ASSERT_NE(shrunk, nullptr) << size;
    ASSERT_TRUE(All(shrunk, size / 2 + 1, 0x22)) << size;
    blocks.push_back(shrunk);
    for (size_t align : {size_t{32}, size_t{4096}, size_t{1} << 16}) {
      void* aligned = hz4_memalign(align, size);
      ASSERT_NE(aligned, nullptr) << size << " aligned to " << align;
      ASSERT_EQ(reinterpret_cast<uintptr_t>(aligned) % align, 0u);
      memset(aligned, 0x33, size);
      blocks.push_back(aligned);
    }
  }
  for (void* p : blocks) hz4_free(p);
}

// Blocks of every size from before, freed while slow paths are closed.
std::vector<void*> BlocksOfBefore() {
  std::vector<void*> blocks;
  for (size_t size : kSizes) {
    for (int i = 0; i < 40; ++i) blocks.push_back(hz4_malloc(size));
  }
  return blocks;
}

TEST(SlowPath, InsideItselfItGoesTheSideWay) {
  const uint64_t live = LiveBytes();
  std::vector<void*> before = BlocksOfBefore();
  {
    SlowScope scope;  // as if a signal handler had interrupted it
    ASSERT_NO_FATAL_FAILURE(UseEverythingWhileClosed());
    for (void* p : before) hz4_free(p);
  }
  EXPECT_EQ(LiveBytes(), live) << "something was lost";
  EXPECT_EQ(Wrong(), "");
}

TEST(SlowPath, DuringAForkItGoesTheSideWay) {
  const uint64_t live = LiveBytes();
  std::vector<void*> before = BlocksOfBefore();
  Fork::Begin();
  UseEverythingWhileClosed();
  for (void* p : before) hz4_free(p);
  Fork::EndInParent();
  EXPECT_EQ(LiveBytes(), live) << "something was lost";
  EXPECT_EQ(Wrong(), "");
}

// With forks beginning and ending all the time nothing is ever refused, nor lost, nor shared.
TEST(SlowPath, ForksBesideThreadsAtWork) {
  const uint64_t live = LiveBytes();
  constexpr int kThreads = 4;
  std::atomic<int> working{kThreads};
  test::RunThreads(kThreads + 1, [&](int t) {
    if (t == kThreads) {
      while (working > 0) {
        Fork::Begin();
        std::this_thread::yield();
        Fork::EndInParent();
        for (int i = 0; i < 3; ++i) std::this_thread::yield();
      }
      return;
    }
    const test::Leaving leaving(&working);
    test::Random random(test::Seed() + static_cast<uint64_t>(t));
    struct Block {
      unsigned char* p;
      size_t size;
    };
    std::vector<Block> mine;
    const auto tag = [t](const Block& b) {
      return static_cast<unsigned char>(reinterpret_cast<uintptr_t>(b.p) >> 4 ^ b.size ^ t);
    };
    const auto ends = [&](const Block& b) {
      return b.p[0] == tag(b) && b.p[b.size / 2] == tag(b) && b.p[b.size - 1] == tag(b);
    };
    for (int step = 0; step < 20000; ++step) {
      if (mine.size() < 100 && random.OneIn(2)) {
        const size_t size = kSizes[random.In(0, 10)] + random.In(0, 10);
        const bool aligned = random.OneIn(10);
        void* p = aligned ? hz4_memalign(256, size) : hz4_malloc(size);
        ASSERT_NE(p, nullptr) << size << ": refused although there is memory";
        const Block b = {static_cast<unsigned char*>(p), size};
        b.p[0] = b.p[size / 2] = b.p[size - 1] = tag(b);
        mine.push_back(b);
      } else if (!mine.empty()) {
        std::swap(mine[random.In(0, mine.size() - 1)], mine.back());
        ASSERT_TRUE(ends(mine.back())) << mine.back().size << " bytes were changed by another";
        hz4_free(mine.back().p);
        mine.pop_back();
      }
    }
    for (const Block& b : mine) hz4_free(b.p);
  });
  EXPECT_EQ(Wrong(), "");
  EXPECT_EQ(LiveBytes(), live)
      << "a thread's cache was not given back at its exit, or a block lost";
}

TEST(SlowPath, NoMemoryIsEnomemAndTheOldBlockStays) {
  const uint64_t live = LiveBytes();
  char* kept = static_cast<char*>(hz4_malloc(1000));
  memset(kept, 5, 1000);
  os::FailNth(1, /*sticky=*/true);
  std::vector<void*> blocks;
  for (size_t size : {size_t{100} << 20, size_t{300000}, size_t{5000}, size_t{24}}) {
    errno = 0;
    void* p;
    while ((p = hz4_malloc(size)) != nullptr) {
      blocks.push_back(p);
      ASSERT_LT(blocks.size(), 50u << 20);
    }
    EXPECT_EQ(errno, ENOMEM) << size;
  }
  errno = 0;
  EXPECT_EQ(hz4_calloc(1, size_t{100} << 20), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  errno = 0;
  EXPECT_EQ(hz4_memalign(4096, size_t{100} << 20), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  errno = 0;
  EXPECT_EQ(hz4_realloc(kept, size_t{100} << 20), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  EXPECT_TRUE(All(kept, 1000, 5));
  EXPECT_EQ(Wrong(), "");
  errno = 4711;
  for (void* p : blocks) hz4_free(p);
  EXPECT_EQ(errno, 4711) << "free changed it";
  os::FailNth(0, false);
  void* p = hz4_malloc(size_t{100} << 20);
  EXPECT_NE(p, nullptr);
  hz4_free(p);
  hz4_free(kept);
  EXPECT_EQ(LiveBytes(), live);
  EXPECT_EQ(Wrong(), "");
}

// What is cached anywhere is given up before a request is refused.
TEST(SlowPath, CachedMemoryServesARequestThatTheSystemRefuses) {
  std::vector<void*> blocks;
  for (int i = 0; i < 3000; ++i) blocks.push_back(hz4_malloc(30000));
  for (void* p : blocks) hz4_free(p);
  // Separate mappings need not adjoin: there, what fits into one of them.
  const size_t size = test::Variable("HZ4_PAGE_MAP") == "radix" ? 3 << 20 : 40 << 20;
  os::FailNth(1, /*sticky=*/true);
  void* p = hz4_malloc(size);
  os::FailNth(0, false);
  // The madvise is refused too: pages that were used stay so, and merge all the same.
  EXPECT_NE(p, nullptr) << "90 MB stood free";
  hz4_free(p);
  EXPECT_EQ(Wrong(), "");
}

TEST(SlowPath, SizesBeyondPtrdiffMaxAreEnomem) {
  for (size_t size : {SIZE_MAX, SIZE_MAX - 4096, size_t{1} << 63, (size_t{1} << 63) + 1,
                      static_cast<size_t>(PTRDIFF_MAX), static_cast<size_t>(PTRDIFF_MAX) - 4096}) {
    errno = 0;
    EXPECT_EQ(hz4_malloc(size), nullptr);
    EXPECT_EQ(errno, ENOMEM) << size;
    errno = 0;
    EXPECT_EQ(hz4_calloc(size, 1), nullptr);
    EXPECT_EQ(errno, ENOMEM) << size;
    errno = 0;
    EXPECT_EQ(hz4_memalign(64, size), nullptr);
    EXPECT_EQ(errno, ENOMEM) << size;
    void* p = hz4_malloc(10);
    errno = 0;
    EXPECT_EQ(hz4_realloc(p, size), nullptr);
    EXPECT_EQ(errno, ENOMEM) << size;
    hz4_free(p);
  }
  for (unsigned bits = 47; bits < 64; ++bits) {
    errno = 0;
    EXPECT_EQ(hz4_memalign(size_t{1} << bits, 1), nullptr);
    EXPECT_EQ(errno, ENOMEM) << "aligned to 2^" << bits;
  }
  EXPECT_EQ(Wrong(), "");
}

// --- handlers that allocate ---

std::atomic<long> handled{0};
std::atomic<long> handler_refused{0};
void AllocateInHandler(int) {
  const int saved = errno;
  void* blocks[8];
  for (int i = 0; i < 8; ++i) {
    blocks[i] = hz4_malloc(kSizes[static_cast<size_t>(handled + i) % 10]);
    if (blocks[i] == nullptr) {
      handler_refused.fetch_add(1);
    } else {
      *static_cast<char*>(blocks[i]) = 1;
    }
  }
  for (void* p : blocks) hz4_free(p);
  handled.fetch_add(1);
  errno = saved;
}

// Signals strike threads anywhere in malloc and free; their handlers allocate and free themselves.
TEST(SlowPath, SignalsWhoseHandlersAllocate) {
  const test::SignalHandler handler(SIGUSR1, &AllocateInHandler);
  const uint64_t live = LiveBytes();
  test::RunThreads(2, [](int t) {
    test::Random random(test::Seed() + static_cast<uint64_t>(t));
    std::vector<void*> mine(200, nullptr);
    {
      const test::SignalStorm storm(SIGUSR1);
      while (handled < 4000) {
        const size_t at = random.In(0, mine.size() - 1);
        hz4_free(mine[at]);
        mine[at] = hz4_malloc(kSizes[random.In(0, 9)]);
        ASSERT_NE(mine[at], nullptr);
        *static_cast<char*>(mine[at]) = 1;
      }
    }
    for (void* p : mine) hz4_free(p);
  });
  EXPECT_EQ(handler_refused, 0);
  EXPECT_EQ(LiveBytes(), live);
  EXPECT_EQ(Wrong(), "");
}

}  // namespace
}  // namespace hz4
