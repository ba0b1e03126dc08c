// SPDX-License-Identifier: Apache-2.0
//
// The reports of invented campaigns: complete, well formed, and looked at by a browser where there
// is one.

#include "bench/ab/report.h"

#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "bench/ab/sections.h"
#include "bench/process.h"
#include "gtest/gtest.h"
#include "tests/bench/ab/invented.h"

namespace hz4::ab {
namespace {

Record InventedRecord(double effect) {
  Record record;
  record.plan = InventedPlan(Protocol::kWorkOrder);
  record.plan.gates = {MakeGate("guard_r0", -1, -1, Role::kGuard),
                       MakeGate("main_r0", 3, 6, Role::kPrimary),
                       MakeGate("cross128_r90", 0, 0, Role::kGuard)};
  record.plan.checks = {{CheckKind::kMoves, "variant@main_r0.refills > 0"}};
  record.plan.readings = {"a <reading> & its \"reasons\""};
  World world;
  world.effect_percent = effect;
  world.noise = 0.01;
  world.base_counters = {{"refills", 0}, {"locks", 100}, {"same", 7}};
  world.variant_counters = {{"refills", 5}, {"locks", 80}, {"same", 7}};
  record.runs = InventedCampaign(record.plan, world, 3);
  Json environment = Json::Object();
  Json machine = Json::Object();
  machine.Set("processor", Json("an <invented> processor"));
  environment.Set("machine", std::move(machine));
  record.environments.push_back(std::move(environment));
  return record;
}

// A report's inputs, with the lifetimes they need.
struct Made {
  explicit Made(Record made)
      : record(std::move(made)),
        judgement(Judge(record.plan, record.runs, Intervals::kAll)),
        samples(record.plan, record.runs) {}
  ReportInput input() const { return {record, judgement, samples}; }

