// SPDX-License-Identifier: Apache-2.0
//
// Blocks that grow. Times are per block, from its first size to its last.

#include <benchmark/benchmark.h>

#include <cstdlib>

namespace {

constexpr std::size_t kPage = 4096;

// As a buffer grows that is filled line by line: by 256 bytes to 256 KiB.
void ReallocSteps(benchmark::State& state) {
  constexpr std::size_t kStep = 256;
  constexpr std::size_t kLast = 256 << 10;
  for (auto _ : state) {
    void* block = std::malloc(kStep);
    for (std::size_t size = 2 * kStep; size <= kLast; size += kStep) {
      block = std::realloc(block, size);
      benchmark::DoNotOptimize(block);
    }
    std::free(block);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<long>(kLast / kStep));
}
BENCHMARK(ReallocSteps);

// As a vector grows: doubled from 64 bytes to 64 MiB. Touched: a byte is written into each new
// page.
void Double(benchmark::State& state, bool touched) {
  constexpr std::size_t kFirst = 64;
  constexpr std::size_t kLast = 64 << 20;
  for (auto _ : state) {
    char* block = static_cast<char*>(std::malloc(kFirst));
    for (std::size_t size = 2 * kFirst; size <= kLast; size *= 2) {
      block = static_cast<char*>(std::realloc(block, size));
      benchmark::DoNotOptimize(block);
      if (!touched) continue;
      for (std::size_t at = size / 2; at < size; at += kPage) block[at] = 1;
      benchmark::ClobberMemory();
    }
    std::free(block);
  }
}
void ReallocDoubleTouched(benchmark::State& state) { Double(state, true); }
void ReallocDoubleUntouched(benchmark::State& state) { Double(state, false); }
BENCHMARK(ReallocDoubleTouched)->Unit(benchmark::kMicrosecond);
BENCHMARK(ReallocDoubleUntouched)->Unit(benchmark::kMicrosecond);

}  // namespace
