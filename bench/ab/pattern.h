// SPDX-License-Identifier: Apache-2.0
//
// Regular expressions over a program's output: POSIX extended expressions, as grep -E has them.
// Where a pattern matches several times the last match counts, because results stand at the end.

#ifndef HZ4_BENCH_AB_PATTERN_H_
#define HZ4_BENCH_AB_PATTERN_H_

#include <string>

#include "absl/status/status.h"
#include "absl/types/optional.h"

namespace hz4::ab {

// OK, or what is wrong with the pattern.
absl::Status CheckPattern(const std::string& pattern);

bool Matches(const std::string& pattern, const std::string& text);

// The number in the first group (the whole match where there is no group) of the last match;
// thousands separators are not understood. Nothing where there is no match or no number in it.
absl::optional<double> PickNumber(const std::string& pattern, const std::string& text);

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_PATTERN_H_
