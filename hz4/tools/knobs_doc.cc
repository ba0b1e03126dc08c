// SPDX-License-Identifier: Apache-2.0
#include "hz4/tools/knobs_doc.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "hz4/knobs_table.h"
#include "hz4/knobs_value.h"
#include "hz4/stats/counters.h"

namespace hz4 {

namespace {

constexpr char kKnobsStart[] = R"(# Knobs

Every policy of hz4 is an environment variable, read once, before the first allocation. `HZ4_HELP=1`
prints this list; `HZ4_PRINT_CONFIG=1` (or `json`, or `changed`) prints what a process runs with and
where each value came from.

    LD_PRELOAD=libhz4.so HZ4_MID_LOCKPATH_OUTLOCK_REFILL=1 HZ4_PRINT_CONFIG=changed ./app

## How a variable is read

- The whole value must parse. Booleans: `1 0 on off true false yes no`, in lower case. Bytes: `65536`,
  `64K` or `64KiB`; K M G T are powers of 1024. Durations: `10ms`; the units are ns us ms s. Choices: by
  name.
- What does not parse is told in one line that names the knob, the value and what is allowed, and the
  default is used. A name that is no knob is told with the nearest one. `HZ4_STRICT=abort` ends the
  process instead, with exit status 127.
- A box sets what it needs too, and says so in one line; in the configuration the origin is then
  `implied by` the box. Where you switched off what it needs, the box has no effect, and that is said.
- `HZ4_PROFILE` sets several knobs at once; a variable of your own wins over it.
- The work orders' spelling of a box, with `_BOX` at its end, is accepted.
- The fingerprint identifies the allocator that results: equal for two environments that have the same
  effect, and not changed by knobs that only print.
- In a process with more rights than its user (AT_SECURE) all of it is ignored.
)";

constexpr char kKnobsEnd[] = R"(
## Adding a knob

One row in `hz4/knobs.def`. The parser, the help, this document and the tests follow from it;
`Resolve` in `hz4/resolve.cc` gives it its effect.
)";

constexpr char kStatsStart[] = R"(# Statistics

Counting is off by default and then costs nothing: the counting functions are not in the table.
`HZ4_STATS=1` prints a readable report when the process exits, `HZ4_STATS=json` one line of JSON,
`HZ4_MID_STATS_B1=1` and `HZ4_MID_LOCK_TIME_STATS=1` the work orders' lines. `HZ4_OUTPUT` says where
to. Never time a run that counts.

Every thread counts for itself; a report is the sum over the threads, those that have ended included.
While others are at work each counter is exact as of the moment it was read, and the equations below
hold only when nobody is inside hz4.
)";

constexpr char kStatsEnd[] = R"(
## Adding a counter

One row in `hz4/stats/counters.def`, and `Stats::Add(CounterId::...)` where it happens.
)";

template <typename Print>
std::string Printed(const Print& print) {
  char buffer[1024];
  Printer out(buffer, sizeof(buffer));
  print(&out);
  return out.text();
}

std::string Code(const std::string& text) { return absl::StrCat("`", text, "`"); }

std::string Relation(const KnobRow& row) {
  std::string text;
  for (const KnobNeed& need : row.relation.needs) {
    if (need.knob == kNoKnob) break;
    const KnobRow& needed = RowOf(need.knob);
    absl::StrAppend(&text, text.empty() ? " Needs " : " and ",
                    Code(absl::StrCat(needed.name, "=", Printed([&](Printer* out) {
                                        PrintNumber(out, needed, need.value);
                                      }))));
  }
  if (row.relation.box != kNoKnob) {
    absl::StrAppend(&text, " Part of ", Code(RowOf(row.relation.box).name));
  }
  return text.empty() ? text : absl::StrCat(text, ".");
}

// The long list of a boolean's spellings stands in the document's start.
std::string Allowed(const KnobRow& row) {
  if (row.type == KnobType::kBool) return "boolean";
  return Printed([&](Printer* out) { PrintAllowed(out, row); });
}

