// SPDX-License-Identifier: Apache-2.0
//
// Threads that are moved between processors all the time: what a per-CPU cache must survive.
// (Taking a processor offline needs rights over the machine: not done here.)

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/process/exercise.h"
#include "tests/support/cpus.h"
#include "tests/support/test_env.h"
#include "tests/support/watchdog.h"

namespace hz4 {
namespace test {
namespace {

class Migration : public testing::Test {
 protected:
  void SetUp() override {
    if (cpus_.size() < 2) GTEST_SKIP() << "one processor only";
  }
  void TearDown() override { PinTo(cpus_); }
  const std::vector<int> cpus_ = AllowedCpus();
};

TEST_F(Migration, Storm) {
  Watchdog watchdog(60);
  std::atomic<bool> stop{false};
  std::atomic<pid_t> ids[4] = {};
  std::vector<std::thread> workers;
  for (auto& id : ids) {
    workers.emplace_back([&id, &stop] {
      id = static_cast<pid_t>(syscall(SYS_gettid));
      for (uint64_t i = 0; !stop; ++i) Exercise(i * 4, 30, i % 4 == 0 ? 200000 : 2000);
    });
  }
  for (auto& id : ids) {
    while (id == 0) sched_yield();
  }
  for (unsigned i = 0; i < 3000; ++i) PinTo({cpus_[(i / 4 + i) % cpus_.size()]}, ids[i % 4]);
  stop = true;
  for (std::thread& worker : workers) worker.join();
}

// Each thread moves itself, in the middle of its work.
TEST_F(Migration, BetweenAllocationAndFree) {
  Watchdog watchdog(60);
  std::vector<std::thread> workers;
  for (int t = 0; t < 3; ++t) {
    workers.emplace_back([this, t] {
      Random random(Seed() + t);
      std::vector<char*> blocks;
      for (int i = 0; i < 3000; ++i) {
        PinTo({cpus_[random.Next() % cpus_.size()]});
        for (int j = 0; j < 8; ++j) {
          blocks.push_back(static_cast<char*>(malloc(random.In(1, 5000))));
          *blocks.back() = static_cast<char>(blocks.size());
        }
        if (blocks.size() < 800) continue;
        PinTo({cpus_[random.Next() % cpus_.size()]});
        for (size_t j = 0; j < blocks.size(); ++j) {
          if (*blocks[j] != static_cast<char>(j + 1)) abort();
          free(blocks[j]);
        }
        blocks.clear();
      }
      for (char* p : blocks) free(p);
    });
  }
  for (std::thread& worker : workers) worker.join();
}

// Fewer processors than at the start, then all again.
TEST_F(Migration, AffinityShrinksAndGrows) {
  Watchdog watchdog(60);
  for (int round = 0; round < 6; ++round) {
    PinTo(round % 2 == 0 ? std::vector<int>{cpus_[round / 2 % cpus_.size()]} : cpus_);
    Churn churn(3);
    while (churn.done() < 60) Exercise(round, 30, 50000);
  }
}

}  // namespace
}  // namespace test
}  // namespace hz4
