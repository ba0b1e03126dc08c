// SPDX-License-Identifier: Apache-2.0
#include "hz4/base/print.h"
#include "hz4/knobs_table.h"
#include "hz4/knobs_value.h"

namespace hz4 {

namespace {

// FNV-1a, then a finaliser (of splitmix64), because the hashes of the rows are added up.
uint64_t Hash(const char* text, size_t length) {
  uint64_t h = 0xcbf29ce484222325u;
  for (size_t i = 0; i < length; ++i) {
    h ^= static_cast<unsigned char>(text[i]);
    h *= 0x100000001b3u;
  }
  h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
  h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
  return h ^ (h >> 31);
}

}  // namespace

uint64_t Fingerprint(const Knobs& knobs) {
  uint64_t sum = 0;
  for (const KnobRow& row : kKnobRows) {
    if (row.kind != KnobKind::kPolicy || !HasEffect(knobs, row.id)) continue;
    char buffer[kTextMax + 128];
    Printer text(buffer, sizeof(buffer));
    text.Str(row.name).Char('=');
    PrintValue(&text, knobs, row.id);
    sum += Hash(text.text(), text.size());
  }
  return sum != 0 ? sum : 1;
}

}  // namespace hz4
