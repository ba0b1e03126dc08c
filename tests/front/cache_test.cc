// SPDX-License-Identifier: Apache-2.0
//
// One cache of a front, without a front: its slots, its capacities, its budget. Run with the
// default budget, with the smallest, and with small sizes only.

#include "hz4/front/cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "hz4/base/lock.h"
#include "hz4/base/os.h"
#include "hz4/base/scope.h"
#include "hz4/dispatch.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace {

uint64_t Budget() { return EffectiveKnobs().front_budget; }

unsigned Grow(FrontCache* cache, unsigned cls) {
  SlowScope scope;
  return cache->Grow(cls);
}
std::string Wrong(FrontCache* cache) {
  SlowScope scope;
  const char* wrong = cache->Check();
  return wrong == nullptr ? "" : wrong;
}
uint64_t Capacity(FrontCache* cache) {
  uint64_t bytes = 0;
  for (unsigned cls = 1; cls <= kNumClasses; ++cls) {
    bytes += uint64_t{cache->Room(cls)} * Class(cls).size;
  }
  return bytes;
}
void** Top(FrontCache* cache, unsigned cls) { return cache->At(cache->headers.ends[cls].top); }
void Push(FrontCache* cache, unsigned cls, void* p) {
  *Top(cache, cls) = p;
  cache->headers.ends[cls].top += sizeof(void*);
}
// Caches are never given back; the tests keep theirs.
FrontCache* NewCache() {
  FrontCache* cache = FrontCache::New();
  EXPECT_NE(cache, nullptr);
  return cache;
}

TEST(FrontCache, RulesOfSlotsAndBatches) {
  for (unsigned cls = 1; cls <= kNumClasses; ++cls) {
    const size_t size = Class(cls).size;
    EXPECT_GE(MaxSlots(cls), 32u);
    EXPECT_LE(MaxSlots(cls), 4096u);
    if (MaxSlots(cls) > 32) {
      EXPECT_LE(MaxSlots(cls) * size, size_t{1} << 20) << cls;
    }
    EXPECT_GE(FirstBatch(cls), 2u);
    EXPECT_LE(FirstBatch(cls) * 2, MaxSlots(cls)) << "half a cache";
    EXPECT_TRUE(FirstBatch(cls) == 2 || FirstBatch(cls) * size <= 4096) << cls;
    for (uint32_t room = FirstBatch(cls); room <= MaxSlots(cls); room += FirstBatch(cls)) {
      const uint32_t batch = BatchOf(cls, room);
      EXPECT_GE(batch, FirstBatch(cls));
      EXPECT_LE(batch, kMaxBatch);
      EXPECT_LE(batch, room);
    }
  }
}

TEST(FrontCache, ANewOneIsEmptyFullAndOrdered) {
  FrontCache* cache = NewCache();
  EXPECT_FALSE(cache->IsMiss());
  EXPECT_EQ(Wrong(cache), "");
  EXPECT_EQ(cache->CachedBytes(), 0u);
  void** end = cache->Begin(1) - 1;
  for (unsigned cls = 1; cls <= kNumClasses; ++cls) {
    EXPECT_GT(cache->Begin(cls), end) << "slots overlap, or no room for the null before them";
    EXPECT_EQ(cache->Begin(cls)[-1], nullptr);
    EXPECT_EQ(cache->Count(cls), 0u);
    EXPECT_EQ(cache->Room(cls), 0u);
    end = cache->Begin(cls) + MaxSlots(cls);
    end[-1] = nullptr;  // its last slot can be written
  }
}

// An L1 of 32 KiB finds a line's set of 8 by address bits 6 to 11. What the classes have at the
// same depth must not take a whole set.
TEST(FrontCache, TheFirstSlotsOfSmallClassesAreSpreadOverTheSetsOfL1) {
  unsigned in_set[64] = {};
  for (unsigned cls = 1; cls <= kLastSmallClass; ++cls) {
    ++in_set[FrontCache::BeginOffset(cls) / 64 % 64];
  }
  EXPECT_LE(*std::max_element(in_set, in_set + 64), 4u);
}

