// SPDX-License-Identifier: Apache-2.0
//
// The side way's memory, asked directly. Run with HZ4_RESERVE=4G: a chunk then has 4 MiB with the
// direct map; 128 KiB with the radix map.

#include "hz4/side_arena.h"

#include <gtest/gtest.h>
#include <string.h>

#include <algorithm>
#include <vector>

#include "hz4/arena.h"
#include "hz4/base/lock.h"
#include "hz4/base/os.h"
#include "hz4/base/scope.h"
#include "hz4/internal_api.h"
#include "hz4/page_map.h"
#include "tests/core/threads.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

size_t ChunkBytes() { return arena::SideRegion().bytes / 64; }

void* Allocate(size_t size, size_t align = 16, bool zero = false) {
  return side::Allocate(size, align, zero);
}

TEST(SideArena, ObjectsAreAlignedWritableAndKnown) {
  std::vector<void*> objects;
  for (size_t size : {0, 1, 15, 16, 17, 100, 4096, 70000}) {
    for (size_t align = 1; align <= 65536; align *= 2) {
      void* p = Allocate(size, align);
      ASSERT_NE(p, nullptr) << size << " aligned to " << align;
      EXPECT_EQ(reinterpret_cast<uintptr_t>(p) % align, 0u);
      EXPECT_EQ(reinterpret_cast<uintptr_t>(p) % kMinAlign, 0u);
      EXPECT_GE(side::UsableSize(p), std::max<size_t>(1, size));
      EXPECT_EQ(page_map::ClassOf(p), kSideClass);
      memset(p, 0xab, side::UsableSize(p));
      objects.push_back(p);
    }
  }
  for (void* p : objects) {
    const unsigned char* bytes = static_cast<unsigned char*>(p);
    const size_t usable = side::UsableSize(p);
    EXPECT_TRUE(std::all_of(bytes, bytes + usable, [](unsigned char c) { return c == 0xab; }));
    side::Free(p);
  }
}

TEST(SideArena, ZeroedWhenAskedForAlsoWhenUsedBefore) {
  for (int round = 0; round < 3; ++round) {
    std::vector<char*> objects;
    for (size_t size = 1; size < 5000; size += 97) {
      char* p = static_cast<char*>(Allocate(size, 16, /*zero=*/true));
      ASSERT_NE(p, nullptr);
      EXPECT_TRUE(std::all_of(p, p + size, [](char c) { return c == 0; })) << size;
      memset(p, 0xff, size);
      objects.push_back(p);
    }
    for (char* p : objects) side::Free(p);
  }
}

TEST(SideArena, AChunkStartsAgainWithItsLastFree) {
  // A thousand times what the arena has.
  const size_t size = ChunkBytes() / 3;
  const size_t rounds = 1000 * arena::SideRegion().bytes / size;
  void* first = Allocate(size);
  ASSERT_NE(first, nullptr);
  side::Free(first);
  for (size_t i = 0; i < rounds; ++i) {
    void* p = Allocate(size);
    ASSERT_EQ(p, first) << "round " << i;
    side::Free(p);
  }
}

TEST(SideArena, ALargeChunkGoesBackToTheKernelWithItsLastFree) {
  if (ChunkBytes() < 3 * kMiB) GTEST_SKIP() << "chunks here are smaller than what is kept";
  const size_t size = 3 * kMiB;
  char* p = static_cast<char*>(Allocate(size));
  ASSERT_NE(p, nullptr);
  memset(p, 1, size);
  const size_t touched = os::ResidentBytes();
  side::Free(p);
  EXPECT_LE(os::ResidentBytes(), touched - 2 * kMiB);
  char* again = static_cast<char*>(Allocate(size));
  EXPECT_EQ(again, p);
  side::Free(again);
}

TEST(SideArena, FullIsNullptrAndLaterItWorksAgain) {
  // Beyond a chunk: only the radix map can.
  void* big = Allocate(2 * ChunkBytes());
  EXPECT_EQ(big != nullptr, !arena::Direct());
  if (big != nullptr) {
    memset(big, 1, 2 * ChunkBytes());
    EXPECT_EQ(page_map::ClassOf(big), kSideClass);
    EXPECT_GE(side::UsableSize(big), 2 * ChunkBytes());
    side::Free(big);
    EXPECT_EQ(page_map::ClassOf(big), kNoClass);
  }
  const size_t size = ChunkBytes() - 65536;
  std::vector<void*> objects;
  for (void* p = Allocate(size); p != nullptr && objects.size() < 200; p = Allocate(size)) {
    objects.push_back(p);
  }
  EXPECT_GE(objects.size(), 64u) << "64 chunks";
  if (arena::Direct()) {
    EXPECT_EQ(objects.size(), 64u);
  }
  for (void* p : objects) side::Free(p);
  void* p = Allocate(size);
  EXPECT_NE(p, nullptr);
  side::Free(p);
}

