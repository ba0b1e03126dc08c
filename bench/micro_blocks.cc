// SPDX-License-Identifier: Apache-2.0
//
// malloc and free: one block at a time, many live blocks, cleared blocks. Times are per block,
// which is allocated and freed once.

#include <benchmark/benchmark.h>

#include <array>
#include <cstdlib>

namespace {

constexpr int kLive = 64;

void Sizes(benchmark::internal::Benchmark* benchmark) {
  for (long size : {16, 64, 256, 1 << 10, 4 << 10, 16 << 10, 32 << 10, 64 << 10, 128 << 10,
                    256 << 10, 512 << 10, 1 << 20}) {
    benchmark->Arg(size);
  }
}

// malloc and free of one block, again and again.
void Pair(benchmark::State& state) {
  const std::size_t size = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    void* block = std::malloc(size);
    benchmark::DoNotOptimize(block);
    std::free(block);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Pair)->Apply(Sizes)->ThreadRange(1, 16)->UseRealTime();

// kLive blocks, then all of them back in the order in which they came.
void Batch(benchmark::State& state) {
  const std::size_t size = static_cast<std::size_t>(state.range(0));
  std::array<void*, kLive> blocks;
  while (state.KeepRunningBatch(kLive)) {
    for (void*& block : blocks) {
      block = std::malloc(size);
      benchmark::DoNotOptimize(block);
    }
    for (void* block : blocks) std::free(block);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Batch)->Apply(Sizes)->ThreadRange(1, 16)->UseRealTime();

// A cleared block, freed at once. Touched: a byte is written into each page before; an allocator
// that gives pages back instead of clearing them pays for that here.
void ClearedBlock(benchmark::State& state, bool touched) {
  constexpr std::size_t kPage = 4096;
  const std::size_t size = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    char* block = static_cast<char*>(std::calloc(1, size));
    benchmark::DoNotOptimize(block);
    for (std::size_t at = 0; touched && at < size; at += kPage) block[at] = 1;
    benchmark::ClobberMemory();
    std::free(block);
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
void Calloc(benchmark::State& state) { ClearedBlock(state, false); }
void CallocTouched(benchmark::State& state) { ClearedBlock(state, true); }
BENCHMARK(Calloc)->RangeMultiplier(4)->Range(16, 1 << 20);
BENCHMARK(CallocTouched)->RangeMultiplier(4)->Range(16, 1 << 20);

}  // namespace
