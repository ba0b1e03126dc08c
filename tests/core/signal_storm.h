// SPDX-License-Identifier: Apache-2.0
//
// Signals that strike a thread while it runs: a timer of its own, so that their number does not
// depend on when another thread gets a processor.
#ifndef HZ4_TESTS_CORE_SIGNAL_STORM_H_
#define HZ4_TESTS_CORE_SIGNAL_STORM_H_

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace hz4 {
namespace test {

// While it lives the calling thread gets signal `number` every 30 us or so.
class SignalStorm {
 public:
  explicit SignalStorm(int number) {
    sigevent event = {};
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = number;
    event._sigev_un._tid = static_cast<pid_t>(syscall(SYS_gettid));
    EXPECT_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer_), 0);
    const timespec interval = {0, 30 * 1000};
    const itimerspec spec = {interval, interval};
    EXPECT_EQ(timer_settime(timer_, 0, &spec, nullptr), 0);
  }
  ~SignalStorm() { timer_delete(timer_); }
  SignalStorm(const SignalStorm&) = delete;
  SignalStorm& operator=(const SignalStorm&) = delete;

 private:
  timer_t timer_;
};

// `handler` for signal `number`, with SA_RESTART, for as long as it lives.
class SignalHandler {
 public:
  SignalHandler(int number, void (*handler)(int)) : number_(number) {
    struct sigaction action = {};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    EXPECT_EQ(sigaction(number, &action, &before_), 0);
  }
  ~SignalHandler() { sigaction(number_, &before_, nullptr); }
  SignalHandler(const SignalHandler&) = delete;
  SignalHandler& operator=(const SignalHandler&) = delete;

 private:
  int number_;
  struct sigaction before_;
};

}  // namespace test
}  // namespace hz4

#endif  // HZ4_TESTS_CORE_SIGNAL_STORM_H_
