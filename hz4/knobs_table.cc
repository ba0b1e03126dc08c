// SPDX-License-Identifier: Apache-2.0
#include "hz4/knobs_table.h"

#include "hz4/base/print.h"

namespace hz4 {

namespace {

// --- the words of the columns ---

constexpr KnobKind kPolicy = KnobKind::kPolicy;
constexpr KnobKind kOutput = KnobKind::kOutput;
constexpr KnobKind kLaunch = KnobKind::kLaunch;
constexpr Maturity kStable = Maturity::kStable;
constexpr Maturity kExperiment = Maturity::kExperiment;

constexpr KnobRange Range(uint64_t min, uint64_t max) { return {min, max, 1, false, kNoKnob}; }
constexpr KnobRange PowerOfTwo(uint64_t min, uint64_t max) { return {min, max, 1, true, kNoKnob}; }
constexpr KnobRange MultipleOf(uint64_t step, uint64_t min, uint64_t max) {
  return {min, max, step, false, kNoKnob};
}
constexpr KnobRange UpTo(KnobId knob, uint64_t min, uint64_t max) {
  return {min, max, 1, false, knob};
}

constexpr KnobRelation Free() { return {}; }
constexpr KnobRelation Needs(KnobNeed first, KnobNeed second = {}) {
  return {{first, second}, kNoKnob};
}
constexpr KnobRelation Of(KnobId box) { return {{}, box}; }

// --- the lists of choices ---

#define HZ4_CHOICES_BEGIN(type) constexpr const char* k##type##Names[] = {
#define HZ4_CHOICE_VALUE(id, name) name,
#define HZ4_CHOICES_END(type) \
  nullptr                     \
  }                           \
  ;
#include "hz4/knobs_choices.def"

constexpr const char* kProfileIdNames[] = {
#define HZ4_PROFILE(id, name, sentence) name,
#include "hz4/profiles.def"
    nullptr,
};

constexpr uint64_t CountOf(const char* const* names) {
  uint64_t n = 0;
  while (names[n] != nullptr) ++n;
  return n;
}

template <typename T>
constexpr uint64_t Number(T value) {
  return static_cast<uint64_t>(value);
}

}  // namespace

// --- the tables ---

// The columns that the macros of knobs.def do not have stand for nothing in their type.
#define HZ4_ROW(id, field, name, type, initial, text, unit, range, choices, ...) \
  {KnobId::id, #id,  #field, name,    KnobType::type, Number(initial),           \
   text,       unit, range,  choices, __VA_ARGS__},

