// SPDX-License-Identifier: Apache-2.0
//
// The documents that are generated from the registry, as Markdown.
#ifndef HZ4_TOOLS_KNOBS_DOC_H_
#define HZ4_TOOLS_KNOBS_DOC_H_

#include <string>

namespace hz4 {

std::string KnobsDocument();  // docs/KNOBS.md
std::string StatsDocument();  // docs/STATS.md

}  // namespace hz4

#endif  // HZ4_TOOLS_KNOBS_DOC_H_
