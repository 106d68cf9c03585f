// SPDX-License-Identifier: Apache-2.0
//
// A native call that does not return holds its caller, and nobody else.
#include "hal/registry.hpp"
#include "src/verification/sealed_box.hpp"
#include "tests/recovery/working_signer.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/raw_session.hpp"
#include "tests/support/softhsm.hpp"

#include <atomic>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::test {
namespace {

// The next calls of a function, that many, stay inside until they are let go.
std::atomic<const char*> g_function{"C_Sign"};
std::atomic<int> g_to_hold{0};
std::atomic<int> g_held{0};
std::atomic<bool> g_is_let_go{false};
constexpr unsigned long kSessionClosed = 0xB0;

void hold(const char* function, void*) {
  if (std::strcmp(function, g_function.load()) != 0 || g_to_hold.fetch_sub(1) <= 0) return;
  g_held.fetch_add(1);
  await([] { return g_is_let_go.load(); });
  g_held.fetch_sub(1);
}

// Of this process, in KiB: what a child finds wiped and no core dump has (proc(5), smaps: VmFlags), which here are
// PINs.
std::size_t secret_memory() {
  std::ifstream maps("/proc/self/smaps");
  std::size_t sum = 0;
  std::size_t size = 0;
  for (std::string line; std::getline(maps, line);) {
    (void)std::sscanf(line.c_str(), "Size: %zu", &size);
    const auto has = [&line](const char* flag) { return line.find(flag) != std::string::npos; };
    if (line.starts_with("VmFlags:") && has(" wf") && has(" dd")) sum += size;
  }
  return sum;
}

class HungCall : public testing::Test {
 protected:
  void SetUp() override {
    HOLDFAST_SKIP_WITHOUT_SOFTHSM();
    const auto device = open_for_test(hsm_.uri("", SoftHsm::module_path()), hal::DeviceAccess::provision);
    ASSERT_TRUE(device->key_generator()->generate({Scheme::ed25519, "agent", {}}, hal::kNoDeadline));
    g_function = "C_Sign";
    shim_control().observe(&hold, nullptr);
  }
  void TearDown() override {
    if (!SoftHsm::is_installed()) return;
    let_go();
    shim_control().observe(nullptr, nullptr);
  }
  [[nodiscard]] std::string uri() const { return hsm_.uri("agent", SoftHsm::shim_path()); }

