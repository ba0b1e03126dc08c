// SPDX-License-Identifier: Apache-2.0
//
// Lanes, micro benchmarks and commands as workloads.

#include "bench/peers_workload.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>

#include "bench/random_mixed_mt_remote_args.h"
#include "bench/runfile.h"

namespace hz4 {

const char* const kForms[3] = {"untouched", "touched", "matched"};

namespace {

constexpr int kShortRing = 1024;
constexpr int kMostThreads = 4096;

// False where the lane has no such form.
bool ApplyForm(const std::string& form, RandomMixedArgs* args) {
  const bool remote = args->remote_pct > 0;
  if (form == "touched") {
    args->touch = Touch::kEnds;
    args->matched = remote;
    if (remote) args->ring_slots = kShortRing;
  } else if (form == "matched") {
    if (!remote) return false;
    args->matched = true;
  }
  return true;
}

Workload LoopWorkload(const std::string& name, const RandomMixedArgs& args,
                      const std::string& program, const std::string& ceiling) {
  Workload workload;
  workload.name = name;
  workload.kind = Workload::Kind::kLoop;
  workload.reporter = "random_mixed_mt_remote";
  workload.argv = CommandLine(args);
  if (!ceiling.empty()) {
    workload.ceiling_argv = workload.argv;
    workload.ceiling_argv.insert(workload.ceiling_argv.begin(), ceiling);
  }
  workload.argv.insert(workload.argv.begin(), program);
  return workload;
}

bool Validate(const LaneSelection& selection, std::string* error) {
  for (const std::string& form : selection.forms) {
    const bool known = std::any_of(std::begin(kForms), std::end(kForms),
                                   [&](const char* candidate) { return form == candidate; });
    if (known) continue;
    *error = "form " + form + ": forms are untouched, touched, matched";
    return false;
  }
  for (int threads : selection.threads) {
    if (threads >= 1 && threads <= kMostThreads) continue;
    *error =
        "threads " + std::to_string(threads) + ": allowed is 1 to " + std::to_string(kMostThreads);
    return false;
  }
  for (const std::string& lane : selection.lanes) {
    if (FindLane(lane.c_str()) != nullptr) continue;
    *error = "lane " + lane + ": lanes are " + LaneNames();
    return false;
  }
  for (const auto& [lane, iters] : selection.iters) {
    if (FindLane(lane.c_str()) != nullptr && iters >= 1) continue;
    *error = "iters " + lane + "=" + std::to_string(iters) +
             ": expected a lane and a number above 0; lanes are " + LaneNames();
    return false;
  }
  return true;
}

std::vector<std::string> Words(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

}  // namespace

bool PlanLanes(const LaneSelection& selection, const std::string& program,
               const std::string& ceiling, std::vector<Workload>* workloads, std::string* error) {
  if (!Validate(selection, error)) return false;
  for (int threads : selection.threads) {
    for (const std::string& form : selection.forms) {
      for (const std::string& lane : selection.lanes) {
        RandomMixedArgs args = ArgsOfLane(*FindLane(lane.c_str()));
        args.threads = threads;
        const auto iters = selection.iters.find(lane);
        if (iters != selection.iters.end()) args.iters = iters->second;
        if (!ApplyForm(form, &args)) continue;
        const std::string name = lane + " " + form + " " + std::to_string(threads) + "t";
        workloads->push_back(LoopWorkload(name, args, program, ceiling));
      }
    }
  }
  if (workloads->empty()) {
    *error = "nothing to run: none of the lanes has one of the forms";
    return false;
  }
  return true;
}

std::vector<Workload> MicroWorkloads(const std::string& program,
                                     const std::vector<std::string>& names, double seconds) {
  std::vector<Workload> workloads;
  for (const std::string& name : names) {
    Workload workload;
    workload.name = name;
    workload.kind = Workload::Kind::kMicro;
    workload.argv = {program, "--allocator=preloaded", "--benchmark_filter=^" + name + "$",
                     "--benchmark_min_time=" + std::to_string(seconds), "--benchmark_format=json"};
    workloads.push_back(workload);
  }
  return workloads;
}

Workload CommandWorkload(const std::vector<std::string>& argv) {
  Workload workload;
  workload.argv = argv;
  workload.name = argv[0].substr(argv[0].rfind('/') + 1);
  if (argv[0].find('/') != std::string::npos) workload.argv[0] = UserPath(argv[0]);
  workload.directory = UserPath(".");
  return workload;
}

bool ReadCommands(const std::string& path, std::vector<Workload>* workloads, std::string* error) {
  std::ifstream file(path);
  if (!file) {
    *error = path + ": cannot be read: " + strerror(errno);
    return false;
  }
  std::set<std::string> names;
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    const std::string where = path + ":" + std::to_string(number) + ": ";
    if (Words(line).empty() || Words(line)[0][0] == '#') continue;
    const size_t colon = line.find(": ");
    const std::vector<std::string> name = Words(line.substr(0, colon));
    if (colon == std::string::npos || name.size() != 1 || Words(line.substr(colon + 1)).empty()) {
      *error = where + "expected \"name: program arguments...\", found \"" + line + "\"";
      return false;
    }
    if (!names.insert(name[0]).second) {
      *error = where + "the name " + name[0] + " was given before";
      return false;
    }
    workloads->push_back(CommandWorkload(Words(line.substr(colon + 1))));
    workloads->back().name = name[0];
  }
  if (names.empty()) *error = path + ": holds no command";
  return !names.empty();
}

}  // namespace hz4
