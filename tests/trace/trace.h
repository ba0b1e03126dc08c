// SPDX-License-Identifier: Apache-2.0
//
// A trace: seeded random calls from several threads, judged by a shadow of every live block.
//
//   round:  threads start, each works its own slots and its own mailbox; all join
//           the shadow is compared (alignment, overlap of all live blocks, every pattern)
//           the allocator's own invariants are checked
//
// Blocks outlive their threads: the next round's threads take the slots over. A block is filled
// over its whole usable size with bytes that depend on its address and its own salt, so that a byte
// written by somebody else is seen whoever it was. A thread sends blocks to another's mailbox,
// which frees, reallocates or keeps them there.
#ifndef HZ4_TESTS_TRACE_TRACE_H_
#define HZ4_TESTS_TRACE_TRACE_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace hz4 {
namespace test {

struct TraceOptions {
  std::uint64_t seed = 1;
  unsigned threads = 4;
  unsigned rounds = 8;
  unsigned operations = 4000;        // per thread and round
  unsigned slots = 256;              // per thread
  std::size_t live_bytes = 4 << 20;  // per thread, about
  std::size_t min_size = 0;
  std::size_t max_size = 3 << 20;
  unsigned remote_percent = 30;  // of frees, those sent to another thread
  unsigned aligned_percent = 10;
  bool failures_allowed = false;  // NULL with ENOMEM is an answer, no error
};

struct TraceResult {
  std::string error;  // "" or the first thing that was wrong, with thread, round and operation
  std::uint64_t operations = 0;
  std::uint64_t refused = 0;  // calls answered with ENOMEM
};

TraceResult RunTrace(const TraceOptions& options);

}  // namespace test
}  // namespace hz4

#endif  // HZ4_TESTS_TRACE_TRACE_H_
