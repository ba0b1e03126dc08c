// SPDX-License-Identifier: Apache-2.0
//
// Lines into sections, and the values that stand in them.

#include "bench/ab/sections.h"

#include <fstream>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace hz4::ab {
namespace {

absl::Status NotAllowed(const std::string& text, absl::string_view allowed) {
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not ", allowed));
}

absl::Status TakeHeader(const std::string& line, int number, const std::string& file,
                        std::vector<Section>* sections) {
  if (line.back() != ']') return FileError(file, number, "a section ends with ']'");
  const std::string inside(absl::StripAsciiWhitespace(line.substr(1, line.size() - 2)));
  const std::vector<std::string> words =
      absl::StrSplit(inside, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  if (words.empty() || words.size() > 2) {
    return FileError(file, number, "a section is [kind] or [kind name]");
  }
  sections->push_back({number, words[0], words.size() == 2 ? words[1] : "", {}});
  return absl::OkStatus();
}

}  // namespace

absl::Status FileError(const std::string& file, int line, const std::string& message) {
  return absl::InvalidArgumentError(absl::StrCat(file, ":", line, ": ", message));
}

absl::StatusOr<std::string> ReadWholeFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  if (!file || !(content << file.rdbuf())) {
    return absl::NotFoundError(absl::StrCat("cannot read ", path));
  }
  return content.str();
}

absl::StatusOr<std::vector<Section>> ParseSections(const std::string& text,
                                                   const std::string& file) {
  std::vector<Section> sections;
  int number = 0;
  bool may_continue = false;
  for (const std::string& raw : std::vector<std::string>(absl::StrSplit(text, '\n'))) {
    ++number;
    const std::string line(absl::StripAsciiWhitespace(raw));
    if (line.empty() || line[0] == '#') {
      may_continue = false;
      continue;
    }
    if (absl::ascii_isspace(static_cast<unsigned char>(raw[0]))) {
      if (!may_continue) return FileError(file, number, "a continuation has no entry above it");
      absl::StrAppend(&sections.back().entries.back().value, " ", line);
      continue;
    }
    if (line[0] == '[') {
      if (absl::Status taken = TakeHeader(line, number, file, &sections); !taken.ok()) return taken;
      may_continue = false;
      continue;
    }
    const std::size_t equals = line.find('=');
    if (equals == line.npos || equals == 0) {
      return FileError(file, number,
                       absl::StrCat("\"", line, "\" is neither [section] nor key = value"));
    }
    if (sections.empty()) return FileError(file, number, "an entry stands before any [section]");
    Entry entry;
    entry.line = number;
    entry.key = std::string(absl::StripAsciiWhitespace(line.substr(0, equals)));
    entry.value = std::string(absl::StripAsciiWhitespace(line.substr(equals + 1)));
    sections.back().entries.push_back(entry);
    may_continue = true;
  }
  return sections;
}

absl::StatusOr<std::vector<std::string>> SplitWords(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  bool inside = false;
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && quote != '\'') {
      if (++i == text.size()) return NotAllowed(text, "complete: nothing follows its last \\");
      word.push_back(text[i]);
      inside = true;
    } else if (quote != 0) {
      if (c == quote)
        quote = 0;
      else
        word.push_back(c);
    } else if (c == '\'' || c == '"') {
      quote = c;
      inside = true;
    } else if (absl::ascii_isspace(static_cast<unsigned char>(c))) {
      if (inside) words.push_back(word);
      word.clear();
      inside = false;
    } else {
      word.push_back(c);
      inside = true;
    }
  }
  if (quote != 0) return NotAllowed(text, "complete: a quote is left open");
  if (inside) words.push_back(word);
  return words;
}

std::string JoinWords(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text.push_back(' ');
    const bool plain =
        !word.empty() &&
        word.find_first_not_of(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%") ==
            word.npos;
    if (plain) {
      text += word;
      continue;
    }
    text.push_back('\'');
    for (char c : word) c == '\'' ? text += "'\\''" : text += c;
    text.push_back('\'');
  }
  return text;
}

absl::StatusOr<double> ParsePercent(const std::string& text) {
  absl::string_view number = absl::StripAsciiWhitespace(text);
  absl::ConsumeSuffix(&number, "%");
  absl::ConsumePrefix(&number, "+");
  double value = 0;
  if (!absl::SimpleAtod(number, &value) || !(value > -100 && value < 1000)) {
    return NotAllowed(text, "a percentage such as 1.5% or -1.0");
  }
  return value;
}

absl::StatusOr<double> ParseSeconds(const std::string& text) {
  absl::string_view number = absl::StripAsciiWhitespace(text);
  double unit = 1;
  if (absl::ConsumeSuffix(&number, "ms"))
    unit = 1e-3;
  else if (absl::ConsumeSuffix(&number, "min"))
    unit = 60;
  else
    absl::ConsumeSuffix(&number, "s");
  double value = 0;
  if (!absl::SimpleAtod(number, &value) || !(value >= 0 && value < 1e6)) {
    return NotAllowed(text, "a time such as 60s, 500ms or 2min");
  }
  return value * unit;
}

absl::StatusOr<bool> ParseYesNo(const std::string& text) {
  if (text == "yes" || text == "1" || text == "true" || text == "on") return true;
  if (text == "no" || text == "0" || text == "false" || text == "off") return false;
  return NotAllowed(text, "yes or no");
}

absl::StatusOr<int> ParseCount(const std::string& text, int least, int most) {
  int value = 0;
  if (!absl::SimpleAtoi(text, &value) || value < least || value > most) {
    return NotAllowed(text, absl::StrCat("a whole number from ", least, " to ", most));
  }
  return value;
}

absl::StatusOr<std::vector<int>> ParseCpus(const std::string& text) {
  constexpr int kMostCpus = 1024;
  std::vector<int> cpus;
  for (const std::string& part : std::vector<std::string>(absl::StrSplit(text, ','))) {
    const std::vector<std::string> ends = absl::StrSplit(part, absl::MaxSplits('-', 1));
    int first = 0;
    int last = 0;
    if (!absl::SimpleAtoi(ends.front(), &first) || !absl::SimpleAtoi(ends.back(), &last) ||
        first < 0 || last < first || last >= kMostCpus) {
      return NotAllowed(text, "a set of processors such as 0-3,8");
    }
    for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(cpu);
  }
  return cpus;
}

}  // namespace hz4::ab