  Record record;
  Judgement judgement;
  Samples samples;
};

std::vector<std::vector<std::string>> Cells(const std::string& tsv) {
  std::vector<std::vector<std::string>> rows;
  for (const std::string& line :
       std::vector<std::string>(absl::StrSplit(tsv, '\n', absl::SkipEmpty()))) {
    rows.push_back(absl::StrSplit(line, '\t'));
  }
  return rows;
}

TEST(Report, RawHasOneLinePerRunAndSaysUnavailable) {
  const Made made(InventedRecord(10));
  const auto rows = Cells(RawTsv(made.input()));
  ASSERT_EQ(rows.size(), made.record.runs.size() + 1);
  for (const auto& row : rows) EXPECT_EQ(row.size(), rows[0].size());
  std::size_t instructions = 0;
  while (instructions < rows[0].size() && rows[0][instructions] != "instructions_per_op")
    ++instructions;
  ASSERT_LT(instructions, rows[0].size());
  EXPECT_EQ(rows[1][instructions], "unavailable") << "never zero";
}

TEST(Report, SummaryHasEveryGateOfBothStages) {
  const Made made(InventedRecord(10));
  const auto rows = Cells(SummaryTsv(made.input()));
  ASSERT_EQ(rows.size(), 1u + 3 + 3);
  for (const auto& row : rows) EXPECT_EQ(row.size(), rows[0].size());
  EXPECT_EQ(rows[1][0], "screen");
  EXPECT_EQ(rows[4][0], "replay");
  EXPECT_EQ(rows[5][1], "main_r0");
  EXPECT_EQ(rows[5][10], "PASS");
  EXPECT_EQ(rows[5][19], "PASS");
}

TEST(Report, MarkdownHasWhatAReaderLooksFor) {
  const Made made(InventedRecord(10));
  const std::string report = MarkdownReport(made.input());
  for (const char* wanted :
       {"# GO:", "Repeat it: `ab --invented`", "Gates by medians: screen",
        "Gates by medians: replay", "| `refills` | 0 | 5 |", "Sound verdict", "Control arm",
        "HZ4_FRONT", "aaaaaaaaaaaaaaaa", "unavailable", "Rule of decision", "0123456789abcdef"}) {
    EXPECT_NE(report.find(wanted), std::string::npos) << wanted;
  }
  EXPECT_EQ(report.find("| `same` |"), std::string::npos)
      << "a counter that did not move says nothing";
}

TEST(Report, SummaryJsonAgreesWithTheVerdict) {
  const Made made(InventedRecord(1));
  const absl::StatusOr<Json> json = Json::Parse(SummaryJson(made.input()).DumpIndented());
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ((*json)["verdict"].AsString(), "NO-GO");
  EXPECT_EQ((*json)["exit_status"].AsNumber(), 1);
  EXPECT_EQ((*json)["gates"].items().size(), 3u);
  EXPECT_EQ((*json)["counters"]["main_r0"]["variant"]["same"].AsNumber(), 7)
      << "all counters stand here";
}

TEST(Report, JUnitIsWellFormedAndCountsItsCases) {
  const Made made(InventedRecord(1));
  const std::string xml = JUnitXml(made.input());
  EXPECT_NE(xml.find("failures=\""), std::string::npos);
  EXPECT_EQ(xml.find("failures=\"0\""), std::string::npos);
  // Attributes hold expressions with > and <: they must be escaped.
  EXPECT_NE(xml.find("refills &gt; 0"), std::string::npos);
}

TEST(Report, GoogleBenchmarkJsonIsWhatCompareReads) {
  const Made made(InventedRecord(10));
  const absl::StatusOr<Json> json =
      Json::Parse(GoogleBenchmarkJson(made.input(), "variant").Dump());
  ASSERT_TRUE(json.ok());
  const std::vector<Json>& benchmarks = (*json)["benchmarks"].items();
  ASSERT_EQ(benchmarks.size(), 4u * 21);
  for (const char* key : {"name", "run_type", "real_time", "cpu_time", "time_unit", "iterations"}) {
    EXPECT_FALSE(benchmarks[0][key].IsNull()) << key;
  }
  // 50 M ops/s and 10% more: about 18 ns.
  EXPECT_NEAR(benchmarks[0]["real_time"].AsNumber(), 18, 8);
}

TEST(Report, HtmlIsOneFileWithoutNetworkOrScript) {
  const Made made(InventedRecord(10));
  const std::string html = HtmlReport(made.input());
  EXPECT_EQ(html.find("http"), std::string::npos);
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_EQ(html.find("@import"), std::string::npos);
  EXPECT_NE(html.find("prefers-color-scheme: dark"), std::string::npos);
  EXPECT_NE(html.find("@media print"), std::string::npos);
  EXPECT_NE(html.find("a &lt;reading&gt; &amp; its"), std::string::npos) << "text is escaped";
  EXPECT_EQ(html.find("<invented>"), std::string::npos);
  EXPECT_EQ(html.find("nan"), std::string::npos);
  EXPECT_EQ(html.find("inf"), std::string::npos);
}

TEST(Report, ACampaignThatMeasuredNothingStillHasReports) {
  Record record = InventedRecord(10);
  record.runs.clear();
  const Made made(std::move(record));
  EXPECT_NE(MarkdownReport(made.input()).find("# INCONCLUSIVE"), std::string::npos);
  EXPECT_NE(HtmlReport(made.input()).find("Nothing was measured"), std::string::npos);
  EXPECT_EQ(SummaryTsv(made.input()).find("main_r0"), std::string::npos);
}

// --- in a browser

std::string Browser() {
  for (const char* name : {"chromium", "chromium-browser", "google-chrome"}) {
    const std::string path = FindExecutable(name);
    if (!path.empty()) return path;
  }
  return "";
}

// The page's own report on itself after loading: script errors, overflow, and what it contains.
constexpr char kProbe[] = R"js(<script>
window.addEventListener('load', () => {
  const root = document.documentElement;
  const wide = [...document.querySelectorAll('body *')].filter(e =>
    !e.closest('.wide') && e.getBoundingClientRect().right > root.clientWidth + 1);
  const bad = [...document.querySelectorAll('svg *')].filter(e =>
    [...e.attributes].some(a => /NaN|undefined|inf/.test(a.value)));
  document.title = 'probe width=' + root.clientWidth + ' overflow=' +
    Math.max(0, root.scrollWidth - root.clientWidth) + ' wide=' + wide.length +
    ' svgs=' + document.querySelectorAll('svg').length + ' bad=' + bad.length +
    ' tables=' + document.querySelectorAll('table').length + ' end';
});
</script></body>)js";

class InBrowser : public ::testing::TestWithParam<int> {};

TEST_P(InBrowser, LoadsWithoutErrorsAndFitsTheWidth) {
  const std::string browser = Browser();
  if (browser.empty()) GTEST_SKIP() << "no Chromium here";
  std::string folder = ::testing::TempDir() + "/browser-XXXXXX";
  ASSERT_NE(mkdtemp(&folder[0]), nullptr);
  const Made made(InventedRecord(4));
  std::string html = HtmlReport(made.input());
  const std::size_t end = html.find("</body>");
  ASSERT_NE(end, std::string::npos);
  html.replace(end, 7, kProbe);
  std::ofstream(folder + "/report.html") << html;

  // A window cannot be as narrow as a phone, a frame inside it can.
  std::ofstream(folder + "/frame.html")
      << "<!doctype html><body style='margin:0'><iframe id=f src=report.html "
         "style='border:0;height:900px;width:"
      << GetParam() << "px'></iframe><script>f.onload = () => setTimeout(() => {"
      << "document.title = f.contentDocument.title; }, 200);</script>";
  ProcessSpec spec;
  spec.argv = {browser,
               "--headless=new",
               "--no-sandbox",
               "--disable-gpu",
               "--disable-dev-shm-usage",
               "--hide-scrollbars",
               "--allow-file-access-from-files",
               "--enable-logging=stderr",
               "--log-level=0",
               "--user-data-dir=" + folder + "/profile",
               "--virtual-time-budget=5000",
               "--window-size=1400,1000",
               "--dump-dom",
               "file://" + folder + "/frame.html"};
  spec.env = BaseEnvironment();
  spec.env.push_back("HOME=" + folder);
  spec.timeout_seconds = 60;
  spec.describe_hang = false;
  const ProcessResult result = RunProcess(spec);
  ASSERT_TRUE(result.Succeeded()) << DescribeOutcome(spec, result) << result.err;
  const std::size_t probe = result.out.find("probe width=");
  ASSERT_NE(probe, std::string::npos) << "the page did not load: " << result.out.substr(0, 500);
  const std::string seen = result.out.substr(probe, result.out.find(" end", probe) - probe);
  EXPECT_NE(seen.find(absl::StrCat("width=", GetParam())), std::string::npos) << seen;
  EXPECT_NE(seen.find("overflow=0 wide=0"), std::string::npos) << seen;
  EXPECT_NE(seen.find("bad=0"), std::string::npos) << seen;
  EXPECT_EQ(seen.find("svgs=0"), std::string::npos) << seen;
  EXPECT_EQ(seen.find("tables=0"), std::string::npos) << seen;
  for (const char* error : {"CONSOLE", "Uncaught", "SyntaxError"}) {
    EXPECT_EQ(result.err.find(error), std::string::npos) << result.err;
  }
  ProcessSpec remove;
  remove.argv = {"rm", "-rf", folder};
  remove.env = BaseEnvironment();
  RunProcess(remove);
}

INSTANTIATE_TEST_SUITE_P(Widths, InBrowser, ::testing::Values(390, 1280),
                         [](const auto& info) { return info.param == 390 ? "Phone" : "Desktop"; });

}  // namespace
}  // namespace hz4::ab
