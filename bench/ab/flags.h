// SPDX-License-Identifier: Apache-2.0
//
// The command line of //bench:ab.
//
// Names may be written with dashes or underscores. --variant may come several times, one arm each.
// A bare `--` ends the flags; what follows is the user's command. Everything wrong is an error that
// names the flag, what is allowed and, for an unknown one, the nearest.

#ifndef HZ4_BENCH_AB_FLAGS_H_
#define HZ4_BENCH_AB_FLAGS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace hz4::ab {

struct Request {
  // What to do.
  bool help = false;
  bool plan_only = false;
  std::string verify;  // a raw.jsonl
  std::string resume;  // a campaign's folder

  // What to compare.
  std::string experiment;
  std::string base;
  std::vector<std::string> variants;  // one per arm: "HZ4_A=1 HZ4_B=2", optionally "name: ..."
  bool has_base = false;
  bool aa = false;
  std::string lanes;
  std::string lane_file;
  std::string gates;
  std::string expect;  // mechanism checks, separated by ';'
  std::string metric;
  std::vector<std::string> command;

  // How. Negative: the experiment's or the default.
  int screen_runs = -1;
  int replay_runs = -1;
  int max_blocks = -1;
  int counting_runs = -1;
  int warmup_blocks = -1;
  int repeats = -1;
  double alpha = 0.05;
  double timeout_seconds = -1;
  std::string cpus;
  std::string seed;
  bool no_align = false;
  bool no_control = false;
  bool keep_going = false;
  bool fixed_layout = false;
  bool require_quiet = false;

  // Where.
  std::string out;
  std::string name;
  std::string library;
  std::string bench;
  std::string noise;  // an earlier campaign's folder, for --plan

  std::vector<std::string> arguments;  // as given, to repeat the campaign
};

absl::StatusOr<Request> ParseFlags(int argc, char** argv);

std::string Usage();

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_FLAGS_H_
