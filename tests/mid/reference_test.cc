// SPDX-License-Identifier: Apache-2.0
//
// The real ladder against the reference, call by call, for every combination of boxes that can be
// selected: the same object is handed out, every free object is in the same place, the same is
// counted. Several actors, so that pages have other owners and frees are remote.
#include "tests/mid/reference.h"

#include <gtest/gtest.h>

#include <string>

#include "hz4/mid/bins.h"
#include "tests/mid/ladder.h"
#include "tests/support/test_env.h"

namespace hz4 {
namespace test {
namespace {

constexpr int kActors = 3;
// A class with many objects in a page, one with few, and one between.
constexpr unsigned kClassesUsed[] = {kLastSmallClass + 1, kLastSmallClass + 18, kLastMidClass};

// Bit i switches the i-th box; its numbers are drawn, small ones more often.
struct Combination {
  static constexpr unsigned kBoxes = 12;
  unsigned bits;
  bool On(unsigned box) const { return (bits >> box & 1) != 0; }

  Knobs Draw(Random* random) const {
    const auto number = [random](uint64_t low, uint64_t high) {
      return random->OneIn(3) ? random->In(low, high)
                              : random->In(low, low + 12 < high ? low + 12 : high);
    };
    Knobs k;
    k.mid_route = MidRoute::kLadder;
    k.mid_lock_shards = uint64_t{1} << random->In(0, 8);
    k.mid_alloc_run_cache = On(0);
    k.mid_alloc_run_limit = number(2, 256);
    k.mid_free_batch = On(1);
    k.mid_free_batch_limit = number(2, 256);
    k.mid_free_batch_consume = On(2);
    k.mid_free_batch_consume_min = number(1, k.mid_free_batch_limit);
    k.mid_owner_remote_queue = On(3);
    k.mid_owner_remote_queue_drain_threshold = number(1, 20);
    k.mid_owner_remote_queue_drain_period = number(1, 20);
    k.mid_owner_local_stack = On(4);
    k.mid_owner_local_stack_slots = number(4, 255);
    k.mid_owner_local_stack_remote_gate = On(5);
    k.mid_owner_local_stack_adaptive = On(6);
    k.mid_owner_local_stack_adaptive_probe_shift = random->In(0, 7);
    k.mid_owner_local_stack_adaptive_cooldown = number(0, 255);
    k.mid_dual_tier_alloc = On(7);
    k.mid_dual_tier_l0_limit = random->In(1, 16);
    k.mid_dual_tier_l0_refill_batch = random->In(1, k.mid_dual_tier_l0_limit);
    k.mid_page_create_outside_sc_lock = On(8);
    k.mid_page_supply_resv = On(9);
    k.mid_page_supply_resv_chunk_pages = random->In(2, 16);
    k.mid_transfer_cache = On(10);
    k.mid_transfer_cache_batch_max = number(4, 64);
    k.mid_transfer_cache_publish_min = number(1, 256);
    k.mid_transfer_cache_soft_limit = number(1, 512);
    k.mid_lockpath_outlock_refill = On(11);
    k.mid_lockpath_outlock_refill_budget = number(1, 64);
    return k;
  }

  // Every need is met: what the registry lets a user have.
  bool Selectable() const {
    const bool run = On(0), batch = On(1), owner = On(3), stack = On(4);
    return (!On(2) || (run && batch)) && (!stack || owner) && (!On(5) || stack) &&
           (!On(6) || stack) && (!On(7) || run) && (!On(10) || batch) && (!On(11) || run);
  }
};

class Comparison {
 public:
  Comparison(const Knobs& knobs, uint64_t seed)
      : ladder_(knobs), reference_(knobs), random_(seed) {}

  // False after a difference.
  bool Run(int calls) {
    for (int i = 0; i < calls && !::testing::Test::HasFailure(); ++i) {
      Step();
      if (i % 64 == 0) ExpectHolds();
    }
    FreeAll();
    ExpectHolds();
    ComparePlaces();
    CompareCounts();
    return !::testing::Test::HasFailure();
  }

 private:
  struct Live {
    void* p;
    Reference::Object object;
  };

  void Step() {
    // A lean towards more or fewer live objects, now this way, now that.
    if (random_.OneIn(200)) growing_ = !growing_;
    if (random_.OneIn(700)) return ExitOrFlush();
    actor_ = random_.OneIn(40) ? Ladder::kNobody : static_cast<int>(random_.In(0, kActors - 1));
    ladder_.Become(actor_);
    const bool alloc = live_.empty() || random_.In(0, 99) < (growing_ ? 65u : 35u);
    if (alloc && live_.size() < 400) {
      Alloc(kClassesUsed[random_.In(0, std::size(kClassesUsed) - 1)]);
    } else {
      Free(random_.In(0, live_.size() - 1));
    }
  }

  void Alloc(unsigned cls) {
    const int known = reference_.LastPage();
    const Reference::Object object = reference_.Alloc(actor_, cls);
    void* p = ladder_.Alloc(cls);
    ASSERT_NE(p, nullptr);
    if (reference_.LastPage() > known) {
      starts_[reference_.LastPage()] = mid::PageOf(p)->start;  // its first object is served first
    }
    ASSERT_EQ(p, Address(object)) << "handed out another object";
    live_.push_back({p, object});
    CompareCache(actor_, cls);
  }

