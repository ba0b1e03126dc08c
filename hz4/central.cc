// SPDX-License-Identifier: Apache-2.0
#include "hz4/central.h"

#include <sched.h>

#include <atomic>
#include <cstring>

#include "hz4/arena.h"
#include "hz4/base/bits.h"
#include "hz4/base/clock.h"
#include "hz4/base/lock.h"
#include "hz4/base/os.h"
#include "hz4/base/print.h"
#include "hz4/base/relaxed.h"
#include "hz4/page_heap.h"
#include "hz4/page_map.h"
#include "hz4/side_arena.h"

namespace hz4 {
namespace central {
namespace {

constexpr uint32_t kMaxGiveBack = 65536;        // pointers per hold of an array's lock
constexpr uint32_t kGiveBackStep = 1024;        // and of a class's, which other CPUs wait for
constexpr size_t kArrayStep = kOsPage;          // arrays open page by page
constexpr size_t kArrayBase = size_t{1} << 20;  // bound of all arrays together ...
constexpr size_t kArrayShare = 64;              // ... plus this part of the mapped heap
// Address space for a class's arrays: 32 Mi pointers; where address space is scarce, what the base
// bound gives to one array.
constexpr size_t kReservedBytes = size_t{256} << 20;
constexpr size_t kScarceBytes = kArrayBase / kNumClasses;
// Free objects of other parts are left to them up to this part of a class's objects; so a class has
// at most a third more spans than it would have if they were taken first.
constexpr uint64_t kElsewhereShare = 4;
// Of objects that share cache lines up to this part, so at most as many spans again, and this many
// bytes, which another CPU may have in its caches still.
constexpr uint64_t kElsewhereSharingShare = 2;
constexpr uint64_t kElsewhereSharingBytes = uint64_t{8} << 20;
constexpr uint64_t kPeriodNs = 100 * 1000 * 1000;
constexpr uint32_t kReturnsPerClockRead = 64;
constexpr unsigned kMaxParts = static_cast<unsigned>(LockRank::kCentralArrayLast) -
                               static_cast<unsigned>(LockRank::kCentralArray) + 1;

// The free objects of a class that one part of the CPUs returned.
struct Array {
  Lock lock;
  // Objects [0, count), oldest first; capacity is open, limit is reserved. Others look at count and
  // capacity to see whether a visit is worth it.
  void** slots HZ4_GUARDED_BY(lock) = nullptr;
  Relaxed<uint32_t> count{};
  Relaxed<uint32_t> capacity{};
  uint32_t limit HZ4_GUARDED_BY(lock) = 0;
  uint32_t low_water HZ4_GUARDED_BY(lock) = 0;  // least count since period_start
  uint32_t returns HZ4_GUARDED_BY(lock) = 0;    // since the clock was read
  uint64_t period_start HZ4_GUARDED_BY(lock) = 0;
};

struct ClassSpans {
  Lock lock;
  // Exactly the spans with HasFree(), each on the list of the part that gave the first of its free
  // objects back (Span::list).
  SpanList partial[kMaxParts] HZ4_GUARDED_BY(lock);
  uint64_t partial_spans HZ4_GUARDED_BY(lock) = 0;  // on all of the lists
  uint64_t spans HZ4_GUARDED_BY(lock) = 0;          // of this class, partial or not
  uint64_t carved HZ4_GUARDED_BY(lock) = 0;         // objects carved in all spans
  uint64_t free_in_spans HZ4_GUARDED_BY(lock) = 0;
};

HZ4_CONSTINIT Array arrays[kMaxParts][kClassSlots];
HZ4_CONSTINIT ClassSpans class_spans[kClassSlots];
unsigned parts = 1;                  // a power of two; constant after Init
std::atomic<size_t> array_bytes{0};  // opened in all arrays

// The part of the CPU that the thread is on: what it frees is likely in that CPU's cache still.
unsigned MyPart() { return parts == 1 ? 0 : static_cast<unsigned>(sched_getcpu()) & (parts - 1); }

// Makes room for `need` pointers, within the bounds. False: none to be had.
bool GrowArray(Array& a, uint32_t need) HZ4_REQUIRES(a.lock) {
  const uint32_t capacity = a.capacity;
  size_t bytes = AlignUp((need - capacity) * sizeof(void*), kArrayStep);
  // A quarter more than there is, so that long growth takes few system calls.
  const size_t generous = AlignUp(capacity * sizeof(void*) / 4, kArrayStep);
  if (generous > bytes) bytes = generous;
  const size_t left = size_t{a.limit - capacity} * sizeof(void*);
  if (bytes > left) bytes = left;
  if (capacity + bytes / sizeof(void*) < need) return false;
  const size_t bound = PageHeap::MappedBytes() / kArrayShare + kArrayBase;
  if (array_bytes.fetch_add(bytes, std::memory_order_relaxed) + bytes > bound ||
      !os::Open(a.slots + capacity, bytes)) {
    array_bytes.fetch_sub(bytes, std::memory_order_relaxed);
    return false;
  }
  a.capacity = static_cast<uint32_t>(capacity + bytes / sizeof(void*));
  return true;
}

bool Fits(const Array& a, uint32_t n) { return a.count + n <= a.capacity; }

// Up to n objects onto the array, which has room for them; how many `move` had.
uint32_t Push(Array& a, unsigned cls, uint32_t n, Mover move, void* context) HZ4_REQUIRES(a.lock) {
  const uint32_t moved = move(context, cls, a.slots + a.count, n);
  a.count = a.count + moved;
  return moved;
}
// The n <= count newest objects to `move`; how many it took.
uint32_t Pop(Array& a, unsigned cls, uint32_t n, Mover move, void* context) HZ4_REQUIRES(a.lock) {
  void** const at = a.slots + (a.count - n);
  const uint32_t moved = move(context, cls, at, n);
  if (HZ4_UNLIKELY(moved < n)) memmove(at, at + moved, (n - moved) * sizeof(void*));
  a.count = a.count - moved;
  if (a.count < a.low_water) a.low_water = a.count;
  return moved;
}

// Up to n of the newest objects; how many. 0: it is empty, or a fork is pending.
uint32_t PopFrom(Array& a, unsigned cls, uint32_t n, Mover move, void* context) {
  if (a.count == 0 || !a.lock.Acquire()) return 0;
  const uint32_t here = n < a.count ? n : a.count;
  const uint32_t moved = here > 0 ? Pop(a, cls, here, move, context) : 0;
  a.lock.Release();
  return moved;
}

uint32_t CopyTo(void* context, unsigned, void** at, uint32_t n) {
  memcpy(context, at, n * sizeof(void*));
  return n;
}
uint32_t CopyFrom(void* context, unsigned, void** at, uint32_t n) {
  memcpy(at, context, n * sizeof(void*));
  return n;
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

void AddPartial(ClassSpans& c, Span* span, unsigned part) HZ4_REQUIRES(c.lock) {
  span->list = static_cast<uint8_t>(part);
  c.partial[part].PushFront(span);
  ++c.partial_spans;
}
void RemovePartial(ClassSpans& c, Span* span) HZ4_REQUIRES(c.lock) {
  c.partial[span->list].Remove(span);
  --c.partial_spans;
}

void RemoveEmpty(ClassSpans& c, Span* span, SpanList* empty) HZ4_REQUIRES(c.lock) {
  RemovePartial(c, span);
  --c.spans;
  c.carved -= span->carved;
  c.free_in_spans -= span->free_count;
  empty->PushFront(span);
}

void PutObjects(ClassSpans& c, unsigned cls, unsigned part, void* const* in, uint32_t n,
                bool keep_one, SpanList* empty) HZ4_REQUIRES(c.lock) {
  for (uint32_t i = 0; i < n;) {
    Span* span = page_map::SpanOf(in[i]);
    if (span == nullptr || span->size_class != cls || !span->IsObjectStart(in[i])) {
      Die("invalid free: not the start of an object", in[i]);
    }
    const bool was_partial = span->HasFree();
    const uint32_t put = span->PutRun(in + i, n - i);
    if (put == 0) Die("double free", in[i]);
    c.free_in_spans += put;
    if (!was_partial) AddPartial(c, span, part);
    if (span->AllFree() && !(keep_one && c.partial_spans == 1)) RemoveEmpty(c, span, empty);
    i += put;
  }
}

// Moves the n oldest pointers of the part's array into their spans. False: a fork is pending.
template <class Stats>
bool GiveBack(Array& a, unsigned cls, unsigned part, uint32_t n, bool keep_one, SpanList* empty)
    HZ4_REQUIRES(a.lock) {
  ClassSpans& c = class_spans[cls];
  uint32_t given = 0;
  while (given < n && c.lock.Acquire()) {
    const uint32_t some = n - given < kGiveBackStep ? n - given : kGiveBackStep;
    PutObjects(c, cls, part, a.slots + given, some, keep_one, empty);
    c.lock.Release();
    given += some;
  }
  if (given == 0) return n == 0;
  Stats::Add(CounterId::kGiveBackPasses);
  Stats::Add(CounterId::kGiveBackObjs, given);
  const uint32_t left = a.count - given;
  memmove(a.slots, a.slots + given, left * sizeof(void*));
  a.count = left;
  if (a.low_water > left) a.low_water = left;
  return given == n;
}

// Once a period: half of what was not needed in it goes back.
template <class Stats>
void GiveBackSurplus(unsigned cls) {
  const uint64_t now = CoarseNowNs();
  for (unsigned part = 0; part < parts; ++part) {
    EmptySpans<Stats> empty;
    Array& a = arrays[part][cls];
    if (a.count == 0 || !a.lock.Acquire()) continue;
    if (now - a.period_start >= kPeriodNs) {
      uint32_t n = a.low_water / 2;
      if (n > kMaxGiveBack) n = kMaxGiveBack;
      GiveBack<Stats>(a, cls, part, n, /*keep_one=*/true, &empty.list);
      a.period_start = now;
      a.low_water = a.count;
    }
    a.lock.Release();
  }
}

// Up to n objects of the partial spans of `lists` parts, from `part` on, the first of them last:
// what a cache got last it hands out first, so objects of a span come into use in the order of
// their addresses, which the processor's prefetchers follow from one batch to the next.
template <class Stats>
uint32_t FetchFromSpans(ClassSpans& c, unsigned part, unsigned lists, void** out, uint32_t n)
    HZ4_REQUIRES(c.lock) {
  uint32_t left = n;
  for (unsigned i = 0; i < lists; ++i) {
    SpanList& partial = c.partial[part ^ i];
    while (left > 0 && partial.front() != nullptr) {
      Span* span = partial.front();
      const uint32_t carved_before = span->carved;
      const uint32_t free_before = span->free_count;
      left -= span->TakeBatch(out + left, left);
      c.carved += span->carved - carved_before;
      Stats::Add(CounterId::kCentralCarveObjs, span->carved - carved_before);
      c.free_in_spans -= free_before - span->free_count;
      if (!span->HasFree()) RemovePartial(c, span);
    }
  }
  const uint32_t got = n - left;
  if (left > 0) memmove(out, out + left, got * sizeof(void*));
  return got;
}

template <class Stats>
uint32_t FetchFree(unsigned cls, unsigned part, unsigned lists, void** out, uint32_t n) {
  ClassSpans& c = class_spans[cls];
  if (!c.lock.Acquire()) return 0;
  const uint32_t got = FetchFromSpans<Stats>(c, part, lists, out, n);
  c.lock.Release();
  return got;
}

// Up to n objects of a new span. The class lock is not held while pages are found: another thread
// may do the same, then the class has one span more.
template <class Stats>
uint32_t FetchFresh(unsigned cls, unsigned part, PageSource source, void** out, uint32_t n) {
  Span* span = PageHeap::NewObjectSpan(cls, /*with_remote=*/false, source);
  if (span == nullptr) return 0;
  Stats::Add(CounterId::kSpanCreated);
  ClassSpans& c = class_spans[cls];
  if (!c.lock.Acquire()) {
    PageHeap::Free(span);
    return 0;
  }
  ++c.spans;
  AddPartial(c, span, part);
  const uint32_t got = FetchFromSpans<Stats>(c, part, 1, out, n);
  c.lock.Release();
  return got;
}

// Up to n objects of a new span, for a part whose own array and spans have nothing, where others'
// free objects are better left to them. Objects that share cache lines are worth new memory: two
// CPUs would write the same lines from then on.
template <class Stats>
uint32_t FetchRatherFresh(unsigned cls, unsigned part, void** out, uint32_t n) {
  ClassSpans& c = class_spans[cls];
  if (!c.lock.Acquire()) return 0;
  const uint64_t objects = c.spans * Class(cls).objects;
  uint64_t free = objects - c.carved + c.free_in_spans;
  c.lock.Release();
  for (unsigned i = 1; i < parts; ++i) free += arrays[part ^ i][cls].count;
  const uint64_t size = Class(cls).size;
  const bool any = size < kCacheLine && free <= objects / kElsewhereSharingShare &&
                   free * size <= kElsewhereSharingBytes;
  if (!any && free > objects / kElsewhereShare) return 0;
  return FetchFresh<Stats>(cls, part, any ? PageSource::kAny : PageSource::kKept, out, n);
}

void Defer(void* const* in, uint32_t n) {
  for (uint32_t i = 0; i < n; ++i) side::DeferFree(in[i]);
}

// No array has room for them.
template <class Stats>
HZ4_NOINLINE void ReturnToFull(unsigned cls, unsigned part, void* const* in, uint32_t n) {
  EmptySpans<Stats> empty;  // before the locks are taken, so freed after they are released
  Array& a = arrays[part][cls];
  if (!a.lock.Acquire()) return Defer(in, n);
  uint32_t surplus = a.count / 2;
  if (surplus > kMaxGiveBack) surplus = kMaxGiveBack;
  GiveBack<Stats>(a, cls, part, surplus, /*keep_one=*/true, &empty.list);
  const bool fits = Fits(a, n);
  if (fits) Push(a, cls, n, &CopyFrom, const_cast<void**>(in));
  a.lock.Release();
  if (fits) return;
  ClassSpans& c = class_spans[cls];
  if (!c.lock.Acquire()) return Defer(in, n);
  PutObjects(c, cls, part, in, n, /*keep_one=*/true, &empty.list);
  c.lock.Release();
}

}  // namespace

bool Init() HZ4_NO_TSA {  // no other thread knows the classes yet
  if (arena::Direct()) {
    const unsigned cpus = os::CpuCount();
    while (parts < kMaxParts && parts < cpus) parts *= 2;
  }
  const size_t each = AlignDown((arena::Direct() ? kReservedBytes : kScarceBytes) / parts, kOsPage);
  char* memory = static_cast<char*>(os::Reserve(each * kNumClasses * parts, kOsPage));
  for (unsigned cls = 1; cls <= kNumClasses; ++cls) {
    class_spans[cls].lock.Init(LockRank::kCentralClass);
    for (unsigned part = 0; part < parts; ++part) {
      Array& a = arrays[part][cls];
      a.lock.Init(static_cast<LockRank>(static_cast<unsigned>(LockRank::kCentralArray) + part));
      if (memory == nullptr) continue;
      a.slots = reinterpret_cast<void**>(memory + ((cls - 1) * parts + part) * each);
      a.limit = static_cast<uint32_t>(each / sizeof(void*));
    }
  }
  return memory != nullptr;
}

uint32_t Withdraw(unsigned cls, uint32_t n, Mover move, void* context) {
  return PopFrom(arrays[MyPart()][cls], cls, n, move, context);
}

template <class Stats>
uint32_t Deposit(unsigned cls, uint32_t n, Mover move, void* context) {
  const unsigned mine = MyPart();
  for (unsigned i = 0; i < parts; ++i) {
    Array& a = arrays[mine ^ i][cls];
    if (i > 0 && !Fits(a, n)) continue;
    if (!a.lock.Acquire()) return 0;
    const bool fits = Fits(a, n) || (i == 0 && GrowArray(a, a.count + n));
    const uint32_t moved = HZ4_LIKELY(fits) ? Push(a, cls, n, move, context) : 0;
    const bool look = ++a.returns >= kReturnsPerClockRead;
    if (look) a.returns = 0;
    a.lock.Release();
    if (HZ4_UNLIKELY(look)) GiveBackSurplus<Stats>(cls);
    if (HZ4_LIKELY(fits)) return moved;
    // What this part frees, it will want back: others' arrays are for one that cannot grow at all.
    if (i == 0 && a.capacity >= n) return 0;
  }
  return 0;
}

template <class Stats>
uint32_t Fetch(unsigned cls, void** out, uint32_t n) {
  const unsigned mine = MyPart();
  uint32_t got = PopFrom(arrays[mine][cls], cls, n, &CopyTo, out);
  if (got == 0) got = FetchFree<Stats>(cls, mine, 1, out, n);
  if (got == 0) got = FetchRatherFresh<Stats>(cls, mine, out, n);
  for (unsigned i = 1; got == 0 && i < parts; ++i) {
    got = PopFrom(arrays[mine ^ i][cls], cls, n, &CopyTo, out);
  }
  if (got == 0) got = FetchFree<Stats>(cls, mine, parts, out, n);
  if (got == 0) got = FetchFresh<Stats>(cls, mine, PageSource::kAny, out, n);
  return got;
}

template <class Stats>
void Return(unsigned cls, void* const* in, uint32_t n) {
  if (n == 0 || Deposit<Stats>(cls, n, &CopyFrom, const_cast<void**>(in)) == n) return;
  ReturnToFull<Stats>(cls, MyPart(), in, n);
}

template <class Stats>
size_t GiveBackAll() {
  size_t bytes = 0;
  for (unsigned cls = 1; cls <= kNumClasses; ++cls) {
    // Freed behind all arrays: an object that is in two of them meets its span with the bit set.
    EmptySpans<Stats> empty;
    for (unsigned part = 0; part < parts; ++part) {
      Array& a = arrays[part][cls];
      for (bool more = true; more;) {
        if (!a.lock.Acquire()) return bytes;
        const uint32_t n = a.count < kMaxGiveBack ? a.count : kMaxGiveBack;
        const bool given = GiveBack<Stats>(a, cls, part, n, /*keep_one=*/false, &empty.list);
        if (given) bytes += size_t{n} * Class(cls).size;
        more = given && a.count > 0;
        if (a.count == 0 && a.capacity > 0) os::Decommit(a.slots, a.capacity * sizeof(void*));
        a.lock.Release();
      }
    }
    // The span that was kept although empty.
    ClassSpans& c = class_spans[cls];
    if (!c.lock.Acquire()) return bytes;
    for (const SpanList& list : c.partial) {
      for (Span* s = list.front(); s != nullptr;) {
        Span* next = s->next;
        if (s->AllFree()) RemoveEmpty(c, s, &empty.list);
        s = next;
      }
    }
    c.lock.Release();
  }
  return bytes;
}

template uint32_t Deposit<Counting>(unsigned, uint32_t, Mover, void*);
template uint32_t Deposit<NotCounting>(unsigned, uint32_t, Mover, void*);
template uint32_t Fetch<Counting>(unsigned, void**, uint32_t);
template uint32_t Fetch<NotCounting>(unsigned, void**, uint32_t);
template void Return<Counting>(unsigned, void* const*, uint32_t);
template void Return<NotCounting>(unsigned, void* const*, uint32_t);
template size_t GiveBackAll<Counting>();
template size_t GiveBackAll<NotCounting>();

namespace {

void UnlockArrays(unsigned cls, unsigned first_parts) HZ4_NO_TSA {
  while (first_parts-- > 0) arrays[first_parts][cls].lock.Release();
}
// All of a class stands still. False: a fork is pending.
bool LockAll(unsigned cls) HZ4_NO_TSA {
  unsigned part = 0;
  while (part < parts && arrays[part][cls].lock.Acquire()) ++part;
  if (part == parts && class_spans[cls].lock.Acquire()) return true;
  UnlockArrays(cls, part);
  return false;
}
void UnlockAll(unsigned cls) HZ4_NO_TSA {
  class_spans[cls].lock.Release();
  UnlockArrays(cls, parts);
}

const char* CheckArray(const Array& a, unsigned cls) HZ4_NO_TSA {
  if (a.count > a.capacity || a.capacity > a.limit) return "central: count <= capacity <= limit";
  if (a.low_water > a.count) return "central: low_water <= count";
  for (uint32_t i = 0; i < a.count; ++i) {
    const Span* s = page_map::SpanOf(a.slots[i]);
    if (s == nullptr || s->size_class != cls || !s->IsObjectStart(a.slots[i])) {
      return "central: array holds what is no object of the class";
    }
    if (s->IsFree(s->IndexOf(a.slots[i]))) {
      return "central: object both in the array and free in its span";
    }
  }
  return nullptr;
}

const char* CheckSpans(const ClassSpans& c, unsigned cls, uint64_t in_arrays) HZ4_NO_TSA {
  if (c.carved - c.free_in_spans < in_arrays) return "central: arrays hold more than handed out";
  uint64_t partial = 0;
  for (unsigned part = 0; part < kMaxParts; ++part) {
    for (const Span* s = c.partial[part].front(); s != nullptr; s = s->next) {
      if (s->size_class != cls || s->list != part || !s->HasFree()) {
        return "central: span on the wrong list";
      }
      if (const char* wrong = s->Check()) return wrong;
      ++partial;
    }
  }
  return partial == c.partial_spans ? nullptr : "central: partial spans != length of the lists";
}

}  // namespace

Totals GetTotals() HZ4_NO_TSA {
  Totals t = {};
  for (unsigned cls = 1; cls <= kNumClasses; ++cls) {
    if (!LockAll(cls)) continue;
    const ClassSpans& c = class_spans[cls];
    const uint64_t size = Class(cls).size;
    t.handed_out_bytes += (c.carved - c.free_in_spans) * size;
    t.span_free_bytes += c.free_in_spans * size;
    t.uncarved_bytes += (c.spans * Class(cls).objects - c.carved) * size;
    t.span_bytes += c.spans * Class(cls).span_pages * kPageSize;
    for (unsigned part = 0; part < parts; ++part) t.array_bytes += arrays[part][cls].count * size;
    UnlockAll(cls);
  }
  t.array_memory = array_bytes.load(std::memory_order_relaxed);
  return t;
}

const char* Check() HZ4_NO_TSA {
  for (unsigned cls = 1; cls <= kNumClasses; ++cls) {
    if (!LockAll(cls)) return nullptr;
    const char* wrong = nullptr;
    uint64_t in_arrays = 0;
    for (unsigned part = 0; wrong == nullptr && part < parts; ++part) {
      wrong = CheckArray(arrays[part][cls], cls);
      in_arrays += arrays[part][cls].count;
    }
    if (wrong == nullptr) wrong = CheckSpans(class_spans[cls], cls, in_arrays);
    UnlockAll(cls);
    if (wrong != nullptr) return wrong;
  }
  return nullptr;
}

}  // namespace central
}  // namespace hz4
