// SPDX-License-Identifier: Apache-2.0
//
// Runs the threads of a small scenario under every order of their steps, up to a number of
// preemptions. A step is whatever an ExploredAtomic or an ExploredLock does; the code between two
// steps touches nothing shared, or says so with Exclusive.
//
//   const Explored result = Explore(kPreemptions, [] {
//     auto s = std::make_shared<MyState>();
//     return Scenario{{[s] { ...thread 0... }, [s] { ...thread 1... }}, [s] { ...Expect(...)... }};
//   });
//   EXPECT_EQ(result.failure, "");
//
// Orders are enumerated depth first: a run follows the choices of the one before up to the last one
// that had an alternative, and takes that. Only orders are explored, not the reorderings of a
// weaker memory model; memory orders are justified where they stand in the code.
#ifndef HZ4_TESTS_MID_EXPLORE_H_
#define HZ4_TESTS_MID_EXPLORE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace hz4 {
namespace test {

struct Scenario {
  std::vector<std::function<void()>> threads;
  std::function<void()> at_end;  // after all of them, alone
};

struct Explored {
  uint64_t orders = 0;
  std::string failure;  // the first one, with the order of steps that leads to it; "": none
};

// A preemption takes the turn from a thread that could go on.
Explored Explore(int preemptions, const std::function<Scenario()>& make);

// To be called inside of a scenario only.
void Step();
void Expect(bool holds, const char* what);

template <class T>
class ExploredAtomic {
 public:
  ExploredAtomic() = default;
  ExploredAtomic(T value) : value_(value) {}  // NOLINT: as std::atomic

  T load(std::memory_order = std::memory_order_seq_cst) const {
    Touch();
    return value_;
  }
  void store(T value, std::memory_order = std::memory_order_seq_cst) {
    Touch();
    value_ = value;
  }
  T exchange(T value, std::memory_order = std::memory_order_seq_cst) {
    Touch();
    const T old = value_;
    value_ = value;
    return old;
  }
  bool compare_exchange_weak(T& expected, T value, std::memory_order = std::memory_order_seq_cst,
                             std::memory_order = std::memory_order_seq_cst) {
    Touch();
    if (value_ == expected) {
      value_ = value;
      return true;
    }
    expected = value_;
    return false;
  }

  // From now on nobody may touch it: what it stands in was given away.
  void Poison() { poisoned_ = true; }
  // Without a step, for at_end.
  T Peek() const { return value_; }

 private:
  void Touch() const {
    Step();
    Expect(!poisoned_, "an atomic is used after its page was given away");
  }

  T value_{};
  bool poisoned_ = false;
};

class ExploredLock {
 public:
  void Acquire();
  void Release();

 private:
  bool held_ = false;
};

// Plain data that one thread at a time may use. Two at once are a data race.
class Exclusive {
 public:
  template <class F>
  void Use(const F& f) {
    Expect(!busy_, "two threads use the same plain data");
    busy_ = true;
    Step();
    f();
    busy_ = false;
  }

 private:
  bool busy_ = false;
};

}  // namespace test
}  // namespace hz4

#endif  // HZ4_TESTS_MID_EXPLORE_H_
