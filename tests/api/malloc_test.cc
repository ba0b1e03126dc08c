// SPDX-License-Identifier: Apache-2.0
//
// malloc, calloc, realloc, reallocarray, free and its relatives: contents, alignment, zero sizes,
// errno.

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <set>

#include "tests/api/api.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace test {
namespace {

constexpr size_t kLargest = 8 << 20;

TEST(Malloc, EverySizeIsAlignedTo16) {
  for (size_t size : InterestingSizes(kLargest)) {
    void* p = malloc(size);
    ASSERT_NE(p, nullptr) << size;
    EXPECT_TRUE(Aligned(p, 16)) << size << " at " << p;
    free(p);
  }
  std::vector<void*> all;
  for (size_t size = 0; size <= 5000; ++size) {
    all.push_back(malloc(size));
    ASSERT_TRUE(Aligned(all.back(), 16)) << size;
  }
  for (void* p : all) free(p);
}

// Eight live blocks of each size, every usable byte written: none may reach into another.
TEST(Malloc, EveryUsableByteMayBeWritten) {
  constexpr size_t kBlocks = 8;
  for (size_t size : InterestingSizes(2 << 20)) {
    void* blocks[kBlocks];
    for (size_t i = 0; i < kBlocks; ++i) {
      blocks[i] = malloc(size);
      ASSERT_NE(blocks[i], nullptr) << size;
      ASSERT_GE(malloc_usable_size(blocks[i]), size);
      Fill(blocks[i], malloc_usable_size(blocks[i]), i);
    }
    for (size_t i = 0; i < kBlocks; ++i) {
      ASSERT_TRUE(Filled(blocks[i], malloc_usable_size(blocks[i]), i)) << size << ", block " << i;
      free(blocks[i]);
    }
  }
}

TEST(Malloc, UsableSizeOfNullIsZeroAndNeverWasteful) {
  EXPECT_EQ(malloc_usable_size(nullptr), 0u);
  if (!RunsOnHz4()) GTEST_SKIP() << "the bound is hz4's";
  // 8 classes per doubling above 128 bytes; whole pages above the classes.
  for (size_t size : InterestingSizes(kLargest)) {
    void* p = malloc(size);
    EXPECT_LE(malloc_usable_size(p), size + size / 8 + 32) << size;
    free(p);
  }
}

TEST(Malloc, ZeroBytesAreAUniquePointer) {
  std::set<void*> seen;
  for (int i = 0; i < 1000; ++i) {
    void* p = Opaque(malloc(0));
    ASSERT_NE(p, nullptr);
    ASSERT_TRUE(seen.insert(p).second) << p;
  }
  for (void* p : seen) free(p);
  void* p = calloc(0, 8);
  void* q = calloc(8, 0);
  void* r = realloc(nullptr, 0);
  EXPECT_NE(p, nullptr);
  EXPECT_NE(q, nullptr);
  EXPECT_NE(r, nullptr);
  EXPECT_NE(p, q);
  free(p);
  free(q);
  free(r);
}

TEST(Malloc, SuccessLeavesErrno) {
  for (size_t size : InterestingSizes(kLargest)) {
    errno = kUntouched;
    void* p = malloc(size);
    EXPECT_EQ(errno, kUntouched) << size;
    p = realloc(p, size + 100);
    EXPECT_EQ(errno, kUntouched) << size;
    free(p);
    EXPECT_EQ(errno, kUntouched) << size;
    free(calloc(1, size));
    EXPECT_EQ(errno, kUntouched) << size;
  }
}

TEST(Free, NullIsNothingAndErrnoStays) {
  errno = kUntouched;
  free(nullptr);
  EXPECT_EQ(errno, kUntouched);
  std::vector<void*> all;
  for (size_t i = 0; i < 2000; ++i) all.push_back(malloc(i * 64));
  for (int i = 0; i < 20; ++i) all.push_back(malloc(1 << 20));
  errno = kUntouched;
  for (void* p : all) free(p);
  EXPECT_EQ(errno, kUntouched);
}

TEST(Calloc, IsZeroOnRecycledMemory) {
  for (size_t size : InterestingSizes(4 << 20)) {
    if (size == 0) continue;
    for (int round = 0; round < 3; ++round) {
      void* dirty = malloc(size);
      memset(dirty, 0xa5, malloc_usable_size(dirty));
      free(Opaque(dirty));
      void* p = Opaque(calloc(1, size));
      ASSERT_NE(p, nullptr) << size;
      ASSERT_TRUE(IsZero(p, size)) << size << ", round " << round;
      memset(p, 0x5a, malloc_usable_size(p));
      free(p);
    }
  }
}

// The same after pages went back to the kernel, and in sizes that share pages with dirty ones.
TEST(Calloc, IsZeroAfterTrimAndReuse) {
  Random random(Seed());
  std::vector<void*> all;
  for (int round = 0; round < 6; ++round) {
    for (int i = 0; i < 400; ++i) {
      const size_t size = random.In(1, random.OneIn(20) ? 3 << 20 : 40000);
      void* p = calloc(1, size);
      ASSERT_NE(p, nullptr);
      ASSERT_TRUE(IsZero(p, size)) << size << ", round " << round;
      memset(p, 0xff, malloc_usable_size(p));
      all.push_back(p);
    }
    for (size_t i = round % 2; i < all.size(); i += 2) {
      free(all[i]);
      all[i] = nullptr;
    }
    if (round % 2 == 1) malloc_trim(0);
  }
  for (void* p : all) free(p);
}

TEST(Calloc, ElementsTimesSizeAreCounted) {
  char* p = static_cast<char*>(calloc(77, 13));
  EXPECT_GE(malloc_usable_size(p), 77u * 13);
  EXPECT_TRUE(IsZero(p, 77 * 13));
  free(p);
}

TEST(Realloc, KeepsTheContentsThroughEverySize) {
  const std::vector<size_t> sizes = InterestingSizes(4 << 20);
  Random random(Seed());
  for (size_t from : sizes) {
    const size_t to = sizes[random.Next() % sizes.size()];
    uint8_t* p = static_cast<uint8_t*>(malloc(from));
    for (size_t i = 0; i < from; ++i) p[i] = static_cast<uint8_t>(i * 7 + from);
    if (to == 0) {
      free(p);
      continue;
    }
    p = static_cast<uint8_t*>(realloc(p, to));
    ASSERT_NE(p, nullptr);
    ASSERT_TRUE(Aligned(p, 16));
    for (size_t i = 0; i < std::min(from, to); ++i) {
      ASSERT_EQ(p[i], static_cast<uint8_t>(i * 7 + from)) << from << " -> " << to << " at " << i;
    }
    Fill(p, malloc_usable_size(p));
    free(p);
  }
}

TEST(Realloc, GrowsAndShrinksInSteps) {
  uint8_t* p = nullptr;
  size_t size = 0;
  for (size_t next = 1; next < (32 << 20); next = next * 5 / 4 + 100) {
    p = static_cast<uint8_t*>(realloc(p, next));
    ASSERT_NE(p, nullptr);
    for (size_t i = size; i < next; i += 97) p[i] = static_cast<uint8_t>(i % 251);
    size = next;
  }
  for (; size > 300; size = size / 3) {
    p = static_cast<uint8_t*>(realloc(p, size));
    ASSERT_NE(p, nullptr);
  }
  uint8_t* expected = static_cast<uint8_t*>(malloc(32 << 20));
  size_t done = 0;
  for (size_t next = 1; done < size; next = next * 5 / 4 + 100) {
    for (size_t i = done; i < next && i < size; i += 97) ASSERT_EQ(p[i], i % 251) << i;
    done = next;
  }
  free(expected);
  free(p);
}

// A block that grows line by line: what it was given once it keeps, and it is copied seldom.
TEST(Realloc, GrowthBySmallStepsNeverTakesRoomAway) {
  for (int repeated = 0; repeated < 3; ++repeated) {
    char* p = static_cast<char*>(malloc(256));
    size_t room = malloc_usable_size(p);
    int moves = 0;
    for (size_t size = 512; size <= 1 << 20; size += 256) {
      char* grown = static_cast<char*>(realloc(p, size));
      ASSERT_NE(grown, nullptr) << size;
      ASSERT_GE(malloc_usable_size(grown), room) << "at " << size << " bytes";
      room = malloc_usable_size(grown);
      moves += grown != p ? 1 : 0;
      p = grown;
    }
    free(p);
    EXPECT_LT(moves, 40) << "a quarter more at each move would make 38";
  }
}

TEST(Realloc, OfNullIsMallocAndToZeroFrees) {
  void* p = realloc(nullptr, 100);
  ASSERT_NE(p, nullptr);
  Fill(p, malloc_usable_size(p));
  for (size_t size : {size_t{1}, size_t{100}, size_t{5000}, size_t{100000}, size_t{3 << 20}}) {
    void* q = malloc(size);
    EXPECT_EQ(realloc(q, Opaque(size_t{0})), nullptr) << size;
  }
  free(p);
  // Freed, not kept: otherwise this would hold 10 GiB.
  for (int i = 0; i < 10000; ++i) {
    void* q = malloc(1 << 20);
    ASSERT_NE(q, nullptr);
    EXPECT_EQ(realloc(q, Opaque(size_t{0})), nullptr);
  }
}

TEST(Realloc, FailureKeepsTheBlock) {
  for (size_t size : {size_t{0}, size_t{24}, size_t{3000}, size_t{70000}, size_t{5 << 20}}) {
    void* p = malloc(size);
    const size_t usable = malloc_usable_size(p);
    Fill(p, usable);
    for (size_t huge : {size_t{PTRDIFF_MAX} + 1, SIZE_MAX, SIZE_MAX - 4096, size_t{1} << 62}) {
      EXPECT_ENOMEM(realloc(Opaque(p), Opaque(huge)));
    }
    EXPECT_EQ(malloc_usable_size(p), usable);
    EXPECT_TRUE(Filled(p, usable)) << size;
    free(p);
  }
}

TEST(Reallocarray, MultipliesAndRefusesOverflow) {
  void* p = reallocarray(nullptr, 10, 30);
  ASSERT_GE(malloc_usable_size(p), 300u);
  Fill(p, 300);
  const size_t half = size_t{1} << 32;
  EXPECT_ENOMEM(reallocarray(Opaque(p), Opaque(half), half));
  EXPECT_ENOMEM(reallocarray(Opaque(p), Opaque(SIZE_MAX / 2 + 1), 2));
  EXPECT_ENOMEM(reallocarray(Opaque(p), 3, Opaque(SIZE_MAX / 2)));
  EXPECT_TRUE(Filled(p, 300));
  p = reallocarray(Opaque(p), 1000, 100);
  ASSERT_NE(p, nullptr);
  EXPECT_GE(malloc_usable_size(p), 100000u);
  EXPECT_EQ(reallocarray(Opaque(p), Opaque(size_t{0}), 100), nullptr);
}

// C23's frees and SVID's: an hz4 has them whether libc does or not.
TEST(Free, SizedAndOldNamesFree) {
  auto* free_sized = Entry<void(void*, size_t)>("free_sized");
  auto* free_aligned_sized = Entry<void(void*, size_t, size_t)>("free_aligned_sized");
  auto* cfree = Entry<void(void*)>("cfree");
  if (!RunsOnHz4()) GTEST_SKIP() << "not running on hz4";
  free_sized(nullptr, 0);
  free_sized(nullptr, 100);
  free_aligned_sized(nullptr, 64, 128);
  cfree(nullptr);
  const uint64_t before = ResidentBytes();
  for (int round = 0; round < 300; ++round) {
    for (size_t size :
         {size_t{0}, size_t{1}, size_t{100}, size_t{3000}, size_t{60000}, size_t{1 << 20}}) {
      void* p = malloc(size);
      Fill(p, size);
      errno = kUntouched;
      free_sized(p, size);
      void* q = aligned_alloc(256, size);
      Fill(q, size);
      free_aligned_sized(q, 256, size);
      void* r = malloc(size);
      Fill(r, size);
      cfree(r);
      EXPECT_EQ(errno, kUntouched);
    }
  }
  EXPECT_LT(ResidentBytes(), before + (64 << 20)) << "freed blocks were kept";
}

// A wrong size is the program's error, and a common one: it must not corrupt.
TEST(Free, WrongSizeNeverCorrupts) {
  if (!RunsOnHz4()) GTEST_SKIP() << "not running on hz4";
  auto* free_sized = Entry<void(void*, size_t)>("free_sized");
  const size_t sizes[] = {8, 24, 100, 1000, 2048, 3000, 65536, 70000, 262144, 300000, 2 << 20};
  for (size_t real : sizes) {
    for (size_t claimed : sizes) {
      void* p = malloc(real);
      Fill(p, malloc_usable_size(p));
      free_sized(Opaque(p), claimed);
      void* q = malloc(real);
      void* r = malloc(claimed);
      Fill(q, malloc_usable_size(q), 1);
      Fill(r, malloc_usable_size(r), 2);
      ASSERT_TRUE(Filled(q, malloc_usable_size(q), 1)) << real << " freed as " << claimed;
      ASSERT_TRUE(Filled(r, malloc_usable_size(r), 2)) << real << " freed as " << claimed;
      free(q);
      free(r);
    }
  }
}

}  // namespace
}  // namespace test
}  // namespace hz4
