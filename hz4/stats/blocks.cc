// SPDX-License-Identifier: Apache-2.0
#include "hz4/stats/blocks.h"

#include "hz4/base/bits.h"
#include "hz4/base/os.h"

namespace hz4 {

namespace {

constexpr size_t kBlocksPerChunk = 64;

// Never unmapped: a thread may read the next_free of a block that another just took.
struct Chunk {
  Chunk* next;
  StatsBlock blocks[kBlocksPerChunk];
};

// All chunks ever made. Pushed with release, so that who walks the list sees each next.
std::atomic<Chunk*> chunks{nullptr};

// The blocks without a thread: the first one's address, and above its 48 bits a count of changes,
// so that a block that left and came back is not mistaken for one that stayed. A push releases the
// counters its thread wrote, a pop acquires them.
std::atomic<uint64_t> free_blocks{0};
constexpr unsigned kAddressBits = 48;
constexpr uint64_t kAddressMask = (uint64_t{1} << kAddressBits) - 1;

// Of the threads that can have none of their own.
StatsBlock shared_block;

// Set once at launch, before other threads run.
std::atomic<bool (*)()> thread_watch{nullptr};

StatsBlock* FirstFree(uint64_t list) {
  return reinterpret_cast<StatsBlock*>(static_cast<uintptr_t>(list & kAddressMask));
}

uint64_t ListAfter(uint64_t list, StatsBlock* first) {
  uint64_t changes = (list >> kAddressBits) + 1;
  return (changes << kAddressBits) | reinterpret_cast<uintptr_t>(first);
}

void PushFree(StatsBlock* block) {
  uint64_t list = free_blocks.load(std::memory_order_relaxed);
  do {
    block->next_free.store(FirstFree(list), std::memory_order_relaxed);
  } while (!free_blocks.compare_exchange_weak(
      list, ListAfter(list, block), std::memory_order_release, std::memory_order_relaxed));
}

StatsBlock* PopFree() {
  uint64_t list = free_blocks.load(std::memory_order_acquire);
  for (;;) {
    StatsBlock* block = FirstFree(list);
    if (block == nullptr) return nullptr;
    StatsBlock* next = block->next_free.load(std::memory_order_relaxed);
    if (free_blocks.compare_exchange_weak(list, ListAfter(list, next), std::memory_order_acquire)) {
      return block;
    }
  }
}

// One block for the caller, the rest of a new chunk for others.
StatsBlock* MakeBlocks() {
  auto* chunk = static_cast<Chunk*>(os::Map(AlignUp(sizeof(Chunk), kOsPage), kOsPage));
  if (chunk == nullptr) return nullptr;
  chunk->next = chunks.load(std::memory_order_relaxed);
  while (!chunks.compare_exchange_weak(chunk->next, chunk, std::memory_order_release,
                                       std::memory_order_relaxed)) {
  }
  for (size_t i = 1; i < kBlocksPerChunk; ++i) PushFree(&chunk->blocks[i]);
  return &chunk->blocks[0];
}

void MergeBlock(const StatsBlock& block, StatsTotals* totals) {
  for (size_t i = 0; i < kCounterCount; ++i) {
    uint64_t value = block.v[i].load(std::memory_order_relaxed);
    if (kCounterRows[i].merge == CounterMerge::kSum) {
      totals->v[i] += value;
    } else if (value > totals->v[i]) {
      totals->v[i] = value;
    }
  }
}

}  // namespace

StatsBlock* StatsBlockOfThisThread() {
  if (tls.stats != nullptr) return tls.stats;
  if (tls.exited) return nullptr;
  StatsBlock* block = PopFree();
  if (block == nullptr) block = MakeBlocks();
  if (block == nullptr) return nullptr;

  StatsBlock* none = nullptr;
  if (!__atomic_compare_exchange_n(&tls.stats, &none, block, false, __ATOMIC_RELAXED,
                                   __ATOMIC_RELAXED)) {
    PushFree(block);  // a signal handler of this thread was faster
    return none;
  }
  // The watch may allocate, and so count: it comes after the block.
  bool (*watch)() = thread_watch.load(std::memory_order_relaxed);
  if (watch == nullptr || watch()) return block;
  ReleaseStatsBlock();
  return nullptr;
}

void ReleaseStatsBlock() {
  StatsBlock* block = __atomic_exchange_n(&tls.stats, nullptr, __ATOMIC_RELAXED);
  if (block != nullptr) PushFree(block);
}

void SetThreadWatch(bool (*watch)()) { thread_watch.store(watch, std::memory_order_relaxed); }

StatsTotals MergeStats() {
  StatsTotals totals = {};
  MergeBlock(shared_block, &totals);
  for (Chunk* c = chunks.load(std::memory_order_acquire); c != nullptr; c = c->next) {
    for (const StatsBlock& block : c->blocks) MergeBlock(block, &totals);
  }
  return totals;
}

void Counting::AddSlow(CounterId id, uint64_t n) {
  if (StatsBlockOfThisThread() != nullptr) return Add(id, n);
  shared_block.v[static_cast<size_t>(id)].fetch_add(n, std::memory_order_relaxed);
}

void Counting::Max(CounterId id, uint64_t n) {
  StatsBlock* block = StatsBlockOfThisThread();
  if (block == nullptr) block = &shared_block;
  std::atomic<uint64_t>& v = block->v[static_cast<size_t>(id)];
  uint64_t most = v.load(std::memory_order_relaxed);
  while (n > most && !v.compare_exchange_weak(most, n, std::memory_order_relaxed)) {
  }
}

}  // namespace hz4
