// SPDX-License-Identifier: Apache-2.0
//
// The shim as another process uses it: told by the environment, and answering in a file.
#include "tests/integration/pkcs11/on_token.hpp"
#include "tests/support/child_process.hpp"

#include <dlfcn.h>

namespace holdfast::test {
namespace {

class Pkcs11Shim : public OnToken {};

TEST_F(Pkcs11Shim, fails_the_calls_the_environment_names_and_logs_its_counts) {
  const std::string log = hsm_.folder().file("calls.log");
  setenv("HOLDFAST_SHIM_LOG", log.c_str(), 1);
  setenv("HOLDFAST_SHIM_FAULTS", "C_OpenSession:2:0xb1,C_Login:0:160", 1);
  EXPECT_EQ(run_in_child([&] { return open(shimmed()).status() == Status::pin_incorrect; }), 0);
  const std::string counts = read_file(log);
  EXPECT_NE(counts.find("C_Login 1\n"), std::string::npos) << counts;
  EXPECT_NE(counts.find("C_OpenSession 1\n"), std::string::npos) << counts;
  EXPECT_NE(counts.find("C_Finalize 1\n"), std::string::npos) << counts;
  EXPECT_EQ(counts.find("C_Sign "), std::string::npos) << counts;
}

TEST_F(Pkcs11Shim, tells_when_a_thread_is_inside_the_module) {
  make_key();
  void* library = dlopen(SoftHsm::shim_path().c_str(), RTLD_NOW);
  static bool (*is_inside)();
  static bool was_inside;
  is_inside = reinterpret_cast<bool (*)()>(dlsym(library, "holdfast_shim_is_inside_native_call"));
  ASSERT_NE(is_inside, nullptr);
  EXPECT_FALSE(is_inside());
  const auto device = open_for_test(shimmed(), DeviceAccess::sign);
  shim_control().observe([](const char*, void*) { was_inside = was_inside || is_inside(); }, nullptr);
  EXPECT_OK(device->find_key({}, kNoDeadline));
  EXPECT_TRUE(was_inside);
  EXPECT_FALSE(is_inside());
}

}  // namespace
}  // namespace holdfast::test
