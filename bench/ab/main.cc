// SPDX-License-Identifier: Apache-2.0
//
// //bench:ab, the A/B laboratory. Three ways in: a new campaign, --resume, --verify; one way out:
// the reports and an exit status that says the verdict.

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "bench/ab/campaign.h"
#include "bench/ab/flags.h"
#include "bench/ab/judgement.h"
#include "bench/ab/machine.h"
#include "bench/ab/plan_text.h"
#include "bench/ab/prepare.h"
#include "bench/ab/report.h"
#include "bench/ab/request.h"
#include "bench/ab/sections.h"
#include "bench/process.h"
#include "bench/runfile.h"

namespace hz4::ab {
namespace {

constexpr double kQuietSeconds = 1.0;
constexpr double kQuietLimit = 0.10;  // processors

volatile std::sig_atomic_t g_cancel = 0;

void OnSignal(int signal_number) {
  g_cancel = 1;
  signal(signal_number, SIG_DFL);  // a second Ctrl-C ends it at once
}

int Complain(int status, const std::string& message) {
  std::fprintf(stderr, "ab: %s\n", message.c_str());
  return status;
}

int ExitOfError(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kFailedPrecondition:
      return kExitInvalid;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kInternal:
      return kExitUnfit;
    default:
      return kExitUsage;
  }
}

int Fail(const absl::Status& status) {
  return Complain(ExitOfError(status), std::string(status.message()));
}

absl::Status MakeFolder(const std::string& path) {
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (mkdir(part.c_str(), 0755) != 0 && errno != EEXIST) {
      return absl::InternalError(absl::StrCat("cannot make ", part, ": ", strerror(errno)));
    }
    if (slash == path.npos) return absl::OkStatus();
  }
}

Json EnvironmentRecord(int session, double busy, const std::string& no_hardware) {
  Json machine = DescribeMachine();
  machine.Set("busy_processors_before", Json(busy));
  machine.Set("hardware_counters",
              Json(no_hardware.empty() ? "available" : "unavailable: " + no_hardware));
  Json json = Json::Object();
  json.Set("record", Json("environment"));
  json.Set("session", Json(session));
  json.Set("started", Json(absl::FormatTime(absl::RFC3339_sec, absl::Now(), absl::UTCTimeZone())));
  json.Set("machine", std::move(machine));
  return json;
}

void PrintVerdict(const Record& record, const Judgement& judgement) {
  const Headline headline = DecisionInWords(record.plan, judgement);
  std::printf("%s: %s\n", headline.verdict.c_str(), record.plan.title.c_str());
  for (const std::string& note : record.plan.notes) std::printf("  %s\n", note.c_str());
  for (const std::string& sentence : headline.sentences) std::printf("  %s\n", sentence.c_str());
  for (const std::string& warning : judgement.warnings)
    std::printf("  note: %s\n", warning.c_str());
}

// Judges, writes the reports where a folder is given, prints, and gives the exit status.
int Conclude(const Record& record, const std::string& folder) {
  const Judgement judgement = Judge(record.plan, record.runs, Intervals::kAll);
  PrintVerdict(record, judgement);
  if (!folder.empty()) {
    const Samples samples(record.plan, record.runs);
    const absl::Status written = WriteReports(folder, {record, judgement, samples});
    if (!written.ok()) return Complain(kExitUnfit, std::string(written.message()));
    std::printf("  %s/REPORT.md, report.html, summary.tsv, raw.jsonl\n", folder.c_str());
  }
  std::fflush(stdout);
  return judgement.exit_status;
}

int Verify(const Request& request) {
  const absl::StatusOr<LoadedRecord> loaded = LoadRecord(UserPath(request.verify));
  if (!loaded.ok()) return Complain(kExitUsage, std::string(loaded.status().message()));
  if (!loaded->dropped.empty()) Complain(0, absl::StrCat("left out: ", loaded->dropped));
  std::string folder;
  if (!request.out.empty()) {
    folder = UserPath(request.out);
    if (absl::Status made = MakeFolder(folder); !made.ok()) return Fail(made);
  }
  return Conclude(loaded->record, folder);
}

// How many processors others keep busy; kUnavailable where --require-quiet does not allow that.
absl::StatusOr<double> WatchOthers(const Request& request) {
  const double busy = BusyProcessors(kQuietSeconds);
  if (request.require_quiet && busy > kQuietLimit) {
    return absl::UnavailableError(absl::StrFormat(
        "others keep %.2f processors busy, --require-quiet allows %.2f", busy, kQuietLimit));
  }
  return busy;
}

