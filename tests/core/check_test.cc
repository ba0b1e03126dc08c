// SPDX-License-Identifier: Apache-2.0
//
// The table is sealed, and the invariants of all shapes are evaluated together.

#include "hz4/check.h"

#include <gtest/gtest.h>
#include <stdio.h>

#include <string>
#include <vector>

#include "hz4/base/scope.h"
#include "hz4/dispatch.h"
#include "hz4/internal_api.h"
#include "hz4/page_map.h"
#include "tests/core/in_child.h"
#include "tests/support/mappings.h"

namespace hz4 {
namespace {

TEST(Sealed, TheTableStandsOnPagesOfItsOwnThatCannotBeWritten) {
  char* table = static_cast<char*>(TableAddressForTest());
  EXPECT_EQ(static_cast<void*>(table), static_cast<void*>(&sealed));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(table) % kOsPage, 0u);
  EXPECT_EQ(sizeof(Sealed) % kOsPage, 0u) << "something else shares its last page";
  for (size_t at = 0; at < sizeof(Sealed); at += kOsPage) {
    EXPECT_EQ(test::RightsAt(table + at), "r--p");
  }
}

TEST(SealedDeathTest, WritingToItFaults) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  volatile char* table = static_cast<char*>(TableAddressForTest());
  EXPECT_DEATH(table[0] = 1, "");
  EXPECT_DEATH(table[sizeof(Sealed) - 1] = 1, "");
}

TEST(CheckAll, HoldsAtRestAndSaysNothingFromInside) {
  EXPECT_EQ(CheckAll(), nullptr);
  std::vector<void*> blocks;
  for (size_t size = 1; size < 1000000; size += size / 3 + 1) blocks.push_back(hz4_malloc(size));
  EXPECT_EQ(CheckAll(), nullptr);
  for (void* p : blocks) hz4_free(p);
  EXPECT_EQ(CheckAll(), nullptr);
  SlowScope scope;
  EXPECT_EQ(CheckAll(), nullptr) << "it may not take locks here";
}

// A fault in any shape is found through CheckAll.
TEST(CheckAll, SeesAFaultInASpan) {
  EXPECT_EQ(test::InChild([] {
              // Of a class with more objects in a span than a cache fetches at a time: it is not
              // full, so on a list of the middle.
              Span* span = page_map::SpanOf(hz4_malloc(100));
              ASSERT_TRUE(span->HasFree());
              ++span->free_count;
              const char* wrong = CheckAll();
              ASSERT_NE(wrong, nullptr);
              EXPECT_NE(std::string(wrong).find("span"), std::string::npos) << wrong;
            }),
            "");
}

TEST(CheckAll, SeesAFaultInThePageHeap) {
  EXPECT_EQ(test::InChild([] {
              // The free neighbour of a large block.
              void* block = hz4_malloc(size_t{1} << 20);
              hz4_free(hz4_malloc(size_t{5} << 20));
              Span* span = page_map::SpanOf(block);
              Span* neighbour = page_map::SpanOf(reinterpret_cast<void*>(span->End()));
              ASSERT_NE(neighbour, nullptr);
              ++neighbour->pages;
              EXPECT_NE(CheckAll(), nullptr);
            }),
            "");
}

}  // namespace
}  // namespace hz4
