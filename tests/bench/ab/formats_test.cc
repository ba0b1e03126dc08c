// SPDX-License-Identifier: Apache-2.0
//
// The text formats that the laboratory reads: JSON, sections, words, patterns, expressions, and
// what a child under hz4 reports.

#include <cmath>
#include <limits>
#include <string>

#include "bench/ab/child_report.h"
#include "bench/ab/expression.h"
#include "bench/ab/json.h"
#include "bench/ab/pattern.h"
#include "bench/ab/sections.h"
#include "bench/ab/sha256.h"
#include "gtest/gtest.h"

namespace hz4::ab {
namespace {

TEST(Json, ReadsAndWritesTheSame) {
  const std::string text =
      R"({"a":[1,-2.5,1e+300,true,false,null],"b":{"c":"x\"y\\z\n\t\u0001"},"d":"\u00e9"})";
  const absl::StatusOr<Json> json = Json::Parse(text);
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ((*json)["a"].items()[1].AsNumber(), -2.5);
  EXPECT_EQ((*json)["b"]["c"].AsString(), "x\"y\\z\n\t\x01");
  EXPECT_EQ((*json)["d"].AsString(), "\xc3\xa9");
  EXPECT_TRUE((*json)["nothing"]["here"].IsNull());
  const absl::StatusOr<Json> again = Json::Parse(json->Dump());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->Dump(), json->Dump());
  EXPECT_EQ(Json::Parse(json->DumpIndented())->Dump(), json->Dump());
}

TEST(Json, ReadsSurrogatePairs) {
  EXPECT_EQ(Json::Parse(R"("\ud83d\ude00")")->AsString(), "\xf0\x9f\x98\x80");
}

TEST(Json, NumbersComeBackExactly) {
  for (double number : {0.1, 1.0 / 3, 123456789012345.0, -1e-300, 5e-324}) {
    EXPECT_EQ(Json::Parse(Json(number).Dump())->AsNumber(), number);
  }
  EXPECT_EQ(Json(std::numeric_limits<double>::infinity()).Dump(), "null");
}

TEST(Json, RefusesWhatIsNoJson) {
  for (const char* bad : {"", "{", "[1,]", "{\"a\"}", "{\"a\":1,}", "\"x", "1 2", "nul", "\"\\q\"",
                          "\"\\u12g4\"", "{a:1}"}) {
    EXPECT_FALSE(Json::Parse(bad).ok()) << bad;
  }
  EXPECT_FALSE(Json::Parse(std::string(1000, '[')).ok()) << "nesting is bounded";
}

TEST(Sections, KeepsLinesAndContinuations) {
  const absl::StatusOr<std::vector<Section>> sections =
      ParseSections("# note\n[lane a]\nkey = one\n  two\nkey = three=3\n\n[metric b]\n", "f");
  ASSERT_TRUE(sections.ok()) << sections.status();
  ASSERT_EQ(sections->size(), 2u);
  EXPECT_EQ((*sections)[0].entries[0].value, "one two");
  EXPECT_EQ((*sections)[0].entries[1].value, "three=3");
  EXPECT_EQ((*sections)[0].entries[1].line, 5);
  EXPECT_EQ((*sections)[1].line, 7);
}

TEST(Sections, ErrorsNameFileAndLine) {
  const auto error = [](const char* text) {
    return std::string(ParseSections(text, "my.lanes").status().message());
  };
  EXPECT_EQ(error("[lane a]\nnonsense\n"),
            "my.lanes:2: \"nonsense\" is neither [section] nor key = value");
  EXPECT_EQ(error("a = b\n"), "my.lanes:1: an entry stands before any [section]");
  EXPECT_EQ(error("[lane a\n"), "my.lanes:1: a section ends with ']'");
  EXPECT_EQ(error("[lane a]\n  more\n"), "my.lanes:2: a continuation has no entry above it");
}

TEST(Words, SplitAsAShellWould) {
  EXPECT_EQ(*SplitWords(R"(a 'b c' "d \" e" f\ g '' h'i'j)"),
            (std::vector<std::string>{"a", "b c", "d \" e", "f g", "", "hij"}));
  EXPECT_FALSE(SplitWords("a 'b").ok());
  EXPECT_FALSE(SplitWords("a \\").ok());
  const std::vector<std::string> words = {"plain", "with blank", "it's", "", "$HOME"};
  EXPECT_EQ(*SplitWords(JoinWords(words)), words);
}

TEST(Values, SayWhatIsAllowed) {
  EXPECT_EQ(*ParsePercent("+1.5%"), 1.5);
  EXPECT_FALSE(ParsePercent("1.5x").ok());
  EXPECT_EQ(*ParseSeconds("500ms"), 0.5);
  EXPECT_EQ(*ParseSeconds("2min"), 120);
  EXPECT_FALSE(ParseSeconds("-1s").ok());
  EXPECT_EQ(*ParseCpus("0-2,5"), (std::vector<int>{0, 1, 2, 5}));
  EXPECT_FALSE(ParseCpus("3-1").ok());
  EXPECT_EQ(ParseCount("0", 1, 9).status().message(), "\"0\" is not a whole number from 1 to 9");
}

