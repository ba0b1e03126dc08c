// SPDX-License-Identifier: Apache-2.0
//
// A strict reader of JSON, to judge what hz4 prints with code that shares nothing with what prints
// it. Numbers must fit a double; \u escapes above ASCII are kept as '?'.
#ifndef HZ4_TESTS_SUPPORT_JSON_H_
#define HZ4_TESTS_SUPPORT_JSON_H_

#include <map>
#include <string>
#include <vector>

namespace hz4 {
namespace test {

struct Json {
  enum Kind { kNull, kBool, kNumber, kString, kArray, kObject };
  Kind kind = kNull;
  double number = 0;  // of a bool: 0 or 1
  std::string text;
  std::vector<Json> items;
  std::map<std::string, Json> members;

  // The member of that name; a null value where there is none.
  const Json& operator[](const std::string& name) const;
  bool Has(const std::string& name) const { return members.count(name) != 0; }
};

// False: `text` is not exactly one JSON value (white space around it aside), or has a duplicate
// member; *error says what and where.
bool ParseJson(const std::string& text, Json* value, std::string* error);

}  // namespace test
}  // namespace hz4

#endif  // HZ4_TESTS_SUPPORT_JSON_H_
