// SPDX-License-Identifier: Apache-2.0
//
// The parts of a test program's main().
#ifndef HZ4_TESTS_SUPPORT_RUN_TESTS_H_
#define HZ4_TESTS_SUPPORT_RUN_TESTS_H_

namespace hz4 {
namespace test {

// Runs GoogleTest; beside a test that fails prints how to repeat it.
int RunTests(int argc, char** argv);

// Starts this program again with the environment as it is now: hz4 reads only the environment that
// a process starts with.
[[noreturn]] void StartAgain(char** argv);

}  // namespace test
}  // namespace hz4

#endif  // HZ4_TESTS_SUPPORT_RUN_TESTS_H_
