// SPDX-License-Identifier: Apache-2.0
//
// A native call that does not return holds its caller, and nobody else.
#include "hal/registry.hpp"
#include "tests/recovery/working_signer.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/softhsm.hpp"

#include <atomic>
#include <cstring>
#include <optional>
#include <vector>

namespace holdfast::test {
namespace {

// The next signatures, that many, stay inside until they are let go.
std::atomic<int> g_to_hold{0};
std::atomic<int> g_held{0};
std::atomic<bool> g_is_let_go{false};

void hold(const char* function, void*) {
  if (std::strcmp(function, "C_Sign") != 0 || g_to_hold.fetch_sub(1) <= 0) return;
  g_held.fetch_add(1);
  await([] { return g_is_let_go.load(); });
  g_held.fetch_sub(1);
}

class HungCall : public testing::Test {
 protected:
  void SetUp() override {
    HOLDFAST_SKIP_WITHOUT_SOFTHSM();
    const auto device = open_for_test(hsm_.uri("", SoftHsm::module_path()), hal::DeviceAccess::provision);
    ASSERT_TRUE(device->key_generator()->generate({Scheme::ed25519, "agent", {}}, hal::kNoDeadline));
    shim_control().observe(&hold, nullptr);
  }
  void TearDown() override {
    if (!SoftHsm::is_installed()) return;
    let_go();
    shim_control().observe(nullptr, nullptr);
  }
  [[nodiscard]] std::string uri() const { return hsm_.uri("agent", SoftHsm::shim_path()); }

  /// Callers in a native signature that does not return.
  void hang(WorkingSigner& signer, int callers) {
    g_is_let_go = false;
    g_to_hold = callers;
    for (int i = 0; i < callers; ++i) {
      hung_.emplace_back([&signer, i, this] { answers_[i] = signer.ask(10ms, "hung-" + std::to_string(i)); });
    }
    await([callers] { return g_held.load() == callers; });
  }
  void let_go() {
    g_to_hold = 0;
    g_is_let_go = true;
    for (std::thread& thread : hung_) thread.join();
    hung_.clear();
  }

  const SoftHsm hsm_{SoftHsm::is_installed() ? SoftHsm::kLabel : ""};
  std::vector<std::thread> hung_;
  Error answers_[8];
};

TEST_F(HungCall, TheOthersGoOnMeanwhile) {
  WorkingSigner signer(uri());
  hang(signer, 2);
  for (int i = 0; i < 5; ++i) EXPECT_ASKED(signer.ask(10s), ok);
  let_go();
  // it came back, and its signature is as good as any
  EXPECT_ASKED(answers_[0], ok);
  EXPECT_EQ(signer.counters().abandoned_calls, 0U);
}

TEST_F(HungCall, WithEverySessionHungTheOthersReturnInTimeAndThenGoOn) {
  WorkingSigner signer(uri(), [](SignerOptions& options) { options.sessions = 2; });
  hang(signer, 2);
  EXPECT_ASKED(signer.ask(50ms), deadline_exceeded);
  EXPECT_ASKED(signer.ask(60s), ok);  // as soon as one of the two sessions is given up
  await([&] { return signer.counters().abandoned_calls == 2; });
  EXPECT_ASKED(signer.ask(10s), ok);
  const std::int64_t sessions = shim_control().open_sessions();
  let_go();
  EXPECT_EQ(shim_control().open_sessions(), sessions - 2) << "who comes back closes what was given up";
  EXPECT_EQ(signer.counters().abandoned_calls, 2U);
  EXPECT_ASKED(signer.ask(10s), ok);
  EXPECT_EQ(shim_control().overlaps(), 0U);
}

TEST_F(HungCall, TheCounterSeesACallThatNobodyMissed) {
  WorkingSigner signer(uri());
  hang(signer, 1);
  await([&] { return signer.counters().abandoned_calls == 1; });
  EXPECT_ASKED(signer.ask(10s), ok);
  let_go();
}

TEST_F(HungCall, AResetIsRefusedInTimeWhileACallIsInside) {
  const auto device = open_for_test(uri(), hal::DeviceAccess::sign, 2);
  const auto key = device->find_key({}, hal::kNoDeadline);
  ASSERT_TRUE(key);
  g_is_let_go = false;
  g_to_hold = 1;
  hung_.emplace_back([&] {
    const std::array<std::byte, 4> message{};
    (void)device->sign(*key, Scheme::ed25519, message, hal::system_clock().boot());
  });
  await([] { return g_held.load() == 1; });
  EXPECT_EQ(device->reset(hal::kNoDeadline).status(), Status::device_gone) << "it waits a second, and not for ever";
  const auto again = device->find_key({}, hal::kNoDeadline);
  EXPECT_TRUE(again) << as_told(again.error());
  await([&] { return device->abandoned_calls() == 1; });
  const auto refused = device->reset(hal::kNoDeadline);
  EXPECT_EQ(refused.status(), Status::device_gone);
  EXPECT_EQ(hint_of(refused.error()), "restart this process if the call stays away");
  let_go();
  const auto done = device->reset(hal::kNoDeadline);
  EXPECT_TRUE(done) << as_told(done.error());
}

TEST_F(HungCall, ClosingDoesNotWaitForItForEver) {
  // In a child: what is left behind is left behind on purpose.
  EXPECT_EQ(run_in_child([&] {
              shim_control().reset_counts();
              std::optional<WorkingSigner> signer(std::in_place, uri());
              hang(*signer, 1);
              signer->signer() = std::move(WorkingSigner(uri()).signer());
              const bool is_unfinalised = shim_control().count("C_Finalize") == 0;
              const bool others_sign = signer->ask(10s).status == Status::ok;
              let_go();  // and the thread finds everything where it was
              signer.reset();
              return is_unfinalised && others_sign && shim_control().count("C_Finalize") == 0;
            }),
            0);
}

}  // namespace
}  // namespace holdfast::test
