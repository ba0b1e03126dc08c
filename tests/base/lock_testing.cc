// SPDX-License-Identifier: Apache-2.0

#include "tests/base/lock_testing.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

namespace hz4 {
namespace test {
namespace {

// The state letter of /proc/self/task/TID/stat, behind the last ')'; 0: it cannot be read.
char StateOf(int tid) {
  char path[64];
  snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
  char text[512] = "";
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t length = read(fd, text, sizeof(text) - 1);
  close(fd);
  if (length <= 0) return 0;
  const char* end = strrchr(text, ')');
  return end == nullptr ? 0 : end[2];
}

}  // namespace

Lock& NewLock(LockRank rank) {
  Lock* lock = new Lock;
  lock->Init(rank);
  static std::vector<Lock*>* const reachable = new std::vector<Lock*>;  // for LeakSanitizer
  reachable->push_back(lock);
  return *lock;
}

int ThreadId() { return static_cast<int>(syscall(SYS_gettid)); }

void AwaitAsleep(const std::atomic<int>& tid) {
  // Between storing its id and the wait the thread makes no other call that sleeps; a page fault
  // may show it asleep for a moment, so it must be seen so often in a row.
  for (int seen = 0; seen < 20;) {
    const int id = tid.load();
    seen = id != 0 && StateOf(id) == 'S' ? seen + 1 : 0;
    sched_yield();
  }
}

}  // namespace test
}  // namespace hz4