// Runs what is left of the record's plan and concludes. The writer holds the folder.
int Continue(const std::string& folder, double busy, Measurer* measurer, RecordWriter* writer,
             Record* record) {
  const Json environment =
      EnvironmentRecord(record->sessions, busy, measurer->WhyNoHardwareCounters());
  if (absl::Status written = writer->Append(environment); !written.ok()) return Fail(written);
  record->environments.push_back(environment);
  for (int signal_number : {SIGINT, SIGTERM, SIGHUP}) signal(signal_number, &OnSignal);
  Progress progress(record->plan);
  progress.Say(absl::StrCat(record->plan.name, ": ", record->plan.title, "; results in ", folder));
  absl::Status run = RunCampaign(measurer, writer, &progress, &g_cancel, record);
  if (!run.ok()) {
    Complain(0, absl::StrCat("stopped: ", run.message(),
                             "; what stands in raw.jsonl is whole, go on "
                             "with --resume=",
                             folder));
    return ExitOfError(run);
  }
  if (g_cancel != 0) Complain(0, absl::StrCat("interrupted; go on with --resume=", folder));
  return Conclude(*record, folder);
}

int Resume(const Request& request) {
  const std::string folder = UserPath(request.resume);
  const std::string path = folder + "/raw.jsonl";
  absl::StatusOr<LoadedRecord> loaded = LoadRecord(path);
  if (!loaded.ok()) return Complain(kExitUsage, std::string(loaded.status().message()));
  Record& record = loaded->record;
  const absl::StatusOr<std::string> sha256 = Sha256OfFile(record.plan.library);
  if (!sha256.ok() || *sha256 != record.plan.library_sha256) {
    return Complain(
        kExitInvalid,
        absl::StrCat(record.plan.library, " is not the library of this campaign any more (sha256 ",
                     sha256.ok() ? *sha256 : std::string(sha256.status().message()),
                     ", the record has ", record.plan.library_sha256, ")"));
  }
  const absl::StatusOr<double> busy = WatchOthers(request);
  if (!busy.ok()) return Fail(busy.status());
  RecordWriter writer;
  if (absl::Status opened = writer.Open(folder, loaded->usable_bytes); !opened.ok()) {
    return Fail(opened);
  }
  if (!loaded->dropped.empty()) {
    const std::string note = absl::StrCat("--resume dropped ", loaded->dropped);
    Complain(0, note);
    Json json = Json::Object();
    json.Set("record", Json("note"));
    json.Set("text", Json(note));
    if (absl::Status written = writer.Append(json); !written.ok()) return Fail(written);
    record.notes.push_back(note);
  }
  Measurer measurer(record.plan.library, &g_cancel);
  return Continue(folder, *busy, &measurer, &writer, &record);
}

int PrintPlan(const Request& request, const Plan& plan) {
  if (request.noise.empty()) {
    std::fputs(DescribePlan(plan, nullptr).c_str(), stdout);
    return 0;
  }
  const absl::StatusOr<LoadedRecord> earlier = LoadRecord(UserPath(request.noise) + "/raw.jsonl");
  if (!earlier.ok()) return Complain(kExitUsage, std::string(earlier.status().message()));
  std::fputs(DescribePlan(plan, &earlier->record).c_str(), stdout);
  return 0;
}

int NewCampaign(const Request& request) {
  absl::StatusOr<Plan> plan = BuildPlan(request);
  if (!plan.ok()) return Fail(plan.status());
  if (absl::Status arms = CheckArms(*plan); !arms.ok()) return Fail(arms);
  Measurer measurer(plan->library, &g_cancel);
  if (absl::Status prepared = PrepareArms(&measurer, &*plan); !prepared.ok()) return Fail(prepared);
  if (request.plan_only) return PrintPlan(request, *plan);

  const std::string folder = UserPath(
      request.out.empty()
          ? absl::StrCat("ab-", plan->name, "-",
                         absl::FormatTime("%Y%m%d-%H%M%S", absl::Now(), absl::UTCTimeZone()))
          : request.out);
  if (access((folder + "/raw.jsonl").c_str(), F_OK) == 0) {
    return Complain(kExitUnfit, absl::StrCat(folder, " holds a campaign already; --resume=", folder,
                                             " goes on with it, another --out= starts afresh"));
  }
  const absl::StatusOr<double> busy = WatchOthers(request);
  if (!busy.ok()) return Fail(busy.status());
  if (absl::Status made = MakeFolder(folder); !made.ok()) return Fail(made);
  RecordWriter writer;
  if (absl::Status opened = writer.Open(folder, 0); !opened.ok()) return Fail(opened);
  Record record;
  record.plan = *plan;
  if (absl::Status written = writer.Append(PlanToJson(*plan)); !written.ok()) return Fail(written);
  return Continue(folder, *busy, &measurer, &writer, &record);
}

int Main(int argc, char** argv) {
  StartProcessLauncher();
  const absl::StatusOr<Request> request = ParseFlags(argc, argv);
  if (!request.ok()) return Complain(kExitUsage, std::string(request.status().message()));
  if (request->help) {
    std::fputs(Usage().c_str(), stdout);
    return 0;
  }
  if (!request->verify.empty()) return Verify(*request);
  if (!request->resume.empty()) return Resume(*request);
  return NewCampaign(*request);
}

}  // namespace
}  // namespace hz4::ab

int main(int argc, char** argv) { return hz4::ab::Main(argc, argv); }
