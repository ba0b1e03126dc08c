// SPDX-License-Identifier: Apache-2.0
//
// What the tests of the registry share: an environment parsed, its lines captured.
#ifndef HZ4_TESTS_KNOBS_TESTING_H_
#define HZ4_TESTS_KNOBS_TESTING_H_

#include <string>
#include <vector>

#include "hz4/knobs.h"
#include "hz4/knobs_table.h"
#include "hz4/knobs_value.h"

namespace hz4 {
namespace test {

using Variables = std::vector<std::string>;  // "NAME=VALUE"
using Lines = std::vector<std::string>;

inline void CaptureLine(void* context, const char* text, size_t length) {
  static_cast<Lines*>(context)->emplace_back(text, length);
}

struct Parsed {
  KnobSet set;
  Lines lines;

  OriginKind OriginOf(KnobId id) const { return set.OriginOf(id).kind; }
};

inline Parsed Parse(const Variables& variables) {
  std::vector<const char*> envp;
  for (const std::string& variable : variables) envp.push_back(variable.c_str());
  envp.push_back(nullptr);
  Parsed parsed;
  DiagnosticSink sink = {CaptureLine, &parsed.lines};
  parsed.set = ParseKnobs(envp.data(), &sink);
  return parsed;
}

template <typename Print>
std::string Printed(const Print& print) {
  char buffer[1024];
  Printer out(buffer, sizeof(buffer));
  print(&out);
  return out.truncated() ? "(truncated)" : std::string(out.text(), out.size());
}

inline std::string ValueText(const Knobs& knobs, KnobId id) {
  return Printed([&](Printer* out) { PrintValue(out, knobs, id); });
}
inline std::string NumberText(const KnobRow& row, uint64_t value) {
  return Printed([&](Printer* out) { PrintNumber(out, row, value); });
}
inline std::string Setting(KnobId id, const std::string& value) {
  return std::string(RowOf(id).name) + "=" + value;
}

// The set as an environment that says everything.
inline Variables AsVariables(const Knobs& knobs) {
  Variables variables;
  for (const KnobRow& row : kKnobRows) {
    variables.push_back(Setting(row.id, ValueText(knobs, row.id)));
  }
  return variables;
}

// The knobs whose values differ, one a line.
inline std::string Differences(const Knobs& a, const Knobs& b) {
  std::string text;
  for (const KnobRow& row : kKnobRows) {
    std::string left = ValueText(a, row.id);
    std::string right = ValueText(b, row.id);
    if (left != right) text += std::string(row.name) + " " + left + " -> " + right + "\n";
  }
  return text;
}

inline std::string Joined(const Lines& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

}  // namespace test
}  // namespace hz4

#endif  // HZ4_TESTS_KNOBS_TESTING_H_
