// SPDX-License-Identifier: Apache-2.0
//
// What a comparison runs under each allocator: lanes in their forms, micro benchmarks, or commands
// of the user's own.

#ifndef HZ4_BENCH_PEERS_WORKLOAD_H_
#define HZ4_BENCH_PEERS_WORKLOAD_H_

#include <map>
#include <string>
#include <vector>

#include "bench/lanes.h"

namespace hz4 {

struct Workload {
  enum class Kind {
    kLoop,     // prints the lanes' report: rate and remote share
    kRate,     // prints one line with ops=, time= and ops/s=
    kCommand,  // prints whatever it likes; measured by its wall time
    kMicro,    // one micro benchmark; prints Google Benchmark's JSON
  };
  std::string name;
  Kind kind = Kind::kCommand;
  std::string reporter;  // the name at the start of the result line
  std::vector<std::string> argv;
  std::vector<std::string> ceiling_argv;  // the same on an array; empty: there is none
  std::string directory;                  // working directory; empty: this process's
};

// A form is a way to run a lane:
//   untouched  as the lane says
//   touched    first and last byte written; remote lanes then matched and with short rings, for a
//              backlog of touched blocks would measure the kernel only
//   matched    remote lanes only: a full ring makes the sender wait
extern const char* const kForms[3];

struct LaneSelection {
  std::vector<std::string> lanes;
  std::vector<int> threads;
  std::vector<std::string> forms;
  std::map<std::string, long> iters;  // by lane, where the lane's own are not wanted
};

// Every lane in every form and with every number of threads, but for forms a lane does not have.
// False: *error names what is unknown and what is allowed.
bool PlanLanes(const LaneSelection& selection, const std::string& program,
               const std::string& ceiling, std::vector<Workload>* workloads, std::string* error);

// A file with one command a line, `name: program arguments...`; words are separated by blanks,
// empty lines and lines that begin with # are passed over. False: *error names the line.
bool ReadCommands(const std::string& path, std::vector<Workload>* workloads, std::string* error);

// The micro benchmarks of these names, each in a process of its own and for so many seconds.
std::vector<Workload> MicroWorkloads(const std::string& program,
                                     const std::vector<std::string>& names, double seconds);

// One command; it is named after its program.
Workload CommandWorkload(const std::vector<std::string>& argv);

}  // namespace hz4

#endif  // HZ4_BENCH_PEERS_WORKLOAD_H_
