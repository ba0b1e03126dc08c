// SPDX-License-Identifier: Apache-2.0
//
// The Markdown report. Every table says its unit and its direction.

#include "bench/peers_report.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace hz4 {
namespace {

constexpr double kMiB = 1 << 20;

struct Context {
  const PeerCampaign& campaign;
  const PeerSummary& summary;

  std::size_t allocators() const { return campaign.allocators.size(); }
  const PeerCell& Cell(std::size_t workload, std::size_t allocator) const {
    return summary.cells[workload][allocator];
  }
  bool IsHz4(std::size_t allocator) const {
    return campaign.allocators[allocator].kind == PeerAllocator::Kind::kHz4;
  }
  bool IsCeiling(std::size_t allocator) const {
    return campaign.allocators[allocator].kind == PeerAllocator::Kind::kCeiling;
  }
};

std::string Row(const std::vector<std::string>& cells) {
  return absl::StrCat("| ", absl::StrJoin(cells, " | "), " |\n");
}

// A header with the first column to the left and the others to the right.
std::string Header(const std::vector<std::string>& names) {
  std::string line = Row(names);
  absl::StrAppend(&line, "|---|");
  for (std::size_t i = 1; i < names.size(); ++i) absl::StrAppend(&line, "---:|");
  return line + "\n";
}

// How scores are shown; workloads of one unit share a table.
struct Unit {
  const char* heading;
  const char* explanation;
  const char* column;
  double divisor;
  int digits;
};
constexpr Unit kRates = {"Throughput", "Million operations per second, medians; more is better.",
                         "M ops/s", 1e6, 2};
constexpr Unit kSeconds = {"Time", "Seconds of wall time, medians; less is better.", "seconds", 1,
                           3};
constexpr Unit kNanoseconds = {"Micro benchmarks",
                               "Nanoseconds per iteration, medians; less is better.", "ns", 1, 2};
constexpr const Unit* kUnits[] = {&kRates, &kSeconds, &kNanoseconds};

const Unit& UnitOf(const Workload& workload) {
  if (HigherIsBetter(workload)) return kRates;
  return workload.kind == Workload::Kind::kCommand ? kSeconds : kNanoseconds;
}

std::string ScoreText(const Workload& workload, const PeerCell& cell) {
  if (cell.ok == 0) return "-";
  const Unit& unit = UnitOf(workload);
  return absl::StrFormat("%.*f", unit.digits, cell.score / unit.divisor);
}

std::string RatioText(const PeerRatio& ratio) {
  if (ratio.value <= 0) return "-";
  if (ratio.low <= 0) return absl::StrFormat("%.2f", ratio.value);
  return absl::StrFormat("%.2f [%.2f, %.2f]", ratio.value, ratio.low, ratio.high);
}

std::string ShareText(double share) {
  return share > 0 ? absl::StrFormat("%.2f", share) : std::string("-");
}

// The figure of the best allocator of a row stands in bold.
std::size_t BestOfAll(const Context& context, std::size_t w) {
  std::size_t best = context.allocators();
  const bool higher = HigherIsBetter(context.campaign.workloads[w]);
  for (std::size_t a = 0; a < context.allocators(); ++a) {
    if (context.IsCeiling(a) || context.Cell(w, a).ok == 0) continue;
    const bool better = best == context.allocators() ||
                        (context.Cell(w, a).score > context.Cell(w, best).score) == higher;
    if (better) best = a;
  }
  return best;
}

std::string Overview(const Context& context, const Unit& unit) {
  std::vector<std::string> header = {"workload"};
  for (const PeerAllocator& allocator : context.campaign.allocators) {
    header.push_back(allocator.name);
  }
  for (std::size_t a = 0; a < context.allocators(); ++a) {
    if (!context.IsHz4(a)) continue;
    header.push_back(absl::StrCat(context.campaign.allocators[a].name, " / best peer"));
  }
  std::string table;
  for (std::size_t w = 0; w < context.campaign.workloads.size(); ++w) {
    const Workload& workload = context.campaign.workloads[w];
    if (&UnitOf(workload) != &unit) continue;
    const std::size_t best = BestOfAll(context, w);
    std::vector<std::string> row = {workload.name};
    for (std::size_t a = 0; a < context.allocators(); ++a) {
      const PeerCell& cell = context.Cell(w, a);
      std::string text = ScoreText(workload, cell);
      if (a == best) text = absl::StrCat("**", text, "**");
      if (cell.ok < cell.runs) absl::StrAppend(&text, " (", cell.ok, " of ", cell.runs, ")");
      row.push_back(text);
    }
    for (std::size_t a = 0; a < context.allocators(); ++a) {
      if (context.IsHz4(a)) row.push_back(RatioText(context.Cell(w, a).to_best_peer));
    }
    absl::StrAppend(&table, Row(row));
  }
  if (table.empty()) return "";
  return absl::StrCat("## ", unit.heading, "\n\n", unit.explanation, "\n\n", Header(header), table,
                      "\n");
}

std::string Memory(const Context& context) {
  std::vector<std::string> header = {"workload"};
  for (const PeerAllocator& allocator : context.campaign.allocators) {
    header.push_back(allocator.name);
  }
  std::string text =
      absl::StrCat("## Peak memory\n\nMiB resident, medians; less is better.\n\n", Header(header));
  for (std::size_t w = 0; w < context.campaign.workloads.size(); ++w) {
    std::vector<std::string> row = {context.campaign.workloads[w].name};
    for (std::size_t a = 0; a < context.allocators(); ++a) {
      const PeerCell& cell = context.Cell(w, a);
      row.push_back(cell.ok == 0 ? "-" : absl::StrFormat("%.1f", cell.max_rss_bytes / kMiB));
    }
    absl::StrAppend(&text, Row(row));
  }
  return text + "\n";
}

// Over all workloads: how far behind the best of all in each. 1.00 would be the best in every one.
std::string GeometricMeans(const Context& context) {
  if (context.campaign.workloads.size() < 2) return "";
  std::string table;
  for (std::size_t a = 0; a < context.allocators(); ++a) {
    if (context.IsCeiling(a)) continue;
    double sum = 0;
    int counted = 0;
    for (std::size_t w = 0; w < context.campaign.workloads.size(); ++w) {
      const std::size_t best = BestOfAll(context, w);
      if (context.Cell(w, a).ok == 0) continue;
      sum += std::abs(std::log(context.Cell(w, a).score / context.Cell(w, best).score));
      ++counted;
    }
    if (counted == 0) continue;
    absl::StrAppend(
        &table,
        Row({context.campaign.allocators[a].name, absl::StrFormat("%.3f", std::exp(sum / counted)),
             absl::StrCat(counted, " of ", context.campaign.workloads.size())}));
  }
  return absl::StrCat(
      "## Over all workloads\n\nGeometric mean of the time taken per operation, as a "
      "multiple of the best allocator of each workload; less is better, 1 is the "
      "best everywhere.\n\n",
      Header({"allocator", "times the best", "workloads"}), table, "\n");
}

std::string Details(const Context& context, std::size_t w) {
  const Workload& workload = context.campaign.workloads[w];
  const bool rate = HigherIsBetter(workload);
  const bool loop = workload.kind == Workload::Kind::kLoop;
  std::vector<std::string> header = {"allocator", UnitOf(workload).column, "IQR %",
                                     rate ? "x best peer" : "time / best peer"};
  if (loop) header.push_back("of ceiling");
  for (const char* name :
       {rate ? "CPU ns/op" : "CPU s", "peak RSS MiB", rate ? "minor faults/op" : "minor faults",
        rate ? "major faults/op" : "major faults", rate ? "switches/op" : "switches"}) {
    header.push_back(name);
  }
  if (loop) header.insert(header.end(), {"really remote %", "fallback %", "peak ring depth"});
  header.push_back("runs ok");
  std::string text = absl::StrCat("### ", workload.name, "\n\n`",
                                  workload.argv[0].substr(workload.argv[0].rfind('/') + 1));
  for (std::size_t i = 1; i < workload.argv.size(); ++i) {
    absl::StrAppend(&text, " ", workload.argv[i]);
  }
  absl::StrAppend(&text, "`\n\n", Header(header));
  for (std::size_t a = 0; a < context.allocators(); ++a) {
    const PeerCell& cell = context.Cell(w, a);
    if (cell.runs == 0) continue;
    std::vector<std::string> row = {context.campaign.allocators[a].name};
    if (cell.ok == 0) {
      row.resize(header.size() - 1, "-");
    } else {
      const auto format = [&](double value) {
        return rate ? absl::StrFormat("%.5f", value) : absl::StrFormat("%.0f", value);
      };
      row.insert(row.end(), {ScoreText(workload, cell), absl::StrFormat("%.1f", cell.spread * 100),
                             RatioText(cell.to_best_peer)});
      if (loop) row.push_back(ShareText(cell.of_ceiling));
      row.insert(
          row.end(),
          {rate ? absl::StrFormat("%.2f", cell.cpu_ns) : absl::StrFormat("%.3f", cell.cpu_seconds),
           absl::StrFormat("%.1f", cell.max_rss_bytes / kMiB), format(cell.minor_faults),
           format(cell.major_faults), format(cell.switches)});
      if (loop) {
        row.insert(row.end(), {absl::StrFormat("%.1f", cell.real_pct),
                               absl::StrFormat("%.1f", cell.fallback_pct),
                               absl::StrFormat("%.0f", cell.peak_ring_depth)});
      }
    }
    row.push_back(absl::StrCat(cell.ok, " of ", cell.runs));
    absl::StrAppend(&text, Row(row));
  }
  return text + "\n";
}

std::string Failures(const Context& context) {
  std::string list;
  for (std::size_t w = 0; w < context.campaign.workloads.size(); ++w) {
    for (std::size_t a = 0; a < context.allocators(); ++a) {
      const std::string failures = DescribeFailures(context.Cell(w, a));
      if (failures.empty()) continue;
      absl::StrAppend(&list, "- ", context.campaign.allocators[a].name, " in ",
                      context.campaign.workloads[w].name, ": ", failures, "\n");
    }
  }
  if (list.empty()) return "## Failures\n\nNone: every run of every allocator was ok.\n\n";
  return absl::StrCat("## Failures\n\nRuns that failed are counted here and enter no figure.\n\n",
                      list, "\n");
}

std::string Setting(const PeerCampaign& campaign, const PeerReportNotes& notes) {
  std::string text = absl::StrFormat(
      "%d rounds, interleaved in an order that follows from seed %d; time limit of a run %g s.\n\n",
      campaign.rounds, campaign.seed, campaign.timeout_seconds);
  if (notes.interrupted) {
    absl::StrAppend(&text, "**Interrupted: not all rounds were run.**\n\n");
  }
  absl::StrAppend(&text, "Repeat it: `", notes.repeat, "`\n\n");
  for (const std::string& line : notes.machine) absl::StrAppend(&text, "- ", line, "\n");
  absl::StrAppend(&text, "\n", Row({"allocator", "library", "environment"}), "|---|---|---|\n");
  for (const PeerAllocator& allocator : campaign.allocators) {
    std::string library = allocator.library;
    if (allocator.kind == PeerAllocator::Kind::kCeiling) library = "none: the loop on an array";
    if (library.empty()) library = "libc's own";
    absl::StrAppend(&text, Row({allocator.name, library, absl::StrJoin(allocator.env, " ")}));
  }
  absl::StrAppend(&text, "\n");
  for (const std::string& line : notes.not_found) {
    absl::StrAppend(&text, "- not found: ", line, "\n");
  }
  return text + (notes.not_found.empty() ? "" : "\n");
}

}  // namespace

