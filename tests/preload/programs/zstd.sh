# SPDX-License-Identifier: Apache-2.0
# needs: zstd
# There and back with two threads, and a dictionary.
set -e
seq 1 600000 > data
zstd -q -T2 -B256K -7 -k data -o data.zst
zstd -q -dc data.zst | sha256sum
mkdir samples
i=0
while [ $i -lt 200 ]; do
  seq $i $((i + 200)) > samples/$i
  i=$((i + 1))
done
zstd -q --train samples/* -o dictionary --maxdict=4096
zstd -q -D dictionary samples/7 -o one.zst
zstd -q -dc -D dictionary one.zst | sha256sum