std::string KnobTable(KnobKind kind) {
  std::string text = "\n| knob | default | allowed | |\n|---|---|---|---|\n";
  for (const KnobRow& row : kKnobRows) {
    if (row.kind != kind) continue;
    absl::StrAppend(&text, "| ", Code(row.name), " | ",
                    Code(Printed([&](Printer* out) { PrintDefault(out, row); })), " | ",
                    Allowed(row), " | ",
                    row.maturity == Maturity::kExperiment ? "*Experiment.* " : "", row.sentence,
                    Relation(row), " |\n");
  }
  return text;
}

std::string Profiles() {
  std::string text;
  for (size_t i = 0; i < kProfileCount; ++i) {
    absl::StrAppend(&text, "\n- ", Code(kProfileNames[i].name), ": ", kProfileNames[i].sentence);
    const char* separator = " ";
    for (const ProfileRow& row : kProfileRows) {
      if (row.profile != static_cast<ProfileId>(i)) continue;
      const KnobRow& knob = RowOf(row.knob);
      absl::StrAppend(&text, separator,
                      Code(absl::StrCat(knob.name, "=", Printed([&](Printer* out) {
                                          PrintNumber(out, knob, row.value);
                                        }))));
      separator = ", ";
    }
  }
  return absl::StrCat(text, "\n");
}

std::string CounterTable(CounterGroup group) {
  std::string text = "\n| counter | unit | |\n|---|---|---|\n";
  for (const CounterRow& row : kCounterRows) {
    if (row.group != group) continue;
    absl::StrAppend(&text, "| ", Code(row.name), " | ", row.unit, " | ", row.sentence, " |\n");
  }
  return text;
}

std::string GaugeTable() {
  std::string text = "\n| gauge | unit | |\n|---|---|---|\n";
  for (const GaugeRow& row : kGaugeRows) {
    absl::StrAppend(&text, "| ", Code(row.name), " | ", row.unit, " | ", row.sentence, " |\n");
  }
  return text;
}

// The condition with the counters' printed names in it.
std::string Equation(const EquationRow& row) {
  std::string text = row.condition;
  for (const CounterRow& counter : kCounterRows) {
    const char* group = counter.group == CounterGroup::kCore ? "" : "mid ";
    text = absl::StrReplaceAll(
        text, {{absl::StrCat("HZ4_N(", counter.id_name, ")"), absl::StrCat(group, counter.name)}});
  }
  return text;
}

std::string Header(const char* document, const char* file) {
  return absl::StrCat("<!-- Generated from the registry; do not edit. Refresh with\n     ",
                      "./bazelw run //hz4/tools:knobs_doc -- ", document, " > docs/", file,
                      " -->\n\n");
}

}  // namespace

std::string KnobsDocument() {
  return absl::StrCat(Header("knobs", "KNOBS.md"), kKnobsStart,
                      "\n## Policy\n\nWhat the allocator does; in the fingerprint.\n",
                      KnobTable(KnobKind::kPolicy), "\n## Output\n\nWhat is printed, and where.\n",
                      KnobTable(KnobKind::kOutput), "\n## Launch\n\nHow the environment is read.\n",
                      KnobTable(KnobKind::kLaunch), "\n## Profiles\n", Profiles(), kKnobsEnd);
}

std::string StatsDocument() {
  std::string equations;
  for (const EquationRow& row : kEquationRows) {
    absl::StrAppend(&equations, "    ", Equation(row), "\n");
  }
  return absl::StrCat(
      Header("stats", "STATS.md"), kStatsStart, "\n## Core: `HZ4_STATS`\n",
      CounterTable(CounterGroup::kCore), "\n## Gauges: `HZ4_STATS`\n", GaugeTable(),
      "\n## The mid route: `[HZ4_MID_STATS_B1]`\n", CounterTable(CounterGroup::kMidB1),
      "\n## The ladder's locks: `[HZ4_MID_LOCK_STATS]`\n\n`sample_scale` ends the line: one entry "
      "in ",
      "that many is timed.\n", CounterTable(CounterGroup::kMidLock),
      "\n## Equations\n\nThey hold whenever no thread is inside hz4.\n\n", equations, kStatsEnd);
}

}  // namespace hz4
