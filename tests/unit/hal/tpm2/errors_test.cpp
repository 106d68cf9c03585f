// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/errors.hpp"

#include <gtest/gtest.h>
#include <tss2/tss2_common.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tpm2_types.h>

#include <string>

namespace holdfast::hal::tpm2 {
namespace {

struct Code {
  ResponseCode value;
  std::string name;
};

#define X(name) Code{name, #name},
const std::vector<Code> kCodes{
#include "response_codes.inc"
};
#undef X

bool is_software(const Code& code) { return code.name.starts_with("TSS2_"); }

TEST(Tpm2Errors, EveryCodeOfTheHeadersHasItsNameAndAStatus) {
  ASSERT_GT(kCodes.size(), 120U);
  for (const Code& code : kCodes) {
    // Limits of ranges and modifiers, not answers.
    if (code.name == "TPM2_RC_MAX_FM0" || code.name == "TPM2_RC_NOT_USED") continue;
    const ResponseCode value = is_software(code) ? code.value | TSS2_TCTI_RC_LAYER : code.value;
    const std::string expected = is_software(code) ? code.name : "TPM_RC_" + code.name.substr(8);
    ASSERT_NE(code_name(value), nullptr) << code.name;
    EXPECT_EQ(code_name(value), expected);
    EXPECT_NE(code_status(value), Status::ok) << code.name;
    const Error error = native_failure(value, "testing");
    EXPECT_EQ(error.native, value);
    EXPECT_EQ(error.layer, Layer::tpm2);
    EXPECT_EQ(error.detail.view().find("code 0x"), std::string_view::npos) << error.detail.view();
  }
  EXPECT_EQ(code_status(TPM2_RC_SUCCESS), Status::ok);
}

TEST(Tpm2Errors, EveryNumberIsAnsweredWithoutHarm) {
  for (ResponseCode layer = 0; layer <= 13; ++layer) {
    for (ResponseCode code = 0; code < 0x1000; ++code) {
      const Error error = native_failure((layer << TSS2_RC_LAYER_SHIFT) | code, "testing");
      EXPECT_FALSE(error.detail.empty());
    }
  }
  // A bit turned in a success is none: an error that says `ok` would pass for one on its way up.
  for (ResponseCode bit = 1; bit != 0; bit <<= 1U)
    EXPECT_NE(native_failure(bit, "testing").status, Status::ok) << bit;
  EXPECT_NE(native_failure(TPM2_RC_SUCCESS, "testing").status, Status::ok);
  EXPECT_EQ(code_name(0xFFFFFFFF), nullptr);
  EXPECT_EQ(code_status(0xFFFFFFFF), Status::device_fault);
}

TEST(Tpm2Errors, AFormatOneCodeSaysWhatItIsAbout) {
  EXPECT_EQ(native_failure(0x98E, "").detail.view(),
            "TPM, session 1: the auth value was refused, and the TPM counted it");
  EXPECT_EQ(native_failure(0x9A2, "").detail.view(), "TPM, session 1: the auth value was refused");
  EXPECT_EQ(native_failure(0x1DF, "").detail.view(),
            "TPM, parameter 1: the key was not made under this parent in this TPM");
  EXPECT_EQ(native_failure(0x18B, "").detail.view(), "TPM, handle 1: nothing has this handle");
  EXPECT_EQ(native_failure(0xC018B, "").detail.view(),
            "TPM behind the resource manager, handle 1: nothing has this handle");
  EXPECT_EQ(native_failure(0xA000A, "").detail.view(), "TCTI: input or output failed");
  EXPECT_EQ(native_failure(0xA0FFF, "").detail.view(), "TCTI: code 0xa0fff");
}

// tpm2-tss's own decoder as the second opinion on which number a format-one code is.
TEST(Tpm2Errors, OurNamesAgreeWithTheDecoderOfTpm2Tss) {
  for (const Code& code : kCodes) {
    if (is_software(code) || code.value < TPM2_RC_FMT1 || code.value > 0xBF) continue;
    for (const ResponseCode modifier : {0x000U, 0x140U, 0x900U, 0xF40U}) {
      const std::string plain = Tss2_RC_Decode(code.value);
      const std::string theirs = Tss2_RC_Decode(code.value | modifier);
      const std::string text = plain.substr(plain.rfind("):") == std::string::npos ? 0 : plain.rfind("):") + 2);
      EXPECT_NE(theirs.find(text), std::string::npos) << code.name;
      EXPECT_STREQ(code_name(code.value | modifier), code_name(code.value));
    }
  }
}

TEST(Tpm2Errors, RemediesAreChosenByWhatHelps) {
  EXPECT_EQ(code_status(0x98E), Status::pin_incorrect);
  EXPECT_EQ(code_status(0x921), Status::pin_locked);
  EXPECT_EQ(code_status(0x910), Status::stale_key);
  EXPECT_EQ(code_status(0xA000A), Status::device_gone);
  EXPECT_EQ(code_status(0x70007), Status::device_gone);
  EXPECT_EQ(code_status(0x101), Status::device_fault);
  EXPECT_NE(std::string(native_failure(0x101, "").hint).find("power"), std::string::npos);
  EXPECT_NE(std::string(native_failure(0x901, "").hint).find("session open"), std::string::npos);
  EXPECT_NE(std::string(native_failure(0x902, "").hint).find("/dev/tpmrm0"), std::string::npos);
}

TEST(Tpm2Errors, KindsAreTold) {
  for (const ResponseCode code : {0x922U, 0x908U, 0x90AU, 0x920U, 0xC0922U}) EXPECT_TRUE(asks_to_wait(code));
  for (const ResponseCode code : {0x921U, 0xA0009U, 0x0U, 0xA0922U}) EXPECT_FALSE(asks_to_wait(code));
  EXPECT_TRUE(is_wrong_auth(0x98E));
  EXPECT_TRUE(is_wrong_auth(0x9A2));
  EXPECT_FALSE(is_wrong_auth(0x921));
  for (const ResponseCode code : {0x18BU, 0x910U, 0x916U, 0x918U, 0xC0910U}) EXPECT_TRUE(is_lost_handle(code));
  EXPECT_FALSE(is_lost_handle(0x902));
}

}  // namespace
}  // namespace holdfast::hal::tpm2
