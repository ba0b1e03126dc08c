// SPDX-License-Identifier: Apache-2.0
//
// A program whose first use of hz4 happens before hz4's own constructor has run, in the way that
// TEST_INIT names; main() judges what came out of it. Started by init_test.
//
//   race       threads that all make the process's first call at once
//   fail       the TEST_FAIL_NTH-th call of the system is refused, with TEST_FAIL_STICKY all later
//   too reenter    the initialising thread itself calls every door calls      nothing special;
//   prints how many calls of the system initialisation makes
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <vector>

#include "hz4/base/bits.h"
#include "hz4/base/bootstrap.h"
#include "hz4/base/os.h"
#include "hz4/check.h"
#include "hz4/hz4.h"
#include "hz4/init.h"
#include "hz4/internal_api.h"
#include "tests/support/contents.h"

namespace {

using hz4::test::All;

[[noreturn]] void Fail(const char* what) {
  fprintf(stderr, "init_program: %s\n", what);
  exit(1);
}
#define MUST(condition) \
  if (!(condition)) Fail(#condition)

bool Is(const char* how) {
  const char* mode = getenv("TEST_INIT");
  return mode != nullptr && strcmp(mode, how) == 0;
}

// --- race ---

constexpr int kThreads = 8;
constexpr int kDoors = 6;
pthread_barrier_t barrier;
char* first_blocks[kThreads];
constexpr size_t kSizes[kDoors] = {100, 5000, 300000, 64, 1, 70000};

void* FirstCall(void* number) {
  const int t = static_cast<int>(reinterpret_cast<uintptr_t>(number));
  const size_t size = kSizes[t % kDoors];
  pthread_barrier_wait(&barrier);
  void* p = nullptr;
  switch (t % kDoors) {
    case 0:
      p = hz4_malloc(size);
      break;
    case 1:
      p = hz4_calloc(1, size);
      break;
    case 2:
      p = hz4_realloc(nullptr, size);
      break;
    case 3:
      p = hz4_memalign(4096, size);
      break;
    case 4:
      hz4_free(nullptr);
      if (hz4_malloc_usable_size(nullptr) != 0) Fail("usable size of nullptr");
      p = hz4_malloc(size);
      break;
    case 5:
      if (!hz4::EnsureInitialized()) Fail("not initialised behind EnsureInitialized");
      p = hz4_malloc(size);
      break;
  }
  if (p != nullptr) memset(p, t + 1, size);
  first_blocks[t] = static_cast<char*>(p);
  return nullptr;
}

void Race() {
  pthread_t threads[kThreads];
  pthread_barrier_init(&barrier, nullptr, kThreads);
  for (int t = 0; t < kThreads; ++t) {
    pthread_create(&threads[t], nullptr, &FirstCall,
                   reinterpret_cast<void*>(static_cast<uintptr_t>(t)));
  }
  for (pthread_t thread : threads) pthread_join(thread, nullptr);
}

void JudgeRace() {
  for (int t = 0; t < kThreads; ++t) {
    char* p = first_blocks[t];
    MUST(p != nullptr);
    MUST(!hz4::bootstrap::Owns(p));
    MUST(hz4_malloc_usable_size(p) >= kSizes[t % kDoors]);
    MUST(All(p, kSizes[t % kDoors], static_cast<char>(t + 1)));
  }
  MUST(reinterpret_cast<uintptr_t>(first_blocks[3]) % 4096 == 0);
  for (char* p : first_blocks) hz4_free(p);
}

// --- reenter ---

bool reentered = false;
char* early[5];

// Called by the initialising thread, from within initialisation: see getauxval below.
void Reenter() {
  reentered = true;
  MUST(!hz4::EnsureInitialized());
  early[0] = static_cast<char*>(hz4_malloc(100));
  early[1] = static_cast<char*>(hz4_calloc(10, 20));
  early[2] = static_cast<char*>(hz4_memalign(256, 50));
  for (char* p : {early[0], early[1], early[2]}) MUST(p != nullptr && hz4::bootstrap::Owns(p));
  MUST(All(early[1], 200, 0));
  MUST(reinterpret_cast<uintptr_t>(early[2]) % 256 == 0);
  MUST(hz4_malloc_usable_size(early[0]) >= 100);
  memset(early[0], 7, 100);
  early[3] = static_cast<char*>(hz4_realloc(early[0], 300));
  MUST(early[3] != nullptr && All(early[3], 100, 7));
  early[4] = static_cast<char*>(hz4_realloc(nullptr, 10));
  MUST(early[4] != nullptr);
  hz4_free(early[4]);
  MUST(hz4_calloc(SIZE_MAX, 2) == nullptr);
}

// What came from the buffer is recognised by every door afterwards.
void JudgeReenter() {
  MUST(reentered);
  MUST(hz4_malloc_usable_size(early[3]) >= 300);
  char* moved = static_cast<char*>(hz4_realloc(early[3], 5000));
  MUST(moved != nullptr && !hz4::bootstrap::Owns(moved));
  MUST(All(moved, 100, 7));
  hz4_free(moved);
  hz4_free(early[0]);
  hz4_free(early[1]);
  hz4_free(early[2]);
}

// --- everything works ---

void Work() {
  std::vector<char*> blocks;
  for (size_t size = 1; size < 3000000; size += size / 4 + 1) {
    char* p = static_cast<char*>(hz4_malloc(size));
    MUST(p != nullptr);
    memset(p, 1, size);
    blocks.push_back(p);
    char* zeroed = static_cast<char*>(hz4_calloc(1, size));
    MUST(zeroed != nullptr && All(zeroed, size, 0));
    blocks.push_back(zeroed);
  }
  MUST(hz4::CheckAll() == nullptr);
  for (char* p : blocks) hz4_free(p);
  hz4_release_memory();
  MUST(hz4::CheckAll() == nullptr);
}

// Before hz4's constructor, which has no priority.
__attribute__((constructor(101))) void BeforeHz4() {
  if (Is("race")) Race();
  if (Is("fail")) {
    hz4::os::FailNth(strtoull(getenv("TEST_FAIL_NTH"), nullptr, 10),
                     getenv("TEST_FAIL_STICKY") != nullptr);
  }
}

}  // namespace

// hz4 asks it while it looks for a per-CPU front. Sanitizers ask before they are up.
extern "C" __attribute__((no_sanitize("address", "thread", "undefined"))) unsigned long getauxval(
    unsigned long type) noexcept {
  constexpr unsigned long kRseqFeatureSize = 27;
  if (type == kRseqFeatureSize && Is("reenter")) Reenter();
  const int fd = open("/proc/self/auxv", O_RDONLY | O_CLOEXEC);
  unsigned long entry[2];
  unsigned long value = 0;
  while (read(fd, entry, sizeof(entry)) == sizeof(entry)) {
    if (entry[0] == type) value = entry[1];
  }
  close(fd);
  return value;
}

int main() {
  const unsigned long long calls = hz4::os::Calls();
  hz4::os::FailNth(0, false);
  MUST(hz4::EnsureInitialized());
  if (Is("race")) JudgeRace();
  if (Is("reenter")) JudgeReenter();
  Work();
  printf("ok %llu %s\n", calls, hz4::SteppedAside() ? "aside" : "in charge");
  return 0;
}
