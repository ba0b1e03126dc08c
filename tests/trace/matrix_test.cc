// SPDX-License-Identifier: Apache-2.0
//
// The variants of tests/variants.bzl against the registry: a policy that no test runs under is a
// policy that does not work.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "hz4/knobs_table.h"
#include "hz4/knobs_value.h"
#include "tests/support/child.h"
#include "tests/trace/random_knobs.h"

namespace hz4 {
namespace test {
namespace {

using Environment = std::map<std::string, std::string>;

// Lines "VARIANT NAME=VALUE ..." as tests/trace/BUILD writes them.
std::map<std::string, Environment> Variants() {
  std::map<std::string, Environment> variants;
  std::istringstream file(ReadFile(Runfile("tests/trace/variants.txt")));
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name, entry;
    words >> name;
    Environment& environment = variants[name];
    while (words >> entry) {
      const std::size_t equals = entry.find('=');
      environment[entry.substr(0, equals)] = entry.substr(equals + 1);
    }
  }
  return variants;
}

// The values of every knob over all variants.
std::map<std::string, std::set<std::uint64_t>> ValuesSeen() {
  std::map<std::string, std::set<std::uint64_t>> seen;
  for (const auto& variant : Variants()) {
    for (const auto& entry : variant.second) {
      const KnobId id = FindKnob(entry.first.c_str(), entry.first.size());
      if (id == kNoKnob) continue;
      std::uint64_t value = 0;
      Text text = {};
      EXPECT_EQ(ParseValue(RowOf(id), entry.second.c_str(), &value, &text), nullptr)
          << variant.first << ": " << entry.first << "=" << entry.second;
      seen[entry.first].insert(value);
    }
  }
  return seen;
}

TEST(Variants, AreReadAndAccepted) {
  const auto variants = Variants();
  ASSERT_GT(variants.size(), 20u);
  for (const auto& variant : variants) {
    std::vector<std::string> entries;
    for (const auto& entry : variant.second) {
      if (entry.first.rfind("TEST_", 0) != 0) entries.push_back(entry.first + "=" + entry.second);
    }
    std::vector<const char*> envp;
    for (const std::string& entry : entries) envp.push_back(entry.c_str());
    envp.push_back(nullptr);
    std::string lines;
    const DiagnosticSink sink = {
        [](void* context, const char* text, size_t length) {
          static_cast<std::string*>(context)->append(text, length).append("\n");
        },
        &lines};
    EXPECT_EQ(ParseKnobs(envp.data(), &sink).errors, 0u) << variant.first << "\n" << lines;
  }
}

TEST(Variants, CoverEveryPolicyKnobAtBothEnds) {
  const auto seen = ValuesSeen();
  for (const KnobRow& row : kKnobRows) {
    if (row.kind != KnobKind::kPolicy) continue;
    const auto found = seen.find(row.name);
    std::set<std::uint64_t> values;
    if (found != seen.end()) values = found->second;
    // The variant "default" sets nothing.
    values.insert(row.initial);
    EXPECT_TRUE(values.count(row.range.min)) << row.name << " is nowhere at its lowest";
    EXPECT_TRUE(values.count(row.range.max)) << row.name << " is nowhere at its highest";
    if (row.type != KnobType::kChoice) continue;
    for (std::uint64_t choice = row.range.min; choice <= row.range.max; ++choice) {
      EXPECT_TRUE(values.count(choice)) << row.name << " is nowhere " << row.choices[choice];
    }
  }
}

TEST(Variants, NameEveryProfile) {
  std::set<std::string> used = {kProfileNames[0].name};
  for (const auto& variant : Variants()) {
    const auto profile = variant.second.find("HZ4_PROFILE");
    if (profile != variant.second.end()) used.insert(profile->second);
  }
  for (const ProfileName& profile : kProfileNames)
    EXPECT_TRUE(used.count(profile.name)) << profile.name;
}

TEST(RandomKnobs, AreRepeatableAndVaried) {
  std::set<std::string> names;
  std::set<std::map<std::string, std::string>> sets;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const auto drawn = DrawKnobs(seed);
    EXPECT_EQ(drawn, DrawKnobs(seed));
    sets.insert(drawn);
    for (const auto& knob : drawn) names.insert(knob.first);
  }
  EXPECT_GT(sets.size(), 290u);
  for (const KnobRow& row : kKnobRows) {
    EXPECT_EQ(names.count(row.name) != 0, row.kind == KnobKind::kPolicy) << row.name;
  }
}

}  // namespace
}  // namespace test
}  // namespace hz4
