// SPDX-License-Identifier: Apache-2.0

#include "tests/trace/trace.h"

#include <errno.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/support/test_env.h"
#include "tests/trace/allocator.h"
#include "tests/trace/shadow.h"

namespace hz4 {
namespace test {
namespace {

// Blocks on their way from one thread to another.
class Mailbox {
 public:
  void Send(const Block& block) {
    std::lock_guard<std::mutex> lock(mutex_);
    blocks_.push_back(block);
  }
  std::vector<Block> Take() {
    std::lock_guard<std::mutex> lock(mutex_);
    return std::move(blocks_);
  }

 private:
  std::mutex mutex_;
  std::vector<Block> blocks_;
};

// What all threads of a trace share.
struct Common {
  explicit Common(const TraceOptions& given) : options(given), mailboxes(given.threads) {}

  void Report(const std::string& error) {
    std::lock_guard<std::mutex> lock(mutex);
    if (first_error.empty()) first_error = error;
    failed.store(true, std::memory_order_relaxed);
  }

  const TraceOptions& options;
  std::vector<Mailbox> mailboxes;
  std::atomic<bool> failed{false};
  std::atomic<std::uint64_t> refused{0};
  std::mutex mutex;
  std::string first_error;
};

// One thread's share of the trace; lives through all rounds, worked by one thread in each.
class Worker {
 public:
  Worker(Common* common, unsigned index)
      : common_(*common),
        index_(index),
        random_(common->options.seed * 1000003 + index),
        slots_(common->options.slots) {}

  void Round(unsigned round) {
    round_ = round;
    for (operation_ = 0; operation_ < common_.options.operations; ++operation_) {
      if (common_.failed.load(std::memory_order_relaxed)) return;
      if (operation_ % 32 == 0) Receive();
      Step();
    }
  }

  void Receive() {
    for (Block& block : common_.mailboxes[index_].Take()) {
      Block& slot = slots_[random_.Next() % slots_.size()];
      if (random_.OneIn(8)) Resize(&block);
      if (slot.p == nullptr && random_.OneIn(4)) {
        Keep(&slot, block);
      } else {
        Free(block);
      }
    }
  }

  void FreeAll() {
    Receive();
    for (Block& slot : slots_) Release(&slot);
  }

  void AppendLive(std::vector<Block>* all) const {
    for (const Block& slot : slots_) {
      if (slot.p != nullptr) all->push_back(slot);
    }
  }

 private:
  void Step() {
    Block& slot = slots_[random_.Next() % slots_.size()];
    // Seldom: all that is free comes into memory anew afterwards, page fault by page fault.
    if (random_.OneIn(6000)) kTraced.release();
    if (slot.p == nullptr) {
      if (live_bytes_ < common_.options.live_bytes) Allocate(&slot);
      return;
    }
    if (random_.OneIn(5)) {
      const std::size_t before = slot.usable;
      Resize(&slot);
      live_bytes_ += slot.usable - before;
    } else if (random_.In(1, 100) <= common_.options.remote_percent) {
      const unsigned to = random_.Next() % common_.options.threads;
      common_.mailboxes[to].Send(slot);
      Forget(&slot);
    } else {
      Release(&slot);
    }
  }

  std::size_t DrawSize() {
    static constexpr std::size_t kLimits[] = {256,   256,   256,    2048,           2048,
                                              65536, 65536, 270000, ~std::size_t{0}};
    const TraceOptions& options = common_.options;
    if (options.min_size == 0 && random_.OneIn(100)) return 0;
    const std::size_t limit = kLimits[random_.Next() % (random_.OneIn(3) ? 9 : 7)];
    const std::size_t high = std::max(options.min_size, std::min(limit, options.max_size));
    std::size_t size = random_.In(options.min_size, high);
    // Often next to a class boundary: 8 to a doubling.
    if (size > 16 && random_.OneIn(4)) {
      const unsigned shift = 60 - __builtin_clzll(size);
      size = (size >> shift << shift) + random_.In(0, 2) - 1;
    }
    return std::min(std::max(size, options.min_size), options.max_size);
  }

  // False: refused with ENOMEM, and that is allowed.
  bool Got(const void* p, const char* call, std::size_t size) {
    if (p != nullptr) return true;
    const int error = errno;
    if (!common_.options.failures_allowed || error != ENOMEM) {
      Fail(std::string(call) + " of " + std::to_string(size) + " bytes failed, errno " +
           std::to_string(error));
    }
    common_.refused.fetch_add(1, std::memory_order_relaxed);
    return false;
  }

