// SPDX-License-Identifier: Apache-2.0
#include "hz4/gauges.h"

#include "hz4/base/os.h"
#include "hz4/base/scope.h"
#include "hz4/central.h"
#include "hz4/dispatch.h"
#include "hz4/page_heap.h"

namespace hz4 {

void FillGauges(Gauges* gauges) {
  *gauges = Gauges{};
  gauges->resident_bytes = os::ResidentBytes();
  SlowScope scope;
  if (!scope.entered() || Table().front_cached == nullptr) return;
  const PageHeapTotals pages = PageHeap::Totals();
  const central::Totals central = central::GetTotals();
  const MidTotals mid = Table().mid_totals();
  gauges->mapped_bytes = uint64_t{pages.mapped_pages} << kPageShift;
  gauges->page_free_bytes = uint64_t{pages.free_pages} << kPageShift;
  gauges->released_bytes = uint64_t{pages.released_pages} << kPageShift;
  gauges->front_cached_bytes = Table().front_cached() + mid.thread_cached_bytes;
  gauges->central_cached_bytes = central.array_bytes + mid.shared_cached_bytes;
  gauges->span_free_bytes = central.span_free_bytes + central.uncarved_bytes + mid.span_free_bytes;
  gauges->metadata_bytes = pages.descriptor_bytes +
                           (uint64_t{pages.descriptor_pages} << kPageShift) + central.array_memory;
  // Large blocks are what is in use as pages and belongs to no class.
  const uint64_t in_classes = central.span_bytes + mid.span_bytes;
  const uint64_t large =
      (uint64_t{pages.in_use_pages - pages.descriptor_pages} << kPageShift) - in_classes;
  const uint64_t handed_out = central.handed_out_bytes + mid.handed_out_bytes;
  const uint64_t cached = gauges->front_cached_bytes + gauges->central_cached_bytes;
  gauges->live_bytes = large + (handed_out > cached ? handed_out - cached : 0);
}

}  // namespace hz4
