// SPDX-License-Identifier: Apache-2.0
//
// The launcher's half of the process runner: one small process with one thread that forks the
// children, watches them and reaps them.
//
// Order at a child's end: it is seen to have ended, its process group is killed, and only then is
// it reaped. Until it is reaped its number, and so its group's, cannot belong to anyone else.

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "bench/process_internal.h"

namespace hz4 {
namespace process_internal {
namespace {

double Now() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

// What the child says of itself between fork and exec. Nothing more comes if exec succeeds.
struct BeforeExec {
  rusage usage;
};
struct ExecFailure {
  int error;
};

struct Pipe {
  int read_end = -1;
  int write_end = -1;

  ~Pipe() {
    CloseRead();
    CloseWrite();
  }
  bool Open(bool blocking) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return false;
    read_end = ends[0];
    write_end = ends[1];
    return blocking || fcntl(read_end, F_SETFL, O_NONBLOCK) == 0;
  }
  void CloseRead() { CloseEnd(&read_end); }
  void CloseWrite() { CloseEnd(&write_end); }

 private:
  static void CloseEnd(int* end) {
    if (*end >= 0) close(*end);
    *end = -1;
  }
};

// The end of what a child wrote, at most `limit` bytes of it.
class Tail {
 public:
  explicit Tail(std::uint64_t limit) : limit_(std::max<std::uint64_t>(limit, 1)) {}

  // Reads what is there. False: end of file.
  bool ReadFrom(int descriptor) {
    char buffer[65536];
    while (true) {
      const ssize_t size = read(descriptor, buffer, sizeof(buffer));
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) return size < 0 && errno == EAGAIN;
      text_.append(buffer, static_cast<size_t>(size));
      if (text_.size() > 2 * limit_) Trim();
    }
  }
  std::string Take(std::uint64_t* dropped) {
    Trim();
    *dropped = dropped_;
    return std::move(text_);
  }

 private:
  void Trim() {
    if (text_.size() <= limit_) return;
    dropped_ += text_.size() - limit_;
    text_.erase(0, text_.size() - limit_);
  }

  const std::uint64_t limit_;
  std::uint64_t dropped_ = 0;
  std::string text_;
};

std::vector<char*> Pointers(const std::vector<std::string>& list) {
  std::vector<char*> pointers;
  for (const std::string& text : list) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// In the child. Returns only if something failed, with errno set.
void BecomeProgram(const ProcessSpec& spec, char* const* argv, char* const* env, int out, int err) {
  const int null = open("/dev/null", O_RDONLY);
  if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
      dup2(err, STDERR_FILENO) < 0) {
    return;
  }
  // dup2 onto itself would leave the close-on-exec flag set.
  for (int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    fcntl(descriptor, F_SETFD, 0);
  }
  if (!spec.cpus.empty()) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int cpu : spec.cpus) CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0) return;
  }
  if (spec.fixed_layout) {
    const int current = personality(0xffffffff);
    if (current == -1 || personality(current | ADDR_NO_RANDOMIZE) == -1) return;
  }
  if (!spec.directory.empty() && chdir(spec.directory.c_str()) != 0) return;
  prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);  // gdb is not our ancestor; no matter where unknown
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execve(argv[0], argv, env);
}

class Child {
 public:
  Child(const ProcessSpec& spec, int socket)
      : spec_(spec), socket_(socket), out_tail_(spec.output_limit), err_tail_(spec.output_limit) {}

  ProcessResult Run() {
    if (!Start()) return std::move(result_);
    Watch();
    Finish();
    return std::move(result_);
  }

 private:
  bool Fail(const std::string& error) {
    result_.outcome = ProcessOutcome::kNotStarted;
    result_.error = error;
    return false;
  }

  bool Start() {
    if (!out_.Open(false) || !err_.Open(false) || !status_.Open(true)) {
      return Fail(std::string("pipe: ") + strerror(errno));
    }
    const std::vector<char*> argv = Pointers(spec_.argv);
    const std::vector<char*> env = Pointers(spec_.env);
    started_ = Now();
    pid_ = fork();
    if (pid_ < 0) return Fail(std::string("fork: ") + strerror(errno));
    if (pid_ == 0) {
      setpgid(0, 0);
      BeforeExec before = {};
      getrusage(RUSAGE_SELF, &before.usage);
      (void)!write(status_.write_end, &before, sizeof(before));
      BecomeProgram(spec_, argv.data(), env.data(), out_.write_end, err_.write_end);
      const ExecFailure failure = {errno};
      (void)!write(status_.write_end, &failure, sizeof(failure));
      _exit(127);
    }
    setpgid(pid_, pid_);  // in both, so that neither depends on the other having been first
    result_.pid = pid_;
    out_.CloseWrite();
    err_.CloseWrite();
    status_.CloseWrite();
    return AwaitExec();
  }

  bool AwaitExec() {
    ExecFailure failure = {};
    if (ReadStatus(&before_, sizeof(before_)) && !ReadStatus(&failure, sizeof(failure))) {
      return true;
    }
    waitpid(pid_, nullptr, 0);
    return Fail("cannot execute " + spec_.argv[0] + ": " + strerror(failure.error));
  }

