// SPDX-License-Identifier: Apache-2.0
//
// What a child under hz4 says about itself through HZ4_OUTPUT: its configuration (the proof of the
// arm) and, in counting runs, its counters. A command may start several processes; each of them
// writes its own lines into the same file.

#ifndef HZ4_BENCH_AB_CHILD_REPORT_H_
#define HZ4_BENCH_AB_CHILD_REPORT_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace hz4::ab {

struct KnobReport {
  std::string name;
  std::string value;
  std::string origin;  // "default", "environment", "implied by HZ4_X", "fallback because ...", ...
  std::string kind;    // "policy", "output", ...
};

struct ConfigReport {
  std::string version;
  std::string build_id;
  std::string fingerprint;
  std::string library;  // the file as the child has it mapped
  std::vector<KnobReport> knobs;
  std::vector<std::string> notes;

  const KnobReport* Find(const std::string& knob) const;
};

struct ChildReport {
  std::vector<ConfigReport> configs;  // one per process
  // Summed over processes. A name means what the work orders mean by it, the mid route's counter;
  // where the whole library counts under the same name (malloc_calls), that one is
  // core.malloc_calls.
  std::map<std::string, double> counters;

  // The fingerprint of all processes; an error where they disagree or none reported.
  absl::StatusOr<std::string> Fingerprint() const;
};

// Lines that are no report (a program may write to the same file) are passed over.
ChildReport ParseChildReport(const std::string& text);

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_CHILD_REPORT_H_
