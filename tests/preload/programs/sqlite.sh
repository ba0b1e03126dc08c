# SPDX-License-Identifier: Apache-2.0
# needs: sqlite3
# Tables, indexes, joins, a rollback, VACUUM, all checked by sqlite itself at the end.
set -e
sqlite3 work.db <<'SQL'
PRAGMA journal_mode=WAL;
CREATE TABLE a(id INTEGER PRIMARY KEY, k INTEGER, t TEXT);
CREATE TABLE b(id INTEGER PRIMARY KEY, k INTEGER, r REAL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<30000)
INSERT INTO a SELECT i, (i*7919)%1000, printf('%.*c', i%200, 'x') FROM n;
INSERT INTO b SELECT id, (k*31)%1000, id/3.0 FROM a;
CREATE INDEX ak ON a(k);
CREATE INDEX bk ON b(k, r);
BEGIN;
DELETE FROM a WHERE k < 500;
UPDATE b SET r = r * 2 WHERE k % 3 = 0;
ROLLBACK;
BEGIN;
DELETE FROM a WHERE id % 5 = 0;
COMMIT;
SELECT count(*), sum(length(t)), max(k) FROM a;
SELECT a.k, count(*), round(sum(b.r), 3) FROM a JOIN b USING (k) GROUP BY a.k ORDER BY 2 DESC, 1 LIMIT 10;
SELECT group_concat(k) FROM (SELECT DISTINCT k FROM a ORDER BY k DESC LIMIT 50);
VACUUM;
PRAGMA integrity_check;
SQL
