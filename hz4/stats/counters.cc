// SPDX-License-Identifier: Apache-2.0
#include "hz4/stats/counters.h"

namespace hz4 {

const CounterRow kCounterRows[kCounterCount] = {
#define HZ4_COUNTER(id, name, group, merge, unit, sentence) \
  {#id, name, CounterGroup::group, CounterMerge::merge, unit, sentence},
#include "hz4/stats/counters.def"
};

const GaugeRow kGaugeRows[kGaugeCount] = {
#define HZ4_GAUGE(name, unit, sentence) {#name, &Gauges::name, unit, sentence},
#include "hz4/stats/counters.def"
};

const EquationRow kEquationRows[kEquationCount] = {
#define HZ4_EQUATION(condition) \
  {#condition, [](const StatsTotals& totals) -> bool { return condition; }},
#define HZ4_N(id) totals[CounterId::id]
#include "hz4/stats/counters.def"
};

}  // namespace hz4
