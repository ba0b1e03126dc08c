// SPDX-License-Identifier: Apache-2.0
#include "tests/core/heap_table.h"

#include "hz4/dispatch.h"
#include "hz4/huge_pages.h"

namespace hz4 {
namespace {

Dispatch TableFor(ThpMode mode) {
  Resolution resolution = {};
  huge_pages::Bind(mode, &resolution);
  return resolution.table;
}

}  // namespace

Sealed sealed = {TableFor(ThpMode::kSystem), {}, {}};

void test::BindHeap(ThpMode mode) { sealed.table = TableFor(mode); }

}  // namespace hz4
