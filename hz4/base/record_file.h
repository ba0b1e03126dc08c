// SPDX-License-Identifier: Apache-2.0
//
// Where records (configuration, statistics) go: stderr, or a file that several processes append to.
// Errors are told on stderr, and the record goes there too, so that nothing is lost in silence.
#ifndef HZ4_BASE_RECORD_FILE_H_
#define HZ4_BASE_RECORD_FILE_H_

#include "hz4/base/print.h"

namespace hz4 {

// Enough for any record, so that it reaches the file in one write and is never mixed with another
// process's; what is larger is still written whole, in pieces.
inline constexpr size_t kRecordBytes = 16 * 1024;

class RecordFile {
 public:
  // target: "stderr", or the path of a file to append to, made when there is none; %p in it is the
  // pid, %% a percent sign.
  explicit RecordFile(const char* target);
  ~RecordFile();
  RecordFile(const RecordFile&) = delete;
  RecordFile& operator=(const RecordFile&) = delete;

  int fd() const { return fd_; }

 private:
  int fd_;
};

// The path that target names in this process.
void ExpandTarget(Printer* out, const char* target);

uint64_t ProcessId();

}  // namespace hz4

#endif  // HZ4_BASE_RECORD_FILE_H_