  /// Callers in a native signature that does not return.
  void hang(WorkingSigner& signer, int callers, std::chrono::milliseconds timeout = 10ms) {
    g_is_let_go = false;
    g_to_hold = callers;
    for (int i = 0; i < callers; ++i) {
      hung_.emplace_back(
          [&signer, i, timeout, this] { answers_[i] = signer.ask(timeout, "hung-" + std::to_string(i)); });
    }
    await([callers] { return g_held.load() == callers; });
  }
  /// A caller of `work` in a native call of `function` that does not return.
  void hang(const char* function, std::function<void()> work) {
    g_is_let_go = false;
    g_function = function;
    g_to_hold = 1;
    hung_.emplace_back(std::move(work));
    await([] { return g_held.load() == 1; });
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
  hang(signer, 2, 60s);  // not given up in the meantime
  for (int i = 0; i < 5; ++i) EXPECT_ASKED(signer.ask(10s), ok);
  let_go();
  // it came back, and its signature is as good as any
  EXPECT_ASKED(answers_[0], ok);
  EXPECT_EQ(signer.counters().abandoned_calls, 0U);
}

TEST_F(HungCall, WithEverySessionHungTheOthersReturnInTimeAndThenGoOn) {
  WorkingSigner signer(uri(), [](SignerOptions& options) { options.sessions = 2; });
  hang(signer, 2, 5s);  // no session is given up before the next call has ended, if that comes late
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

TEST_F(HungCall, WhoeverDescribesAKeyMeanwhileIsToldInTime) {
  const auto device = open_for_test(uri(), hal::DeviceAccess::sign, 2);
  const auto key = device->find_key({}, hal::kNoDeadline);
  ASSERT_TRUE(key);
  hang("C_GetAttributeValue", [&] { EXPECT_TRUE(device->describe(*key)); });
  const auto described = device->describe(*key, hal::system_clock().boot().after(50ms));
  EXPECT_EQ(described.status(), Status::deadline_exceeded) << as_told(described.error());
  let_go();
  EXPECT_TRUE(device->describe(*key, hal::system_clock().boot().after(10s)));
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

// protocol.md §7, vectors 1 and 2.
constexpr unsigned char kTwin[] = {0x28, 0xad, 0x39, 0xfe, 0xfd, 0x7f, 0xa3, 0xe2, 0x00, 0xa9, 0xc6,
                                   0x26, 0xee, 0xf5, 0x99, 0xe6, 0x1a, 0x2d, 0x05, 0x5c, 0x48, 0xa8,
                                   0x28, 0x8a, 0x4e, 0x7e, 0x4c, 0x4b, 0xca, 0x39, 0x28, 0x78};
constexpr std::string_view kTwinsKey =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
constexpr std::string_view kBox = "V9tLNZ8jrl4Ubk4lEgVnBHIlBjSMFQwUdT0Mkz0E1CHl6kKN5okRS43ADd/oDRNtjxtopKhskJE=";

TEST_F(HungCall, ClosingLeavesBehindWhatADerivationUses) {
  std::string twin_uri;
  {
    const auto device = open_for_test(hsm_.uri("", SoftHsm::module_path()), hal::DeviceAccess::provision);
    auto secret = hal::SecretBytes::allocate(sizeof kTwin);
    std::memcpy(secret->storage({}).data(), kTwin, sizeof kTwin);
    secret->set_size(sizeof kTwin);
    const auto twin = device->key_importer()->import_twin({Scheme::ed25519, "twin", {}}, *secret,
                                                          x25519_public_key(*parse_ssh_public_key(kTwinsKey)).value(),
                                                          hal::kNoDeadline);
    ASSERT_TRUE(twin) << as_told(twin.error());
    twin_uri = twin->description.uri.view();
  }
  EXPECT_EQ(run_in_child([&] {
              std::optional<WorkingSigner> signer(std::in_place, uri(),
                                                  [&](SignerOptions& options) { options.twin_uri = twin_uri; });
              SealedTaskOpener* opener = signer->signer().sealed_tasks();
              Status opened = Status::ok;
              hang("C_DeriveKey", [&] { opened = opener->open_sealed_task(kBox, 60s).status(); });
              signer->signer() = std::move(WorkingSigner(uri()).signer());
              let_go();  // and the thread finds everything where it was
              signer.reset();
              // The box is for the twin's own key, and this signer has another.
              return opened == Status::authority_answer_invalid;
            }),
            0);
}

// Why a login is made that hangs: we reset the module; the host's module lost our sessions; somebody logged out in
// it.
enum class Before { reset, lost_sessions, logout };

// What was closed meanwhile still has the PIN that the login reads when it goes on. Who comes back from it leaves
// neither that behind nor a session.
TEST_F(HungCall, ALoginThatHangsIsClosedAround) {
  for (const Before before : {Before::reset, Before::lost_sessions, Before::logout}) {
    const bool is_ours = before == Before::reset;
    EXPECT_EQ(run_in_child([&] {
                const std::size_t none = secret_memory();
                std::optional<RawSession> host;
                if (before == Before::logout) host.emplace(SoftHsm::kLabel);
                hal::DeviceOptions options;
                const std::string uri = this->uri();
                options.uri = uri;
                options.module_mode = is_ours ? hal::ModuleMode::own : hal::ModuleMode::share;
                auto device = hal::open_device(options);
                if (!device) return false;
                if (before == Before::lost_sessions) shim_control().fail("C_GetSessionInfo", 1, kSessionClosed);
                if (before == Before::logout) host->calls().C_Logout(host->handle());
                const std::int64_t lost = before == Before::lost_sessions ? shim_control().open_sessions() : 0;
                g_function = "C_Login";
                g_is_let_go = false;
                g_to_hold = 1;
                Status said{};
                std::thread login([&said, raw = device->get()] { said = raw->reset(hal::kNoDeadline).status(); });
                await([] { return g_held.load() == 1; });
                shim_control().reset_counts();
                device->reset();
                const bool is_left = shim_control().count("C_Finalize") == 0 && secret_memory() > none;
                g_is_let_go = true;
                login.join();
                // With anything but the PIN the token would have refused it.
                return is_left && said == (is_ours ? Status::ok : Status::reset_not_ours) &&
                       shim_control().overlaps() == 0 && shim_control().open_sessions() == lost &&
                       secret_memory() == none;
              }),
              0)
        << static_cast<int>(before);
  }
}

TEST_F(HungCall, ThePinIsWipedAtOnceIfNoLoginHangs) {
  EXPECT_EQ(run_in_child([&] {
              const std::size_t none = secret_memory();
              auto device = open_for_test(uri(), hal::DeviceAccess::sign);
              const auto key = device->find_key({}, hal::kNoDeadline);
              const bool is_kept = secret_memory() > none;
              hang("C_Sign", [&, raw = device.get()] {
                const std::array<std::byte, 4> message{};
                (void)raw->sign(*key, Scheme::ed25519, message, hal::kNoDeadline);
              });
              device.reset();
              const bool is_wiped = secret_memory() == none;
              let_go();
              return is_kept && is_wiped;
            }),
            0);
}

}  // namespace
}  // namespace holdfast::test
