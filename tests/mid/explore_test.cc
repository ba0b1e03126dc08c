// SPDX-License-Identifier: Apache-2.0
//
// The lock-free parts of the ladder under every order of two and three threads: the hand-over word
// of a page (hz4/mid/page.h) and the stack of lists of the transfer cache (hz4/mid/transfer.h),
// both as they are, on atomics that give up the turn. Each property has a broken twin that must be
// found out.
#include "tests/mid/explore.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <memory>
#include <set>

#include "hz4/mid/page.h"
#include "hz4/mid/transfer.h"

namespace hz4 {
namespace test {
namespace {

constexpr int kAll = 1000;  // preemptions: no bound

using Word = ExploredAtomic<uint64_t>;
using mid::kOwned;
using mid::Pushed;

// --- the hand-over of a page ---

// Releases in two steps: a push between them is lost.
struct ForgetfulRelease : mid::HandOver<Word> {
  static uint64_t Release(Word& word) {
    const uint64_t bits = word.load() & ~kOwned;
    word.store(0);
    return bits;
  }
};
// Asks for the owner first and pushes then, as "one fetch_or" would.
struct CarelessPush : mid::HandOver<Word> {
  static Pushed Push(Word& word, uint64_t bit) {
    if ((word.load() & kOwned) == 0) return Pushed::kNotOwned;
    uint64_t seen = word.load();
    while (!word.compare_exchange_weak(seen, seen | bit)) {
    }
    return (seen & bit) != 0 ? Pushed::kTwice : Pushed::kYes;
  }
};

// One page with `objects` objects, all of them live, and what the boxes around the word do with it:
// OwnerPut, OwnerPush, PutBackLocked, OwnedPages::Claim and Release, DrainOwned.
template <class HandOver>
struct Page {
  explicit Page(unsigned objects) : all((uint64_t{1} << objects) - 1), live(all) {}

  // Thread `me` frees object i.
  void Free(int me, unsigned i) {
    live &= ~(uint64_t{1} << i);
    const uint64_t bit = uint64_t{1} << i;
    if (mine == me) return Put(bit);
    switch (HandOver::Push(word, bit)) {
      case Pushed::kYes:
        return;
      case Pushed::kTwice:
        ++double_frees;
        return;
      case Pushed::kNotOwned:
        break;
    }
    class_lock.Acquire();
    if (HandOver::Owned(word)) {
      Expect(HandOver::Push(word, bit) == Pushed::kYes, "a push under the lock fails");
    } else {
      Put(bit);
      LeaveIfWholeFree();
    }
    class_lock.Release();
  }
  void Drain() { Put(HandOver::Drain(word)); }
  void Release() {
    class_lock.Acquire();
    mine = -1;
    Put(HandOver::Release(word));
    LeaveIfWholeFree();
    class_lock.Release();
  }
  void Claim(int me) {
    class_lock.Acquire();
    if (!left && !HandOver::Owned(word)) {
      HandOver::Claim(word);
      mine = me;
    }
    class_lock.Release();
  }
  // The thread that has claimed the page, if it did, does `what`.
  template <class F>
  void IfMine(int me, const F& what) {
    if (mine == me) what();
  }

  void ExpectNothingLost() const {
    const uint64_t remote = word.Peek() & ~kOwned;
    Expect((free & remote) == 0, "an object is free and freed remotely");
    Expect(((free | remote) & live) == 0, "a live object is free");
    Expect((free | remote | live) == all, "a freed object is lost");
    if ((word.Peek() & kOwned) == 0) Expect(remote == 0, "remote frees of an unowned page");
  }

  const uint64_t all;
  uint64_t live;
  Word word{0};
  ExploredLock class_lock;
  int mine = -1;      // its owner; only ever compared by a thread with itself
  uint64_t free = 0;  // the owner's, or under the lock
  Exclusive fields;
  bool left = false;  // given back to the page heap
  int double_frees = 0;

