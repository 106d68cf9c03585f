// SPDX-License-Identifier: Apache-2.0
//
// The way from a path to an initialised module: what is refused, and who initialises.
#include "tests/integration/pkcs11/on_token.hpp"
#include "tests/support/child_process.hpp"

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

namespace holdfast::test {
namespace {

class Pkcs11Module : public OnToken {
 protected:
  Result<hal::DevicePtr> open_module(const std::string& path) const { return open(hsm_.uri("agent", path)); }
  static Result<hal::DevicePtr> open_as(const std::string& uri, hal::ModuleMode mode) {
    hal::DeviceOptions options;
    options.uri = uri;
    options.module_mode = mode;
    return hal::open_device(options);
  }
  std::string copy_of_module(mode_t mode) const {
    std::string path = hsm_.folder().file("copy.so");
    std::filesystem::copy_file(SoftHsm::module_path(), path);
    chmod(path.c_str(), mode);
    return path;
  }
};

TEST_F(Pkcs11Module, that_does_not_exist) {
  const auto device = open_module("/nowhere/module.so");
  EXPECT_STATUS(device, module_unusable);
  EXPECT_NE(device.error().detail.view().find("/nowhere/module.so"), std::string_view::npos);
}

TEST_F(Pkcs11Module, that_is_not_named) {
  EXPECT_STATUS(open("pkcs11:token=agents"), invalid_uri);
  EXPECT_STATUS(open("pkcs11:token=agents?module-name=no-such-module"), module_unusable);
}

TEST_F(Pkcs11Module, that_is_no_library) {
  const auto device = open_module(hsm_.folder().write("text.so", "not an ELF file", 0755));
  EXPECT_STATUS(device, module_unusable);
  EXPECT_NE(device.error().detail.view().find("is not a library"), std::string_view::npos);
}

TEST_F(Pkcs11Module, that_is_another_library) {
  Dl_info libc{};
  ASSERT_NE(dladdr(reinterpret_cast<void*>(&::getppid), &libc), 0);
  const auto device = open_module(std::filesystem::canonical(libc.dli_fname).string());
  EXPECT_STATUS(device, module_unusable);
  EXPECT_NE(device.error().detail.view().find("not a PKCS#11 module"), std::string_view::npos);
}

TEST_F(Pkcs11Module, that_is_a_folder_or_a_fifo) {
  EXPECT_STATUS(open_module(hsm_.folder().path()), module_unusable);
  const std::string fifo = hsm_.folder().file("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_STATUS(open_module(fifo), module_unusable);
}

TEST_F(Pkcs11Module, that_others_may_write) {
  for (const mode_t mode : {0775U, 0757U}) {
    const std::string path = copy_of_module(mode);
    EXPECT_STATUS(open_module(path), file_untrusted);
    std::filesystem::remove(path);
  }
}

TEST_F(Pkcs11Module, in_a_folder_that_others_may_write) {
  const std::string path = copy_of_module(0755);
  ASSERT_EQ(chmod(hsm_.folder().path().c_str(), 0777), 0);
  EXPECT_STATUS(open_module(path), file_untrusted);
}

TEST_F(Pkcs11Module, behind_a_link_is_judged_by_the_file_itself) {
  const std::string link = hsm_.folder().file("link.so");
  std::filesystem::create_symlink(SoftHsm::module_path(), link);
  make_key();
  EXPECT_OK(open_module(link));
}

TEST_F(Pkcs11Module, named_as_p11_kit_has_it) {
  make_key();
  const auto device =
      open("pkcs11:token=agents;object=agent?module-name=softhsm2&pin-source=file:" + hsm_.pin_file());
  ASSERT_OK(device);
  const auto key = (*device)->find_key({}, kNoDeadline);
  ASSERT_OK(key);
  EXPECT_NE((*device)->describe(*key)->uri.view().find("module-name=softhsm2"), std::string_view::npos);
}

TEST_F(Pkcs11Module, that_leaves_out_what_it_must_have) {
  SoftHsm::tell_lies("null:C_OpenSession");
  EXPECT_STATUS(open(lying()), module_unusable);
}

TEST_F(Pkcs11Module, that_leaves_out_what_is_rarely_used) {
  make_key();
  SoftHsm::tell_lies("null:C_WrapKey,null:C_Sign");
  const auto device = open(lying());
  ASSERT_OK(device);
  const auto key = (*device)->find_key({}, kNoDeadline);
  ASSERT_OK(key);
  const std::array<std::byte, 4> message{};
  EXPECT_STATUS((*device)->sign(*key, Scheme::ed25519, message, kNoDeadline), module_unusable);
}

TEST_F(Pkcs11Module, of_an_unknown_version) {
  SoftHsm::tell_lies("version:9");
  EXPECT_STATUS(open(lying()), module_unusable);
}

TEST_F(Pkcs11Module, that_cannot_be_initialised) {
  std::filesystem::remove_all(hsm_.token_folder());
  const auto device = open(shimmed());
  EXPECT_STATUS(device, module_unusable);
  EXPECT_EQ(device.error().native, CKR_GENERAL_ERROR);
  std::filesystem::create_directory(hsm_.token_folder());
  EXPECT_STATUS(open(shimmed()), token_not_found);
}

TEST_F(Pkcs11Module, is_initialised_once_for_all_of_us_and_finalised_by_the_last) {
  make_key();
  const ShimControl& shim = shim_control();
  shim.reset_counts();
  {
    const auto first = open_for_test(shimmed(), DeviceAccess::sign);
    {
      const auto second = open_for_test(shimmed(), DeviceAccess::sign);
      EXPECT_EQ(shim.count("C_Initialize"), 1U);
    }
    EXPECT_EQ(shim.count("C_Finalize"), 0U);
    EXPECT_OK(first->find_key({}, kNoDeadline));
  }
  EXPECT_EQ(shim.count("C_Finalize"), 1U);
  EXPECT_OK(open(shimmed()));
  EXPECT_EQ(shim.count("C_Initialize"), 2U);
}

TEST_F(Pkcs11Module, of_the_host_is_not_owned) {
  make_key();
  const RawSession host(SoftHsm::kLabel);
  const auto owned = open_as(direct(), hal::ModuleMode::own);
  EXPECT_STATUS(owned, module_unusable);
  EXPECT_EQ(owned.error().native, CKR_CRYPTOKI_ALREADY_INITIALIZED);
}

TEST_F(Pkcs11Module, of_the_host_is_shared_but_never_reset) {
  make_key();
  const RawSession host(SoftHsm::kLabel);
  for (const hal::ModuleMode mode : {hal::ModuleMode::share, hal::ModuleMode::refuse}) {
    const auto device = open_as(direct(), mode);
    ASSERT_OK(device);
    EXPECT_OK((*device)->find_key({}, kNoDeadline));
    EXPECT_STATUS((*device)->reset(kNoDeadline), reset_not_ours);
  }
  EXPECT_GT(host.count_objects(), 0U) << "the host's module was finalised";
}

// Sessions that are forgotten without being closed fill a token for as long as the host lives.
TEST_F(Pkcs11Module, of_the_host_keeps_the_sessions_that_a_passing_failure_left_alone) {
  make_key();
  const auto device = open_as(shimmed(), hal::ModuleMode::share);
  ASSERT_OK(device);
  const std::int64_t sessions = shim_control().open_sessions();
  for (const CK_RV code : {CKR_FUNCTION_FAILED, CKR_DEVICE_ERROR, CKR_GENERAL_ERROR, CKR_HOST_MEMORY}) {
    shim_control().fail("C_GetSessionInfo", 1, code);
    EXPECT_STATUS((*device)->reset(kNoDeadline), reset_not_ours);
    EXPECT_EQ(shim_control().open_sessions(), sessions) << code;
    EXPECT_OK((*device)->find_key({}, kNoDeadline));
  }
  // Those that are gone are opened anew.
  shim_control().fail("C_GetSessionInfo", 1, CKR_SESSION_HANDLE_INVALID);
  EXPECT_STATUS((*device)->reset(kNoDeadline), reset_not_ours);
  EXPECT_EQ(shim_control().open_sessions(), 2 * sessions) << "so we were told";
}

// After a reconnect a module may answer anything for a session that will never be again.
TEST_F(Pkcs11Module, of_the_host_gets_new_sessions_when_an_old_one_fails_twice_in_the_same_way) {
  make_key();
  const auto device = open_as(shimmed(), hal::ModuleMode::share);
  ASSERT_OK(device);
  const std::int64_t sessions = shim_control().open_sessions();
  for (int i = 1; i <= 4; ++i) {
    shim_control().fail("C_GetSessionInfo", 1, CKR_VENDOR_DEFINED + 7);
    EXPECT_STATUS((*device)->reset(kNoDeadline), reset_not_ours);
    EXPECT_EQ(shim_control().open_sessions(), (1 + i / 2) * sessions);
    EXPECT_OK((*device)->find_key({}, kNoDeadline));
  }
}

TEST_F(Pkcs11Module, is_not_initialised_where_we_were_told_not_to) {
  const auto device = open_as(shimmed(), hal::ModuleMode::refuse);
  EXPECT_STATUS(device, module_unusable);
  EXPECT_EQ(shim_control().count("C_Initialize"), 0U);
}

TEST_F(Pkcs11Module, with_a_million_slots) {
  SoftHsm::tell_lies("many-slots");
  EXPECT_STATUS(open(lying()), device_fault);
}

}  // namespace
}  // namespace holdfast::test
