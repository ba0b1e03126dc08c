// SPDX-License-Identifier: Apache-2.0
//
// What involves more than one thread or process: blocks freed by another thread, threads that come
// and go, and the first malloc of a process.

#include <benchmark/benchmark.h>
#include <sched.h>

#include <cstdlib>
#include <string>
#include <thread>

#include "bench/process.h"
#include "bench/random_mixed_mt_remote_ring.h"
#include "bench/runfile.h"

namespace {

constexpr int kMostPairs = 8;
constexpr std::size_t kQueueSlots = 1024;

// Threads in pairs: the even one allocates, the odd one frees what comes through the queue. Time is
// per block.
void RemoteFree(benchmark::State& state) {
  static hz4::Ring* const queues = [] {
    hz4::Ring* const rings = new hz4::Ring[kMostPairs];
    for (int i = 0; i < kMostPairs; ++i) {
      if (!rings[i].Reserve(kQueueSlots)) std::abort();
    }
    return rings;
  }();
  hz4::Ring& queue = queues[state.thread_index() / 2];
  const std::size_t size = static_cast<std::size_t>(state.range(0));
  if (state.thread_index() % 2 == 0) {
    for (auto _ : state) {
      void* block = std::malloc(size);
      benchmark::DoNotOptimize(block);
      while (!queue.Push(block)) sched_yield();
    }
    state.SetItemsProcessed(state.iterations());
    return;
  }
  // Both run the same number of iterations, so at the end every block has been freed.
  std::size_t received = 0;
  for (auto _ : state) {
    while (received == 0) {
      received = queue.Drain([](void* block) { std::free(block); });
      if (received == 0) sched_yield();
    }
    --received;
  }
}
BENCHMARK(RemoteFree)
    ->Arg(16)
    ->Arg(1024)
    ->Arg(16 << 10)
    ->Arg(128 << 10)
    ->ThreadRange(2, 2 * kMostPairs)
    ->UseRealTime();

// A thread that starts, allocates a block of each of some sizes, frees them and ends.
void ThreadStartAndExit(benchmark::State& state) {
  for (auto _ : state) {
    std::thread([] {
      for (std::size_t size = 16; size <= 64 << 10; size *= 8) {
        void* block = std::malloc(size);
        benchmark::DoNotOptimize(block);
        std::free(block);
      }
    }).join();
  }
}
BENCHMARK(ThreadStartAndExit)->Unit(benchmark::kMicrosecond)->UseRealTime();

// A process that allocates once and ends, from fork to its end. What its malloc alone took, by the
// process's own clock, stands in first_malloc_ns; most allocators do their setting up before main.
void FirstMalloc(benchmark::State& state) {
  hz4::ProcessSpec spec;
  spec.argv = {hz4::FindRunfile("bench/micro_first_malloc")};
  spec.env = hz4::CurrentEnvironment();
  spec.timeout_seconds = 60;
  double first_ns = 0;
  for (auto _ : state) {
    const hz4::ProcessResult result = hz4::RunProcess(spec);
    if (!result.Succeeded()) {
      state.SkipWithError(("micro_first_malloc: " + hz4::DescribeOutcome(spec, result)).c_str());
      return;
    }
    first_ns += std::strtod(result.out.c_str(), nullptr);
    state.SetIterationTime(result.wall_seconds);
  }
  state.counters["first_malloc_ns"] =
      benchmark::Counter(first_ns, benchmark::Counter::kAvgIterations);
}
BENCHMARK(FirstMalloc)->Unit(benchmark::kMicrosecond)->UseManualTime();

}  // namespace
