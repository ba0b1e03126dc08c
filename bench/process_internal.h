// SPDX-License-Identifier: Apache-2.0
//
// What the two halves of the process runner share: the caller's half (process.cc) talks to the
// launcher (process_launcher.cc) over a socket, one request and one answer at a time. Both are the
// same program, so the format is plain: numbers in native order, strings behind their length.

#ifndef HZ4_BENCH_PROCESS_INTERNAL_H_
#define HZ4_BENCH_PROCESS_INTERNAL_H_

#include <sys/types.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "bench/process.h"

namespace hz4 {
namespace process_internal {

class Writer {
 public:
  template <class Number>
  void Put(Number number) {
    static_assert(std::is_arithmetic_v<Number>);
    bytes_.append(reinterpret_cast<const char*>(&number), sizeof(number));
  }
  void Put(const std::string& text) {
    Put(static_cast<std::uint64_t>(text.size()));
    bytes_ += text;
  }
  void Put(const std::vector<std::string>& list) {
    Put(static_cast<std::uint64_t>(list.size()));
    for (const std::string& text : list) Put(text);
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

class Reader {
 public:
  explicit Reader(const std::string& bytes) : bytes_(bytes) {}
  template <class Number>
  Number Get() {
    static_assert(std::is_arithmetic_v<Number>);
    Number number{};
    if (bytes_.size() - at_ >= sizeof(number)) {
      std::memcpy(&number, bytes_.data() + at_, sizeof(number));
      at_ += sizeof(number);
    }
    return number;
  }
  std::string GetText() {
    const std::uint64_t size = Get<std::uint64_t>();
    std::string text = bytes_.substr(at_, size);
    at_ += text.size();
    return text;
  }
  std::vector<std::string> GetList() {
    std::vector<std::string> list(Get<std::uint64_t>());
    for (std::string& text : list) text = GetText();
    return list;
  }

 private:
  const std::string& bytes_;
  std::size_t at_ = 0;
};

// A request or an answer as one message: its length, then its bytes. False: the other side is gone.
bool SendMessage(int socket, const std::string& bytes);
bool ReceiveMessage(int socket, std::string* bytes);

std::string EncodeSpec(const ProcessSpec& spec);
ProcessSpec DecodeSpec(const std::string& bytes);
std::string EncodeResult(const ProcessResult& result);
ProcessResult DecodeResult(const std::string& bytes);

// The launcher's life: serves requests from `socket` until the other side closes it. An
// empty message cancels the child that runs, if one does.
[[noreturn]] void ServeRequests(int socket);

// Runs the child from this very process. `socket` is watched for cancellation; -1 watches nothing.
ProcessResult RunChild(const ProcessSpec& spec, int socket);

// What /proc, and gdb where there is one, say about a process and each of its threads.
std::string DescribeProcess(pid_t pid);

}  // namespace process_internal
}  // namespace hz4

#endif  // HZ4_BENCH_PROCESS_INTERNAL_H_
