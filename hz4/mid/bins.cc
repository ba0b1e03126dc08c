// SPDX-License-Identifier: Apache-2.0
#include "hz4/mid/bins.h"

namespace hz4 {
namespace mid {

Bin bins[kClasses];
Lock class_locks[kMaxShards];

void InitBins() {
  for (unsigned i = 0; i < EffectiveKnobs().mid_lock_shards; ++i) {
    class_locks[i].Init(LockRank::kMidClass);
  }
}

}  // namespace mid
}  // namespace hz4
