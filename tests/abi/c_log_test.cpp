// SPDX-License-Identifier: Apache-2.0
//
// A C host's log: what its operator hears, and what nobody does.
#include "tests/abi/c_session_fixture.hpp"
#include "tests/support/child_process.hpp"

#include <gmock/gmock.h>

#include <cstddef>
#include <filesystem>
#include <mutex>
#include <set>
#include <utility>

namespace holdfast::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr unsigned long kPinIncorrect = 0xA0;  // CKR_PIN_INCORRECT, PKCS#11 v3.0 §6.2

/// A host's log: keeps each event as "kind status generation", and every text it was handed.
struct HostLog {
  static void note(void* context, const holdfast_event* event) {
    auto& log = *static_cast<HostLog*>(context);
    const std::lock_guard lock(log.mutex);
    EXPECT_EQ(event->struct_size, sizeof(holdfast_event));
    EXPECT_LT(std::strlen(event->message), 512U);
    EXPECT_STRNE(event->message, "");
    log.lines.push_back(std::to_string(event->kind) + " " + holdfast_status_name(event->status) + " " +
                        std::to_string(event->generation));
    log.texts += std::string(event->message) + "\n" + event->hint + "\n";
    log.last = *event;
    log.last.message = log.last.hint = nullptr;
  }
  std::vector<std::string> take() {
    const std::lock_guard lock(mutex);
    return std::exchange(lines, {});
  }
  std::mutex mutex;
  std::vector<std::string> lines;
  std::string texts;
  holdfast_event last{};
};

std::string line(int kind, const char* status = "ok", std::uint64_t generation = 0) {
  return std::to_string(kind) + " " + status + " " + std::to_string(generation);
}

class CLog : public CSession {
 protected:
  void SetUp() override {
    CSession::SetUp();
    options_.log = &HostLog::note;
    options_.log_context = &log_;
  }
  [[nodiscard]] std::string elsewhere() const { return hsm_.folder().file("elsewhere"); }
  void take_token_away() const { std::filesystem::rename(hsm_.token_folder(), elsewhere()); }
  void bring_token_back() const { std::filesystem::rename(elsewhere(), hsm_.token_folder()); }

  HostLog log_;
};

TEST_F(CLog, AHostThatIsWellHearsOfItsTaskOnly) {
  const SessionPtr session = open();
  EXPECT_THAT(log_.take(), IsEmpty());
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(authorize(session.get(), HOLDFAST_FRESH), HOLDFAST_OK) << error_.message;
    ASSERT_EQ(headers_for(session.get(), kListed), HOLDFAST_OK) << error_.message;
  }
  EXPECT_THAT(log_.take(), ElementsAre(line(HOLDFAST_EVENT_TASK_REGISTERED, "ok", 1)));
  EXPECT_EQ(log_.last.severity, static_cast<std::uint32_t>(HOLDFAST_SEVERITY_INFO));
  EXPECT_EQ(log_.last.layer, 0U);
  EXPECT_EQ(log_.last.remedy, 0U);
  EXPECT_EQ(log_.texts, "a task was registered, generation 1\n\n");
}

TEST_F(CLog, WithoutAFunctionNobodyIsTold) {
  options_.log = nullptr;
  EXPECT_EQ(refused_open(), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message, HasSubstr("log_context"));
  options_.log_context = nullptr;
  const SessionPtr session = open();
  ASSERT_EQ(authorize(session.get()), HOLDFAST_OK) << error_.message;
  take_token_away();
  bring_token_back();
  ASSERT_EQ(authorize(session.get(), HOLDFAST_FRESH), HOLDFAST_OK) << error_.message;
  EXPECT_THAT(log_.take(), IsEmpty());
}

TEST_F(CLog, AHostOfTheFirstHeaderHasNoLog) {
  // Its structure ends before `log`: what stands behind it is the host's own.
  options_.struct_size = offsetof(holdfast_session_options, log);
  const SessionPtr session = open();
  ASSERT_EQ(authorize(session.get()), HOLDFAST_OK) << error_.message;
  EXPECT_THAT(log_.take(), IsEmpty());
}

TEST_F(CLog, ARecoveryIsToldWhenItBeginsAndWhenTheKeySignsAgain) {
  options_.signing_timeout_ms = 200;
  const SessionPtr session = open();
  ASSERT_EQ(authorize(session.get()), HOLDFAST_OK) << error_.message;
  (void)log_.take();
  take_token_away();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(authorize(session.get(), HOLDFAST_FRESH), HOLDFAST_DEVICE_GONE);
  const std::vector<std::string> begun = log_.take();
  ASSERT_EQ(begun.size(), 1U);
  EXPECT_THAT(begun[0], testing::StartsWith(std::to_string(HOLDFAST_EVENT_RECOVERY_BEGUN)));
  EXPECT_EQ(log_.last.severity, static_cast<std::uint32_t>(HOLDFAST_SEVERITY_WARNING));
  EXPECT_EQ(log_.last.layer, static_cast<std::uint32_t>(HOLDFAST_LAYER_PKCS11));
  EXPECT_NE(log_.last.native, 0U);
  bring_token_back();
  while (authorize(session.get(), HOLDFAST_FRESH) != HOLDFAST_OK) {
  }
  EXPECT_THAT(log_.take(), ElementsAre(line(HOLDFAST_EVENT_RECOVERY_ENDED)));
}

