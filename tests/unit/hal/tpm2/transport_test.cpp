// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/transport.hpp"

#include "hal/trusted_file.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gtest/gtest.h>
#include <tss2/tss2_common.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>

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

// What else the system says of a path is told by its name.
TEST(Transport, APathThatIsNoDeviceSaysWhatItIs) {
  const test::TemporaryFolder folder;
  const auto transport = Transport::open("device:" + folder.path());
  ASSERT_EQ(transport.status(), Status::token_not_found);
  EXPECT_STREQ(transport.error().native_name, "EISDIR");
  const std::string file = folder.write("tpmrm", "", 0700);
  const auto below = Transport::open("device:" + file + "/tpmrm0");
  ASSERT_EQ(below.status(), Status::token_not_found);
  EXPECT_STREQ(below.error().native_name, "ENOTDIR");
  // Named like the raw device, and another one.
  for (const std::string_view tcti : {"device:/dev/tpm", "device:/dev/tpm-of-nobody", "device:/dev/tp"}) {
    EXPECT_EQ(Transport::open(tcti).status(), Status::token_not_found) << tcti;
  }
}

TEST(Transport, WhatIsTooLongIsRefused) {
  const std::string longest(600, 'x');
  for (const std::string& tcti : {"device:/dev/" + longest, "swtpm:path=/" + longest, "mssim:host=" + longest}) {
    const auto transport = Transport::open(tcti);
    ASSERT_EQ(transport.status(), Status::invalid_uri) << tcti;
    EXPECT_NE(transport.error().detail.view().find("is too long"), std::string_view::npos);
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

TEST(Transport, AFileThatIsNoLibraryIsNoWayToATpm) {
  setenv("TSS2_LOG", "all+none", 1);
  const test::TemporaryFolder folder;
  const std::string path = folder.write("tcti.so", "not a library", 0644);
  const auto transport = Transport::open(path + ":some=thing");
  ASSERT_EQ(transport.status(), Status::token_not_found);
  EXPECT_NE(transport.error().detail.view().find("no TPM answers at"), std::string_view::npos);
}

TEST(Transport, ThatIsNotOpenHasNoConnection) {
  Transport transport;
  std::array<std::byte, 16> response{};
  std::size_t size = 1;
  EXPECT_EQ(transport.exchange(response, response, size, system_clock(), kNoDeadline), TSS2_TCTI_RC_NO_CONNECTION);
  EXPECT_EQ(size, 0U);
  EXPECT_FALSE(transport.is_open());
}

TEST(Transport, ASimulatorThatIsNotThereSaysSo) {
  setenv("TSS2_LOG", "all+none", 1);
  const test::TemporaryFolder folder;
  const auto transport = Transport::open("swtpm:path=" + folder.file("nobody"));
  ASSERT_EQ(transport.status(), Status::token_not_found);
  EXPECT_NE(transport.error().detail.view().find("swtpm:path="), std::string_view::npos);
}

// Two ports in a row, as the TPM simulator has them: commands on the first, which are taken and never answered, and
// the platform on the second, which says yes to everything.
class SilentSimulator {
 public:
  SilentSimulator() {
    do {
      commands_ = FileDescriptor(listen_on(0));
      port_ = port_of(commands_.get());
      platform_ = FileDescriptor(listen_on(static_cast<std::uint16_t>(port_ + 1)));
    } while (!platform_);
    thread_ = std::thread([this] {
      const FileDescriptor command(accept(commands_.get(), nullptr, nullptr));
      const FileDescriptor platform(accept(platform_.get(), nullptr, nullptr));
      std::array<char, 4> word{};
      while (recv(platform.get(), word.data(), word.size(), MSG_WAITALL) == std::ssize(word)) {
        constexpr std::array<char, 4> kYes{};
        send(platform.get(), kYes.data(), kYes.size(), MSG_NOSIGNAL);
      }
    });
  }
  ~SilentSimulator() { thread_.join(); }
  SilentSimulator(const SilentSimulator&) = delete;
  SilentSimulator& operator=(const SilentSimulator&) = delete;

  [[nodiscard]] std::string tcti() const { return "mssim:host=127.0.0.1,port=" + std::to_string(port_); }

 private:
  static int listen_on(std::uint16_t port) {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
        listen(listener, 4) == 0) {
      return listener;
    }
    close(listener);
    return -1;
  }
  static std::uint16_t port_of(int listener) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
  }

  FileDescriptor commands_;
  FileDescriptor platform_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

TEST(Transport, AnAnswerThatDoesNotComeIsGivenUp) {
  const SilentSimulator simulator;
  auto transport = Transport::open(simulator.tcti());
  ASSERT_TRUE(transport) << transport.error().detail.view();
  constexpr std::array<std::byte, 12> kGetRandom{
      std::byte{0x80}, std::byte{0x01}, {}, {},          {}, std::byte{12}, {}, {},
      std::byte{0x01}, std::byte{0x7B}, {}, std::byte{8}};
  std::array<std::byte, kMaxMessageSize> response{};
  std::size_t size = 1;
  const BootTime soon = system_clock().boot().after(std::chrono::milliseconds(30));
  EXPECT_EQ(transport->exchange(kGetRandom, response, size, system_clock(), soon), TSS2_TCTI_RC_TRY_AGAIN);
  EXPECT_EQ(size, 0U);
  EXPECT_GE(system_clock().boot(), soon);
  transport->close();
}

}  // namespace
}  // namespace holdfast::hal::tpm2
