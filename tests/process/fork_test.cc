// SPDX-License-Identifier: Apache-2.0
//
// fork: from a busy multi-threaded parent, beside threads that use stdio, inside a signal handler
// that interrupted malloc, from several threads at once, again in the child.

#include <gtest/gtest.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/process/exercise.h"
#include "tests/support/test_env.h"
#include "tests/support/watchdog.h"

namespace hz4 {
namespace test {
namespace {

// What a child does with memory of its own and with its parent's.
void LiveInChild(uint64_t seed, std::vector<std::string*>* inherited) {
  for (std::string*& text : *inherited) {
    if (*text != std::string(text->size(), 'p')) abort();
    delete text;
    text = nullptr;
  }
  for (int i = 0; i < 5; ++i) Exercise(seed + i, 60, 300000);
  std::thread([seed] { Exercise(seed, 60, 100000); }).join();
}

std::vector<std::string*> Inheritance() {
  std::vector<std::string*> texts;
  for (size_t size = 20; size < 400000; size = size * 2)
    texts.push_back(new std::string(size, 'p'));
  return texts;
}

TEST(Fork, FromABusyParent) {
  Watchdog watchdog(60);
  std::vector<std::string*> inherited = Inheritance();
  Churn churn(4, 400000);
  for (int i = 0; i < 25; ++i) {
    const std::string outcome = InChild([&] { LiveInChild(Seed() + i, &inherited); });
    ASSERT_EQ(outcome, "") << "fork " << i;
    Exercise(Seed() + i, 60, 100000);
  }
  EXPECT_GT(churn.done(), 0u);
  for (std::string* text : inherited) {
    EXPECT_EQ(*text, std::string(text->size(), 'p'));
    delete text;
  }
}

TEST(Fork, FromSeveralThreadsAtOnce) {
  Watchdog watchdog(60);
  Churn churn(2);
  std::vector<std::thread> forkers;
  std::vector<std::string> failures(4);
  for (std::string& failure : failures) {
    forkers.emplace_back([&failure] {
      for (int i = 0; i < 12 && failure.empty(); ++i) {
        failure = InChild([i] { Exercise(Seed() + i, 60, 200000); });
      }
    });
  }
  for (std::thread& forker : forkers) forker.join();
  for (const std::string& failure : failures) EXPECT_EQ(failure, "");
}

TEST(Fork, AgainInTheChild) {
  Watchdog watchdog(60);
  Churn churn(3);
  for (int i = 0; i < 8; ++i) {
    const std::string outcome = InChild([] {
      Churn own(2);
      for (int j = 0; j < 3; ++j) {
        if (!InChild([] { Exercise(Seed(), 60, 200000); }).empty()) abort();
      }
    });
    ASSERT_EQ(outcome, "") << "fork " << i;
  }
}

TEST(Fork, WhileThreadsComeAndGo) {
  Watchdog watchdog(60);
  std::atomic<bool> stop{false};
  std::vector<std::thread> spawners;
  for (int t = 0; t < 3; ++t) {
    spawners.emplace_back([&stop, t] {
      for (uint64_t i = 0; !stop; ++i)
        std::thread([i, t] { Exercise(i * 3 + t, 40, 80000); }).join();
    });
  }
  std::string failure;
  for (int i = 0; i < 40 && failure.empty(); ++i) {
    failure = InChild([i] { Exercise(Seed() + i, 60, 200000); });
  }
  stop = true;
  for (std::thread& spawner : spawners) spawner.join();
  EXPECT_EQ(failure, "");
}

// libc takes its stdio locks around fork, in an order that no allocator may get in between.
TEST(Fork, BesideStdio) {
  Watchdog watchdog(60);
  const std::string path = ScratchDirectory() + "/lines";
  FILE* lines = fopen(path.c_str(), "w");
  for (int i = 0; i < 2000; ++i) fprintf(lines, "%d %s\n", i, std::string(i % 300, 'x').c_str());
  fclose(lines);
  std::atomic<bool> stop{false};
  std::vector<std::thread> users;
  users.emplace_back([&stop] {
    FILE* null = fopen("/dev/null", "w");
    while (!stop) fprintf(null, "%s %f\n", std::string(500, 'y').c_str(), 1.5);
    fclose(null);
  });
  users.emplace_back([&stop, &path] {
    while (!stop) {
      char* line = nullptr;
      size_t room = 0;
      FILE* file = fopen(path.c_str(), "r");
      while (getline(&line, &room, file) > 0) {
      }
      free(line);
      fclose(file);
    }
  });
  users.emplace_back([&stop] {
    while (!stop) fflush(nullptr);
  });
  std::string failure;
  for (int i = 0; i < 25 && failure.empty(); ++i) {
    failure = InChild([&path] {
      FILE* file = fopen(path.c_str(), "r");
      char* line = nullptr;
      size_t room = 0;
      if (file == nullptr || getline(&line, &room, file) <= 0) abort();
      free(line);
      fclose(file);
      Exercise(Seed(), 40, 100000);
    });
  }
  stop = true;
  for (std::thread& user : users) user.join();
  EXPECT_EQ(failure, "");
}

std::atomic<unsigned> handler_forks;
std::atomic<unsigned> handler_failures;

void ForkInHandler(int) {
  const int error = errno;
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    Exercise(handler_forks, 40, 200000);
    _exit(0);
  }
  int status = 1;
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0) ++handler_failures;
  ++handler_forks;
  errno = error;
}

// The timer's signal finds this or another thread, anywhere inside the allocator.
TEST(Fork, InAHandlerThatInterruptedMalloc) {
  Watchdog watchdog(60);
  handler_forks = handler_failures = 0;
  struct sigaction action = {};
  action.sa_handler = ForkInHandler;
  action.sa_flags = SA_RESTART;
  struct sigaction old;
  sigaction(SIGPROF, &action, &old);
  {
    Churn churn(2, 300000);
    itimerval every = {{0, 700}, {0, 700}};
    setitimer(ITIMER_PROF, &every, nullptr);
    Random random(Seed());
    while (handler_forks < 60 && handler_failures == 0) Exercise(random.Next(), 50, 300000);
    every = {};
    setitimer(ITIMER_PROF, &every, nullptr);
  }
  sigaction(SIGPROF, &old, nullptr);
  EXPECT_EQ(handler_failures, 0u) << "of " << handler_forks;
}

}  // namespace
}  // namespace test
}  // namespace hz4
