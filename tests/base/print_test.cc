// SPDX-License-Identifier: Apache-2.0
#include "hz4/base/print.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include <string>
#include <thread>

namespace hz4 {
namespace {

template <typename Print>
std::string Printed(const Print& print) {
  char buffer[512];
  Printer out(buffer, sizeof(buffer));
  print(&out);
  EXPECT_EQ(strlen(out.text()), out.size());
  EXPECT_FALSE(out.truncated());
  return std::string(out.text(), out.size());
}

TEST(Printer, Numbers) {
  constexpr uint64_t kMax = ~uint64_t{0};
  EXPECT_EQ(Printed([](Printer* p) { p->Dec(0).Char(' ').Dec(10).Char(' ').Dec(kMax); }),
            "0 10 18446744073709551615");
  EXPECT_EQ(Printed([](Printer* p) { p->Hex(0).Char(' ').Hex(0xabc0).Char(' ').Hex(kMax); }),
            "0 abc0 ffffffffffffffff");
  EXPECT_EQ(Printed([](Printer* p) { p->Hex16(0x1f); }), "000000000000001f");
  EXPECT_EQ(Printed([](Printer* p) { p->Ptr(reinterpret_cast<void*>(0x7f00)).Ptr(nullptr); }),
            "0x7f000x0");
}

TEST(Printer, UnitsAreExact) {
  auto bytes = [](uint64_t n) { return Printed([n](Printer* p) { p->Bytes(n); }); };
  EXPECT_EQ(bytes(0), "0");
  EXPECT_EQ(bytes(1023), "1023");
  EXPECT_EQ(bytes(1024), "1KiB");
  EXPECT_EQ(bytes(1536), "1536");
  EXPECT_EQ(bytes(uint64_t{3} << 40), "3TiB");
  EXPECT_EQ(bytes(uint64_t{1} << 60), "1048576TiB");
  auto time = [](uint64_t n) { return Printed([n](Printer* p) { p->Nanoseconds(n); }); };
  EXPECT_EQ(time(0), "0ns");
  EXPECT_EQ(time(1500), "1500ns");
  EXPECT_EQ(time(10000000), "10ms");
  EXPECT_EQ(time(uint64_t{7200} * 1000000000), "7200s");
}

TEST(Printer, EscapedIsOneSafeLine) {
  auto escaped = [](const std::string& text, size_t max) {
    return Printed([&](Printer* p) { p->Escaped(text.data(), text.size(), max); });
  };
  EXPECT_EQ(escaped("plain \xc3\xa9", 100), "plain \xc3\xa9");
  EXPECT_EQ(escaped(std::string("a\n\x1b\x7f\0b", 6), 100), "a\\x0a\\x1b\\x7f\\x00b");
  EXPECT_EQ(escaped("abcdef", 6), "abcdef");
  EXPECT_EQ(escaped("abcdefg", 6), "abcdef...");
}

TEST(Printer, Json) {
  auto json = [](const std::string& text) {
    return Printed([&](Printer* p) { p->Json(text.data(), text.size()); });
  };
  EXPECT_EQ(json(""), "\"\"");
  EXPECT_EQ(json("a\"b\\c"), "\"a\\\"b\\\\c\"");
  EXPECT_EQ(json(std::string("\n\t\0", 3)), "\"\\u000a\\u0009\\u0000\"");
  EXPECT_EQ(json("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
            "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"");
  // Not UTF-8: a stray tail, a cut sequence, overlong forms, a surrogate, beyond U+10FFFF.
  EXPECT_EQ(json("\x80"), "\"\\ufffd\"");
  EXPECT_EQ(json("\xe2\x82"), "\"\\ufffd\\ufffd\"");
  EXPECT_EQ(json("\xc0\xaf"), "\"\\ufffd\\ufffd\"");
  EXPECT_EQ(json("\xe0\x80\xaf"), "\"\\ufffd\\ufffd\\ufffd\"");
  EXPECT_EQ(json("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\"");
  EXPECT_EQ(json("\xf4\x90\x80\x80"), "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
  EXPECT_EQ(json("\xff"), "\"\\ufffd\"");
}

TEST(Printer, FullBufferIsCutAndToldOf) {
  char buffer[8];
  memset(buffer, 'x', sizeof(buffer));
  Printer out(buffer, 5);
  out.Str("abc");
  EXPECT_FALSE(out.truncated());
  out.Str("def");
  EXPECT_TRUE(out.truncated());
  EXPECT_STREQ(out.text(), "abcd");
  EXPECT_EQ(out.size(), 4u);
  EXPECT_EQ(out.total(), 6u);
  EXPECT_EQ(buffer[5], 'x') << "wrote beyond its buffer";
  char none[1];
  Printer empty(none, 1);
  empty.Char('a');
  EXPECT_STREQ(empty.text(), "");
}

class Pipe {
 public:
  Pipe() { EXPECT_EQ(pipe(fds_), 0); }
  ~Pipe() {
    close(fds_[0]);
    CloseWriter();
  }
  int reader() const { return fds_[0]; }
  int writer() const { return fds_[1]; }
  void CloseWriter() {
    if (fds_[1] >= 0) close(fds_[1]);
    fds_[1] = -1;
  }
  std::string ReadAll() {
    std::string all;
    char chunk[4096];
    ssize_t n;
    while ((n = read(fds_[0], chunk, sizeof(chunk))) > 0) all.append(chunk, n);
    return all;
  }

 private:
  int fds_[2];
};

TEST(Printer, GoesOnBeyondItsBufferIntoTheFile) {
  Pipe pipe;
  char buffer[4];
  Printer out(buffer, sizeof(buffer), pipe.writer());
  out.Str("one two three ").Dec(4);
  EXPECT_TRUE(out.Flush());
  EXPECT_TRUE(out.Flush()) << "twice is once";
  EXPECT_FALSE(out.truncated());
  EXPECT_EQ(out.total(), 15u);
  pipe.CloseWriter();
  EXPECT_EQ(pipe.ReadAll(), "one two three 4");
}

TEST(Printer, FailureIsReportedAndErrnoKept) {
  char buffer[16];
  Printer out(buffer, sizeof(buffer), 1000000);
  errno = 4711;
  out.Str("into nowhere");
  EXPECT_FALSE(out.Flush());
  EXPECT_EQ(errno, 4711);
}

// A writer that is interrupted again and again while the pipe is full, and whose writes are short.
TEST(WriteAll, GoesOnThroughSignalsAndShortWrites) {
  struct sigaction action = {};
  action.sa_handler = [](int) {};  // without SA_RESTART: write returns EINTR or less
  struct sigaction before;
  ASSERT_EQ(sigaction(SIGUSR1, &action, &before), 0);

  Pipe pipe;
  std::string text(1 << 20, 'a');
  for (size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 23);
  bool written = false;
  std::thread writer([&] {
    written = WriteAll(pipe.writer(), text.data(), text.size());
    pipe.CloseWriter();
  });
  std::string got;
  char chunk[1000];
  ssize_t n;
  while ((n = read(pipe.reader(), chunk, sizeof(chunk))) > 0) {
    got.append(chunk, n);
    if (got.size() < text.size() / 2) pthread_kill(writer.native_handle(), SIGUSR1);
  }
  writer.join();
  sigaction(SIGUSR1, &before, nullptr);
  EXPECT_TRUE(written);
  EXPECT_TRUE(got == text) << got.size() << " bytes of " << text.size();
}

// --- the last line ---

constexpr char kLine[] =
    "^hz4: double free of 0x[0-9a-f]+, size class 7 \\(fingerprint 00000000deadbeef\\)\n$";

[[noreturn]] void DieInside() {
  SetMessageFingerprint(0xdeadbeef);
  int object;
  Die("double free of", &object, ", size class 7");
}

TEST(DieDeathTest, SaysOneLineAndAborts) {
  EXPECT_EXIT(DieInside(), testing::KilledBySignal(SIGABRT), kLine);
}

TEST(DieDeathTest, WithoutPointer) {
  EXPECT_EXIT(Die("no memory for the dispatch table"), testing::KilledBySignal(SIGABRT),
              "^hz4: no memory for the dispatch table \\(fingerprint 0000000000000000\\)\n$");
}

TEST(DieDeathTest, EvenWhenTheSignalIsBlockedIgnoredOrHandled) {
  EXPECT_EXIT(
      {
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, nullptr);
        DieInside();
      },
      testing::KilledBySignal(SIGABRT), kLine);
  EXPECT_EXIT(
      {
        signal(SIGABRT, SIG_IGN);
        DieInside();
      },
      testing::KilledBySignal(SIGABRT), kLine);
  EXPECT_EXIT(
      {
        signal(SIGABRT, [](int) { WriteAll(kStderr, "handled\n", 8); });
        DieInside();
      },
      testing::KilledBySignal(SIGABRT), "handled\n$");
}

TEST(Warn, SaysTheLineAndGoesOn) {
  testing::internal::CaptureStderr();
  errno = 4711;
  Warn("foreign pointer", nullptr);
  Warn("twice");
  EXPECT_EQ(errno, 4711);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "hz4: foreign pointer 0x0 (fingerprint 0000000000000000)\n"
            "hz4: twice (fingerprint 0000000000000000)\n");
}

}  // namespace
}  // namespace hz4
