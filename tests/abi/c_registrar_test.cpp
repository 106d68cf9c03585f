// SPDX-License-Identifier: Apache-2.0
//
// The registrar in a process of its own, as a C host starts it: before the token is opened.
#include "tests/abi/c_session_fixture.hpp"
#include "tests/integration/authority/http_client.hpp"
#include "tests/support/child_process.hpp"

#include <gmock/gmock.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

namespace holdfast::test {
namespace {

using testing::HasSubstr;

using RegistrarPtr = std::unique_ptr<holdfast_registrar, decltype(&holdfast_registrar_close)>;

class CRegistrar : public CSession {
 protected:
  void SetUp() override {
    CSession::SetUp();
    registrar_options_.identity_file = identity_file_.c_str();
    registrar_options_.start_timeout_ms = 60'000;
  }
  [[nodiscard]] RegistrarPtr start() {
    holdfast_registrar* registrar = nullptr;
    EXPECT_EQ(holdfast_registrar_start(&registrar_options_, &registrar, &error_), HOLDFAST_OK) << error_.message;
    options_.registrar = registrar;
    return {registrar, &holdfast_registrar_close};
  }
  holdfast_status refused_start() {
    auto* registrar = reinterpret_cast<holdfast_registrar*>(&registrar_options_);
    const holdfast_status status = holdfast_registrar_start(&registrar_options_, &registrar, &error_);
    EXPECT_NE(status, HOLDFAST_OK);
    EXPECT_EQ(registrar, nullptr) << "a handle after a failure";
    EXPECT_EQ(error_.status, status);
    return status;
  }
  static std::uint32_t state(holdfast_registrar* registrar) {
    std::uint32_t state = 12345;
    EXPECT_EQ(holdfast_registrar_state(registrar, &state, nullptr), HOLDFAST_OK);
    return state;
  }
  static pid_t process_id(holdfast_registrar* registrar) {
    std::int32_t id = 0;
    EXPECT_EQ(holdfast_registrar_process_id(registrar, &id, nullptr), HOLDFAST_OK);
    return id;
  }
  /// A copy of the descriptor that a parent passes on to its host.
  static int passed_on(holdfast_registrar* registrar) {
    std::int32_t socket = -1;
    EXPECT_EQ(holdfast_registrar_socket(registrar, &socket, nullptr), HOLDFAST_OK);
    return dup(socket);
  }
  [[nodiscard]] RegistrarPtr attach(int socket) {
    holdfast_registrar* registrar = nullptr;
    EXPECT_EQ(holdfast_registrar_attach(socket, &registrar, &error_), HOLDFAST_OK) << error_.message;
    options_.registrar = registrar;
    return {registrar, &holdfast_registrar_close};
  }
  static constexpr std::uint32_t kRunning = HOLDFAST_REGISTRAR_RUNNING;
  static constexpr std::uint32_t kGone = HOLDFAST_REGISTRAR_GONE;

