// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/errors.hpp"

#include <gtest/gtest.h>

#include <string_view>
#include <utility>

namespace holdfast::hal::pkcs11 {
namespace {

// Every code of the header this was compiled against.
constexpr std::pair<CK_RV, std::string_view> kCodes[] = {
#define X(name) {name, #name},
#include "return_codes.inc"
#undef X
};

TEST(Errors, know_every_code_of_the_header_by_name) {
  EXPECT_GT(std::size(kCodes), 90U);
  for (const auto& [code, name] : kCodes) {
    ASSERT_NE(code_name(code), nullptr) << name;
    EXPECT_EQ(code_name(code), name);
  }
}

TEST(Errors, give_every_code_a_remedy) {
  for (const auto& [code, name] : kCodes) {
    if (code == CKR_OK) {
      EXPECT_EQ(code_status(code), Status::ok);
    } else {
      EXPECT_NE(status_remedy(code_status(code)), Remedy::none) << name;
    }
  }
}

TEST(Errors, keep_the_code_as_it_came) {
  const Error error = native_failure(CKR_PIN_INCORRECT, "logging in");
  EXPECT_EQ(error.status, Status::pin_incorrect);
  EXPECT_EQ(error.native, CKR_PIN_INCORRECT);
  EXPECT_STREQ(error.native_name, "CKR_PIN_INCORRECT");
  EXPECT_STREQ(error.doing, "logging in");
  EXPECT_EQ(error.layer, Layer::pkcs11);
}

TEST(Errors, take_an_unknown_code_for_a_fault_of_the_device) {
  EXPECT_EQ(native_failure(0x7777, "signing").status, Status::device_fault);
  EXPECT_EQ(native_failure(0x7777, "signing").native_name, nullptr);
  EXPECT_STREQ(code_name(CKR_VENDOR_DEFINED | 5), "CKR_VENDOR_DEFINED");
  EXPECT_EQ(code_status(CKR_VENDOR_DEFINED | 5), Status::device_fault);
}

TEST(Errors, never_say_ok_for_a_failure) {
  EXPECT_NE(native_failure(CKR_OK, "testing").status, Status::ok) << "an error that says ok";
  for (CK_RV code = 1; code < 0x300; ++code) EXPECT_NE(code_status(code), Status::ok) << code;
}

}  // namespace
}  // namespace holdfast::hal::pkcs11
