#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# redis.sh TEST: starts a redis-server on the library in AB_LIBRARY, loads it with redis-benchmark TEST
# over a socket of its own, prints the figures, stops the server and says how it ended.
set -u
folder=$(mktemp -d) || exit 1
trap 'kill "$server" 2>/dev/null; rm -rf "$folder"' EXIT
server=
LD_PRELOAD=$AB_LIBRARY redis-server --port 0 --unixsocket "$folder/socket" --save '' \
  --appendonly no --dir "$folder" --daemonize no >"$folder/log" 2>&1 &
server=$!
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  [ -S "$folder/socket" ] && redis-cli -s "$folder/socket" ping >/dev/null 2>&1 && break
  sleep 0.1
done
redis-benchmark -s "$folder/socket" -t "$1" -n 100000 -r 100000 -d 512 -c 20 -P 8 --csv || exit 1
awk '/^VmHWM/ {printf "server_peak_rss_mib=%.1f\n", $2 / 1024}' "/proc/$server/status"
redis-cli -s "$folder/socket" shutdown nosave >/dev/null 2>&1
wait "$server"
echo "server_exit=$?"
server=
