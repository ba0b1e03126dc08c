// SPDX-License-Identifier: Apache-2.0
//
// Random valid sets of policy knobs.
#ifndef HZ4_TESTS_TRACE_RANDOM_KNOBS_H_
#define HZ4_TESTS_TRACE_RANDOM_KNOBS_H_

#include <cstdint>
#include <map>
#include <string>

namespace hz4 {
namespace test {

// Name -> value. The same set for the same seed; the registry accepts it without an error.
std::map<std::string, std::string> DrawKnobs(std::uint64_t seed);

}  // namespace test
}  // namespace hz4

#endif  // HZ4_TESTS_TRACE_RANDOM_KNOBS_H_
