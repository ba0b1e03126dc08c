// SPDX-License-Identifier: Apache-2.0
//
// The rows of knobs.def and profiles.def as data, and access to a knob's value by its id: for the
// parser, and for whatever is derived from the registry (help, documents, runner, tests).
#ifndef HZ4_KNOBS_TABLE_H_
#define HZ4_KNOBS_TABLE_H_

#include "hz4/knobs.h"

namespace hz4 {

enum class KnobType : uint8_t { kBool, kNumber, kBytes, kDuration, kChoice, kText };
enum class KnobKind : uint8_t { kPolicy, kOutput, kLaunch };
enum class Maturity : uint8_t { kStable, kExperiment };

inline constexpr KnobId kNoKnob = KnobId::kCount;

struct KnobRange {
  uint64_t min = 0;
  uint64_t max = 0;
  uint64_t step = 1;          // a multiple of it
  bool power_of_two = false;  // besides
  KnobId up_to = kNoKnob;     // at most this knob's effective value, besides
};

struct KnobNeed {
  KnobId knob = kNoKnob;
  uint64_t value = 0;

  constexpr KnobNeed() = default;
  template <typename T>
  constexpr KnobNeed(KnobId id, T wanted) : knob(id), value(static_cast<uint64_t>(wanted)) {}
};

struct KnobRelation {
  static constexpr size_t kMaxNeeds = 2;
  KnobNeed needs[kMaxNeeds];  // knob == kNoKnob behind the last
  KnobId box = kNoKnob;       // a number of this box
};

struct KnobRow {
  KnobId id;
  const char* id_name;  // "kMidRoute"
  const char* field;    // "mid_route"
  const char* name;     // "HZ4_MID_ROUTE"
  KnobType type;
  uint64_t initial;            // not of a text
  const char* initial_text;    // of a text
  const char* unit;            // "" where there is none
  KnobRange range;             // of a choice: its numbers
  const char* const* choices;  // null behind the last
  KnobKind kind;
  Maturity maturity;
  KnobRelation relation;
  const char* sentence;
};

extern const KnobRow kKnobRows[kKnobCount];
inline const KnobRow& RowOf(KnobId id) { return kKnobRows[static_cast<size_t>(id)]; }

// Whether the row's range has the value; what another knob's value forbids besides is not asked.
constexpr bool Allows(const KnobRow& row, uint64_t value) {
  const KnobRange& range = row.range;
  return value >= range.min && value <= range.max && value % range.step == 0 &&
         (!range.power_of_two || (value & (value - 1)) == 0);
}

struct ProfileName {
  const char* name;
  const char* sentence;
};
struct ProfileRow {
  ProfileId profile;
  KnobId knob;
  uint64_t value;
};
inline constexpr size_t kProfileCount = 0
#define HZ4_PROFILE(...) +1
#include "hz4/profiles.def"
    ;
inline constexpr size_t kProfileRowCount = 0
#define HZ4_PROFILE_ROW(...) +1
#include "hz4/profiles.def"
    ;
extern const ProfileName kProfileNames[kProfileCount];
extern const ProfileRow kProfileRows[kProfileRowCount];

// A bool is 0 or 1, a choice its place in the list. A text has no number: 0, and cannot be set.
uint64_t GetKnob(const Knobs& knobs, KnobId id);
void SetKnob(Knobs* knobs, KnobId id, uint64_t value);

// The field of a text; nullptr for other knobs.
const Text* TextOf(const Knobs& knobs, KnobId id);
Text* TextOf(Knobs* knobs, KnobId id);

// Row by its full name; kNoKnob when there is none.
KnobId FindKnob(const char* name, size_t length);
// The knob whose name is nearest to one that does not exist: fewest edits to the whole name, or to
// its first words. name includes "HZ4_".
KnobId NearestKnob(const char* name, size_t length);
// Whether NAME_BOX is accepted as the work orders' spelling of the row's name.
bool HasBoxAlias(const KnobRow& row);

}  // namespace hz4

#endif  // HZ4_KNOBS_TABLE_H_
