// SPDX-License-Identifier: Apache-2.0
//
// Threads of a test that begin together, so that short work of theirs meets.
#ifndef HZ4_TESTS_CORE_THREADS_H_
#define HZ4_TESTS_CORE_THREADS_H_

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

namespace hz4 {
namespace test {

// Returns once *waiting threads have called it.
inline void MeetAll(std::atomic<int>* waiting) {
  waiting->fetch_sub(1);
  while (waiting->load() > 0) std::this_thread::yield();
}

// Counts down when its scope is left, also by an ASSERT_ that failed: for those who work on until
// others are done.
class Leaving {
 public:
  explicit Leaving(std::atomic<int>* count) : count_(count) {}
  ~Leaving() { count_->fetch_sub(1); }
  Leaving(const Leaving&) = delete;
  Leaving& operator=(const Leaving&) = delete;

 private:
  std::atomic<int>* count_;
};

// Runs body(0) .. body(count - 1), each in a thread of its own, all at once; returns when all
// ended.
inline void RunThreads(int count, const std::function<void(int)>& body) {
  std::atomic<int> waiting{count};
  std::vector<std::thread> threads;
  for (int t = 0; t < count; ++t) {
    threads.emplace_back([&, t] {
      MeetAll(&waiting);
      body(t);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace test
}  // namespace hz4

#endif  // HZ4_TESTS_CORE_THREADS_H_
