// SPDX-License-Identifier: Apache-2.0
#include "hz4/resolve.h"

#include "hz4/mid/resolve_mid.h"
#include "hz4/resolve_table.h"

namespace hz4 {

#if defined(HZ4_CONSTEXPR_TABLE)
constexpr Resolution kBoundByTheCompiler =
    ResolveArrayRoute(Knobs{}, Facts{nullptr, CpuIndex::kCid, /*direct_map=*/true});
const Resolution kConstexprResolution = kBoundByTheCompiler;
#endif

void ApplyFacts(const Facts& facts, KnobSet* knobs, const DiagnosticSink* sink) {
  if (knobs->value.front == FrontKind::kPercpu && facts.percpu_unavailable != nullptr) {
    SetFallback(knobs, KnobId::kFront, static_cast<uint64_t>(FrontKind::kThread),
                facts.percpu_unavailable, sink);
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
