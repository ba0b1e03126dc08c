// SPDX-License-Identifier: Apache-2.0
//
// The text format of lane files and experiments:
//
//   # a comment
//   [kind name]            a section; the name may be left out
//   key = value            one entry; a key may come several times
//     more of the value    a line that starts with a blank goes on with the value before it
//
// This part knows lines and nothing of what they mean. Every error is "FILE:LINE: what is wrong".

#ifndef HZ4_BENCH_AB_SECTIONS_H_
#define HZ4_BENCH_AB_SECTIONS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace hz4::ab {

struct Entry {
  int line = 0;
  std::string key;
  std::string value;
};

struct Section {
  int line = 0;
  std::string kind;
  std::string name;
  std::vector<Entry> entries;
};

absl::StatusOr<std::vector<Section>> ParseSections(const std::string& text,
                                                   const std::string& file);

// "FILE:LINE: message", as every error of these files reads.
absl::Status FileError(const std::string& file, int line, const std::string& message);

// The whole file, or an error that names it.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path);

// Words as a shell would split them: blanks separate, '...' and "..." and \ keep them together.
// Nothing is expanded.
absl::StatusOr<std::vector<std::string>> SplitWords(const std::string& text);

// Words as a shell needs them to read the same: for commands shown to people.
std::string JoinWords(const std::vector<std::string>& words);

// Values. The error says what is allowed; the caller adds where.
absl::StatusOr<double> ParsePercent(const std::string& text);  // "1.5%", "-1.0"
absl::StatusOr<double> ParseSeconds(const std::string& text);  // "60", "60s", "500ms", "2min"
absl::StatusOr<bool> ParseYesNo(const std::string& text);
absl::StatusOr<int> ParseCount(const std::string& text, int least, int most);
absl::StatusOr<std::vector<int>> ParseCpus(const std::string& text);  // "0-3,8"

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_SECTIONS_H_
