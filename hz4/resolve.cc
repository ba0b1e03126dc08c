// SPDX-License-Identifier: Apache-2.0
#include "hz4/resolve.h"

#include <cstring>

#include "hz4/base/print.h"
#include "hz4/mid/resolve_mid.h"
#include "hz4/resolve_table.h"

namespace hz4 {

#if defined(HZ4_CONSTEXPR_TABLE)
constexpr Resolution kBoundByTheCompiler = ResolveArrayRoute(Knobs{}, kBuiltFor);
const Resolution kConstexprResolution = kBoundByTheCompiler;

void RequireBuiltFor(const Resolution& resolution) {
  if (memcmp(&resolution.table, &kConstexprResolution.table, sizeof resolution.table) != 0) {
    Die("this library has no table: it serves the default policies with "
        "HZ4_FRONT_CPU_INDEX=cpu_id, and Debian 12's glibc");
  }
}
#else
void RequireBuiltFor(const Resolution&) {}
#endif

void ApplyFacts(const Facts& facts, KnobSet* knobs, const DiagnosticSink* sink) {
  if (knobs->value.front == FrontKind::kPercpu && facts.percpu_unavailable != nullptr) {
    SetFallback(knobs, KnobId::kFront, static_cast<uint64_t>(FrontKind::kThread),
                facts.percpu_unavailable, sink);
  }
  if (knobs->value.front == FrontKind::kPercpu && facts.cpu_index != CpuIndex::kCid &&
      knobs->value.front_cpu_index == FrontIndex::kMmCid) {
    SetFallback(knobs, KnobId::kFrontCpuIndex, static_cast<uint64_t>(FrontIndex::kCpuId),
                "the kernel offers no mm_cid", sink);
  }
  if (knobs->value.page_map == PageMapKind::kDirect && !facts.direct_map) {
    SetFallback(knobs, KnobId::kPageMap, static_cast<uint64_t>(PageMapKind::kRadix),
                "the address space cannot be reserved", sink);
  }
  if (huge_pages::AsksForParts(knobs->value.thp) && !facts.direct_map) {
    SetFallback(knobs, KnobId::kThp, static_cast<uint64_t>(ThpMode::kSystem),
                "the heap is not one reservation", sink);
  }
  if (huge_pages::AsksForParts(knobs->value.thp) && facts.huge_pages_off) {
    SetFallback(knobs, KnobId::kThp, static_cast<uint64_t>(ThpMode::kSystem),
                "the system's setting is never", sink);
  }
}

Resolution Resolve(const Knobs& knobs, const Facts& facts) {
  Resolution r = ResolveArrayRoute(knobs, facts);
  if (knobs.mid_route == MidRoute::kLadder) mid::ResolveMid(knobs, &r);
  return r;
}

}  // namespace hz4
