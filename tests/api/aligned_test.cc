// SPDX-License-Identifier: Apache-2.0
//
// posix_memalign, aligned_alloc, memalign, valloc, pvalloc.

#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/api/api.h"

namespace hz4 {
namespace test {
namespace {

const size_t kSizes[] = {0,      1,      7,      8,      15,     16,      17,
                         48,     100,    127,    128,    129,    255,     256,
                         1000,   2047,   2048,   2049,   4095,   4096,    4097,
                         8192,   9000,   16384,  30000,  65535,  65536,   65537,
                         100000, 131072, 200000, 262144, 262145, 1 << 20, (3 << 20) + 5};
const size_t kPage = 4096;

// Through the whole square of sizes and alignments: aligned, large enough, disjoint.
TEST(Aligned, EverySizeAtEveryAlignment) {
  for (size_t align = 8; align <= (32 << 20); align *= 2) {
    std::vector<void*> blocks;
    for (size_t size : kSizes) {
      void* p = nullptr;
      ASSERT_EQ(posix_memalign(&p, align, size), 0) << align << ", " << size;
      ASSERT_TRUE(Aligned(p, align)) << p << " for " << align << ", " << size;
      ASSERT_TRUE(Aligned(p, 16)) << p << " for " << align << ", " << size;
      ASSERT_GE(malloc_usable_size(p), size);
      Fill(p, malloc_usable_size(p), size);
      blocks.push_back(p);
    }
    for (size_t i = 0; i < blocks.size(); ++i) {
      ASSERT_TRUE(Filled(blocks[i], malloc_usable_size(blocks[i]), kSizes[i]))
          << align << ", " << kSizes[i];
    }
    // What is aligned is an ordinary block: it may grow and shrink.
    for (size_t i = 0; i < blocks.size(); ++i) {
      const size_t kept = std::min(kSizes[i], size_t{64});
      std::vector<uint8_t> first(static_cast<uint8_t*>(blocks[i]),
                                 static_cast<uint8_t*>(blocks[i]) + kept);
      uint8_t* p = static_cast<uint8_t*>(realloc(blocks[i], kSizes[i] * 3 / 2 + 40));
      ASSERT_NE(p, nullptr);
      ASSERT_EQ(std::vector<uint8_t>(p, p + kept), first) << align << ", " << kSizes[i];
      free(p);
    }
  }
}

TEST(Aligned, UpToAGigabyte) {
  for (size_t align = size_t{64} << 20; align <= (size_t{1} << 30); align *= 2) {
    void* p = nullptr;
    ASSERT_EQ(posix_memalign(&p, align, 100), 0) << align;
    EXPECT_TRUE(Aligned(p, align));
    Fill(p, 100);
    free(p);
  }
}

TEST(PosixMemalign, ReportsByValueAndLeavesErrnoAndPointer) {
  void* const before = &errno;
  for (size_t bad : {size_t{0}, size_t{1}, size_t{2}, size_t{4}, size_t{3}, size_t{7}, size_t{12},
                     size_t{24}, size_t{4095}, SIZE_MAX, SIZE_MAX / 2}) {
    void* p = before;
    errno = kUntouched;
    EXPECT_EQ(posix_memalign(&p, Opaque(bad), 64), EINVAL) << bad;
    EXPECT_EQ(errno, kUntouched);
    EXPECT_EQ(p, before) << "written on failure";
  }
  for (size_t size : {size_t{PTRDIFF_MAX} + 1, SIZE_MAX, SIZE_MAX - 100}) {
    void* p = before;
    errno = kUntouched;
    EXPECT_EQ(posix_memalign(&p, 64, Opaque(size)), ENOMEM) << size;
    EXPECT_EQ(errno, kUntouched);
    EXPECT_EQ(p, before) << "written on failure";
  }
  void* p = nullptr;
  errno = kUntouched;
  EXPECT_EQ(posix_memalign(&p, 64, 64), 0);
  EXPECT_EQ(errno, kUntouched);
  free(p);
}

TEST(Memalign, RoundsAnAlignmentUpToAPowerOfTwo) {
  struct {
    size_t asked, real;
  } const cases[] = {{0, 16},      {1, 16},      {3, 16},         {17, 32},
                     {24, 32},     {33, 64},     {48, 64},        {100, 128},
                     {3000, 4096}, {5000, 8192}, {70000, 131072}, {(1 << 20) + 1, 2 << 20}};
  for (const auto& c : cases) {
    std::vector<void*> all;
    for (int i = 0; i < 10; ++i) {
      all.push_back(memalign(Opaque(c.asked), 40));
      ASSERT_NE(all.back(), nullptr) << c.asked;
      EXPECT_TRUE(Aligned(all.back(), c.real)) << all.back() << " for " << c.asked;
      Fill(all.back(), 40);
    }
    for (void* p : all) free(p);
  }
}

TEST(AlignedAlloc, RefusesWhatIsNoPowerOfTwo) {
  if (!RunsOnHz4()) GTEST_SKIP() << "glibc before 2.38 rounds";
  for (size_t bad : {size_t{0}, size_t{3}, size_t{24}, size_t{48}, size_t{1000}, SIZE_MAX}) {
    errno = kUntouched;
    EXPECT_EQ(aligned_alloc(Opaque(bad), 96), nullptr) << bad;
    EXPECT_EQ(errno, EINVAL) << bad;
  }
}

TEST(AlignedAlloc, SizeNeedNotBeAMultiple) {
  for (size_t align : {size_t{1}, size_t{2}, size_t{8}, size_t{64}, size_t{4096}}) {
    errno = kUntouched;
    void* p = aligned_alloc(Opaque(align), 100);
    ASSERT_NE(p, nullptr) << align;
    EXPECT_EQ(errno, kUntouched);
    EXPECT_TRUE(Aligned(p, align));
    Fill(p, 100);
    free(p);
  }
}

TEST(Valloc, IsPageAligned) {
  for (size_t size : kSizes) {
    void* p = valloc(size);
    ASSERT_NE(p, nullptr) << size;
    EXPECT_TRUE(Aligned(p, kPage)) << size;
    Fill(p, malloc_usable_size(p));
    free(p);
  }
}

TEST(Pvalloc, IsPageAlignedAndWholePages) {
  for (size_t size : kSizes) {
    void* p = pvalloc(size);
    ASSERT_NE(p, nullptr) << size;
    EXPECT_TRUE(Aligned(p, kPage)) << size;
    EXPECT_GE(malloc_usable_size(p), (size + kPage - 1) / kPage * kPage);
    Fill(p, malloc_usable_size(p));
    free(p);
  }
}

// Aligned blocks among plain ones, by the thousand: none overlap.
TEST(Aligned, ManyLiveBlocks) {
  std::vector<void*> all;
  for (int i = 0; i < 6000; ++i) {
    const size_t align = size_t{16} << (i % 9);
    const size_t size = (i * 37) % 700;
    all.push_back(i % 3 == 0 ? malloc(size) : memalign(align, size));
    ASSERT_NE(all.back(), nullptr);
    Fill(all.back(), malloc_usable_size(all.back()), i);
  }
  for (size_t i = 0; i < all.size(); ++i) {
    ASSERT_TRUE(Filled(all[i], malloc_usable_size(all[i]), i)) << i;
    free(all[i]);
  }
}

}  // namespace
}  // namespace test
}  // namespace hz4