TEST_F(CLog, ARejectedTaskAndItsSuccessorAreTold) {
  const SessionPtr session = open();
  ASSERT_EQ(authorize(session.get()), HOLDFAST_OK) << error_.message;
  (void)log_.take();
  ASSERT_EQ(holdfast_session_rejected(session.get(), 1, 401, nullptr), HOLDFAST_OK);
  EXPECT_THAT(log_.take(), ElementsAre(line(HOLDFAST_EVENT_TASK_REJECTED, "ok", 1),
                                       line(HOLDFAST_EVENT_TASK_REGISTERED, "ok", 2)));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(holdfast_session_rejected(session.get(), 2, 403, nullptr), HOLDFAST_AUTHORITY_REFUSED);
  }
  EXPECT_THAT(log_.take(), ElementsAre(line(HOLDFAST_EVENT_TASK_REJECTED, "ok", 2)));
}

TEST_F(CLog, ARegistrarThatGaveUpIsTold) {
  const SessionPtr session = open();
  authority_->stop();
  EXPECT_EQ(authorize(session.get()), HOLDFAST_AUTHORITY_UNAVAILABLE);
  EXPECT_THAT(log_.take(), ElementsAre(line(HOLDFAST_EVENT_REGISTRATION_FAILED, "authority_unavailable")));
  EXPECT_EQ(log_.last.severity, static_cast<std::uint32_t>(HOLDFAST_SEVERITY_WARNING));
  EXPECT_EQ(log_.last.layer, static_cast<std::uint32_t>(HOLDFAST_LAYER_HTTP));
  EXPECT_EQ(log_.last.native, error_.native);
  EXPECT_EQ(log_.texts, "no task was registered: " + std::string(error_.message) + "\n" + error_.hint + "\n");
}

TEST_F(CLog, APinRefusedAtOpenIsToldAndNotAgain) {
  const std::string wrong = "file:" + hsm_.folder().write("wrong.pin", "9999-wrong\n");
  options_.pin_source = wrong.c_str();
  options_.flags = HOLDFAST_SESSION_ALLOWS_UNREADY;
  const SessionPtr session = open();
  EXPECT_THAT(log_.take(), ElementsAre(line(HOLDFAST_EVENT_PIN_REFUSED, "pin_incorrect")));
  EXPECT_EQ(log_.last.severity, static_cast<std::uint32_t>(HOLDFAST_SEVERITY_ERROR));
  EXPECT_EQ(log_.last.remedy, static_cast<std::uint32_t>(HOLDFAST_REMEDY_ASK_PERSON));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(holdfast_session_reopen(session.get(), nullptr), HOLDFAST_PIN_INCORRECT);
  EXPECT_THAT(log_.take(), IsEmpty());
  options_.flags = 0;
  EXPECT_EQ(refused_open(), HOLDFAST_PIN_REFUSED_BEFORE);
  EXPECT_THAT(log_.take(), ElementsAre(line(HOLDFAST_EVENT_PIN_REFUSED, "pin_refused_before")));
  EXPECT_THAT(log_.texts, testing::Not(HasSubstr("9999-wrong")));
}

TEST_F(CLog, APinRefusedAfterAResetIsToldOnce) {
  options_.signing_timeout_ms = 200;
  const SessionPtr session = open();
  ASSERT_EQ(authorize(session.get()), HOLDFAST_OK) << error_.message;
  take_token_away();
  EXPECT_EQ(authorize(session.get(), HOLDFAST_FRESH), HOLDFAST_DEVICE_GONE);
  (void)log_.take();
  bring_token_back();
  shim_control().fail("C_Login", 0, kPinIncorrect);
  while (authorize(session.get(), HOLDFAST_FRESH) == HOLDFAST_DEVICE_GONE) {
  }
  shim_control().clear_faults();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(authorize(session.get(), HOLDFAST_FRESH), HOLDFAST_PIN_INCORRECT);
  EXPECT_THAT(log_.take(), ElementsAre(line(HOLDFAST_EVENT_PIN_REFUSED, "pin_incorrect")));
}