constexpr KnobRow kKnobRows[kKnobCount] = {
#define HZ4_BOOL(id, field, name, initial, ...) \
  HZ4_ROW(id, field, name, kBool, initial, nullptr, "", Range(0, 1), nullptr, __VA_ARGS__)
#define HZ4_NUMBER(id, field, name, initial, unit, range, ...) \
  HZ4_ROW(id, field, name, kNumber, initial, nullptr, unit, range, nullptr, __VA_ARGS__)
#define HZ4_BYTES(id, field, name, initial, range, ...) \
  HZ4_ROW(id, field, name, kBytes, initial, nullptr, "bytes", range, nullptr, __VA_ARGS__)
#define HZ4_DURATION(id, field, name, initial, range, ...) \
  HZ4_ROW(id, field, name, kDuration, initial, nullptr, "ns", range, nullptr, __VA_ARGS__)
#define HZ4_CHOICE(id, field, name, type, initial, ...)         \
  HZ4_ROW(id, field, name, kChoice, type::initial, nullptr, "", \
          Range(0, CountOf(k##type##Names) - 1), k##type##Names, __VA_ARGS__)
#define HZ4_TEXT(id, field, name, initial, ...) \
  HZ4_ROW(id, field, name, kText, 0, initial, "", Range(0, 0), nullptr, __VA_ARGS__)
#include "hz4/knobs.def"
};

constexpr ProfileName kProfileNames[kProfileCount] = {
#define HZ4_PROFILE(id, name, sentence) {name, sentence},
#include "hz4/profiles.def"
};

constexpr ProfileRow kProfileRows[kProfileRowCount] = {
#define HZ4_PROFILE_ROW(profile, knob, value) {ProfileId::profile, KnobId::knob, Number(value)},
#include "hz4/profiles.def"
};

namespace {

// --- the table's own rules, checked by the compiler ---

constexpr const KnobRow& Row(KnobId id) { return kKnobRows[Number(id)]; }

constexpr char Upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

// name is HZ4_ and the field in upper case; the id is k and the same words.
constexpr bool NamesAgree(const KnobRow& row) {
  const char* name = row.name;
  for (const char* p = "HZ4_"; *p != '\0'; ++p, ++name) {
    if (*name != *p) return false;
  }
  const char* id = row.id_name;
  if (*id++ != 'k') return false;
  for (const char* field = row.field; *field != '\0'; ++field, ++name) {
    if (Upper(*field) != *name) return false;
    if (*field == '_') continue;
    if (Upper(*id++) != Upper(*field)) return false;
  }
  return *name == '\0' && *id == '\0';
}

constexpr bool DefaultAllowed(const KnobRow& row) {
  if (row.type == KnobType::kText) return row.initial_text[0] != '\0';
  return Allows(row, row.initial) &&
         (row.range.up_to == kNoKnob || row.initial <= Row(row.range.up_to).initial);
}

// A row refers to rows further up; what is only printed never asks for a policy.
constexpr bool RefersBackwards(const KnobRow& row) {
  for (const KnobNeed& need : row.relation.needs) {
    if (need.knob == kNoKnob) continue;
    if (need.knob >= row.id || !Allows(Row(need.knob), need.value)) return false;
    if (row.kind != KnobKind::kPolicy && Row(need.knob).kind == KnobKind::kPolicy) return false;
  }
  KnobId box = row.relation.box;
  if (box != kNoKnob && (box >= row.id || Row(box).type != KnobType::kBool)) return false;
  KnobId up_to = row.range.up_to;
  return up_to == kNoKnob || (up_to < row.id && Row(up_to).range.max == row.range.max &&
                              Row(up_to).range.min >= row.range.min);
}

constexpr bool NameIsNew(const KnobRow& row) {
  for (const KnobRow& other : kKnobRows) {
    if (other.id < row.id && TextEqual(other.name, row.name)) return false;
  }
  return true;
}

constexpr bool ProfileRowHolds(KnobId id, uint64_t value) {
  const KnobRow& row = Row(id);
  return row.type != KnobType::kText && row.kind != KnobKind::kLaunch && Allows(row, value);
}

#define HZ4_CHECK_ROW(id, name)                                                                  \
  static_assert(NamesAgree(Row(KnobId::id)),                                                     \
                name ": must be HZ4_ and the field in upper case, the id k and the same words"); \
  static_assert(NameIsNew(Row(KnobId::id)), name ": stands in the table twice");                 \
  static_assert(DefaultAllowed(Row(KnobId::id)), name ": the default is out of range");          \
  static_assert(RefersBackwards(Row(KnobId::id)),                                                \
                name ": needs, box and UpTo must be rows further up, and of a fitting kind");
#define HZ4_ANY(id, field, name, ...) HZ4_CHECK_ROW(id, name)
#include "hz4/knobs.def"

#define HZ4_PROFILE_ROW(profile, knob, value)                 \
  static_assert(ProfileRowHolds(KnobId::knob, Number(value)), \
                "profiles.def: " #knob " cannot have the value " #value);
#include "hz4/profiles.def"

}  // namespace

// --- access ---

uint64_t GetKnob(const Knobs& knobs, KnobId id) {
  switch (id) {
#define HZ4_ANY(id, field, ...) \
  case KnobId::id:              \
    return Number(knobs.field);
#define HZ4_TEXT(id, ...) \
  case KnobId::id:        \
    return 0;
#include "hz4/knobs.def"
    case KnobId::kCount:
      break;
  }
  return 0;
}

void SetKnob(Knobs* knobs, KnobId id, uint64_t value) {
  switch (id) {
#define HZ4_ANY(id, field, ...)                                \
  case KnobId::id:                                             \
    knobs->field = static_cast<decltype(Knobs::field)>(value); \
    break;
#define HZ4_TEXT(id, ...) \
  case KnobId::id:        \
    break;
#include "hz4/knobs.def"
    case KnobId::kCount:
      break;
  }
}

const Text* TextOf(const Knobs& knobs, KnobId id) {
  switch (id) {
#define HZ4_TEXT(id, field, ...) \
  case KnobId::id:               \
    return &knobs.field;
#include "hz4/knobs.def"
    default:
      return nullptr;
  }
}

Text* TextOf(Knobs* knobs, KnobId id) {
  return const_cast<Text*>(TextOf(static_cast<const Knobs&>(*knobs), id));
}

KnobId FindKnob(const char* name, size_t length) {
  for (const KnobRow& row : kKnobRows) {
    size_t i = 0;
    while (i < length && row.name[i] != '\0' && row.name[i] == name[i]) ++i;
    if (i == length && row.name[i] == '\0') return row.id;
  }
  return kNoKnob;
}

bool HasBoxAlias(const KnobRow& row) {
  constexpr char kPrefix[] = "HZ4_MID_";
  if (row.type != KnobType::kBool || row.kind != KnobKind::kPolicy) return false;
  for (size_t i = 0; kPrefix[i] != '\0'; ++i) {
    if (row.name[i] != kPrefix[i]) return false;
  }
  return true;
}

}  // namespace hz4
