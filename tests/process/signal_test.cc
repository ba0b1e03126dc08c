// SPDX-License-Identifier: Apache-2.0
//
// Signal handlers that allocate and free while their thread is anywhere inside the allocator.

#include <errno.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "tests/process/exercise.h"
#include "tests/support/test_env.h"
#include "tests/support/watchdog.h"

namespace hz4 {
namespace test {
namespace {

std::atomic<uint64_t> handled;

// Blocks that pass between handlers and the code they interrupt: whoever takes one out frees it.
std::atomic<char*> slots[32];

void Exchange(uint64_t seed) {
  Random random(seed);
  const size_t size = random.In(1, random.OneIn(4) ? 200000 : 3000);
  char* fresh = static_cast<char*>(malloc(size));
  if (fresh == nullptr) abort();
  fresh[0] = 'f';
  fresh[size - 1] = 'f';
  char* old = slots[random.Next() % 32].exchange(fresh);
  if (old != nullptr && old[0] != 'f') abort();
  free(old);
}

void ExerciseInHandler(int) { Exercise(++handled, 12, 150000); }
void ExchangeInHandler(int) {
  const int error = errno;
  Exchange(++handled);
  errno = error;
}

// A handler for SIGALRM and SIGUSR1 while it lives; then none, and empty slots.
class Handler {
 public:
  explicit Handler(void (*handle)(int), int flags = SA_RESTART) {
    handled = 0;
    struct sigaction action = {};
    action.sa_handler = handle;
    action.sa_flags = flags;
    sigaction(SIGALRM, &action, nullptr);
    sigaction(SIGUSR1, &action, nullptr);
  }
  ~Handler() {
    signal(SIGALRM, SIG_IGN);
    signal(SIGUSR1, SIG_IGN);
    for (auto& slot : slots) free(slot.exchange(nullptr));
  }
};

class Timer {
 public:
  explicit Timer(int microseconds) { Set(microseconds); }
  ~Timer() { Set(0); }

 private:
  static void Set(int microseconds) {
    const itimerval every = {{0, microseconds}, {0, microseconds}};
    setitimer(ITIMER_REAL, &every, nullptr);
  }
};

constexpr uint64_t kSignals = 3000;

TEST(Signal, HandlerAllocatesAtHighRate) {
  Watchdog watchdog(60);
  Handler handler(ExerciseInHandler);
  Timer timer(100);
  Random random(Seed());
  while (handled < kSignals) Exercise(random.Next(), 40, 300000);
}

TEST(Signal, HandlerFreesWhatItInterrupted) {
  Watchdog watchdog(60);
  Handler handler(ExchangeInHandler);
  Timer timer(80);
  Random random(Seed());
  while (handled < kSignals) {
    errno = 4711;
    Exchange(random.Next());
    ASSERT_EQ(errno, 4711);
  }
}

TEST(Signal, StormOnSeveralThreads) {
  Watchdog watchdog(60);
  Handler handler(ExchangeInHandler);
  std::atomic<bool> stop{false};
  std::vector<std::thread> workers;
  for (int t = 0; t < 3; ++t) {
    workers.emplace_back([&stop, t] {
      for (uint64_t i = t; !stop; i += 3) {
        Exchange(i);
        Exercise(i, 10, 60000);
      }
    });
  }
  while (handled < 2 * kSignals) {
    for (std::thread& worker : workers) pthread_kill(worker.native_handle(), SIGUSR1);
    const timespec pause = {0, 30000};
    nanosleep(&pause, nullptr);
  }
  stop = true;
  for (std::thread& worker : workers) worker.join();
}

std::atomic<int> depth;
void NestedHandler(int) {
  const int error = errno;
  // Deeper than a few, a handler that is interrupted all the time never ends; nor does the program
  // get a turn where a handler takes longer than the timer, so they stop working when all is done.
  if (depth.fetch_add(1) < 4 && handled < kSignals) Exercise(++handled, 8, 80000);
  --depth;
  errno = error;
}

// SA_NODEFER: a handler that was interrupted inside malloc is itself interrupted inside malloc.
TEST(Signal, HandlersNest) {
  Watchdog watchdog(60);
  static char stack[1 << 18];
  const stack_t alternate = {stack, 0, sizeof(stack)};
  ASSERT_EQ(sigaltstack(&alternate, nullptr), 0);
  {
    Handler handler(NestedHandler, SA_RESTART | SA_NODEFER | SA_ONSTACK);
    Timer timer(60);
    Random random(Seed());
    while (handled < kSignals) Exercise(random.Next(), 20, 100000);
  }
  const stack_t none = {nullptr, SS_DISABLE, 0};
  EXPECT_EQ(sigaltstack(&none, nullptr), 0);
}

// A thread's very first and very last moments are interrupted too.
TEST(Signal, DuringThreadStartAndExit) {
  Watchdog watchdog(60);
  Handler handler(ExchangeInHandler);
  Timer timer(50);
  for (int i = 0; i < 1500 && handled < 4 * kSignals; ++i) {
    std::thread([i] { Exercise(i, 4, 50000); }).join();
  }
  EXPECT_GT(handled, 100u);
}

}  // namespace
}  // namespace test
}  // namespace hz4
