// SPDX-License-Identifier: Apache-2.0
#include "hz4/base/print.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>

#include <atomic>

#include "hz4/base/syscall.h"

namespace hz4 {

namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

// Written once at launch, read by dying threads: relaxed is enough, 0 means not known yet.
std::atomic<uint64_t> message_fingerprint{0};

// Length of the UTF-8 sequence that begins at text[0]; 0 when it is not one.
size_t Utf8Length(const unsigned char* text, size_t available) {
  unsigned char lead = text[0];
  if (lead < 0x80) return 1;
  size_t n = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || n > available) return 0;
  for (size_t i = 1; i < n; ++i) {
    if ((text[i] & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates and what lies beyond U+10FFFF.
  if ((lead == 0xe0 && text[1] < 0xa0) || (lead == 0xed && text[1] > 0x9f) ||
      (lead == 0xf0 && text[1] < 0x90) || (lead == 0xf4 && text[1] > 0x8f)) {
    return 0;
  }
  return n;
}

void PrintMessage(const char* what, const void* ptr, bool with_ptr, const char* detail) {
  char buffer[512];
  Printer out(buffer, sizeof(buffer), kStderr);
  out.Str("hz4: ").Str(what);
  if (with_ptr) out.Char(' ').Ptr(ptr);
  if (detail != nullptr) out.Str(detail);
  out.Str(" (fingerprint ").Hex16(message_fingerprint.load(std::memory_order_relaxed)).Str(")\n");
  out.Flush();
}

}  // namespace

Printer::Printer(char* buffer, size_t size, int fd) : buffer_(buffer), size_(size), fd_(fd) {
  buffer_[0] = '\0';
}

Printer& Printer::Char(char c) {
  ++total_;
  if (used_ + 1 >= size_) {
    if (fd_ == kNoFile) {
      truncated_ = true;
      return *this;
    }
    Flush();
  }
  buffer_[used_++] = c;
  buffer_[used_] = '\0';
  return *this;
}

Printer& Printer::Str(const char* text) { return Str(text, TextLength(text)); }

Printer& Printer::Str(const char* text, size_t length) {
  for (size_t i = 0; i < length; ++i) Char(text[i]);
  return *this;
}

Printer& Printer::Dec(uint64_t value) {
  char digits[20];
  size_t n = 0;
  do {
    digits[n++] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  while (n > 0) Char(digits[--n]);
  return *this;
}

Printer& Printer::Hex(uint64_t value) {
  int shift = 60;
  while (shift > 0 && (value >> shift) == 0) shift -= 4;
  for (; shift >= 0; shift -= 4) Char(kHexDigits[(value >> shift) & 15]);
  return *this;
}

Printer& Printer::Hex16(uint64_t value) {
  for (int shift = 60; shift >= 0; shift -= 4) Char(kHexDigits[(value >> shift) & 15]);
  return *this;
}

Printer& Printer::Ptr(const void* p) { return Str("0x").Hex(reinterpret_cast<uintptr_t>(p)); }

Printer& Printer::Bytes(uint64_t value) {
  static constexpr const char* kUnits[] = {"", "KiB", "MiB", "GiB", "TiB"};
  unsigned unit = 0;
  while (unit < 4 && value != 0 && value % 1024 == 0) {
    value /= 1024;
    ++unit;
  }
  return Dec(value).Str(kUnits[unit]);
}

Printer& Printer::Nanoseconds(uint64_t value) {
  static constexpr const char* kUnits[] = {"ns", "us", "ms", "s"};
  unsigned unit = 0;
  while (unit < 3 && value != 0 && value % 1000 == 0) {
    value /= 1000;
    ++unit;
  }
  return Dec(value).Str(kUnits[unit]);
}

Printer& Printer::Escaped(const char* text, size_t length, size_t max_bytes) {
  size_t shown = length < max_bytes ? length : max_bytes;
  for (size_t i = 0; i < shown; ++i) {
    unsigned char c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7f) {
      Str("\\x").Char(kHexDigits[c >> 4]).Char(kHexDigits[c & 15]);
    } else {
      Char(text[i]);
    }
  }
  return shown < length ? Str("...") : *this;
}

Printer& Printer::Json(const char* text) { return Json(text, TextLength(text)); }

Printer& Printer::Json(const char* text, size_t length) {
  return Char('"').JsonPart(text, length).Char('"');
}

Printer& Printer::JsonPart(const char* text, size_t length) {
  for (size_t i = 0; i < length;) {
    unsigned char c = static_cast<unsigned char>(text[i]);
    size_t n = Utf8Length(reinterpret_cast<const unsigned char*>(text) + i, length - i);
    if (n == 0) {
      Str("\\ufffd");
      n = 1;
    } else if (c == '"' || c == '\\') {
      Char('\\').Char(text[i]);
    } else if (c < 0x20) {
      Str("\\u00").Char(kHexDigits[c >> 4]).Char(kHexDigits[c & 15]);
    } else {
      Str(text + i, n);
    }
    i += n;
  }
  return *this;
}

bool Printer::Flush() {
  if (fd_ != kNoFile) {
    if (used_ != 0 && !WriteAll(fd_, buffer_, used_)) failed_ = true;
    used_ = 0;
    buffer_[0] = '\0';
  }
  return !failed_;
}

bool WriteAll(int fd, const char* text, size_t length) {
  while (length > 0) {
    long n = Syscall(SYS_write, fd, SyscallArg(text), static_cast<long>(length));
    if (n == -EINTR) continue;
    if (SyscallFailed(n) || n == 0) return false;
    text += n;
    length -= static_cast<size_t>(n);
  }
  return true;
}

void SetMessageFingerprint(uint64_t fingerprint) {
  message_fingerprint.store(fingerprint, std::memory_order_relaxed);
}

void Die(const char* what, const void* ptr, const char* detail) {
  PrintMessage(what, ptr, true, detail);
  Abort();
}
void Warn(const char* what, const void* ptr, const char* detail) {
  PrintMessage(what, ptr, true, detail);
}
void Die(const char* what) {
  PrintMessage(what, nullptr, false, nullptr);
  Abort();
}
void Warn(const char* what) { PrintMessage(what, nullptr, false, nullptr); }

void Abort() {
  // What the kernel reads: struct sigaction of libc has another layout.
  struct {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)();
    unsigned long mask;
  } by_default = {SIG_DFL, 0, nullptr, 0};
  unsigned long only_abort = 1ul << (SIGABRT - 1);
  constexpr long kMaskBytes = sizeof(only_abort);

  Syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, SyscallArg(&only_abort), 0, kMaskBytes);
  long pid = Syscall(SYS_getpid);
  long tid = Syscall(SYS_gettid);
  Syscall(SYS_tgkill, pid, tid, SIGABRT);
  // Ignored, or the handler returned.
  Syscall(SYS_rt_sigaction, SIGABRT, SyscallArg(&by_default), 0, kMaskBytes);
  Syscall(SYS_tgkill, pid, tid, SIGABRT);
  for (;;) __builtin_trap();
}

}  // namespace hz4