// What the page map says of a page that no cache may take: full, and empty.
TEST(FrontCache, OtherPageClassesAreAlwaysFullAndEmpty) {
  FrontCache* caches[] = {NewCache(), FrontCache::Miss()};
  for (FrontCache* cache : caches) {
    for (unsigned cls = 0; cls < 256; ++cls) {
      if (cache == caches[0] && cls >= 1 && cls <= kNumClasses) continue;
      EXPECT_EQ(cache->headers.ends[cls].top, cache->headers.ends[cls].limit) << cls;
      EXPECT_EQ(Top(cache, cls)[-1], nullptr) << cls;
    }
  }
  EXPECT_TRUE(FrontCache::Miss()->IsMiss());
}

TEST(FrontCache, TheOneThatMissesNeverGrows) {
  for (unsigned cls = 1; cls <= kNumClasses; ++cls) {
    EXPECT_EQ(Grow(FrontCache::Miss(), cls), kNoClass);
    EXPECT_EQ(FrontCache::Miss()->headers.ends[cls].top,
              FrontCache::Miss()->headers.ends[cls].limit);
  }
}

TEST(FrontCache, GrowsByABatchThenByHalfUpToItsSlots) {
  FrontCache* cache = NewCache();
  for (unsigned cls : {1u, 20u, kLastSmallClass}) {
    if (Class(cls).size > EffectiveKnobs().front_max_size) continue;
    if (Budget() < 4 * MaxSlots(cls) * uint64_t{Class(cls).size}) continue;
    uint32_t room = 0;
    while (room < MaxSlots(cls)) {
      EXPECT_EQ(Grow(cache, cls), kNoClass) << "the budget has room";
      const uint32_t step = std::max(room / 2, FirstBatch(cls));
      room = std::min(MaxSlots(cls), room + step);
      ASSERT_EQ(cache->Room(cls), room);
    }
    EXPECT_EQ(Grow(cache, cls), kNoClass);
    EXPECT_EQ(cache->Room(cls), MaxSlots(cls));
  }
  EXPECT_EQ(Wrong(cache), "");
}

TEST(FrontCache, SizesThatTheFrontDoesNotServeGetNoCapacity) {
  FrontCache* cache = NewCache();
  for (unsigned cls = 1; cls <= kNumClasses; ++cls) {
    const bool served = Class(cls).size <= EffectiveKnobs().front_max_size;
    Grow(cache, cls);
    if (!served) {
      EXPECT_EQ(cache->Room(cls), 0u) << cls;
    }
  }
  EXPECT_EQ(Wrong(cache), "");
}

// Capacities follow random demand: their sum is what the cache accounts, and within the budget.
TEST(FrontCache, RandomDemandStaysWithinTheBudget) {
  test::Random random(test::Seed());
  FrontCache* cache = NewCache();
  unsigned hot = 1;
  for (int step = 0; step < 20000; ++step) {
    if (random.OneIn(100)) hot = static_cast<unsigned>(random.In(1, kNumClasses));
    const unsigned cls = random.OneIn(4) ? static_cast<unsigned>(random.In(1, kNumClasses)) : hot;
    uint32_t before[kClassSlots];
    for (unsigned c = 1; c <= kNumClasses; ++c) before[c] = cache->Room(c);
    const unsigned victim = Grow(cache, cls);
    ASSERT_NE(victim, cls);
    for (unsigned c = 1; c <= kNumClasses; ++c) {
      if (c == cls) {
        ASSERT_GE(cache->Room(c), before[c]);
        ASSERT_LE(cache->Room(c), MaxSlots(c));
      } else if (c != victim) {
        ASSERT_EQ(cache->Room(c), before[c]) << "class " << c << " lost capacity unreported";
      } else {
        ASSERT_LT(cache->Room(c), before[c]);
      }
    }
    ASSERT_LE(Capacity(cache), Budget()) << "step " << step;
    if (step % 50 == 0) {
      ASSERT_EQ(Wrong(cache), "") << "step " << step;
    }
  }
}

