// SPDX-License-Identifier: Apache-2.0
//
// The thread's identity and its slow scope.

#include "hz4/base/tls.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>
#include <thread>
#include <vector>

#include "hz4/base/scope.h"

namespace hz4 {
namespace {

TEST(SelfId, IsTheThreadsOwnAndLeavesFourBitsFree) {
  EXPECT_EQ(SelfId(), static_cast<uintptr_t>(pthread_self())) << "the thread control block";
  pthread_barrier_t barrier;
  pthread_barrier_init(&barrier, nullptr, 20);
  std::vector<uintptr_t> ids(20);
  std::vector<std::thread> threads;
  for (uintptr_t& id : ids) {
    threads.emplace_back([&id, &barrier] {
      id = SelfId();
      pthread_barrier_wait(&barrier);  // all alive at once
    });
  }
  for (std::thread& t : threads) t.join();
  std::set<uintptr_t> distinct(ids.begin(), ids.end());
  distinct.insert(SelfId());
  EXPECT_EQ(distinct.size(), 21u);
  for (uintptr_t id : distinct) {
    EXPECT_NE(id, 0u);
    EXPECT_EQ(id % 16, 0u) << "lock words keep marks in these bits";
  }
  // Lock words are compared by their low half in the kernel.
  std::set<uint32_t> halves;
  for (uintptr_t id : ids) halves.insert(static_cast<uint32_t>(id));
  EXPECT_EQ(halves.size(), ids.size());
  pthread_barrier_destroy(&barrier);
}

TEST(SelfId, IsKeptByAChildOfFork) {
  const uintptr_t mine = SelfId();
  const pid_t child = fork();
  if (child == 0) _exit(SelfId() == mine ? 0 : 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(SlowScope, IsEnteredOnceAtATime) {
  {
    SlowScope outer;
    EXPECT_TRUE(outer.entered());
    {
      SlowScope inner;
      EXPECT_FALSE(inner.entered());
    }
    SlowScope again;
    EXPECT_FALSE(again.entered()) << "the inner one's end opened the outer one";
    std::thread([] {
      SlowScope other;
      EXPECT_TRUE(other.entered()) << "each thread has its own";
    }).join();
  }
  SlowScope later;
  EXPECT_TRUE(later.entered());
}

volatile sig_atomic_t entered_in_handler;
void TryToEnter(int) {
  SlowScope scope;
  entered_in_handler = scope.entered();
}

TEST(SlowScope, AHandlerSeesItsOwnThreadsScope) {
  struct sigaction action = {};
  action.sa_handler = &TryToEnter;
  struct sigaction before;
  ASSERT_EQ(sigaction(SIGUSR1, &action, &before), 0);
  {
    SlowScope scope;
    entered_in_handler = -1;
    raise(SIGUSR1);
    EXPECT_EQ(entered_in_handler, 0);
  }
  entered_in_handler = -1;
  raise(SIGUSR1);
  EXPECT_EQ(entered_in_handler, 1);
  sigaction(SIGUSR1, &before, nullptr);
}

}  // namespace
}  // namespace hz4