 private:
  void Put(uint64_t bits) {
    fields.Use([&] {
      if ((free & bits) != 0) ++double_frees;
      free |= bits;
    });
  }
  void LeaveIfWholeFree() {
    if (free != all) return;
    left = true;
    word.Poison();
  }
};

template <class HandOver = mid::HandOver<Word>>
Explored ExploreOwnerAndFreer(int preemptions) {
  return Explore(preemptions, [] {
    auto page = std::make_shared<Page<HandOver>>(3);
    page->word = Word(kOwned);
    page->mine = 0;
    return Scenario{{[page] {
                       page->Drain();
                       page->Release();
                     },
                     [page] {
                       page->Free(1, 0);
                       page->Free(1, 1);
                     }},
                    [page] { page->ExpectNothingLost(); }};
  });
}

void ExpectHolds(const char* what, const Explored& explored) {
  EXPECT_EQ(explored.failure, "");
  printf("%s: %llu orders\n", what, static_cast<unsigned long long>(explored.orders));
}

TEST(HandOver, DrainAndReleaseAgainstRemoteFrees) {
  ExpectHolds("2 threads", ExploreOwnerAndFreer(kAll));
}

TEST(HandOver, AReleaseInTwoStepsIsFoundOut) {
  EXPECT_NE(ExploreOwnerAndFreer<ForgetfulRelease>(kAll).failure, "");
}

TEST(HandOver, APushThatLooksFirstIsFoundOut) {
  EXPECT_NE(ExploreOwnerAndFreer<CarelessPush>(kAll).failure, "");
}

TEST(HandOver, AnotherThreadTakesThePageOver) {
  ExpectHolds("3 threads", Explore(3, [] {
                auto page = std::make_shared<Page<mid::HandOver<Word>>>(4);
                page->word = Word(kOwned);
                page->mine = 0;
                return Scenario{{[page] { page->Release(); },
                                 [page] {
                                   page->Free(1, 0);
                                   page->Free(1, 1);
                                 },
                                 [page] {
                                   page->Claim(2);
                                   page->IfMine(2, [&] { page->Drain(); });
                                   page->IfMine(2, [&] { page->Release(); });
                                 }},
                                [page] { page->ExpectNothingLost(); }};
              }));
}

// The freeing thread read the word in the page's last but one life as an owned page.
TEST(HandOver, TheSameThreadReleasesAndClaimsAgain) {
  ExpectHolds("2 threads", Explore(kAll, [] {
                auto page = std::make_shared<Page<mid::HandOver<Word>>>(3);
                page->word = Word(kOwned);
                page->mine = 0;
                return Scenario{{[page] {
                                   page->Release();
                                   page->Claim(0);
                                   page->IfMine(0, [&] { page->Drain(); });
                                 },
                                 [page] { page->Free(1, 0); }},
                                [page] { page->ExpectNothingLost(); }};
              }));
}

TEST(HandOver, TwoThreadsFreeWhileTheOwnerDrains) {
  ExpectHolds("3 threads", Explore(4, [] {
                auto page = std::make_shared<Page<mid::HandOver<Word>>>(4);
                page->word = Word(kOwned);
                page->mine = 0;
                return Scenario{{[page] {
                                   page->Free(0, 2);
                                   page->Drain();
                                   page->Drain();
                                 },
                                 [page] { page->Free(1, 0); }, [page] { page->Free(2, 1); }},
                                [page] { page->ExpectNothingLost(); }};
              }));
}

// The page's last objects come back while it is released: it goes to the page heap, and whoever
// freed them must not look at it again (the word is poisoned then).
TEST(HandOver, NobodyTouchesAPageThatWasGivenAway) {
  ExpectHolds("3 threads", Explore(3, [] {
                auto page = std::make_shared<Page<mid::HandOver<Word>>>(3);
                page->word = Word(kOwned);
                page->mine = 0;
                return Scenario{{[page] {
                                   page->Free(0, 0);
                                   page->Release();
                                 },
                                 [page] { page->Free(1, 1); }, [page] { page->Free(2, 2); }},
                                [page] {
                                  page->ExpectNothingLost();
                                  Expect(page->left, "a wholly free page stays");
                                }};
              }));
}

TEST(HandOver, OfTwoFreesOfOneObjectOneIsCaught) {
  ExpectHolds("3 threads", Explore(3, [] {
                auto page = std::make_shared<Page<mid::HandOver<Word>>>(2);
                page->word = Word(kOwned);
                page->mine = 0;
                return Scenario{
                    {[page] { page->Release(); }, [page] { page->Free(1, 0); },
                     [page] { page->Free(2, 0); }},
                    [page] { Expect(page->double_frees == 1, "a double free is not noticed"); }};
              }));
}

// --- the stack of lists ---

using Stack = mid::NumberStack<ExploredAtomic>;

// The same without the count of changes.
class UncountedStack {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;
  template <class Next>
  void Push(uint32_t number, const Next& next) {
    uint64_t seen = head_.load();
    do {
      next(number).store(static_cast<uint32_t>(seen));
    } while (!head_.compare_exchange_weak(seen, number + 1));
  }
  template <class Next>
  uint32_t Pop(const Next& next) {
    uint64_t seen = head_.load();
    for (;;) {
      if (seen == 0) return kNone;
      const uint32_t below = next(static_cast<uint32_t>(seen) - 1).load();
      if (head_.compare_exchange_weak(seen, below)) return static_cast<uint32_t>(seen) - 1;
    }
  }

