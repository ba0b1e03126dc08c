#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A real program does with hz4 what it does without: preload_test.py PROGRAM LIBRARY [NAME=VALUE ...].

Each workload runs in a fresh folder, once as it is and once with LIBRARY preloaded and the policy of
NAME=VALUE; exit status and output must be equal, and the library's own report must prove that it was
there. Where a program is missing the test says that it was skipped.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

TIMEOUT = 100  # seconds for one run; a bound against hangs, not a measure

PYTHON = r"""
import hashlib, json, multiprocessing, re, threading
def work(n):
    table = {str(i): [i, str(i) * (i % 50), {"k": i * 1.5}] for i in range(n)}
    text = json.dumps(table, sort_keys=True)
    return hashlib.sha256((text + re.sub("[0-4]", "x", text)).encode()).hexdigest()
results = [None] * 6
def run(i): results[i] = work(2000 + i)
threads = [threading.Thread(target=run, args=(i,)) for i in range(6)]
[t.start() for t in threads]; [t.join() for t in threads]
with multiprocessing.get_context("fork").Pool(2) as pool:
    results += pool.map(work, [1500, 1600, 1700, 1800])
print("\n".join(results))
"""
PERL = r"""
my %h; for my $i (1..60000) { $h{"key$i"} = [$i, "v" x ($i % 97)]; delete $h{"key" . ($i - 500)} if $i % 3 == 0; }
my $s = join ",", map { "$_=" . $h{$_}[0] . length($h{$_}[1]) } sort keys %h;
$s =~ s/key(\d)/K$1/g; my $sum = 0; $sum = ($sum * 31 + ord) % 1000000007 for split //, substr($s, 0, 200000);
print length($s), " $sum\n";
"""
NODE = r"""
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const crypto = require('crypto');
function work(n) { const a = []; for (let i = 0; i < n; i++) a.push({ i, s: 'x'.repeat(i % 300), b: Buffer.alloc(i % 5000, i) });
  const h = crypto.createHash('sha256'); for (const e of a) { h.update(e.s); h.update(e.b); } return h.digest('hex'); }
if (isMainThread) { let left = 3; const out = []; for (let w = 0; w < 3; w++) { const k = new Worker(process.argv[1], { workerData: 4000 + w });
  k.on('message', (m) => { out[w] = m; if (--left === 0) console.log(out.join('\n'), work(2000)); }); } }
else parentPort.postMessage(work(workerData));
"""
SQL = """
CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b REAL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 60000)
  INSERT INTO t SELECT i, hex(i * 7919) || printf('%.*c', i % 60, 'y'), i / 3.0 FROM n;
CREATE INDEX ia ON t(a, b);
DELETE FROM t WHERE id % 7 = 3;
SELECT count(*), sum(length(a)), round(sum(b), 3) FROM t;
SELECT a FROM t ORDER BY a DESC LIMIT 5;
SELECT length(a), count(*) FROM t GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10;
VACUUM;
PRAGMA integrity_check;
"""
CPP = r"""
#include <algorithm>
#include <iostream>
#include <map>
#include <regex>
#include <string>
#include <vector>
int main() {
  std::map<std::string, std::vector<int>> m;
  for (int i = 0; i < 5000; ++i) m[std::to_string(i * 7919 % 1000)].push_back(i);
  std::regex digits("[0-9]+7");
  long n = 0;
  for (auto& [key, values] : m) n += std::regex_match(key, digits) * std::count_if(values.begin(), values.end(), [](int v) { return v % 2; });
  std::cout << n << '\n';
}
"""


class Failed(Exception):
    pass


