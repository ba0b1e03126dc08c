// SPDX-License-Identifier: Apache-2.0
//
// What a process that hangs is doing: state, wait channel and system call of every thread as /proc
// tells them, and the stacks if gdb is installed.

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "bench/process_internal.h"

namespace hz4 {
namespace process_internal {
namespace {

constexpr double kDebuggerSeconds = 20;
constexpr std::uint64_t kStackBytes = 256 << 10;
constexpr size_t kMostThreads = 256;

std::string ReadFile(const std::string& path) {
  std::string text;
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return "";
  char buffer[4096];
  ssize_t size;
  while ((size = read(file, buffer, sizeof(buffer))) > 0) {
    text.append(buffer, static_cast<size_t>(size));
  }
  close(file);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\0')) text.pop_back();
  return text;
}

// The value of "Name:\tvalue" in a status file.
std::string Field(const std::string& status, const std::string& name) {
  const size_t at = status.find("\n" + name + ":");
  if (at == std::string::npos) return "?";
  const size_t value = status.find_first_not_of(" \t", at + name.size() + 2);
  return value == std::string::npos ? "?" : status.substr(value, status.find('\n', value) - value);
}

std::vector<std::string> Threads(const std::string& tasks) {
  std::vector<std::string> threads;
  DIR* directory = opendir(tasks.c_str());
  if (directory == nullptr) return threads;
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] != '.') threads.push_back(entry->d_name);
  }
  closedir(directory);
  std::sort(threads.begin(), threads.end(), [](const std::string& a, const std::string& b) {
    return std::atol(a.c_str()) < std::atol(b.c_str());
  });
  return threads;
}

std::string Stacks(pid_t pid) {
  const std::string gdb = FindExecutable("gdb");
  if (gdb.empty()) return "stacks: not available, gdb is not installed\n";
  ProcessSpec spec;
  spec.argv = {gdb, "-nx", "-batch", "-p", std::to_string(pid), "-ex", "thread apply all bt 32"};
  spec.env = {"PATH=/usr/bin:/bin", "HOME=/nonexistent"};
  spec.timeout_seconds = kDebuggerSeconds;
  spec.describe_hang = false;
  spec.output_limit = kStackBytes;
  const ProcessResult result = RunChild(spec, -1);
  if (!result.Succeeded()) {
    return "stacks: gdb failed (" + DescribeOutcome(spec, result) + ")\n" + result.err;
  }
  return "stacks:\n" + result.out + (result.out.find("#0") == std::string::npos ? result.err : "");
}

}  // namespace

std::string DescribeProcess(pid_t pid) {
  const std::string root = "/proc/" + std::to_string(pid);
  const std::string status = "\n" + ReadFile(root + "/status");
  std::string report = "process " + std::to_string(pid) + ": " + ReadFile(root + "/comm");
  for (const char* name : {"State", "Threads", "VmPeak", "VmHWM", "VmRSS", "SigPnd", "ShdPnd",
                           "SigBlk", "Cpus_allowed_list"}) {
    report += std::string("\n  ") + name + ": " + Field(status, name);
  }
  report += "\nthreads (state, wait channel, system call):\n";
  const std::vector<std::string> threads = Threads(root + "/task");
  for (size_t i = 0; i < std::min(threads.size(), kMostThreads); ++i) {
    const std::string task = root + "/task/" + threads[i];
    report += "  " + threads[i] + ": " + Field("\n" + ReadFile(task + "/status"), "State") + ", " +
              ReadFile(task + "/wchan") + ", " + ReadFile(task + "/syscall") + "\n";
  }
  if (threads.size() > kMostThreads) {
    report += "  and " + std::to_string(threads.size() - kMostThreads) + " more\n";
  }
  return report + Stacks(pid);
}

}  // namespace process_internal
}  // namespace hz4
