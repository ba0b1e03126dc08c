// SPDX-License-Identifier: Apache-2.0
#include "hz4/stats/print.h"

#include "hz4/base/record_file.h"

namespace hz4 {

namespace {

constexpr size_t kNameColumn = 26;

// Calls visit(row, value) for each counter of the group.
template <typename Visit>
void ForEach(CounterGroup group, const StatsTotals& totals, const Visit& visit) {
  for (size_t i = 0; i < kCounterCount; ++i) {
    if (kCounterRows[i].group == group) visit(kCounterRows[i], totals.v[i]);
  }
}

uint64_t SampleScale(uint64_t shift) { return uint64_t{1} << shift; }

void PrintAssignments(Printer* out, CounterGroup group, const StatsTotals& totals) {
  ForEach(group, totals, [&](const CounterRow& row, uint64_t value) {
    out->Char(' ').Str(row.name).Char('=').Dec(value);
  });
}

// {"name":1,...  without the closing brace.
void PrintMembers(Printer* out, CounterGroup group, const StatsTotals& totals) {
  char separator = '{';
  ForEach(group, totals, [&](const CounterRow& row, uint64_t value) {
    out->Char(separator).Json(row.name).Char(':').Dec(value);
    separator = ',';
  });
}

void PrintNameColumn(Printer* out, const char* name) {
  out->Str("  ").Str(name);
  for (size_t n = TextLength(name); n < kNameColumn; ++n) out->Char(' ');
}

// 1536 KiB as "1.5 MiB".
void PrintMebibytes(Printer* out, uint64_t bytes) {
  out->Dec(bytes / kMiB).Char('.').Dec(bytes % kMiB * 10 / kMiB).Str(" MiB");
}

// One record, in one write when it fits the buffer.
template <typename Print>
HZ4_NOINLINE void Write(int fd, const Print& print) {
  char buffer[kRecordBytes];
  Printer out(buffer, sizeof(buffer), fd);
  print(&out);
  out.Flush();
}

}  // namespace

void PrintStatsText(Printer* out, const StatsReport& report) {
  out->Str("hz4 ").Str(report.library.version).Str(" statistics, pid ").Dec(ProcessId());
  out->Str(", fingerprint ").Hex16(Fingerprint(*report.knobs)).Char('\n');
  ForEach(CounterGroup::kCore, report.totals, [&](const CounterRow& row, uint64_t value) {
    PrintNameColumn(out, row.name);
    out->Dec(value).Char('\n');
  });
  for (const GaugeRow& row : kGaugeRows) {
    uint64_t bytes = report.gauges.*row.field;
    PrintNameColumn(out, row.name);
    out->Dec(bytes).Str("  (");
    PrintMebibytes(out, bytes);
    out->Str(")\n");
  }
}

void PrintStatsJson(Printer* out, const StatsReport& report) {
  out->Str("{\"hz4\":\"stats\",\"version\":").Json(report.library.version);
  out->Str(",\"pid\":").Dec(ProcessId());
  out->Str(",\"fingerprint\":\"").Hex16(Fingerprint(*report.knobs)).Str("\",\"counters\":");
  PrintMembers(out, CounterGroup::kCore, report.totals);
  out->Char('}');
  if (report.knobs->mid_stats_b1) {
    out->Str(",\"mid_b1\":");
    PrintMembers(out, CounterGroup::kMidB1, report.totals);
    out->Char('}');
  }
  if (report.knobs->mid_lock_time_stats) {
    out->Str(",\"mid_lock\":");
    PrintMembers(out, CounterGroup::kMidLock, report.totals);
    out->Str(",\"sample_scale\":");
    out->Dec(SampleScale(report.knobs->mid_lock_time_stats_sample_shift)).Char('}');
  }
  char separator = '{';
  out->Str(",\"gauges\":");
  for (const GaugeRow& row : kGaugeRows) {
    out->Char(separator).Json(row.name).Char(':').Dec(report.gauges.*row.field);
    separator = ',';
  }
  out->Str("}}\n");
}

void PrintMidStats(Printer* out, const StatsTotals& totals) {
  out->Str("[HZ4_MID_STATS_B1]");
  PrintAssignments(out, CounterGroup::kMidB1, totals);
  out->Char('\n');
}

void PrintMidLockStats(Printer* out, const StatsTotals& totals, uint64_t sample_shift) {
  out->Str("[HZ4_MID_LOCK_STATS]");
  PrintAssignments(out, CounterGroup::kMidLock, totals);
  out->Str(" sample_scale=").Dec(SampleScale(sample_shift)).Char('\n');
}

bool WantsStats(const Knobs& knobs) {
  return knobs.stats != StatsFormat::kOff || knobs.mid_stats_b1 || knobs.mid_lock_time_stats;
}

void WriteStats(const StatsReport& report) {
  const Knobs& knobs = *report.knobs;
  RecordFile file(knobs.output.chars);
  if (knobs.stats == StatsFormat::kText) {
    Write(file.fd(), [&](Printer* out) { PrintStatsText(out, report); });
  }
  if (knobs.stats == StatsFormat::kJson) {
    Write(file.fd(), [&](Printer* out) { PrintStatsJson(out, report); });
  }
  if (knobs.mid_stats_b1) {
    Write(file.fd(), [&](Printer* out) { PrintMidStats(out, report.totals); });
  }
  if (knobs.mid_lock_time_stats) {
    Write(file.fd(), [&](Printer* out) {
      PrintMidLockStats(out, report.totals, knobs.mid_lock_time_stats_sample_shift);
    });
  }
}

}  // namespace hz4
