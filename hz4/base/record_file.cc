// SPDX-License-Identifier: Apache-2.0
#include "hz4/base/record_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

#include "hz4/base/syscall.h"

namespace hz4 {

namespace {

constexpr size_t kPathBytes = 4096;

int OpenForAppending(const char* target) {
  char path[kPathBytes];
  Printer out(path, sizeof(path));
  ExpandTarget(&out, target);
  long fd = -ENAMETOOLONG;
  if (!out.truncated()) {
    do {
      fd = Syscall(SYS_openat, AT_FDCWD, SyscallArg(path),
                   O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0644);
    } while (fd == -EINTR);
  }
  if (!SyscallFailed(fd)) return static_cast<int>(fd);

  char buffer[512];
  Printer line(buffer, sizeof(buffer), kStderr);
  line.Str("hz4: cannot append to ").Escaped(path, out.size(), 255);
  line.Str(" (errno ").Dec(static_cast<uint64_t>(-fd)).Str("); writing to stderr\n");
  line.Flush();
  return kStderr;
}

}  // namespace

RecordFile::RecordFile(const char* target)
    : fd_(TextEqual(target, "stderr") ? kStderr : OpenForAppending(target)) {}

RecordFile::~RecordFile() {
  if (fd_ != kStderr) Syscall(SYS_close, fd_);
}

void ExpandTarget(Printer* out, const char* target) {
  for (; *target != '\0'; ++target) {
    if (target[0] != '%' || target[1] == '\0') {
      out->Char(*target);
    } else if (*++target == 'p') {
      out->Dec(ProcessId());
    } else {
      out->Char(*target);
    }
  }
}

uint64_t ProcessId() { return static_cast<uint64_t>(Syscall(SYS_getpid)); }

}  // namespace hz4
