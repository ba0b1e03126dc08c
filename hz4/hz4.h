/* SPDX-License-Identifier: Apache-2.0
 *
 * The C interface of hz4 beside malloc. Every function may be called at any time from any thread.
 */
#ifndef HZ4_HZ4_H_
#define HZ4_HZ4_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "MAJOR.MINOR.PATCH"; a string that lives as long as the process. */
const char* hz4_version(void);

/* The functions below write at most `size` bytes, the final NUL included, to `buffer` and return
 * the length of the whole text without the NUL, as snprintf does; buffer may be NULL when size
 * is 0. */

/* Counters (zero unless HZ4_STATS or HZ4_MID_STATS_B1 is on) and gauges. */
size_t hz4_stats_text(char* buffer, size_t size);
size_t hz4_stats_json(char* buffer, size_t size);
/* The effective configuration: every knob with its origin, the seams, the fingerprint. */
size_t hz4_config_text(char* buffer, size_t size);
size_t hz4_config_json(char* buffer, size_t size);

/* Identifies the effective policy; equal for processes whose policy knobs have the same effect. */
uint64_t hz4_fingerprint(void);

/* Gives what is cached and free back to the kernel; returns the bytes released. */
size_t hz4_release_memory(void);

#ifdef __cplusplus
}
#endif

#endif /* HZ4_HZ4_H_ */
