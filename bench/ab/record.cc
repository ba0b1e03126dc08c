// SPDX-License-Identifier: Apache-2.0
//
// Reading and appending raw.jsonl.

#include "bench/ab/record.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace hz4::ab {
namespace {

constexpr struct {
  RunStatus status;
  const char* name;
} kStatusNames[] = {
    {RunStatus::kOk, "ok"},
    {RunStatus::kNotStarted, "not-started"},
    {RunStatus::kCrashed, "crashed"},
    {RunStatus::kFailed, "failed"},
    {RunStatus::kHung, "hung"},
    {RunStatus::kWrongOutput, "wrong-output"},
    {RunStatus::kNoMetric, "no-metric"},
    {RunStatus::kNotProven, "not-proven"},
    {RunStatus::kCancelled, "cancelled"},
};

Json MapToJson(const std::map<std::string, double>& values) {
  Json object = Json::Object();
  for (const auto& [name, value] : values) object.Set(name, Json(value));
  return object;
}

std::map<std::string, double> MapFromJson(const Json& json) {
  std::map<std::string, double> values;
  for (const auto& [name, value] : json.members()) {
    if (value.IsNumber()) values[name] = value.AsNumber();
  }
  return values;
}

absl::Status SystemError(const std::string& what, const std::string& path) {
  return absl::InternalError(absl::StrCat(what, " ", path, ": ", strerror(errno)));
}

// One line of the record into `loaded`; false where it is not a line of a record.
absl::Status TakeLine(const Json& json, LoadedRecord* loaded) {
  Record& record = loaded->record;
  const std::string& kind = json["record"].AsString();
  if (kind == "plan") {
    absl::StatusOr<Plan> plan = PlanFromJson(json);
    if (!plan.ok()) return plan.status();
    record.plan = *std::move(plan);
  } else if (kind == "run") {
    absl::StatusOr<Run> run = RunFromJson(json);
    if (!run.ok()) return run.status();
    record.sessions = std::max(record.sessions, run->session + 1);
    record.runs.push_back(*std::move(run));
  } else if (kind == "environment") {
    record.environments.push_back(json);
    record.sessions = std::max(record.sessions, static_cast<int>(json["session"].AsNumber()) + 1);
  } else if (kind == "note") {
    record.notes.push_back(json["text"].AsString());
  } else if (kind != "verdict") {
    return absl::InvalidArgumentError(absl::StrCat("unknown record \"", kind, "\""));
  }
  return absl::OkStatus();
}

}  // namespace

std::string RunStatusName(RunStatus status) {
  for (const auto& row : kStatusNames) {
    if (row.status == status) return row.name;
  }
  return "";
}

Json RunToJson(const Run& run) {
  Json json = Json::Object();
  json.Set("record", Json("run"));
  json.Set("session", Json(run.session));
  json.Set("order", Json(run.order));
  json.Set("stage", Json(run.slot.stage));
  json.Set("block", Json(run.slot.block));
  json.Set("lane", Json(run.slot.lane));
  json.Set("arm", Json(run.slot.arm));
  json.Set("repeat", Json(run.slot.repeat));
  json.Set("padding", Json(run.slot.padding));
  json.Set("started", Json(run.started));
  json.Set("status", Json(RunStatusName(run.status)));
  json.Set("outcome", Json(run.outcome));
  if (!run.detail.empty()) json.Set("detail", Json(run.detail));
  json.Set("fingerprint", Json(run.fingerprint));
  json.Set("mapping", Json(run.mapping));
  json.Set("wall_seconds", Json(run.wall_seconds));
  json.Set("runner_seconds", Json(run.runner_seconds));
  json.Set("others_cpu", Json(run.others_cpu));
  json.Set("steal", Json(run.steal));
  json.Set("values", MapToJson(run.values));
  if (!run.counters.empty()) json.Set("counters", MapToJson(run.counters));
  return json;
}

