// SPDX-License-Identifier: Apache-2.0
#include "hz4/central.h"

#include <atomic>
#include <cstring>

#include "hz4/arena.h"
#include "hz4/base/bits.h"
#include "hz4/base/clock.h"
#include "hz4/base/lock.h"
#include "hz4/base/os.h"
#include "hz4/base/print.h"
#include "hz4/page_heap.h"
#include "hz4/page_map.h"
#include "hz4/side_arena.h"

namespace hz4 {
namespace central {
namespace {

constexpr uint32_t kMaxGiveBack = 65536;       // pointers per hold of a lock
constexpr size_t kArrayStep = kOsPage;         // arrays open page by page
constexpr size_t kArrayBase = size_t{1} << 20;  // bound of all arrays together ...
constexpr size_t kArrayShare = 64;             // ... plus this part of the mapped heap
// Address space per array: 32 Mi pointers; where address space is scarce, what the base bound gives.
constexpr size_t kReservedBytes = size_t{256} << 20;
constexpr size_t kScarceBytes = AlignDown(kArrayBase / kNumClasses, kOsPage);
constexpr uint64_t kPeriodNs = 100 * 1000 * 1000;
constexpr uint32_t kReturnsPerClockRead = 64;

struct ClassState {
  Lock lock;
  // Objects [0, count) of the array, oldest first; capacity of it is open, limit is reserved.
  void** array HZ4_GUARDED_BY(lock) = nullptr;
  uint32_t count HZ4_GUARDED_BY(lock) = 0;
  uint32_t capacity HZ4_GUARDED_BY(lock) = 0;
  uint32_t limit HZ4_GUARDED_BY(lock) = 0;
  uint32_t low_water HZ4_GUARDED_BY(lock) = 0;  // least count since period_start
  uint32_t returns HZ4_GUARDED_BY(lock) = 0;    // since the clock was read
  uint64_t period_start HZ4_GUARDED_BY(lock) = 0;
  SpanList partial HZ4_GUARDED_BY(lock);    // exactly the spans with HasFree()
  uint64_t spans HZ4_GUARDED_BY(lock) = 0;      // of this class, partial or not
  uint64_t carved HZ4_GUARDED_BY(lock) = 0;     // objects carved in all spans
  uint64_t free_in_spans HZ4_GUARDED_BY(lock) = 0;
};

HZ4_CONSTINIT ClassState classes[kClassSlots];
std::atomic<size_t> array_bytes{0};  // opened in all arrays

// Makes room for one more step of the array, within the bounds. False: none to be had.
bool GrowArray(ClassState& c, uint32_t need) HZ4_REQUIRES(c.lock) {
  size_t bytes = AlignUp((need - c.capacity) * sizeof(void*), kArrayStep);
  // A quarter more than there is, so that long growth takes few system calls.
  const size_t generous = AlignUp(c.capacity * sizeof(void*) / 4, kArrayStep);
  if (generous > bytes) bytes = generous;
  const size_t left = size_t{c.limit - c.capacity} * sizeof(void*);
  if (bytes > left) bytes = left;
  if (c.capacity + bytes / sizeof(void*) < need) return false;
  const size_t bound = PageHeap::MappedBytes() / kArrayShare + kArrayBase;
  if (array_bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes > bound ||
      !os::Open(c.array + c.capacity, bytes)) {
    array_bytes.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
  }
  c.capacity += static_cast<uint32_t>(bytes / sizeof(void*));
  return true;
}

// Spans that became empty, to be freed once the class lock is released.
template <class Stats>
struct EmptySpans {
  SpanList list;
  ~EmptySpans() {
    while (Span* span = list.front()) {
      list.Remove(span);
      Stats::Add(CounterId::kSpanReleased);
      PageHeap::Free(span);
    }
  }
};

void PutObject(ClassState& c, unsigned cls, void* p, bool keep_one, SpanList* empty)
    HZ4_REQUIRES(c.lock) {
  Span* span = page_map::SpanOf(p);
  if (span == nullptr || span->size_class != cls || !span->IsObjectStart(p)) {
    Die("invalid free: not the start of an object", p);
  }
  const bool was_partial = span->HasFree();
  if (!span->Put(span->IndexOf(p))) Die("double free", p);
  ++c.free_in_spans;
  if (!was_partial) c.partial.PushFront(span);
  if (span->AllFree() && !(keep_one && c.partial.size() == 1)) {
    c.partial.Remove(span);
    --c.spans;
    c.carved -= span->carved;
    c.free_in_spans -= span->free_count;
    empty->PushFront(span);
  }
}

// Moves the n oldest pointers of the array into their spans.
template <class Stats>
void GiveBack(ClassState& c, unsigned cls, uint32_t n, bool keep_one, SpanList* empty)
    HZ4_REQUIRES(c.lock) {
  if (n == 0) return;
  Stats::Add(CounterId::kGiveBackPasses);
  Stats::Add(CounterId::kGiveBackObjs, n);
  for (uint32_t i = 0; i < n; ++i) PutObject(c, cls, c.array[i], keep_one, empty);
  c.count -= n;
  memmove(c.array, c.array + n, c.count * sizeof(void*));
  if (c.low_water > c.count) c.low_water = c.count;
}

// Once a period: half of what was not needed in it goes back.
template <class Stats>
void GiveBackSurplus(ClassState& c, unsigned cls, SpanList* empty) HZ4_REQUIRES(c.lock) {
  c.returns = 0;
  const uint64_t now = CoarseNowNs();
  if (now - c.period_start < kPeriodNs) return;
  uint32_t n = c.low_water / 2;
  if (n > kMaxGiveBack) n = kMaxGiveBack;
  GiveBack<Stats>(c, cls, n, /*keep_one=*/true, empty);
  c.period_start = now;
  c.low_water = c.count;
}

template <class Stats>
uint32_t FetchFromSpans(ClassState& c, void** out, uint32_t n) HZ4_REQUIRES(c.lock) {
  uint32_t got = 0;
  while (got < n && !c.partial.empty()) {
    Span* span = c.partial.front();
    const uint32_t carved_before = span->carved;
    const uint32_t free_before = span->free_count;
    got += span->TakeBatch(out + got, n - got);
    c.carved += span->carved - carved_before;
    Stats::Add(CounterId::kCentralCarveObjs, span->carved - carved_before);
    c.free_in_spans -= free_before - span->free_count;
    if (!span->HasFree()) c.partial.Remove(span);
  }
  return got;
}

}  // namespace

bool Init() HZ4_NO_TSA {  // no other thread knows the classes yet
  const size_t each = arena::Direct() ? kReservedBytes : kScarceBytes;
  char* memory = static_cast<char*>(os::Reserve(each * kNumClasses, kOsPage));
  for (unsigned cls = 1; cls <= kNumClasses; ++cls) {
    ClassState& c = classes[cls];
    c.lock.Init(LockRank::kCentralClass);
    if (memory == nullptr) continue;
    c.array = reinterpret_cast<void**>(memory + (cls - 1) * each);
    c.limit = static_cast<uint32_t>(each / sizeof(void*));
  }
  return memory != nullptr;
}

template <class Stats>
uint32_t Fetch(unsigned cls, void** out, uint32_t n) {
  ClassState& c = classes[cls];
  if (!c.lock.Acquire()) return 0;
  uint32_t got = n < c.count ? n : c.count;
  c.count -= got;
  if (HZ4_LIKELY(got > 0)) memcpy(out, c.array + c.count, got * sizeof(void*));
  if (c.count < c.low_water) c.low_water = c.count;
  if (got < n) got += FetchFromSpans<Stats>(c, out + got, n - got);
  c.lock.Release();
  if (got > 0) return got;

  // The class lock is not held while pages are found: another thread may do the same, then the class
  // has one span more.
  Span* span = PageHeap::NewObjectSpan(cls, /*with_remote=*/false);
  if (span == nullptr) return 0;
  Stats::Add(CounterId::kSpanCreated);
  if (!c.lock.Acquire()) {
    PageHeap::Free(span);
    return 0;
  }
  ++c.spans;
  c.partial.PushFront(span);
  got = FetchFromSpans<Stats>(c, out, n);
  c.lock.Release();
  return got;
}

template <class Stats>
void Return(unsigned cls, void* const* in, uint32_t n) {
  EmptySpans<Stats> empty;  // before the lock is taken, so freed after it is released
  ClassState& c = classes[cls];
  if (!c.lock.Acquire()) {
    for (uint32_t i = 0; i < n; ++i) side::DeferFree(in[i]);
    return;
  }
  if (HZ4_UNLIKELY(c.count + n > c.capacity) && !GrowArray(c, c.count + n)) {
    uint32_t surplus = c.count / 2;
    if (surplus > kMaxGiveBack) surplus = kMaxGiveBack;
    GiveBack<Stats>(c, cls, surplus, /*keep_one=*/true, &empty.list);
  }
  if (HZ4_LIKELY(c.count + n <= c.capacity)) {
    memcpy(c.array + c.count, in, n * sizeof(void*));
    c.count += n;
  } else {
    for (uint32_t i = 0; i < n; ++i) PutObject(c, cls, in[i], /*keep_one=*/true, &empty.list);
  }
  if (HZ4_UNLIKELY(++c.returns >= kReturnsPerClockRead)) GiveBackSurplus<Stats>(c, cls, &empty.list);
  c.lock.Release();
}

template <class Stats>
size_t GiveBackAll() {
  size_t bytes = 0;
  for (unsigned cls = 1; cls <= kNumClasses; ++cls) {
    ClassState& c = classes[cls];
    for (bool more = true; more;) {
      EmptySpans<Stats> empty;
      if (!c.lock.Acquire()) return bytes;
      const uint32_t n = c.count < kMaxGiveBack ? c.count : kMaxGiveBack;
      GiveBack<Stats>(c, cls, n, /*keep_one=*/false, &empty.list);
      bytes += size_t{n} * Class(cls).size;
      more = c.count > 0;
      if (!more) {
        if (c.capacity > 0) os::Decommit(c.array, c.capacity * sizeof(void*));
        // The span that was kept although empty.
        for (Span* s = c.partial.front(); s != nullptr;) {
          Span* next = s->next;
          if (s->AllFree()) {
            c.partial.Remove(s);
            --c.spans;
            c.carved -= s->carved;
            c.free_in_spans -= s->free_count;
            empty.list.PushFront(s);
          }
          s = next;
        }
      }
      c.lock.Release();
    }
  }
  return bytes;
}

template uint32_t Fetch<Counting>(unsigned, void**, uint32_t);
template uint32_t Fetch<NotCounting>(unsigned, void**, uint32_t);
template void Return<Counting>(unsigned, void* const*, uint32_t);
template void Return<NotCounting>(unsigned, void* const*, uint32_t);
template size_t GiveBackAll<Counting>();
template size_t GiveBackAll<NotCounting>();

Totals GetTotals() {
  Totals t = {};
  for (unsigned cls = 1; cls <= kNumClasses; ++cls) {
    ClassState& c = classes[cls];
    if (!c.lock.Acquire()) continue;
    const uint64_t size = Class(cls).size;
    t.handed_out_bytes += (c.carved - c.free_in_spans) * size;
    t.array_bytes += c.count * size;
    t.span_free_bytes += c.free_in_spans * size;
    t.uncarved_bytes += (c.spans * Class(cls).objects - c.carved) * size;
    t.span_bytes += c.spans * Class(cls).span_pages * kPageSize;
    c.lock.Release();
  }
  t.array_memory = array_bytes.load(std::memory_order_relaxed);
  return t;
}

const char* Check() {
  for (unsigned cls = 1; cls <= kNumClasses; ++cls) {
    ClassState& c = classes[cls];
    if (!c.lock.Acquire()) return nullptr;
    const char* wrong = nullptr;
    if (c.count > c.capacity || c.capacity > c.limit) wrong = "central: count <= capacity <= limit";
    if (c.low_water > c.count) wrong = "central: low_water <= count";
    if (c.carved - c.free_in_spans < c.count) wrong = "central: array holds more than handed out";
    for (const Span* s = c.partial.front(); wrong == nullptr && s != nullptr; s = s->next) {
      if (s->size_class != cls || !s->HasFree()) wrong = "central: span on the wrong list";
      if (wrong == nullptr) wrong = s->Check();
    }
    for (uint32_t i = 0; wrong == nullptr && i < c.count; ++i) {
      const Span* s = page_map::SpanOf(c.array[i]);
      if (s == nullptr || s->size_class != cls || !s->IsObjectStart(c.array[i])) {
        wrong = "central: array holds what is no object of the class";
      } else {
        const uint32_t object = s->IndexOf(c.array[i]);
        if ((s->free_bits[object / 64] >> (object % 64) & 1) != 0) {
          wrong = "central: object both in the array and free in its span";
        }
      }
    }
    c.lock.Release();
    if (wrong != nullptr) return wrong;
  }
  return nullptr;
}

}  // namespace central
}  // namespace hz4
