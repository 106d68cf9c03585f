// SPDX-License-Identifier: Apache-2.0
//
// Choosing, describing and initialising tokens.
#include "hal/pkcs11/backend.hpp"
#include "tests/integration/pkcs11/on_token.hpp"
#include "tests/support/terminal_run.hpp"

#include <gmock/gmock.h>

#include <vector>

namespace holdfast::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class Pkcs11Token : public OnToken {
 protected:
  static std::vector<hal::TokenDescription> list(const std::string& module, const std::string& path = "") {
    std::vector<hal::TokenDescription> tokens(16);
    const std::string uri = "pkcs11:" + path + "?module-path=" + module;
    hal::DeviceOptions options;
    options.uri = uri;
    const auto count = hal::pkcs11::list_tokens(options, tokens);
    if (!count) throw std::runtime_error(described(count.error()));
    tokens.resize(std::min(*count, tokens.size()));
    return tokens;
  }
  Result<hal::TokenDescription> init(const std::string& path, std::string_view label, bool erase = false) const {
    hal::TokenInitOptions options;
    const std::string uri = "pkcs11:" + path + "?module-path=" + SoftHsm::shim_path();
    options.uri = uri;
    options.label = label;
    options.so_pin = so_pin_;
    options.user_pin = user_pin_;
    options.erase_existing = erase;
    return hal::pkcs11::init_token(options);
  }
  const hal::PinSource so_pin_ = *hal::PinSource::parse("file:" + hsm_.so_pin_file());
  const hal::PinSource user_pin_ = *hal::PinSource::parse("file:" + hsm_.pin_file());
};

TEST_F(Pkcs11Token, that_is_not_there) {
  const auto device = open("pkcs11:token=absent?module-path=" + SoftHsm::module_path() + "&pin-source=prompt");
  EXPECT_STATUS(device, token_not_found);
  EXPECT_THAT(std::string(device.error().detail.view()),
              StartsWith("token absent; the module shows agents (serial "));
  EXPECT_THAT(std::string(hint_of(device.error())), HasSubstr("SOFTHSM2_CONF"));
}

TEST_F(Pkcs11Token, with_a_label_that_another_has_is_ambiguous_and_both_are_listed) {
  hsm_.add_token(SoftHsm::kLabel);
  const auto device = open(shimmed());
  EXPECT_STATUS(device, ambiguous_match);
  const auto tokens = list(SoftHsm::module_path(), "token=agents");
  ASSERT_EQ(tokens.size(), 2U);
  for (const auto& token : tokens) {
    EXPECT_NE(device.error().detail.view().find(token.serial.view()), std::string_view::npos);
  }
  EXPECT_EQ(shim_control().count("C_Login"), 0U);
}

TEST_F(Pkcs11Token, with_a_label_that_another_has_is_found_by_its_serial) {
  hsm_.add_token(SoftHsm::kLabel);
  for (const auto& token : list(SoftHsm::module_path(), "token=agents")) {
    const auto device = open(std::string(token.uri.view()) + "&pin-source=file:" + hsm_.pin_file());
    ASSERT_OK(device);
    EXPECT_EQ((*device)->describe_token()->serial, token.serial);
  }
}

TEST_F(Pkcs11Token, listed_twice_by_its_module_is_ambiguous) {
  SoftHsm::tell_lies("twin-tokens");
  EXPECT_STATUS(open(lying()), ambiguous_match);
}

TEST_F(Pkcs11Token, says_what_it_is) {
  const auto device = open_for_test(direct(), DeviceAccess::browse);
  const auto token = device->describe_token();
  ASSERT_OK(token);
  EXPECT_EQ(token->label.view(), "agents");
  EXPECT_EQ(token->manufacturer.view(), "SoftHSM project");
  EXPECT_EQ(token->model.view(), "SoftHSM v2");
  EXPECT_EQ(token->serial.size(), 16U);
  EXPECT_TRUE(token->library.view().starts_with("SoftHSM 2."));
  EXPECT_TRUE(token->is_initialised);
  EXPECT_TRUE(token->needs_login);
  EXPECT_TRUE(token->is_software);
  EXPECT_TRUE(token->can_ed25519);
  EXPECT_TRUE(token->can_es256);
  EXPECT_FALSE(token->pin_locked);
  EXPECT_TRUE(token->uri.view().starts_with("pkcs11:token=agents;serial="));
}

