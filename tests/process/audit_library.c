/* SPDX-License-Identifier: Apache-2.0
 *
 * The smallest LD_AUDIT library: it makes the loader allocate in a second namespace.
 */
#define _GNU_SOURCE
#include <link.h>
#include <stdlib.h>

unsigned la_version(unsigned version) {
  free(malloc(1000));
  return version;
}