def run(argv, env, cwd, stdin=""):
    done = subprocess.run(argv, env=env, cwd=cwd, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=TIMEOUT)
    if done.returncode != 0:
        raise Failed(f"{' '.join(argv[:3])}: exit status {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return done.stdout


def python3(env, cwd):
    return run(["python3", "-c", PYTHON], env, cwd)


def perl(env, cwd):
    return run(["perl", "-e", PERL], env, cwd)


def node(env, cwd):
    path = os.path.join(cwd, "work.js")
    with open(path, "w", encoding="utf-8") as file:
        file.write(NODE)
    return run(["node", path], env, cwd)


def sqlite3(env, cwd):
    return run(["sqlite3", "test.db"], env, cwd, SQL)


def git(env, cwd):
    fixed = dict(env, GIT_AUTHOR_DATE="2020-01-01T00:00:00Z", GIT_COMMITTER_DATE="2020-01-01T00:00:00Z", HOME=cwd,
                 GIT_CONFIG_NOSYSTEM="1", GIT_AUTHOR_NAME="a", GIT_AUTHOR_EMAIL="a@b", GIT_COMMITTER_NAME="a",
                 GIT_COMMITTER_EMAIL="a@b")
    out = run(["git", "init", "-q", "-b", "main", "."], fixed, cwd)
    for round_number in range(4):
        for i in range(120):
            with open(os.path.join(cwd, f"file{i}.txt"), "w", encoding="utf-8") as file:
                file.write("".join(f"{round_number} {i} {j * (round_number + 1)}\n" for j in range(80)))
        run(["git", "add", "."], fixed, cwd)
        out += run(["git", "commit", "-q", "-m", f"round {round_number}"], fixed, cwd)
    out += run(["git", "log", "--stat", "--format=%H %s"], fixed, cwd)
    run(["git", "gc", "-q", "--aggressive"], fixed, cwd)
    run(["git", "fsck", "--strict"], fixed, cwd)
    return out + run(["git", "rev-list", "--objects", "--all"], fixed, cwd)


def gxx(env, cwd):
    with open(os.path.join(cwd, "a.cc"), "w", encoding="utf-8") as file:
        file.write(CPP)
    run(["g++", "-std=c++17", "-O2", "a.cc", "-o", "a.out"], env, cwd)
    run(["g++", "-std=c++17", "-O1", "-S", "a.cc", "-o", "a.s"], env, cwd)
    with open(os.path.join(cwd, "a.s"), encoding="utf-8") as file:
        return run([os.path.join(cwd, "a.out")], env, cwd) + file.read()


def round_trip(argv, suffix):
    def workload(env, cwd):
        data = b"".join(b"%d %d\n" % (i, i * i * 2654435761 % 4294967296) for i in range(400000))
        path = os.path.join(cwd, "data")
        with open(path, "wb") as file:
            file.write(data)
        run(argv + ["-k", path], env, cwd)
        os.rename(path + suffix, path + ".again" + suffix)
        run(argv + ["-d", path + ".again" + suffix], env, cwd)
        with open(path + ".again", "rb") as file:
            if file.read() != data:
                raise Failed("what came back is not what went in")
        return "equal\n"
    return workload


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def redis(env, cwd):
    plain = {k: v for k, v in env.items() if k != "LD_PRELOAD" and not k.startswith("HZ4_")}
    port = str(free_port())
    server = subprocess.Popen(["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--io-threads", "2",
                               "--dir", cwd], env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        cli = ["redis-cli", "-p", port]
        for _ in range(200):
            if subprocess.run(cli + ["ping"], env=plain, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout == b"PONG\n":
                break
            time.sleep(0.05)
        run(["redis-benchmark", "-p", port, "-q", "-n", "4000", "-c", "20", "-d", "300", "-r", "5000",
             "-t", "set,get,incr,lpush,lpop,sadd,hset,mset"], plain, cwd)
        script = "for i=1,20000 do redis.call('set', 'k' .. i, string.rep('v', i % 700)) end " \
                 "for i=1,20000,3 do redis.call('del', 'k' .. i) end return redis.call('strlen', 'k699')"
        out = run(cli + ["eval", script, "0"], plain, cwd)
        out += run(cli + ["bgsave"], plain, cwd)  # forks
        for _ in range(200):
            if "rdb_bgsave_in_progress:0" in run(cli + ["info", "persistence"], plain, cwd):
                break
            time.sleep(0.05)
        if "rdb_last_bgsave_status:ok" not in run(cli + ["info", "persistence"], plain, cwd):
            raise Failed("bgsave failed")
        subprocess.run(cli + ["shutdown", "nosave"], env=plain, timeout=TIMEOUT)
        text = server.communicate(timeout=TIMEOUT)[0]
        if server.returncode != 0:
            raise Failed(f"redis-server: exit status {server.returncode}\n{text[-4000:]}")
        return out
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()


# name -> (programs it needs, workload)
PROGRAMS = {
    "python3": (["python3"], python3),
    "perl": (["perl"], perl),
    "git": (["git"], git),
    "sqlite3": (["sqlite3"], sqlite3),
    "gxx": (["g++"], gxx),
    "redis": (["redis-server", "redis-benchmark", "redis-cli"], redis),
    "xz": (["xz"], round_trip(["xz", "-1", "-T2", "--block-size=512KiB"], ".xz")),
    "zstd": (["zstd"], round_trip(["zstd", "-q", "-5", "-T2"], ".zst")),
    "node": (["node"], node),
}


def skip(reason):
    print("skipped: " + reason)
    if "XML_OUTPUT_FILE" in os.environ:
        with open(os.environ["XML_OUTPUT_FILE"], "w", encoding="utf-8") as file:
            file.write('<testsuites><testsuite name="preload" tests="1" skipped="1"><testcase name="preload">'
                       f'<skipped message="{reason}"/></testcase></testsuite></testsuites>\n')
    return 0


def main(name, library, settings):
    needs, workload = PROGRAMS[name]
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    for program in needs:
        if shutil.which(program, path=path) is None:
            return skip(f"{program} is not installed")
    plain = {"PATH": path, "LC_ALL": "C.UTF-8", "TMPDIR": os.environ.get("TEST_TMPDIR", "/tmp")}
    results = []
    with tempfile.TemporaryDirectory(dir=os.environ.get("TEST_TMPDIR")) as folder:
        report = os.path.join(folder, "report")
        with_hz4 = dict(plain, LD_PRELOAD=os.path.realpath(library), HZ4_STRICT="abort", HZ4_PRINT_CONFIG="changed",
                        HZ4_OUTPUT=report, **dict(s.split("=", 1) for s in settings))
        for env in (plain, with_hz4):
            cwd = os.path.join(folder, "here")
            os.mkdir(cwd)
            try:
                results.append(workload(env, cwd))
            except (Failed, subprocess.TimeoutExpired) as error:
                who = "hz4" if env is with_hz4 else "libc"
                print(f"{name} with {who}'s malloc: {error}\nrepeat with: {' '.join(settings)}")
                return 1
            shutil.rmtree(cwd)
        if not os.path.exists(report):
            print("hz4 was not loaded: it wrote no configuration")
            return 1
    if results[0] != results[1]:
        print(f"{name}: the outputs differ\n--- without\n{results[0][-2000:]}\n--- with\n{results[1][-2000:]}\n"
              f"repeat with: {' '.join(settings)}")
        return 1
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in PROGRAMS:
        sys.exit(f"usage: preload_test.py {'|'.join(PROGRAMS)} LIBRARY [NAME=VALUE ...]")
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
