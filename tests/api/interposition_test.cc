// SPDX-License-Identifier: Apache-2.0
//
// That the other tests here judge hz4, and the policy they were started under.

#include <stdlib.h>
#include <string.h>

#include "tests/api/api.h"
#include "tests/support/json.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace test {
namespace {

TEST(Interposition, Hz4IsTheAllocator) {
  if (Variable("TEST_ALLOCATOR") == "any") GTEST_SKIP() << "TEST_ALLOCATOR=any";
  ASSERT_TRUE(RunsOnHz4()) << "hz4_version is neither linked nor preloaded";
  // Only an hz4 that serves malloc counts it.
  auto* stats = Entry<size_t(char*, size_t)>("hz4_stats_json");
  std::string text(1 << 16, '\0');
  void* p = malloc(1000);
  text.resize(stats(text.data(), text.size()));
  free(p);
  Json json;
  std::string error;
  ASSERT_TRUE(ParseJson(text, &json, &error)) << error << "\n" << text;
  EXPECT_GE(json["gauges"]["live_bytes"].number, 1000) << text;
}

// What this process's environment asks for is what it got; percpu may be refused by a kernel, but
// then the configuration says why.
TEST(Interposition, PolicyIsTheOneAskedFor) {
  if (!RunsOnHz4()) GTEST_SKIP() << "not running on hz4";
  auto* config = Entry<size_t(char*, size_t)>("hz4_config_json");
  std::string text(config(nullptr, 0) + 1, '\0');
  text.resize(config(text.data(), text.size()));
  Json json;
  std::string error;
  ASSERT_TRUE(ParseJson(text, &json, &error)) << error << "\n" << text;
  for (const Json& knob : json["knobs"].items) {
    const std::string asked = Variable(knob["name"].text.c_str());
    if (asked.empty() || knob["origin"].text.rfind("fallback because ", 0) == 0) continue;
    EXPECT_EQ(knob["value"].text, asked) << knob["name"].text;
    EXPECT_EQ(knob["origin"].text, "environment") << knob["name"].text;
  }
}

}  // namespace
}  // namespace test
}  // namespace hz4
