// SPDX-License-Identifier: Apache-2.0

#include "tests/process/exercise.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/test_env.h"

namespace hz4 {
namespace test {
namespace {

struct Piece {
  unsigned char* p;
  size_t size;
  unsigned char mark;
};

[[noreturn]] void Broken(const char* what, const Piece& piece) {
  char text[200];
  const int length = snprintf(text, sizeof(text), "exercise: %s: %p, %zu bytes, mark %02x\n", what,
                              piece.p, piece.size, piece.mark);
  if (write(STDERR_FILENO, text, length) < 0) _exit(98);
  abort();
}

// Both ends and the middle: enough to see a neighbour, cheap enough for a handler.
void Mark(const Piece& piece) {
  if (piece.size == 0) return;
  memset(piece.p, piece.mark, piece.size < 128 ? piece.size : 128);
  piece.p[piece.size / 2] = piece.mark;
  piece.p[piece.size - 1] = piece.mark;
}
bool Marked(const Piece& piece) {
  if (piece.size == 0) return true;
  for (size_t i = 0; i < 128 && i < piece.size; ++i) {
    if (piece.p[i] != piece.mark) return false;
  }
  return piece.p[piece.size / 2] == piece.mark && piece.p[piece.size - 1] == piece.mark;
}

size_t DrawSize(Random* random, size_t max_size) {
  const size_t limit = random->OneIn(3) ? max_size : 600;
  return random->In(1, limit < max_size ? limit : max_size);
}

Piece Allocate(Random* random, size_t max_size) {
  Piece piece = {nullptr, DrawSize(random, max_size), static_cast<unsigned char>(random->Next())};
  void* p = nullptr;
  switch (random->Next() % 4) {
    case 0:
      p = calloc(1, piece.size);
      break;
    case 1:
      p = memalign(size_t{16} << random->In(0, 6), piece.size);
      break;
    default:
      p = malloc(piece.size);
  }
  piece.p = static_cast<unsigned char*>(p);
  if (p == nullptr) Broken("refused", piece);
  Mark(piece);
  return piece;
}

}  // namespace

void Exercise(uint64_t seed, unsigned blocks, size_t max_size) {
  const int error = errno;
  Random random(seed);
  Piece pieces[64];
  if (blocks > 64) blocks = 64;
  for (unsigned i = 0; i < blocks; ++i) pieces[i] = Allocate(&random, max_size);
  for (unsigned i = 0; i < blocks; i += 3) {
    if (!Marked(pieces[i])) Broken("content changed", pieces[i]);
    const size_t size = DrawSize(&random, max_size);
    void* p = realloc(pieces[i].p, size);
    if (p == nullptr) Broken("realloc refused", pieces[i]);
    if (*static_cast<unsigned char*>(p) != pieces[i].mark)
      Broken("content lost by realloc", pieces[i]);
    pieces[i].p = static_cast<unsigned char*>(p);
    pieces[i].size = size;
    Mark(pieces[i]);
  }
  for (unsigned left = blocks; left > 0; --left) {
    const unsigned i = random.Next() % left;
    if (!Marked(pieces[i])) Broken("content changed", pieces[i]);
    free(pieces[i].p);
    pieces[i] = pieces[left - 1];
  }
  errno = error;
}

Churn::Churn(unsigned threads, size_t max_size) {
  for (unsigned t = 0; t < threads; ++t) {
    threads_.emplace_back([this, t, max_size] {
      Random random(Seed() + t);
      while (!stop_.load(std::memory_order_relaxed)) {
        Exercise(random.Next(), 40, max_size);
        done_.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
}

Churn::~Churn() {
  stop_ = true;
  for (std::thread& thread : threads_) thread.join();
}

std::string WaitFor(pid_t child) {
  int status = 0;
  pid_t got;
  while ((got = waitpid(child, &status, 0)) < 0 && errno == EINTR) {
  }
  if (got != child) return std::string("waitpid: ") + strerror(errno);
  if (WIFSIGNALED(status)) {
    return WTERMSIG(status) == SIGALRM ? "the child hangs"
                                       : "killed by signal " + std::to_string(WTERMSIG(status));
  }
  return WEXITSTATUS(status) == 0 ? "" : "exit " + std::to_string(WEXITSTATUS(status));
}

std::string InChild(const std::function<void()>& body) {
  const pid_t child = fork();
  if (child < 0) return std::string("fork: ") + strerror(errno);
  if (child == 0) {
    alarm(20);
    body();
    _exit(0);
  }
  return WaitFor(child);
}

}  // namespace test
}  // namespace hz4
