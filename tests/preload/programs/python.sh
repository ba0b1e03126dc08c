# SPDX-License-Identifier: Apache-2.0
# needs: python3
# json, threads, processes, large and small objects that come and go.
set -e
cat > work.py <<'PY'
import hashlib, json, multiprocessing, re, threading, zlib

def build(seed, n):
    rows = []
    x = seed
    for i in range(n):
        x = (x * 1103515245 + 12345) % 2**31
        rows.append({"id": i, "name": "n%d" % x, "tags": ["t" * (x % 40)] * (x % 5), "v": x / 7})
    return rows

def digest(seed):
    text = json.dumps(build(seed, 3000), sort_keys=True)
    back = json.loads(text)
    words = re.findall(r"n\d+", text)
    packed = zlib.compress(text.encode() * 3)
    return hashlib.sha256(zlib.decompress(packed) + " ".join(words).encode() + str(len(back)).encode()).hexdigest()

results = {}
def run(seed):
    results[seed] = digest(seed)

threads = [threading.Thread(target=run, args=(s,)) for s in range(8)]
for t in threads: t.start()
for t in threads: t.join()
for seed in sorted(results): print(seed, results[seed])

if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    with multiprocessing.Pool(3) as pool:
        print(hashlib.sha256("".join(pool.map(digest, range(20, 26))).encode()).hexdigest())
    big = [bytearray(1 << 20) for _ in range(40)]
    del big[::2]
    print(len(big), sum(map(len, big)))
PY
python3 work.py
