// SPDX-License-Identifier: Apache-2.0
//
// getauxval in this test's hands: with TEST_NO_CID set the kernel seems to offer no mm_cid, so that
// the per-CPU front indexes its caches by CPU number, whatever this machine's kernel can do.

#include <fcntl.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

// Sanitizers ask before they are up.
extern "C" __attribute__((no_sanitize("address", "thread", "undefined"))) unsigned long getauxval(
    unsigned long type) noexcept {
  constexpr unsigned long kRseqFeatureSize = 27;
  if (type == kRseqFeatureSize && getenv("TEST_NO_CID") != nullptr) return 0;
  const int fd = open("/proc/self/auxv", O_RDONLY | O_CLOEXEC);
  unsigned long entry[2];
  unsigned long value = 0;
  while (read(fd, entry, sizeof(entry)) == sizeof(entry)) {
    if (entry[0] == type) value = entry[1];
  }
  close(fd);
  return value;
}
