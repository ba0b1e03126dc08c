// SPDX-License-Identifier: Apache-2.0
//
// A piece of a test in a child of fork: for what can happen only once in a process, or ends it.
#ifndef HZ4_TESTS_CORE_IN_CHILD_H_
#define HZ4_TESTS_CORE_IN_CHILD_H_

#include <functional>
#include <string>

namespace hz4 {
namespace test {

// Runs `body` in a child; it may use EXPECT_ and ASSERT_. "" when all of them held and the child
// ended by itself, else how it ended; what failed stands in the output before.
std::string InChild(const std::function<void()>& body);

}  // namespace test
}  // namespace hz4

#endif  // HZ4_TESTS_CORE_IN_CHILD_H_
