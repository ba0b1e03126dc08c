// SPDX-License-Identifier: Apache-2.0
//
// hz4 is linked without its assembly here, so the buffer is this test's alone.

#include "hz4/base/bootstrap.h"

#include <gtest/gtest.h>
#include <string.h>

#include <vector>

namespace hz4 {
namespace bootstrap {
namespace {

TEST(Bootstrap, ServesUntilTheBufferIsUsedUp) {
  struct Block {
    char* p;
    size_t size;
  };
  std::vector<Block> blocks;
  const size_t sizes[] = {1, 0, 8, 15, 16, 17, 100, 333};
  size_t total = 0;
  for (unsigned i = 0;; ++i) {
    const size_t size = sizes[i % 8];
    const size_t align = size_t{1} << (i % 9);
    char* p = static_cast<char*>(Allocate(size, align));
    if (p == nullptr) break;
    ASSERT_LT(i, 10000u) << "never used up";
    EXPECT_EQ(reinterpret_cast<uintptr_t>(p) % align, 0u);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(p) % kMinAlign, 0u);
    EXPECT_TRUE(Owns(p));
    EXPECT_GE(UsableSize(p), size);
    for (size_t b = 0; b < size; ++b) ASSERT_EQ(p[b], 0) << "not zeroed";
    memset(p, static_cast<int>(i), size);
    blocks.push_back({p, size});
    total += size;
  }
  EXPECT_GE(total, size_t{8000}) << "too little for what a loader and dlsym need";
  for (size_t i = 0; i < blocks.size(); ++i) {
    EXPECT_GE(UsableSize(blocks[i].p), blocks[i].size) << "block " << i << ": header overwritten";
    for (size_t b = 0; b < blocks[i].size; ++b) {
      ASSERT_EQ(blocks[i].p[b], static_cast<char>(i)) << "blocks overlap";
    }
  }
}

TEST(Bootstrap, RefusesWhatCannotFit) {
  EXPECT_EQ(Allocate(SIZE_MAX, 16), nullptr);
  EXPECT_EQ(Allocate(SIZE_MAX - 64, 16), nullptr);
  EXPECT_EQ(Allocate(size_t{1} << 20, 16), nullptr);
  EXPECT_EQ(Allocate(1, size_t{1} << 40), nullptr);
  EXPECT_EQ(Allocate(1, size_t{1} << 63), nullptr);
}

TEST(Bootstrap, OwnsNothingElse) {
  int on_stack = 0;
  const std::vector<int> on_heap(4);
  EXPECT_FALSE(Owns(nullptr));
  EXPECT_FALSE(Owns(&on_stack));
  EXPECT_FALSE(Owns(on_heap.data()));
  EXPECT_FALSE(Owns(reinterpret_cast<void*>(UINTPTR_MAX)));
}

}  // namespace
}  // namespace bootstrap
}  // namespace hz4
