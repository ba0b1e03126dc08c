// SPDX-License-Identifier: Apache-2.0
//
// What a run of the lanes' loop reports, written and read in one place:
//
//   trim: rss_start=BYTES rss_freed=BYTES rss_trimmed=BYTES             only with --trim-check
//   remote: asked_pct=50 real_pct=48.11 fallback_pct=3.80 peak_ring_depth=65536 alloc_failed=0
//   PROGRAM: threads=16 iters=1200000 ws=400 min=16 max=32768 remote_pct=50 ring=65536 ops=19200000
//            time=0.512345 ops/s=37474748                               (one line)
//
//   real_pct      frees on another thread than the one that emptied the slot, of all frees, while
//                 the clock ran
//   fallback_pct  frees done locally because the ring was full, of all that were to be remote
//   ops/s         "-" while hz4's statistics are on: a counting run is never a timed run

#ifndef HZ4_BENCH_RANDOM_MIXED_MT_REMOTE_REPORT_H_
#define HZ4_BENCH_RANDOM_MIXED_MT_REMOTE_REPORT_H_

#include <algorithm>
#include <cstdint>
#include <string>

#include "bench/random_mixed_mt_remote_args.h"

namespace hz4 {

struct RandomMixedCounts {
  std::uint64_t mallocs = 0;
  std::uint64_t local_frees = 0;   // on the thread that emptied the slot, fallbacks included
  std::uint64_t remote_frees = 0;  // of blocks received, while the clock ran
  std::uint64_t sent = 0;
  std::uint64_t fallbacks = 0;  // frees that were to be remote and met a full ring
  std::uint64_t alloc_failed = 0;
  std::uint64_t peak_ring_depth = 0;
  std::uint64_t leftover = 0;  // freed after the clock stopped
  double seconds = 0;

  std::uint64_t Frees() const { return local_frees + remote_frees; }
  std::uint64_t Ops() const { return mallocs + Frees(); }

  void Add(const RandomMixedCounts& thread) {
    mallocs += thread.mallocs;
    local_frees += thread.local_frees;
    remote_frees += thread.remote_frees;
    sent += thread.sent;
    fallbacks += thread.fallbacks;
    alloc_failed += thread.alloc_failed;
    peak_ring_depth = std::max(peak_ring_depth, thread.peak_ring_depth);
    leftover += thread.leftover;
  }
};

// Resident bytes of this process at three moments of a --trim-check.
struct TrimCheck {
  std::int64_t start = 0;
  std::int64_t freed = 0;
  std::int64_t trimmed = 0;
};

// Resident bytes now, exactly (the kernel walks the pages), without allocating; -1 if unknown.
std::int64_t ResidentBytes();

// Whether the environment asks hz4 for statistics.
bool StatisticsAreOn();

void PrintTrimCheck(const TrimCheck& check);
void PrintRandomMixed(const char* program, const RandomMixedArgs& args,
                      const RandomMixedCounts& counts);

// A report as another program reads it.
struct RandomMixedReport {
  double ops = 0;
  double seconds = 0;
  double ops_per_second = 0;  // 0 while statistics are on
  double real_pct = 0;
  double fallback_pct = 0;
  double peak_ring_depth = 0;
  double alloc_failed = 0;
};

// Reads the line "PROGRAM: ... ops=N time=SECONDS ops/s=RATE" at the end of what it printed; the
// rest of the report is left alone. False: *error says what is missing.
bool ParseRate(const std::string& program, const std::string& output, RandomMixedReport* report,
               std::string* error);

// The same, and the line "remote: ..." before it.
bool ParseRandomMixedReport(const std::string& program, const std::string& output,
                            RandomMixedReport* report, std::string* error);

}  // namespace hz4

#endif  // HZ4_BENCH_RANDOM_MIXED_MT_REMOTE_REPORT_H_
