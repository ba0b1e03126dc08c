// SPDX-License-Identifier: Apache-2.0
//
// Requests that cannot be met: ENOMEM and nothing else, up to sizes and alignments of 2^63 and
// above, without overflow.

#include <malloc.h>
#include <stdlib.h>

#include <new>

#include "tests/api/api.h"

namespace hz4 {
namespace test {
namespace {

constexpr size_t k2To63 = size_t{1} << 63;

std::vector<size_t> HugeSizes() {
  std::vector<size_t> sizes = {size_t{PTRDIFF_MAX} + 1, size_t{PTRDIFF_MAX} + 2, k2To63 + 4096,
                               SIZE_MAX - 8192};
  for (size_t below = 0; below <= 70; ++below) sizes.push_back(SIZE_MAX - below);
  for (size_t below :
       {4095, 4096, 4097, 16383, 16384, 16385, 65535, 65536, (2 << 20) - 1, 2 << 20}) {
    sizes.push_back(SIZE_MAX - below);
    sizes.push_back(size_t{PTRDIFF_MAX} + 1 + below);
  }
  return sizes;
}

// Within PTRDIFF_MAX, but more than 47 bits of address space hold.
const size_t kUnmeetable[] = {size_t{PTRDIFF_MAX},
                              size_t{PTRDIFF_MAX} - 1,
                              size_t{PTRDIFF_MAX} - 4096,
                              size_t{PTRDIFF_MAX} - 16384,
                              size_t{1} << 62,
                              (size_t{1} << 62) + 1,
                              size_t{1} << 50,
                              size_t{1} << 48,
                              (size_t{1} << 47) + 1};

void ExpectEnomemFromAll(size_t size) {
  SCOPED_TRACE(size);
  void* const untouched = &errno;
  EXPECT_ENOMEM(malloc(Opaque(size)));
  EXPECT_ENOMEM(calloc(1, Opaque(size)));
  EXPECT_ENOMEM(calloc(Opaque(size), 1));
  EXPECT_ENOMEM(realloc(nullptr, Opaque(size)));
  EXPECT_ENOMEM(reallocarray(nullptr, Opaque(size), 1));
  EXPECT_ENOMEM(valloc(Opaque(size)));
  EXPECT_ENOMEM(pvalloc(Opaque(size)));
  for (size_t align : {size_t{16}, size_t{64}, size_t{4096}, size_t{1} << 21, size_t{1} << 40}) {
    EXPECT_ENOMEM(aligned_alloc(align, Opaque(size)));
    EXPECT_ENOMEM(memalign(align, Opaque(size)));
    void* p = untouched;
    EXPECT_EQ(posix_memalign(&p, align, Opaque(size)), ENOMEM) << align;
    EXPECT_EQ(p, untouched);
  }
}

TEST(Limits, AbovePtrdiffMaxIsEnomem) {
  for (size_t size : HugeSizes()) ExpectEnomemFromAll(size);
}

TEST(Limits, AboveTheAddressSpaceIsEnomem) {
  for (size_t size : kUnmeetable) ExpectEnomemFromAll(size);
}

TEST(Limits, AlignmentThatCannotBeMetIsEnomem) {
  void* const untouched = &errno;
  for (unsigned bit = 47; bit <= 63; ++bit) {
    const size_t align = size_t{1} << bit;
    for (size_t size : {size_t{0}, size_t{1}, size_t{4096}, size_t{1} << 30, align, SIZE_MAX,
                        size_t{PTRDIFF_MAX}}) {
      SCOPED_TRACE(testing::Message() << "2^" << bit << ", " << size);
      EXPECT_ENOMEM(memalign(Opaque(align), Opaque(size)));
      EXPECT_ENOMEM(aligned_alloc(Opaque(align), Opaque(size)));
      void* p = untouched;
      errno = kUntouched;
      EXPECT_EQ(posix_memalign(&p, Opaque(align), Opaque(size)), ENOMEM);
      EXPECT_EQ(p, untouched);
      EXPECT_EQ(errno, kUntouched);
    }
  }
}

// Above 2^63 no power of two is left to round up to.
TEST(Limits, MemalignAbove2To63Fails) {
  for (size_t align : {k2To63 + 1, SIZE_MAX, SIZE_MAX - 4095}) {
    errno = kUntouched;
    EXPECT_EQ(memalign(Opaque(align), 1), nullptr) << align;
    EXPECT_TRUE(errno == ENOMEM || errno == EINVAL) << errno;
  }
}

TEST(Limits, CallocProductsThatOverflow) {
  const size_t half = size_t{1} << 32;
  EXPECT_ENOMEM(calloc(Opaque(half), half));
  EXPECT_ENOMEM(calloc(Opaque(half + 1), half));
  EXPECT_ENOMEM(calloc(Opaque(SIZE_MAX), Opaque(SIZE_MAX)));
  EXPECT_ENOMEM(calloc(Opaque(SIZE_MAX / 2 + 1), 2));
  EXPECT_ENOMEM(calloc(2, Opaque(SIZE_MAX / 2 + 1)));
  EXPECT_ENOMEM(calloc(Opaque(SIZE_MAX / 16 + 2), 16));
  EXPECT_ENOMEM(calloc(Opaque(size_t{PTRDIFF_MAX} / 3 + 1), 3));
}

TEST(Limits, NewThrowsAndNothrowReturnsNull) {
  for (size_t size : {size_t{PTRDIFF_MAX}, size_t{PTRDIFF_MAX} + 1, SIZE_MAX, SIZE_MAX - 16}) {
    EXPECT_THROW(static_cast<void>(::operator new(Opaque(size))), std::bad_alloc) << size;
    EXPECT_THROW(static_cast<void>(::operator new[](Opaque(size))), std::bad_alloc) << size;
    EXPECT_THROW(static_cast<void>(::operator new (Opaque(size), std::align_val_t{64})),
                 std::bad_alloc);
    EXPECT_THROW(static_cast<void>(::operator new[](Opaque(size), std::align_val_t{64})),
                 std::bad_alloc);
    EXPECT_EQ(::operator new(Opaque(size), std::nothrow), nullptr);
    EXPECT_EQ(::operator new[](Opaque(size), std::nothrow), nullptr);
    EXPECT_EQ(::operator new (Opaque(size), std::align_val_t{4096}, std::nothrow), nullptr);
    EXPECT_EQ(::operator new[](Opaque(size), std::align_val_t{4096}, std::nothrow), nullptr);
  }
}

// A refusal costs nothing and breaks nothing.
TEST(Limits, FullFunctionAfterwards) {
  for (int i = 0; i < 2000; ++i) EXPECT_ENOMEM(malloc(Opaque(size_t{1} << 50)));
  for (size_t size : InterestingSizes(1 << 20)) {
    void* p = malloc(size);
    ASSERT_NE(p, nullptr);
    Fill(p, size);
    free(p);
  }
}

}  // namespace
}  // namespace test
}  // namespace hz4
