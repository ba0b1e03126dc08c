// SPDX-License-Identifier: Apache-2.0
//
// Reading by recursive descent with a bounded depth, and writing.

#include "bench/ab/json.h"

#include <cmath>
#include <cstdint>
#include <cstdio>

#include "absl/status/status.h"
#include "absl/strings/charconv.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace hz4::ab {
namespace {

constexpr int kDeepest = 64;

void AppendUtf8(std::uint32_t code, std::string* out) {
  if (code < 0x80) {
    out->push_back(static_cast<char>(code));
    return;
  }
  const int continuations = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  constexpr std::uint32_t kLead[] = {0, 0xC0, 0xE0, 0xF0};
  out->push_back(static_cast<char>(kLead[continuations] | (code >> (6 * continuations))));
  for (int i = continuations - 1; i >= 0; --i) {
    out->push_back(static_cast<char>(0x80 | ((code >> (6 * i)) & 0x3F)));
  }
}

class Reader {
 public:
  explicit Reader(absl::string_view text) : text_(text) {}

  absl::StatusOr<Json> ReadDocument() {
    Json value;
    if (!ReadValue(0, &value)) return Error();
    SkipBlanks();
    if (at_ != text_.size()) {
      Expect("the end");
      return Error();
    }
    return value;
  }

 private:
  absl::Status Error() const {
    return absl::InvalidArgumentError(absl::StrCat("byte ", at_, ": expected ", expected_));
  }
  bool Expect(const char* what) {
    expected_ = what;
    return false;
  }
  void SkipBlanks() {
    while (at_ < text_.size() && absl::string_view(" \t\r\n").find(text_[at_]) != text_.npos) ++at_;
  }
  bool Take(char c) {
    SkipBlanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool TakeWord(absl::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  bool ReadValue(int depth, Json* value) {
    SkipBlanks();
    if (depth > kDeepest) return Expect("less nesting");
    if (at_ >= text_.size()) return Expect("a value");
    if (text_[at_] == '{') return ReadObject(depth, value);
    if (text_[at_] == '[') return ReadArray(depth, value);
    if (text_[at_] == '"') {
      std::string text;
      if (!ReadString(&text)) return false;
      *value = Json(std::move(text));
      return true;
    }
    if (TakeWord("true")) return *value = Json(true), true;
    if (TakeWord("false")) return *value = Json(false), true;
    if (TakeWord("null")) return *value = Json(), true;
    double number = 0;
    const auto end = absl::from_chars(text_.data() + at_, text_.data() + text_.size(), number);
    if (end.ec != std::errc() || absl::string_view("-0123456789").find(text_[at_]) == text_.npos) {
      return Expect("a value");
    }
    at_ = static_cast<std::size_t>(end.ptr - text_.data());
    *value = Json(number);
    return true;
  }

  bool ReadObject(int depth, Json* value) {
    *value = Json::Object();
    Take('{');
    if (Take('}')) return true;
    do {
      SkipBlanks();
      std::string name;
      if (!ReadString(&name)) return false;
      if (!Take(':')) return Expect("':'");
      Json member;
      if (!ReadValue(depth + 1, &member)) return false;
      value->Set(std::move(name), std::move(member));
    } while (Take(','));
    return Take('}') || Expect("',' or '}'");
  }

  bool ReadArray(int depth, Json* value) {
    *value = Json::Array();
    Take('[');
    if (Take(']')) return true;
    do {
      Json item;
      if (!ReadValue(depth + 1, &item)) return false;
      value->Add(std::move(item));
    } while (Take(','));
    return Take(']') || Expect("',' or ']'");
  }

  bool ReadString(std::string* text) {
    if (at_ >= text_.size() || text_[at_] != '"') return Expect("a string");
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] != '\\') {
        text->push_back(text_[at_]);
        continue;
      }
      if (++at_ >= text_.size()) break;
      constexpr absl::string_view kNames = "\"\\/bfnrt";
      constexpr absl::string_view kMeant = "\"\\/\b\f\n\r\t";
      if (const std::size_t i = kNames.find(text_[at_]); i != kNames.npos) {
        text->push_back(kMeant[i]);
      } else if (text_[at_] != 'u' || !ReadCode(text)) {
        return Expect("an escape");
      }
    }
    if (at_ >= text_.size()) return Expect("'\"'");
    ++at_;
    return true;
  }