  bool ReadStatus(void* what, size_t size) {
    ssize_t got;
    do {
      got = read(status_.read_end, what, size);
    } while (got < 0 && errno == EINTR);
    return got == static_cast<ssize_t>(size);
  }

  bool Ended() const {
    siginfo_t about = {};
    return waitid(P_PID, static_cast<id_t>(pid_), &about, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           about.si_pid == pid_;
  }

  // Until the child has ended or is to be killed. SIGCHLD is blocked but for the ppoll below, so
  // that an end between the look and the wait is not missed.
  void Watch() {
    sigset_t none;
    sigemptyset(&none);
    result_.outcome = ProcessOutcome::kExited;
    while (!Ended()) {
      const double left = spec_.timeout_seconds > 0
                              ? std::max(0.0, started_ + spec_.timeout_seconds - Now())
                              : 3600;
      if (left == 0) {
        result_.outcome = ProcessOutcome::kTimedOut;
        if (spec_.describe_hang) result_.hang_report = DescribeProcess(pid_);
        return;
      }
      pollfd watched[3] = {
          {out_.read_end, POLLIN, 0}, {err_.read_end, POLLIN, 0}, {socket_, POLLIN, 0}};
      const double whole = std::floor(left);
      const timespec limit = {static_cast<time_t>(whole), static_cast<long>((left - whole) * 1e9)};
      if (ppoll(watched, 3, &limit, &none) <= 0) continue;
      if (watched[0].revents != 0 && !out_tail_.ReadFrom(out_.read_end)) out_.CloseRead();
      if (watched[1].revents != 0 && !err_tail_.ReadFrom(err_.read_end)) err_.CloseRead();
      if (watched[2].revents != 0) {
        result_.outcome = ProcessOutcome::kCancelled;
        return;
      }
    }
  }

  void Finish() {
    kill(-pid_, SIGKILL);
    result_.wall_seconds = Now() - started_;
    int status = 0;
    rusage usage = {};
    while (wait4(pid_, &status, 0, &usage) < 0 && errno == EINTR) {
    }
    if (out_.read_end >= 0) out_tail_.ReadFrom(out_.read_end);
    if (err_.read_end >= 0) err_tail_.ReadFrom(err_.read_end);
    result_.out = out_tail_.Take(&result_.out_dropped);
    result_.err = err_tail_.Take(&result_.err_dropped);
    if (result_.outcome == ProcessOutcome::kExited && WIFSIGNALED(status)) {
      result_.outcome = ProcessOutcome::kSignaled;
      result_.signal = WTERMSIG(status);
    } else if (WIFEXITED(status)) {
      result_.exit_status = WEXITSTATUS(status);
    }
    const rusage& before = before_.usage;
    result_.user_seconds = Seconds(usage.ru_utime) - Seconds(before.ru_utime);
    result_.system_seconds = Seconds(usage.ru_stime) - Seconds(before.ru_stime);
    result_.max_rss_bytes = usage.ru_maxrss * 1024L;
    result_.max_rss_floor_bytes = before.ru_maxrss * 1024L;
    result_.minor_faults = usage.ru_minflt - before.ru_minflt;
    result_.major_faults = usage.ru_majflt - before.ru_majflt;
    result_.voluntary_switches = usage.ru_nvcsw - before.ru_nvcsw;
    result_.involuntary_switches = usage.ru_nivcsw - before.ru_nivcsw;
  }

  const ProcessSpec& spec_;
  const int socket_;
  ProcessResult result_;
  pid_t pid_ = -1;
  double started_ = 0;
  BeforeExec before_ = {};
  Pipe out_;
  Pipe err_;
  Pipe status_;
  Tail out_tail_;
  Tail err_tail_;
};

}  // namespace

ProcessResult RunChild(const ProcessSpec& spec, int socket) { return Child(spec, socket).Run(); }

[[noreturn]] void ServeRequests(int socket) {
  prctl(PR_SET_NAME, "bench-launcher");
  // Where the caller runs without standard streams, no pipe may take their numbers.
  int highest = 0;
  while (highest >= 0 && highest <= STDERR_FILENO) highest = open("/dev/null", O_RDWR);
  // Nothing but the standard streams is handed on to children, and nobody waits for us to close it.
  if (socket > 3) close_range(3, static_cast<unsigned>(socket) - 1, 0);
  close_range(static_cast<unsigned>(socket) + 1, ~0u, 0);
  // A terminal's Ctrl-C is the caller's to judge; when the caller dies the socket says so.
  for (int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) signal(number, SIG_IGN);
  signal(SIGCHLD, [](int) {});
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_SETMASK, &child, nullptr);
  std::string request;
  while (ReceiveMessage(socket, &request)) {
    if (request.empty()) continue;  // a cancellation; its child has ended
    if (!SendMessage(socket, EncodeResult(RunChild(DecodeSpec(request), socket)))) break;
  }
  _exit(0);
}

}  // namespace process_internal
}  // namespace hz4