TEST(Pattern, TheLastMatchCounts) {
  EXPECT_EQ(PickNumber("t=([0-9.]+)", "t=1 t=2\nt=3.5 end"), 3.5);
  EXPECT_EQ(PickNumber("[0-9]+", "a 7 b"), 7);
  EXPECT_FALSE(PickNumber("ops/s=([0-9.eE+]+)", "ops/s=-").has_value());
  EXPECT_EQ(PickNumber("ops=([0-9]+)", "ops=19200000 time=0.1 ops/s=22863015"), 19200000);
  EXPECT_TRUE(Matches("^b", "a\nb"));
  EXPECT_FALSE(CheckPattern("(").ok());
  EXPECT_FALSE(CheckPattern("").ok());
}

absl::StatusOr<double> Value(const std::string& text) {
  return Evaluate(text, [](const Operand& operand) -> absl::StatusOr<double> {
    if (operand.name == "missing") return absl::NotFoundError("missing was not reported");
    if (operand.arm == "base") return 10.0;
    return operand.arm == "variant" ? 20.0 : 2.0;
  });
}

TEST(Expression, Arithmetic) {
  EXPECT_EQ(*Value("1 + 2 * 3 - 4 / 2"), 5);
  EXPECT_EQ(*Value("(1 + 2) * 3"), 9);
  EXPECT_EQ(*Value("max(1, x) + min(5, 3)"), 5);
  EXPECT_DOUBLE_EQ(*Value("5%"), 0.05);
  EXPECT_EQ(*Value("variant@main_r0.a > base@main_r0.a"), 1);
  EXPECT_EQ(*Value("base@l.core.a >= 11 or variant@l.a <= 20 and 1 < 2"), 1);
  EXPECT_EQ(*Value("base@l.a >= 11 and 1 < 2"), 0);
}

TEST(Expression, ErrorsSayWhere) {
  EXPECT_EQ(Value("1 +").status().message(), "expected a number or a name at column 4 of \"1 +\"");
  EXPECT_EQ(Value("base.x > 0").status().message(),
            "expected ARM@LANE.NAME at column 1 of \"base.x > 0\"");
  EXPECT_EQ(Value("missing > 0").status().message(), "missing was not reported");
  for (const char* bad : {"", "(1", "1 2", "max(1)", "or 1", "1 >", "1.2.3"}) {
    EXPECT_FALSE(Value(bad).ok()) << bad;
  }
}

TEST(ChildReport, ReadsAllThreeKindsOfLines) {
  const ChildReport report = ParseChildReport(
      "hello\n"
      R"({"hz4":"config","version":"1","build_id":"b","pid":1,"fingerprint":"00ff","library":"/l.so","knobs":[{"name":"HZ4_FRONT","value":"thread","default":"percpu","origin":"environment","kind":"policy"}],"notes":["n"],"seams":{}})"
      "\n"
      R"({"hz4":"stats","counters":{"malloc_calls":5,"spans":1},"gauges":{"live_bytes":7}})"
      "\n[HZ4_MID_STATS_B1] malloc_calls=3 malloc_lock_path=2\n"
      R"({"hz4":"stats","counters":{"malloc_calls":6,"spans":2}})"
      "\n[HZ4_MID_LOCK_STATS] lock_enter=9 sample_scale=256\n{\"hz4\":\"config\",\"torn");
  ASSERT_EQ(report.configs.size(), 1u);
  EXPECT_EQ(*report.Fingerprint(), "00ff");
  EXPECT_EQ(report.configs[0].Find("HZ4_FRONT")->origin, "environment");
  EXPECT_EQ(report.configs[0].Find("HZ4_NONE"), nullptr);
  EXPECT_EQ(report.counters.at("malloc_calls"), 3) << "a name means what the work orders mean";
  EXPECT_EQ(report.counters.at("core.malloc_calls"), 11) << "summed over processes";
  EXPECT_EQ(report.counters.at("spans"), 3);
  EXPECT_EQ(report.counters.at("lock_enter"), 9);
  EXPECT_EQ(report.counters.at("live_bytes"), 7);
}

TEST(ChildReport, ProcessesMustAgree) {
  EXPECT_FALSE(ParseChildReport("no hz4 here\n").Fingerprint().ok());
  EXPECT_FALSE(ParseChildReport("{\"hz4\":\"config\",\"fingerprint\":\"1\"}\n"
                                "{\"hz4\":\"config\",\"fingerprint\":\"2\"}\n")
                   .Fingerprint()
                   .ok());
}

TEST(Sha256, KnownAnswers) {
  EXPECT_EQ(Sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

}  // namespace
}  // namespace hz4::ab
