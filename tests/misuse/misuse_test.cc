// SPDX-License-Identifier: Apache-2.0
//
// Misuse ends in one clear line and SIGABRT: at once where a look at the page map says it, else at
// the latest when the objects go back to their spans (here: by malloc_trim). The fast paths look at
// nothing but the page map, so what only the span knows is found late, and a size that is asked of
// a small object's inside or of a freed small object not at all.

#include <gtest/gtest.h>

#include <sstream>

#include "tests/support/child.h"

namespace hz4 {
namespace test {
namespace {

enum When { kAtOnce, kByTrim, kNever };

struct Expectation {
  const char* name;
  When when;
  const char* message;  // begins so, after "hz4: "
};

const Expectation kExpectations[] = {
    {"free_stack", kAtOnce, "invalid free"},
    {"free_static", kAtOnce, "invalid free"},
    {"free_code", kAtOnce, "invalid free"},
    {"free_low_address", kAtOnce, "invalid free"},
    {"free_garbage", kAtOnce, "invalid free"},
    {"free_noncanonical", kAtOnce, "invalid free"},
    {"free_minus_one", kAtOnce, "invalid free"},
    {"free_interior_small", kByTrim, "invalid free"},
    {"free_interior_mid", kByTrim, "invalid free"},
    {"free_interior_big", kByTrim, "invalid free"},
    {"free_interior_large", kAtOnce, "invalid free"},
    {"free_unaligned_small", kAtOnce, "invalid free"},
    {"free_unaligned_mid", kAtOnce, "invalid free"},
    {"free_unaligned_large", kAtOnce, "invalid free"},
    {"free_behind_large", kAtOnce, "invalid free"},
    {"free_never_handed_out", kAtOnce, "invalid free"},
    {"delete_stack", kAtOnce, "invalid free"},
    {"double_free_small", kByTrim, "double free"},
    {"double_free_mid", kByTrim, "double free"},
    {"double_free_big", kByTrim, "double free"},
    {"double_free_large", kAtOnce, ""},
    {"double_free_below_another_small", kByTrim, "double free"},
    {"double_free_below_another_mid", kByTrim, "double free"},
    {"double_free_from_a_thread_small", kByTrim, "double free"},
    {"double_free_from_a_thread_large", kByTrim, ""},
    {"double_free_given_back_small", kAtOnce, ""},
    {"double_free_given_back_mid", kAtOnce, ""},
    {"double_free_given_back_big", kAtOnce, ""},
    {"double_free_in_span_small", kByTrim, "double free"},
    {"double_free_in_span_mid", kByTrim, "double free"},
    {"realloc_stack", kAtOnce, ""},
    {"realloc_garbage", kAtOnce, ""},
    {"realloc_interior_small", kByTrim, ""},
    {"realloc_interior_mid", kByTrim, ""},
    {"realloc_interior_large", kAtOnce, ""},
    {"realloc_to_zero_of_interior", kByTrim, ""},
    {"realloc_freed_large", kAtOnce, ""},
    {"realloc_freed_small", kByTrim, ""},
    {"usable_size_of_stack", kAtOnce, ""},
    {"usable_size_of_garbage", kAtOnce, ""},
    {"usable_size_of_interior_small", kNever, ""},
    {"usable_size_of_interior_large", kAtOnce, ""},
    {"usable_size_of_freed_large", kAtOnce, ""},
    {"usable_size_of_freed_small", kNever, ""},
};

class Misuse : public testing::TestWithParam<Expectation> {};

std::vector<std::string> Lines(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST_P(Misuse, IsReported) {
  const ChildResult result = Child({Runfile("tests/misuse/misuse_program"), GetParam().name}).Run();
  const std::vector<std::string> out = Lines(result.out());
  ASSERT_FALSE(out.empty()) << result.description;
  const bool survived = out.back() == "survived";
  if (GetParam().when == kNever && result.Succeeded()) return;
  ASSERT_TRUE(result.Aborted()) << result.description;
  EXPECT_TRUE(!survived || GetParam().when != kAtOnce) << "reported too late\n"
                                                       << result.description;
  const std::vector<std::string> lines = result.ErrorLines();
  ASSERT_EQ(lines.size(), 1u) << result.description;
  EXPECT_EQ(lines[0].rfind(std::string("hz4: ") + GetParam().message, 0), 0u) << lines[0];
  EXPECT_NE(lines[0].find(out[0]), std::string::npos)
      << "the pointer is " << out[0] << ": " << lines[0];
  EXPECT_NE(lines[0].find("fingerprint"), std::string::npos) << lines[0];
}

INSTANTIATE_TEST_SUITE_P(Every, Misuse, testing::ValuesIn(kExpectations),
                         [](const auto& info) { return std::string(info.param.name); });

// Every misuse of the program has its expectation here, and the other way round.
TEST(Misuses, AreAllExpected) {
  const ChildResult result = Child({Runfile("tests/misuse/misuse_program")}).Run();
  std::vector<std::string> expected;
  for (const Expectation& expectation : kExpectations) expected.push_back(expectation.name);
  EXPECT_EQ(Lines(result.out()), expected) << result.description;
}

}  // namespace
}  // namespace test
}  // namespace hz4
