// SPDX-License-Identifier: Apache-2.0
//
// hz4 that comes late: a library that is linked with it is dlopened by a program that is not.

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/support/child.h"
#include "tests/support/watchdog.h"

namespace hz4 {
namespace test {
namespace {

class User {
 public:
  explicit User(int flags)
      : handle_(dlopen(Runfile("tests/process/libdlopen_user.so").c_str(), RTLD_NOW | flags)) {
    if (handle_ == nullptr) ADD_FAILURE() << dlerror();
  }
  ~User() {
    if (handle_ != nullptr && dlclose(handle_) != 0) ADD_FAILURE() << dlerror();
  }
  explicit operator bool() const { return handle_ != nullptr; }
  template <class Function>
  Function* Get(const char* name) {
    return reinterpret_cast<Function*>(dlsym(handle_, name));
  }

 private:
  void* handle_;
};

// First, while nothing of hz4 is loaded: static thread-local storage must be found in what the
// loader keeps in reserve, for threads that run already.
TEST(Dlopen, BesideRunningThreads) {
  Watchdog watchdog(60);
  std::atomic<int> stage{0};
  std::atomic<int> inside{3};
  std::atomic<void (*)()> work{nullptr};
  std::vector<std::thread> older;
  for (int i = 0; i < 3; ++i) {
    older.emplace_back([&] {
      while (stage == 0) std::this_thread::yield();
      work.load()();
      --inside;
      while (stage == 1) std::this_thread::yield();
    });
  }
  {
    User user(RTLD_DEEPBIND);
    ASSERT_TRUE(user);
    EXPECT_STRNE(user.Get<const char*()>("UserVersion")(), "");
    EXPECT_EQ(user.Get<int()>("UserMallocIsHz4")(), 1);
    work = user.Get<void()>("UserWork");
    work.load()();
    stage = 1;
    std::thread(work.load()).join();
    while (inside != 0) std::this_thread::yield();
  }
  // Threads that used hz4 end after dlclose.
  stage = 2;
  for (std::thread& thread : older) thread.join();
}

TEST(Dlopen, AgainAndAgain) {
  Watchdog watchdog(60);
  for (int flags : {RTLD_LOCAL, RTLD_GLOBAL, RTLD_LOCAL | RTLD_DEEPBIND}) {
    for (int i = 0; i < 5; ++i) {
      User user(flags);
      ASSERT_TRUE(user);
      user.Get<void()>("UserWork")();
    }
  }
}

TEST(Dlopen, UnderPreload) {
  const ChildResult result =
      Child({"/proc/self/exe", "--gtest_filter=Dlopen.AgainAndAgain"}).Preload().Run();
  EXPECT_TRUE(result.Succeeded()) << result.description;
}

}  // namespace
}  // namespace test
}  // namespace hz4
