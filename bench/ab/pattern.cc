// SPDX-License-Identifier: Apache-2.0
//
// regcomp and regexec, owned.

#include "bench/ab/pattern.h"

#include <regex.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace hz4::ab {
namespace {

class Expression {
 public:
  explicit Expression(const std::string& pattern)
      : error_(regcomp(&expression_, pattern.c_str(), REG_EXTENDED | REG_NEWLINE)) {}
  ~Expression() {
    if (error_ == 0) regfree(&expression_);
  }
  Expression(const Expression&) = delete;
  Expression& operator=(const Expression&) = delete;

  std::string Error() const {
    if (error_ == 0) return "";
    char message[200];
    regerror(error_, &expression_, message, sizeof(message));
    return message;
  }
  // Whole match and first group from `text`, which begins a line or not.
  bool Find(const char* text, bool line_start, regmatch_t (&match)[2]) const {
    return error_ == 0 && regexec(&expression_, text, 2, match, line_start ? 0 : REG_NOTBOL) == 0;
  }

 private:
  regex_t expression_;
  int error_;
};

}  // namespace

absl::Status CheckPattern(const std::string& pattern) {
  const std::string error = pattern.empty() ? "it is empty" : Expression(pattern).Error();
  if (error.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("pattern \"", pattern, "\": ", error));
}

bool Matches(const std::string& pattern, const std::string& text) {
  regmatch_t match[2];
  return Expression(pattern).Find(text.c_str(), true, match);
}

absl::optional<double> PickNumber(const std::string& pattern, const std::string& text) {
  const Expression expression(pattern);
  absl::optional<double> found;
  regmatch_t match[2];
  std::size_t at = 0;
  while (at <= text.size() &&
         expression.Find(text.c_str() + at, at == 0 || text[at - 1] == '\n', match)) {
    const regmatch_t& group = match[1].rm_so >= 0 ? match[1] : match[0];
    double number = 0;
    const std::string word = text.substr(at + static_cast<std::size_t>(group.rm_so),
                                         static_cast<std::size_t>(group.rm_eo - group.rm_so));
    if (absl::SimpleAtod(word, &number)) found = number;
    at += static_cast<std::size_t>(match[0].rm_eo > 0 ? match[0].rm_eo : 1);
  }
  return found;
}

}  // namespace hz4::ab
