// SPDX-License-Identifier: Apache-2.0
//
// The caller's half of the process runner: it owns the launcher and talks to it.

#include "bench/process.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "bench/process_internal.h"

namespace hz4 {
namespace process_internal {

namespace {

bool SendAll(int socket, const char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t sent = send(socket, bytes, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes += sent;
    size -= static_cast<size_t>(sent);
  }
  return true;
}

bool ReceiveAll(int socket, char* bytes, size_t size) {
  while (size > 0) {
    const ssize_t received = recv(socket, bytes, size, 0);
    if (received < 0 && errno == EINTR) continue;
    if (received <= 0) return false;
    bytes += received;
    size -= static_cast<size_t>(received);
  }
  return true;
}

}  // namespace

bool SendMessage(int socket, const std::string& bytes) {
  const std::uint64_t size = bytes.size();
  return SendAll(socket, reinterpret_cast<const char*>(&size), sizeof(size)) &&
         SendAll(socket, bytes.data(), bytes.size());
}

bool ReceiveMessage(int socket, std::string* bytes) {
  std::uint64_t size = 0;
  if (!ReceiveAll(socket, reinterpret_cast<char*>(&size), sizeof(size))) return false;
  bytes->resize(size);
  return ReceiveAll(socket, bytes->data(), size);
}

std::string EncodeSpec(const ProcessSpec& spec) {
  Writer writer;
  writer.Put(spec.argv);
  writer.Put(spec.env);
  writer.Put(spec.directory);
  writer.Put(spec.timeout_seconds);
  writer.Put(static_cast<std::uint64_t>(spec.cpus.size()));
  for (int cpu : spec.cpus) writer.Put(cpu);
  writer.Put(spec.fixed_layout);
  writer.Put(spec.describe_hang);
  writer.Put(spec.output_limit);
  return writer.bytes();
}

ProcessSpec DecodeSpec(const std::string& bytes) {
  Reader reader(bytes);
  ProcessSpec spec;
  spec.argv = reader.GetList();
  spec.env = reader.GetList();
  spec.directory = reader.GetText();
  spec.timeout_seconds = reader.Get<double>();
  spec.cpus.resize(reader.Get<std::uint64_t>());
  for (int& cpu : spec.cpus) cpu = reader.Get<int>();
  spec.fixed_layout = reader.Get<bool>();
  spec.describe_hang = reader.Get<bool>();
  spec.output_limit = reader.Get<std::uint64_t>();
  return spec;
}

std::string EncodeResult(const ProcessResult& result) {
  Writer writer;
  writer.Put(static_cast<int>(result.outcome));
  for (int number : {result.exit_status, result.signal, result.pid}) writer.Put(number);
  for (const std::string* text : {&result.error, &result.out, &result.err, &result.hang_report}) {
    writer.Put(*text);
  }
  for (double seconds : {result.wall_seconds, result.user_seconds, result.system_seconds}) {
    writer.Put(seconds);
  }
  writer.Put(result.out_dropped);
  writer.Put(result.err_dropped);
  for (std::int64_t number :
       {result.max_rss_bytes, result.max_rss_floor_bytes, result.minor_faults, result.major_faults,
        result.voluntary_switches, result.involuntary_switches}) {
    writer.Put(number);
  }
  return writer.bytes();
}

ProcessResult DecodeResult(const std::string& bytes) {
  Reader reader(bytes);
  ProcessResult result;
  result.outcome = static_cast<ProcessOutcome>(reader.Get<int>());
  for (int* number : {&result.exit_status, &result.signal, &result.pid}) {
    *number = reader.Get<int>();
  }
  for (std::string* text : {&result.error, &result.out, &result.err, &result.hang_report}) {
    *text = reader.GetText();
  }
  for (double* seconds : {&result.wall_seconds, &result.user_seconds, &result.system_seconds}) {
    *seconds = reader.Get<double>();
  }
  result.out_dropped = reader.Get<std::uint64_t>();
  result.err_dropped = reader.Get<std::uint64_t>();
  for (std::int64_t* number :
       {&result.max_rss_bytes, &result.max_rss_floor_bytes, &result.minor_faults,
        &result.major_faults, &result.voluntary_switches, &result.involuntary_switches}) {
    *number = reader.Get<std::int64_t>();
  }
  return result;
}

}  // namespace process_internal

namespace {

struct Launcher {
  std::mutex one_at_a_time;
  int socket = -1;
};

Launcher& TheLauncher() {
  static Launcher* const launcher = new Launcher;
  return *launcher;
}

// Under one_at_a_time. Returns an error, or nothing.
std::string StartLocked(Launcher* launcher) {
  if (launcher->socket >= 0) return "";
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return std::string("socketpair: ") + strerror(errno);
  }
  fflush(nullptr);  // else the launcher would hold a copy of what is still buffered
  const pid_t pid = fork();
  if (pid < 0) {
    const std::string error = std::string("fork of the launcher: ") + strerror(errno);
    close(ends[0]);
    close(ends[1]);
    return error;
  }
  if (pid == 0) {
    close(ends[0]);
    process_internal::ServeRequests(ends[1]);
  }
  close(ends[1]);
  launcher->socket = ends[0];
  return "";
}

// Waits for the answer; a raised flag is passed on to the launcher, once.
bool AwaitAnswer(int socket, const volatile std::sig_atomic_t* cancel, std::string* answer) {
  bool passed_on = false;
  while (cancel != nullptr && !passed_on) {
    pollfd readable = {socket, POLLIN, 0};
    if (poll(&readable, 1, 100) > 0) break;
    if (*cancel != 0) {
      passed_on = true;
      if (!process_internal::SendMessage(socket, "")) return false;
    }
  }
  return process_internal::ReceiveMessage(socket, answer);
}

}  // namespace

