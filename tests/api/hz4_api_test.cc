// SPDX-License-Identifier: Apache-2.0
//
// hz4/hz4.h: what a program may ask hz4 about itself.

#include <stdlib.h>
#include <string.h>

#include "tests/api/api.h"
#include "tests/support/json.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace test {
namespace {

using Report = size_t(char*, size_t);

class Hz4Api : public testing::Test {
 protected:
  void SetUp() override {
    if (!RunsOnHz4()) GTEST_SKIP() << "not running on hz4";
  }
};

std::string Text(const char* name) {
  Report* report = Entry<Report>(name);
  std::string text(1 << 17, '\0');
  const size_t needed = report(text.data(), text.size());
  EXPECT_LT(needed, text.size());
  EXPECT_EQ(strlen(text.c_str()), needed) << name;
  text.resize(needed);
  return text;
}

Json Parsed(const std::string& text) {
  Json json;
  std::string error;
  EXPECT_TRUE(ParseJson(text, &json, &error)) << error << "\n" << text;
  return json;
}

TEST_F(Hz4Api, VersionIsDotted) {
  const std::string version = Entry<const char*()>("hz4_version")();
  EXPECT_EQ(version.find_first_not_of("0123456789.-abcdefghijklmnopqrstuvwxyz+"), std::string::npos)
      << version;
  EXPECT_NE(version.find('.'), std::string::npos) << version;
}

// Like snprintf: never beyond the buffer, always ended, and the size it takes as result.
TEST_F(Hz4Api, ReportsFitTheBufferGiven) {
  for (const char* name :
       {"hz4_stats_text", "hz4_stats_json", "hz4_config_text", "hz4_config_json"}) {
    SCOPED_TRACE(name);
    Report* report = Entry<Report>(name);
    EXPECT_GT(report(nullptr, 0), 20u);
    const std::string whole = Text(name);
    for (size_t room : {size_t{1}, size_t{2}, size_t{17}, size_t{100}, size_t{1000}}) {
      std::string buffer(room + 8, '#');
      const size_t needed = report(buffer.data(), room);
      EXPECT_GE(needed, 20u);
      const size_t written = strnlen(buffer.data(), room);
      EXPECT_LT(written, room) << "no end";
      EXPECT_EQ(written, std::min(room - 1, needed));
      EXPECT_EQ(buffer.substr(room), "########") << "written beyond " << room;
    }
  }
}

TEST_F(Hz4Api, ConfigurationSaysEverything) {
  const Json json = Parsed(Text("hz4_config_json"));
  EXPECT_EQ(json["hz4"].text, "config");
  EXPECT_EQ(json["version"].text, Entry<const char*()>("hz4_version")());
  char fingerprint[17];
  snprintf(fingerprint, sizeof(fingerprint), "%016lx", Entry<uint64_t()>("hz4_fingerprint")());
  EXPECT_EQ(json["fingerprint"].text, fingerprint);
  EXPECT_NE(json["fingerprint"].text, "0000000000000000");
  EXPECT_GT(json["knobs"].items.size(), 20u);
  for (const Json& knob : json["knobs"].items) {
    EXPECT_EQ(knob["name"].text.rfind("HZ4_", 0), 0u) << knob["name"].text;
    for (const char* member : {"value", "default", "origin", "kind"})
      EXPECT_TRUE(knob.Has(member)) << member;
    EXPECT_NE(Text("hz4_config_text").find(knob["name"].text), std::string::npos)
        << knob["name"].text;
  }
  EXPECT_EQ(json["seams"].kind, Json::kObject);
  EXPECT_NE(Text("hz4_config_text").find(fingerprint), std::string::npos);
}

TEST_F(Hz4Api, StatisticsFollowTheProgram) {
  auto live = [] { return Parsed(Text("hz4_stats_json"))["gauges"]["live_bytes"].number; };
  const double before = live();
  void* p = malloc(100 << 20);
  EXPECT_GE(live(), before + (100 << 20));
  free(p);
  EXPECT_LT(live(), before + (1 << 20));
  EXPECT_NE(Text("hz4_stats_text").find("live_bytes"), std::string::npos);
}

TEST_F(Hz4Api, ReleaseMemoryReleases) {
  auto* release = Entry<size_t()>("hz4_release_memory");
  release();
  const uint64_t start = ResidentBytes();
  std::vector<void*> blocks(20000);
  for (void*& p : blocks) {
    p = malloc(3000);
    memset(p, 1, 3000);
  }
  const uint64_t peak = ResidentBytes();
  for (void* p : blocks) free(p);
  const size_t released = release();
  const uint64_t end = ResidentBytes();
  EXPECT_GT(peak, start + (50 << 20));
  EXPECT_LT(end, start + (8 << 20));
  // Some of it may have been given back before, with the frees.
  EXPECT_LE(released, peak);
}

}  // namespace
}  // namespace test
}  // namespace hz4
