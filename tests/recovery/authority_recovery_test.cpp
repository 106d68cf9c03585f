// SPDX-License-Identifier: Apache-2.0
//
// The authority is killed in the middle of a registration: an error that says so, a signer that is none the worse,
// and a task as soon as the authority is back.
#include "holdfast/registrar.hpp"

#include "hal/registry.hpp"
#include "tests/recovery/working_signer.hpp"
#include "tests/support/authority_process.hpp"
#include "tests/support/softhsm.hpp"

#include <atomic>
#include <optional>

namespace holdfast::test {
namespace {

class AuthorityRecovery : public testing::Test {
 protected:
  void SetUp() override {
    HOLDFAST_SKIP_WITHOUT_SOFTHSM();
    authority_.emplace(std::vector<std::string>{"--listen", lasting_address()}, folder_.path());
    ASSERT_TRUE(authority_->is_ready()) << authority_->log();
    const auto device = open_for_test(hsm_.uri("", SoftHsm::module_path()), hal::DeviceAccess::provision);
    const auto made = device->key_generator()->generate({Scheme::ed25519, "agent", {}}, hal::kNoDeadline);
    ASSERT_TRUE(made) << as_told(made.error());
    RegistrarOptions options;
    options.authority_url = authority_->url();
    options.ca_file = authority_->certificate();
    auto registrar = Registrar::create(options);
    ASSERT_TRUE(registrar) << as_told(registrar.error());
    registrar_.emplace(std::move(*registrar));
    const std::string bearer = authority_->bearer();
    const auto id = registrar_->register_agent(
        {.public_key = *made->description.public_key, .access_token = bearer, .agent_version = "0.1.0"}, 20s);
    ASSERT_TRUE(id) << as_told(id.error());
    const std::string runtime_id(id->view());
    signer_.emplace(hsm_.uri("agent", SoftHsm::module_path()),
                    [&](SignerOptions& options_of_signer) { options_of_signer.runtime_id = runtime_id; });
  }
  Error register_task(std::chrono::milliseconds timeout) {
    const auto task = registrar_->register_task(signer_->signer(), timeout);
    return task ? Error() : task.error();
  }
  /// The same authority, with its database, at the same address.
  void start_again() {
    const std::string address = authority_->origin().substr(std::string("https://").size());
    authority_.reset();
    authority_.emplace(std::vector<std::string>{"--listen", address}, folder_.path());
    ASSERT_TRUE(authority_->is_ready()) << authority_->log();
  }

  const SoftHsm hsm_{SoftHsm::is_installed() ? SoftHsm::kLabel : ""};
  TemporaryFolder folder_;
  std::optional<AuthorityProcess> authority_;
  std::optional<Registrar> registrar_;
  std::optional<WorkingSigner> signer_;
};

TEST_F(AuthorityRecovery, KilledInTheMiddleOfARegistration) {
  EXPECT_ASKED(register_task(20s), ok);
  for (int i = 0; i < 2; ++i) {
    // Stopped, so that the request is under way for certain when it dies.
    ASSERT_EQ(kill(authority_->pid(), SIGSTOP), 0);
    siginfo_t stopped{};
    ASSERT_EQ(waitid(P_PID, static_cast<id_t>(authority_->pid()), &stopped, WSTOPPED), 0);
    const std::uint64_t before = signer_->counters().signatures;
    Error answer;
    std::thread caller([&] { answer = register_task(20s); });
    await([&] { return signer_->counters().signatures > before; });
    std::this_thread::sleep_for(20ms);
    EXPECT_EQ(authority_->stop(SIGKILL), 128 + SIGKILL);
    caller.join();
    EXPECT_EQ(answer.status, Status::authority_unavailable) << as_told(answer);
    EXPECT_ASKED(signer_->ask(10s), ok);
    start_again();
    EXPECT_ASKED(register_task(60s), ok);
  }
  EXPECT_EQ(signer_->counters().device_errors, 0U);
}

}  // namespace
}  // namespace holdfast::test
