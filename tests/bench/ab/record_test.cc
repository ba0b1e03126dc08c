// SPDX-License-Identifier: Apache-2.0
//
// The record on disk: what is written comes back, a torn end is left out and said, a folder has one
// writer, and the verdict follows from the file alone.

#include "bench/ab/record.h"

#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "bench/ab/sections.h"
#include "gtest/gtest.h"
#include "tests/bench/ab/invented.h"

namespace hz4::ab {
namespace {

class RecordTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = ::testing::TempDir() + "/record-XXXXXX";
    ASSERT_NE(mkdtemp(&name[0]), nullptr);
    folder_ = name;
    path_ = folder_ + "/raw.jsonl";
    plan_ = InventedPlan(Protocol::kSound);
    plan_.gates = {MakeGate("main_r0", 0, 0, Role::kPrimary)};
    World world;
    world.effect_percent = 8;
    runs_ = InventedCampaign(plan_, world, 5);
  }
  void TearDown() override {
    unlink(path_.c_str());
    rmdir(folder_.c_str());
  }

  void WriteAll() {
    RecordWriter writer;
    ASSERT_TRUE(writer.Open(folder_, 0).ok());
    ASSERT_TRUE(writer.Append(PlanToJson(plan_)).ok());
    for (const ab::Run& run : runs_) ASSERT_TRUE(writer.Append(RunToJson(run)).ok());
  }
  void AppendText(const std::string& text) { std::ofstream(path_, std::ios::app) << text; }

  std::string folder_;
  std::string path_;
  Plan plan_;
  std::vector<ab::Run> runs_;
};

TEST_F(RecordTest, TheVerdictFollowsFromTheFileAlone) {
  WriteAll();
  const absl::StatusOr<LoadedRecord> loaded = LoadRecord(path_);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_TRUE(loaded->dropped.empty());
  ASSERT_EQ(loaded->record.runs.size(), runs_.size());
  const Judgement before = Judge(plan_, runs_, Intervals::kAll);
  const Judgement after = Judge(loaded->record.plan, loaded->record.runs, Intervals::kAll);
  EXPECT_EQ(after.exit_status, before.exit_status);
  ASSERT_EQ(after.claims.size(), before.claims.size());
  EXPECT_EQ(after.claims[0].estimate, before.claims[0].estimate);
  EXPECT_EQ(after.claims[0].interval.low, before.claims[0].interval.low);
  EXPECT_EQ(RunToJson(loaded->record.runs[7]).Dump(), RunToJson(runs_[7]).Dump());
}

TEST_F(RecordTest, ATornLastLineIsDroppedAndSaid) {
  WriteAll();
  const std::size_t whole = ReadWholeFile(path_)->size();
  for (const char* torn : {"{\"record\":\"run\",\"stage\":\"rep", "garbage\n"}) {
    AppendText(torn);
    const absl::StatusOr<LoadedRecord> loaded = LoadRecord(path_);
    ASSERT_TRUE(loaded.ok()) << loaded.status();
    EXPECT_EQ(loaded->record.runs.size(), runs_.size()) << "everything before it survives";
    EXPECT_NE(loaded->dropped.find("torn"), std::string::npos);
    EXPECT_EQ(loaded->usable_bytes, whole);
    // --resume cuts it off and goes on behind the last whole line.
    RecordWriter writer;
    ASSERT_TRUE(writer.Open(folder_, loaded->usable_bytes).ok());
    EXPECT_EQ(ReadWholeFile(path_)->size(), whole);
  }
}

TEST_F(RecordTest, ABrokenLineInTheMiddleIsAnErrorWithItsNumber) {
  WriteAll();
  AppendText("garbage\n");
  AppendText(RunToJson(runs_[0]).Dump() + "\n");
  const std::string line = std::to_string(runs_.size() + 2);
  const absl::StatusOr<LoadedRecord> loaded = LoadRecord(path_);
  ASSERT_FALSE(loaded.ok());
  EXPECT_NE(loaded.status().message().find("raw.jsonl:" + line + ":"), std::string::npos)
      << loaded.status();
}

TEST_F(RecordTest, WithoutAPlanThereIsNoRecord) {
  AppendText(RunToJson(runs_[0]).Dump() + "\n");
  EXPECT_FALSE(LoadRecord(path_).ok());
  EXPECT_FALSE(LoadRecord(folder_ + "/nothing").ok());
}

TEST_F(RecordTest, OneWriterPerFolder) {
  RecordWriter first;
  ASSERT_TRUE(first.Open(folder_, 0).ok());
  RecordWriter second;
  EXPECT_EQ(second.Open(folder_, 0).code(), absl::StatusCode::kUnavailable);
}

TEST_F(RecordTest, AFullDiskIsAnErrorAndLosesNothingBefore) {
  if (access("/dev/full", W_OK) != 0) GTEST_SKIP() << "no /dev/full here";
  ASSERT_EQ(symlink("/dev/full", path_.c_str()), 0);
  RecordWriter writer;
  const absl::Status opened = writer.Open(folder_, 0);
  const absl::Status written = opened.ok() ? writer.Append(PlanToJson(plan_)) : opened;
  EXPECT_FALSE(written.ok());
  EXPECT_NE(written.message().find("raw.jsonl"), std::string::npos) << written;
}

TEST(RunJson, EveryStatusComesBack) {
  for (RunStatus status : {RunStatus::kOk, RunStatus::kNotStarted, RunStatus::kCrashed,
                           RunStatus::kFailed, RunStatus::kHung, RunStatus::kWrongOutput,
                           RunStatus::kNoMetric, RunStatus::kNotProven, RunStatus::kCancelled}) {
    ab::Run run;
    run.status = status;
    const absl::StatusOr<ab::Run> again = RunFromJson(RunToJson(run));
    ASSERT_TRUE(again.ok()) << RunStatusName(status);
    EXPECT_EQ(again->status, status);
  }
  EXPECT_FALSE(RunFromJson(*Json::Parse("{\"status\":\"splendid\"}")).ok());
}

}  // namespace
}  // namespace hz4::ab
