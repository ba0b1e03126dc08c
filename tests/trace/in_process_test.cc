// SPDX-License-Identifier: Apache-2.0
//
// That the traces drive hz4: under valgrind and ASan it steps aside by itself, and a trace of
// libc's malloc proves nothing.

#include <gtest/gtest.h>

#include <string>

#include "hz4/hz4.h"
#include "hz4/internal_api.h"

namespace hz4 {
namespace test {
namespace {

TEST(InProcess, Hz4IsInCharge) {
  hz4_free(hz4_malloc(1));
  std::string configuration(hz4_config_json(nullptr, 0) + 1, '\0');
  configuration.resize(hz4_config_json(configuration.data(), configuration.size()));
  EXPECT_NE(configuration.find("\"malloc\":\""), std::string::npos) << configuration;
  EXPECT_EQ(configuration.find("\"malloc\":\"libc\""), std::string::npos) << "set HZ4_DISABLE=0";
}

}  // namespace
}  // namespace test
}  // namespace hz4
