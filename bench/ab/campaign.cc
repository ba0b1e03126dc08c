// SPDX-License-Identifier: Apache-2.0
//
// The loop. Every decision is in judgement.h.

#include "bench/ab/campaign.h"

#include "bench/ab/judgement.h"

namespace hz4::ab {

absl::Status RunCampaign(Measurer* measurer, RecordWriter* writer, Progress* progress,
                         const volatile std::sig_atomic_t* cancel, Record* record) {
  const Plan& plan = record->plan;
  const int session = record->sessions;
  ++record->sessions;
  while (*cancel == 0) {
    const Step step = NextStep(plan, record->runs);
    if (step.stage.empty()) break;
    for (const Slot& slot : BlockSchedule(plan, step.stage, step.block, step.lanes)) {
      Run run = measurer->Measure(plan, slot);
      run.session = session;
      run.order = static_cast<int>(record->runs.size());
      if (absl::Status written = writer->Append(RunToJson(run)); !written.ok()) return written;
      const bool good = run.status == RunStatus::kOk;
      record->runs.push_back(std::move(run));
      progress->AfterRun(step, record->runs);
      if (*cancel != 0) return absl::OkStatus();
      if (!good && !plan.keep_going) break;
    }
    progress->AfterBlock(step, record->runs);
  }
  return absl::OkStatus();
}

}  // namespace hz4::ab
