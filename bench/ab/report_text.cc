// SPDX-License-Identifier: Apache-2.0
//
// REPORT.md and the two TSV files.

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "bench/ab/report.h"

namespace hz4::ab {
namespace {

std::string MarkdownCell(const Cell& cell) {
  std::string text = absl::StrReplaceAll(cell.text, {{"|", "\\|"}, {"\n", "<br>"}});
  if (text.empty()) return "";
  if (cell.code) return absl::StrCat("`", text, "`");
  if (cell.judged) return absl::StrCat("**", text, "**");
  return absl::StrReplaceAll(text, {{"<br>", "\x01"}, {"<", "&lt;"}, {"\x01", "<br>"}});
}

void AppendTable(const Table& table, std::string* out) {
  absl::StrAppend(out, "\n## ", table.title, "\n\n");
  if (!table.note.empty()) absl::StrAppend(out, table.note, "\n\n");
  absl::StrAppend(out, "| ", absl::StrJoin(table.header, " | "), " |\n|");
  for (std::size_t i = 0; i < table.header.size(); ++i) {
    absl::StrAppend(out, i < table.rows[0].size() && table.rows[0][i].number ? "---:|" : "---|");
  }
  for (const std::vector<Cell>& row : table.rows) {
    std::vector<std::string> cells;
    for (const Cell& cell : row) cells.push_back(MarkdownCell(cell));
    absl::StrAppend(out, "\n| ", absl::StrJoin(cells, " | "), " |");
  }
  out->push_back('\n');
}

void AppendList(const std::string& title, const std::vector<std::string>& items, std::string* out) {
  if (items.empty()) return;
  absl::StrAppend(out, "\n## ", title, "\n\n");
  for (const std::string& item : items) absl::StrAppend(out, "- ", item, "\n");
}

std::string Clean(const std::string& text) {
  return absl::StrReplaceAll(text, {{"\t", " "}, {"\n", " "}});
}

// Every metric of every lane, in the order of declaration: the columns of raw.tsv.
std::vector<std::string> MetricColumns(const Plan& plan) {
  std::vector<std::string> names;
  for (const LaneSpec& lane : plan.lanes) {
    for (const Metric& metric : lane.metrics) {
      if (std::find(names.begin(), names.end(), metric.name) == names.end()) {
        names.push_back(metric.name);
      }
    }
  }
  return names;
}

}  // namespace

std::string MarkdownReport(const ReportInput& input) {
  const Plan& plan = input.record.plan;
  const Headline headline = DecisionInWords(plan, input.judgement);
  std::string out = absl::StrCat("# ", headline.verdict, ": ",
                                 plan.title.empty() ? plan.name : plan.title, "\n\n");
  for (const std::string& sentence : headline.sentences)
    absl::StrAppend(&out, "- ", sentence, "\n");
  absl::StrAppend(&out, "\nRepeat it: `", plan.command_line, "`\n");
  if (!plan.source.empty()) absl::StrAppend(&out, "\nWork order: ", plan.source, "\n");
  if (!plan.verdict_on_record.empty()) {
    absl::StrAppend(&out, "\nOn record: ", plan.verdict_on_record, "\n");
  }
  AppendList("Why it is invalid", input.judgement.invalid, &out);
  AppendList("Notes", plan.notes, &out);
  for (const Table& table : ReportTables(input)) AppendTable(table, &out);
  AppendList("Warnings", input.judgement.warnings, &out);
  AppendList("Readings of the work order", plan.readings, &out);
  AppendList("The record says", input.record.notes, &out);
  absl::StrAppend(&out, "\n## Rule of decision, written down before the first run\n\n",
                  plan.RuleOfDecision(), " Seed ", plan.seed, ".\n");
  return out;
}

std::string RawTsv(const ReportInput& input) {
  const std::vector<std::string> metrics = MetricColumns(input.record.plan);
  std::string out =
      "session\torder\tstage\tblock\tlane\tarm\trepeat\tstarted\tstatus\toutcome\tfingerprint\t"
      "wall_seconds";
  for (const std::string& metric : metrics) absl::StrAppend(&out, "\t", metric);
  out.push_back('\n');
  for (const Run& run : input.record.runs) {
    absl::StrAppend(&out, run.session, "\t", run.order, "\t", run.slot.stage, "\t", run.slot.block,
                    "\t", run.slot.lane, "\t");
    absl::StrAppend(
        &out, run.slot.arm, "\t", run.slot.repeat, "\t",
        absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::UnixEpoch() + absl::Seconds(run.started),
                         absl::UTCTimeZone()));
    absl::StrAppend(&out, "\t", RunStatusName(run.status), "\t", Clean(run.outcome), "\t",
                    run.fingerprint, "\t", absl::StrFormat("%.6f", run.wall_seconds));
    for (const std::string& metric : metrics) {
      const auto value = run.values.find(metric);
      absl::StrAppend(
          &out, "\t",
          value == run.values.end() ? "unavailable" : absl::StrFormat("%.10g", value->second));
    }
    out.push_back('\n');
  }
  return out;
}

std::string SummaryTsv(const ReportInput& input) {
  std::string out =
      "stage\tlane\tmetric\tarm\trole\truns\tbase_median\tvariant_median\tgain_percent\tgate_"
      "percent\t"
      "by_medians\tblocks\testimate_percent\tlow_percent\thigh_percent\tconfidence\tp\tp_adjusted\t"
      "noise_percent\tsound\tblocks_needed\n";
  for (const auto* stage : {&input.judgement.screen, &input.judgement.replay}) {
    for (const GateResult& result : *stage) {
      absl::StrAppend(&out, result.stage, "\t", result.gate.lane, "\t", result.gate.metric, "\t",
                      result.arm, "\t", RoleName(result.gate.role));
      absl::StrAppend(&out,
                      absl::StrFormat("\t%d\t%.10g\t%.10g\t%.4f\t%.2f\t%s", result.runs,
                                      result.base_median, result.variant_median, result.percent,
                                      result.limit, result.pass ? "PASS" : "FAIL"));
      const Claim* claim = nullptr;
      for (const Claim& one : input.judgement.claims) {
        if (result.stage == input.judgement.stage && one.lane == result.gate.lane &&
            one.metric == result.gate.metric && one.arm == result.arm) {
          claim = &one;
        }
      }
      if (claim == nullptr) {
        absl::StrAppend(&out, "\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-\n");
        continue;
      }
      absl::StrAppend(
          &out,
          absl::StrFormat("\t%d\t%.4f\t%.4f\t%.4f\t%.2f\t%.6f\t%.6f\t%.4f\t%s\t%d\n", claim->blocks,
                          PercentOfGain(claim->estimate), PercentOfGain(claim->interval.low),
                          PercentOfGain(claim->interval.high), claim->confidence, claim->p,
                          claim->p_adjusted, 100 * claim->noise, VerdictName(claim->verdict),
                          claim->blocks_needed));
    }
  }
  return out;
}

}  // namespace hz4::ab
