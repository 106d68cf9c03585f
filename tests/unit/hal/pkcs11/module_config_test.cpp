// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/module_config.hpp"

#include "tests/support/child_process.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <string>

namespace holdfast::hal::pkcs11 {
namespace {

class ModuleConfigFile : public ::testing::Test {
 protected:
  ModuleFolders folders() const { return {{admin_.path(), package_.path()}, "/modules"}; }
  test::TemporaryFolder admin_;
  test::TemporaryFolder package_;
};

TEST_F(ModuleConfigFile, gives_the_path_and_the_reserved_argument) {
  package_.write(
      "nss.module",
      "# a comment: module: no\n\n  module :  /lib/nss.so \r\nx-init-reserved: configdir='sql:/x' flags=a\n"
      "critical: no\n",
      0644);
  const auto config = read_module_config("nss", folders());
  ASSERT_TRUE(config.has_value()) << config.error().detail.view();
  EXPECT_EQ(config->path.view(), "/lib/nss.so");
  EXPECT_EQ(config->reserved.view(), "configdir='sql:/x' flags=a");
}

TEST_F(ModuleConfigFile, completes_a_relative_module) {
  package_.write("tpm.module", "module: libtpm2_pkcs11.so", 0644);
  EXPECT_EQ(read_module_config("tpm", folders())->path.view(), "/modules/libtpm2_pkcs11.so");
}

TEST_F(ModuleConfigFile, takes_the_administrators_before_the_packages) {
  package_.write("m.module", "module: /package.so\n", 0644);
  admin_.write("m.module", "module: /admin.so\n", 0644);
  EXPECT_EQ(read_module_config("m", folders())->path.view(), "/admin.so");
}

TEST_F(ModuleConfigFile, must_exist_and_name_a_module) {
  EXPECT_EQ(read_module_config("absent", folders()).status(), Status::module_unusable);
  package_.write("empty.module", "critical: no\nmodule:\n", 0644);
  EXPECT_EQ(read_module_config("empty", folders()).status(), Status::module_unusable);
  package_.write("long.module", "module: /" + std::string(kMaxModulePathSize, 'm') + "\n", 0644);
  EXPECT_EQ(read_module_config("long", folders()).status(), Status::module_unusable);
  package_.write("huge.module", std::string(10000, '#'), 0644);
  EXPECT_EQ(read_module_config("huge", folders()).status(), Status::file_invalid);
}

TEST_F(ModuleConfigFile, is_not_looked_for_outside_its_folders) {
  for (const char* name : {"", ".", "..", "../m", "a/b", ".hidden", "a b", "m\n"}) {
    EXPECT_EQ(read_module_config(name, folders()).status(), Status::invalid_uri) << name;
  }
}

TEST_F(ModuleConfigFile, may_not_be_writable_by_others) {
  admin_.write("m.module", "module: /evil.so\n", 0666);
  package_.write("m.module", "module: /good.so\n", 0644);
  EXPECT_EQ(read_module_config("m", folders()).status(), Status::file_untrusted);
}

}  // namespace
}  // namespace holdfast::hal::pkcs11
