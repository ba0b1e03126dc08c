// SPDX-License-Identifier: Apache-2.0
//
// Values as text: what each type of knob reads, refuses and writes.
#include <gtest/gtest.h>

#include "tests/knobs_testing.h"

namespace hz4 {
namespace test {
namespace {

// A row of its own, so that a type is tested whether or not a knob of it exists.
KnobRow RowOfType(KnobType type, KnobRange range) {
  KnobRow row = RowOf(KnobId::kReserve);
  row.type = type;
  row.range = range;
  row.unit = "objects";
  return row;
}

constexpr uint64_t kMax = ~uint64_t{0};
const KnobRow kAnyNumber = RowOfType(KnobType::kNumber, {0, kMax});
const KnobRow kAnyBytes = RowOfType(KnobType::kBytes, {0, kMax});
const KnobRow kAnyDuration = RowOfType(KnobType::kDuration, {0, kMax});

// The value, or what is wrong.
std::string Read(const KnobRow& row, const std::string& source) {
  constexpr uint64_t kUntouched = 0xdeadbeef;
  uint64_t value = kUntouched;
  Text text = {};
  const char* wrong = ParseValue(row, source.c_str(), &value, &text);
  if (wrong != nullptr) {
    EXPECT_EQ(value, kUntouched) << source << " was refused and set";
    return wrong;
  }
  return row.type == KnobType::kText ? text.chars : std::to_string(value);
}

struct Case {
  const char* source;
  const char* result;
};

template <size_t kCount>
void ExpectReads(const KnobRow& row, const Case (&cases)[kCount]) {
  for (const Case& c : cases) EXPECT_EQ(Read(row, c.source), c.result) << '"' << c.source << '"';
}

TEST(ParseValue, Boolean) {
  ExpectReads(RowOf(KnobId::kHelp), {{"1", "1"},
                                     {"0", "0"},
                                     {"on", "1"},
                                     {"off", "0"},
                                     {"true", "1"},
                                     {"false", "0"},
                                     {"yes", "1"},
                                     {"no", "0"},
                                     {"", "empty"},
                                     {"2", "not a boolean"},
                                     {"01", "not a boolean"},
                                     {"On", "not a boolean"},
                                     {"1 ", "not a boolean"},
                                     {" 1", "not a boolean"},
                                     {"yes_please", "not a boolean"}});
}

TEST(ParseValue, Number) {
  ExpectReads(kAnyNumber, {{"0", "0"},
                           {"007", "7"},
                           {"18446744073709551615", "18446744073709551615"},
                           {"18446744073709551616", "too large a number"},
                           {"99999999999999999999999", "too large a number"},
                           {"", "empty"},
                           {"1x", "not a number"},
                           {"1.5", "not a number"},
                           {"1K", "not a number"},
                           {"-1", "not a number"},
                           {"+1", "not a number"},
                           {"0x10", "not a number"},
                           {" 1", "not a number"},
                           {"1\n", "not a number"}});
}

TEST(ParseValue, Bytes) {
  ExpectReads(kAnyBytes, {{"4096", "4096"},
                          {"64K", "65536"},
                          {"64KiB", "65536"},
                          {"2M", "2097152"},
                          {"2MiB", "2097152"},
                          {"1G", "1073741824"},
                          {"1GiB", "1073741824"},
                          {"1T", "1099511627776"},
                          {"1TiB", "1099511627776"},
                          {"16777215TiB", "18446742974197923840"},
                          {"16777216TiB", "too large a number"},
                          {"18446744073709551615K", "too large a number"},
                          {"99999999999999999999T", "too large a number"},
                          {"64k", "not a number of bytes"},
                          {"64KB", "not a number of bytes"},
                          {"64 K", "not a number of bytes"},
                          {"K", "not a number of bytes"},
                          {"64Ki", "not a number of bytes"},
                          {"64KiBs", "not a number of bytes"},
                          {"1.5M", "not a number of bytes"},
                          {"", "empty"}});
}

TEST(ParseValue, Duration) {
  ExpectReads(kAnyDuration, {{"10ms", "10000000"},
                             {"0", "0"},
                             {"7ns", "7"},
                             {"7us", "7000"},
                             {"2s", "2000000000"},
                             {"18446744073s", "18446744073000000000"},
                             {"18446744074s", "too large a number"},
                             {"10", "not a duration"},
                             {"ms", "not a duration"},
                             {"10 ms", "not a duration"},
                             {"10min", "not a duration"},
                             {"", "empty"}});
}

TEST(ParseValue, Range) {
  const KnobRow row = RowOfType(KnobType::kNumber, {3, 9});
  ExpectReads(
      row, {{"3", "3"}, {"9", "9"}, {"2", "not within its range"}, {"10", "not within its range"}});
  const KnobRow power = RowOfType(KnobType::kNumber, {2, 64, 1, true});
  ExpectReads(power, {{"2", "2"},
                      {"64", "64"},
                      {"48", "not within its range"},
                      {"1", "not within its range"},
                      {"128", "not within its range"}});
  const KnobRow multiple = RowOfType(KnobType::kBytes, {4096, 65536, 4096});
  ExpectReads(multiple, {{"4K", "4096"},
                         {"12K", "12288"},
                         {"6K", "not within its range"},
                         {"0", "not within its range"}});
}

TEST(ParseValue, Choice) {
  ExpectReads(RowOf(KnobId::kFront), {{"percpu", "0"},
                                      {"none", "2"},
                                      {"no", "not one of its values"},
                                      {"0", "not one of its values"},
                                      {"per", "not one of its values"},
                                      {"percpu ", "not one of its values"},
                                      {"", "empty"}});
}

TEST(ParseValue, ChoiceWithOnAndOffReadsThemInEveryWay) {
  for (const char* yes : {"1", "on", "true", "yes"}) {
    EXPECT_EQ(Read(RowOf(KnobId::kStats), yes), "1") << yes;
    EXPECT_EQ(Read(RowOf(KnobId::kPrintConfig), yes), "1") << yes;
    EXPECT_EQ(Read(RowOf(KnobId::kDisable), yes), "1") << yes;
  }
  for (const char* no : {"0", "off", "false", "no"}) {
    EXPECT_EQ(Read(RowOf(KnobId::kStats), no), "0") << no;
    EXPECT_EQ(Read(RowOf(KnobId::kPrintConfig), no), "0") << no;
    EXPECT_EQ(Read(RowOf(KnobId::kDisable), no), "2") << no;
  }
  EXPECT_EQ(Read(RowOf(KnobId::kDisable), "auto"), "0");
}

TEST(ParseValue, Text) {
  ExpectReads(RowOf(KnobId::kOutput), {{"stderr", "stderr"},
                                       {"/tmp/a b", "/tmp/a b"},
                                       {"%p", "%p"},
                                       {"a%%b.%p", "a%%b.%p"},
                                       {"", "empty"},
                                       {"a%", "a % without p or % behind it"},
                                       {"%d", "a % without p or % behind it"}});
  const std::string longest(kTextMax, 'x');
  EXPECT_EQ(Read(RowOf(KnobId::kOutput), longest), longest);
  EXPECT_EQ(Read(RowOf(KnobId::kOutput), longest + "x"), "too long");
  EXPECT_EQ(Read(RowOf(KnobId::kOutput), longest.substr(1) + "%p"), "too long");
}

// What is printed as allowed is allowed, and what is printed as a value is read back.
TEST(PrintNumber, IsReadBack) {
  const uint64_t values[] = {0, 1, 999, 1000, 1023, 1024, 1536, kMiB, 3 * kGiB, 5000000000, kMax};
  for (const KnobRow& row : {kAnyNumber, kAnyBytes, kAnyDuration}) {
    for (uint64_t value : values) {
      EXPECT_EQ(Read(row, NumberText(row, value)), std::to_string(value)) << NumberText(row, value);
    }
  }
}

TEST(PrintValue, DefaultsAndEndsOfRangesAreReadBack) {
  for (const KnobRow& row : kKnobRows) {
    SCOPED_TRACE(row.name);
    std::string initial = Printed([&](Printer* out) { PrintDefault(out, row); });
    EXPECT_EQ(initial, ValueText(Knobs(), row.id));
    if (row.type == KnobType::kText) {
      EXPECT_EQ(Read(row, initial), initial);
      continue;
    }
    EXPECT_EQ(Read(row, initial), std::to_string(row.initial));
    for (uint64_t end : {row.range.min, row.range.max}) {
      EXPECT_EQ(Read(row, NumberText(row, end)), std::to_string(end));
    }
  }
}

TEST(PrintAllowed, NamesTheValues) {
  auto allowed = [](const KnobRow& row) {
    return Printed([&](Printer* out) { PrintAllowed(out, row); });
  };
  EXPECT_EQ(allowed(RowOf(KnobId::kHelp)), "1 0 on off true false yes no");
  EXPECT_EQ(allowed(RowOf(KnobId::kFront)), "percpu thread none");
  EXPECT_EQ(allowed(RowOf(KnobId::kStats)), "off 1 json (or 0 on off true false yes no)");
  EXPECT_EQ(allowed(RowOf(KnobId::kMidAllocRunLimit)), "2 to 256 objects");
  EXPECT_EQ(allowed(RowOf(KnobId::kMidLockShards)), "powers of two, 1 to 256 locks");
  EXPECT_EQ(allowed(RowOf(KnobId::kReserve)),
            "multiples of 2MiB, 64MiB to 16TiB (units: K M G T or KiB MiB GiB TiB)");
  EXPECT_EQ(allowed(RowOfType(KnobType::kDuration, {0, 1000000000})),
            "0ns to 1s (units: ns us ms s)");
}

}  // namespace
}  // namespace test
}  // namespace hz4
