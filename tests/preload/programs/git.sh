# SPDX-License-Identifier: Apache-2.0
# needs: git
# A repository with history: commits, a branch, a merge, packing with two threads, a check.
set -e
export HOME="$PWD" GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
export GIT_AUTHOR_DATE="2020-01-01T00:00:00Z" GIT_COMMITTER_DATE="2020-01-01T00:00:00Z"
git init -q -b main repository
cd repository
git config gc.auto 0
git config pack.threads 2
i=0
while [ $i -lt 8 ]; do
  j=0
  while [ $j -lt 25 ]; do
    mkdir -p "d$((j % 5))"
    { echo "file $j, round $i"; seq $((i * 10)) $((i * 10 + j * 20)); } > "d$((j % 5))/f$j"
    j=$((j + 1))
  done
  git add -A
  git commit -q -m "round $i"
  i=$((i + 1))
done
git checkout -q -b side HEAD~3
echo side > side
git add side
git commit -q -m side
git checkout -q main
git merge -q -m merge side
git gc -q --aggressive --prune=now
git fsck --full --strict 2>/dev/null
git log --stat --format='%H %s'
git blame --porcelain d3/f3 | tail -n 5
git diff HEAD~4 HEAD | git patch-id
git rev-list --objects --all | sort | sha256sum
