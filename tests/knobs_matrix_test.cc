// SPDX-License-Identifier: Apache-2.0
//
// Every boolean flipped alone, every number at both ends and one beyond, every choice; then random
// environments. What must hold of each result is Check().
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/knobs_testing.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace test {
namespace {

std::string About(const Variables& variables, const Parsed& parsed) {
  return "environment: " + Joined(variables) + "said:\n" + Joined(parsed.lines) + "repeat with " +
         RepeatWith();
}

// Whatever the environment: values within their ranges and bounds, boxes that are set have what
// they need, and the result said in full is the same allocator, about which there is no error.
void Check(const Variables& variables) {
  Parsed parsed = Parse(variables);
  SCOPED_TRACE(About(variables, parsed));
  const Knobs& knobs = parsed.set.value;
  for (const KnobRow& row : kKnobRows) {
    SCOPED_TRACE(row.name);
    if (row.type == KnobType::kText) continue;
    uint64_t value = GetKnob(knobs, row.id);
    EXPECT_TRUE(Allows(row, value)) << value;
    if (row.range.up_to != kNoKnob) {
      EXPECT_LE(value, GetKnob(knobs, row.range.up_to));
    }
    OriginKind origin = parsed.OriginOf(row.id);
    if (origin == OriginKind::kDefault) {
      EXPECT_EQ(value, row.initial);
    }
    bool asked = origin != OriginKind::kDefault && origin != OriginKind::kFallback;
    if (row.type == KnobType::kBool && asked && value != 0) {
      EXPECT_TRUE(HasEffect(knobs, row.id));
    }
  }

  Parsed again = Parse(AsVariables(knobs));
  EXPECT_EQ(again.set.errors, 0u) << Joined(again.lines);
  EXPECT_EQ(Fingerprint(again.set.value), Fingerprint(knobs))
      << Differences(knobs, again.set.value) << Joined(again.lines);
}

TEST(KnobMatrix, EveryBooleanFlippedAlone) {
  for (const KnobRow& row : kKnobRows) {
    if (row.type != KnobType::kBool) continue;
    Variables variables = {Setting(row.id, row.initial != 0 ? "off" : "on")};
    Check(variables);
    EXPECT_EQ(GetKnob(Parse(variables).set.value, row.id), 1 - row.initial) << row.name;
    Check({variables[0], "HZ4_MID_ROUTE=ladder"});
  }
}

TEST(KnobMatrix, EveryChoice) {
  for (const KnobRow& row : kKnobRows) {
    if (row.type != KnobType::kChoice) continue;
    for (uint64_t i = 0; row.choices[i] != nullptr; ++i) {
      Variables variables = {Setting(row.id, row.choices[i])};
      Check(variables);
      EXPECT_EQ(GetKnob(Parse(variables).set.value, row.id), i) << variables[0];
    }
  }
}

bool IsNumber(const KnobRow& row) {
  return row.type == KnobType::kNumber || row.type == KnobType::kBytes ||
         row.type == KnobType::kDuration;
}

// The knob and what bounds it, at the same value.
Variables AtValue(const KnobRow& row, uint64_t value) {
  Variables variables = {Setting(row.id, NumberText(row, value))};
  if (row.range.up_to != kNoKnob) {
    const KnobRow& above = RowOf(row.range.up_to);
    uint64_t bound = value < above.range.min ? above.range.min : value;
    variables.push_back(Setting(above.id, NumberText(above, bound)));
  }
  return variables;
}

TEST(KnobMatrix, EveryNumberAtBothEnds) {
  for (const KnobRow& row : kKnobRows) {
    if (!IsNumber(row)) continue;
    for (uint64_t end : {row.range.min, row.range.max}) {
      Variables variables = AtValue(row, end);
      Check(variables);
      Parsed parsed = Parse(variables);
      EXPECT_EQ(GetKnob(parsed.set.value, row.id), end) << About(variables, parsed);
      EXPECT_EQ(parsed.set.errors, 0u) << About(variables, parsed);
    }
  }
}

TEST(KnobMatrix, EveryNumberOneBeyond) {
  for (const KnobRow& row : kKnobRows) {
    if (!IsNumber(row)) continue;
    Variables beyond = {Setting(row.id, NumberText(row, row.range.max + 1)),
                        Setting(row.id, NumberText(row, row.range.max + row.range.step)),
                        Setting(row.id, NumberText(row, row.range.max * 2)), Setting(row.id, "-1")};
    if (row.range.min > 0) {
      beyond.push_back(Setting(row.id, NumberText(row, row.range.min - 1)));
      beyond.push_back(Setting(row.id, NumberText(row, row.range.min - row.range.step)));
    }
    for (const std::string& variable : beyond) {
      Check({variable});
      Parsed parsed = Parse({variable});
      EXPECT_EQ(parsed.set.errors, 1u) << About({variable}, parsed);
      EXPECT_EQ(GetKnob(parsed.set.value, row.id), row.initial) << variable;
      EXPECT_EQ(parsed.OriginOf(row.id), OriginKind::kDefault) << variable;
    }
  }
}

// Mostly right, sometimes at an end, sometimes nonsense.
std::string RandomValue(const KnobRow& row, Random* random) {
  static const char* const kNonsense[] = {"", "-1", "x", "99999999999999999999", "1 ", "K", "%"};
  if (random->OneIn(20)) return kNonsense[random->In(0, 6)];
  if (row.type == KnobType::kText) return random->OneIn(2) ? "stderr" : "/tmp/%p";
  uint64_t value = random->In(row.range.min, row.range.max);
  if (random->OneIn(4)) value = random->OneIn(2) ? row.range.min : row.range.max;
  if (row.range.power_of_two) value = uint64_t{1} << random->In(0, 8);
  return NumberText(row, value / row.range.step * row.range.step);
}

TEST(KnobMatrix, RandomEnvironments) {
  Random random(Seed());
  for (int round = 0; round < 2000 && !testing::Test::HasFailure(); ++round) {
    Variables variables;
    uint64_t density = random.In(1, 10);
    for (const KnobRow& row : kKnobRows) {
      if (!random.OneIn(density)) continue;
      std::string variable = Setting(row.id, RandomValue(row, &random));
      if (HasBoxAlias(row) && random.OneIn(8)) variable.insert(variable.find('='), "_BOX");
      variables.insert(variables.begin() + random.In(0, variables.size()), variable);
    }
    Check(variables);
  }
}

// Any order of the same variables is the same allocator.
TEST(KnobMatrix, OrderDoesNotMatter) {
  Random random(Seed());
  for (int round = 0; round < 200 && !testing::Test::HasFailure(); ++round) {
    Variables variables;
    for (const KnobRow& row : kKnobRows) {
      if (random.OneIn(3)) variables.push_back(Setting(row.id, RandomValue(row, &random)));
    }
    Parsed first = Parse(variables);
    for (size_t i = variables.size(); i > 1; --i) {
      std::swap(variables[i - 1], variables[random.In(0, i - 1)]);
    }
    Parsed second = Parse(variables);
    EXPECT_EQ(Differences(first.set.value, second.set.value), "") << About(variables, second);
    EXPECT_EQ(first.set.errors, second.set.errors) << About(variables, second);
    EXPECT_THAT(second.lines, testing::UnorderedElementsAreArray(first.lines));
  }
}

}  // namespace
}  // namespace test
}  // namespace hz4
