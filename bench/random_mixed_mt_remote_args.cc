// SPDX-License-Identifier: Apache-2.0
//
// Command line of the lanes' loop. The positional arguments are a table: name, range, place.

#include "bench/random_mixed_mt_remote_args.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace hz4 {
namespace {

constexpr long kMostIters = 1000000000000;
constexpr long kLargestSize = 1L << 31;  // sizes come from 32-bit random numbers
constexpr double kMostDelay = 1e6;

struct Positional {
  const char* name;
  long smallest;
  long largest;
};
constexpr Positional kPositionals[] = {{"threads", 1, 4096},      {"iters", 1, kMostIters},
                                       {"ws", 1, 1 << 26},        {"min", 1, kLargestSize},
                                       {"max", 1, kLargestSize},  {"remote_pct", 0, 100},
                                       {"ring_slots", 1, 1 << 28}};
constexpr int kCount = sizeof(kPositionals) / sizeof(kPositionals[0]);

constexpr Touch kTouches[] = {Touch::kNone, Touch::kEnds, Touch::kAll};

bool ParseNumber(const Positional& what, const char* text, long* number, std::string* error) {
  char* end = nullptr;
  errno = 0;
  *number = std::strtol(text, &end, 10);
  if (errno == 0 && end != text && *end == '\0' && *number >= what.smallest &&
      *number <= what.largest) {
    return true;
  }
  *error = std::string(what.name) + "=" + text + ": allowed is a number from " +
           std::to_string(what.smallest) + " to " + std::to_string(what.largest);
  return false;
}

void Store(const long (&values)[kCount], RandomMixedArgs* args) {
  args->threads = static_cast<int>(values[0]);
  args->iters = values[1];
  args->ws = static_cast<int>(values[2]);
  args->min = values[3];
  args->max = values[4];
  args->remote_pct = static_cast<int>(values[5]);
  args->ring_slots = static_cast<int>(values[6]);
}

bool ParseTouch(const char* text, Touch* touch, std::string* error) {
  for (Touch candidate : kTouches) {
    if (std::strcmp(text, TouchName(candidate)) == 0) {
      *touch = candidate;
      return true;
    }
  }
  *error = std::string("--touch=") + text + ": allowed are none, ends, all";
  return false;
}

bool ParseDelay(const char* text, double* delay, std::string* error) {
  char* end = nullptr;
  *delay = std::strtod(text, &end);
  if (end != text && *end == '\0' && *delay >= 0 && *delay <= kMostDelay) return true;
  *error = std::string("--delay-ns=") + text + ": allowed is a number from 0 to 1000000";
  return false;
}

bool ParseLane(const char* text, const Lane** lane, std::string* error) {
  *lane = FindLane(text);
  if (*lane != nullptr) return true;
  *error = std::string("--lane=") + text + ": no such lane; lanes are " + LaneNames();
  return false;
}

// The value of "--name=value", or nullptr if `argument` is another option.
const char* Value(const char* argument, const char* name) {
  const size_t length = std::strlen(name);
  return std::strncmp(argument, name, length) == 0 && argument[length] == '='
             ? argument + length + 1
             : nullptr;
}

bool ParseOption(const char* argument, RandomMixedArgs* args, const Lane** lane,
                 std::string* error) {
  if (std::strcmp(argument, "--matched") == 0) return args->matched = true;
  if (std::strcmp(argument, "--trim-check") == 0) return args->trim_check = true;
  if (std::strcmp(argument, "--help") == 0) return args->help = true;
  if (const char* text = Value(argument, "--touch")) return ParseTouch(text, &args->touch, error);
  if (const char* text = Value(argument, "--delay-ns")) {
    return ParseDelay(text, &args->delay_ns, error);
  }
  if (const char* text = Value(argument, "--lane")) return ParseLane(text, lane, error);
  *error = std::string("unknown option ") + argument +
           "; options are --lane=NAME --touch=none|ends|all --matched --delay-ns=N --trim-check";
  return false;
}

}  // namespace

