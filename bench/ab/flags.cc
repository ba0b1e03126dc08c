// SPDX-License-Identifier: Apache-2.0
//
// Flags are declared with abseil and set through its reflection: abseil's own parser would end the
// process with status 1 on a mistake, and 1 means here that a gate failed.

#include "bench/ab/flags.h"

#include <algorithm>
#include <limits>

#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

ABSL_FLAG(bool, help, false, "print this text");
ABSL_FLAG(bool, plan, false,
          "print lanes, arms, cost and the smallest visible effect; run nothing");
ABSL_FLAG(std::string, verify, "", "recompute the verdict from a raw.jsonl, alone");
ABSL_FLAG(std::string, resume, "", "go on with the campaign in this folder");
ABSL_FLAG(std::string, experiment, "",
          "a named work order, or the path of an experiment file (.ab)");
ABSL_FLAG(std::string, base, "", "the base arm: HZ4_NAME=VALUE ...; empty: the default profile");
ABSL_FLAG(std::string, variant, "",
          "a variant: the base, plus HZ4_NAME=VALUE, minus -HZ4_NAME; repeatable; \"name: ...\" "
          "names it");
ABSL_FLAG(bool, aa, false, "declare that the arms are equal: measure the noise");
ABSL_FLAG(std::string, lanes, "", "built-in lanes, or some lanes of the lane file: a,b,c");
ABSL_FLAG(std::string, lane_file, "", "lanes of your own; docs/AB.md has the schema");
ABSL_FLAG(std::string, gates, "", "LANE[:METRIC]>=SCREEN[/REPLAY],... in percent of gain");
ABSL_FLAG(std::string, expect, "", "mechanism checks over counters, separated by ';'");
ABSL_FLAG(std::string, metric, "", "for a command: NAME:higher|lower:PATTERN, a number it prints");
ABSL_FLAG(int, screen_runs, -1, "runs per arm of the screen; 0: none");
ABSL_FLAG(int, replay_runs, -1, "runs per arm of the replay (blocks)");
ABSL_FLAG(int, max_blocks, -1, "replay blocks that an undecided lane may grow to");
ABSL_FLAG(int, counting_runs, -1, "runs per arm and lane with statistics on, never timed");
ABSL_FLAG(int, warmup_blocks, -1, "discarded blocks before the first timed one");
ABSL_FLAG(int, repeats, -1, "runs per arm and block, their median is the block's value");
ABSL_FLAG(double, alpha, 0.05, "error rate");
ABSL_FLAG(double, timeout, -1, "seconds after which a run hangs");
ABSL_FLAG(std::string, cpus, "", "processors for the children: 0-3,8");
ABSL_FLAG(std::string, seed, "", "16 hex digits; the order of runs follows from it");
ABSL_FLAG(bool, no_align, false, "leave what a variant implies to the variant");
ABSL_FLAG(bool, no_control, false, "no control arm (A')");
ABSL_FLAG(bool, keep_going, false,
          "measure on where a failed observation, screen or run would stop");
ABSL_FLAG(bool, fixed_layout, false, "no address randomisation and no padding, for debugging");
ABSL_FLAG(bool, require_quiet, false, "exit 5 when others load this machine");
ABSL_FLAG(std::string, out, "", "folder of the results; default ab-NAME-TIME where you stand");
ABSL_FLAG(std::string, name, "", "the campaign's name");
ABSL_FLAG(std::string, library, "", "the library to preload; default: libhz4.so of this build");
ABSL_FLAG(std::string, bench, "", "the random_mixed_mt_remote to run; default: of this build");
ABSL_FLAG(std::string, noise, "", "for --plan: folder of an earlier campaign on this machine");

namespace hz4::ab {
namespace {

constexpr const char* kNames[] = {
    "help",       "plan",        "verify",       "resume",        "experiment",    "base",
    "variant",    "aa",          "lanes",        "lane_file",     "gates",         "expect",
    "metric",     "screen_runs", "replay_runs",  "max_blocks",    "counting_runs", "warmup_blocks",
    "repeats",    "alpha",       "timeout",      "cpus",          "seed",          "no_align",
    "no_control", "keep_going",  "fixed_layout", "require_quiet", "out",           "name",
    "library",    "bench",       "noise"};

std::string Dashed(const std::string& name) { return absl::StrReplaceAll(name, {{"_", "-"}}); }

int EditDistance(const std::string& a, const std::string& b) {
  std::vector<int> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<int>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const int substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

std::string Nearest(const std::string& name) {
  const auto* nearest = std::min_element(
      std::begin(kNames), std::end(kNames),
      [&](const char* a, const char* b) { return EditDistance(name, a) < EditDistance(name, b); });
  return Dashed(*nearest);
}

absl::Status SetFlag(const std::string& argument, Request* request) {
  if (argument.rfind("--", 0) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", argument, "\" is no flag; a command of your own goes behind --"));
  }
  const std::vector<std::string> parts =
      absl::StrSplit(argument.substr(2), absl::MaxSplits('=', 1));
  const std::string name = absl::StrReplaceAll(parts[0], {{"-", "_"}});
  const bool known = std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
  if (!known) {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown flag --", parts[0], "; the nearest is --", Nearest(name)));
  }
  absl::CommandLineFlag* flag = absl::FindCommandLineFlag(name);
  const bool is_bool = flag->IsOfType<bool>();
  if (parts.size() == 1 && !is_bool) {
    return absl::InvalidArgumentError(
        absl::StrCat("--", parts[0], " needs a value: --", parts[0], "=..."));
  }
  std::string error;
  if (!flag->ParseFrom(parts.size() == 2 ? parts[1] : "true", &error)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--", parts[0], "=", parts.size() == 2 ? parts[1] : "", ": ",
                     error.empty() ? "not a value of this flag" : error));
  }
  if (name == "variant") request->variants.push_back(parts[1]);
  if (name == "base") request->has_base = true;
  return absl::OkStatus();
}