  bool ReadCode(std::string* text) {
    std::uint32_t code = 0;
    if (!ReadHex(&code)) return false;
    if (code >= 0xD800 && code < 0xDC00 && text_.substr(at_ + 1, 2) == "\\u") {
      at_ += 2;
      std::uint32_t low = 0;
      if (!ReadHex(&low) || low < 0xDC00 || low > 0xDFFF) return false;
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    AppendUtf8(code, text);
    return true;
  }

  bool ReadHex(std::uint32_t* code) {
    for (int i = 0; i < 4; ++i) {
      if (++at_ >= text_.size()) return false;
      const std::size_t digit =
          absl::string_view("0123456789abcdef")
              .find(static_cast<char>(text_[at_] >= 'A' && text_[at_] <= 'F' ? text_[at_] + 32
                                                                             : text_[at_]));
      if (digit == absl::string_view::npos) return false;
      *code = *code * 16 + static_cast<std::uint32_t>(digit);
    }
    return true;
  }

  absl::string_view text_;
  std::size_t at_ = 0;
  const char* expected_ = "a value";
};

void WriteString(const std::string& text, std::string* out) {
  out->push_back('"');
  for (char c : text) {
    switch (c) {
      case '"':
        *out += "\\\"";
        break;
      case '\\':
        *out += "\\\\";
        break;
      case '\n':
        *out += "\\n";
        break;
      case '\t':
        *out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          char escaped[8];
          std::snprintf(escaped, sizeof(escaped), "\\u%04x", static_cast<unsigned>(c));
          *out += escaped;
        } else {
          out->push_back(c);
        }
    }
  }
  out->push_back('"');
}

void WriteNumber(double number, std::string* out) {
  if (!std::isfinite(number)) {
    *out += "null";
  } else if (number == std::floor(number) && std::fabs(number) < 1e15) {
    absl::StrAppend(out, static_cast<std::int64_t>(number));
  } else {
    char text[40];
    std::snprintf(text, sizeof(text), "%.17g", number);
    *out += text;
  }
}

void NewLine(int indent, std::string* out) {
  if (indent < 0) return;
  out->push_back('\n');
  out->append(static_cast<std::size_t>(indent) * 2, ' ');
}

}  // namespace

absl::StatusOr<Json> Json::Parse(absl::string_view text) { return Reader(text).ReadDocument(); }

const Json& Json::operator[](absl::string_view name) const {
  static const Json* const kNone = new Json();
  for (const Member& member : members_) {
    if (member.first == name) return member.second;
  }
  return *kNone;
}

void Json::Write(std::string* out, int indent) const {
  const int inner = indent < 0 ? -1 : indent + 1;
  const char* separator = "";
  switch (kind_) {
    case Kind::kNull:
      *out += "null";
      return;
    case Kind::kBool:
      *out += number_ != 0 ? "true" : "false";
      return;
    case Kind::kNumber:
      WriteNumber(number_, out);
      return;
    case Kind::kString:
      WriteString(text_, out);
      return;
    case Kind::kArray:
      out->push_back('[');
      for (const Json& item : items_) {
        *out += separator;
        NewLine(inner, out);
        item.Write(out, inner);
        separator = ",";
      }
      if (!items_.empty()) NewLine(indent, out);
      out->push_back(']');
      return;
    case Kind::kObject:
      out->push_back('{');
      for (const Member& member : members_) {
        *out += separator;
        NewLine(inner, out);
        WriteString(member.first, out);
        *out += indent < 0 ? ":" : ": ";
        member.second.Write(out, inner);
        separator = ",";
      }
      if (!members_.empty()) NewLine(indent, out);
      out->push_back('}');
      return;
  }
}

std::string Json::Dump() const {
  std::string out;
  Write(&out, -1);
  return out;
}

std::string Json::DumpIndented() const {
  std::string out;
  Write(&out, 0);
  out.push_back('\n');
  return out;
}

}  // namespace hz4::ab
