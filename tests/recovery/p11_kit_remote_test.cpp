// SPDX-License-Identifier: Apache-2.0
//
// A token behind p11-kit's server, whose client writes to a dead socket without MSG_NOSIGNAL: with SIGPIPE at its
// default the process would die.
#include "hal/registry.hpp"
#include "tests/recovery/working_signer.hpp"
#include "tests/support/p11_kit_server.hpp"
#include "tests/support/softhsm.hpp"

#include <signal.h>

#include <optional>

namespace holdfast::test {
namespace {

class P11KitRemote : public testing::Test {
 protected:
  void SetUp() override {
    HOLDFAST_SKIP_WITHOUT_SOFTHSM();
    HOLDFAST_SKIP_WITHOUT_P11_KIT_SERVER();
    signal(SIGPIPE, SIG_DFL);
    // P-256: this version's remote protocol has no CKM_EDDSA.
    const auto device = open_for_test(hsm_.uri("", SoftHsm::module_path()), hal::DeviceAccess::provision);
    ASSERT_TRUE(device->key_generator()->generate({Scheme::es256, "agent", {}}, hal::kNoDeadline));
    remote_.emplace(hsm_.folder().file("p11"));
  }
  [[nodiscard]] std::string uri() const { return hsm_.uri("agent", P11KitServer::client_path()); }

  const SoftHsm hsm_{SoftHsm::is_installed() ? SoftHsm::kLabel : ""};
  std::optional<P11KitServer> remote_;
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
