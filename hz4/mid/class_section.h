// SPDX-License-Identifier: Apache-2.0
//
// A section under a class lock, and what HZ4_MID_LOCK_TIME_STATS sees of it: Untimed, or Timed, the
// same members with a clock behind them for one entry in 2^HZ4_MID_LOCK_TIME_STATS_SAMPLE_SHIFT.
//
//   ClassSection<Timing> section(t, cls);
//   if (!section.Enter()) return ...;      // a fork is pending
//   ...
//   section.Leave();                       // or at the end of its scope; Enter again as you like
#ifndef HZ4_MID_CLASS_SECTION_H_
#define HZ4_MID_CLASS_SECTION_H_

#include "hz4/base/clock.h"
#include "hz4/mid/bins.h"
#include "hz4/stats/blocks.h"

namespace hz4 {
namespace mid {

struct Untimed {
  bool Enter(Lock& lock, MidThread*) HZ4_NO_TSA { return lock.Acquire(); }
  void Leave(Lock& lock) HZ4_NO_TSA { lock.Release(); }
  void LookedAt(uint32_t) {}  // pages of the bin
  void Drained(uint32_t) {}   // objects of a remote list
  void CreateBegins() {}
  void CreatedInside() {}
  void CreatedOutside() {}
};

class Timed {
 public:
  bool Enter(Lock& lock, MidThread* t) HZ4_NO_TSA {
    const uint64_t mask = (uint64_t{1} << EffectiveKnobs().mid_lock_time_stats_sample_shift) - 1;
    // Not a thread's very first entry, which is the coldest of all.
    sampled_ = t != nullptr && (t->lock_entries++ & mask) == mask / 2;
    if (!sampled_) {
      if (!lock.Acquire()) return false;
      Counting::Add(CounterId::kLockEnter);
      return true;
    }
    const uint64_t before = NowNs();
    const bool contended = !lock.TryAcquire();
    if (contended && !lock.Acquire()) return false;
    entered_ = NowNs();
    Counting::Add(CounterId::kLockEnter);
    Counting::Add(CounterId::kLockWaitSamples);
    Counting::Add(CounterId::kLockWaitNsSum, entered_ - before);
    Counting::Max(CounterId::kLockWaitNsMax, entered_ - before);
    if (contended) Counting::Add(CounterId::kLockContendedSamples);
    return true;
  }
  void Leave(Lock& lock) HZ4_NO_TSA {
    lock.Release();
    if (!sampled_) return;
    const uint64_t held = NowNs() - entered_;
    Counting::Add(CounterId::kLockHoldSamples);
    Counting::Add(CounterId::kLockHoldNsSum, held);
    Counting::Max(CounterId::kLockHoldNsMax, held);
  }
  void LookedAt(uint32_t pages) {
    if (!sampled_) return;
    Counting::Add(CounterId::kHoldBinscanStepsSum, pages);
    Counting::Max(CounterId::kHoldBinscanStepsMax, pages);
  }
  void Drained(uint32_t objects) {
    if (!sampled_ || objects == 0) return;
    Counting::Add(CounterId::kInlockRemoteDrainCalls);
    Counting::Add(CounterId::kInlockRemoteDrainObjs, objects);
  }
  void CreateBegins() {
    if (sampled_) create_began_ = NowNs();
  }
  void CreatedInside() {
    if (!sampled_) return;
    Counting::Add(CounterId::kHoldPageCreateCalls);
    Counting::Add(CounterId::kHoldPageCreateNsSum, NowNs() - create_began_);
  }
  void CreatedOutside() {
    if (sampled_) Counting::Add(CounterId::kMidPageCreateOutlockNsSum, NowNs() - create_began_);
  }

 private:
  bool sampled_ = false;
  uint64_t entered_ = 0;
  uint64_t create_began_ = 0;
};

template <class Timing>
class ClassSection {
 public:
  // t may be null.
  ClassSection(MidThread* t, unsigned cls) : t_(t), lock_(LockOf(cls)) {}
  ~ClassSection() { Leave(); }
  ClassSection(const ClassSection&) = delete;
  ClassSection& operator=(const ClassSection&) = delete;

  [[nodiscard]] bool Enter() { return inside_ = timing_.Enter(lock_, t_); }
  void Leave() {
    if (inside_) timing_.Leave(lock_);
    inside_ = false;
  }
  Timing& timing() { return timing_; }

 private:
  MidThread* t_;
  Lock& lock_;
  bool inside_ = false;
  Timing timing_;
};

}  // namespace mid
}  // namespace hz4

#endif  // HZ4_MID_CLASS_SECTION_H_
