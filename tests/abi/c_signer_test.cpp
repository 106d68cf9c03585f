// SPDX-License-Identifier: Apache-2.0
//
// The signing half as a C host sees it: libholdfast-sign on a SoftHSM token.
#include "tests/integration/pkcs11/on_token.hpp"
#include "tests/support/child_process.hpp"

#include <holdfast/holdfast.h>
#include <signal.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace holdfast::test {
namespace {

using SignerPtr = std::unique_ptr<holdfast_signer, decltype(&holdfast_signer_close)>;

constexpr std::uint32_t kUnknownFlag = 1U << 31U;
constexpr const char* kTask = "task-1";

class CSigner : public OnToken {
 protected:
  void SetUp() override {
    OnToken::SetUp();
    if (IsSkipped()) return;
    ssh_key_ = std::string(to_ssh_public_key(*make_key().public_key).view());
    uri_ = shimmed();
    options_.runtime_id = "agent-1";
    options_.key_uri = uri_.c_str();
  }
  [[nodiscard]] SignerPtr open() {
    holdfast_signer* signer = nullptr;
    EXPECT_EQ(holdfast_signer_open(&options_, &signer, &error_), HOLDFAST_OK) << error_.message;
    return {signer, &holdfast_signer_close};
  }
  holdfast_status authorize(holdfast_signer* signer, std::uint32_t flags = 0,
                            std::size_t capacity = HOLDFAST_AUTHORIZATION_CAPACITY) {
    std::ranges::fill(value_, 'x');
    size_ = 12345;
    return holdfast_signer_authorization(signer, kTask, flags, 5000, value_.data(), capacity, &size_, &error_);
  }
  [[nodiscard]] bool is_wiped(std::size_t size = HOLDFAST_AUTHORIZATION_CAPACITY) const {
    return std::ranges::all_of(std::span(value_).first(size), [](char c) { return c == '\0'; });
  }
  static std::uint64_t signatures(holdfast_signer* signer) {
    holdfast_counters counters = HOLDFAST_COUNTERS_INIT;
    EXPECT_EQ(holdfast_signer_counters(signer, &counters, nullptr), HOLDFAST_OK);
    return counters.signatures;
  }

