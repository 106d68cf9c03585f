// SPDX-License-Identifier: Apache-2.0
//
// A token behind p11-kit's server, whose client writes to a dead socket without MSG_NOSIGNAL: with SIGPIPE at its
// default the process would die.
#include "hal/registry.hpp"
#include "tests/recovery/working_signer.hpp"
#include "tests/support/softhsm.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

namespace holdfast::test {
namespace {

constexpr const char* kServer = "/usr/libexec/p11-kit/p11-kit-server";

bool is_required() {
  const char* list = std::getenv("HOLDFAST_REQUIRE");
  const std::string names = "," + std::string(list != nullptr ? list : "") + ",";
  return names.find(",all,") != std::string::npos || names.find(",p11-kit-remote,") != std::string::npos;
}

bool is_installed() { return access(kServer, X_OK) == 0 && access(HOLDFAST_TEST_P11_KIT_CLIENT, R_OK) == 0; }

/// `p11-kit server` in front of SoftHSM, in a process group of its own: it forks one process for each client, which
/// outlives it.
class Remote {
 public:
  explicit Remote(std::string socket) : socket_(std::move(socket)) { start(); }
  ~Remote() { kill_all(); }
  Remote(const Remote&) = delete;
  Remote& operator=(const Remote&) = delete;

  void start() {
    std::filesystem::remove(socket_);
    const std::string provider = SoftHsm::module_path();
    const pid_t parent = getpid();
    process_ = fork();
    if (process_ == 0) {
      setpgid(0, 0);
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent) _exit(1);
      execl(kServer, "p11-kit-server", "--foreground", "--name", socket_.c_str(), "--provider", provider.c_str(),
            "pkcs11:token=agents", nullptr);
      _exit(127);
    }
    setpgid(process_, process_);
    await([&] { return is_answered(); });
  }
  /// The server and everything it forked, as a crash or an upgrade would.
  void kill_all() {
    if (process_ <= 0) return;
    killpg(process_, SIGKILL);
    while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
    }
    process_ = -1;
  }

 private:
  [[nodiscard]] bool is_answered() const {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket_.copy(address.sun_path, sizeof address.sun_path - 1);
    const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool is_there = connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    close(probe);
    return is_there;
  }

  std::string socket_;
  pid_t process_ = -1;
};

class P11KitRemote : public testing::Test {
 protected:
  void SetUp() override {
    HOLDFAST_SKIP_WITHOUT_SOFTHSM();
    if (!is_installed()) {
      if (is_required()) FAIL() << "p11-kit-remote is required and not installed";
      GTEST_SKIP() << "p11-kit-remote";
    }
    signal(SIGPIPE, SIG_DFL);
    // P-256: this version's remote protocol has no CKM_EDDSA.
    const auto device = open_for_test(hsm_.uri("", SoftHsm::module_path()), hal::DeviceAccess::provision);
    ASSERT_TRUE(device->key_generator()->generate({Scheme::es256, "agent", {}}, hal::kNoDeadline));
    const std::string socket = hsm_.folder().file("p11");
    setenv("P11_KIT_SERVER_ADDRESS", ("unix:path=" + socket).c_str(), 1);
    remote_.emplace(socket);
  }
  [[nodiscard]] std::string uri() const { return hsm_.uri("agent", HOLDFAST_TEST_P11_KIT_CLIENT); }

  const SoftHsm hsm_{SoftHsm::is_installed() ? SoftHsm::kLabel : ""};
  std::optional<Remote> remote_;
};

TEST_F(P11KitRemote, AKilledHelperDoesNotKillUsAndIsRecovered) {
  WorkingSigner signer(uri());
  EXPECT_ASKED(signer.ask(10s), ok);
  for (int i = 1; i <= 3; ++i) {
    remote_->kill_all();
    EXPECT_ASKED(signer.ask(200ms), device_gone);
    remote_->start();
    EXPECT_ASKED(signer.ask(60s), ok);
    EXPECT_EQ(signer.counters().recoveries, static_cast<std::uint64_t>(i));
  }
  remote_->kill_all();  // and closing over a dead socket is as quiet
}

TEST_F(P11KitRemote, OneReplacedBetweenTwoCallsCostsNoError) {
  WorkingSigner signer(uri());
  EXPECT_ASKED(signer.ask(10s), ok);
  remote_->kill_all();
  remote_->start();
  EXPECT_ASKED(signer.ask(60s), ok);
}

TEST_F(P11KitRemote, TheHostsOwnSigpipeStaysAsItWas) {
  WorkingSigner signer(uri());
  remote_->kill_all();
  EXPECT_ASKED(signer.ask(100ms), device_gone);
  struct sigaction action {};
  sigaction(SIGPIPE, nullptr, &action);
  EXPECT_EQ(action.sa_handler, SIG_DFL);
  sigset_t now;
  sigemptyset(&now);
  pthread_sigmask(SIG_BLOCK, nullptr, &now);
  EXPECT_EQ(sigismember(&now, SIGPIPE), 0);
  sigpending(&now);
  EXPECT_EQ(sigismember(&now, SIGPIPE), 0);
}

// The host's word, checked at open, is as good as the shield.
TEST_F(P11KitRemote, AHostThatIgnoresSigpipeNeedsNoShield) {
  const auto without_shield = [](SignerOptions& options) { options.sigpipe_is_ignored = true; };
  EXPECT_THROW(WorkingSigner(uri(), without_shield), std::exception);
  signal(SIGPIPE, SIG_IGN);
  WorkingSigner signer(uri(), without_shield);
  EXPECT_ASKED(signer.ask(10s), ok);
  remote_->kill_all();
  EXPECT_ASKED(signer.ask(200ms), device_gone);
  remote_->start();
  EXPECT_ASKED(signer.ask(60s), ok);
}

}  // namespace
}  // namespace holdfast::test
