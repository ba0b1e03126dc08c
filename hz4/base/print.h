// SPDX-License-Identifier: Apache-2.0
//
// Text without stdio, locale or allocation: usable inside the process's first malloc, in a signal
// handler and in a dying process. errno is never touched.
//
//   char buffer[256];
//   Printer out(buffer, sizeof(buffer), kStderr);   // what does not fit is written out and goes on
//   out.Str("live=").Dec(n).Char('\n');
//   out.Flush();
#ifndef HZ4_BASE_PRINT_H_
#define HZ4_BASE_PRINT_H_

#include <cstddef>
#include <cstdint>

#include "hz4/base/platform.h"

namespace hz4 {

inline constexpr int kStderr = 2;
inline constexpr int kNoFile = -1;

constexpr size_t TextLength(const char* text) {
  size_t n = 0;
  while (text[n] != '\0') ++n;
  return n;
}

constexpr bool TextEqual(const char* a, const char* b) {
  while (*a != '\0' && *a == *b) {
    ++a;
    ++b;
  }
  return *a == *b;
}

class Printer {
 public:
  // With a file: a full buffer is written to it. Without: text beyond size - 1 bytes is dropped and
  // text() is always NUL-terminated. size is at least 1.
  Printer(char* buffer, size_t size, int fd = kNoFile);
  Printer(const Printer&) = delete;
  Printer& operator=(const Printer&) = delete;

  Printer& Char(char c);
  Printer& Str(const char* text);
  Printer& Str(const char* text, size_t length);
  Printer& Dec(uint64_t value);
  Printer& Hex(uint64_t value);          // no prefix, no leading zeros
  Printer& Hex16(uint64_t value);        // exactly 16 digits
  Printer& Ptr(const void* p);           // 0x...
  Printer& Bytes(uint64_t value);        // exact, and readable as a knob: 96KiB, 1000
  Printer& Nanoseconds(uint64_t value);  // exact, and readable as a knob: 10ms, 1500us
  // Safe in one line of a terminal: control characters as \xNN, at most max_bytes of text, then ...
  Printer& Escaped(const char* text, size_t length, size_t max_bytes);
  // A JSON string with its quotes; bytes that are not UTF-8 become U+FFFD.
  Printer& Json(const char* text);
  Printer& Json(const char* text, size_t length);
  // A part of a JSON string, without quotes.
  Printer& JsonPart(const char* text, size_t length);

  // Writes out what is buffered; without a file, nothing. False: the file took less.
  bool Flush();

  const char* text() const { return buffer_; }
  size_t size() const { return used_; }
  // Every byte ever printed, those that were dropped included.
  size_t total() const { return total_; }
  bool truncated() const { return truncated_; }

 private:
  char* buffer_;
  size_t size_;
  size_t used_ = 0;
  size_t total_ = 0;
  int fd_;
  bool truncated_ = false;
  bool failed_ = false;
};

// write(2) until all is written, through EINTR and short writes. False: an error.
bool WriteAll(int fd, const char* text, size_t length);

// The configuration in every abort message; 0 until the configuration is known.
void SetMessageFingerprint(uint64_t fingerprint);

// One line to stderr: "hz4: <what> 0x<ptr><detail> (fingerprint ...)"; then SIGABRT, whatever the
// process does with that signal. detail: null, or more text that begins with its own separator.
[[noreturn]] HZ4_COLD void Die(const char* what, const void* ptr, const char* detail = nullptr);
// The same line, and the process goes on.
HZ4_COLD void Warn(const char* what, const void* ptr, const char* detail = nullptr);
// The same lines without a pointer.
[[noreturn]] HZ4_COLD void Die(const char* what);
HZ4_COLD void Warn(const char* what);
// SIGABRT at once; a handler may run, but the process does not survive.
[[noreturn]] HZ4_COLD void Abort();

}  // namespace hz4

#endif  // HZ4_BASE_PRINT_H_
