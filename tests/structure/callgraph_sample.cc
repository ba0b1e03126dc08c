// SPDX-License-Identifier: Apache-2.0
//
// Something for callgraph.py to be tested on: doors that reach Entry<Counting>, or do not, in each
// way that one function can refer to another. Nothing here is run.
#define KEPT __attribute__((noinline))

struct Plain {
  static int Count(int n) { return n; }
};
struct Counting {
  KEPT static int Count(int n) {
    static volatile int calls;
    calls = calls + 1;
    return n + calls;
  }
};

template <class Statistics>
KEPT int Entry(int n) {
  asm volatile("");
  return Statistics::Count(n);
}

using Function = int (*)(int);
Function table[2] = {Entry<Plain>, Entry<Counting>};
const Function kConstantTable[2] = {Entry<Counting>, Entry<Plain>};

extern "C" {
KEPT int plain_door(int n) { return Entry<Plain>(n); }
KEPT int direct_door(int n) { return Entry<Counting>(n) + 1; }
KEPT int tail_door(int n) { return Entry<Counting>(n); }
KEPT Function address_door() { return Entry<Counting>; }
KEPT int table_door(int n) { return table[n & 1](n); }
KEPT int constant_table_door(int n) { return kConstantTable[n & 1](n); }
KEPT int through_door(int n) { return plain_door(n) + constant_table_door(n); }
}

// The linker keeps what main might call.
int main(int argc, char**) {
  if (argc < 99) return 0;
  return direct_door(argc) + tail_door(argc) + table_door(argc) + through_door(argc) +
         address_door()(argc);
}
