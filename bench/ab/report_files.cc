// SPDX-License-Identifier: Apache-2.0
//
// summary.json, junit.xml, Google Benchmark's JSON, and writing the files.

#include <algorithm>
#include <fstream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "bench/ab/report.h"
#include "bench/ab/stats.h"

namespace hz4::ab {
namespace {

Json Strings(const std::vector<std::string>& texts) {
  Json array = Json::Array();
  for (const std::string& text : texts) array.Add(Json(text));
  return array;
}

Json GateJson(const GateResult& result) {
  Json json = Json::Object();
  json.Set("stage", Json(result.stage));
  json.Set("lane", Json(result.gate.lane));
  json.Set("metric", Json(result.gate.metric));
  json.Set("arm", Json(result.arm));
  json.Set("runs", Json(result.runs));
  json.Set("base_median", Json(result.base_median));
  json.Set("variant_median", Json(result.variant_median));
  json.Set("gain_percent", Json(result.percent));
  json.Set("gate_percent", Json(result.limit));
  json.Set("pass", Json(result.pass));
  return json;
}

Json ClaimJson(const Claim& claim) {
  Json json = Json::Object();
  json.Set("lane", Json(claim.lane));
  json.Set("metric", Json(claim.metric));
  json.Set("arm", Json(claim.arm));
  json.Set("role", Json(RoleName(claim.role)));
  json.Set("gate_percent", Json(claim.limit));
  json.Set("blocks", Json(claim.blocks));
  json.Set("estimate_percent", Json(PercentOfGain(claim.estimate)));
  json.Set("low_percent", Json(PercentOfGain(claim.interval.low)));
  json.Set("high_percent", Json(PercentOfGain(claim.interval.high)));
  json.Set("confidence", Json(claim.confidence));
  json.Set("p", Json(claim.p));
  json.Set("p_adjusted", Json(claim.p_adjusted));
  json.Set("mann_whitney_p", Json(claim.cross_check));
  json.Set("noise_percent", Json(100 * claim.noise));
  json.Set("visible_percent", Json(PercentOfGain(claim.visible)));
  json.Set("undecidable", Json(claim.undecidable));
  json.Set("blocks_needed", Json(claim.blocks_needed));
  json.Set("verdict", Json(VerdictName(claim.verdict)));
  return json;
}

Json CountersJson(const ReportInput& input) {
  Json lanes = Json::Object();
  for (const LaneSpec& lane : input.record.plan.lanes) {
    Json arms = Json::Object();
    for (const Arm& arm : input.record.plan.arms) {
      const std::vector<const Run*> runs = input.samples.Runs(kStageCount, lane.name, arm.name);
      if (runs.empty()) continue;
      Json counters = Json::Object();
      for (const auto& [name, value] : runs.front()->counters) {
        counters.Set(name, Json(input.samples.Counter(lane.name, arm.name, name).value_or(value)));
      }
      arms.Set(arm.name, std::move(counters));
    }
    lanes.Set(lane.name, std::move(arms));
  }
  return lanes;
}

std::string Xml(const std::string& text) {
  std::string clean =
      absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
  for (char& c : clean) {
    if (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') c = '?';
  }
  return clean;
}

struct TestCase {
  std::string name;
  std::string failure;  // empty: passed
  std::string skipped;
};

std::vector<TestCase> TestCases(const ReportInput& input) {
  std::vector<TestCase> cases;
  const Plan& plan = input.record.plan;
  for (const auto* stage : {&input.judgement.screen, &input.judgement.replay}) {
    if (plan.protocol != Protocol::kWorkOrder) break;
    for (const GateResult& result : *stage) {
      cases.push_back(
          {absl::StrCat("medians.", result.stage, ".", result.gate.lane, ".", result.arm),
           result.pass ? ""
                       : absl::StrFormat("%+.2f%%, asked %s", result.percent,
                                         LimitText(result.limit, false)),
           ""});
    }
  }
  for (const Claim& claim : input.judgement.claims) {
    const std::string words = ClaimInWords(claim);
    cases.push_back({absl::StrCat("sound.", claim.lane, ".", claim.metric, ".", claim.arm),
                     claim.verdict == Verdict::kFail ? words : "",
                     claim.verdict == Verdict::kInconclusive ? words : ""});
  }
  for (const CheckResult& result : input.judgement.checks) {
    cases.push_back(
        {absl::StrCat("check.", CheckKindName(result.check.kind), ".", result.check.expression),
         result.known && result.holds ? "" : result.text, ""});
  }
  for (const std::string& reason : input.judgement.invalid) cases.push_back({"valid", reason, ""});
  return cases;
}

absl::Status WriteFile(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) return absl::InternalError(absl::StrCat("cannot write ", path));
  return absl::OkStatus();
}

}  // namespace

Json SummaryJson(const ReportInput& input) {
  const Plan& plan = input.record.plan;
  const Judgement& judgement = input.judgement;
  const Headline headline = DecisionInWords(plan, judgement);
  Json json = Json::Object();
  json.Set("name", Json(plan.name));
  json.Set("verdict", Json(headline.verdict));
  json.Set("exit_status", Json(judgement.exit_status));
  json.Set("work_order_verdict", Json(judgement.work_order_verdict));
  json.Set("decided_by", Json(judgement.decided_by));
  json.Set("sound_verdict", Json(VerdictName(judgement.sound)));
  json.Set("complete", Json(judgement.complete));
  json.Set("sentences", Strings(headline.sentences));
  json.Set("invalid", Strings(judgement.invalid));
  json.Set("warnings", Strings(judgement.warnings));
  json.Set("seed", Json(plan.seed));
  json.Set("command", Json(plan.command_line));
  json.Set("library_sha256", Json(plan.library_sha256));
  Json arms = Json::Object();
  for (const Arm& arm : plan.arms) {
    Json one = Json::Object();
    one.Set("fingerprint", Json(arm.fingerprint));
    one.Set("settings", Strings(arm.environment));
    one.Set("implied", Strings(arm.implied));
    arms.Set(arm.name, std::move(one));
  }
  json.Set("arms", std::move(arms));
  Json gates = Json::Array();
  for (const auto* stage : {&judgement.screen, &judgement.replay}) {
    for (const GateResult& result : *stage) gates.Add(GateJson(result));
  }
  json.Set("gates", std::move(gates));
  Json claims = Json::Array();
  for (const Claim& claim : judgement.claims) claims.Add(ClaimJson(claim));
  json.Set("claims", std::move(claims));
  Json checks = Json::Array();
  for (const CheckResult& result : judgement.checks) {
    Json check = Json::Object();
    check.Set("kind", Json(CheckKindName(result.check.kind)));
    check.Set("expected", Json(result.check.expression));
    check.Set("seen", Json(result.text));
    check.Set("holds", result.known ? Json(result.holds) : Json());
    checks.Add(std::move(check));
  }
  json.Set("checks", std::move(checks));
  json.Set("counters", CountersJson(input));
  return json;
}

std::string JUnitXml(const ReportInput& input) {
  const std::vector<TestCase> cases = TestCases(input);
  int failures = 0;
  int skipped = 0;
  std::string body;
  for (const TestCase& one : cases) {
    absl::StrAppend(&body, "  <testcase classname=\"", Xml(input.record.plan.name), "\" name=\"",
                    Xml(one.name), "\">");
    if (!one.failure.empty()) {
      ++failures;
      absl::StrAppend(&body, "<failure message=\"", Xml(one.failure), "\"/>");
    } else if (!one.skipped.empty()) {
      ++skipped;
      absl::StrAppend(&body, "<skipped message=\"", Xml(one.skipped), "\"/>");
    }
    absl::StrAppend(&body, "</testcase>\n");
  }
  return absl::StrCat("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"ab.",
                      Xml(input.record.plan.name), "\" tests=\"", cases.size(), "\" failures=\"",
                      failures, "\" skipped=\"", skipped, "\">\n", body, "</testsuite>\n");
}

Json GoogleBenchmarkJson(const ReportInput& input, const std::string& arm) {
  const Plan& plan = input.record.plan;
  Json context = Json::Object();
  context.Set("executable", Json(plan.library));
  context.Set("fingerprint", Json(plan.FindArm(arm)->fingerprint));
  if (!input.record.environments.empty()) {
    const Json& machine = input.record.environments.front()["machine"];
    context.Set("num_cpus", machine["processors"]);
    context.Set("cpu_model", machine["processor"]);
  }
  context.Set("library_build_type", Json("release"));
  Json benchmarks = Json::Array();
  for (const LaneSpec& lane : plan.lanes) {
    const Metric& metric = lane.metrics.front();
    const std::vector<const Run*> runs = input.samples.Runs(input.judgement.stage, lane.name, arm);
    int index = 0;
    for (const Run* run : runs) {
      const auto value = run->values.find(metric.name);
      if (value == run->values.end()) continue;
      // compare.py compares times, so a rate becomes the time of one unit of it.
      const double nanoseconds =
          1e9 * (metric.higher_is_better ? 1 / value->second : value->second);
      Json one = Json::Object();
      one.Set("name", Json(lane.name));
      one.Set("run_name", Json(lane.name));
      one.Set("run_type", Json("iteration"));
      one.Set("repetitions", Json(static_cast<int>(runs.size())));
      one.Set("repetition_index", Json(index++));
      one.Set("threads", Json(1));
      one.Set("iterations", Json(1));
      one.Set("real_time", Json(nanoseconds));
      one.Set("cpu_time", Json(nanoseconds));
      one.Set("time_unit", Json("ns"));
      for (const auto& [name, number] : run->values) one.Set(name, Json(number));
      benchmarks.Add(std::move(one));
    }
  }
  Json json = Json::Object();
  json.Set("context", std::move(context));
  json.Set("benchmarks", std::move(benchmarks));
  return json;
}

std::string BenchstatText(const ReportInput& input, const std::string& arm) {
  const Plan& plan = input.record.plan;
  std::string text =
      absl::StrCat("goos: linux\nfingerprint: ", plan.FindArm(arm)->fingerprint, "\n");
  for (const LaneSpec& lane : plan.lanes) {
    const Metric& metric = lane.metrics.front();
    for (const Run* run : input.samples.Runs(input.judgement.stage, lane.name, arm)) {
      const auto value = run->values.find(metric.name);
      if (value == run->values.end()) continue;
      absl::StrAppend(&text, "BenchmarkLane/", lane.name, " 1 ",
                      1e9 * (metric.higher_is_better ? 1 / value->second : value->second),
                      " ns/op");
      for (const auto& [name, number] : run->values) absl::StrAppend(&text, " ", number, " ", name);
      absl::StrAppend(&text, "\n");
    }
  }
  return text;
}

Json HyperfineJson(const ReportInput& input) {
  const Plan& plan = input.record.plan;
  Json results = Json::Array();
  for (const LaneSpec& lane : plan.lanes) {
    for (const Arm& arm : plan.arms) {
      std::vector<double> seconds;
      for (const Run* run : input.samples.Runs(input.judgement.stage, lane.name, arm.name)) {
        seconds.push_back(run->wall_seconds);
      }
      if (seconds.empty()) continue;
      Json times = Json::Array();
      for (double second : seconds) times.Add(Json(second));
      Json one = Json::Object();
      one.Set("command", Json(absl::StrCat(lane.name, " ", arm.name)));
      one.Set("mean", Json(Mean(seconds)));
      one.Set("median", Json(Median(seconds)));
      one.Set("min", Json(*std::min_element(seconds.begin(), seconds.end())));
      one.Set("max", Json(*std::max_element(seconds.begin(), seconds.end())));
      one.Set("times", std::move(times));
      results.Add(std::move(one));
    }
  }
  Json json = Json::Object();
  json.Set("results", std::move(results));
  return json;
}

absl::Status WriteReports(const std::string& folder, const ReportInput& input) {
  std::vector<std::pair<std::string, std::string>> files = {
      {"raw.tsv", RawTsv(input)},
      {"summary.tsv", SummaryTsv(input)},
      {"summary.json", SummaryJson(input).DumpIndented()},
      {"REPORT.md", MarkdownReport(input)},
      {"report.html", HtmlReport(input)},
      {"junit.xml", JUnitXml(input)},
      {"hyperfine.json", HyperfineJson(input).DumpIndented()},
  };
  for (const Arm& arm : input.record.plan.arms) {
    files.emplace_back(absl::StrCat("benchmark-", arm.name, ".json"),
                       GoogleBenchmarkJson(input, arm.name).DumpIndented());
    files.emplace_back(absl::StrCat("benchstat-", arm.name, ".txt"),
                       BenchstatText(input, arm.name));
  }
  for (const auto& [name, text] : files) {
    if (absl::Status written = WriteFile(absl::StrCat(folder, "/", name), text); !written.ok()) {
      return written;
    }
  }
  return absl::OkStatus();
}

}  // namespace hz4::ab
