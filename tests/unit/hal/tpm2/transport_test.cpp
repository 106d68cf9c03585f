// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/transport.hpp"

#include "tests/support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace holdfast::hal::tpm2 {
namespace {

TEST(Transport, TheRawDeviceIsRefusedWithAHint) {
  for (const std::string_view tcti : {"device:/dev/tpm0", "device:/dev/tpm12"}) {
    const auto transport = Transport::open(tcti);
    ASSERT_EQ(transport.status(), Status::invalid_uri);
    EXPECT_NE(std::string_view(transport.error().hint).find("/dev/tpmrm0"), std::string_view::npos);
  }
}

TEST(Transport, ADeviceThatIsNotThereSaysSo) {
  const auto transport = Transport::open("device:/dev/tpmrm-of-nobody");
  ASSERT_EQ(transport.status(), Status::token_not_found);
  EXPECT_STREQ(transport.error().native_name, "ENOENT");
  if (access("/dev/tpmrm0", F_OK) != 0) {
    EXPECT_EQ(Transport::open("").status(), Status::token_not_found) << "the default";
  }
}

TEST(Transport, ADeviceOfOthersNamesTheGroup) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root to become somebody else";
  const test::TemporaryFolder folder;
  const std::string path = folder.write("tpmrm", "", 0600);
  ASSERT_EQ(chmod(folder.path().c_str(), 0755), 0);
  const pid_t child = fork();
  if (child == 0) {
    if (setuid(65534) != 0) _exit(2);
    const auto transport = Transport::open("device:" + path);
    const bool is_told = transport.status() == Status::permission_denied &&
                         std::string_view(transport.error().native_name) == "EACCES" &&
                         std::string_view(transport.error().hint).find("tss") != std::string_view::npos;
    _exit(is_told ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
}

TEST(Transport, OnlyKnownNamesAreLoaded) {
  // `cmd` starts a program and `pcap` writes a file: a URI may do neither.
  for (const std::string_view tcti :
       {"cmd:true", "pcap:swtpm", "nothing", ":", "libtss2-tcti-swtpm.so.0", "./x.so"}) {
    EXPECT_EQ(Transport::open(tcti).status(), Status::invalid_uri) << tcti;
  }
}

TEST(Transport, ALibraryThatOthersCanChangeIsNotLoaded) {
  const test::TemporaryFolder folder;
  const std::string path = folder.write("tcti.so", "not a library", 0666);
  EXPECT_EQ(Transport::open(path).status(), Status::file_untrusted);
  EXPECT_EQ(Transport::open(folder.file("missing.so")).status(), Status::file_invalid);
}

TEST(Transport, ASimulatorThatIsNotThereSaysSo) {
  setenv("TSS2_LOG", "all+none", 1);
  const test::TemporaryFolder folder;
  const auto transport = Transport::open("swtpm:path=" + folder.file("nobody"));
  ASSERT_EQ(transport.status(), Status::token_not_found);
  EXPECT_NE(transport.error().detail.view().find("swtpm:path="), std::string_view::npos);
}

}  // namespace
}  // namespace holdfast::hal::tpm2
