// SPDX-License-Identifier: Apache-2.0

#include "tests/trace/random_knobs.h"

#include <algorithm>
#include <vector>

#include "hz4/knobs_table.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace test {
namespace {

// Half of the draws take an end of the range: that is where mistakes are.
std::string DrawValue(const KnobRow& row, Random* random) {
  const KnobRange& range = row.range;
  if (row.type == KnobType::kChoice) return row.choices[random->In(range.min, range.max)];
  std::uint64_t value = random->OneIn(2) ? range.min : range.max;
  if (random->OneIn(2)) {
    value = random->In(range.min, range.max) / range.step * range.step;
    // Small values are as likely as large ones.
    if (random->OneIn(2))
      value = std::max(range.min, value >> random->In(0, 20) / range.step * range.step);
    while (range.power_of_two && (value & (value - 1)) != 0) value &= value - 1;
  }
  return std::to_string(value);
}

bool Accepted(const std::map<std::string, std::string>& knobs) {
  std::vector<std::string> entries;
  for (const auto& knob : knobs) entries.push_back(knob.first + "=" + knob.second);
  std::vector<const char*> envp;
  for (const std::string& entry : entries) envp.push_back(entry.c_str());
  envp.push_back(nullptr);
  const DiagnosticSink silent = {[](void*, const char*, size_t) {}, nullptr};
  return ParseKnobs(envp.data(), &silent).errors == 0;
}

}  // namespace

std::map<std::string, std::string> DrawKnobs(std::uint64_t seed) {
  Random random(seed);
  std::map<std::string, std::string> drawn;
  for (std::uint64_t left = random.In(3, 14); left > 0; --left) {
    const KnobRow& row = kKnobRows[random.Next() % kKnobCount];
    if (row.kind != KnobKind::kPolicy) continue;
    std::map<std::string, std::string> next = drawn;
    next[row.name] = DrawValue(row, &random);
    // A value may contradict another one (UpTo): then this one is not drawn.
    if (Accepted(next)) drawn = next;
  }
  return drawn;
}

}  // namespace test
}  // namespace hz4
