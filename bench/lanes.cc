// SPDX-License-Identifier: Apache-2.0
//
// Look-ups in the lane table; the table itself stands in the header.

#include "bench/lanes.h"

#include <cstring>

namespace hz4 {

const Lane* FindLane(const char* name) {
  for (const Lane& lane : kLanes) {
    if (std::strcmp(lane.name, name) == 0) return &lane;
  }
  return nullptr;
}

std::string LaneNames() {
  std::string names;
  for (const Lane& lane : kLanes) {
    if (!names.empty()) names += ", ";
    names += lane.name;
  }
  return names;
}

std::string LaneArguments(const Lane& lane) {
  std::string arguments;
  for (long value :
       {static_cast<long>(lane.threads), lane.iters, static_cast<long>(lane.ws), lane.min, lane.max,
        static_cast<long>(lane.remote_pct), static_cast<long>(lane.ring_slots)}) {
    if (!arguments.empty()) arguments += " ";
    arguments += std::to_string(value);
  }
  return arguments;
}

}  // namespace hz4
