// SPDX-License-Identifier: Apache-2.0
//
// The program around the lanes' loop: arguments in, report out. Exit status 0, 1 when threads or
// memory for them could not be had, 2 on bad arguments.

#ifndef HZ4_BENCH_RANDOM_MIXED_MT_REMOTE_MAIN_H_
#define HZ4_BENCH_RANDOM_MIXED_MT_REMOTE_MAIN_H_

#include <malloc.h>

#include <cstdio>
#include <string>

#include "bench/random_mixed_mt_remote_args.h"
#include "bench/random_mixed_mt_remote_loop.h"
#include "bench/random_mixed_mt_remote_report.h"

namespace hz4 {

template <class Policy>
int RandomMixedMain(const char* program, int argc, char** argv) {
  TrimCheck trim;
  RandomMixedArgs args;
  std::string error;
  if (!ParseRandomMixedArgs(argc, argv, &args, &error)) {
    std::fprintf(stderr, "%s: %s\n%s", program, error.c_str(), RandomMixedUsage(program).c_str());
    return 2;
  }
  if (args.help) {
    std::fputs(RandomMixedUsage(program).c_str(), stdout);
    return 0;
  }
  if (args.trim_check) trim.start = ResidentBytes();
  const RandomMixedCounts counts = RunRandomMixed<Policy>(args);
  if (args.trim_check) {
    trim.freed = ResidentBytes();
    malloc_trim(0);
    trim.trimmed = ResidentBytes();
    PrintTrimCheck(trim);
  }
  PrintRandomMixed(program, args, counts);
  return 0;
}

}  // namespace hz4

#endif  // HZ4_BENCH_RANDOM_MIXED_MT_REMOTE_MAIN_H_
