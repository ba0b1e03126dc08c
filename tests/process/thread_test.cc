// SPDX-License-Identifier: Apache-2.0
//
// Threads come and go: nothing is kept for those that are gone, also when their own destructors
// allocate and free after hz4 has said goodbye to them.

#include <gtest/gtest.h>
#include <limits.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <condition_variable>
#include <memory>
#include <mutex>

#include "tests/process/exercise.h"
#include "tests/support/test_env.h"
#include "tests/support/watchdog.h"

namespace hz4 {
namespace test {
namespace {

constexpr uint64_t kMiB = 1 << 20;

void RunThreads(unsigned count, unsigned at_once, const std::function<void(unsigned)>& body) {
  for (unsigned done = 0; done < count; done += at_once) {
    std::vector<std::thread> threads;
    for (unsigned i = done; i < done + at_once && i < count; ++i) threads.emplace_back(body, i);
    for (std::thread& thread : threads) thread.join();
  }
}

TEST(Thread, ThousandsLeaveRssFlat) {
  Watchdog watchdog(60);
  auto live = [](unsigned i) {
    for (int j = 0; j < 4; ++j) Exercise(Seed() + i * 4 + j, 64, 40000);
  };
  // What the classes keep for later may still grow a little, whenever more threads than ever before
  // happen to want the same size at once. What is kept for nobody may not: a trim shows it.
  RunThreads(2000, 8, live);
  const uint64_t before = ResidentBytes();
  malloc_trim(0);
  const uint64_t trimmed = ResidentBytes();
  RunThreads(5000, 8, live);
  EXPECT_LE(ResidentBytes(), before + 16 * kMiB) << "before: " << before;
  malloc_trim(0);
  EXPECT_LE(ResidentBytes(), trimmed + 4 * kMiB) << "before: " << trimmed;
}

TEST(Thread, HundredsAtOnce) {
  Watchdog watchdog(60);
  RunThreads(600, 300, [](unsigned i) { Exercise(Seed() + i, 64, 60000); });
}

// Each thread leaves 24 MiB of free blocks behind. If they stayed with it, 40 threads would hold a
// gigabyte; what the classes keep of it goes with a trim.
TEST(Thread, ExitGivesBackWhatItCached) {
  Watchdog watchdog(60);
  const uint64_t before = ResidentBytes();
  RunThreads(40, 1, [](unsigned i) {
    const size_t size = size_t{40} << (i % 11);
    std::vector<void*> blocks(std::min<size_t>(24 * kMiB / size, 100000));
    for (void*& p : blocks) {
      p = malloc(size);
      memset(p, 1, size);
    }
    for (void* p : blocks) free(p);
  });
  EXPECT_LE(ResidentBytes(), before + 400 * kMiB);
  malloc_trim(0);
  EXPECT_LE(ResidentBytes(), before + 32 * kMiB);
}

TEST(Thread, BlocksOutliveTheirThread) {
  Watchdog watchdog(60);
  std::vector<std::string*> texts(2000);
  for (int round = 0; round < 5; ++round) {
    RunThreads(8, 8, [&texts](unsigned t) {
      for (size_t i = t; i < texts.size(); i += 8)
        texts[i] = new std::string(i * 37 % 70000, 'a' + i % 26);
    });
    RunThreads(4, 4, [&texts](unsigned t) {
      for (size_t i = t; i < texts.size(); i += 4) {
        if (*texts[i] != std::string(i * 37 % 70000, 'a' + i % 26)) abort();
        delete texts[i];
      }
    });
  }
}

// --- destructors that run before and after hz4's own ---

pthread_key_t late_key;
std::atomic<int> late_rounds;

// POSIX runs destructors up to four times while values are set again: all four allocate and free.
void LateDestructor(void* value) {
  const intptr_t round = reinterpret_cast<intptr_t>(value);
  Exercise(Seed() + round, 40, 100000);
  ++late_rounds;
  if (round < PTHREAD_DESTRUCTOR_ITERATIONS)
    pthread_setspecific(late_key, reinterpret_cast<void*>(round + 1));
}

struct ThreadLocalOwner {
  ~ThreadLocalOwner() {
    text.reset();
    Exercise(Seed(), 30, 50000);
    free(malloc(300000));
  }
  std::unique_ptr<std::string> text;
};
thread_local ThreadLocalOwner owner;

TEST(Thread, DestructorsAllocateAfterOurs) {
  Watchdog watchdog(60);
  late_rounds = 0;
  // More keys than one, made before and after the threads' first allocation.
  ASSERT_EQ(pthread_key_create(&late_key, LateDestructor), 0);
  auto live = [](unsigned i) {
    if (i % 2 == 0) pthread_setspecific(late_key, reinterpret_cast<void*>(1));
    owner.text = std::make_unique<std::string>(1000 + i, 'x');
    Exercise(Seed() + i, 40, 100000);
    if (i % 2 == 1) pthread_setspecific(late_key, reinterpret_cast<void*>(1));
  };
  RunThreads(100, 4, live);
  const uint64_t before = ResidentBytes();
  RunThreads(400, 4, live);
  EXPECT_LE(ResidentBytes(), before + 8 * kMiB) << "before: " << before;
  EXPECT_EQ(late_rounds, 500 * PTHREAD_DESTRUCTOR_ITERATIONS);
  pthread_key_delete(late_key);
}

// A thread whose only contact with the allocator is in its destructors.
TEST(Thread, FirstAllocationInADestructor) {
  Watchdog watchdog(60);
  static pthread_key_t key;
  ASSERT_EQ(pthread_key_create(&key, [](void*) { Exercise(1, 20, 30000); }), 0);
  for (int i = 0; i < 200; ++i) {
    pthread_t thread;
    ASSERT_EQ(pthread_create(
                  &thread, nullptr,
                  [](void*) -> void* {
                    pthread_setspecific(key, &key);
                    return nullptr;
                  },
                  nullptr),
              0);
    pthread_join(thread, nullptr);
  }
  pthread_key_delete(key);
}

TEST(Thread, CancelledAndExited) {
  Watchdog watchdog(60);
  for (int i = 0; i < 100; ++i) {
    pthread_t thread;
    void* (*body)(void*) = [](void* argument) -> void* {
      Exercise(reinterpret_cast<intptr_t>(argument), 30, 50000);
      if (reinterpret_cast<intptr_t>(argument) % 2 == 0) pthread_exit(nullptr);
      for (;;) {
        Exercise(1, 10, 1000);
        pthread_testcancel();
      }
    };
    ASSERT_EQ(pthread_create(&thread, nullptr, body, reinterpret_cast<void*>(intptr_t{i})), 0);
    if (i % 2 == 1) pthread_cancel(thread);
    pthread_join(thread, nullptr);
  }
}

TEST(Thread, Detached) {
  Watchdog watchdog(60);
  std::mutex mutex;
  std::condition_variable changed;
  int running = 0;
  for (int i = 0; i < 300; ++i) {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [&] { return running < 8; });
    ++running;
    std::thread([&, i] {
      Exercise(i, 30, 60000);
      std::lock_guard<std::mutex> done(mutex);
      --running;
      changed.notify_one();
    }).detach();
  }
  std::unique_lock<std::mutex> lock(mutex);
  changed.wait(lock, [&] { return running == 0; });
}

}  // namespace
}  // namespace test
}  // namespace hz4
