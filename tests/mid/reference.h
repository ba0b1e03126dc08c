// SPDX-License-Identifier: Apache-2.0
//
// The ladder, slow and obvious: lists and sets of numbers instead of pages, one function for a
// malloc and one for a free, an `if` for every knob. It says for every call which object is handed
// out, where every free object is afterwards, and what is counted. The tests compare it with the
// real one.
#ifndef HZ4_TESTS_MID_REFERENCE_H_
#define HZ4_TESTS_MID_REFERENCE_H_

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <vector>

#include "hz4/knobs.h"
#include "hz4/stats/counters.h"

namespace hz4 {
namespace test {

class Reference {
 public:
  static constexpr int kNobody = -1;  // as an actor: a thread without state; as an owner: none

  struct Object {
    int page;  // pages are numbered in the order in which they were created
    uint32_t index;
    bool operator<(const Object& o) const {
      return page != o.page ? page < o.page : index < o.index;
    }
    bool operator==(const Object& o) const { return page == o.page && index == o.index; }
  };

  struct Page {
    unsigned cls;
    uint32_t objects;
    uint32_t carved = 0;
    std::set<uint32_t> free;
    std::set<uint32_t> remote;  // freed by others than the owner
    int owner = kNobody;
    bool HasFree() const { return !free.empty() || carved < objects; }
    bool WholeFree() const { return free.size() == carved; }
  };

  // What one thread keeps of one class.
  struct Cache {
    std::vector<Object> stack, l0, run, batch;
    int page = -1;
    unsigned looks = 0, hot = 0, probe_tick = 0, cooldown = 0;
  };

  explicit Reference(const Knobs& knobs) : k_(knobs) {}

  Object Alloc(int actor, unsigned cls);
  void Free(int actor, Object p);
  void Exit(int actor);
  void Flush(int actor);

  const Cache& CacheOf(int actor, unsigned cls) { return threads_[actor].caches[cls]; }
  const Page& PageOf(Object p) const { return pages_.at(p.page); }
  // Whether the page was not given back to the page heap since.
  bool PageExists(int page) const { return pages_.count(page) != 0; }
  int LastPage() const { return next_page_ - 1; }
  const std::map<CounterId, uint64_t>& counts() const { return counts_; }

 private:
  struct Thread {
    std::map<unsigned, Cache> caches;
    unsigned reserved = 0;  // heap pages left of its run
    bool has_run = false;
  };

  void Add(CounterId id, uint64_t n = 1) { counts_[id] += n; }

  // The steps of a malloc; false: the next one.
  bool PopStack(int actor, unsigned cls, Object* out);
  bool PopL0(Cache& c, Object* out);
  bool PopRun(Cache& c, Object* out);
  bool ConsumeBatch(Cache& c, Object* out);
  bool TakeFromOwnPage(Cache& c, Object* out);
  bool TakeTransfer(Cache& c, unsigned cls, Object* out);
  Object LockPath(int actor, unsigned cls);

  bool PushStack(Cache& c, Object p);
  bool FreeToBatch(int actor, unsigned cls, Object p);

  // Under the class lock.
  int NewPage(int actor, unsigned cls);
  void PutBack(int actor, unsigned cls, const std::vector<Object>& objects);
  void PutBackUnowned(Object p);
  void ReleasePage(int actor, unsigned cls);
  void AddToBin(int page);
  void AddToBinOrLeave(int page);
  void RemoveFromBin(int page);

  bool TakeFrom(int page, Object* out);
  void Drain(int page);
  void EmptyThread(int actor);
  bool HasWholeFree(unsigned cls) const;
  void PopWentWrong(Cache& c);

  const Knobs k_;
  std::map<int, Page> pages_;
  std::map<unsigned, std::deque<int>> bins_;
  std::map<unsigned, std::vector<std::vector<Object>>> published_;
  std::map<int, Thread> threads_;
  std::map<CounterId, uint64_t> counts_;
  int next_page_ = 0;
};

}  // namespace test
}  // namespace hz4

#endif  // HZ4_TESTS_MID_REFERENCE_H_
