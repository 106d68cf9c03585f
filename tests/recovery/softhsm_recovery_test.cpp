// SPDX-License-Identifier: Apache-2.0
//
// SoftHSM whose token folder goes away, comes back, or comes back as another one; and two signers on one module.
#include "hal/registry.hpp"
#include "src/signer/signer_core.hpp"
#include "tests/recovery/working_signer.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/raw_session.hpp"
#include "tests/support/softhsm.hpp"

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

class SoftHsmRecovery : public testing::Test {
 protected:
  void SetUp() override {
    HOLDFAST_SKIP_WITHOUT_SOFTHSM();
    make_key("agent");
  }
  void TearDown() override {
    if (SoftHsm::is_installed()) shim_control().clear_faults();
  }
  void make_key(std::string_view label, Scheme scheme = Scheme::ed25519) const {
    const auto device = open_for_test(hsm_.uri("", SoftHsm::module_path()), hal::DeviceAccess::provision);
    const auto made = device->key_generator()->generate({scheme, label, {}}, hal::kNoDeadline);
    if (!made) throw std::runtime_error(as_told(made.error()));
  }
  [[nodiscard]] std::string uri() const { return hsm_.uri("agent", SoftHsm::module_path()); }
  [[nodiscard]] std::string shimmed() const { return hsm_.uri("agent", SoftHsm::shim_path()); }

  /// Somewhere else on the same file system: one rename away.
  [[nodiscard]] std::string elsewhere() const { return hsm_.folder().file("elsewhere"); }
  void take_folder_away() const { fs::rename(hsm_.token_folder(), elsewhere()); }
  void bring_folder_back() const { fs::rename(elsewhere(), hsm_.token_folder()); }
  [[nodiscard]] fs::path token() const { return fs::directory_iterator(hsm_.token_folder())->path(); }

  const SoftHsm hsm_{SoftHsm::is_installed() ? SoftHsm::kLabel : ""};
};

TEST_F(SoftHsmRecovery, AFolderMovedAwayAndBackIsRecoveredUnderAWaitingCall) {
  WorkingSigner signer(uri());
  EXPECT_ASKED(signer.ask(10s), ok);
  for (int i = 1; i <= 3; ++i) {
    take_folder_away();
    Error answer;
    const std::uint64_t errors = signer.counters().device_errors;
    std::thread caller([&] { answer = signer.ask(60s); });
    await([&] { return signer.counters().device_errors > errors + 2; });
    bring_folder_back();
    caller.join();
    EXPECT_ASKED(answer, ok);
    EXPECT_EQ(signer.counters().recoveries, static_cast<std::uint64_t>(i));
  }
  EXPECT_GE(signer.counters().resets, 3U);
  EXPECT_ASKED(signer.register_task(10s), ok);
}

TEST_F(SoftHsmRecovery, ATaskRegistrationRecoversJustTheSame) {
  WorkingSigner signer(uri());
  take_folder_away();
  EXPECT_ASKED(signer.register_task(100ms), device_gone);
  bring_folder_back();
  EXPECT_ASKED(signer.register_task(60s), ok);
}

TEST_F(SoftHsmRecovery, AFolderKeptAwayEndsInOneClearErrorAtTheDeadline) {
  WorkingSigner signer(uri());
  take_folder_away();
  for (int i = 0; i < 3; ++i) {
    // The first one also has to notice the loss, and to get as far as a reset: what is told before has no code.
    const Error error = signer.ask(i == 0 ? 2s : 200ms);
    EXPECT_EQ(error.status, Status::device_gone) << as_told(error);
    EXPECT_EQ(error.layer, Layer::pkcs11);
    EXPECT_NE(error.native, 0U) << as_told(error);
    EXPECT_EQ(hint_of(error), "plug it in or start it again; the next call reconnects");
  }
  bring_folder_back();
  EXPECT_ASKED(signer.ask(60s), ok);
}

TEST_F(SoftHsmRecovery, ATokenThatLeavesAnEmptyFolderBehindIsWaitedForToo) {
  // The module can be initialised then, and has no token.
  WorkingSigner signer(uri());
  const fs::path home = token();
  fs::rename(home, elsewhere());
  EXPECT_ASKED(signer.ask(300ms), device_gone);
  fs::rename(elsewhere(), home);
  EXPECT_ASKED(signer.ask(60s), ok);
}

TEST_F(SoftHsmRecovery, AnotherKeyUnderTheSameNameIsRefusedForGood) {
  WorkingSigner signer(uri());
  const fs::path home = token();
  fs::copy(home, elsewhere(), fs::copy_options::recursive);
  // Initialised again by another process; it keeps its serial number, and gets the same PIN.
  const std::string command = "softhsm2-util --init-token --token agents --label agents --so-pin " +
                              std::string(SoftHsm::kSoPin) + " --pin " + std::string(SoftHsm::kUserPin) +
                              " >/dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0);  // NOLINT: a test's own literals
  EXPECT_EQ(run_in_child([&] {
              make_key("agent");
              return true;
            }),
            0);
  EXPECT_ASKED(signer.ask(60s), key_changed);
  EXPECT_ASKED(signer.ask(60s), key_changed);
  fs::remove_all(home);
  fs::rename(elsewhere(), home);
  EXPECT_ASKED(signer.ask(60s), key_changed);
  EXPECT_ASKED(signer.register_task(60s), key_changed);
  EXPECT_ASKED(WorkingSigner(uri()).ask(10s), ok);
}

