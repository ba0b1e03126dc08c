// SPDX-License-Identifier: Apache-2.0
//
// The name of a function as a string that needs no bookkeeping:
//   FunctionName<&Refill<ThreadFront, NotCounting>>()  ->  "Refill<ThreadFront, NotCounting>"
#ifndef HZ4_FUNCTION_NAME_H_
#define HZ4_FUNCTION_NAME_H_

#include <cstddef>

namespace hz4 {
namespace function_name_internal {

template <size_t N>
struct Chars {
  char text[N];
};

// Of a namespace's name, "(anonymous namespace)" and "{anonymous}" included.
constexpr bool IsQualifier(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '{' || c == '}' || c == '(' || c == ')';
}

// Takes "... [with auto F = hz4::Name<...>; ...]" (g++) or "... [F = &hz4::Name<...>]" (clang) and
// keeps the name, without namespaces.
template <size_t N>
constexpr Chars<N> Extract(const char (&pretty)[N]) {
  Chars<N> out{};
  size_t at = 0;
  while (pretty[at] != '[') ++at;
  while (pretty[at] != '=') ++at;
  at += 2;
  if (pretty[at] == '&') ++at;
  size_t used = 0;
  for (; pretty[at] != ']' && pretty[at] != ';'; ++at) {
    const bool qualified = pretty[at] == ':' && pretty[at + 1] == ':';
    if (qualified && used > 0 && out.text[used - 1] != '>') {
      while (used > 0 && IsQualifier(out.text[used - 1])) --used;
      ++at;
      continue;
    }
    out.text[used++] = pretty[at];
  }
  for (size_t i = used; i < N; ++i) out.text[i] = '\0';
  return out;
}

template <auto F>
struct Holder {
  static constexpr auto Get() { return Extract(__PRETTY_FUNCTION__); }
  static constexpr auto kName = Get();
};

}  // namespace function_name_internal

template <auto F>
constexpr const char* FunctionName() {
  return function_name_internal::Holder<F>::kName.text;
}

}  // namespace hz4

#endif  // HZ4_FUNCTION_NAME_H_
