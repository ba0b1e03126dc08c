// SPDX-License-Identifier: Apache-2.0

#include "hz4/step_aside.h"

#include <gtest/gtest.h>
#include <string.h>

#include <string>
#include <vector>

#include "hz4/base/bootstrap.h"
#include "hz4/init.h"
#include "hz4/page_map.h"
#include "tests/core/sanitizers.h"
#include "tests/support/child.h"

namespace hz4 {
namespace {

constexpr bool kSanitized = test::kUnderAsan || test::kUnderTsan;

const char* ToolIn(std::vector<const char*> environment) {
  environment.push_back(nullptr);
  return ToolInCharge(environment.data());
}

TEST(StepAside, KnowsWhoIsInChargeOfTheHeap) {
  if (kSanitized) {
    EXPECT_NE(std::string(ToolIn({})).find("sanitizer"), std::string::npos);
    return;
  }
  EXPECT_EQ(ToolInCharge(nullptr), nullptr);
  EXPECT_EQ(ToolIn({}), nullptr);
  EXPECT_EQ(ToolIn({"PATH=/usr/lib/vgpreload_memcheck", "LD_PRELOAD=/usr/lib/libhz4.so"}), nullptr);
  EXPECT_EQ(ToolIn({"X_LD_PRELOAD=/usr/libexec/vgpreload_memcheck-amd64-linux.so"}), nullptr);
  for (const char* tool : {"memcheck", "massif", "dhat", "drd", "helgrind"}) {
    const std::string preload = std::string("LD_PRELOAD=/usr/libexec/valgrind/vgpreload_core.so:") +
                                "/usr/libexec/valgrind/vgpreload_" + tool + "-amd64-linux.so:x.so";
    EXPECT_NE(ToolIn({"A=B", preload.c_str()}), nullptr) << tool;
  }
  EXPECT_EQ(ToolIn({"LD_PRELOAD=/usr/libexec/valgrind/vgpreload_core-amd64-linux.so"}), nullptr)
      << "callgrind and cachegrind leave malloc alone";
}

TEST(StepAside, EveryDoorIsLibcs) {
  Dispatch libc = {};
  DispatchNames names = {};
  ASSERT_TRUE(BindLibc(&libc, &names));
#define HZ4_DOOR(name, ret, params, text)      \
  if (strcmp(#name, "vfork") != 0) {           \
    EXPECT_NE(libc.name, nullptr) << #name;    \
    EXPECT_STREQ(names.name, "libc") << #name; \
  }
#include "hz4/seams.def"
  char* p = static_cast<char*>(libc.malloc(100));
  ASSERT_NE(p, nullptr);
  EXPECT_EQ(page_map::ClassOf(p), kNoClass) << "that is hz4's";
  memset(p, 1, 100);
  p = static_cast<char*>(libc.realloc(p, 100000));
  ASSERT_NE(p, nullptr);
  EXPECT_EQ(p[99], 1);
  EXPECT_GE(libc.usable_size(p), 100000u);
  libc.free(p);
  p = static_cast<char*>(libc.calloc(10, 10));
  EXPECT_EQ(p[99], 0);
  libc.free_sized(p, 100);
  p = static_cast<char*>(libc.memalign(4096, 10));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(p) % 4096, 0u);
  libc.free(p);
  p = static_cast<char*>(libc.op_new(10));
  EXPECT_NE(p, nullptr);
  libc.free(p);
  libc.free(nullptr);
}

// What the initialising thread got before libc's malloc was found.
TEST(StepAside, ItsDoorsKnowTheBootstrapBuffer) {
  Dispatch libc = {};
  DispatchNames names = {};
  ASSERT_TRUE(BindLibc(&libc, &names));
  char* early = static_cast<char*>(bootstrap::Allocate(50, 16));
  ASSERT_NE(early, nullptr);
  EXPECT_GE(libc.usable_size(early), 50u);
  memset(early, 7, 50);
  char* moved = static_cast<char*>(libc.realloc(early, 500));
  ASSERT_NE(moved, nullptr);
  EXPECT_FALSE(bootstrap::Owns(moved));
  EXPECT_EQ(moved[49], 7);
  libc.free(moved);
  char* shrunk = static_cast<char*>(libc.realloc(early, 5));
  EXPECT_EQ(shrunk[4], 7);
  libc.free(shrunk);
  EXPECT_EQ(libc.realloc(early, 0), nullptr);
  libc.free(early);
  libc.free_sized(early, 50);
}

TEST(StepAside, WhatTheLoaderDoesNotKnowIsNullptr) {
  EXPECT_EQ(LibcFunction("no_such_function_anywhere"), nullptr);
  EXPECT_NE(LibcFunction("malloc_trim"), nullptr);
}

// --- a process of its own ---

test::ChildResult RunProgram(const std::vector<std::string>& variables) {
  test::Child child({test::Runfile("tests/core/init_program")});
  child.WithoutVariant().Set("HZ4_STRICT=abort").Set("TEST_INIT=calls");
  for (const std::string& variable : variables) child.Set(variable);
  return child.Run();
}
void ExpectAside(const test::ChildResult& r, bool aside) {
  EXPECT_TRUE(r.Succeeded()) << r.description;
  EXPECT_NE(r.out().find(aside ? " aside" : " in charge"), std::string::npos) << r.description;
}

TEST(StepAside, ByRequestAndByItself) {
  EXPECT_FALSE(SteppedAside());
  ExpectAside(RunProgram({"HZ4_DISABLE=1"}), true);
  ExpectAside(RunProgram({"HZ4_DISABLE=0"}), false);
  ExpectAside(RunProgram({}), kSanitized);
  if (kSanitized) return;  // they mind what is preloaded before them
  // The loader complains that there is no such file, and goes on.
  const std::string valgrind = "LD_PRELOAD=/nowhere/vgpreload_memcheck-amd64-linux.so";
  ExpectAside(RunProgram({valgrind}), true);
  ExpectAside(RunProgram({valgrind, "HZ4_DISABLE=0"}), false);
}

}  // namespace
}  // namespace hz4
