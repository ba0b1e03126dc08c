// SPDX-License-Identifier: Apache-2.0
//
// C++ that arrives by dlopen, with a libstdc++ that nobody needed before.

#include <new>
#include <string>
#include <vector>

namespace {

int handler_calls = 0;
void GiveUpAtThree() {
  if (++handler_calls == 3) std::set_new_handler(nullptr);
}

std::size_t Impossible() {
  volatile std::size_t size = std::size_t{1} << 60;
  return size;
}

}  // namespace

// 0, or the number of the step that went wrong.
extern "C" int LateWork() {
  std::vector<std::string> strings;
  for (int i = 0; i < 1000; ++i) strings.push_back(std::string(i, 'x'));
  for (int round = 0; round < 3; ++round) {
    try {
      static_cast<void>(::operator new(Impossible()));
      return 1;
    } catch (const std::bad_alloc& e) {
      if (std::string(e.what()) != std::bad_alloc().what()) return 2;
    }
    try {
      static_cast<void>(::operator new[](Impossible(), std::align_val_t{128}));
      return 3;
    } catch (const std::bad_alloc&) {
    }
    if (::operator new(Impossible(), std::nothrow) != nullptr) return 4;
    handler_calls = 0;
    std::set_new_handler(GiveUpAtThree);
    try {
      static_cast<void>(::operator new(Impossible()));
      return 5;
    } catch (const std::bad_alloc&) {
    }
    if (handler_calls != 3) return 6;
  }
  return 0;
}
