// SPDX-License-Identifier: Apache-2.0
//
// An end for tests that hang: a deadlock must be a message and a core, not a timeout of the build.
#ifndef HZ4_TESTS_SUPPORT_WATCHDOG_H_
#define HZ4_TESTS_SUPPORT_WATCHDOG_H_

#include <signal.h>
#include <time.h>

namespace hz4 {
namespace test {

// While it lives, a timer that runs out aborts the process and names the test that hung. Uses no
// memory of the allocator and a signal of its own (SIGRTMAX), so a test may use every other one. A
// child of fork is not watched: it calls alarm().
class Watchdog {
 public:
  explicit Watchdog(int seconds);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  timer_t timer_;
};

}  // namespace test
}  // namespace hz4

#endif  // HZ4_TESTS_SUPPORT_WATCHDOG_H_