const char* TouchName(Touch touch) {
  switch (touch) {
    case Touch::kNone:
      return "none";
    case Touch::kEnds:
      return "ends";
    case Touch::kAll:
      return "all";
  }
  return "?";
}

RandomMixedArgs ArgsOfLane(const Lane& lane) {
  RandomMixedArgs args;
  const long values[kCount] = {lane.threads, lane.iters,      lane.ws,        lane.min,
                               lane.max,     lane.remote_pct, lane.ring_slots};
  Store(values, &args);
  return args;
}

bool ParseRandomMixedArgs(int argc, const char* const* argv, RandomMixedArgs* args,
                          std::string* error) {
  *args = RandomMixedArgs();
  const Lane* lane = nullptr;
  long values[kCount] = {};
  int given = 0;
  for (int i = 1; i < argc; ++i) {
    if (argv[i][0] == '-' && argv[i][1] == '-') {
      if (!ParseOption(argv[i], args, &lane, error)) return false;
      continue;
    }
    if (given == kCount) {
      *error = std::string("unexpected argument ") + argv[i] + " after ring_slots";
      return false;
    }
    if (!ParseNumber(kPositionals[given], argv[i], &values[given], error)) return false;
    ++given;
  }
  if (args->help) return true;
  if (lane != nullptr) {
    if (given > 0) {
      *error = "--lane already fills the seven arguments; give one or the other";
      return false;
    }
    const RandomMixedArgs of_lane = ArgsOfLane(*lane);
    const long from_lane[kCount] = {of_lane.threads,   of_lane.iters, of_lane.ws,
                                    of_lane.min,       of_lane.max,   of_lane.remote_pct,
                                    of_lane.ring_slots};
    Store(from_lane, args);
    return true;
  }
  if (given < kCount) {
    *error = std::string("missing argument ") + kPositionals[given].name;
    return false;
  }
  if (values[4] < values[3]) {
    *error = "max=" + std::to_string(values[4]) + ": allowed is min (" + std::to_string(values[3]) +
             ") or more";
    return false;
  }
  Store(values, args);
  return true;
}

std::vector<std::string> CommandLine(const RandomMixedArgs& args) {
  std::vector<std::string> line;
  for (long value :
       {static_cast<long>(args.threads), args.iters, static_cast<long>(args.ws), args.min, args.max,
        static_cast<long>(args.remote_pct), static_cast<long>(args.ring_slots)}) {
    line.push_back(std::to_string(value));
  }
  if (args.touch != Touch::kNone) line.push_back(std::string("--touch=") + TouchName(args.touch));
  if (args.matched) line.push_back("--matched");
  if (args.delay_ns > 0) {
    char text[64];
    std::snprintf(text, sizeof(text), "--delay-ns=%.17g", args.delay_ns);
    line.push_back(text);
  }
  if (args.trim_check) line.push_back("--trim-check");
  return line;
}

std::string RandomMixedUsage(const char* program) {
  return std::string("usage: ") + program +
         " threads iters ws min max remote_pct ring_slots [options]\n"
         "       " +
         program +
         " --lane=NAME [options]\n"
         "  threads     threads, each with a ring of its own\n"
         "  iters       iterations of each thread\n"
         "  ws          slots of each thread\n"
         "  min max     sizes in bytes, both inclusive\n"
         "  remote_pct  percent of frees handed to the next thread\n"
         "  ring_slots  capacity of each ring\n"
         "options:\n"
         "  --lane=NAME             take all seven from a lane: " +
         LaneNames() +
         "\n"
         "  --touch=none|ends|all   write nothing, the first and last byte, or every byte\n"
         "  --matched               on a full ring drain the own one and yield, do not free here\n"
         "  --delay-ns=N            busy time added per iteration; fractions are allowed\n"
         "  --trim-check            print RSS at start, after all is freed, after malloc_trim(0)\n";
}

}  // namespace hz4