absl::StatusOr<Run> RunFromJson(const Json& json) {
  Run run;
  run.session = static_cast<int>(json["session"].AsNumber());
  run.order = static_cast<int>(json["order"].AsNumber());
  run.slot.stage = json["stage"].AsString();
  run.slot.block = static_cast<int>(json["block"].AsNumber());
  run.slot.lane = json["lane"].AsString();
  run.slot.arm = json["arm"].AsString();
  run.slot.repeat = static_cast<int>(json["repeat"].AsNumber());
  run.slot.padding = static_cast<int>(json["padding"].AsNumber());
  run.started = json["started"].AsNumber();
  run.outcome = json["outcome"].AsString();
  run.detail = json["detail"].AsString();
  run.fingerprint = json["fingerprint"].AsString();
  run.mapping = json["mapping"].AsString();
  run.wall_seconds = json["wall_seconds"].AsNumber();
  run.runner_seconds = json["runner_seconds"].AsNumber();
  run.others_cpu = json["others_cpu"].AsNumber();
  run.steal = json["steal"].AsNumber();
  run.values = MapFromJson(json["values"]);
  run.counters = MapFromJson(json["counters"]);
  for (const auto& row : kStatusNames) {
    if (json["status"].AsString() == row.name) {
      run.status = row.status;
      return run;
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("unknown status \"", json["status"].AsString(), "\""));
}

absl::StatusOr<LoadedRecord> LoadRecord(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot read ", path));
  std::stringstream content;
  content << file.rdbuf();
  const std::string text = content.str();

  LoadedRecord loaded;
  int line_number = 0;
  for (std::size_t begin = 0; begin < text.size(); loaded.usable_bytes = begin) {
    ++line_number;
    const std::size_t end = text.find('\n', begin);
    const std::string line = text.substr(begin, end == text.npos ? text.npos : end - begin);
    const absl::StatusOr<Json> json = Json::Parse(line);
    const bool last = end == text.npos || end + 1 == text.size();
    if (end == text.npos || !json.ok()) {
      if (!last) {
        return absl::DataLossError(
            absl::StrCat(path, ":", line_number, ": ", json.status().message()));
      }
      loaded.dropped = absl::StrCat("line ", line_number, " (", line.size(),
                                    " bytes, torn): ", line.substr(0, 60));
      break;
    }
    if (line_number == 1 && (*json)["record"].AsString() != "plan") {
      return absl::InvalidArgumentError(absl::StrCat(path, ":1: the first line must be the plan"));
    }
    if (absl::Status taken = TakeLine(*json, &loaded); !taken.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ":", line_number, ": ", taken.message()));
    }
    begin = end + 1;
  }
  if (loaded.record.plan.arms.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": no plan in it"));
  }
  return loaded;
}

RecordWriter::~RecordWriter() {
  if (fd_ >= 0) close(fd_);
  if (lock_ >= 0) close(lock_);
}

absl::Status RecordWriter::Open(const std::string& folder, std::size_t keep_bytes) {
  // The lock is on the folder itself: no file of ours is left behind in it.
  lock_ = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock_ < 0) return SystemError("cannot open", folder);
  if (flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    return absl::UnavailableError(absl::StrCat("another campaign is writing to ", folder));
  }
  path_ = folder + "/raw.jsonl";
  fd_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd_ < 0) return SystemError("cannot open", path_);
  if (ftruncate(fd_, static_cast<off_t>(keep_bytes)) != 0) return SystemError("cannot cut", path_);
  if (lseek(fd_, 0, SEEK_END) < 0) return SystemError("cannot seek in", path_);
  return absl::OkStatus();
}

absl::Status RecordWriter::Append(const Json& line) {
  const std::string text = line.Dump() + "\n";
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t written = write(fd_, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return SystemError("cannot write", path_);
    done += static_cast<std::size_t>(written);
  }
  if (fsync(fd_) != 0) return SystemError("cannot flush", path_);
  return absl::OkStatus();
}

}  // namespace hz4::ab