TEST(SideArena, WithoutMemoryNullptrAndLaterItWorksAgain) {
  // So much that a chunk has to open more.
  const size_t size = ChunkBytes() / 4 * 3;
  os::FailNth(1, /*sticky=*/true);
  std::vector<void*> objects;
  for (void* p = Allocate(size); p != nullptr; p = Allocate(size)) objects.push_back(p);
  EXPECT_LE(objects.size(), 64u);
  os::FailNth(0, false);
  for (void* p : objects) side::Free(p);
  std::vector<void*> after;
  for (int i = 0; i < 32; ++i) {
    after.push_back(Allocate(size));
    ASSERT_NE(after.back(), nullptr) << "what was refused is lost";
    memset(after.back(), 1, size);
  }
  for (void* p : after) side::Free(p);
}

TEST(SideArena, ThreadsNeverShareAnObject) {
  test::RunThreads(6, [](int t) {
    test::Random random(test::Seed() + static_cast<uint64_t>(t));
    struct Block {
      char* p;
      size_t size;
      char tag;
    };
    std::vector<Block> mine;
    for (int step = 0; step < 20000; ++step) {
      if (mine.size() < 40 && random.OneIn(2)) {
        const size_t size = random.In(1, random.OneIn(50) ? 100000 : 600);
        const size_t align = size_t{1} << random.In(0, 9);
        char* p = static_cast<char*>(Allocate(size, align));
        ASSERT_NE(p, nullptr);
        const char tag = static_cast<char>(random.Next());
        memset(p, tag, size);
        mine.push_back({p, size, tag});
      } else if (!mine.empty()) {
        std::swap(mine[random.In(0, mine.size() - 1)], mine.back());
        const Block b = mine.back();
        mine.pop_back();
        ASSERT_TRUE(std::all_of(b.p, b.p + b.size, [&b](char c) { return c == b.tag; })) << b.size;
        side::Free(b.p);
      }
      // All at once now and then, so that chunks start again beside others at work.
      if (step % 500 == 0) {
        for (const Block& b : mine) side::Free(b.p);
        mine.clear();
      }
    }
    for (const Block& b : mine) side::Free(b.p);
  });
}

TEST(SideArena, TheDoorsTakeItsObjects) {
  void* p = Allocate(100);
  ASSERT_NE(p, nullptr);
  EXPECT_GE(hz4_malloc_usable_size(p), 100u);
  memset(p, 3, 100);
  char* moved = static_cast<char*>(hz4_realloc(p, 10000));
  ASSERT_NE(moved, nullptr);
  EXPECT_NE(page_map::ClassOf(moved), kSideClass) << "back on the ordinary way";
  EXPECT_TRUE(std::all_of(moved, moved + 100, [](char c) { return c == 3; }));
  hz4_free(moved);
  void* q = Allocate(3000, 1024);
  hz4_free(q);
  void* again = Allocate(3000, 1024);
  EXPECT_EQ(again, q) << "it was not freed";
  hz4_free(again);
}

// --- deferred frees ---

TEST(SideArena, DeferredObjectsOfEveryKindAreFreedByTheNextSlowPath) {
  const size_t sizes[] = {16, 100, 2048, 5000, 65536, 100000, 262144, 300000, size_t{4} << 20};
  for (int round = 0; round < 3; ++round) {
    EXPECT_FALSE(side::HasDeferred());
    for (size_t size : sizes) side::DeferFree(hz4_malloc(size));
    EXPECT_TRUE(side::HasDeferred());
    {
      SlowScope scope;
      side::DrainDeferred();
      EXPECT_TRUE(side::HasDeferred()) << "not inside of a slow scope";
    }
    Fork::Begin();
    side::DrainDeferred();
    EXPECT_TRUE(side::HasDeferred()) << "not while a fork is pending";
    Fork::EndInParent();
    if (round == 0) {
      side::DrainDeferred();
    } else {
      hz4_free(hz4_malloc(size_t{1} << 20));  // a slow path
    }
    EXPECT_FALSE(side::HasDeferred());
  }
}

TEST(SideArena, DeferringFromManyThreadsLosesNothing) {
  constexpr int kThreads = 4;
  constexpr int kEach = 20000;
  std::atomic<int> deferring{kThreads};
  test::RunThreads(kThreads + 2, [&](int t) {
    if (t >= kThreads) {
      while (deferring > 0) side::DrainDeferred();
      return;
    }
    const test::Leaving leaving(&deferring);
    for (int i = 0; i < kEach; ++i) {
      void* p = hz4_malloc(static_cast<size_t>(16 + i % 3000));
      ASSERT_NE(p, nullptr);
      side::DeferFree(p);
    }
  });
  side::DrainDeferred();
  EXPECT_FALSE(side::HasDeferred());
}

}  // namespace
}  // namespace hz4
