// SPDX-License-Identifier: Apache-2.0
//
// A page of the ladder: a Span of a mid class. It has at most 63 objects, so "these are free" is
// one word, and so is "these were freed by other threads".
//
// Who may change free_bits, free_count and carved:
//   unowned page   who holds the class lock
//   owned page     its owner, without a lock
// A page changes hands under the class lock only. What threads without the lock may do with it is
// said by its hand-over word:
//
//   bit 63       the page is owned
//   bits 0..62   objects that others than the owner freed since; only while bit 63 is set
//
//   Claim    owner to be, class lock held   0          -> owned
//   Push     any thread, no lock            owned | b  -> owned | b | bit    fails when not owned
//   Drain    owner, no lock                 owned | b  -> owned              gives b
//   Release  owner, class lock held         owned | b  -> 0                  gives b
//
// Each is one atomic step on the one word. So a push comes before the release, which then takes the
// bit along, or it fails, and the object goes the way of unowned pages (free batch, class lock). No
// bit is left behind on an unowned page, whoever is slow; and there is no ABA, because the word
// means the same whoever owns the page by now. After its push a thread does not touch the page
// again: the object was its only claim on it, and the page may go back to the page heap at once.
#ifndef HZ4_MID_PAGE_H_
#define HZ4_MID_PAGE_H_

#include <atomic>

#include "hz4/base/platform.h"
#include "hz4/base/print.h"
#include "hz4/page_map.h"
#include "hz4/size_class.h"
#include "hz4/span.h"

namespace hz4 {
namespace mid {

inline constexpr unsigned kFirstClass = kLastSmallClass + 1;
inline constexpr unsigned kClasses = kLastMidClass - kLastSmallClass;

constexpr bool ObjectsFitOneWord() {
  for (unsigned cls = kFirstClass; cls < kFirstClass + kClasses; ++cls) {
    if (Class(cls).objects > 63) return false;
  }
  return true;
}
static_assert(ObjectsFitOneWord(), "bit 63 of the hand-over word is the owned mark");

// --- the hand-over word ---

inline constexpr uint64_t kOwned = uint64_t{1} << 63;

enum class Pushed : uint8_t { kYes, kNotOwned, kTwice };

// Word: std::atomic<uint64_t>, or a test's that explores interleavings.
template <class Word>
struct HandOver {
  // relaxed: nobody reads anything through the owned mark; what the claimer may do with the page is
  // ordered by the class lock.
  static void Claim(Word& word) { word.store(kOwned, std::memory_order_relaxed); }

  // release: what the freeing thread did with the object comes before its next life, which begins
  // behind the acquire in Drain or Release. Later pushes do not break that: read-modify-writes
  // continue a release sequence. relaxed on failure: then nothing is read through the word.
  static Pushed Push(Word& word, uint64_t bit) {
    uint64_t seen = word.load(std::memory_order_relaxed);
    do {
      if ((seen & kOwned) == 0) return Pushed::kNotOwned;
      if ((seen & bit) != 0) return Pushed::kTwice;
    } while (!word.compare_exchange_weak(seen, seen | bit, std::memory_order_release,
                                         std::memory_order_relaxed));
    return Pushed::kYes;
  }

  // acquire: see Push.
  static uint64_t Drain(Word& word) {
    return word.exchange(kOwned, std::memory_order_acquire) & ~kOwned;
  }
  // acquire: see Push. The page's other fields reach the next holder through the class lock.
  static uint64_t Release(Word& word) {
    return word.exchange(0, std::memory_order_acquire) & ~kOwned;
  }

  // What is to be drained; a hint. relaxed: only Drain and Release take anything.
  static uint64_t Waiting(const Word& word) {
    return word.load(std::memory_order_relaxed) & ~kOwned;
  }
  // Exact for the owner and under the class lock.
  static bool Owned(const Word& word) {
    return (word.load(std::memory_order_relaxed) & kOwned) != 0;
  }
};

using PageHandOver = HandOver<std::atomic<uint64_t>>;
inline std::atomic<uint64_t>& WordOf(Span* page) { return page->remote_bits[0]; }

// --- pointers and pages ---

// p is known to lie in a page of a mid class.
inline Span* PageOf(const void* p) {
  Span* page = DirectMap::SpanOf(p);
  return HZ4_LIKELY(page != nullptr) ? page : RadixMap::SpanOf(p);
}

// The number of the object that starts at p, in a page of the class from `start` on. p is known to
// lie in the page.
inline uint32_t ObjectIndex(uintptr_t start, unsigned cls, const void* p) {
  const uint64_t offset = reinterpret_cast<uintptr_t>(p) - start;
  const uint64_t i = offset * Class(cls).inverse >> 40;
  if (HZ4_UNLIKELY(i * Class(cls).size != offset || i >= Class(cls).objects)) {
    Die("invalid free: not the start of an object", p);
  }
  return static_cast<uint32_t>(i);
}
inline uint32_t ObjectIndex(const Span* page, const void* p) {
  return ObjectIndex(page->start, page->size_class, p);
}

// --- a page's own objects; for its owner, or under the class lock ---

HZ4_ALWAYS_INLINE void* Take(Span* page) {
  const uint64_t bits = page->free_bits[0];
  if (bits != 0) {
    page->free_bits[0] = bits & (bits - 1);
    --page->free_count;
    return page->ObjectAt(LowestBit(bits));
  }
  return page->carved < page->objects ? page->Carve() : nullptr;
}

inline void Put(Span* page, const void* p) {
  const uint32_t i = ObjectIndex(page, p);
  const uint64_t bit = uint64_t{1} << i;
  if (HZ4_UNLIKELY(!page->WasCarved(i))) Die("invalid free: an object never handed out", p);
  if (HZ4_UNLIKELY((page->free_bits[0] & bit) != 0)) Die("double free", p);
  page->free_bits[0] |= bit;
  ++page->free_count;
}

// Puts what Drain or Release took; returns how many objects.
inline uint32_t PutDrained(Span* page, uint64_t bits) {
  if (bits == 0) return 0;
  const uint64_t handed_out = (uint64_t{1} << page->carved) - 1;
  const uint64_t wrong = bits & (page->free_bits[0] | ~handed_out);
  if (HZ4_UNLIKELY(wrong != 0)) Die("double free", page->ObjectAt(LowestBit(wrong)));
  page->free_bits[0] |= bits;
  const uint32_t n = static_cast<uint32_t>(__builtin_popcountll(bits));
  page->free_count += n;
  return n;
}

// A free by a thread that does not own the page. False: nobody owns it.
inline bool PushRemote(Span* page, const void* p) {
  const Pushed pushed = PageHandOver::Push(WordOf(page), uint64_t{1} << ObjectIndex(page, p));
  if (HZ4_UNLIKELY(pushed == Pushed::kTwice)) Die("double free", p);
  return pushed == Pushed::kYes;
}

}  // namespace mid
}  // namespace hz4

#endif  // HZ4_MID_PAGE_H_
