# SPDX-License-Identifier: Apache-2.0
# needs: redis-server redis-benchmark redis-cli
# A server on a free loopback port ($PORT), loaded, asked, saved and stopped.
set -e
redis-server --port "$PORT" --bind 127.0.0.1 --dir "$PWD" --dbfilename dump.rdb --appendonly no --save "" --enable-debug-command local > server.log 2>&1 &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
ask() { redis-cli -p "$PORT" "$@"; }
tries=0
until ask ping 2>/dev/null | grep -q PONG; do
  tries=$((tries + 1))
  [ $tries -lt 200 ] || { echo "the server does not answer"; cat server.log; exit 1; }
  kill -0 $server || { echo "the server ended"; cat server.log; exit 1; }
  sleep 0.1
done
redis-benchmark -p "$PORT" -q -n 8000 -c 20 -r 5000 -d 200 -t set,get,incr,lpush,lpop,sadd,hset,zadd,mset > benchmark.log
grep -c "requests per second" benchmark.log
ask flushall
i=0
while [ $i -lt 300 ]; do
  echo "SET key:$i value-$i-$((i * i))"
  echo "RPUSH list $i"
  echo "APPEND long xxxxxxxxxx$i"
  echo "HSET hash f$i $((i * 3))"
  i=$((i + 1))
done | ask > replies.log
sort replies.log | uniq -c | sort -rn | head -n 3
ask eval 'local s = 0 for i = 1, 100000 do s = s + i % 7 end return s' 0
ask lrange list 0 -1 | sha256sum
ask strlen long
ask debug digest
ask memory purge
ask bgsave | grep -c started
sleep 0.3
ask shutdown nosave || true
wait $server
grep -c "bug report" server.log || true