absl::Status CheckRange(const char* name, int value, int least, int most) {
  if (value == -1 || (value >= least && value <= most)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--", name, "=", value, ": allowed are ", least, " to ", most));
}

absl::Status CheckValues(const Request& request) {
  for (const auto& [name, value, least] :
       {std::tuple<const char*, int, int>{"screen-runs", request.screen_runs, 0},
        {"replay-runs", request.replay_runs, 1},
        {"max-blocks", request.max_blocks, 1},
        {"counting-runs", request.counting_runs, 0},
        {"warmup-blocks", request.warmup_blocks, 0},
        {"repeats", request.repeats, 1}}) {
    if (absl::Status in = CheckRange(name, value, least, 100000); !in.ok()) return in;
  }
  if (!(request.alpha > 0 && request.alpha < 0.5)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--alpha=", request.alpha, ": allowed is a rate above 0 and below 0.5"));
  }
  const bool hex = request.seed.size() == 16 &&
                   request.seed.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!request.seed.empty() && !hex) {
    return absl::InvalidArgumentError(
        absl::StrCat("--seed=", request.seed, ": allowed are 16 hex digits, lower case"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Request> ParseFlags(int argc, char** argv) {
  Request request;
  request.arguments.assign(argv + 1, argv + argc);
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--") {
      request.command.assign(argv + i + 1, argv + argc);
      if (request.command.empty()) {
        return absl::InvalidArgumentError("nothing stands behind --: a command is expected there");
      }
      break;
    }
    if (absl::Status set = SetFlag(argument, &request); !set.ok()) return set;
  }
  request.help = absl::GetFlag(FLAGS_help);
  request.plan_only = absl::GetFlag(FLAGS_plan);
  request.verify = absl::GetFlag(FLAGS_verify);
  request.resume = absl::GetFlag(FLAGS_resume);
  request.experiment = absl::GetFlag(FLAGS_experiment);
  request.base = absl::GetFlag(FLAGS_base);
  request.aa = absl::GetFlag(FLAGS_aa);
  request.lanes = absl::GetFlag(FLAGS_lanes);
  request.lane_file = absl::GetFlag(FLAGS_lane_file);
  request.gates = absl::GetFlag(FLAGS_gates);
  request.expect = absl::GetFlag(FLAGS_expect);
  request.metric = absl::GetFlag(FLAGS_metric);
  request.screen_runs = absl::GetFlag(FLAGS_screen_runs);
  request.replay_runs = absl::GetFlag(FLAGS_replay_runs);
  request.max_blocks = absl::GetFlag(FLAGS_max_blocks);
  request.counting_runs = absl::GetFlag(FLAGS_counting_runs);
  request.warmup_blocks = absl::GetFlag(FLAGS_warmup_blocks);
  request.repeats = absl::GetFlag(FLAGS_repeats);
  request.alpha = absl::GetFlag(FLAGS_alpha);
  request.timeout_seconds = absl::GetFlag(FLAGS_timeout);
  request.cpus = absl::GetFlag(FLAGS_cpus);
  request.seed = absl::GetFlag(FLAGS_seed);
  request.no_align = absl::GetFlag(FLAGS_no_align);
  request.no_control = absl::GetFlag(FLAGS_no_control);
  request.keep_going = absl::GetFlag(FLAGS_keep_going);
  request.fixed_layout = absl::GetFlag(FLAGS_fixed_layout);
  request.require_quiet = absl::GetFlag(FLAGS_require_quiet);
  request.out = absl::GetFlag(FLAGS_out);
  request.name = absl::GetFlag(FLAGS_name);
  request.library = absl::GetFlag(FLAGS_library);
  request.bench = absl::GetFlag(FLAGS_bench);
  request.noise = absl::GetFlag(FLAGS_noise);
  if (absl::Status valid = CheckValues(request); !valid.ok()) return valid;
  return request;
}

std::string Usage() {
  std::string text =
      "ab: an honest verdict for any hz4 policy on any program.\n\n"
      "  ab --experiment=b74b                            a work order, by its own gates\n"
      "  ab --variant=HZ4_X=1                            a policy on the built-in lanes\n"
      "  ab --variant=HZ4_X=1 -- your-command args       a policy on your own program\n"
      "  ab --aa                                         the noise of this machine\n"
      "  ab --verify=FOLDER/raw.jsonl                    the verdict again, from the record "
      "alone\n\n"
      "Exit status: 0 pass, 1 gate failed, 2 usage, 3 inconclusive, 4 invalid, 5 environment "
      "unfit.\n\n";
  for (const char* name : kNames) {
    const absl::CommandLineFlag* flag = absl::FindCommandLineFlag(name);
    absl::StrAppend(&text, "  --", Dashed(name), flag->IsOfType<bool>() ? "" : "=...", "\n      ",
                    flag->Help(), "\n");
  }
  return text;
}

}  // namespace hz4::ab