std::string DescribeFailures(const PeerCell& cell) {
  if (cell.ok == cell.runs) return "";
  std::vector<std::string> kinds;
  for (const auto& [outcome, count] : cell.failures) {
    kinds.push_back(absl::StrCat(outcome, " (", count, ")"));
  }
  return absl::StrCat(cell.runs - cell.ok, " of ", cell.runs, ": ", absl::StrJoin(kinds, ", "));
}

std::string PeersLine(const PeerCampaign& campaign, const PeerSummary& summary, int workload) {
  const std::size_t w = static_cast<std::size_t>(workload);
  const bool higher = HigherIsBetter(campaign.workloads[w]);
  std::string line = absl::StrFormat("%-26s", campaign.workloads[w].name);
  for (std::size_t a = 0; a < campaign.allocators.size(); ++a) {
    const PeerCell& cell = summary.cells[w][a];
    if (cell.runs == 0) continue;
    absl::StrAppend(&line, "  ", campaign.allocators[a].name, " ",
                    ScoreText(campaign.workloads[w], cell));
    if (cell.ok < cell.runs) absl::StrAppend(&line, " (", cell.ok, "/", cell.runs, ")");
  }
  for (std::size_t a = 0; a < campaign.allocators.size(); ++a) {
    const PeerCell& cell = summary.cells[w][a];
    if (campaign.allocators[a].kind != PeerAllocator::Kind::kHz4 || cell.ok == 0) continue;
    absl::StrAppend(&line, "  | ", campaign.allocators[a].name, higher ? " x" : " time x",
                    RatioText(cell.to_best_peer));
  }
  return line;
}

std::string PeersMarkdown(const PeerCampaign& campaign, const PeerSummary& summary,
                          const PeerReportNotes& notes) {
  const Context context = {campaign, summary};
  std::string text = absl::StrCat("# Allocators compared\n\n", Setting(campaign, notes));
  for (const Unit* unit : kUnits) absl::StrAppend(&text, Overview(context, *unit));
  absl::StrAppend(&text, Memory(context), GeometricMeans(context), Failures(context));
  absl::StrAppend(
      &text,
      "## Each workload\n\nA ratio is the median of the rounds' ratios and stands beside its 95% "
      "bootstrap interval. The best peer of a workload is the one with the best median among those "
      "that are not hz4 and "
      "whose runs were all ok. \"Really remote\" is the share of frees that happened on another "
      "thread: where it differs between allocators they did not do the same work, and the matched "
      "form decides. Resident memory includes the backlog in the rings.\n\n");
  for (std::size_t w = 0; w < campaign.workloads.size(); ++w) {
    absl::StrAppend(&text, Details(context, w));
  }
  return text;
}

}  // namespace hz4
