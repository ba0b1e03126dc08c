// SPDX-License-Identifier: Apache-2.0
//
// Fork::Begin and its ends, called without a fork and around one. Nothing here is hz4's heap: the
// process has no handlers of its own that would call them.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "hz4/base/lock.h"
#include "tests/base/lock_testing.h"
#include "tests/core/sanitizers.h"

namespace hz4 {
namespace {

using test::NewLock;

// A thread that holds a lock from the constructor's end to Leave().
class Holder {
 public:
  explicit Holder(Lock* lock)
      : thread_([this, lock] {
          EXPECT_TRUE(lock->Acquire());
          in_ = true;
          while (!leave_) std::this_thread::yield();
          lock->Release();
        }) {
    while (!in_) std::this_thread::yield();
  }
  void Leave() {
    leave_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> in_{false};
  std::atomic<bool> leave_{false};
  std::thread thread_;
};

// A thread that asks for a lock once.
class Asker {
 public:
  explicit Asker(Lock* lock)
      : thread_([this, lock] {
          tid = test::ThreadId();
          got = lock->Acquire();
          if (got) lock->Release();
          done = true;
        }) {}
  ~Asker() { thread_.join(); }
  void Await() const {
    while (!done) std::this_thread::yield();
  }
  void Signal(int number) { pthread_kill(thread_.native_handle(), number); }

  std::atomic<int> tid{0};
  std::atomic<bool> got{false};
  std::atomic<bool> done{false};

