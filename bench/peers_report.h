// SPDX-License-Identifier: Apache-2.0
//
// A comparison as people read it: Markdown tables, and a plot that needs nothing but a browser.

#ifndef HZ4_BENCH_PEERS_REPORT_H_
#define HZ4_BENCH_PEERS_REPORT_H_

#include <string>
#include <vector>

#include "bench/peers_campaign.h"
#include "bench/peers_summary.h"

namespace hz4 {

// What the report says about its making beside the figures.
struct PeerReportNotes {
  std::string repeat;                  // the command line
  std::vector<std::string> machine;    // "name: value"
  std::vector<std::string> not_found;  // allocators that were looked for
  bool interrupted = false;
};

std::string PeersMarkdown(const PeerCampaign& campaign, const PeerSummary& summary,
                          const PeerReportNotes& notes);

// An SVG document: for each workload a group of bars, speed on the left and peak memory on the
// right. Follows the reader's light or dark preference.
std::string PeersSvg(const PeerCampaign& campaign, const PeerSummary& summary);

// One line for the terminal: how hz4 does against the best peer in each workload.
std::string PeersLine(const PeerCampaign& campaign, const PeerSummary& summary, int workload);

// "3 of 7: killed by SIGSEGV (2), timed out after 60 s (1)"; empty if all runs were ok.
std::string DescribeFailures(const PeerCell& cell);

}  // namespace hz4

#endif  // HZ4_BENCH_PEERS_REPORT_H_
