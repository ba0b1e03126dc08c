// SPDX-License-Identifier: Apache-2.0
//
// Runs a child process and measures it: exact environment, CPU set, captured output, resource
// usage, a time limit, and a description of what it was doing when the limit struck.
//
// Two things make a measurement of a child wrong, and this part exists to keep them out:
//  * On Linux a child's ru_maxrss starts at what its parent held when it was forked, so a runner
//    that has grown would report its own size for every small child. Children are therefore forked
//    by a launcher, a helper process that is split off while this process is still small. Faults,
//    switches and CPU time from before exec are subtracted.
//  * A child that leaves processes behind disturbs the next run. Every child leads a process group
//    of its own, and the group is killed when the child ends.
//
// The launcher lives as long as this process; when this process dies, by any signal, the launcher
// kills the running child and ends. Calls are serialised: one child runs at a time.

#ifndef HZ4_BENCH_PROCESS_H_
#define HZ4_BENCH_PROCESS_H_

#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

namespace hz4 {

struct ProcessSpec {
  std::vector<std::string> argv;  // argv[0] without a slash is looked up in this process's PATH
  std::vector<std::string> env;   // the child's whole environment, "NAME=VALUE"
  std::string directory;          // working directory; empty: this process's
  double timeout_seconds = 0;     // 0: none
  std::vector<int> cpus;          // CPUs the child may run on; empty: inherited
  bool fixed_layout = false;      // switch address space randomisation off
  bool describe_hang = true;      // on timeout fill hang_report before the kill (may take seconds)
  // Bytes kept of stdout and of stderr each. The end is kept, for that is where results stand.
  std::uint64_t output_limit = 8 << 20;
};

enum class ProcessOutcome : int {
  kExited,      // exit_status is valid
  kSignaled,    // signal is valid
  kTimedOut,    // killed at the limit; hang_report says what it was doing
  kCancelled,   // killed because the caller's flag was raised
  kNotStarted,  // error says why; nothing was measured
};

struct ProcessResult {
  ProcessOutcome outcome = ProcessOutcome::kNotStarted;
  int exit_status = 0;
  int signal = 0;
  int pid = 0;
  std::string error;
  std::string out;
  std::string err;
  std::uint64_t out_dropped = 0;  // bytes lost from the front of out and err
  std::uint64_t err_dropped = 0;
  std::string hang_report;

  double wall_seconds = 0;  // from fork to the child's end
  double user_seconds = 0;
  double system_seconds = 0;
  std::int64_t max_rss_bytes = 0;
  // What max_rss_bytes can never be below, whatever the child did: the launcher's own size.
  std::int64_t max_rss_floor_bytes = 0;
  std::int64_t minor_faults = 0;
  std::int64_t major_faults = 0;
  std::int64_t voluntary_switches = 0;
  std::int64_t involuntary_switches = 0;

  bool Succeeded() const { return outcome == ProcessOutcome::kExited && exit_status == 0; }
};

// Splits the launcher off. Call it early in main(), while the process is small and has one thread;
// without it the first RunProcess() does it.
void StartProcessLauncher();

// Runs the child to its end. `cancel`, where given, is looked at ten times a second and ends the
// child when it becomes non-zero: a handler of SIGINT may set it.
ProcessResult RunProcess(const ProcessSpec& spec,
                         const volatile std::sig_atomic_t* cancel = nullptr);

// One line for people: "exit 0", "exit 3", "killed by SIGSEGV", "timed out after 60 s",
// "not started: ...", "cancelled".
std::string DescribeOutcome(const ProcessSpec& spec, const ProcessResult& result);

// The variables a measured child needs and that do not change what is measured, taken from this
// process: PATH HOME USER LANG LC_ALL TMPDIR TERM, where they are set.
std::vector<std::string> BaseEnvironment();

// The whole environment of this process.
std::vector<std::string> CurrentEnvironment();

// The executable of that name in PATH, or empty; a name with a slash is returned if executable.
std::string FindExecutable(const std::string& name);

}  // namespace hz4

#endif  // HZ4_BENCH_PROCESS_H_
