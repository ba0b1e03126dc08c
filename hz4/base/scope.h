// SPDX-License-Identifier: Apache-2.0
//
// SlowScope: the only way into code that takes locks or changes per-thread state in more than one
// step. A signal handler that allocates while its thread is inside such code finds the scope taken
// and must go the side way: side::Allocate / side::DeferFree (hz4/side_arena.h), which are
// lock-free. So no handler ever waits for its own thread.
//
//   SlowScope scope;
//   if (!scope.entered()) return side::...;
#ifndef HZ4_BASE_SCOPE_H_
#define HZ4_BASE_SCOPE_H_

#include "hz4/base/tls.h"

namespace hz4 {

class SlowScope {
 public:
  SlowScope() : entered_(tls.busy == 0) {
    if (entered_) {
      tls.busy = 1;
      __asm__ volatile("" ::: "memory");  // a handler of this thread must see it first
    }
  }
  ~SlowScope() {
    if (entered_) {
      __asm__ volatile("" ::: "memory");
      tls.busy = 0;
    }
  }
  SlowScope(const SlowScope&) = delete;
  SlowScope& operator=(const SlowScope&) = delete;

  bool entered() const { return entered_; }

 private:
  bool entered_;
};

}  // namespace hz4

#endif  // HZ4_BASE_SCOPE_H_
