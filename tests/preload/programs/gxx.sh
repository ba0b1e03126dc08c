# SPDX-License-Identifier: Apache-2.0
# needs: g++
# The compiler, assembler and linker on a file full of templates; then what they made.
set -e
cat > work.cc <<'CC'
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>
template <int N> struct Chain { static int Sum(int x) { return Chain<N - 1>::Sum(x) + N; } };
template <> struct Chain<0> { static int Sum(int x) { return x; } };
template <int... I> int Folded() { return (Chain<I>::Sum(I) + ...); }
int main() {
  std::map<std::string, std::vector<int>> m;
  for (int i = 0; i < 1000; ++i) m[std::to_string(i % 37)].push_back(i);
  int sum = Chain<400>::Sum(1) + Folded<1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233>();
  for (auto& e : m) sum += std::count_if(e.second.begin(), e.second.end(), [](int x) { return x % 3 == 0; });
  std::printf("%d %zu\n", sum, m.size());
}
CC
g++ -std=c++17 -O1 -frandom-seed=1 -c work.cc -o work.o
sha256sum work.o
g++ work.o -o work
./work