 private:
  ExploredAtomic<uint64_t> head_{0};
};

// Three numbers; each thread pops some and pushes some of them back.
template <class StackType>
struct Lists {
  static constexpr uint32_t kCount = 3;
  StackType stack;
  ExploredAtomic<uint32_t> next[kCount];
  std::multiset<uint32_t> held;

  auto Next() {
    return [this](uint32_t number) -> ExploredAtomic<uint32_t>& { return next[number]; };
  }
  uint32_t Pop() {
    const uint32_t number = stack.Pop(Next());
    if (number != StackType::kNone) held.insert(number);
    return number;
  }
  void Push(uint32_t number) {
    if (number == StackType::kNone) return;
    held.erase(held.find(number));
    stack.Push(number, Next());
  }
  void ExpectAllThere() {
    for (uint32_t number; (number = stack.Pop(Next())) != StackType::kNone;) held.insert(number);
    Expect(held == std::multiset<uint32_t>{0, 1, 2}, "a list is lost, or there twice");
  }
};

template <class StackType>
std::shared_ptr<Lists<StackType>> FullStack() {
  auto lists = std::make_shared<Lists<StackType>>();
  for (uint32_t number = 0; number < lists->kCount; ++number) {
    lists->stack.Push(number, lists->Next());
  }
  return lists;
}

// One thread is slow in its pop, the other pops two and pushes the first back.
template <class StackType>
Explored ExploreReuse() {
  return Explore(kAll, [] {
    auto lists = FullStack<StackType>();
    return Scenario{{[lists] { lists->Pop(); },
                     [lists] {
                       const uint32_t first = lists->Pop();
                       lists->Pop();
                       lists->Push(first);
                     }},
                    [lists] { lists->ExpectAllThere(); }};
  });
}

TEST(NumberStack, AListThatComesBackMeanwhile) { ExpectHolds("2 threads", ExploreReuse<Stack>()); }

TEST(NumberStack, WithoutTheCountOfChangesItIsFoundOut) {
  EXPECT_NE(ExploreReuse<UncountedStack>().failure, "");
}

TEST(NumberStack, ThreeThreadsPopAndPush) {
  ExpectHolds("3 threads", Explore(3, [] {
                auto lists = FullStack<Stack>();
                const auto pop_push = [lists] { lists->Push(lists->Pop()); };
                return Scenario{{pop_push, pop_push,
                                 [lists] {
                                   lists->Pop();
                                   lists->Pop();
                                 }},
                                [lists] { lists->ExpectAllThere(); }};
              }));
}

}  // namespace
}  // namespace test
}  // namespace hz4
