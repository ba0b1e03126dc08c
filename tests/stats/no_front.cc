// SPDX-License-Identifier: Apache-2.0
//
// The static thread-local storage, which the front of hz4 defines; these tests have none.
#include "hz4/base/tls.h"

namespace hz4 {

__thread Tls tls;

}  // namespace hz4
