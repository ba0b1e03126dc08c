// SPDX-License-Identifier: Apache-2.0
//
// The machine a campaign runs on, for the record, and how busy others keep it meanwhile.

#ifndef HZ4_BENCH_AB_MACHINE_H_
#define HZ4_BENCH_AB_MACHINE_H_

#include <string>

#include "absl/status/statusor.h"
#include "bench/ab/json.h"

namespace hz4::ab {

// Processor, number of them, governor, turbo, huge pages, kernel, load, temperature: whatever this
// machine tells; what it does not tell reads "unavailable".
Json DescribeMachine();

// Processor time of the whole machine since it started, in seconds.
struct MachineTime {
  double busy = 0;
  double steal = 0;
  double all = 0;
};
MachineTime ReadMachineTime();

// How many processors are kept busy right now, watched for `seconds`.
double BusyProcessors(double seconds);

// Of a shared library on disk.
absl::StatusOr<std::string> Sha256OfFile(const std::string& path);
std::string BuildIdOfFile(
    const std::string& path);  // GNU build id in hex; empty where there is none

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_MACHINE_H_
