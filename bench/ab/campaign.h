// SPDX-License-Identifier: Apache-2.0
//
// Carries a plan out: asks what comes next, runs it, puts it on the record, until nothing is left
// or the user has had enough.

#ifndef HZ4_BENCH_AB_CAMPAIGN_H_
#define HZ4_BENCH_AB_CAMPAIGN_H_

#include <csignal>

#include "absl/status/status.h"
#include "bench/ab/measure.h"
#include "bench/ab/progress.h"
#include "bench/ab/record.h"

namespace hz4::ab {

// Appends to record->runs and to the writer. OK also when `cancel` ended it early; an error means
// that the record could not be written.
absl::Status RunCampaign(Measurer* measurer, RecordWriter* writer, Progress* progress,
                         const volatile std::sig_atomic_t* cancel, Record* record);

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_CAMPAIGN_H_
