// SPDX-License-Identifier: Apache-2.0
#include "hz4/config_print.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "tests/knobs_testing.h"
#include "tests/support/json.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace test {
namespace {

using testing::HasSubstr;
using testing::Not;

const SeamRow kSeams[] = {
    {"malloc", "percpu \"quoted\""}, {"steps", "one"}, {"steps", "two"}, {"mid_alloc", "array"}};
const ClassRow kClasses[] = {{16, 65536, 4096, 4096, 64, 256}, {48, 65536, 1365, 4096, 64, 256}};
const ConfigFacts kFacts = {{"1.2.3", "abc123", "/usr/lib/libhz4.so"}, kSeams, 4, kClasses, 2};

template <typename Print>
std::string Text(const Print& print) {
  std::string buffer(64 * 1024, '\0');
  Printer out(&buffer[0], buffer.size());
  print(&out);
  EXPECT_FALSE(out.truncated());
  return std::string(out.text(), out.size());
}

std::string ConfigJson(const KnobSet& set) {
  return Text([&](Printer* out) { PrintConfigJson(out, set, kFacts); });
}
std::string ConfigText(const KnobSet& set, bool only_changed) {
  return Text([&](Printer* out) { PrintConfigText(out, set, kFacts, only_changed); });
}

std::string Hex(uint64_t value) {
  return Text([&](Printer* out) { out->Hex16(value); });
}

Json ParsedJson(const std::string& text) {
  Json json;
  std::string error;
  EXPECT_TRUE(ParseJson(text, &json, &error)) << error << "\n" << text;
  return json;
}

TEST(PrintConfigJson, IsOneLineWithEverything) {
  Parsed parsed = Parse({"HZ4_MID_DUAL_TIER_ALLOC=1", "HZ4_OUTPUT=/tmp/\"x\"", "HZ4_FRONT=x"});
  std::string text = ConfigJson(parsed.set);
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  Json json = ParsedJson(text);
  EXPECT_EQ(json["hz4"].text, "config");
  EXPECT_EQ(json["version"].text, "1.2.3");
  EXPECT_EQ(json["build_id"].text, "abc123");
  EXPECT_EQ(json["library"].text, "/usr/lib/libhz4.so");
  EXPECT_EQ(json["pid"].number, getpid());
  EXPECT_EQ(json["fingerprint"].text, Hex(Fingerprint(parsed.set.value)));
  EXPECT_EQ(json["seams"]["malloc"].text, "percpu \"quoted\"");
  EXPECT_EQ(json["seams"]["steps"].text, "one -> two");
  EXPECT_EQ(json["seams"]["mid_alloc"].text, "array");
  EXPECT_EQ(json["seams"].members.size(), 3u);

  ASSERT_EQ(json["knobs"].items.size(), kKnobCount);
  for (const KnobRow& row : kKnobRows) {
    const Json& knob = json["knobs"].items[static_cast<size_t>(row.id)];
    EXPECT_EQ(knob["name"].text, row.name);
    EXPECT_EQ(knob["value"].text, ValueText(parsed.set.value, row.id));
    EXPECT_EQ(knob["default"].text, ValueText(Knobs(), row.id));
    EXPECT_EQ(knob["effect"].number, HasEffect(parsed.set.value, row.id)) << row.name;
    const char* const kinds[] = {"policy", "output", "launch"};
    EXPECT_EQ(knob["kind"].text, kinds[static_cast<int>(row.kind)]) << row.name;
  }
  ASSERT_EQ(json["notes"].items.size(), 2u);
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ(json["notes"].items[i].text, parsed.lines[i]);
}

TEST(PrintConfigJson, SaysThatNotesWereLeftOut) {
  Variables many;
  for (int i = 0; i < 50; ++i) many.push_back("HZ4_NOTHING_" + std::to_string(i) + "=1");
  Parsed parsed = Parse(many);
  ASSERT_GT(parsed.set.notes_dropped, 0u);
  const std::string last = "and " + std::to_string(parsed.set.notes_dropped) + " more";
  EXPECT_EQ(ParsedJson(ConfigJson(parsed.set))["notes"].items.back().text, last);
  EXPECT_THAT(ConfigText(parsed.set, false), HasSubstr("note: " + last + "\n"));
}

// Longest texts, every knob set: the record still fits into one write.
TEST(PrintConfigJson, FitsOneRecord) {
  Variables variables = AsVariables(Parse({"HZ4_PROFILE=b7x-base"}).set.value);
  variables[static_cast<size_t>(KnobId::kOutput)] =
      Setting(KnobId::kOutput, std::string(kTextMax, '\x01'));
  Parsed parsed = Parse(variables);
  EXPECT_EQ(parsed.set.value.output.chars[kTextMax - 1], '\x01');
  EXPECT_LT(ConfigJson(parsed.set).size(), 14u * 1024);
}

TEST(PrintOrigin, EachKind) {
  Parsed parsed =
      Parse({"HZ4_PROFILE=b46-base", "HZ4_MID_LOCK_TIME_STATS=1", "HZ4_MID_FREE_BATCH=0",
             "HZ4_MID_OWNER_LOCAL_STACK=1", "HZ4_MID_OWNER_REMOTE_QUEUE=0"});
  SetFallback(&parsed.set, KnobId::kFront, static_cast<uint64_t>(FrontKind::kThread),
              "there is no rseq");
  auto origin = [&](KnobId id) {
    return Text([&](Printer* out) { PrintOrigin(out, parsed.set, id); });
  };
  EXPECT_EQ(origin(KnobId::kReserve), "default");
  EXPECT_EQ(origin(KnobId::kMidRoute), "profile");
  EXPECT_EQ(origin(KnobId::kMidFreeBatch), "environment");
  EXPECT_EQ(origin(KnobId::kMidStatsB1), "implied by HZ4_MID_LOCK_TIME_STATS");
  EXPECT_EQ(origin(KnobId::kFront), "fallback because there is no rseq");
  EXPECT_EQ(origin(KnobId::kMidFreeBatchConsume), "fallback because HZ4_MID_FREE_BATCH=0");
  EXPECT_EQ(origin(KnobId::kMidOwnerLocalStack), "fallback because HZ4_MID_OWNER_REMOTE_QUEUE=0");
}

TEST(PrintConfigText, AllAndOnlyTheChanged) {
  Parsed parsed = Parse({"HZ4_MID_TRANSFER_CACHE=1", "HZ4_MID_TRANSFER_CACHE_BATCH_MAX=32"});
  std::string all = ConfigText(parsed.set, false);
  for (const KnobRow& row : kKnobRows)
    EXPECT_THAT(all, HasSubstr(std::string("  ") + row.name + "="));
  EXPECT_THAT(all, HasSubstr("hz4 1.2.3 pid " + std::to_string(getpid()) + " fingerprint " +
                             Hex(Fingerprint(parsed.set.value)) + "\n"));
  EXPECT_THAT(all, HasSubstr("  seam mid_alloc: array\n"));
  EXPECT_THAT(all, HasSubstr("  note: HZ4_MID_TRANSFER_CACHE=1 implies HZ4_MID_ROUTE=ladder\n"));
  EXPECT_THAT(all,
              HasSubstr("  class 48: span 65536, objects 1365, cached at most 4096, batch 64 to "
                        "256\n"));
  EXPECT_THAT(all,
              testing::ContainsRegex("HZ4_MID_DUAL_TIER_L0_LIMIT=4 +default, without effect\n"));

  std::string changed = ConfigText(parsed.set, true);
  EXPECT_THAT(changed,
              testing::ContainsRegex("HZ4_MID_ROUTE=ladder +implied by HZ4_MID_TRANSFER_CACHE\n"));
  EXPECT_THAT(changed,
              testing::ContainsRegex("HZ4_MID_TRANSFER_CACHE_BATCH_MAX=32 +environment\n"));
  EXPECT_THAT(changed, Not(HasSubstr("HZ4_RESERVE")));
  EXPECT_THAT(changed, Not(HasSubstr("  class ")));
}

TEST(PrintConfigText, FitsAnyCallersBuffer) {
  KnobSet set = Parse({}).set;
  std::string whole = ConfigText(set, false);
  char buffer[100];
  Printer out(buffer, sizeof(buffer));
  PrintConfigText(&out, set, kFacts, false);
  EXPECT_EQ(out.total(), whole.size());
  EXPECT_EQ(std::string(out.text()), whole.substr(0, 99));
}

TEST(PrintHelp, ExplainsEveryKnobAndProfile) {
  std::string help = Text([](Printer* out) { PrintHelp(out); });
  for (const KnobRow& row : kKnobRows) {
    EXPECT_THAT(help, HasSubstr(std::string(row.name) + "  ("));
    EXPECT_THAT(help, HasSubstr(row.sentence));
  }
  for (const ProfileName& profile : kProfileNames) EXPECT_THAT(help, HasSubstr(profile.sentence));
  EXPECT_THAT(help,
              HasSubstr("allowed: 2 to 256 objects; default: 8; of HZ4_MID_ALLOC_RUN_CACHE\n"));
  EXPECT_THAT(help, HasSubstr("; needs HZ4_MID_ROUTE=ladder\n"));
}

std::string Content(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

TEST(ReportConfig, GoesWhereTheKnobsSay) {
  const std::string directory = ScratchDirectory();
  const std::string path = directory + "/config." + std::to_string(getpid());
  const std::string output = "HZ4_OUTPUT=" + directory + "/config.%p";

  testing::internal::CaptureStderr();
  ReportConfig(Parse({output}).set, kFacts);
  EXPECT_NE(access(path.c_str(), F_OK), 0) << "nothing was asked for";
  Parsed json = Parse({"HZ4_PRINT_CONFIG=json", output});
  ReportConfig(json.set, kFacts);
  EXPECT_EQ(Content(path), ConfigJson(json.set));
  Parsed changed = Parse({"HZ4_PRINT_CONFIG=changed", output});
  ReportConfig(changed.set, kFacts);
  EXPECT_EQ(Content(path), ConfigJson(json.set) + ConfigText(changed.set, true)) << "appended";
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");

  testing::internal::CaptureStderr();
  Parsed text = Parse({"HZ4_PRINT_CONFIG=1"});
  ReportConfig(text.set, kFacts);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), ConfigText(text.set, false));
}

TEST(ReportConfig, HelpIsForPeopleOnStderr) {
  const std::string path = ScratchDirectory() + "/config";
  testing::internal::CaptureStderr();
  ReportConfig(Parse({"HZ4_HELP=1", "HZ4_PRINT_CONFIG=json", "HZ4_OUTPUT=" + path}).set, kFacts);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), Text([](Printer* out) { PrintHelp(out); }));
  EXPECT_THAT(Content(path), testing::StartsWith("{\"hz4\":\"config\""));
}

TEST(StderrSink, WritesTheLine) {
  testing::internal::CaptureStderr();
  kStderrSink.line(kStderrSink.context, "HZ4_X=1: text", 7);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "hz4: HZ4_X=1\n");
}

TEST(StopForErrorsDeathTest, SaysWhyAndHow) {
  KnobSet set = Parse({"HZ4_STRICT=abort", "HZ4_A=1", "HZ4_B=1"}).set;
  ASSERT_TRUE(set.Fatal());
  EXPECT_EXIT(StopForErrors(set), testing::ExitedWithCode(127),
              "^hz4: HZ4_STRICT=abort: 2 errors in the environment; the process ends here\n$");
}

}  // namespace
}  // namespace test
}  // namespace hz4
