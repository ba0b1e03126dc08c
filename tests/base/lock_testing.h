// SPDX-License-Identifier: Apache-2.0
//
// What the tests of locks and forks share.
#ifndef HZ4_TESTS_BASE_LOCK_TESTING_H_
#define HZ4_TESTS_BASE_LOCK_TESTING_H_

#include <atomic>

#include "hz4/base/lock.h"

namespace hz4 {
namespace test {

// Locks register for the life of the process, so these are never deleted.
Lock& NewLock(LockRank rank = LockRank::kPageHeap);

// The calling thread's id for AwaitAsleep.
int ThreadId();
// Returns once the thread whose id is stored there (0: not yet) sleeps in a futex wait.
void AwaitAsleep(const std::atomic<int>& tid);

}  // namespace test
}  // namespace hz4

#endif  // HZ4_TESTS_BASE_LOCK_TESTING_H_
