// SPDX-License-Identifier: Apache-2.0
//
// SHA-256 (FIPS 180-4), for the identity of the library that a record was made with.

#ifndef HZ4_BENCH_AB_SHA256_H_
#define HZ4_BENCH_AB_SHA256_H_

#include <string>

namespace hz4::ab {

// 64 hex digits.
std::string Sha256(const std::string& bytes);

}  // namespace hz4::ab

#endif  // HZ4_BENCH_AB_SHA256_H_