TEST(FrontCache, NoClassStarvesAnother) {
  FrontCache* cache = NewCache();
  // Every other class asks until nobody gets more.
  for (int round = 0; round < 50; ++round) {
    for (unsigned cls = 1; cls <= kNumClasses; ++cls) {
      if (cls != 30) Grow(cache, cls);
    }
  }
  EXPECT_EQ(cache->Room(30), 0u);
  // Then they idle, and one that had nothing misses and misses.
  for (int miss = 0; miss < 3000; ++miss) Grow(cache, 30);
  const bool served = Class(30).size <= EffectiveKnobs().front_max_size;
  EXPECT_GE(cache->Room(30),
            served ? std::min<uint64_t>(MaxSlots(30), Budget() / Class(30).size / 2) : 0u);
  EXPECT_EQ(Wrong(cache), "");
}

TEST(FrontCache, WhileAForkIsPendingCapacitiesStay) {
  FrontCache* cache = NewCache();
  Grow(cache, 5);
  const uint32_t room = cache->Room(5);
  Fork::Begin();
  EXPECT_EQ(Grow(cache, 5), kNoClass);
  EXPECT_EQ(Grow(cache, 6), kNoClass);
  Fork::EndInParent();
  EXPECT_EQ(cache->Room(5), room);
  EXPECT_EQ(cache->Room(6), 0u);
}

TEST(FrontCache, WithoutMemoryThereIsNone) {
  os::FailNth(1, false);
  EXPECT_EQ(FrontCache::New(), nullptr);
  os::FailNth(0, false);
}

TEST(FrontCache, CountsAndForgets) {
  FrontCache* cache = NewCache();
  Grow(cache, 3);
  Grow(cache, 7);
  for (uintptr_t i = 1; i <= 3; ++i) Push(cache, 3, reinterpret_cast<void*>(16 * i));
  Push(cache, 7, reinterpret_cast<void*>(16));
  EXPECT_EQ(cache->Count(3), 3u);
  EXPECT_EQ(cache->CachedBytes(), 3u * Class(3).size + Class(7).size);
  EXPECT_EQ(Wrong(cache), "");
  cache->Forget();
  EXPECT_EQ(cache->CachedBytes(), 0u);
  EXPECT_EQ(cache->Count(3), 0u);
  EXPECT_GT(cache->Room(3), 0u) << "capacity stays";
  EXPECT_EQ(Wrong(cache), "");
}

TEST(FrontCacheCheck, SeesFaults) {
  FrontCache* cache = NewCache();
  Grow(cache, 3);
  Grow(cache, 4);
  FrontCache::Ends& ends = cache->headers.ends[3];
  const FrontCache::Ends good = ends;
  ends.top -= sizeof(void*);
  EXPECT_EQ(Wrong(cache), "front: top outside of the class's slots");
  ends.top = good.top + (MaxSlots(3) + 1) * sizeof(void*);
  EXPECT_EQ(Wrong(cache), "front: top outside of the class's slots");
  ends = good;
  ends.limit = good.top - sizeof(void*);
  EXPECT_EQ(Wrong(cache), "front: limit outside of the class's slots");
  ends.limit = good.limit + sizeof(void*);
  EXPECT_EQ(Wrong(cache), "front: bytes != sum of the capacities");
  ends = good;
  cache->Begin(4)[-1] = &ends;
  EXPECT_EQ(Wrong(cache), "front: a slot ran over into the next class");
  cache->Begin(4)[-1] = nullptr;
  Push(cache, 3, &ends);
  Push(cache, 3, nullptr);
  EXPECT_EQ(Wrong(cache), "front: null among the cached objects");
  ends = good;
  EXPECT_EQ(Wrong(cache), "");
}

}  // namespace
}  // namespace hz4