  holdfast_registrar_options registrar_options_ = HOLDFAST_REGISTRAR_OPTIONS_INIT;
};

TEST_F(CRegistrar, CarriesTheRegistrationsOfASession) {
  const RegistrarPtr registrar = start();
  EXPECT_EQ(state(registrar.get()), kRunning);
  EXPECT_GT(process_id(registrar.get()), 0);
  EXPECT_NE(process_id(registrar.get()), getpid());
  const SessionPtr session = open();
  ASSERT_EQ(holdfast_session_register_task(session.get(), 0, &error_), HOLDFAST_OK) << error_.message;
  ASSERT_EQ(headers_for(session.get(), kListed), HOLDFAST_OK) << error_.message;
  EXPECT_EQ(verify(*authority_, value_.data()).status, 200);
  EXPECT_EQ(holdfast_session_rejected(session.get(), 1, 401, &error_), HOLDFAST_OK) << error_.message;
  EXPECT_EQ(generation(session.get()), 2U);
  expect_registrations(2);
}

TEST_F(CRegistrar, ReachesTheAuthorityThatItsOptionsName) {
  registrar_options_.identity_file = "/nowhere/identity.json";
  EXPECT_EQ(refused_start(), HOLDFAST_FILE_INVALID);
  registrar_options_.authority_url = authority_->url().c_str();
  registrar_options_.ca_file = authority_->certificate().c_str();
  const RegistrarPtr registrar = start();
  const SessionPtr session = open();
  EXPECT_EQ(holdfast_session_register_task(session.get(), 0, &error_), HOLDFAST_OK) << error_.message;
}

TEST_F(CRegistrar, OneThatIsGoneIsToldAndCanBeStartedAnew) {
  const RegistrarPtr registrar = start();
  const SessionPtr session = open();
  ASSERT_EQ(authorize(session.get()), HOLDFAST_OK) << error_.message;
  const SessionPtr without_a_task = open();
  ASSERT_EQ(kill(process_id(registrar.get()), SIGKILL), 0);
  while (state(registrar.get()) == kRunning) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(state(registrar.get()), kGone);
  EXPECT_EQ(process_id(registrar.get()), -1);
  EXPECT_EQ(authorize(session.get(), HOLDFAST_FRESH), HOLDFAST_OK) << "the present task goes on";
  EXPECT_EQ(authorize(without_a_task.get()), HOLDFAST_AUTHORITY_UNAVAILABLE);
  EXPECT_EQ(error_.layer, static_cast<std::uint32_t>(HOLDFAST_LAYER_REGISTRAR));
  EXPECT_THAT(error_.hint, HasSubstr("start it again"));
  EXPECT_TRUE(is_wiped());

  ASSERT_EQ(holdfast_registrar_restart(registrar.get(), &error_), HOLDFAST_OK) << error_.message;
  EXPECT_EQ(state(registrar.get()), kRunning);
  EXPECT_EQ(authorize(without_a_task.get()), HOLDFAST_OK) << error_.message;
}

// In memory that both processes see, as the function is called in the new one.
struct Shared {
  pid_t caller;
  std::int32_t answer;
  int calls;
};

std::int32_t enter(void* context) {
  auto& shared = *static_cast<Shared*>(context);
  shared.caller = getpid();
  ++shared.calls;
  return shared.answer;
}

TEST_F(CRegistrar, TheHostsSandboxIsEnteredInTheNewProcess) {
  void* const page = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(page, MAP_FAILED);
  auto* const shared = new (page) Shared{};
  registrar_options_.enter_sandbox = &enter;
  registrar_options_.sandbox_context = shared;
  EXPECT_NE(refused_start(), HOLDFAST_OK) << "it said no";
  EXPECT_EQ(shared->calls, 1);
  shared->answer = 1;
  {
    const RegistrarPtr registrar = start();
    EXPECT_EQ(shared->calls, 2);
    EXPECT_EQ(shared->caller, process_id(registrar.get()));
    EXPECT_EQ(holdfast_registrar_restart(registrar.get(), &error_), HOLDFAST_OK) << error_.message;
    EXPECT_EQ(shared->calls, 3);
    EXPECT_EQ(shared->caller, process_id(registrar.get()));
  }
  munmap(page, sizeof(Shared));
}

TEST_F(CRegistrar, IsOfNoUseInAForkedHostAndSurvivesIt) {
  const RegistrarPtr registrar = start();
  const SessionPtr session = open();
  EXPECT_EQ(run_in_child([&] {
              const bool is_told = holdfast_session_register_task(session.get(), 0, nullptr) == HOLDFAST_FORKED &&
                                   holdfast_registrar_restart(registrar.get(), nullptr) == HOLDFAST_FORKED &&
                                   holdfast_registrar_reattach(registrar.get(), passed_on(registrar.get()),
                                                               nullptr) == HOLDFAST_FORKED &&
                                   state(registrar.get()) == kGone;
              holdfast_session_close(session.get());
              holdfast_registrar_close(registrar.get());
              return is_told;
            }),
            0);
  EXPECT_EQ(state(registrar.get()), kRunning);
  EXPECT_EQ(holdfast_session_register_task(session.get(), 0, &error_), HOLDFAST_OK) << error_.message;
}

bool is_open(int descriptor) { return fcntl(descriptor, F_GETFD) >= 0; }

// The host may not fork any more: its parent puts another registrar in the place of one that died.
TEST_F(CRegistrar, TheHostsParentRestartsOneThatIsGone) {
  const RegistrarPtr parents = start();
  const RegistrarPtr registrar = attach(passed_on(parents.get()));
  EXPECT_EQ(state(registrar.get()), kRunning);
  EXPECT_EQ(process_id(registrar.get()), -1) << "not ours to end";
  const SessionPtr session = open();
  ASSERT_EQ(authorize(session.get()), HOLDFAST_OK) << error_.message;
  const SessionPtr without_a_task = open();

  ASSERT_EQ(kill(process_id(parents.get()), SIGKILL), 0);
  while (state(registrar.get()) == kRunning) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(authorize(session.get(), HOLDFAST_FRESH), HOLDFAST_OK) << "the present task goes on";
  EXPECT_EQ(authorize(without_a_task.get()), HOLDFAST_AUTHORITY_UNAVAILABLE);
  EXPECT_EQ(holdfast_registrar_restart(registrar.get(), &error_), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message, HasSubstr("who started it"));
  std::int32_t socket = 0;
  EXPECT_EQ(holdfast_registrar_socket(registrar.get(), &socket, &error_), HOLDFAST_OK);
  EXPECT_EQ(socket, -1) << "nothing to pass on";

  ASSERT_EQ(holdfast_registrar_restart(parents.get(), &error_), HOLDFAST_OK) << error_.message;
  ASSERT_EQ(holdfast_registrar_reattach(registrar.get(), passed_on(parents.get()), &error_), HOLDFAST_OK)
      << error_.message;
  EXPECT_EQ(state(registrar.get()), kRunning);
  EXPECT_EQ(authorize(without_a_task.get()), HOLDFAST_OK) << error_.message;
}

TEST_F(CRegistrar, AHostInAProcessOfItsOwnUsesTheSocketItInherited) {
  const RegistrarPtr parents = start();
  options_.registrar = nullptr;
  EXPECT_EQ(run_in_child([&] {
              const RegistrarPtr registrar = attach(passed_on(parents.get()));
              const SessionPtr session = open();
              return session != nullptr && holdfast_session_register_task(session.get(), 0, &error_) == HOLDFAST_OK;
            }),
            0);
  EXPECT_EQ(state(parents.get()), kRunning);
  expect_registrations(1);
}

TEST_F(CRegistrar, WhatIsNoRegistrarsSocketIsRefusedAndClosed) {
  const RegistrarPtr parents = start();
  const RegistrarPtr registrar = attach(passed_on(parents.get()));
  int stream[2] = {-1, -1};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream), 0);
  const int file = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int socket : {-1, stream[0], file}) {
    holdfast_registrar* none = registrar.get();
    const int copy = socket < 0 ? socket : dup(socket);
    EXPECT_EQ(holdfast_registrar_attach(copy, &none, &error_), HOLDFAST_INVALID_ARGUMENT) << socket;
    EXPECT_EQ(none, nullptr);
    EXPECT_FALSE(is_open(copy));
    EXPECT_THAT(error_.message, HasSubstr("no sequenced-packet unix socket"));
    const int other = socket < 0 ? socket : dup(socket);
    EXPECT_EQ(holdfast_registrar_reattach(registrar.get(), other, &error_), HOLDFAST_INVALID_ARGUMENT);
    EXPECT_FALSE(is_open(other));
  }
  for (const int end : {stream[0], stream[1], file}) close(end);
  EXPECT_EQ(state(registrar.get()), kRunning) << "the one before stays";

  // Also where the call itself is wrong.
  const int first = passed_on(parents.get());
  EXPECT_EQ(holdfast_registrar_attach(first, nullptr, &error_), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_FALSE(is_open(first));
  const int second = passed_on(parents.get());
  EXPECT_EQ(holdfast_registrar_reattach(nullptr, second, &error_), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_FALSE(is_open(second));
}

TEST_F(CRegistrar, OptionsAreReadStrictly) {
  const holdfast_registrar_options good = registrar_options_;
  const auto expect_refused = [&](void (*change)(holdfast_registrar_options&), const char* why) {
    registrar_options_ = good;
    change(registrar_options_);
    EXPECT_EQ(refused_start(), HOLDFAST_INVALID_ARGUMENT) << why;
    EXPECT_THAT(error_.message, HasSubstr(why));
  };
  expect_refused([](holdfast_registrar_options& o) { o.struct_size = 0; }, "unknown size");
  expect_refused([](holdfast_registrar_options& o) { o.struct_size -= 8; }, "unknown size");
  expect_refused([](holdfast_registrar_options& o) { o.flags = 2; }, "unknown flag");
  expect_refused([](holdfast_registrar_options& o) { o.reserved = 1; }, "reserved");
  expect_refused([](holdfast_registrar_options& o) { o.sandbox_context = &o; }, "sandbox_context");
  expect_refused([](holdfast_registrar_options& o) { o.authority_url = "http://authority.example"; }, "http");
  registrar_options_ = good;
  const RegistrarPtr registrar = start();
  for (const char* holdfast_session_options::*member :
       {&holdfast_session_options::authority_url, &holdfast_session_options::ca_file,
        &holdfast_session_options::client_certificate, &holdfast_session_options::client_key,
        &holdfast_session_options::proxy}) {
    options_.*member = "https://authority.example";
    EXPECT_EQ(refused_open(), HOLDFAST_INVALID_ARGUMENT);
    EXPECT_THAT(error_.message, HasSubstr("registrar is set"));
    options_.*member = nullptr;
  }
}

TEST_F(CRegistrar, NullsAreRefused) {
  EXPECT_EQ(holdfast_registrar_start(nullptr, nullptr, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_registrar_start(&registrar_options_, nullptr, nullptr), HOLDFAST_INVALID_ARGUMENT);
  std::uint32_t number = 12345;
  EXPECT_EQ(holdfast_registrar_state(nullptr, &number, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(number, 0U);
  std::int32_t id = 12345;
  EXPECT_EQ(holdfast_registrar_process_id(nullptr, &id, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(id, -1);
  EXPECT_EQ(holdfast_registrar_restart(nullptr, nullptr), HOLDFAST_INVALID_ARGUMENT);
  std::int32_t socket = 12345;
  EXPECT_EQ(holdfast_registrar_socket(nullptr, &socket, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(socket, -1);
  const RegistrarPtr registrar = start();
  EXPECT_EQ(holdfast_registrar_state(registrar.get(), nullptr, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_registrar_process_id(registrar.get(), nullptr, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_registrar_socket(registrar.get(), nullptr, nullptr), HOLDFAST_INVALID_ARGUMENT);
  holdfast_registrar_close(nullptr);
}

}  // namespace
}  // namespace holdfast::test
