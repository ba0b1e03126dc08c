// SPDX-License-Identifier: Apache-2.0
//
// The counters and gauges of counters.def as data.
#ifndef HZ4_STATS_COUNTERS_H_
#define HZ4_STATS_COUNTERS_H_

#include <cstddef>
#include <cstdint>

namespace hz4 {

enum class CounterId : uint8_t {
#define HZ4_COUNTER(id, ...) id,
#include "hz4/stats/counters.def"
  kCount,
};
inline constexpr size_t kCounterCount = static_cast<size_t>(CounterId::kCount);

enum class CounterGroup : uint8_t { kCore, kMidB1, kMidLock };
enum class CounterMerge : uint8_t { kSum, kMax };

struct CounterRow {
  const char* id_name;  // "kMidMallocCalls"
  const char* name;     // as printed
  CounterGroup group;
  CounterMerge merge;
  const char* unit;
  const char* sentence;
};
extern const CounterRow kCounterRows[kCounterCount];

// The sums (or maxima) over all threads.
struct StatsTotals {
  uint64_t v[kCounterCount];
  uint64_t operator[](CounterId id) const { return v[static_cast<size_t>(id)]; }
};

// What must hold whenever no thread is inside hz4.
struct EquationRow {
  const char* condition;  // as it stands in counters.def
  bool (*holds)(const StatsTotals& totals);
};
inline constexpr size_t kEquationCount = 0
#define HZ4_EQUATION(...) +1
#include "hz4/stats/counters.def"
    ;
extern const EquationRow kEquationRows[kEquationCount];

struct Gauges {
#define HZ4_GAUGE(name, ...) uint64_t name = 0;
#include "hz4/stats/counters.def"
};

struct GaugeRow {
  const char* name;
  uint64_t Gauges::*field;
  const char* unit;
  const char* sentence;
};
inline constexpr size_t kGaugeCount = 0
#define HZ4_GAUGE(...) +1
#include "hz4/stats/counters.def"
    ;
extern const GaugeRow kGaugeRows[kGaugeCount];

}  // namespace hz4

#endif  // HZ4_STATS_COUNTERS_H_