  void Free(size_t i) {
    const Live victim = live_[i];
    live_[i] = live_.back();
    live_.pop_back();
    const unsigned cls = reference_.PageOf(victim.object).cls;
    reference_.Free(actor_, victim.object);
    ladder_.Free(victim.p);
    CompareCache(actor_, cls);
  }

  void ExitOrFlush() {
    if (random_.OneIn(2)) {
      const int actor = static_cast<int>(random_.In(0, kActors - 1));
      ladder_.Become(actor);
      ladder_.Exit(actor);
      reference_.Exit(actor);
    } else {
      ladder_.Become(actor_);
      Table().mid_flush();
      reference_.Flush(actor_);
    }
    ComparePlaces();
  }

  void FreeAll() {
    actor_ = 0;
    ladder_.Become(0);
    while (!live_.empty()) Free(live_.size() - 1);
  }

  void* Address(Reference::Object p) {
    return reinterpret_cast<void*>(starts_.at(p.page) +
                                   uint64_t{p.index} * Class(reference_.PageOf(p).cls).size);
  }

  void CompareArray(const char* name, const std::vector<Reference::Object>& expected, void** slots,
                    unsigned count) {
    ASSERT_EQ(expected.size(), count) << name;
    for (unsigned i = 0; i < count; ++i) ASSERT_EQ(Address(expected[i]), slots[i]) << name;
  }

  void CompareCache(int actor, unsigned cls) {
    if (actor == Ladder::kNobody) return;
    MidThread* t = ladder_.Thread();
    mid::ClassCache& c = ladder_.Cache(cls);
    const Reference::Cache& expected = reference_.CacheOf(actor, cls);
    CompareArray("local stack", expected.stack, t->Stack(c), c.stack);
    CompareArray("L0", expected.l0, t->L0(c), c.l0);
    CompareArray("alloc run", expected.run, t->Run(c), c.run);
    CompareArray("free batch", expected.batch, t->Batch(c), c.batch);
    ASSERT_EQ(expected.page >= 0, c.page != nullptr);
    if (c.page != nullptr) ComparePage(expected.page, c.page);
    ASSERT_EQ(expected.hot, c.hot);
    ASSERT_EQ(expected.cooldown, c.cooldown);
  }

  void ComparePage(int page, Span* span) {
    ASSERT_EQ(starts_.at(page), span->start);
    const Reference::Page& expected = reference_.PageOf({page, 0});
    uint64_t free = 0;
    uint64_t remote = 0;
    for (uint32_t i : expected.free) free |= uint64_t{1} << i;
    for (uint32_t i : expected.remote) remote |= uint64_t{1} << i;
    ASSERT_EQ(expected.carved, span->carved);
    ASSERT_EQ(free, span->free_bits[0]);
    ASSERT_EQ(remote, mid::PageHandOver::Waiting(mid::WordOf(span)));
  }

  void ComparePlaces() {
    for (int actor = 0; actor < kActors; ++actor) {
      ladder_.Become(actor);
      for (unsigned cls : kClassesUsed) CompareCache(actor, cls);
    }
    ladder_.Become(actor_);
  }

  void CompareCounts() {
    for (size_t i = 0; i < kCounterCount; ++i) {
      const auto id = static_cast<CounterId>(i);
      const bool compared = (kCounterRows[i].group == CounterGroup::kMidB1 &&
                             id != CounterId::kMidSupplyResvNewSeg) ||
                            id == CounterId::kSpanCreated || id == CounterId::kSpanReleased;
      if (!compared) continue;
      const auto found = reference_.counts().find(id);
      const uint64_t expected = found == reference_.counts().end() ? 0 : found->second;
      EXPECT_EQ(expected, ladder_.Count(id)) << kCounterRows[i].name;
    }
  }

  void ExpectHolds() {
    const char* wrong = CheckLadder();
    EXPECT_EQ(wrong, nullptr) << wrong;
  }

  Ladder ladder_;
  Reference reference_;
  Random random_;
  std::vector<Live> live_;
  std::map<int, uintptr_t> starts_;
  int actor_ = 0;
  bool growing_ = true;
};

TEST(Reference, EveryCombinationAnswersTheSame) {
  const uint64_t seed = Seed();
  int combinations = 0;
  for (unsigned bits = 0; bits < 1u << Combination::kBoxes; ++bits) {
    const Combination combination = {bits};
    if (!combination.Selectable()) continue;
    ++combinations;
    Random random(seed + bits);
    const Knobs knobs = combination.Draw(&random);
    SCOPED_TRACE("boxes " + std::to_string(bits) + ", TEST_SEED=" + std::to_string(seed));
    if (!Comparison(knobs, random.Next()).Run(3000)) return;
  }
  EXPECT_EQ(combinations, 552);
}

}  // namespace
}  // namespace test
}  // namespace hz4
