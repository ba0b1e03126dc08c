// SPDX-License-Identifier: Apache-2.0
#include "hz4/arena.h"

#include "hz4/base/bits.h"
#include "hz4/base/os.h"
#include "hz4/dispatch.h"
#include "hz4/page_map.h"

namespace hz4 {
namespace arena {
namespace {

constexpr size_t kLeastReservation = size_t{1} << 30;
// Growth for objects is a 16th of what is open already, within these bounds: few system calls,
// little unused. Blocks get what they need: how they are used says nothing about what comes behind
// them.
constexpr size_t kMaxStep = size_t{64} << 20;
// Separate mappings, largest first; the last resort is exactly what is needed.
constexpr size_t kMappingSizes[] = {size_t{4} << 20, size_t{1} << 20, 0};

// The side arena's part of the reservation; a fixed small one where address space is scarce.
constexpr size_t kSideShare = 16;
constexpr size_t kSideSeparate = size_t{8} << 20;

bool direct = false;
Region side_region = {0, 0};
uintptr_t boundary = 0;  // [view.base, boundary) is open

bool ReserveAll(size_t bytes) {
  const size_t pages = bytes >> kPageShift;
  void* base = os::Reserve(bytes, kGrowStep);
  if (base == nullptr) return false;
  // Aligned so that they can be in huge pages.
  void* classes = os::ReserveReadable(AlignUp(pages, kOsPage), kGrowStep);
  void* spans =
      classes == nullptr ? nullptr : os::ReserveReadable(pages * sizeof(Span*), kGrowStep);
  if (spans == nullptr) {
    os::Unmap(base, bytes);
    if (classes != nullptr) os::Unmap(classes, AlignUp(pages, kOsPage));
    return false;
  }
  DirectMap::view = ViewOf(reinterpret_cast<uintptr_t>(base), pages, static_cast<uint8_t*>(classes),
                           static_cast<Span**>(spans));
  boundary = DirectMap::view.base;
  return true;
}

bool GrowDirect(size_t pages, huge_pages::Use use, uintptr_t* start, size_t* got) {
  const DirectMapView& v = DirectMap::view;
  const size_t open = boundary - v.base - side_region.bytes;
  const size_t left = (v.pages << kPageShift) - (boundary - v.base);
  const size_t need = AlignUp(pages << kPageShift, kGrowStep);
  if (need > left) return false;
  size_t step = need;
  if (use == huge_pages::Use::kObjects) {
    step = AlignUp(open / 16, kGrowStep);
    if (step > kMaxStep) step = kMaxStep;
    if (step < need) step = need;
  }
  if (step > left) step = need;
  // When the kernel refuses a generous step it may still grant the bare need.
  if (!Table().heap_open(boundary, step, use)) {
    if (step == need || !Table().heap_open(boundary, step = need, use)) return false;
  }
  // Opened twice at worst when the map refuses: the boundary has not moved.
  if (!page_map::Ensure(boundary, step >> kPageShift)) return false;
  *start = boundary;
  *got = step >> kPageShift;
  boundary += step;
  return true;
}

bool GrowSeparate(size_t pages, huge_pages::Use use, uintptr_t* start, size_t* got) {
  const size_t need = pages << kPageShift;
  for (const size_t size : kMappingSizes) {
    if (size != 0 && size < need) continue;
    const size_t bytes = size == 0 ? need : size;
    void* p = os::Map(bytes, kPageSize);
    if (p == nullptr) continue;
    if (!Table().heap_open(reinterpret_cast<uintptr_t>(p), bytes, use) ||
        !page_map::Ensure(reinterpret_cast<uintptr_t>(p), bytes >> kPageShift)) {
      os::Unmap(p, bytes);
      return false;
    }
    *start = reinterpret_cast<uintptr_t>(p);
    *got = bytes >> kPageShift;
    return true;
  }
  return false;
}

void SetSideRegion(uintptr_t start, size_t bytes) {
  if (page_map::Ensure(start, bytes >> kPageShift)) side_region = {start, bytes};
}

}  // namespace

void Init(size_t reserve, bool allow_direct) {
  // A process with little address space keeps all of it for its mappings.
  if (os::AddressSpaceLimit() / 4 < reserve) allow_direct = false;
  const size_t least = reserve < kLeastReservation ? reserve : kLeastReservation;
  for (size_t bytes = reserve; allow_direct && bytes >= least; bytes /= 4) {
    if (ReserveAll(AlignUp(bytes, kGrowStep))) {
      direct = true;
      SetSideRegion(boundary, AlignUp(bytes / kSideShare, kGrowStep));
      boundary += side_region.bytes;
      return;
    }
  }
  if (void* p = os::Reserve(kSideSeparate, kPageSize)) {
    SetSideRegion(reinterpret_cast<uintptr_t>(p), kSideSeparate);
  }
}

bool Direct() { return direct; }

bool Grow(size_t pages, huge_pages::Use use, uintptr_t* start, size_t* got) {
  return direct ? GrowDirect(pages, use, start, got) : GrowSeparate(pages, use, start, got);
}

bool Shrink(uintptr_t start, size_t pages) {
  return !direct && os::Unmap(reinterpret_cast<void*>(start), pages << kPageShift);
}

Region SideRegion() { return side_region; }

uintptr_t Boundary() { return boundary; }

}  // namespace arena
}  // namespace hz4
