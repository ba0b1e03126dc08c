// SPDX-License-Identifier: Apache-2.0

#include "tests/support/watchdog.h"

#include <gtest/gtest.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/test_env.h"

namespace hz4 {
namespace test {
namespace {

char message[2048];

void Bark(int) {
  if (write(STDERR_FILENO, message, strlen(message)) < 0) _exit(99);
  abort();
}

}  // namespace

Watchdog::Watchdog(int seconds) {
  const testing::TestInfo* info = testing::UnitTest::GetInstance()->current_test_info();
  snprintf(message, sizeof(message),
           "watchdog: %s.%s hangs: still not done after %d s\nrepeat with: %s\n",
           info == nullptr ? "?" : info->test_suite_name(), info == nullptr ? "?" : info->name(),
           seconds, RepeatWith().c_str());
  struct sigaction action = {};
  action.sa_handler = Bark;
  sigaction(SIGRTMAX, &action, nullptr);
  sigevent event = {};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGRTMAX;
  itimerspec when = {};
  when.it_value.tv_sec = seconds;
  if (timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0 ||
      timer_settime(timer_, 0, &when, nullptr) != 0) {
    perror("watchdog");
    abort();
  }
}

Watchdog::~Watchdog() { timer_delete(timer_); }

}  // namespace test
}  // namespace hz4
