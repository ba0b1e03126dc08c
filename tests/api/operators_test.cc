// SPDX-License-Identifier: Apache-2.0
//
// The 20 replaceable operators, the new_handler loop and std::bad_alloc.

#include <malloc.h>
#include <stdlib.h>

#include <functional>
#include <new>
#include <string>
#include <thread>

#include "tests/api/api.h"

namespace hz4 {
namespace test {
namespace {

using std::align_val_t;
using std::nothrow;

struct Form {
  const char* name;
  std::function<void*(size_t size, align_val_t align)> allocate;
  std::vector<std::function<void(void* p, size_t size, align_val_t align)>> free;
};

// Each way to allocate with each way to free what it returned: 8 news, 12 deletes.
const std::vector<Form>& Forms() {
  static const std::vector<Form>* forms = new std::vector<Form>{
      {"new",
       [](size_t n, align_val_t) { return ::operator new(n); },
       {[](void* p, size_t, align_val_t) { ::operator delete(p); },
        [](void* p, size_t n, align_val_t) { ::operator delete(p, n); }}},
      {"new nothrow",
       [](size_t n, align_val_t) { return ::operator new(n, nothrow); },
       {[](void* p, size_t, align_val_t) { ::operator delete(p, nothrow); },
        [](void* p, size_t, align_val_t) { ::operator delete(p); }}},
      {"new[]",
       [](size_t n, align_val_t) { return ::operator new[](n); },
       {[](void* p, size_t, align_val_t) { ::operator delete[](p); },
        [](void* p, size_t n, align_val_t) { ::operator delete[](p, n); }}},
      {"new[] nothrow",
       [](size_t n, align_val_t) { return ::operator new[](n, nothrow); },
       {[](void* p, size_t, align_val_t) { ::operator delete[](p, nothrow); }}},
      {"new aligned",
       [](size_t n, align_val_t a) { return ::operator new(n, a); },
       {[](void* p, size_t, align_val_t a) { ::operator delete(p, a); },
        [](void* p, size_t n, align_val_t a) { ::operator delete(p, n, a); }}},
      {"new aligned nothrow",
       [](size_t n, align_val_t a) { return ::operator new(n, a, nothrow); },
       {[](void* p, size_t, align_val_t a) { ::operator delete(p, a, nothrow); }}},
      {"new[] aligned",
       [](size_t n, align_val_t a) { return ::operator new[](n, a); },
       {[](void* p, size_t, align_val_t a) { ::operator delete[](p, a); },
        [](void* p, size_t n, align_val_t a) { ::operator delete[](p, n, a); }}},
      {"new[] aligned nothrow",
       [](size_t n, align_val_t a) { return ::operator new[](n, a, nothrow); },
       {[](void* p, size_t, align_val_t a) { ::operator delete[](p, a, nothrow); }}},
  };
  return *forms;
}

bool TakesAlignment(const Form& form) {
  return std::string(form.name).find("aligned") != std::string::npos;
}

TEST(Operators, EveryFormAllocatesAndFrees) {
  for (const Form& form : Forms()) {
    for (size_t align = 1; align <= (1 << 16); align *= 4) {
      for (size_t size : {size_t{0}, size_t{1}, size_t{24}, size_t{100}, size_t{4097},
                          size_t{50000}, size_t{300000}}) {
        for (const auto& free : form.free) {
          void* p = form.allocate(size, align_val_t{align});
          ASSERT_NE(p, nullptr) << form.name << " " << size;
          ASSERT_TRUE(Aligned(p, TakesAlignment(form) ? std::max<size_t>(align, 16) : 16))
              << form.name << " " << size << " " << align;
          ASSERT_GE(malloc_usable_size(p), size) << form.name;
          Fill(p, malloc_usable_size(p));
          errno = kUntouched;
          free(p, size, align_val_t{align});
          EXPECT_EQ(errno, kUntouched) << form.name;
        }
      }
    }
  }
}

TEST(Operators, DeleteOfNullIsNothing) {
  for (const Form& form : Forms()) {
    for (const auto& free : form.free) free(nullptr, 100, align_val_t{64});
  }
}

// Memory of new and of malloc is one kind: programs that mix them are wrong, and common.
TEST(Operators, MixWithMalloc) {
  for (size_t size : {size_t{1}, size_t{200}, size_t{5000}, size_t{400000}}) {
    free(Opaque(::operator new(size)));
    ::operator delete(Opaque(malloc(size)));
    free(Opaque(::operator new[](size, align_val_t{256})));
  }
}

int handler_calls;
int handler_gives_up_after;

void GiveUp() {
  if (++handler_calls == handler_gives_up_after) std::set_new_handler(nullptr);
}
void Throw() {
  ++handler_calls;
  throw std::bad_alloc();
}

class NewHandler : public testing::Test {
 protected:
  void SetUp() override { handler_calls = 0; }
  void TearDown() override { std::set_new_handler(nullptr); }
  static constexpr size_t kImpossible = size_t{1} << 60;
};

TEST_F(NewHandler, IsCalledUntilThereIsNone) {
  for (const Form& form : Forms()) {
    for (int calls : {1, 2, 7}) {
      handler_calls = 0;
      handler_gives_up_after = calls;
      std::set_new_handler(GiveUp);
      const bool is_nothrow = std::string(form.name).find("nothrow") != std::string::npos;
      void* p = &handler_calls;
      bool thrown = false;
      try {
        p = form.allocate(Opaque(kImpossible), align_val_t{64});
      } catch (const std::bad_alloc&) {
        thrown = true;
      }
      EXPECT_EQ(thrown, !is_nothrow) << form.name;
      EXPECT_EQ(p == nullptr, is_nothrow) << form.name;
      EXPECT_EQ(handler_calls, calls) << form.name;
    }
  }
}

TEST_F(NewHandler, MayThrow) {
  std::set_new_handler(Throw);
  for (const Form& form : Forms()) {
    handler_calls = 0;
    if (std::string(form.name).find("nothrow") != std::string::npos) {
      EXPECT_EQ(form.allocate(Opaque(kImpossible), align_val_t{64}), nullptr) << form.name;
    } else {
      EXPECT_THROW(form.allocate(Opaque(kImpossible), align_val_t{64}), std::bad_alloc)
          << form.name;
    }
    EXPECT_EQ(handler_calls, 1) << form.name;
  }
}

TEST_F(NewHandler, IsNotCalledOnSuccess) {
  std::set_new_handler(Throw);
  for (const Form& form : Forms())
    form.free[0](form.allocate(1000, align_val_t{64}), 1000, align_val_t{64});
  EXPECT_EQ(handler_calls, 0);
  EXPECT_EQ(std::get_new_handler(), &Throw);
}

TEST(BadAlloc, IsTheProgramsOwn) {
  std::string what;
  std::thread([&what] {
    try {
      static_cast<void>(::operator new(Opaque(SIZE_MAX)));
    } catch (const std::exception& e) {
      what = e.what();
    }
  }).join();
  EXPECT_EQ(what, std::bad_alloc().what());
  // Thrown again and again: nothing is lost on the way.
  for (int i = 0; i < 1000; ++i) {
    EXPECT_THROW(static_cast<void>(::operator new(Opaque(SIZE_MAX))), std::bad_alloc);
  }
}

}  // namespace
}  // namespace test
}  // namespace hz4
