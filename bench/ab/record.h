// SPDX-License-Identifier: Apache-2.0
//
// The record of a campaign: raw.jsonl, append-only, one line per event, on the disk (fsync) before
// the next run starts. Its first line is the plan, so the file alone is enough to recompute the
// verdict or to go on after a crash.
//
// A run that failed stays in the record with what happened to it; nothing is ever taken out.

#ifndef HZ4_BENCH_AB_RECORD_H_
#define HZ4_BENCH_AB_RECORD_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/ab/plan.h"

namespace hz4::ab {

// How a run ended. Everything but kOk makes the campaign invalid, except kCancelled (Ctrl-C), which
// is not a result at all.
enum class RunStatus {
  kOk,
  kNotStarted,
  kCrashed,      // by a signal
  kFailed,       // another exit status than the lane's
  kHung,         // over its time limit
  kWrongOutput,  // a required pattern is missing or a forbidden one is there
  kNoMetric,     // a metric's pattern found nothing
  kNotProven,    // the child reported another configuration than the arm's, or none
  kCancelled,
};
std::string RunStatusName(RunStatus status);

struct Run {
  int session = 0;  // 0, then 1 more with each --resume: a torn block is repeated as a whole
  Slot slot;
  int order = 0;       // position among all runs of the campaign
  double started = 0;  // seconds since the epoch
  RunStatus status = RunStatus::kOk;
  std::string outcome;  // "exit 0", "killed by SIGSEGV", ...
  std::string detail;   // what a person needs where it failed: end of the output, hang report
  std::string fingerprint;
  std::string mapping;  // the library as mapped in the child, by the child's own report
  double wall_seconds = 0;
  double runner_seconds = 0;               // what the runner itself spent around the child
  double others_cpu = 0;                   // processors kept busy by others meanwhile
  double steal = 0;                        // share of the time stolen by the hypervisor
  std::map<std::string, double> values;    // metric -> value; a missing name is "unavailable"
  std::map<std::string, double> counters;  // of a counting run
};

Json RunToJson(const Run& run);
absl::StatusOr<Run> RunFromJson(const Json& json);

// What a record holds.
struct Record {
  Plan plan;
  std::vector<Run> runs;
  std::vector<Json> environments;  // one per session
  std::vector<std::string> notes;
  int sessions = 0;
};

// Reads a record. A torn last line (no newline, or not JSON) is left out and named in `dropped`,
// with `usable_bytes` in front of it; a broken line elsewhere is an error that names the line.
struct LoadedRecord {
  Record record;
  std::string dropped;
  std::size_t usable_bytes = 0;
};
absl::StatusOr<LoadedRecord> LoadRecord(const std::string& path);

// Appends to a record. Only one process at a time can hold a folder's record.
class RecordWriter {
 public:
  RecordWriter() = default;
  ~RecordWriter();
  RecordWriter(const RecordWriter&) = delete;
  RecordWriter& operator=(const RecordWriter&) = delete;

  // Takes the folder's lock (kUnavailable: another campaign has it) and opens the file; with
  // `keep_bytes` what stands behind them is cut off.
  absl::Status Open(const std::string& folder, std::size_t keep_bytes);

  // On the disk when it returns.
  absl::Status Append(const Json& line);

 private:
  int fd_ = -1;
  int lock_ = -1;
  std::string path_;
};

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_RECORD_H_
