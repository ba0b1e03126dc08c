// SPDX-License-Identifier: Apache-2.0
//
// The arena, alone: hz4 is linked here up to its shapes, so nothing has initialised it. It can be
// initialised once, so each test does it in a child.

#include "hz4/arena.h"

#include <gtest/gtest.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <algorithm>
#include <string>
#include <vector>

#include "hz4/base/os.h"
#include "hz4/page_map.h"
#include "tests/core/in_child.h"
#include "tests/core/sanitizers.h"
#include "tests/support/mappings.h"

namespace hz4 {
namespace {

constexpr size_t kGiB = size_t{1} << 30;
constexpr size_t kMiB = size_t{1} << 20;
constexpr size_t kStepPages = arena::kGrowStep / kPageSize;

struct Piece {
  uintptr_t start = 0;
  size_t pages = 0;
  uintptr_t End() const { return start + pages * kPageSize; }
};

Piece Grow(size_t pages) {
  Piece piece;
  if (!arena::Grow(pages, huge_pages::Use::kObjects, &piece.start, &piece.pages)) return {};
  return piece;
}

// The pages read as zero, can be written, and their page map entries too.
void Use(const Piece& piece) {
  ASSERT_NE(piece.pages, 0u);
  Span span = {};
  span.start = piece.start;
  span.pages = static_cast<uint32_t>(piece.pages);
  span.size_class = 3;
  span.state = SpanState::kObjects;
  page_map::Set(&span);
  for (size_t page = 0; page < piece.pages; ++page) {
    char* at = reinterpret_cast<char*>(piece.start + page * kPageSize);
    ASSERT_EQ(at[0], 0);
    ASSERT_EQ(at[kPageSize - 1], 0);
    at[0] = at[kPageSize - 1] = 1;
    ASSERT_EQ(page_map::ClassOf(at), 3u);
    ASSERT_EQ(page_map::SpanOf(at), &span);
  }
  page_map::ClearClasses(&span);
}

#define IN_CHILD(...) EXPECT_EQ(test::InChild([&] { __VA_ARGS__ }), "")

TEST(Arena, DirectReservesAllAndOpensInSteps) {
  IN_CHILD({
    arena::Init(256 * kGiB, true);
    ASSERT_TRUE(arena::Direct());
    EXPECT_EQ(DirectMap::view.pages, 256 * kGiB / kPageSize);
    EXPECT_EQ(DirectMap::view.base % arena::kGrowStep, 0u);
    const arena::Region side = arena::SideRegion();
    EXPECT_GE(side.start, DirectMap::view.base);
    EXPECT_LE(side.start + side.bytes, arena::Boundary());
    const Piece first = Grow(1);
    EXPECT_EQ(first.pages, kStepPages) << "the first growth is one step";
    EXPECT_EQ(first.start % arena::kGrowStep, 0u);
    Use(first);
    size_t open = first.pages * kPageSize;
    uintptr_t end = first.End();
    EXPECT_EQ(arena::Boundary(), end);
    while (open < 3 * kGiB) {
      const Piece piece = Grow(1);
      ASSERT_EQ(piece.start, end) << "pieces adjoin";
      const size_t bytes = piece.pages * kPageSize;
      ASSERT_EQ(bytes % arena::kGrowStep, 0u);
      // A 16th of what is open, rounded up, at most 64 MiB.
      ASSERT_LE(bytes, std::min(64 * kMiB, open / 16 + arena::kGrowStep));
      open += bytes;
      end = piece.End();
    }
    EXPECT_EQ(test::MappingsIn(first.start, end).size(), 1u) << "the open part is one mapping";
    const Piece big = Grow(kGiB / kPageSize + 1);
    EXPECT_GE(big.pages, kGiB / kPageSize + 1);
    Use({big.End() - 16 * kPageSize, 16});
  });
}

TEST(Arena, ASmallReservationEndsAndTheRestOfItStaysUsable) {
  IN_CHILD({
    arena::Init(64 * kMiB, true);
    ASSERT_TRUE(arena::Direct());
    const uintptr_t limit = DirectMap::view.base + 64 * kMiB;
    const size_t left = (limit - arena::Boundary()) / kPageSize;
    EXPECT_GE(left, 48 * kMiB / kPageSize);
    EXPECT_EQ(Grow(left + 1).pages, 0u);
    const Piece most = Grow(left - kStepPages);
    ASSERT_NE(most.pages, 0u);
    EXPECT_EQ(Grow(2 * kStepPages).pages, 0u);
    size_t got = most.pages;
    while (got < left) {
      const Piece piece = Grow(1);
      ASSERT_NE(piece.pages, 0u);
      got += piece.pages;
    }
    EXPECT_EQ(arena::Boundary(), limit);
    EXPECT_EQ(Grow(1).pages, 0u);
    Use({limit - kPageSize, 1});
  });
}

TEST(Arena, TakesLessWhereSoMuchIsRefused) {
  IN_CHILD({
    os::FailNth(1, false);
    arena::Init(256 * kGiB, true);
    ASSERT_TRUE(arena::Direct());
    EXPECT_EQ(DirectMap::view.pages, 64 * kGiB / kPageSize);
    Use(Grow(1));
  });
  IN_CHILD({
    arena::Init(512 * 1024 * kGiB, true);  // more than a process can address
    ASSERT_TRUE(arena::Direct());
    EXPECT_LT(DirectMap::view.pages, 128 * 1024 * kGiB / kPageSize);
    EXPECT_GE(DirectMap::view.pages, 256 * kGiB / kPageSize);
    Use(Grow(1));
  });
}

TEST(Arena, EveryCallOfInitMayFail) {
  for (bool sticky : {false, true}) {
    for (int n = 1; n <= 12; ++n) {
      IN_CHILD({
        os::FailNth(static_cast<uint64_t>(n), sticky);
        arena::Init(256 * kGiB, true);
        os::FailNth(0, false);
        const arena::Region side = arena::SideRegion();
        if (side.bytes != 0) {
          page_map::SetSide(side.start, 1, true);
          EXPECT_EQ(page_map::ClassOf(reinterpret_cast<void*>(side.start)), kSideClass);
        }
        Use(Grow(1));
        Use(Grow(300));
      }) << "call "
         << n << (sticky ? " and all later ones" : "");
    }
  }
}

TEST(Arena, SeparateMappingsAreLargeAndKnownToTheMap) {
  IN_CHILD({
    arena::Init(256 * kGiB, false);
    EXPECT_FALSE(arena::Direct());
    EXPECT_EQ(arena::Boundary(), 0u);
    EXPECT_GT(arena::SideRegion().bytes, 0u);
    for (int i = 0; i < 20; ++i) {
      const Piece piece = Grow(1);
      EXPECT_GE(piece.pages, kMiB / kPageSize);
      EXPECT_EQ(piece.start % kPageSize, 0u);
      Use(piece);
    }
    const Piece big = Grow(100 * kMiB / kPageSize);
    EXPECT_GE(big.pages, 100 * kMiB / kPageSize);
    Use(big);
  });
}

TEST(Arena, LittleAddressSpaceMeansSeparateMappingsAndAllOfItCanBeUsed) {
  if (test::kUnderAsan || test::kUnderTsan) GTEST_SKIP() << "a sanitizer needs its address space";
  IN_CHILD({
    rlimit limit = {200 * kMiB, RLIM_INFINITY};
    ASSERT_EQ(setrlimit(RLIMIT_AS, &limit), 0);
    arena::Init(256 * kGiB, true);
    EXPECT_FALSE(arena::Direct());
    size_t got = 0;
    for (Piece piece = Grow(1); piece.pages != 0; piece = Grow(1)) got += piece.pages * kPageSize;
    EXPECT_GT(got, 150 * kMiB);
    EXPECT_EQ(Grow(1).pages, 0u);
  });
}

TEST(Arena, AFailedGrowthChangesNothing) {
  for (bool direct : {true, false}) {
    for (size_t pages : {size_t{1}, 5 * kStepPages}) {
      IN_CHILD({
        arena::Init(256 * kGiB, direct);
        Grow(1);
        const uintptr_t boundary = arena::Boundary();
        os::FailNth(1, /*sticky=*/true);
        EXPECT_EQ(Grow(pages).pages, 0u);
        os::FailNth(0, false);
        EXPECT_EQ(arena::Boundary(), boundary);
        // One refusal alone is survived, by asking for less or elsewhere.
        const Piece piece = Grow(pages);
        if (direct) {
          EXPECT_EQ(piece.start, boundary);
        }
        Use(piece);
      });
    }
  }
}

}  // namespace
}  // namespace hz4
