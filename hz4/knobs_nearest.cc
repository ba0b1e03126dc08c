// SPDX-License-Identifier: Apache-2.0
//
// The nearest name to one that does not exist. Edit distance, with one addition: names here begin
// alike and end in long tails, so a slip in the first words (MID_LOKPATH) is measured against
// the first words of each name, and the words left out cost one edit together.
#include "hz4/base/bits.h"
#include "hz4/knobs_table.h"

namespace hz4 {

namespace {

constexpr size_t kMaxLength = 96;  // of a name; what is behind it plays no part
constexpr unsigned kTailCost = 1;

// The cheapest way from name to known or to some first words of known.
unsigned Distance(const char* name, size_t length, const char* known) {
  // column[j]: edits between name[0..j) and the part of known read so far.
  unsigned char column[kMaxLength + 1];
  for (size_t j = 0; j <= length; ++j) column[j] = static_cast<unsigned char>(j);

  unsigned best = ~0u;
  for (size_t i = 0; known[i] != '\0'; ++i) {
    unsigned char diagonal = column[0];
    column[0] = static_cast<unsigned char>(i + 1);
    for (size_t j = 1; j <= length; ++j) {
      unsigned replace = diagonal + (known[i] == name[j - 1] ? 0u : 1u);
      unsigned insert_or_remove = Smaller(column[j], column[j - 1]) + 1u;
      diagonal = column[j];
      column[j] = static_cast<unsigned char>(Smaller(replace, insert_or_remove));
    }
    if (known[i + 1] == '\0') best = Smaller(best, column[length]);
    if (known[i + 1] == '_') best = Smaller(best, column[length] + kTailCost);
  }
  return best;
}

}  // namespace

KnobId NearestKnob(const char* name, size_t length) {
  if (length > kMaxLength) length = kMaxLength;
  KnobId nearest = KnobId{};
  unsigned fewest = ~0u;
  for (const KnobRow& row : kKnobRows) {
    unsigned edits = Distance(name, length, row.name);
    if (edits < fewest) {
      fewest = edits;
      nearest = row.id;
    }
  }
  return nearest;
}

}  // namespace hz4
