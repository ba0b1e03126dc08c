# SPDX-License-Identifier: Apache-2.0
# needs: xz
# There and back with two threads.
set -e
seq 1 400000 > data
xz -T2 -2 --block-size=512KiB -k data
sha256sum data.xz
xz -T2 -dc data.xz | sha256sum
xz -t data.xz
