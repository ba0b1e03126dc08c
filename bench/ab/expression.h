// SPDX-License-Identifier: Apache-2.0
//
// The small language of mechanism checks, observation stages and perf gates:
//
//   variant@main_r0.malloc_outlock_refill_objs > 0
//   variant@main_r0.malloc_lock_path < base@main_r0.malloc_lock_path
//   base@main_r50.inefficiency >= 0.20 or base@cross128_r90.inefficiency >= 0.20
//
// Numbers (5% is 0.05), names, + - * /, max(a, b), min(a, b), parentheses, one of >= <= > < between
// two sums, `and`, `or`. A name is ARM@LANE.COUNTER; in a derived quantity it is a COUNTER alone.
// A comparison is 1 where it holds and 0 where not.

#ifndef HZ4_BENCH_AB_EXPRESSION_H_
#define HZ4_BENCH_AB_EXPRESSION_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace hz4::ab {

struct Operand {
  std::string arm;  // empty, with the lane, in a derived quantity
  std::string lane;
  std::string name;
};

// Gives an operand's value, or says why there is none.
using Resolver = std::function<absl::StatusOr<double>(const Operand&)>;

// The value of `text`. An error of syntax says what was expected and where; an error of the
// resolver is passed on as it is.
absl::StatusOr<double> Evaluate(const std::string& text, const Resolver& resolve);

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_EXPRESSION_H_
