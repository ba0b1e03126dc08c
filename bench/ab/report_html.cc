// SPDX-License-Identifier: Apache-2.0
//
// report.html: one file, no network, no script. The page's own style sheet carries light and dark,
// paper, and widths from a phone's to a desk's.

#include <string>

#include "absl/strings/str_cat.h"
#include "bench/ab/charts.h"
#include "bench/ab/report.h"

namespace hz4::ab {
namespace {

constexpr char kStyle[] = R"css(
:root { color-scheme: light dark;
  --paper: #ffffff; --ink: #1b1f24; --soft: #5b6570; --rule: #d9dee4; --panel: #f5f7f9;
  --good: #1a7f37; --bad: #b3261e; --open: #8a5a00;
  --a0: #3b6ea8; --a1: #c2570c; --a2: #6b7280; --a3: #7a3e9d; --a4: #0f766e; --a5: #a16207; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #14171b; --ink: #e6e9ed; --soft: #9aa4af; --rule: #323941; --panel: #1d2127;
  --good: #4fc26b; --bad: #ff8a80; --open: #e0b050;
  --a0: #7fb0e6; --a1: #ff9d5c; --a2: #9aa4af; --a3: #c79be8; --a4: #5ccfc0; --a5: #e3c065; } }
* { box-sizing: border-box; }
body { margin: 0 auto; overflow-wrap: anywhere; max-width: 1180px; padding: 16px; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .2em 0 .4em; }
h2 { font-size: 1.15rem; margin: 2em 0 .4em; }
h3 { font-size: 1rem; margin: .2em 0; font-weight: 600; }
code { font: .9em ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
.decision { border-left: 6px solid var(--open); background: var(--panel); padding: 12px 16px; }
.decision.good { border-color: var(--good); } .decision.bad { border-color: var(--bad); }
.decision ul { margin: .3em 0 0; padding-left: 1.2em; }
.good { color: var(--good); } .bad { color: var(--bad); } .open { color: var(--open); }
.decision.good, .decision.bad, .decision.open { color: var(--ink); }
.decision h1.good { color: var(--good); } .decision h1.bad { color: var(--bad); }
.decision h1.open { color: var(--open); }
.note, .legend, .scale { color: var(--soft); font-size: .875rem; margin: .2em 0 .6em; }
.legend span { display: inline-flex; align-items: center; gap: 5px; margin-right: 1.1em; }
.wide { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; font-size: .875rem; }
th, td { text-align: left; vertical-align: top; padding: 4px 12px 4px 0;
  border-bottom: 1px solid var(--rule); }
th { font-weight: 600; color: var(--soft); white-space: nowrap; }
td.number, th.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
td { overflow-wrap: break-word; max-width: 40em; } td code { overflow-wrap: break-word; }
td b { white-space: nowrap; }
.charts { display: grid; gap: 18px; grid-template-columns: repeat(auto-fill, minmax(min(100%, 420px), 1fr)); }
figure { margin: 0; min-width: 0; }
svg { display: block; width: 100%; height: auto; }
.legend svg { width: 12px; }
svg text { fill: var(--soft); font: 11px system-ui, "DejaVu Sans", sans-serif; }
svg .grid { stroke: var(--rule); stroke-width: 1; } svg .axis { stroke: var(--soft); }
svg circle { fill: currentColor; fill-opacity: .75; }
svg .line { fill: none; stroke: currentColor; stroke-width: 1.8; }
.arm0 { color: var(--a0); } .arm1 { color: var(--a1); } .arm2 { color: var(--a2); }
.arm3 { color: var(--a3); } .arm4 { color: var(--a4); } .arm5 { color: var(--a5); }
.forest .row { display: grid; grid-template-columns: 15em 1fr 16em 8.5em; gap: 4px 14px;
  align-items: center; padding: 3px 0; border-bottom: 1px solid var(--rule); }
.forest .strip svg { height: 26px; }
.forest .what { font-variant-numeric: tabular-nums; } .forest small { color: var(--soft); }
.forest .scale { display: flex; justify-content: space-between; margin-left: 16em; margin-right: 26em; }
.forest .zero { stroke: var(--soft); stroke-width: 1; vector-effect: non-scaling-stroke; }
.forest .gate { stroke: var(--ink); stroke-width: 2; stroke-dasharray: 4 3;
  vector-effect: non-scaling-stroke; }
.forest .interval { stroke: currentColor; stroke-width: 3; vector-effect: non-scaling-stroke; }
.forest .estimate { fill: currentColor; }
@media (max-width: 760px) {
  body { padding: 12px; }
  .forest .row { grid-template-columns: 1fr auto; }
  .forest .strip { grid-column: 1 / -1; grid-row: 2; }
  .forest .what { grid-row: 3; grid-column: 1 / -1; }
  .forest .scale { margin-left: 0; margin-right: 0; } }
@media print {
  :root { --paper: #ffffff; --ink: #000000; --soft: #444444; --rule: #bbbbbb; --panel: #ffffff;
    --good: #1a7f37; --bad: #b3261e; --open: #8a5a00; --a0: #3b6ea8; --a1: #c2570c; --a2: #6b7280; }
  body { max-width: none; padding: 0; font-size: 11px; } .wide { overflow: visible; }
  h2 { break-after: avoid; } figure, tr, .row { break-inside: avoid; } }
)css";

const char* ToneClass(Tone tone) {
  return tone == Tone::kGood ? "good" : tone == Tone::kBad ? "bad" : "open";
}

void AppendCell(const Cell& cell, std::string* html) {
  absl::StrAppend(html, "<td class=\"", cell.number ? "number" : "text", "\">");
  const std::string text = Escaped(cell.text);
  if (cell.judged) {
    absl::StrAppend(html, "<b class=\"", ToneClass(cell.tone), "\">", text, "</b>");
  } else if (cell.code && !text.empty()) {
    absl::StrAppend(html, "<code>", text, "</code>");
  } else {
    *html += text;
  }
  *html += "</td>";
}

void AppendTable(const Table& table, std::string* html) {
  absl::StrAppend(html, "<h2>", Escaped(table.title), "</h2>");
  if (!table.note.empty()) absl::StrAppend(html, "<p class=\"note\">", Escaped(table.note), "</p>");
  *html += "<div class=\"wide\"><table><thead><tr>";
  for (std::size_t i = 0; i < table.header.size(); ++i) {
    const bool number = i < table.rows[0].size() && table.rows[0][i].number;
    absl::StrAppend(html, number ? "<th class=\"number\">" : "<th>", Escaped(table.header[i]),
                    "</th>");
  }
  *html += "</tr></thead><tbody>";
  for (const std::vector<Cell>& row : table.rows) {
    *html += "<tr>";
    for (const Cell& cell : row) AppendCell(cell, html);
    *html += "</tr>\n";
  }
  *html += "</tbody></table></div>\n";
}

void AppendList(const std::string& title, const std::vector<std::string>& items,
                std::string* html) {
  if (items.empty()) return;
  absl::StrAppend(html, "<h2>", Escaped(title), "</h2><ul>");
  for (const std::string& item : items) absl::StrAppend(html, "<li>", Escaped(item), "</li>");
  *html += "</ul>\n";
}

void AppendDecision(const ReportInput& input, std::string* html) {
  const Headline headline = DecisionInWords(input.record.plan, input.judgement);
  const char* tone = ToneClass(headline.tone);
  absl::StrAppend(html, "<section class=\"decision ", tone, "\"><h1 class=\"", tone, "\">",
                  headline.verdict, "</h1><p>", Escaped(input.record.plan.title), "</p><ul>");
  for (const std::string& sentence : headline.sentences) {
    absl::StrAppend(html, "<li>", Escaped(sentence), "</li>");
  }
  *html += "</ul></section>\n";
}

using Chart = std::string (*)(const ReportInput&, const LaneSpec&);

void AppendCharts(const char* title, const char* note, Chart chart, const ReportInput& input,
                  std::string* html) {
  std::string figures;
  for (const LaneSpec& lane : input.record.plan.lanes) {
    const std::string svg = chart(input, lane);
    if (svg.empty()) continue;
    absl::StrAppend(&figures, "<figure><h3><code>", Escaped(lane.name), "</code> ",
                    Escaped(lane.metrics.front().name), "</h3>", svg, "</figure>\n");
  }
  if (figures.empty()) return;
  absl::StrAppend(html, "<h2>", title, "</h2><p class=\"note\">", note, "</p>",
                  Legend(input.record.plan), "<div class=\"charts\">", figures, "</div>\n");
}

}  // namespace

std::string HtmlReport(const ReportInput& input) {
  const Plan& plan = input.record.plan;
  std::string html = absl::StrCat(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<link rel=\"icon\" href=\"data:,\"><title>",
      Escaped(plan.name), ": ", DecisionInWords(plan, input.judgement).verdict, "</title><style>",
      kStyle, "</style></head><body>\n");
  AppendDecision(input, &html);
  AppendList("Why it is invalid", input.judgement.invalid, &html);
  AppendList("Notes", plan.notes, &html);
  if (!input.judgement.claims.empty()) {
    absl::StrAppend(
        &html,
        "<h2>Gains and their gates</h2><p class=\"note\">Right is better. The bar is "
        "the interval, the block on it the estimate, the dashed line the gate, the thin line "
        "no difference.</p>",
        ForestPlot(input), "\n");
  }
  AppendCharts("The runs over time", "Every run of the stage the verdict stands on.", &RunsOverTime,
               input, &html);
  AppendCharts("Distributions", "The share of runs at or below a value.", &Distribution, input,
               &html);
  AppendCharts("Memory",
               "Peak resident memory and the lane's metric, medians. An arm that another "
               "beats in both is not worth having.",
               &Memory, input, &html);
  for (const Table& table : ReportTables(input)) AppendTable(table, &html);
  AppendList("Warnings", input.judgement.warnings, &html);
  AppendList("Readings of the work order", plan.readings, &html);
  if (!plan.verdict_on_record.empty()) AppendList("On record", {plan.verdict_on_record}, &html);
  AppendList("The record says", input.record.notes, &html);
  absl::StrAppend(&html, "<h2>Rule of decision</h2><p>", Escaped(plan.RuleOfDecision()),
                  "</p><p>Written down before the first run; seed <code>", plan.seed,
                  "</code>. Repeat it:</p><p><code>", Escaped(plan.command_line),
                  "</code></p></body></html>\n");
  return html;
}

}  // namespace hz4::ab