  std::string ssh_key_;
  std::string uri_;
  holdfast_signer_options options_ = HOLDFAST_SIGNER_OPTIONS_INIT;
  holdfast_error error_ = HOLDFAST_ERROR_INIT;
  std::array<char, HOLDFAST_AUTHORIZATION_CAPACITY> value_{};
  std::size_t size_ = 0;
};

TEST_F(CSigner, MakesAHeaderThatVerifies) {
  const SignerPtr signer = open();
  ASSERT_EQ(authorize(signer.get()), HOLDFAST_OK) << error_.message;
  EXPECT_EQ(size_, std::strlen(value_.data()));
  EXPECT_EQ(error_.status, HOLDFAST_OK);
  EXPECT_STREQ(error_.message, "");
  holdfast_assertion assertion = HOLDFAST_ASSERTION_INIT;
  ASSERT_EQ(
      holdfast_verify_authorization(value_.data(), size_, ssh_key_.c_str(), time(nullptr), 300, &assertion, &error_),
      HOLDFAST_OK)
      << error_.message;
  EXPECT_STREQ(assertion.runtime_id, "agent-1");
  EXPECT_STREQ(assertion.task_id, kTask);

  holdfast_assertion late = HOLDFAST_ASSERTION_INIT;
  EXPECT_EQ(holdfast_verify_authorization(value_.data(), size_, ssh_key_.c_str(), assertion.time_s + 301, 300, &late,
                                          nullptr),
            HOLDFAST_HEADER_REFUSED);
  EXPECT_STREQ(late.task_id, "") << "nothing of a refused header is told";
  EXPECT_EQ(holdfast_parse_authorization(value_.data(), size_, &late, nullptr), HOLDFAST_OK);
  EXPECT_STREQ(late.task_id, kTask);
  EXPECT_EQ(holdfast_parse_authorization(value_.data(), size_ - 1, &late, nullptr), HOLDFAST_HEADER_REFUSED);
}

TEST_F(CSigner, SignsATaskRegistrationThatVerifies) {
  const SignerPtr signer = open();
  holdfast_task_registration registration = HOLDFAST_TASK_REGISTRATION_INIT;
  ASSERT_EQ(holdfast_signer_sign_task_registration(signer.get(), 5000, &registration, &error_), HOLDFAST_OK)
      << error_.message;
  const auto verify = [&](const char* runtime_id) {
    return holdfast_verify_task_registration(runtime_id, registration.timestamp, registration.signature,
                                             ssh_key_.c_str(), time(nullptr), 300, nullptr);
  };
  EXPECT_EQ(verify("agent-1"), HOLDFAST_OK);
  EXPECT_EQ(verify("agent-2"), HOLDFAST_SIGNATURE_MISMATCH);
}

TEST_F(CSigner, AShortBufferLearnsItsSizeAndTheTokenIsNotTouched) {
  const SignerPtr signer = open();
  ASSERT_EQ(authorize(signer.get()), HOLDFAST_OK);
  const std::size_t length = size_;
  holdfast_signer_forget_headers(signer.get(), nullptr);
  const std::uint64_t before = signatures(signer.get());
  for (const std::size_t capacity : {std::size_t{0}, std::size_t{1}, length}) {
    EXPECT_EQ(authorize(signer.get(), 0, capacity), HOLDFAST_BUFFER_TOO_SMALL);
    EXPECT_EQ(size_, length + 1);
    EXPECT_TRUE(is_wiped(capacity));
    EXPECT_EQ(value_[capacity], 'x') << "written behind the buffer";
  }
  EXPECT_EQ(holdfast_signer_authorization(signer.get(), kTask, 0, 0, nullptr, 0, &size_, nullptr),
            HOLDFAST_BUFFER_TOO_SMALL);
  EXPECT_EQ(signatures(signer.get()), before);
  EXPECT_EQ(authorize(signer.get(), 0, length + 1), HOLDFAST_OK);
  EXPECT_EQ(signatures(signer.get()), before + 1);
}

TEST_F(CSigner, FreshAsksTheDeviceAndReuseDoesNot) {
  options_.max_age_s = 60;
  const SignerPtr signer = open();
  ASSERT_EQ(authorize(signer.get()), HOLDFAST_OK);
  const std::uint64_t before = signatures(signer.get());
  ASSERT_EQ(authorize(signer.get()), HOLDFAST_OK);
  EXPECT_EQ(signatures(signer.get()), before);
  ASSERT_EQ(authorize(signer.get(), HOLDFAST_FRESH), HOLDFAST_OK);
  EXPECT_EQ(signatures(signer.get()), before + 1);
}

TEST_F(CSigner, TellsItsKeyAndPolicy) {
  options_.max_age_s = 7;
  options_.flags = HOLDFAST_SIGNER_VERIFIES_AFTER_OPEN_AND_RECOVERY;
  options_.expected_public_key = ssh_key_.c_str();
  const SignerPtr signer = open();
  holdfast_key_info info = HOLDFAST_KEY_INFO_INIT;
  ASSERT_EQ(holdfast_signer_key_info(signer.get(), &info, nullptr), HOLDFAST_OK);
  EXPECT_EQ(info.scheme, static_cast<std::uint32_t>(HOLDFAST_SCHEME_ED25519));
  EXPECT_EQ(info.profile, static_cast<std::uint32_t>(HOLDFAST_PROFILE_STRICT));
  EXPECT_EQ(info.verifies_always, 0U);
  EXPECT_EQ(info.max_age_s, 7U);
  EXPECT_EQ(info.public_key_size, 32U);
  EXPECT_STREQ(info.runtime_id, "agent-1");
  EXPECT_EQ(info.ssh_public_key, ssh_key_);
}

TEST_F(CSigner, IsTakenAtItsWordAboutSigpipeOnlyIfItIsTrue) {
  options_.flags = HOLDFAST_SIGNER_SIGPIPE_IS_IGNORED;
  holdfast_signer* refused = nullptr;
  EXPECT_EQ(holdfast_signer_open(&options_, &refused, &error_), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(refused, nullptr);
  EXPECT_NE(std::strstr(error_.hint, "SIG_IGN"), nullptr) << error_.hint;
  signal(SIGPIPE, SIG_IGN);
  (void)open();
}

TEST_F(CSigner, NullsAreRefused) {
  const SignerPtr signer = open();
  EXPECT_EQ(authorize(nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_TRUE(is_wiped());
  EXPECT_EQ(size_, 0U);
  EXPECT_NE(std::string(error_.message).find("the signer is null"), std::string::npos) << error_.message;
  EXPECT_EQ(error_.remedy, static_cast<std::uint32_t>(HOLDFAST_REMEDY_FIX_CALL));
  EXPECT_EQ(holdfast_signer_authorization(signer.get(), nullptr, 0, 0, value_.data(), value_.size(), &size_, nullptr),
            HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_signer_authorization(signer.get(), kTask, 0, 0, nullptr, 590, &size_, nullptr),
            HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_signer_authorization(signer.get(), kTask, 0, 0, value_.data(), value_.size(), nullptr, nullptr),
            HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_signer_open(nullptr, nullptr, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_signer_open(&options_, nullptr, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_signer_key_info(signer.get(), nullptr, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_signer_counters(nullptr, nullptr, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_signer_sign_task_registration(signer.get(), 0, nullptr, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_signer_open_sealed_task(signer.get(), nullptr, 0, value_.data(), value_.size(), &size_, nullptr),
            HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_signer_forget_headers(nullptr, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_verify_authorization(nullptr, 0, nullptr, 0, 0, nullptr, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_verify_task_registration(nullptr, "", "", "", 0, 0, nullptr), HOLDFAST_INVALID_ARGUMENT);
  holdfast_signer_close(nullptr);
}

TEST_F(CSigner, UnknownSizesFlagsAndReservedMembersAreRefused) {
  holdfast_signer* signer = nullptr;
  const auto expect_refused = [&](void (*spoil)(holdfast_signer_options&), const char* why) {
    holdfast_signer_options spoiled = options_;
    spoil(spoiled);
    signer = reinterpret_cast<holdfast_signer*>(&spoiled);
    EXPECT_EQ(holdfast_signer_open(&spoiled, &signer, &error_), HOLDFAST_INVALID_ARGUMENT) << why;
    EXPECT_EQ(signer, nullptr) << why;
    EXPECT_NE(std::string(error_.message).find(why), std::string::npos) << error_.message;
  };
  expect_refused([](holdfast_signer_options& o) { o.struct_size = 0; }, "unknown size");
  expect_refused([](holdfast_signer_options& o) { ++o.struct_size; }, "unknown size");
  expect_refused([](holdfast_signer_options& o) { o.flags = kUnknownFlag; }, "unknown flag");
  expect_refused([](holdfast_signer_options& o) { o.reserved = 1; }, "reserved");
  expect_refused([](holdfast_signer_options& o) { o.runtime_id = nullptr; }, "runtime_id");
  expect_refused([](holdfast_signer_options& o) { o.key_uri = nullptr; }, "key_uri");
  expect_refused([](holdfast_signer_options& o) { o.profile = 4; }, "profile");
  expect_refused([](holdfast_signer_options& o) { o.scheme = 257; }, "scheme");
  expect_refused([](holdfast_signer_options& o) { o.sessions = 65537; }, "sessions");

  const SignerPtr opened = open();
  EXPECT_EQ(authorize(opened.get(), kUnknownFlag), HOLDFAST_INVALID_ARGUMENT);
  holdfast_key_info info = HOLDFAST_KEY_INFO_INIT;
  info.struct_size -= 4;
  EXPECT_EQ(holdfast_signer_key_info(opened.get(), &info, nullptr), HOLDFAST_INVALID_ARGUMENT);
  holdfast_error foreign = HOLDFAST_ERROR_INIT;
  foreign.struct_size = 8;
  foreign.native = 42;
  EXPECT_EQ(holdfast_signer_forget_headers(opened.get(), &foreign), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(foreign.native, 42U) << "wrote into a structure of an unknown size";
}

TEST_F(CSigner, NullsAreRefusedByTheOtherCallsToo) {
  const SignerPtr signer = open();
  holdfast_task_registration registration = HOLDFAST_TASK_REGISTRATION_INIT;
  holdfast_key_info info = HOLDFAST_KEY_INFO_INIT;
  holdfast_counters counters = HOLDFAST_COUNTERS_INIT;
  holdfast_assertion assertion = HOLDFAST_ASSERTION_INIT;
  char* const value = value_.data();
  EXPECT_EQ(holdfast_signer_sign_task_registration(nullptr, 0, &registration, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_signer_open_sealed_task(nullptr, "AAAA", 0, value, value_.size(), &size_, nullptr),
            HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_signer_open_sealed_task(signer.get(), "AAAA", 0, nullptr, value_.size(), &size_, nullptr),
            HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_signer_open_sealed_task(signer.get(), "AAAA", 0, value, value_.size(), nullptr, nullptr),
            HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_signer_key_info(nullptr, &info, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_signer_counters(nullptr, &counters, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_parse_authorization("x", 1, nullptr, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_parse_authorization(nullptr, 1, &assertion, nullptr), HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_verify_authorization(nullptr, 1, ssh_key_.c_str(), 0, 0, &assertion, nullptr),
            HOLDFAST_INVALID_ARGUMENT);
  EXPECT_EQ(holdfast_verify_authorization("x", 1, nullptr, 0, 0, &assertion, nullptr), HOLDFAST_INVALID_ARGUMENT);
  for (int which = 0; which < 4; ++which) {
    const auto text = [which](int place) { return place == which ? nullptr : "x"; };
    EXPECT_EQ(holdfast_verify_task_registration(text(0), text(1), text(2), text(3), 0, 0, nullptr),
              HOLDFAST_INVALID_ARGUMENT)
        << which;
  }
  EXPECT_EQ(signatures(signer.get()), 0U);
}

// A host compiled with another header: nothing is done, and nothing written.
TEST_F(CSigner, AnErrorOfAnotherSizeIsRefusedByEveryCall) {
  const SignerPtr signer = open();
  holdfast_error foreign = HOLDFAST_ERROR_INIT;
  foreign.struct_size -= 8;
  foreign.native = 42;
  holdfast_task_registration registration = HOLDFAST_TASK_REGISTRATION_INIT;
  holdfast_key_info info = HOLDFAST_KEY_INFO_INIT;
  holdfast_counters counters = HOLDFAST_COUNTERS_INIT;
  holdfast_assertion assertion = HOLDFAST_ASSERTION_INIT;
  holdfast_signer* none = nullptr;
  char* const value = value_.data();
  const char* const key = ssh_key_.c_str();
  for (const holdfast_status status :
       {holdfast_signer_open(&options_, &none, &foreign),
        holdfast_signer_authorization(signer.get(), kTask, 0, 5000, value, value_.size(), &size_, &foreign),
        holdfast_signer_sign_task_registration(signer.get(), 5000, &registration, &foreign),
        holdfast_signer_open_sealed_task(signer.get(), "AAAA", 5000, value, value_.size(), &size_, &foreign),
        holdfast_signer_forget_headers(signer.get(), &foreign),
        holdfast_signer_key_info(signer.get(), &info, &foreign),
        holdfast_signer_counters(signer.get(), &counters, &foreign),
        holdfast_parse_authorization("x", 1, &assertion, &foreign),
        holdfast_verify_authorization("x", 1, key, 0, 0, &assertion, &foreign),
        holdfast_verify_task_registration("a", "b", "c", key, 0, 0, &foreign)}) {
    EXPECT_EQ(status, HOLDFAST_INVALID_ARGUMENT);
  }
  EXPECT_EQ(none, nullptr);
  EXPECT_EQ(foreign.native, 42U) << "wrote into a structure of an unknown size";
  EXPECT_EQ(signatures(signer.get()), 0U);
}

TEST_F(CSigner, AFailureSaysWhatTheTokenSaid) {
  options_.pin_source = "file:/nowhere/pin";
  holdfast_signer* signer = nullptr;
  const holdfast_status status = holdfast_signer_open(&options_, &signer, &error_);
  EXPECT_NE(status, HOLDFAST_OK);
  EXPECT_EQ(error_.status, status);
  EXPECT_STRNE(error_.message, "");
  EXPECT_STRNE(error_.hint, "");
  EXPECT_EQ(signer, nullptr);
}

TEST_F(CSigner, WithoutATwinASealedTaskStaysSealed) {
  const SignerPtr signer = open();
  EXPECT_EQ(holdfast_signer_open_sealed_task(signer.get(), "AAAA", 0, value_.data(), value_.size(), &size_, &error_),
            HOLDFAST_SEALED_ANSWER);
  EXPECT_EQ(holdfast_signer_open_sealed_task(signer.get(), "AAAA", 0, value_.data(), 128, &size_, &error_),
            HOLDFAST_BUFFER_TOO_SMALL);
  EXPECT_EQ(size_, std::size_t{HOLDFAST_IDENTIFIER_CAPACITY});
}

struct ToldKinds {
  static void note(void* context, const holdfast_event* event) {
    static_cast<ToldKinds*>(context)->kinds.push_back(static_cast<int>(event->kind));
  }
  std::vector<int> kinds;
};

TEST_F(CSigner, ItsLogHearsOfARecoveryAndOfNothingElse) {
  ToldKinds told;
  options_.log = &ToldKinds::note;
  options_.log_context = &told;
  const SignerPtr signer = open();
  for (int i = 0; i < 5; ++i) ASSERT_EQ(authorize(signer.get(), HOLDFAST_FRESH), HOLDFAST_OK) << error_.message;
  EXPECT_TRUE(told.kinds.empty());
  const std::string elsewhere = hsm_.folder().file("elsewhere");
  std::filesystem::rename(hsm_.token_folder(), elsewhere);
  EXPECT_EQ(holdfast_signer_authorization(signer.get(), kTask, HOLDFAST_FRESH, 100, value_.data(), value_.size(),
                                          &size_, &error_),
            HOLDFAST_DEVICE_GONE)
      << error_.message;
  std::filesystem::rename(elsewhere, hsm_.token_folder());
  while (authorize(signer.get(), HOLDFAST_FRESH) != HOLDFAST_OK) {
  }
  EXPECT_EQ(told.kinds, (std::vector<int>{HOLDFAST_EVENT_RECOVERY_BEGUN, HOLDFAST_EVENT_RECOVERY_ENDED}));
}

// A wrong signature is a fault of the device or another key: whoever asks again gets the same answer, and no header.
TEST_F(CSigner, OneThatStoppedSaysSoOnceAndStaysSo) {
  ToldKinds told;
  options_.log = &ToldKinds::note;
  options_.log_context = &told;
  const std::string uri = lying();
  options_.key_uri = uri.c_str();
  SoftHsm::tell_lies("wrong-signature");
  const SignerPtr signer = open();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(authorize(signer.get(), HOLDFAST_FRESH), HOLDFAST_SIGNATURE_MISMATCH) << error_.message;
    EXPECT_TRUE(is_wiped());
    EXPECT_EQ(size_, 0U);
    EXPECT_EQ(error_.remedy, static_cast<std::uint32_t>(HOLDFAST_REMEDY_STOP));
    EXPECT_STRNE(error_.hint, "");
  }
  holdfast_task_registration registration = HOLDFAST_TASK_REGISTRATION_INIT;
  EXPECT_EQ(holdfast_signer_sign_task_registration(signer.get(), 5000, &registration, nullptr),
            HOLDFAST_SIGNATURE_MISMATCH);
  EXPECT_STREQ(registration.signature, "");
  EXPECT_EQ(told.kinds, (std::vector<int>{HOLDFAST_EVENT_SIGNER_STOPPED}));
  EXPECT_EQ(signatures(signer.get()), 1U) << "the device is not asked again";
}

TEST_F(CSigner, OptionsOfTheFirstHeaderAreTaken) {
  ToldKinds told;
  options_.log = &ToldKinds::note;
  options_.log_context = &told;
  options_.struct_size = offsetof(holdfast_signer_options, log);
  const SignerPtr signer = open();
  EXPECT_EQ(authorize(signer.get()), HOLDFAST_OK) << error_.message;
  options_.struct_size = sizeof options_;
  options_.log = nullptr;
  holdfast_signer* none = nullptr;
  EXPECT_EQ(holdfast_signer_open(&options_, &none, &error_), HOLDFAST_INVALID_ARGUMENT) << "a context for nobody";
  EXPECT_EQ(none, nullptr);
}

TEST_F(CSigner, AForkedChildIsTold) {
  const SignerPtr signer = open();
  ASSERT_EQ(authorize(signer.get()), HOLDFAST_OK);
  EXPECT_EQ(run_in_child([&] {
              const bool is_told = authorize(signer.get()) == HOLDFAST_FORKED && is_wiped();
              holdfast_task_registration registration = HOLDFAST_TASK_REGISTRATION_INIT;
              return is_told && holdfast_signer_sign_task_registration(signer.get(), 0, &registration, nullptr) ==
                                    HOLDFAST_FORKED;
            }),
            0);
  EXPECT_EQ(authorize(signer.get(), HOLDFAST_FRESH), HOLDFAST_OK) << "the parent goes on";
}

TEST(CStatus, HasATextForEveryStatusAndForNone) {
  for (holdfast_status status = 0; status < HOLDFAST_STATUS_COUNT; ++status) {
    EXPECT_STRNE(holdfast_status_name(status), "unknown") << status;
    EXPECT_STRNE(holdfast_status_text(status), "") << status;
  }
  for (const holdfast_status status : {-1, static_cast<int>(HOLDFAST_STATUS_COUNT), INT32_MAX}) {
    EXPECT_STREQ(holdfast_status_name(status), "unknown");
    EXPECT_STRNE(holdfast_status_hint(status), "") << status;
    EXPECT_EQ(holdfast_status_remedy(status), static_cast<std::uint32_t>(HOLDFAST_REMEDY_STOP));
  }
  EXPECT_EQ(holdfast_status_exit_code(HOLDFAST_PIN_LOCKED), 3);
  EXPECT_STREQ(holdfast_version(), HOLDFAST_VERSION);
}

}  // namespace
}  // namespace holdfast::test
