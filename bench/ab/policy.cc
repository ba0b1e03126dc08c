// SPDX-License-Identifier: Apache-2.0
//
// Settings against the registry of knobs.

#include "bench/ab/policy.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "hz4/knobs.h"

namespace hz4::ab {
namespace {

// What belongs to the runner: how a child reports and what it does about errors. An arm that set it
// would change what is measured or take away the proof of it.
enum class Kind { kPolicy, kOutput, kLaunch };

struct Row {
  const char* name;
  Kind kind;
};

constexpr Kind kPolicy = Kind::kPolicy;
constexpr Kind kOutput = Kind::kOutput;
constexpr Kind kLaunch = Kind::kLaunch;

constexpr Row kRows[] = {
#define HZ4_BOOL(id, field, name, initial, kind, ...) {name, kind},
#define HZ4_NUMBER(id, field, name, initial, unit, range, kind, ...) {name, kind},
#define HZ4_BYTES(id, field, name, initial, range, kind, ...) {name, kind},
#define HZ4_DURATION(id, field, name, initial, range, kind, ...) {name, kind},
#define HZ4_CHOICE(id, field, name, type, initial, kind, ...) {name, kind},
#define HZ4_TEXT(id, field, name, initial, kind, ...) {name, kind},
#include "hz4/knobs.def"
};

bool BelongsToRunner(const std::string& name) {
  for (const Row& row : kRows) {
    if (name != row.name) continue;
    return row.kind == kOutput || (row.kind == kLaunch && name != "HZ4_PROFILE");
  }
  return false;
}

void AddLine(void* context, const char* text, size_t length) {
  std::string* lines = static_cast<std::string*>(context);
  absl::StrAppend(lines, lines->empty() ? "" : "; ", absl::string_view(text, length));
}

}  // namespace

absl::Status CheckSettings(const std::vector<std::string>& settings) {
  std::vector<const char*> environment;
  for (const std::string& setting : settings) {
    const std::size_t equals = setting.find('=');
    const std::string name = setting.substr(0, equals);
    if (equals == setting.npos || !absl::StartsWith(name, "HZ4_")) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", setting,
                       "\" is not HZ4_NAME=VALUE: arms are hz4's policies; other "
                       "variables belong into a lane file (env, env.ARM)"));
    }
    if (BelongsToRunner(name)) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, " is set by the runner itself and cannot belong to an arm"));
    }
    environment.push_back(setting.c_str());
  }
  environment.push_back(nullptr);
  std::string lines;
  const DiagnosticSink sink{&AddLine, &lines};
  const KnobSet set = ParseKnobs(environment.data(), &sink);
  if (set.errors == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(lines);
}

}  // namespace hz4::ab