TEST_F(Pkcs11Token, with_a_label_that_fills_its_field) {
  SoftHsm::tell_lies("label:full");
  const std::string full(32, 'x');
  EXPECT_OK(open("pkcs11:token=" + full + "?module-path=" + SoftHsm::lying_path(), DeviceAccess::browse));
  EXPECT_EQ(list(SoftHsm::lying_path(), "token=" + full).at(0).label.view(), full);
}

TEST_F(Pkcs11Token, with_a_label_padded_with_zeros) {
  SoftHsm::tell_lies("label:zeros");
  EXPECT_OK(open(lying(), DeviceAccess::browse));
}

TEST_F(Pkcs11Token, that_is_blank_is_listed_with_its_slot) {
  const auto tokens = list(SoftHsm::module_path());
  ASSERT_EQ(tokens.size(), 2U);
  const auto& blank = tokens[0].is_initialised ? tokens[1] : tokens[0];
  EXPECT_FALSE(blank.is_initialised);
  EXPECT_TRUE(blank.label.empty());
  EXPECT_NE(blank.uri.view().find("slot-id="), std::string_view::npos);
}

TEST_F(Pkcs11Token, is_initialised_with_both_pins) {
  const auto made = init("", "fresh");
  ASSERT_OK(made);
  EXPECT_EQ(made->label.view(), "fresh");
  EXPECT_TRUE(made->is_initialised);
  EXPECT_EQ(shim_control().open_sessions(), 0);
  EXPECT_OK(open(std::string(made->uri.view()) + "&pin-source=file:" + hsm_.pin_file()));
  EXPECT_EQ(list(SoftHsm::module_path(), "token=agents").size(), 1U) << "another token was touched";
}

TEST_F(Pkcs11Token, that_is_blank_can_be_named_by_its_slot) {
  const auto tokens = list(SoftHsm::module_path());
  const auto& blank = tokens[0].is_initialised ? tokens[1] : tokens[0];
  const std::string_view uri = blank.uri.view();
  const std::string path(uri.substr(7, uri.find('?') - 7));
  EXPECT_OK(init(path, "by-slot"));
}

TEST_F(Pkcs11Token, is_not_erased_without_consent) {
  make_key();
  const auto refused = init("token=agents", "agents");
  EXPECT_STATUS(refused, already_exists);
  EXPECT_EQ(shim_control().count("C_InitToken"), 0U);
  EXPECT_OK(open_for_test(direct(), DeviceAccess::sign)->find_key({}, kNoDeadline));
}

TEST_F(Pkcs11Token, is_erased_with_consent) {
  make_key();
  ASSERT_OK(init("token=agents", "again", true));
  EXPECT_TRUE(list(SoftHsm::module_path(), "token=agents").empty());
  const auto device = open("pkcs11:token=again;object=agent?module-path=" + SoftHsm::module_path() +
                           "&pin-source=file:" + hsm_.pin_file());
  ASSERT_OK(device);
  EXPECT_STATUS((*device)->find_key({}, kNoDeadline), key_not_found);
}

TEST_F(Pkcs11Token, gets_no_label_that_another_has) {
  EXPECT_STATUS(init("", "agents"), already_exists);
  EXPECT_EQ(shim_control().count("C_InitToken"), 0U);
}

TEST_F(Pkcs11Token, gets_no_label_that_cannot_be_one) {
  for (const std::string& label :
       {std::string(), std::string(33, 'x'), std::string("a\n"), std::string("a "), std::string("\xff")}) {
    EXPECT_STATUS(init("", label), invalid_argument);
  }
  EXPECT_EQ(shim_control().count("C_Initialize"), 0U);
  EXPECT_OK(init("", std::string(32, 'x')));
}

