// SPDX-License-Identifier: Apache-2.0
//
// What random_mixed_mt_remote and the ceiling are asked to do: their command line, as a value.
// Programs that start them build their arguments from the same value, so nobody repeats the order.
//
// Parsing allocates only to report an error: the benchmark's process belongs to the allocator under
// test.

#ifndef HZ4_BENCH_RANDOM_MIXED_MT_REMOTE_ARGS_H_
#define HZ4_BENCH_RANDOM_MIXED_MT_REMOTE_ARGS_H_

#include <string>
#include <vector>

#include "bench/lanes.h"

namespace hz4 {

// What is written into a block after malloc.
enum class Touch { kNone, kEnds, kAll };

struct RandomMixedArgs {
  int threads = 0;
  long iters = 0;
  int ws = 0;
  long min = 0;
  long max = 0;
  int remote_pct = 0;
  int ring_slots = 0;

  Touch touch = Touch::kNone;
  bool matched = false;     // a full ring makes the sender wait instead of freeing locally
  double delay_ns = 0;      // busy time added per iteration
  bool trim_check = false;  // report RSS before, after everything is freed, and after malloc_trim
  bool help = false;
};

RandomMixedArgs ArgsOfLane(const Lane& lane);

// False: *error names the argument, its value and what is allowed.
bool ParseRandomMixedArgs(int argc, const char* const* argv, RandomMixedArgs* args,
                          std::string* error);

// The command line that parses to `args`, without the program's name.
std::vector<std::string> CommandLine(const RandomMixedArgs& args);

const char* TouchName(Touch touch);

// The usage text of `program`.
std::string RandomMixedUsage(const char* program);

}  // namespace hz4

#endif  // HZ4_BENCH_RANDOM_MIXED_MT_REMOTE_ARGS_H_
