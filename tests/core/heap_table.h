// SPDX-License-Identifier: Apache-2.0
//
// The table for tests that link hz4 up to its shapes only, in place of the assembly's: what the
// heap asks is bound as HZ4_THP=system has it until a test says otherwise.
#ifndef HZ4_TESTS_CORE_HEAP_TABLE_H_
#define HZ4_TESTS_CORE_HEAP_TABLE_H_

#include "hz4/knobs.h"

namespace hz4 {
namespace test {

void BindHeap(ThpMode mode);

}  // namespace test
}  // namespace hz4

#endif  // HZ4_TESTS_CORE_HEAP_TABLE_H_
