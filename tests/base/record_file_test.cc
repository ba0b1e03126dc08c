// SPDX-License-Identifier: Apache-2.0
#include "hz4/base/record_file.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

#include "tests/support/test_env.h"

namespace hz4 {
namespace {

std::string Content(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::string Expanded(const char* target) {
  char buffer[256];
  Printer out(buffer, sizeof(buffer));
  ExpandTarget(&out, target);
  return out.text();
}

TEST(RecordFile, ExpandsThePid) {
  std::string pid = std::to_string(getpid());
  EXPECT_EQ(ProcessId(), static_cast<uint64_t>(getpid()));
  EXPECT_EQ(Expanded("/a/b"), "/a/b");
  EXPECT_EQ(Expanded("%p"), pid);
  EXPECT_EQ(Expanded("x.%p.%p%%p"), "x." + pid + "." + pid + "%p");
}

TEST(RecordFile, StderrIsStderr) {
  RecordFile file("stderr");
  EXPECT_EQ(file.fd(), kStderr);
}

TEST(RecordFile, AppendsToWhatIsThereAndLeavesNoFileOpen) {
  std::string path = test::ScratchDirectory() + "/records";
  int next = dup(0);
  close(next);
  for (const char* record : {"one\n", "two\n"}) {
    RecordFile file(path.c_str());
    EXPECT_TRUE(fcntl(file.fd(), F_GETFD) & FD_CLOEXEC);
    EXPECT_TRUE(WriteAll(file.fd(), record, 4));
  }
  EXPECT_EQ(Content(path), "one\ntwo\n");
  int now = dup(0);
  EXPECT_EQ(now, next);
  close(now);
}

TEST(RecordFile, WhatCannotBeOpenedIsToldAndGoesToStderr) {
  std::string path = test::ScratchDirectory() + "/missing/records";
  testing::internal::CaptureStderr();
  errno = 4711;
  {
    RecordFile file(path.c_str());
    EXPECT_EQ(file.fd(), kStderr);
  }
  EXPECT_EQ(errno, 4711);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "hz4: cannot append to " + path + " (errno 2); writing to stderr\n");
  EXPECT_EQ(fcntl(kStderr, F_GETFD), 0) << "stderr was closed";
}

// Records of many processes never mix.
TEST(RecordFile, OneWriteIsOneRecord) {
  std::string path = test::ScratchDirectory() + "/shared";
  constexpr int kProcesses = 4, kRecords = 50;
  constexpr size_t kLength = kRecordBytes / 2;
  for (int p = 0; p < kProcesses; ++p) {
    pid_t pid = fork();
    ASSERT_GE(pid, 0);
    if (pid != 0) continue;
    for (int i = 0; i < kRecords; ++i) {
      RecordFile file(path.c_str());
      char buffer[kRecordBytes];
      Printer out(buffer, sizeof(buffer), file.fd());
      for (size_t n = 0; n < kLength; ++n) out.Char(static_cast<char>('a' + p));
      out.Char('\n');
      out.Flush();
    }
    _exit(0);
  }
  for (int p = 0; p < kProcesses; ++p) {
    int status = -1;
    wait(&status);
    EXPECT_EQ(status, 0);
  }
  std::ifstream file(path);
  int lines = 0;
  for (std::string line; std::getline(file, line); ++lines) {
    EXPECT_EQ(line, std::string(kLength, line.empty() ? '?' : line[0])) << "line " << lines;
  }
  EXPECT_EQ(lines, kProcesses * kRecords);
}

}  // namespace
}  // namespace hz4