TEST_F(Pkcs11Token, asks_the_security_officers_pin_once) {
  hsm_.folder().write("so.pin", "wrong-so-pin\n");
  const auto refused = init("token=agents", "agents", true);
  EXPECT_STATUS(refused, pin_incorrect);
  EXPECT_EQ(shim_control().count("C_InitToken"), 1U);
  EXPECT_EQ(shim_control().count("C_Login"), 0U);
}

TEST_F(Pkcs11Token, is_not_touched_when_a_pin_cannot_be_one) {
  hsm_.folder().write("user.pin", "123\n");
  EXPECT_STATUS(init("", "fresh"), invalid_argument);
  hsm_.folder().write("user.pin", "1234\n", 0644);
  EXPECT_STATUS(init("", "fresh"), file_untrusted);
  EXPECT_EQ(shim_control().count("C_InitToken"), 0U);
}

TEST_F(Pkcs11Token, that_stops_halfway_says_so) {
  shim_control().fail("C_InitPIN", 1, CKR_DEVICE_ERROR);
  const auto made = init("", "halfway");
  EXPECT_STATUS(made, device_gone);
  EXPECT_NE(std::string_view(hint_of(made.error())).find("no user PIN yet"), std::string_view::npos);
  EXPECT_EQ(shim_control().open_sessions(), 0);
  shim_control().clear_faults();
  EXPECT_OK(init("token=halfway", "halfway", true));
}

TEST_F(Pkcs11Token, that_is_not_there_cannot_be_initialised) {
  EXPECT_STATUS(init("token=absent", "x", true), token_not_found);
}

class Pkcs11TokenTyped : public Pkcs11Token {
 protected:
  Result<hal::TokenDescription> init_typed(const std::string& path, bool erase) const {
    hal::TokenInitOptions options;
    const std::string uri = "pkcs11:" + path + "?module-path=" + SoftHsm::shim_path();
    options.uri = uri;
    options.label = "typed";
    options.so_pin = options.user_pin = *hal::PinSource::parse("prompt");
    options.erase_existing = erase;
    return hal::pkcs11::init_token(options);
  }
  [[nodiscard]] bool takes(const std::string& pin) const {
    const std::string file = hsm_.folder().write("typed-pin", pin);
    return open("pkcs11:token=typed?module-path=" + SoftHsm::shim_path() + "&pin-source=file:" + file).has_value();
  }
};

TEST_F(Pkcs11TokenTyped, is_made_when_both_new_pins_are_typed_twice_the_same) {
  const auto run = run_on_terminal({"12345678\n", "12345678\n", "8765\n", "8765\n"},
                                   [this] { return init_typed("", false).has_value() && takes("8765"); });
  EXPECT_EQ(run.exit_code, 0) << run.shown;
  EXPECT_EQ(run.shown,
            "New security officer's PIN for the token: \r\n"
            "New security officer's PIN for the token, once more: \r\n"
            "New user PIN for the token: \r\nNew user PIN for the token, once more: \r\n");
  EXPECT_TRUE(run.is_echo_on_after);
}

TEST_F(Pkcs11TokenTyped, is_left_alone_when_the_pins_differ) {
  for (const std::vector<std::string>& answers :
       {std::vector<std::string>{"12345678\n", "12345679\n"},
        std::vector<std::string>{"12345678\n", "12345678\n", "8765\n", "87654\n"}}) {
    const auto run = run_on_terminal(answers, [this] {
      const auto made = init_typed("", false);
      return made.status() == Status::invalid_argument && made.error().detail.view() == "the two PINs typed differ" &&
             shim_control().count("C_InitToken") == 0;
    });
    EXPECT_EQ(run.exit_code, 0) << run.shown;
    EXPECT_TRUE(run.is_echo_on_after);
  }
}

TEST_F(Pkcs11TokenTyped, has_its_security_officers_pin_already_and_is_asked_for_it_once) {
  const auto run =
      run_on_terminal({"12345678\n", "12345678\n", "8765\n", "8765\n", "12345678\n", "4321\n", "4321\n"}, [this] {
        return init_typed("", false).has_value() && init_typed("token=typed", true).has_value() && takes("4321");
      });
  EXPECT_EQ(run.exit_code, 0) << run.shown;
}

}  // namespace
}  // namespace holdfast::test