TEST_F(SoftHsmRecovery, ADeletedKeyIsNamedAtOnce) {
  WorkingSigner signer(uri());
  EXPECT_EQ(run_in_child([&] {
              const auto device = open_for_test(uri(), hal::DeviceAccess::provision);
              const auto key = device->find_key({}, hal::kNoDeadline);
              return key && device->key_inventory()->destroy(*key);
            }),
            0);
  EXPECT_ASKED(signer.ask(60s), key_not_found);
}

TEST_F(SoftHsmRecovery, AResetNeverLogsOut) {
  shim_control().reset_counts();
  WorkingSigner signer(shimmed());
  take_folder_away();
  EXPECT_ASKED(signer.ask(100ms), device_gone);
  bring_folder_back();
  EXPECT_ASKED(signer.ask(60s), ok);
  EXPECT_EQ(shim_control().count("C_Logout"), 0U);
  EXPECT_EQ(shim_control().count("C_CloseAllSessions"), 0U);
}

TEST_F(SoftHsmRecovery, NoResetAndNoLoginFollowARefusedPin) {
  constexpr unsigned long kPinIncorrect = 0xA0;
  const ShimControl& shim = shim_control();
  WorkingSigner signer(shimmed());
  take_folder_away();
  EXPECT_ASKED(signer.ask(50ms), device_gone);
  bring_folder_back();
  shim.reset_counts();
  shim.fail("C_Login", 0, kPinIncorrect);
  EXPECT_ASKED(signer.ask(60s), pin_incorrect);
  const std::uint64_t resets = shim.count("C_Finalize");
  shim.clear_faults();
  for (int i = 0; i < 3; ++i) EXPECT_ASKED(signer.ask(60s), pin_incorrect);
  EXPECT_EQ(shim.count("C_Login"), 1U);
  EXPECT_EQ(shim.count("C_Finalize"), resets);
}

TEST_F(SoftHsmRecovery, InAModuleOfTheHostTheKeyIsFoundAgainAfterTheHostsOwnReset) {
  std::optional<RawSession> host(SoftHsm::kLabel);
  WorkingSigner signer(uri(), [](SignerOptions& options) { options.share_module = true; });
  EXPECT_ASKED(signer.ask(10s), ok);
  take_folder_away();
  const Error away = signer.ask(2s);
  EXPECT_EQ(away.status, Status::reset_not_ours) << as_told(away);
  EXPECT_EQ(hint_of(away), "let its owner initialise it again");
  bring_folder_back();
  // SoftHSM itself needs the reset, which is its owner's
  EXPECT_ASKED(signer.ask(2s), reset_not_ours);
  host.reset();  // C_Finalize
  host.emplace(SoftHsm::kLabel);
  EXPECT_ASKED(signer.ask(60s), ok);
  EXPECT_EQ(signer.counters().resets, 0U);
}

// ---- two signers, one module -----------------------------------------------------------------------------------

struct Pair {
  hal::DevicePtr device{nullptr, [](hal::KeyDevice*) noexcept {}};
  std::unique_ptr<SignerCore> core;
};

TEST_F(SoftHsmRecovery, TwoSignersOnOneModuleSurviveEachOthersResets) {
  make_key("other", Scheme::es256);
  const auto open = [&](std::string_view label) {
    Pair pair;
    pair.device = open_for_test(hsm_.uri(label, SoftHsm::shim_path()), hal::DeviceAccess::sign, 2);
    const SignerCore::Settings settings{.runtime_id = RuntimeId::parse("agent-123").value()};
    auto parts = SignerCore::prepare(*pair.device, hal::system_clock(), settings);
    if (!parts) throw std::runtime_error(as_told(parts.error()));
    pair.core = std::make_unique<SignerCore>(*pair.device, hal::system_clock(), std::move(*parts));
    return pair;
  };
  Pair pairs[] = {open("agent"), open("other")};
  std::atomic<int> signing{4};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      SignerCore& core = *pairs[i % 2].core;
      for (int round = 0; round < 60; ++round) {
        std::array<char, kMaxAuthorizationSize> out{};
        const TaskId task = TaskId::parse("task-" + std::to_string(i)).value();
        const auto size = core.authorization(task, 100s, out, Freshness::fresh);
        EXPECT_TRUE(size) << as_told(size.error());
        if (!size) continue;
        const auto parsed = parse_authorization({out.data(), *size});
        EXPECT_TRUE(parsed && verify_assertion(*parsed, core.public_key(), {.now = parsed->time, .seconds = 0}));
      }
      signing.fetch_sub(1);
    });
  }
  int resets = 0;
  while (signing.load() > 0) {
    // Now the one, now the other, while both sign.
    const auto reset = reset_among_signers(*pairs[resets % 2].device);
    EXPECT_TRUE(reset) << as_told(reset.error());
    ++resets;
    std::this_thread::sleep_for(20ms);
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(resets, 0);
  EXPECT_EQ(shim_control().overlaps(), 0U);
}

TEST_F(SoftHsmRecovery, TwoSignersOnOneModuleRecoverTogether) {
  WorkingSigner one(uri());
  WorkingSigner two(uri());
  for (int i = 0; i < 2; ++i) {
    take_folder_away();
    std::array<Error, 2> answers;
    std::thread first([&] { answers[0] = one.ask(60s); });
    std::thread second([&] { answers[1] = two.ask(60s); });
    std::this_thread::sleep_for(150ms);
    bring_folder_back();
    first.join();
    second.join();
    EXPECT_ASKED(answers[0], ok);
    EXPECT_ASKED(answers[1], ok);
    EXPECT_ASKED(one.ask(60s), ok);
    EXPECT_ASKED(two.ask(60s), ok);
  }
}

}  // namespace
}  // namespace holdfast::test
