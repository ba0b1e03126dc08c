// SPDX-License-Identifier: Apache-2.0
//
// Evaluates the invariants of every shape: the page heap, the middle, the fronts, the ladder.
#ifndef HZ4_CHECK_H_
#define HZ4_CHECK_H_

namespace hz4 {

// nullptr, or what does not hold. Exact when no other thread is inside hz4.
const char* CheckAll();

// The page that holds the dispatch table, for the test that writes to it.
void* TableAddressForTest();

}  // namespace hz4

#endif  // HZ4_CHECK_H_
