// SPDX-License-Identifier: Apache-2.0
//
// The lanes: the argument sets of random_mixed_mt_remote that this project's verdicts and tables
// stand on. They are declared here once, as data; the benchmark's --lane=NAME, the A/B runner, the
// comparison with other allocators and the documentation all read this table.
//
// A lane says what is asked of the allocator, never how it is judged: gates, forms (touched,
// matched) and thread counts other than the lane's own belong to the programs that use it.
//
// Nothing here allocates or needs a constructor at start: the benchmark process itself includes it.

#ifndef HZ4_BENCH_LANES_H_
#define HZ4_BENCH_LANES_H_

#include <cstddef>
#include <string>

namespace hz4 {

// The seven positional arguments of random_mixed_mt_remote, in their order.
struct Lane {
  const char* name;
  int threads;
  long iters;  // per thread
  int ws;      // slots per thread; about half of them hold a live object
  long min;    // smallest and largest size asked for, in bytes, both inclusive
  long max;
  int remote_pct;  // percent of frees handed to the next thread
  int ring_slots;  // capacity of each thread's receive ring
};

inline constexpr int kLaneRing = 65536;

// The four lanes of the work orders come first, in the order in which reports show them.
inline constexpr Lane kLanes[] = {
    {"guard_r0", 16, 1200000, 400, 16, 2048, 0, kLaneRing},
    {"main_r0", 16, 1200000, 400, 16, 32768, 0, kLaneRing},
    {"main_r50", 16, 1200000, 400, 16, 32768, 50, kLaneRing},
    {"cross128_r90", 16, 400000, 400, 16, 131072, 90, kLaneRing},
    {"cross64_r0", 16, 400000, 400, 16, 65536, 0, kLaneRing},
    {"cross64_r50", 16, 400000, 400, 16, 65536, 50, kLaneRing},
    {"cross64_r90", 16, 400000, 400, 16, 65536, 90, kLaneRing},
    {"large128_r0", 16, 400000, 400, 65537, 131072, 0, kLaneRing},
    {"large128_r50", 16, 400000, 400, 65537, 131072, 50, kLaneRing},
    {"large128_r90", 16, 400000, 400, 65537, 131072, 90, kLaneRing},
    {"mid_only_r0", 16, 1200000, 400, 2049, 32768, 0, kLaneRing},
    {"mid_only_r50", 16, 1200000, 400, 2049, 32768, 50, kLaneRing},
    {"mid_only_r90", 16, 1200000, 400, 2049, 32768, 90, kLaneRing},
};

// How many rows at the start of kLanes are the work orders' own, and so the default of every tool.
inline constexpr std::size_t kWorkOrderLanes = 4;

// The lane of that name, or nullptr.
const Lane* FindLane(const char* name);

// Every lane's name, separated by ", ": what an error message about an unknown lane lists.
std::string LaneNames();

// The lane as the benchmark's positional arguments, separated by blanks: "16 1200000 400 ...".
std::string LaneArguments(const Lane& lane);

}  // namespace hz4

#endif  // HZ4_BENCH_LANES_H_
