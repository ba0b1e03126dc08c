// SPDX-License-Identifier: Apache-2.0
//
// Reads and evaluates in one pass; the texts are a line long and evaluated a few times.

#include "bench/ab/expression.h"

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace hz4::ab {
namespace {

bool IsNameByte(char c) { return absl::ascii_isalnum(c) || c == '_' || c == '@' || c == '.'; }

class Evaluator {
 public:
  Evaluator(absl::string_view text, const Resolver& resolve) : text_(text), resolve_(resolve) {}

  absl::StatusOr<double> Run() {
    const double value = Either();
    Skip();
    if (status_.ok() && at_ != text_.size()) Fail("an operator or the end");
    if (!status_.ok()) return status_;
    return value;
  }

 private:
  void Skip() {
    while (at_ < text_.size() && absl::ascii_isspace(text_[at_])) ++at_;
  }
  bool Take(absl::string_view token) {
    Skip();
    if (text_.substr(at_, token.size()) != token) return false;
    const std::size_t after = at_ + token.size();
    if (IsNameByte(token.back()) && after < text_.size() && IsNameByte(text_[after])) return false;
    at_ = after;
    return true;
  }
  double Fail(absl::string_view expected) {
    if (status_.ok()) {
      status_ = absl::InvalidArgumentError(
          absl::StrCat("expected ", expected, " at column ", at_ + 1, " of \"", text_, "\""));
    }
    return 0;
  }

  double Either() {
    double value = Both();
    while (status_.ok() && Take("or")) {
      const double other = Both();
      value = value != 0 || other != 0;
    }
    return value;
  }
  double Both() {
    double value = Comparison();
    while (status_.ok() && Take("and")) {
      const double other = Comparison();
      value = value != 0 && other != 0;
    }
    return value;
  }
  double Comparison() {
    const double left = Sum();
    if (Take(">=")) return left >= Sum();
    if (Take("<=")) return left <= Sum();
    if (Take(">")) return left > Sum();
    if (Take("<")) return left < Sum();
    return left;
  }
  double Sum() {
    double value = Product();
    while (status_.ok()) {
      if (Take("+")) {
        value += Product();
      } else if (Take("-")) {
        value -= Product();
      } else {
        break;
      }
    }
    return value;
  }
  double Product() {
    double value = Factor();
    while (status_.ok()) {
      if (Take("*")) {
        value *= Factor();
      } else if (Take("/")) {
        value /= Factor();
      } else {
        break;
      }
    }
    return value;
  }
  double Factor() {
    if (Take("(")) {
      const double value = Either();
      return Take(")") ? value : Fail("')'");
    }
    const bool max = Take("max");
    if (max || Take("min")) {
      if (!Take("(")) return Fail("'('");
      const double a = Sum();
      if (!Take(",")) return Fail("','");
      const double b = Sum();
      if (!Take(")")) return Fail("')'");
      return max ? std::max(a, b) : std::min(a, b);
    }
    return Leaf();
  }
  double Leaf() {
    Skip();
    std::size_t end = at_;
    while (end < text_.size() && IsNameByte(text_[end])) ++end;
    const std::string word(text_.substr(at_, end - at_));
    if (word.empty()) return Fail("a number or a name");
    double value = 0;
    if (absl::ascii_isdigit(word[0])) {
      if (!absl::SimpleAtod(word, &value)) return Fail("a number");
      at_ = end;
      return Take("%") ? value / 100 : value;
    }
    Operand operand;
    const std::vector<std::string> parts = absl::StrSplit(word, absl::MaxSplits('.', 1));
    operand.name = parts.back();
    if (parts.size() == 2) {
      const std::vector<std::string> where = absl::StrSplit(parts[0], '@');
      if (where.size() != 2) return Fail("ARM@LANE.NAME");
      operand.arm = where[0];
      operand.lane = where[1];
    }
    if (operand.name.empty() || word == "or" || word == "and") return Fail("a number or a name");
    at_ = end;
    if (!status_.ok()) return 0;
    absl::StatusOr<double> resolved = resolve_(operand);
    if (!resolved.ok()) {
      status_ = resolved.status();
      return 0;
    }
    return *resolved;
  }

  absl::string_view text_;
  const Resolver& resolve_;
  std::size_t at_ = 0;
  absl::Status status_;
};

}  // namespace

absl::StatusOr<double> Evaluate(const std::string& text, const Resolver& resolve) {
  return Evaluator(text, resolve).Run();
}

}  // namespace hz4::ab