  void Allocate(Block* slot) {
    Block block;
    block.size = DrawSize();
    block.salt = random_.Next();
    bool zero = false;
    if (random_.In(1, 100) <= common_.options.aligned_percent) {
      // Large alignments are rare in programs and dear in address space: rare here.
      block.align = std::size_t{16} << random_.In(0, random_.OneIn(10) ? 17 : 8);
      block.p = static_cast<std::uint8_t*>(kTraced.memalign(block.align, block.size));
    } else if (random_.OneIn(4)) {
      zero = true;
      block.p = static_cast<std::uint8_t*>(kTraced.calloc(1, block.size));
    } else {
      block.p = static_cast<std::uint8_t*>(kTraced.malloc(block.size));
    }
    if (!Got(block.p, "allocation", block.size)) return;
    block.usable = kTraced.usable_size(block.p);
    Judge(CheckFresh(block, zero));
    Fill(block);
    Keep(slot, block);
  }

  void Resize(Block* block) {
    Block next = *block;
    next.size = std::max<std::size_t>(1, DrawSize());
    next.align = 16;
    Judge(CheckPattern(*block));
    next.p = static_cast<std::uint8_t*>(kTraced.realloc(block->p, next.size));
    if (!Got(next.p, "realloc", next.size)) {
      Judge(CheckPattern(*block));
      return;
    }
    next.usable = kTraced.usable_size(next.p);
    Judge(CheckFresh(next, false));
    Judge(CheckPattern(next, *block, std::min(block->size, next.size)));
    Fill(next);
    *block = next;
  }

  void Free(const Block& block) {
    Judge(CheckPattern(block));
    kTraced.free(block.p);
  }

  void Keep(Block* slot, const Block& block) {
    *slot = block;
    live_bytes_ += block.usable;
  }
  void Forget(Block* slot) {
    live_bytes_ -= slot->usable;
    *slot = Block();
  }
  void Release(Block* slot) {
    if (slot->p == nullptr) return;
    Free(*slot);
    Forget(slot);
  }

  void Judge(const std::string& error) {
    if (!error.empty()) Fail(error);
  }
  void Fail(const std::string& error) {
    common_.Report("thread " + std::to_string(index_) + ", round " + std::to_string(round_) +
                   ", operation " + std::to_string(operation_) + ": " + error);
  }

  Common& common_;
  const unsigned index_;
  Random random_;
  std::vector<Block> slots_;
  std::size_t live_bytes_ = 0;
  unsigned round_ = 0;
  unsigned operation_ = 0;
};

// "" or what is wrong while no thread is at work.
std::string CheckBetweenRounds(const std::vector<std::unique_ptr<Worker>>& workers) {
  std::vector<Block> live;
  for (const auto& worker : workers) worker->AppendLive(&live);
  std::string error = CheckDisjoint(live);
  for (const Block& block : live) {
    if (!error.empty()) return error;
    error = CheckPattern(block);
  }
  const char* broken = kTraced.check();
  return broken != nullptr ? std::string("invariant: ") + broken : error;
}

}  // namespace

TraceResult RunTrace(const TraceOptions& options) {
  Common common(options);
  std::vector<std::unique_ptr<Worker>> workers;
  for (unsigned i = 0; i < options.threads; ++i)
    workers.push_back(std::make_unique<Worker>(&common, i));
  for (unsigned round = 0; round < options.rounds && !common.failed; ++round) {
    std::vector<std::thread> threads;
    for (auto& worker : workers) threads.emplace_back([&worker, round] { worker->Round(round); });
    for (std::thread& thread : threads) thread.join();
    if (common.failed) break;
    // What is still under way is taken in here, by a thread that allocated none of it.
    for (auto& worker : workers) worker->Receive();
    const std::string error = CheckBetweenRounds(workers);
    if (!error.empty()) common.Report("after round " + std::to_string(round) + ": " + error);
  }
  if (!common.failed) {
    for (auto& worker : workers) worker->FreeAll();
    const std::string error = CheckBetweenRounds(workers);
    if (!error.empty()) common.Report("after the last free: " + error);
  }
  TraceResult result;
  result.error = common.first_error;
  result.operations = std::uint64_t{options.operations} * options.rounds * options.threads;
  result.refused = common.refused;
  return result;
}

}  // namespace test
}  // namespace hz4
