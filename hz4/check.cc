// SPDX-License-Identifier: Apache-2.0
#include "hz4/check.h"

#include "hz4/base/scope.h"
#include "hz4/central.h"
#include "hz4/dispatch.h"
#include "hz4/page_heap.h"

namespace hz4 {

const char* CheckAll() {
  SlowScope scope;
  if (!scope.entered() || Table().front_check == nullptr) return nullptr;
  const char* wrong = PageHeap::Check();
  if (wrong == nullptr) wrong = central::Check();
  if (wrong == nullptr) wrong = Table().front_check();
  if (wrong == nullptr) wrong = Table().mid_check();
  return wrong;
}

void* TableAddressForTest() { return &sealed; }

}  // namespace hz4
