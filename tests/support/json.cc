// SPDX-License-Identifier: Apache-2.0

#include "tests/support/json.h"

#include <stdlib.h>
#include <string.h>

namespace hz4 {
namespace test {
namespace {

class Parser {
 public:
  Parser(const std::string& text, std::string* error) : text_(text), error_(error) {}

  bool Whole(Json* value) {
    if (!Value(value)) return false;
    Space();
    return at_ == text_.size() || Fail("text after the value");
  }

 private:
  bool Fail(const std::string& what) {
    *error_ = what + " at byte " + std::to_string(at_) + ": " + text_.substr(at_, 40);
    return false;
  }
  void Space() {
    while (at_ < text_.size() && strchr(" \t\r\n", text_[at_]) != nullptr) ++at_;
  }
  bool Take(char c) {
    Space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool Word(const char* word, Json* value, Json::Kind kind, double number) {
    if (text_.compare(at_, strlen(word), word) != 0) return Fail("unknown word");
    at_ += strlen(word);
    value->kind = kind;
    value->number = number;
    return true;
  }

  bool Value(Json* value) {
    Space();
    if (at_ >= text_.size()) return Fail("value missing");
    switch (text_[at_]) {
      case '{':
        return Object(value);
      case '[':
        return Array(value);
      case '"':
        value->kind = Json::kString;
        return String(&value->text);
      case 't':
        return Word("true", value, Json::kBool, 1);
      case 'f':
        return Word("false", value, Json::kBool, 0);
      case 'n':
        return Word("null", value, Json::kNull, 0);
      default:
        return Number(value);
    }
  }

  bool Number(Json* value) {
    if (strchr("-0123456789", text_[at_]) == nullptr) return Fail("not a value");
    char* end = nullptr;
    value->kind = Json::kNumber;
    value->number = strtod(text_.c_str() + at_, &end);
    const std::size_t after = end - text_.c_str();
    if (after == at_) return Fail("bad number");
    at_ = after;
    return true;
  }

  bool String(std::string* out) {
    if (!Take('"')) return Fail("string expected");
    while (at_ < text_.size() && text_[at_] != '"') {
      char c = text_[at_++];
      if (static_cast<unsigned char>(c) < 0x20) return Fail("control character in a string");
      if (c == '\\' && !Escape(&c)) return false;
      *out += c;
    }
    return Take('"') || Fail("string without an end");
  }

  // What follows a backslash.
  bool Escape(char* c) {
    static const char kLetters[] = "\"\\/bfnrt";
    static const char kMeanings[] = "\"\\/\b\f\n\r\t";
    const char letter = at_ < text_.size() ? text_[at_++] : '\0';
    const char* known = letter == '\0' ? nullptr : strchr(kLetters, letter);
    if (known != nullptr) {
      *c = kMeanings[known - kLetters];
      return true;
    }
    const std::string hex = text_.substr(at_, 4);
    if (letter != 'u' || hex.size() != 4 ||
        hex.find_first_not_of("0123456789abcdefABCDEF") != hex.npos) {
      return Fail("bad escape");
    }
    const long code = strtol(hex.c_str(), nullptr, 16);
    *c = code < 0x80 ? static_cast<char>(code) : '?';
    at_ += 4;
    return true;
  }

  bool Array(Json* value) {
    value->kind = Json::kArray;
    ++at_;
    if (Take(']')) return true;
    do {
      value->items.emplace_back();
      if (!Value(&value->items.back())) return false;
    } while (Take(','));
    return Take(']') || Fail("',' or ']' expected");
  }

  bool Object(Json* value) {
    value->kind = Json::kObject;
    ++at_;
    if (Take('}')) return true;
    do {
      std::string name;
      Space();
      if (!String(&name)) return false;
      if (value->Has(name)) return Fail("duplicate member " + name);
      if (!Take(':')) return Fail("':' expected");
      if (!Value(&value->members[name])) return false;
    } while (Take(','));
    return Take('}') || Fail("',' or '}' expected");
  }

  const std::string& text_;
  std::string* error_;
  std::size_t at_ = 0;
};

}  // namespace

const Json& Json::operator[](const std::string& name) const {
  static const Json none;
  const auto found = members.find(name);
  return found == members.end() ? none : found->second;
}

bool ParseJson(const std::string& text, Json* value, std::string* error) {
  *value = Json();
  return Parser(text, error).Whole(value);
}

}  // namespace test
}  // namespace hz4
