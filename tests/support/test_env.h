// SPDX-License-Identifier: Apache-2.0
//
// What every black-box test knows of its surroundings: the seed it draws from, the environment that
// repeats it, and whether hz4 is this process's allocator.
//
// Variables of the tests themselves (hz4 calls every unknown HZ4_ name an error, so none begins
// so):
//   TEST_SEED=N         seed instead of a fresh one; printed by every failing test
//   TEST_PRELOAD=1      the test's main() starts itself again with libhz4.so in LD_PRELOAD
//   TEST_ALLOCATOR=any  the test may run without hz4 (to try a test on another allocator)
#ifndef HZ4_TESTS_SUPPORT_TEST_ENV_H_
#define HZ4_TESTS_SUPPORT_TEST_ENV_H_

#include <cstdint>
#include <string>
#include <vector>

namespace hz4 {
namespace test {

// The seed of this process: TEST_SEED, or drawn afresh at the first call.
std::uint64_t Seed();

// splitmix64: small, seedable, good enough to choose what a test does.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t Next();
  // In [low, high].
  std::uint64_t In(std::uint64_t low, std::uint64_t high) {
    return low + Next() % (high - low + 1);
  }
  bool OneIn(std::uint64_t n) { return Next() % n == 0; }

 private:
  std::uint64_t state_;
};

// "HZ4_X=1 LD_PRELOAD=... TEST_SEED=5": what to put before a command to repeat this run.
std::string RepeatWith();

// This process's variables whose names begin with HZ4_, as "NAME=VALUE".
std::vector<std::string> Hz4Variables();

// The value of a variable, or "".
std::string Variable(const char* name);

// A fresh, empty directory for this process's files, made below TEST_TMPDIR (else /tmp).
std::string ScratchDirectory();

// Resident set size of this process.
std::uint64_t ResidentBytes();
// Number of mappings of this process.
std::uint64_t MappingCount();

}  // namespace test
}  // namespace hz4

#endif  // HZ4_TESTS_SUPPORT_TEST_ENV_H_
