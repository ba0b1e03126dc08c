// SPDX-License-Identifier: Apache-2.0
#include "hz4/mid/transfer.h"

#include "hz4/base/bits.h"
#include "hz4/base/os.h"

namespace hz4 {
namespace mid {

HZ4_CONSTINIT TransferClass TransferCache::classes_[kClasses];
char* TransferCache::memory_ = nullptr;
uint32_t TransferCache::lists_ = 0;
size_t TransferCache::list_bytes_ = 0;

bool TransferCache::Init() {
  const Knobs& k = EffectiveKnobs();
  const uint64_t most = k.mid_transfer_cache_batch_max;
  const size_t lists = CeilDiv(k.mid_transfer_cache_soft_limit, most);
  list_bytes_ = sizeof(TransferList) + most * sizeof(void*);
  memory_ = static_cast<char*>(os::Map(AlignUp(kClasses * lists * list_bytes_, kOsPage), kOsPage));
  for (TransferClass& c : classes_) {
    c.published.Clear();
    c.spare.Clear();
    c.fresh.store(0, std::memory_order_relaxed);
  }
  lists_ = memory_ != nullptr ? static_cast<uint32_t>(lists) : 0;
  return memory_ != nullptr;
}

void TransferFlush() {
  for (unsigned cls = kFirstClass; cls < kFirstClass + kClasses; ++cls) {
    TransferClass& transfer = TransferCache::Of(cls);
    for (;;) {
      const uint32_t number = transfer.published.Pop(TransferCache::NextOf(cls));
      if (number == NumberStack<StdAtomic>::kNone) break;
      TransferList& list = TransferCache::List(cls, number);
      if (!Table().mid_put_back(nullptr, cls, list.objects, list.count)) {
        transfer.published.Push(number, TransferCache::NextOf(cls));
        return;
      }
      list.count = 0;
      transfer.spare.Push(number, TransferCache::NextOf(cls));
    }
  }
}

}  // namespace mid
}  // namespace hz4
