// SPDX-License-Identifier: Apache-2.0
//
// The PIN rule: one attempt, to the right token only, and none after a refusal.
#include "tests/integration/pkcs11/on_token.hpp"

#include <sys/stat.h>

#include <filesystem>

namespace holdfast::test {
namespace {

class Pkcs11Login : public OnToken {
 protected:
  void SetUp() override {
    OnToken::SetUp();
    if (IsSkipped()) return;
    make_key();
    shim_control().reset_counts();
  }
  void set_pin(std::string_view pin, mode_t mode = 0600) const { hsm_.folder().write("user.pin", pin, mode); }
  static std::uint64_t logins() { return shim_control().count("C_Login"); }
};

TEST_F(Pkcs11Login, sends_the_pin_once) {
  EXPECT_OK(open(shimmed()));
  EXPECT_EQ(logins(), 1U);
}

TEST_F(Pkcs11Login, sends_a_wrong_pin_once) {
  set_pin("0000-wrong\n");
  const auto device = open(shimmed());
  EXPECT_STATUS(device, pin_incorrect);
  EXPECT_EQ(device.error().detail.view(), "token agents, PIN from " + hsm_.pin_file());
  EXPECT_EQ(device.error().native, CKR_PIN_INCORRECT);
  EXPECT_EQ(logins(), 1U);
  EXPECT_EQ(shim_control().open_sessions(), 0);
}

TEST_F(Pkcs11Login, works_at_the_next_open_with_the_right_pin) {
  set_pin("0000-wrong\n");
  EXPECT_STATUS(open(shimmed()), pin_incorrect);
  hsm_.write_pin(SoftHsm::kUserPin);
  EXPECT_OK(open(shimmed()));
}

TEST_F(Pkcs11Login, takes_a_pin_file_with_and_without_a_line_end) {
  for (const char* end : {"", "\n", "\r\n"}) {
    set_pin(std::string(SoftHsm::kUserPin) + end);
    EXPECT_OK(open(shimmed()));
  }
}

TEST_F(Pkcs11Login, takes_no_pin_file_that_others_may_read) {
  for (const mode_t mode : {0640U, 0604U, 0660U, 0620U}) {
    set_pin(SoftHsm::kUserPin, mode);
    EXPECT_STATUS(open(shimmed()), file_untrusted);
  }
  EXPECT_EQ(logins(), 0U);
}

TEST_F(Pkcs11Login, needs_a_pin) {
  EXPECT_STATUS(open("pkcs11:token=agents?module-path=" + SoftHsm::shim_path()), pin_required);
  EXPECT_EQ(logins(), 0U);
}

TEST_F(Pkcs11Login, takes_the_callers_source_before_the_uris_and_remembers_it) {
  set_pin("0000-wrong\n");
  const std::string right = hsm_.folder().write("other.pin", SoftHsm::kUserPin);
  const std::string uri = "pkcs11:token=agents;object=agent?module-path=" + SoftHsm::shim_path();
  hal::DeviceOptions options;
  options.uri = uri;
  options.pin = *hal::PinSource::parse("file:" + right);
  const auto device = hal::open_device(options);
  ASSERT_OK(device);
  const auto key = (*device)->find_key({}, kNoDeadline);
  ASSERT_OK(key);
  const auto description = (*device)->describe(*key);
  EXPECT_TRUE(description->uri.view().ends_with("&pin-source=file:" + right)) << description->uri.view();
  EXPECT_OK(open(std::string(description->uri.view())));
}

TEST_F(Pkcs11Login, does_not_send_the_pin_to_a_token_that_does_not_match) {
  hsm_.add_token("another");
  const std::string uri = "pkcs11:token=another;serial=0000000000000000?module-path=" + SoftHsm::shim_path() +
                          "&pin-source=file:" + hsm_.pin_file();
  EXPECT_STATUS(open(uri), token_not_found);
  EXPECT_EQ(logins(), 0U);
}

TEST_F(Pkcs11Login, does_not_happen_for_browsing) {
  EXPECT_OK(open("pkcs11:token=agents?module-path=" + SoftHsm::shim_path(), DeviceAccess::browse));
  EXPECT_EQ(logins(), 0U);
}

struct Flag {
  const char* lie;
  Status status;
};
void PrintTo(const Flag& flag, std::ostream* out) { *out << flag.lie; }
class Pkcs11PinFlag : public Pkcs11Login, public ::testing::WithParamInterface<Flag> {};

// 0x20000 CKF_USER_PIN_FINAL_TRY, 0x40000 CKF_USER_PIN_LOCKED, 0x80000 CKF_USER_PIN_TO_BE_CHANGED
TEST_P(Pkcs11PinFlag, stops_the_pin_before_it_is_sent) {
  SoftHsm::tell_lies(std::string("flags:") + GetParam().lie);
  setenv("HOLDFAST_LYING_MODULE", SoftHsm::shim_path().c_str(), 1);
  const auto device = open(lying());
  EXPECT_EQ(device.status(), GetParam().status);
  EXPECT_EQ(logins(), 0U);
  EXPECT_EQ(shim_control().open_sessions(), 0);
}

INSTANTIATE_TEST_SUITE_P(all, Pkcs11PinFlag,
                         ::testing::Values(Flag{"0x20000", Status::pin_locked}, Flag{"0x40000", Status::pin_locked},
                                           Flag{"0x80000", Status::pin_locked}),
                         [](const auto& flag) { return std::string(flag.param.lie); });

TEST_F(Pkcs11Login, leaves_a_low_count_to_the_token) {
  SoftHsm::tell_lies("flags:0x10000");
  const auto device = open(lying());
  ASSERT_OK(device);
  EXPECT_TRUE((*device)->describe_token()->pin_count_low);
}

TEST_F(Pkcs11Login, asks_a_token_with_a_pad_without_a_pin) {
  SoftHsm::tell_lies("pad");
  setenv("HOLDFAST_LIE_PIN", std::string(SoftHsm::kUserPin).c_str(), 1);
  const auto device = open("pkcs11:token=agents;object=agent?module-path=" + SoftHsm::lying_path());
  ASSERT_OK(device);
  EXPECT_OK((*device)->find_key({}, kNoDeadline));
  EXPECT_OK((*device)->reset(kNoDeadline));
}

TEST_F(Pkcs11Login, is_shared_by_two_devices_on_one_token) {
  const auto first = open_for_test(shimmed(), DeviceAccess::sign);
  {
    const auto second = open_for_test(shimmed(), DeviceAccess::sign);
    EXPECT_OK(second->find_key({}, kNoDeadline));
  }
  EXPECT_OK(first->find_key({}, kNoDeadline)) << "closing the second logged the first out";
  EXPECT_EQ(shim_control().count("C_Logout"), 0U);
}

TEST_F(Pkcs11Login, uses_the_accepted_pin_again_after_a_reset) {
  const auto device = open_for_test(shimmed(), DeviceAccess::sign);
  std::filesystem::remove(hsm_.pin_file());
  EXPECT_OK(device->reset(kNoDeadline));
  EXPECT_OK(device->find_key({}, kNoDeadline));
  EXPECT_EQ(logins(), 2U);
}

TEST_F(Pkcs11Login, never_repeats_a_pin_that_was_refused_after_a_reset) {
  const auto device = open_for_test(shimmed(), DeviceAccess::sign);
  shim_control().fail("C_Login", 1, CKR_PIN_INCORRECT);
  EXPECT_STATUS(device->reset(kNoDeadline), pin_incorrect);
  const std::uint64_t calls = shim_control().total();
  EXPECT_STATUS(device->reset(kNoDeadline), pin_incorrect);
  EXPECT_STATUS(device->find_key({}, kNoDeadline), pin_incorrect);
  EXPECT_STATUS(device->describe_token(), pin_incorrect);
  EXPECT_EQ(logins(), 2U);
  EXPECT_EQ(shim_control().total(), calls) << "the token was touched";
}

// A refusal under another name may have cost a try as well.
TEST_F(Pkcs11Login, never_repeats_a_pin_after_an_unclear_answer) {
  const auto device = open_for_test(shimmed(), DeviceAccess::sign);
  shim_control().fail("C_Login", 1, CKR_FUNCTION_FAILED);
  EXPECT_STATUS(device->reset(kNoDeadline), device_fault);
  EXPECT_STATUS(device->reset(kNoDeadline), device_fault);
  EXPECT_EQ(logins(), 2U);
}

TEST_F(Pkcs11Login, tries_again_after_an_answer_that_judged_nothing) {
  const auto device = open_for_test(shimmed(), DeviceAccess::sign);
  shim_control().fail("C_Login", 1, CKR_DEVICE_ERROR);
  EXPECT_STATUS(device->reset(kNoDeadline), device_gone);
  EXPECT_OK(device->reset(kNoDeadline));
  EXPECT_EQ(logins(), 3U);
}

TEST_F(Pkcs11Login, names_a_locked_pin) {
  shim_control().fail("C_Login", 1, CKR_PIN_LOCKED);
  EXPECT_STATUS(open(shimmed()), pin_locked);
  EXPECT_EQ(logins(), 1U);
}

// PKCS#11 v3.0 §5.6.5, C_Login: what each answer asks of a person.
TEST_F(Pkcs11Login, says_what_to_do_about_each_answer) {
  struct Answer {
    CK_RV code;
    Status status;
    std::string_view hint;
  };
  constexpr Answer kAnswers[] = {{CKR_PIN_EXPIRED, Status::pin_locked, "set a new PIN"},
                                 {CKR_USER_PIN_NOT_INITIALIZED, Status::pin_locked, "security officer must set"},
                                 {CKR_CANCEL, Status::pin_required, "on the token's own pad"},
                                 {CKR_FUNCTION_CANCELED, Status::pin_required, "on the token's own pad"},
                                 {CKR_FUNCTION_NOT_SUPPORTED, Status::permission_denied, ""}};
  for (const Answer& answer : kAnswers) {
    hsm_.write_pin(SoftHsm::kUserPin);  // after a PIN that may have been judged, another source
    shim_control().fail("C_Login", 1, answer.code);
    const auto device = open(shimmed());
    shim_control().clear_faults();
    ASSERT_FALSE(device) << answer.code;
    EXPECT_EQ(device.status(), answer.status) << described(device.error());
    EXPECT_EQ(device.error().native, answer.code);
    EXPECT_NE(hint_of(device.error()).find(answer.hint), std::string_view::npos) << hint_of(device.error());
    EXPECT_EQ(shim_control().open_sessions(), 0);
  }
  hsm_.write_pin(SoftHsm::kUserPin);
  EXPECT_OK(open(shimmed()));
}

}  // namespace
}  // namespace holdfast::test
