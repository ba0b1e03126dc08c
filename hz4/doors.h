// SPDX-License-Identifier: Apache-2.0
//
// What the functions of the C and C++ API jump through: the table. In the build kind that measures
// what the table costs (HZ4_CONSTEXPR_TABLE, //bench:indirection) the default policies are bound by
// the compiler instead, and nothing is read.
#ifndef HZ4_DOORS_H_
#define HZ4_DOORS_H_

#include "hz4/dispatch.h"
#if defined(HZ4_CONSTEXPR_TABLE)
#include "hz4/resolve_table.h"
#endif

namespace hz4 {

#if defined(HZ4_CONSTEXPR_TABLE)
inline constexpr Resolution kDoors = ResolveArrayRoute(Knobs{}, kBuiltFor);
constexpr const Dispatch& Doors() { return kDoors.table; }
#else
inline const Dispatch& Doors() { return Table(); }
#endif

}  // namespace hz4

#endif  // HZ4_DOORS_H_
