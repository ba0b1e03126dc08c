// SPDX-License-Identifier: Apache-2.0
//
// A knob's value as text: read, written, and what is allowed in words.
#ifndef HZ4_KNOBS_VALUE_H_
#define HZ4_KNOBS_VALUE_H_

#include "hz4/base/print.h"
#include "hz4/knobs_table.h"

namespace hz4 {

// The whole text must be a value of the row's type and within its range; *value is then set, *text
// for a text. Else what is wrong with it in a few words ("not a boolean"), and nothing is set.
// nullptr is success.
//
//   boolean   1 0 on off true false yes no
//   number    decimal digits
//   bytes     decimal digits, then nothing or K M G T, KiB MiB GiB TiB: powers of 1024
//   duration  decimal digits, then ns us ms s; a plain 0
//   choice    a name of the list; a word for yes where the list has "1", for no where it has "0" or
//             "off"
//   text      1..kTextMax bytes; of % only %p and %% may stand in it
const char* ParseValue(const KnobRow& row, const char* source, uint64_t* value, Text* text);

// "1 0 on off true false yes no", "2 to 256 objects", "percpu thread none", ...
void PrintAllowed(Printer* out, const KnobRow& row);

// As ParseValue reads it.
void PrintNumber(Printer* out, const KnobRow& row, uint64_t value);
void PrintValue(Printer* out, const Knobs& knobs, KnobId id);
void PrintDefault(Printer* out, const KnobRow& row);

}  // namespace hz4

#endif  // HZ4_KNOBS_VALUE_H_