TEST_F(CLog, EachHandleHasItsOwn) {
  HostLog other;
  const SessionPtr session = open();
  options_.log_context = &other;
  const SessionPtr second = open();
  ASSERT_EQ(authorize(second.get()), HOLDFAST_OK) << error_.message;
  EXPECT_THAT(log_.take(), IsEmpty());
  EXPECT_THAT(other.take(), ElementsAre(line(HOLDFAST_EVENT_TASK_REGISTERED, "ok", 1)));
}

TEST_F(CLog, IsNotCalledInAForkedChild) {
  const SessionPtr session = open();
  ASSERT_EQ(authorize(session.get()), HOLDFAST_OK) << error_.message;
  (void)log_.take();
  EXPECT_EQ(run_in_child([&] {
              const bool is_told = authorize(session.get(), HOLDFAST_FRESH) == HOLDFAST_FORKED;
              holdfast_session_close(session.get());
              return is_told && log_.take().empty();
            }),
            0);
}

struct Reader {
  static void read(void* context, const holdfast_event*) {
    auto& reader = *static_cast<Reader*>(context);
    holdfast_counters counters = HOLDFAST_COUNTERS_INIT;
    holdfast_key_info info = HOLDFAST_KEY_INFO_INIT;
    holdfast_account account = HOLDFAST_ACCOUNT_INIT;
    std::uint32_t state = 0;
    reader.has_read = holdfast_session_counters(reader.session, &counters, nullptr) == HOLDFAST_OK &&
                      holdfast_session_key_info(reader.session, &info, nullptr) == HOLDFAST_OK &&
                      holdfast_session_account(reader.session, &account, nullptr) == HOLDFAST_OK &&
                      holdfast_session_state(reader.session, &state, nullptr) == HOLDFAST_OK &&
                      holdfast_session_generation(reader.session, &reader.generation, nullptr) == HOLDFAST_OK;
  }
  holdfast_session* session = nullptr;
  std::uint64_t generation = 0;
  bool has_read = false;
};

TEST_F(CLog, MayReadItsHandle) {
  Reader reader;
  options_.log = &Reader::read;
  options_.log_context = &reader;
  const SessionPtr session = open();
  reader.session = session.get();
  ASSERT_EQ(holdfast_session_register_task(session.get(), 0, &error_), HOLDFAST_OK) << error_.message;
  EXPECT_TRUE(reader.has_read);
  EXPECT_EQ(reader.generation, 1U) << "what is told has happened";
}

TEST_F(CLog, NoSecretIsEverInIt) {
  std::vector<std::string> secrets{std::string(SoftHsm::kUserPin), std::string(SoftHsm::kSoPin), "9999-wrong",
                                   authority_->bearer()};
  const auto keep = [&] {
    secrets.emplace_back(value_.data());
    secrets.emplace_back(value_.data() + std::strlen("AgentAssertion "));
    secrets.emplace_back(said().task_id);
  };
  options_.signing_timeout_ms = 200;
  {
    const SessionPtr session = open();
    ASSERT_EQ(authorize(session.get()), HOLDFAST_OK) << error_.message;
    keep();
    ASSERT_EQ(holdfast_session_rejected(session.get(), 1, 401, nullptr), HOLDFAST_OK);
    ASSERT_EQ(headers_for(session.get(), kListed), HOLDFAST_OK) << error_.message;
    keep();
    EXPECT_EQ(holdfast_session_adopt_task(session.get(), "adopted-task", nullptr, nullptr), HOLDFAST_OK);
    secrets.emplace_back("adopted-task");
    take_token_away();
    EXPECT_EQ(authorize(session.get(), HOLDFAST_FRESH), HOLDFAST_DEVICE_GONE);
    bring_token_back();
    while (authorize(session.get(), HOLDFAST_FRESH) != HOLDFAST_OK) {
    }
    keep();
    authority_->stop();
    EXPECT_NE(holdfast_session_rejected(session.get(), 3, 401, nullptr), HOLDFAST_OK);
  }
  {
    options_.flags = HOLDFAST_SESSION_ALLOWS_UNREADY;
    const SessionPtr without_authority = open();
    EXPECT_NE(authorize(without_authority.get()), HOLDFAST_OK);
  }
  const std::string wrong = "file:" + hsm_.folder().write("wrong.pin", "9999-wrong\n");
  options_.pin_source = wrong.c_str();
  const SessionPtr refused = open();
  std::set<char> kinds;
  for (const std::string& told : log_.take()) kinds.insert(told[0]);
  EXPECT_EQ(kinds.size(), 6U) << "all but a signer that stopped";
  for (const std::string& secret : secrets) {
    ASSERT_FALSE(secret.empty());
    EXPECT_THAT(log_.texts, testing::Not(HasSubstr(secret)));
  }
}

}  // namespace
}  // namespace holdfast::test
