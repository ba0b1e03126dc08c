// SPDX-License-Identifier: Apache-2.0
//
// The JSON that a campaign reads and writes: what the allocator prints, the record of runs, the
// summary. A value is one of the six kinds; objects keep the order in which members were added, so
// that a record reads as it was written.
//
// Numbers are doubles, printed with as many digits as bring the same double back; an unbounded or
// undefined number becomes null, for JSON has no other word for it.

#ifndef HZ4_BENCH_AB_JSON_H_
#define HZ4_BENCH_AB_JSON_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace hz4::ab {

class Json {
 public:
  enum class Kind { kNull, kBool, kNumber, kString, kArray, kObject };
  using Member = std::pair<std::string, Json>;

  Json() = default;
  Json(bool value) : kind_(Kind::kBool), number_(value) {}                    // NOLINT: a literal
  Json(double value) : kind_(Kind::kNumber), number_(value) {}                // NOLINT
  Json(int value) : Json(static_cast<double>(value)) {}                       // NOLINT
  Json(std::string value) : kind_(Kind::kString), text_(std::move(value)) {}  // NOLINT
  Json(absl::string_view value) : Json(std::string(value)) {}                 // NOLINT
  Json(const char* value) : Json(std::string(value)) {}                       // NOLINT
  static Json Array() { return Json(Kind::kArray); }
  static Json Object() { return Json(Kind::kObject); }

  // One value and nothing but blanks behind it. The error says at which byte and what was expected.
  static absl::StatusOr<Json> Parse(absl::string_view text);

  Kind kind() const { return kind_; }
  bool IsNull() const { return kind_ == Kind::kNull; }
  bool IsObject() const { return kind_ == Kind::kObject; }
  bool IsArray() const { return kind_ == Kind::kArray; }
  bool IsNumber() const { return kind_ == Kind::kNumber; }
  bool IsString() const { return kind_ == Kind::kString; }

  // A value of another kind reads as false, 0, "" or empty: what a reader asks of a record that may
  // come from another version. Whoever must know asks for the kind.
  bool AsBool() const { return kind_ == Kind::kBool && number_ != 0; }
  double AsNumber() const { return kind_ == Kind::kNumber ? number_ : 0; }
  const std::string& AsString() const { return text_; }
  const std::vector<Json>& items() const { return items_; }
  const std::vector<Member>& members() const { return members_; }
  const Json& operator[](absl::string_view name) const;  // a null where there is none

  void Add(Json value) { items_.push_back(std::move(value)); }
  void Set(std::string name, Json value) {
    members_.emplace_back(std::move(name), std::move(value));
  }

  std::string Dump() const;          // one line
  std::string DumpIndented() const;  // for files that people open

 private:
  explicit Json(Kind kind) : kind_(kind) {}
  void Write(std::string* out, int indent) const;

  Kind kind_ = Kind::kNull;
  double number_ = 0;
  std::string text_;
  std::vector<Json> items_;
  std::vector<Member> members_;
};

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_JSON_H_
