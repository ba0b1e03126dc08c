// SPDX-License-Identifier: Apache-2.0
//
// The ladder alone, under knobs of the test's choice: the real page heap below it, no doors above.
//
//   Ladder ladder(knobs);              // one at a time
//   void* p = ladder.Alloc(cls);       // as the calling thread
//   ladder.Become(1);                  // as if another thread called from here on
//   ladder.Free(p);
//
// Actors let one thread of the test play several threads of a program, so that what "another
// thread" does stands in one readable order. kNobody is a thread whose exit was handled already.
#ifndef HZ4_TESTS_MID_LADDER_H_
#define HZ4_TESTS_MID_LADDER_H_

#include <vector>

#include "hz4/dispatch.h"
#include "hz4/mid/state.h"
#include "hz4/stats/blocks.h"
#include "hz4/thread_state.h"

namespace hz4 {
namespace test {

class Ladder {
 public:
  static constexpr int kNobody = -1;

  // Statistics of the mid route are switched on, whatever `knobs` says.
  explicit Ladder(const Knobs& knobs);
  // Every actor exits, the ladder is flushed. All objects must have been freed: a page that is left
  // fails the test.
  ~Ladder();
  Ladder(const Ladder&) = delete;
  Ladder& operator=(const Ladder&) = delete;

  // Actors are made when they are first named; a Ladder starts as actor 0.
  void Become(int actor);
  // The actor's thread ends; who becomes it later is a new thread. The calling thread is actor 0
  // afterwards.
  void Exit(int actor);

  void* Alloc(unsigned cls) { return Table().mid_alloc(cls); }
  void Free(void* p);

  // The acting thread's; nullptr as kNobody.
  MidThread* Thread();
  mid::ClassCache& Cache(unsigned cls) { return Thread()->Of(cls); }

  // What was counted since this Ladder was made.
  uint64_t Count(CounterId id) const;
  // The table's entries, for a test that puts one of its own in between.
  Dispatch& table() { return sealed.table; }

 private:
  StatsTotals before_;
  std::vector<ThreadState*> actors_;
};

// The ladder with alloc run, free batch and consume, as HZ4_PROFILE=b46-base; the same with owners,
// local stack and gate, as HZ4_PROFILE=b7x-base.
Knobs B46Base();
Knobs B7xBase();
// Everything off: the lock path alone.
Knobs BareLadder();

// nullptr, or what does not hold in the ladder or in the page heap.
const char* CheckLadder();

}  // namespace test
}  // namespace hz4

#endif  // HZ4_TESTS_MID_LADDER_H_
