// SPDX-License-Identifier: Apache-2.0
#include "hz4/knobs_value.h"

namespace hz4 {

namespace {

constexpr const char* kYes[] = {"1", "on", "true", "yes"};
constexpr const char* kNo[] = {"0", "off", "false", "no"};
constexpr char kBooleans[] = "1 0 on off true false yes no";

struct Unit {
  const char* name;
  uint64_t factor;
};
constexpr Unit kPlain[] = {{"", 1}};
constexpr Unit kByteUnits[] = {
    {"", 1},     {"K", kKiB},   {"KiB", kKiB},      {"M", kMiB},          {"MiB", kMiB},
    {"G", kGiB}, {"GiB", kGiB}, {"T", 1024 * kGiB}, {"TiB", 1024 * kGiB},
};
constexpr Unit kTimeUnits[] = {{"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}};

template <size_t kCount>
bool IsOneOf(const char* text, const char* const (&words)[kCount]) {
  for (const char* word : words) {
    if (TextEqual(text, word)) return true;
  }
  return false;
}

const char* ParseBool(const char* source, uint64_t* value) {
  bool yes = IsOneOf(source, kYes);
  if (!yes && !IsOneOf(source, kNo)) return "not a boolean";
  *value = yes ? 1 : 0;
  return nullptr;
}

const char* ParseChoice(const KnobRow& row, const char* source, uint64_t* value) {
  for (uint64_t i = 0; row.choices[i] != nullptr; ++i) {
    if (TextEqual(row.choices[i], source)) {
      *value = i;
      return nullptr;
    }
  }
  bool yes = IsOneOf(source, kYes);
  bool no = IsOneOf(source, kNo);
  for (uint64_t i = 0; row.choices[i] != nullptr; ++i) {
    const char* name = row.choices[i];
    if ((yes && TextEqual(name, "1")) || (no && (TextEqual(name, "0") || TextEqual(name, "off")))) {
      *value = i;
      return nullptr;
    }
  }
  return "not one of its values";
}

// Digits and a unit. zero_alone: a 0 needs no unit.
template <size_t kCount>
const char* ParseUnits(const char* source, const Unit (&units)[kCount], bool zero_alone,
                       const char* malformed, uint64_t* value) {
  uint64_t n = 0;
  bool overflow = false;
  const char* p = source;
  for (; *p >= '0' && *p <= '9'; ++p) {
    overflow |= __builtin_mul_overflow(n, uint64_t{10}, &n);
    overflow |= __builtin_add_overflow(n, static_cast<uint64_t>(*p - '0'), &n);
  }
  if (p == source) return malformed;
  for (const Unit& unit : units) {
    if (!TextEqual(p, unit.name)) continue;
    overflow |= __builtin_mul_overflow(n, unit.factor, value);
    return overflow ? "too large a number" : nullptr;
  }
  if (zero_alone && n == 0 && !overflow && *p == '\0') {
    *value = 0;
    return nullptr;
  }
  return malformed;
}

const char* ParseText(const char* source, Text* text) {
  size_t n = 0;
  for (; source[n] != '\0'; ++n) {
    if (n == kTextMax) return "too long";
    if (source[n] != '%') continue;
    ++n;
    if (source[n] != 'p' && source[n] != '%') return "a % without p or % behind it";
    if (n == kTextMax) return "too long";
  }
  *text = Text{};
  for (size_t i = 0; i < n; ++i) text->chars[i] = source[i];
  return nullptr;
}

const char* ParseNumber(const KnobRow& row, const char* source, uint64_t* value) {
  switch (row.type) {
    case KnobType::kBytes:
      return ParseUnits(source, kByteUnits, false, "not a number of bytes", value);
    case KnobType::kDuration:
      return ParseUnits(source, kTimeUnits, true, "not a duration", value);
    default:
      return ParseUnits(source, kPlain, false, "not a number", value);
  }
}

bool HasChoice(const KnobRow& row, const char* name) {
  for (size_t i = 0; row.choices[i] != nullptr; ++i) {
    if (TextEqual(row.choices[i], name)) return true;
  }
  return false;
}

void PrintAllowedNumber(Printer* out, const KnobRow& row) {
  const KnobRange& range = row.range;
  if (range.power_of_two) out->Str("powers of two, ");
  if (range.step != 1) {
    out->Str("multiples of ");
    PrintNumber(out, row, range.step);
    out->Str(", ");
  }
  PrintNumber(out, row, range.min);
  out->Str(" to ");
  if (range.up_to != kNoKnob) {
    out->Str(RowOf(range.up_to).name);
  } else {
    PrintNumber(out, row, range.max);
  }
  switch (row.type) {
    case KnobType::kBytes:
      out->Str(" (units: K M G T or KiB MiB GiB TiB)");
      break;
    case KnobType::kDuration:
      out->Str(" (units: ns us ms s)");
      break;
    default:
      out->Char(' ').Str(row.unit);
  }
}

}  // namespace

const char* ParseValue(const KnobRow& row, const char* source, uint64_t* value, Text* text) {
  if (source[0] == '\0') return "empty";
  if (row.type == KnobType::kText) return ParseText(source, text);
  if (row.type == KnobType::kBool) return ParseBool(source, value);
  if (row.type == KnobType::kChoice) return ParseChoice(row, source, value);

  uint64_t number = 0;
  const char* wrong = ParseNumber(row, source, &number);
  if (wrong != nullptr) return wrong;
  if (!Allows(row, number)) return "not within its range";
  *value = number;
  return nullptr;
}

void PrintAllowed(Printer* out, const KnobRow& row) {
  switch (row.type) {
    case KnobType::kBool:
      out->Str(kBooleans);
      return;
    case KnobType::kChoice:
      for (size_t i = 0; row.choices[i] != nullptr; ++i) {
        if (i > 0) out->Char(' ');
        out->Str(row.choices[i]);
      }
      if (HasChoice(row, "1")) out->Str(" (or 0 on off true false yes no)");
      return;
    case KnobType::kText:
      out->Str("stderr or the path of a file, at most ").Dec(kTextMax).Str(" bytes; %p is the pid");
      return;
    default:
      PrintAllowedNumber(out, row);
  }
}

void PrintNumber(Printer* out, const KnobRow& row, uint64_t value) {
  switch (row.type) {
    case KnobType::kChoice:
      out->Str(row.choices[value]);
      return;
    case KnobType::kBytes:
      out->Bytes(value);
      return;
    case KnobType::kDuration:
      out->Nanoseconds(value);
      return;
    default:
      out->Dec(value);
  }
}

void PrintValue(Printer* out, const Knobs& knobs, KnobId id) {
  const KnobRow& row = RowOf(id);
  if (row.type == KnobType::kText) {
    out->Str(TextOf(knobs, id)->chars);
  } else {
    PrintNumber(out, row, GetKnob(knobs, id));
  }
}

void PrintDefault(Printer* out, const KnobRow& row) {
  if (row.type == KnobType::kText) {
    out->Str(row.initial_text);
  } else {
    PrintNumber(out, row, row.initial);
  }
}

}  // namespace hz4