 private:
  std::thread thread_;
};

int ExitStatus(pid_t child) {
  int status = 0;
  if (child <= 0 || waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

TEST(Fork, ClosesEveryLockForEverybody) {
  Lock& lock = NewLock();
  EXPECT_FALSE(Fork::Pending());
  Fork::Begin();
  EXPECT_TRUE(Fork::Pending());
  EXPECT_FALSE(lock.Acquire());
  EXPECT_FALSE(lock.TryAcquire());
  std::thread([&] {
    EXPECT_FALSE(lock.Acquire());
    EXPECT_FALSE(lock.TryAcquire());
  }).join();
  Fork::EndInParent();
  EXPECT_FALSE(Fork::Pending());
  ASSERT_TRUE(lock.Acquire());
  lock.Release();
}

TEST(Fork, SeveralAtOnceEndWithTheLast) {
  Lock& lock = NewLock();
  Fork::Begin();
  std::thread([] { Fork::Begin(); }).join();
  Fork::EndInParent();
  EXPECT_TRUE(Fork::Pending());
  EXPECT_FALSE(lock.Acquire());
  Fork::EndInParent();
  ASSERT_TRUE(lock.Acquire());
  lock.Release();
}

TEST(Fork, SleepersLeaveWhileTheLockIsStillHeld) {
  Lock& lock = NewLock();
  Holder holder(&lock);
  {
    Asker a(&lock), b(&lock), c(&lock);
    for (Asker* asker : {&a, &b, &c}) test::AwaitAsleep(asker->tid);
    std::thread forker([] { Fork::Begin(); });
    for (Asker* asker : {&a, &b, &c}) asker->Await();  // the holder leaves only after this
    EXPECT_FALSE(a.got || b.got || c.got);
    holder.Leave();
    forker.join();
  }
  Fork::EndInParent();
  ASSERT_TRUE(lock.Acquire());
  lock.Release();
}

// fork in a signal handler that interrupted a section: its own lock is no reason to wait, nor for
// anybody to wait for it.
TEST(Fork, OwnLockStaysHeldAndItsSleepersLeave) {
  Lock& lock = NewLock();
  ASSERT_TRUE(lock.Acquire());
  {
    Asker a(&lock), b(&lock);
    for (Asker* asker : {&a, &b}) test::AwaitAsleep(asker->tid);
    Fork::Begin();
    a.Await();
    b.Await();
    EXPECT_FALSE(a.got || b.got);
  }
  EXPECT_TRUE(lock.HeldByMe());
  Fork::EndInParent();
  EXPECT_TRUE(lock.HeldByMe());
  lock.Release();
  ASSERT_TRUE(lock.Acquire());
  lock.Release();
}

std::atomic<bool> in_handler{false};
std::atomic<bool> leave_handler{false};
void WaitInHandler(int) {
  in_handler = true;
  while (!leave_handler) sched_yield();
}

// A sleeper that is in a handler when the wake-up comes: its wait starts again behind the handler.
TEST(Fork, SleeperInAHandlerIsNotForgotten) {
  if (test::kUnderTsan) GTEST_SKIP() << "TSan keeps signals back until a call that it knows";
  struct sigaction action = {};
  action.sa_handler = &WaitInHandler;
  action.sa_flags = SA_RESTART;
  struct sigaction before;
  ASSERT_EQ(sigaction(SIGUSR1, &action, &before), 0);
  Lock& lock = NewLock();
  ASSERT_TRUE(lock.Acquire());
  {
    Asker asker(&lock);
    test::AwaitAsleep(asker.tid);
    asker.Signal(SIGUSR1);
    while (!in_handler) std::this_thread::yield();
    Fork::Begin();
    leave_handler = true;
    asker.Await();
    EXPECT_FALSE(asker.got);
  }
  Fork::EndInParent();
  lock.Release();
  sigaction(SIGUSR1, &before, nullptr);
}

TEST(Fork, ChildFindsEveryLockFreeButItsOwn) {
  Lock& own = NewLock(LockRank::kCentralClass);
  Lock& other = NewLock();
  ASSERT_TRUE(own.Acquire());
  Fork::Begin();
  const pid_t child = fork();
  if (child == 0) {
    Fork::EndInChild();
    if (Fork::Pending()) _exit(1);
    if (!own.HeldByMe()) _exit(2);
    if (!other.Acquire()) _exit(3);
    other.Release();
    own.Release();
    if (!own.Acquire()) _exit(4);
    _exit(0);
  }
  Fork::EndInParent();
  EXPECT_EQ(ExitStatus(child), 0);
  own.Release();
}

// A holder that does not leave for a second may be waiting for this very fork. The fork goes on;
// what the lock guards cannot be trusted in the child, so there no lock is to be had any more.
TEST(Fork, StuckForkGoesOnAndItsChildStaysOnTheSideWay) {
  Lock& lock = NewLock();
  Lock& other = NewLock();
  Holder holder(&lock);
  Fork::Begin();
  const pid_t child = fork();
  if (child == 0) {
    Fork::EndInChild();
    if (!Fork::Pending()) _exit(1);
    if (lock.Acquire() || other.Acquire() || other.TryAcquire()) _exit(2);
    // Forking itself makes it no better, neither here nor in its child.
    Fork::Begin();
    const pid_t grandchild = fork();
    if (grandchild == 0) {
      Fork::EndInChild();
      _exit(other.Acquire() ? 3 : 0);
    }
    Fork::EndInParent();
    if (ExitStatus(grandchild) != 0) _exit(4);
    _exit(other.Acquire() ? 5 : 0);
  }
  Fork::EndInParent();
  EXPECT_EQ(ExitStatus(child), 0);
  EXPECT_FALSE(Fork::Pending());
  ASSERT_TRUE(other.Acquire()) << "the parent is none the worse";
  other.Release();
  holder.Leave();
  ASSERT_TRUE(lock.Acquire());
  lock.Release();
}

double Seconds() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

// Forks come and go while threads work under two locks: nobody sleeps for ever (the test would
// hang), and between Begin and End nobody is inside.
TEST(Fork, StressNobodyInsideAndNobodyAsleep) {
  constexpr int kWorkers = 6;
  constexpr int kForks = 600;
  Lock& a = NewLock(LockRank::kCentralClass);
  Lock& b = NewLock(LockRank::kPageHeap);
  std::atomic<int> inside{0};
  std::atomic<bool> stop{false};
  std::atomic<long> refused{0};
  long in_a = 0, counted = 0;
  std::vector<std::thread> workers;
  for (int t = 0; t < kWorkers; ++t) {
    workers.emplace_back([&, t] {
      for (unsigned i = 0; !stop; ++i) {
        if (!a.Acquire()) {
          refused.fetch_add(1);
          std::this_thread::yield();
          continue;
        }
        inside.fetch_add(1);
        ++in_a;
        if (i % 64 == static_cast<unsigned>(t)) std::this_thread::yield();
        if (b.Acquire()) b.Release();  // refused: the fork waits for `a`
        ++counted;
        inside.fetch_sub(1);
        a.Release();
      }
    });
  }
  std::vector<std::thread> forkers;
  for (int t = 0; t < 2; ++t) {
    forkers.emplace_back([&] {
      for (int i = 0; i < kForks; ++i) {
        const double start = Seconds();
        Fork::Begin();
        const bool may_be_stuck = Seconds() - start > 0.5;  // a holder off the processor so long
        if (!may_be_stuck) {
          EXPECT_EQ(inside.load(), 0);
        }
        std::this_thread::yield();
        if (!may_be_stuck) {
          EXPECT_EQ(inside.load(), 0);
        }
        Fork::EndInParent();
        std::this_thread::yield();
      }
    });
  }
  for (std::thread& t : forkers) t.join();
  stop = true;
  for (std::thread& t : workers) t.join();
  EXPECT_EQ(in_a, counted);
  EXPECT_GT(counted, 0);
  ASSERT_TRUE(a.Acquire());
  a.Release();
  ASSERT_TRUE(b.Acquire());
  b.Release();
}

}  // namespace
}  // namespace hz4
