// SPDX-License-Identifier: Apache-2.0
#include "tests/mid/explore.h"

#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

namespace hz4 {
namespace test {
namespace {

constexpr int kMain = -1;

// One exploration. Threads hand a turn to each other; who has it is the only one that runs.
class Explorer {
 public:
  Explorer(int preemptions, const std::function<Scenario()>& make)
      : preemptions_(preemptions), make_(make) {}

  Explored Run();

  void Step() {
    if (me_ != kMain) Yield(/*runnable=*/true);
  }
  void Expect(bool holds, const char* what) {
    if (!holds && failure_.empty()) failure_ = what;
  }
  // The turn goes away until Unblock(lock).
  void Block(const void* lock) {
    waits_for_[static_cast<size_t>(me_)] = lock;
    Yield(/*runnable=*/false);
  }
  void Unblock(const void* lock) {
    for (const void*& waits : waits_for_) {
      if (waits == lock) waits = nullptr;
    }
  }

  static thread_local int me_;
  static Explorer* current;

 private:
  struct Choice {
    int taken;
    int alternatives;
  };

  void RunOnce();
  bool NextOrder();
  void Work(int thread);
  void Yield(bool runnable);
  // Who goes on; kMain when nobody can.
  int Choose(bool runnable);
  void GiveTurn(int to);
  void AwaitTurn(int who);

  const int preemptions_;
  const std::function<Scenario()>& make_;
  Scenario scenario_;

  std::vector<Choice> choices_;  // of this order; those of the last one up to the new alternative
  size_t depth_ = 0;
  int preempted_ = 0;
  std::vector<bool> finished_;
  std::vector<const void*> waits_for_;
  std::string failure_;

  std::mutex mutex_;
  std::deque<std::condition_variable> turn_is_;  // of the threads, then of main
  int turn_ = kMain;
  bool stop_ = false;
};

thread_local int Explorer::me_ = kMain;
Explorer* Explorer::current = nullptr;

void Explorer::GiveTurn(int to) {
  std::lock_guard<std::mutex> guard(mutex_);
  turn_ = to;
  turn_is_[to == kMain ? turn_is_.size() - 1 : static_cast<size_t>(to)].notify_one();
}

void Explorer::AwaitTurn(int who) {
  std::unique_lock<std::mutex> guard(mutex_);
  turn_is_[who == kMain ? turn_is_.size() - 1 : static_cast<size_t>(who)].wait(
      guard, [&] { return turn_ == who; });
}

int Explorer::Choose(bool runnable) {
  std::vector<int> candidates;
  if (runnable) candidates.push_back(me_);
  if (!runnable || preempted_ < preemptions_) {
    for (int t = 0; t < static_cast<int>(finished_.size()); ++t) {
      const auto i = static_cast<size_t>(t);
      if (t != me_ && !finished_[i] && waits_for_[i] == nullptr) candidates.push_back(t);
    }
  }
  if (candidates.empty()) return kMain;
  if (candidates.size() == 1) return candidates[0];
  if (depth_ == choices_.size()) choices_.push_back({0, static_cast<int>(candidates.size())});
  const int next = candidates[static_cast<size_t>(choices_[depth_++].taken)];
  if (runnable && next != me_) ++preempted_;
  return next;
}

void Explorer::Yield(bool runnable) {
  const int next = Choose(runnable);
  if (next == me_) return;
  if (next == kMain) {
    // Everybody waits for somebody. The order cannot be finished, nor can its threads: give up.
    fprintf(stderr, "explore: deadlock after %zu choices\n", depth_);
    abort();
  }
  const int me = me_;
  GiveTurn(next);
  AwaitTurn(me);
}

void Explorer::Work(int thread) {
  me_ = thread;
  for (;;) {
    AwaitTurn(thread);
    if (stop_) return;
    scenario_.threads[static_cast<size_t>(thread)]();
    finished_[static_cast<size_t>(thread)] = true;
    GiveTurn(Choose(/*runnable=*/false));
  }
}

void Explorer::RunOnce() {
  scenario_ = make_();
  depth_ = 0;
  preempted_ = 0;
  finished_.assign(scenario_.threads.size(), false);
  waits_for_.assign(scenario_.threads.size(), nullptr);
  GiveTurn(Choose(/*runnable=*/false));
  AwaitTurn(kMain);
  scenario_.at_end();
}

bool Explorer::NextOrder() {
  choices_.resize(depth_);
  while (!choices_.empty() && choices_.back().taken + 1 == choices_.back().alternatives) {
    choices_.pop_back();
  }
  if (choices_.empty()) return false;
  ++choices_.back().taken;
  return true;
}

Explored Explorer::Run() {
  current = this;
  const size_t count = make_().threads.size();
  turn_is_.resize(count + 1);
  std::vector<std::thread> workers;
  for (size_t t = 0; t < count; ++t) {
    workers.emplace_back([this, t] { Work(static_cast<int>(t)); });
  }
  Explored result;
  do {
    RunOnce();
    ++result.orders;
  } while (failure_.empty() && NextOrder());
  stop_ = true;
  for (size_t t = 0; t < count; ++t) {
    GiveTurn(static_cast<int>(t));
    workers[t].join();
  }
  current = nullptr;
  if (!failure_.empty()) {
    result.failure = failure_ + "; order " + std::to_string(result.orders) + ", choices";
    for (const Choice& c : choices_) result.failure += " " + std::to_string(c.taken);
  }
  return result;
}

}  // namespace

Explored Explore(int preemptions, const std::function<Scenario()>& make) {
  return Explorer(preemptions, make).Run();
}

void Step() { Explorer::current->Step(); }
void Expect(bool holds, const char* what) { Explorer::current->Expect(holds, what); }

void ExploredLock::Acquire() {
  Step();
  while (held_) Explorer::current->Block(this);
  held_ = true;
}
void ExploredLock::Release() {
  held_ = false;
  Explorer::current->Unblock(this);
  Step();
}

}  // namespace test
}  // namespace hz4
