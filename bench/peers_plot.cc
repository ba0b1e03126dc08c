// SPDX-License-Identifier: Apache-2.0
//
// The plot: one group of bars per workload, every group with a scale of its own, for workloads
// differ by orders of magnitude and the question is how allocators compare within one.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "bench/peers_report.h"

namespace hz4 {
namespace {

constexpr double kWidth = 960;
constexpr double kNames = 130;  // names of allocators end here
constexpr double kSpeed = 140;  // bars of speed start here
constexpr double kSpeedWidth = 380;
constexpr double kMemory = 640;  // bars of memory start here
constexpr double kMemoryWidth = 220;
constexpr double kBar = 13;
constexpr double kLine = 18;
constexpr double kTop = 70;
constexpr double kMiB = 1 << 20;

// Distinct with every kind of colour vision; hz4's own comes first, the ceiling is grey.
constexpr const char* kHz4Colours[] = {"#0072b2", "#56b4e9", "#004d7a", "#3a9bdc"};
constexpr const char* kPeerColours[] = {"#e69f00", "#009e73", "#cc79a7", "#d55e00",
                                        "#b8a800", "#8c6bb1", "#a6761d", "#666666"};
constexpr char kCeilingColour[] = "#bbbbbb";

constexpr char kStyle[] =
    "<style>text{font:12px system-ui,sans-serif;fill:#1b1b1b}.h{font-weight:600;font-size:13px}"
    ".t{font-weight:600;font-size:17px}.m{fill:#666}.bg{fill:#fff}.ax{stroke:#999}"
    "@media(prefers-color-scheme:dark){text{fill:#eee}.m{fill:#aaa}.bg{fill:#161616}"
    ".ax{stroke:#777}}</style>\n";

std::string Escape(const std::string& text) {
  return absl::StrReplaceAll(text,
                             {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

std::string Text(double x, double y, const std::string& text, const char* css = "",
                 const char* anchor = "start") {
  return absl::StrFormat("<text x=\"%.1f\" y=\"%.1f\" class=\"%s\" text-anchor=\"%s\">%s</text>\n",
                         x, y, css, anchor, Escape(text));
}

std::string Bar(double x, double y, double width, const std::string& colour,
                const std::string& title) {
  return absl::StrFormat(
      "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"2\" fill=\"%s\">"
      "<title>%s</title></rect>\n",
      x, y, std::max(width, 1.0), kBar, colour, Escape(title));
}

std::vector<std::string> Colours(const PeerCampaign& campaign) {
  std::vector<std::string> colours;
  std::size_t own = 0;
  std::size_t peers = 0;
  for (const PeerAllocator& allocator : campaign.allocators) {
    switch (allocator.kind) {
      case PeerAllocator::Kind::kHz4:
        colours.push_back(kHz4Colours[own++ % std::size(kHz4Colours)]);
        break;
      case PeerAllocator::Kind::kPeer:
        colours.push_back(kPeerColours[peers++ % std::size(kPeerColours)]);
        break;
      case PeerAllocator::Kind::kCeiling:
        colours.push_back(kCeilingColour);
        break;
    }
  }
  return colours;
}

std::string ScoreLabel(const Workload& workload, const PeerCell& cell) {
  if (cell.ok == 0) return DescribeFailures(cell);
  std::string label = absl::StrFormat("%.1f M/s", cell.score / 1e6);
  if (workload.kind == Workload::Kind::kCommand) label = absl::StrFormat("%.3f s", cell.score);
  if (workload.kind == Workload::Kind::kMicro) label = absl::StrFormat("%.1f ns", cell.score);
  if (cell.ok < cell.runs) absl::StrAppend(&label, ", failed ", DescribeFailures(cell));
  return label;
}

// One workload's group; *y moves below it.
std::string Group(const PeerCampaign& campaign, const PeerSummary& summary, std::size_t w,
                  const std::vector<std::string>& colours, double* y) {
  const Workload& workload = campaign.workloads[w];
  const std::vector<PeerCell>& cells = summary.cells[w];
  double most_speed = 0;
  double most_memory = 0;
  for (const PeerCell& cell : cells) {
    most_speed = std::max(most_speed, cell.score);
    most_memory = std::max(most_memory, cell.max_rss_bytes);
  }
  std::string svg = Text(12, *y, workload.name, "h");
  *y += 8;
  const double top = *y;
  for (std::size_t a = 0; a < cells.size(); ++a) {
    const PeerCell& cell = cells[a];
    if (cell.runs == 0) continue;
    const std::string& name = campaign.allocators[a].name;
    const std::string label = ScoreLabel(workload, cell);
    const double baseline = *y + kBar - 2.5;
    absl::StrAppend(&svg, Text(kNames, baseline, name, "", "end"));
    double end = kSpeed;
    if (cell.ok > 0 && most_speed > 0) {
      const double width = kSpeedWidth * cell.score / most_speed;
      absl::StrAppend(&svg, Bar(kSpeed, *y, width, colours[a], absl::StrCat(name, ": ", label)));
      end += width;
    }
    absl::StrAppend(&svg, Text(end + 5, baseline, label, "m"));
    if (cell.ok > 0 && most_memory > 0) {
      const double width = kMemoryWidth * cell.max_rss_bytes / most_memory;
      const std::string memory = absl::StrFormat("%.1f MiB", cell.max_rss_bytes / kMiB);
      absl::StrAppend(&svg, Bar(kMemory, *y, width, colours[a], absl::StrCat(name, ": ", memory)),
                      Text(kMemory + width + 5, baseline, memory, "m"));
    }
    *y += kLine;
  }
  absl::StrAppendFormat(&svg, "<path class=\"ax\" d=\"M%.1f %.1fV%.1fM%.1f %.1fV%.1f\"/>\n",
                        kSpeed - 1, top - 2, *y, kMemory - 1, top - 2, *y);
  *y += kLine * 1.2;
  return svg;
}

}  // namespace

std::string PeersSvg(const PeerCampaign& campaign, const PeerSummary& summary) {
  const std::vector<std::string> colours = Colours(campaign);
  double y = kTop + 22;
  std::string groups;
  for (std::size_t w = 0; w < campaign.workloads.size(); ++w) {
    absl::StrAppend(&groups, Group(campaign, summary, w, colours, &y));
  }
  std::string svg = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" "
      "role=\"img\">\n<title>Allocators compared</title>\n",
      kWidth, y, kWidth);
  absl::StrAppend(&svg, kStyle, "<rect class=\"bg\" width=\"100%\" height=\"100%\"/>\n",
                  Text(12, 28, "Allocators compared", "t"),
                  Text(12, 48,
                       absl::StrFormat("medians of %d interleaved rounds; every group of bars has "
                                       "its own scale",
                                       campaign.rounds),
                       "m"),
                  Text(kSpeed, kTop, "speed (where it is a time, less is better)", "m"),
                  Text(kMemory, kTop, "peak memory (less is better)", "m"), groups, "</svg>\n");
  return svg;
}

}  // namespace hz4