void StartProcessLauncher() {
  Launcher& launcher = TheLauncher();
  const std::lock_guard<std::mutex> lock(launcher.one_at_a_time);
  StartLocked(&launcher);
}

ProcessResult RunProcess(const ProcessSpec& spec, const volatile std::sig_atomic_t* cancel) {
  ProcessResult result;
  if (spec.argv.empty()) {
    result.error = "no program given";
    return result;
  }
  ProcessSpec resolved = spec;
  resolved.argv[0] = FindExecutable(spec.argv[0]);
  if (resolved.argv[0].empty()) {
    result.error = "no such program: " + spec.argv[0];
    return result;
  }
  Launcher& launcher = TheLauncher();
  const std::lock_guard<std::mutex> lock(launcher.one_at_a_time);
  result.error = StartLocked(&launcher);
  if (!result.error.empty()) return result;
  std::string answer;
  if (!process_internal::SendMessage(launcher.socket, process_internal::EncodeSpec(resolved)) ||
      !AwaitAnswer(launcher.socket, cancel, &answer)) {
    close(launcher.socket);
    launcher.socket = -1;  // the next call starts another
    result.error = "the launcher process died";
    return result;
  }
  return process_internal::DecodeResult(answer);
}

std::string DescribeOutcome(const ProcessSpec& spec, const ProcessResult& result) {
  switch (result.outcome) {
    case ProcessOutcome::kExited:
      return "exit " + std::to_string(result.exit_status);
    case ProcessOutcome::kSignaled: {
      const char* name = sigabbrev_np(result.signal);
      return name == nullptr ? "killed by signal " + std::to_string(result.signal)
                             : std::string("killed by SIG") + name;
    }
    case ProcessOutcome::kTimedOut: {
      char text[64];
      snprintf(text, sizeof(text), "timed out after %g s", spec.timeout_seconds);
      return text;
    }
    case ProcessOutcome::kCancelled:
      return "cancelled";
    case ProcessOutcome::kNotStarted:
      break;
  }
  return "not started: " + result.error;
}

std::vector<std::string> BaseEnvironment() {
  std::vector<std::string> environment;
  for (const char* name : {"PATH", "HOME", "USER", "LANG", "LC_ALL", "TMPDIR", "TERM"}) {
    const char* value = getenv(name);
    if (value != nullptr) environment.push_back(std::string(name) + "=" + value);
  }
  return environment;
}

std::vector<std::string> CurrentEnvironment() {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.push_back(*entry);
  return environment;
}

std::string FindExecutable(const std::string& name) {
  const auto usable = [](const std::string& path) {
    struct stat about;
    return stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode) &&
           access(path.c_str(), X_OK) == 0;
  };
  if (name.find('/') != std::string::npos) return usable(name) ? name : "";
  const char* variable = getenv("PATH");
  const std::string path = variable == nullptr ? "/usr/bin:/bin" : variable;
  for (size_t start = 0; start <= path.size();) {
    const size_t end = std::min(path.find(':', start), path.size());
    const std::string directory = path.substr(start, end - start);
    const std::string candidate = (directory.empty() ? "." : directory) + "/" + name;
    if (!name.empty() && usable(candidate)) return candidate;
    start = end + 1;
  }
  return "";
}

}  // namespace hz4
