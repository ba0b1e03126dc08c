// SPDX-License-Identifier: Apache-2.0
//
// The judges themselves: a checker that accepts everything would let every other test pass.

#include <gtest/gtest.h>

#include "tests/support/json.h"
#include "tests/support/xml.h"

namespace hz4 {
namespace test {
namespace {

std::string Xml(const std::string& text) {
  std::string root;
  return CheckXml(text, &root);
}

TEST(Xml, AcceptsWellFormedDocuments) {
  std::string root;
  EXPECT_EQ(CheckXml("<?xml version=\"1.0\"?>\n<a x='1' y=\"&lt;2\"><b/>t &amp; u<!-- < -->"
                     "<c></c></a>\n",
                     &root),
            "");
  EXPECT_EQ(root, "a");
  EXPECT_EQ(Xml("<malloc version=\"1\"><heap nr=\"0\"><sizes></sizes></heap></malloc>"), "");
}

TEST(Xml, RefusesWhatIsNotWellFormed) {
  for (const char* text : {"", "text", "<a>", "</a>", "<a></b>", "<a><b></a></b>", "<a/><b/>",
                           "<a x=1/>", "<a x='1' x='2'/>", "<a>&</a>", "<a>&nbsp;</a>",
                           "<a x=\"<\"/>", "<a/>t", "<1a/>", "<a x='1/>", "<a", "< a/>"}) {
    EXPECT_NE(Xml(text), "") << text;
  }
}

TEST(JsonReader, ReadsValues) {
  Json value;
  std::string error;
  ASSERT_TRUE(ParseJson(" {\"a\": [1, -2.5e3, true, null, {}], \"b\\n\\u0041\": \"\\\"x\"} ",
                        &value, &error))
      << error;
  EXPECT_EQ(value["a"].items[1].number, -2500);
  EXPECT_EQ(value["a"].items.size(), 5u);
  EXPECT_EQ(value["b\nA"].text, "\"x");
  EXPECT_EQ(value["none"].kind, Json::kNull);
}

TEST(JsonReader, RefusesWhatIsNotJson) {
  for (const char* text :
       {"", "{", "[1,]", "{\"a\":1,}", "{\"a\" 1}", "{a:1}", "[1 2]", "\"x", "\"\n\"", "tru",
        "{} {}", "{\"a\":1,\"a\":2}", "\"\\q\"", "\"\\u00g0\"", "nan", "'a'"}) {
    Json value;
    std::string error;
    EXPECT_FALSE(ParseJson(text, &value, &error)) << text;
    EXPECT_NE(error, "") << text;
  }
}

}  // namespace
}  // namespace test
}  // namespace hz4
