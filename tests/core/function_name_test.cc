// SPDX-License-Identifier: Apache-2.0

#include "hz4/function_name.h"

#include <gtest/gtest.h>

#include <string>

namespace hz4 {

enum class Kind { kOne, kTwo };

void Plain(int) {}
template <class T>
T* Made(unsigned) {
  return nullptr;
}
template <Kind kKind>
struct Of {
  static void Member() {}
  template <class T>
  static bool Nested(T*) {
    return false;
  }
};

namespace inner {
struct Thing {};
template <class A, class B>
void Pair() {}
int Same() { return 1; }
}  // namespace inner

namespace {
struct Hidden {};
template <class T>
void InHidden() {}
int Same() { return 2; }

TEST(FunctionName, IsTheNameWithoutNamespaces) {
  EXPECT_STREQ(FunctionName<&Plain>(), "Plain");
  EXPECT_STREQ(FunctionName<&inner::Same>(), "Same");
  EXPECT_STREQ(FunctionName<&Same>(), "Same");
}

TEST(FunctionName, KeepsTemplateArgumentsWithoutTheirNamespaces) {
  EXPECT_STREQ((FunctionName<&Made<inner::Thing>>()), "Made<Thing>");
  EXPECT_STREQ((FunctionName<&inner::Pair<inner::Thing, Hidden>>()), "Pair<Thing, Hidden>");
  EXPECT_STREQ((FunctionName<&InHidden<Hidden>>()), "InHidden<Hidden>");
  const std::string member = FunctionName<&Of<Kind::kTwo>::Member>();
  EXPECT_EQ(member.substr(0, 3), "Of<");
  EXPECT_NE(member.find("kTwo"), member.npos) << member;
  EXPECT_EQ(member.substr(member.size() - 8), "::Member");
  EXPECT_EQ(member.find("hz4"), member.npos) << member;
  const std::string nested = FunctionName<&Of<Kind::kOne>::Nested<inner::Thing>>();
  EXPECT_NE(nested.find(">::Nested<Thing>"), nested.npos) << nested;
  EXPECT_EQ(nested.find("inner"), nested.npos) << nested;
}

TEST(FunctionName, IsAConstantThatLives) {
  constexpr const char* name = FunctionName<&Plain>();
  static_assert(name[0] == 'P');
  EXPECT_EQ(name, FunctionName<&Plain>()) << "one text for one function";
}

}  // namespace
}  // namespace hz4
