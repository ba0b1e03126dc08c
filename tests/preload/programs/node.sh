# SPDX-License-Identifier: Apache-2.0
# needs: node
# Worker threads, buffers outside of the collected heap, compression.
set -e
cat > work.js <<'JS'
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const crypto = require('crypto'), zlib = require('zlib');
function digest(seed) {
  let x = seed;
  const rows = [];
  for (let i = 0; i < 4000; i++) {
    x = (Math.imul(x, 1103515245) + 12345) >>> 0;
    rows.push({ id: i, name: 'n' + x, list: Array(x % 6).fill(x % 1000) });
  }
  const packed = zlib.gzipSync(Buffer.from(JSON.stringify(rows)));
  const buffers = [];
  for (let i = 0; i < 200; i++) buffers.push(Buffer.alloc(1000 + i * 300, i));
  return crypto.createHash('sha256').update(zlib.gunzipSync(packed)).update(Buffer.concat(buffers)).digest('hex');
}
if (isMainThread) {
  const results = {};
  let left = 6;
  for (let seed = 0; seed < 6; seed++) {
    const worker = new Worker(__filename, { workerData: seed });
    worker.on('message', (m) => { results[seed] = m; });
    worker.on('error', (e) => { throw e; });
    worker.on('exit', () => { if (--left === 0) console.log(JSON.stringify(results, null, 1), digest(99)); });
  }
} else {
  parentPort.postMessage(digest(workerData));
}
JS
node work.js
