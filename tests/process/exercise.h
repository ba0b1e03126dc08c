// SPDX-License-Identifier: Apache-2.0
//
// Work for an allocator that may be done anywhere: in a thread, in a child of fork, in a signal
// handler. Uses malloc and its kin, the stack, and nothing else of libc that takes a lock.
#ifndef HZ4_TESTS_PROCESS_EXERCISE_H_
#define HZ4_TESTS_PROCESS_EXERCISE_H_

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace hz4 {
namespace test {

// Allocates `blocks` (at most 64) blocks of up to max_size bytes by every function there is, fills
// them, checks them and frees them in another order. Keeps errno. Aborts with a message when a
// block was refused or did not keep its content.
void Exercise(uint64_t seed, unsigned blocks, size_t max_size);

// Threads that exercise until the object goes away.
class Churn {
 public:
  explicit Churn(unsigned threads, size_t max_size = 100000);
  ~Churn();
  // Exercises done so far by all of them.
  uint64_t done() const { return done_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> done_{0};
  std::vector<std::thread> threads_;
};

// Runs `body` in a child of fork that has 20 seconds to return. "" when it did; else how it ended.
std::string InChild(const std::function<void()>& body);

// Waits for a child. "" when it exited with 0.
std::string WaitFor(pid_t child);

}  // namespace test
}  // namespace hz4

#endif  // HZ4_TESTS_PROCESS_EXERCISE_H_
