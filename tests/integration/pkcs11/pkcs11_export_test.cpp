// SPDX-License-Identifier: Apache-2.0
//
// The attempt to get a disposable key out.
#include "tests/integration/pkcs11/on_token.hpp"

namespace holdfast::test {
namespace {

using Outcome = hal::ExportAttempt::Outcome;

class Pkcs11Export : public OnToken {
 protected:
  static Result<hal::ExportReport> probe(const std::string& uri, Scheme scheme = Scheme::ed25519) {
    return open_for_test(uri, DeviceAccess::provision)->export_probe()->try_export(scheme, kNoDeadline);
  }
  static Outcome outcome(const hal::ExportReport& report, std::string_view name) {
    for (std::size_t i = 0; i < report.count; ++i) {
      if (report.attempts[i].name == name) return report.attempts[i].outcome;
    }
    throw std::runtime_error("no attempt " + std::string(name));
  }
  static std::size_t objects() { return RawSession(SoftHsm::kLabel).count_objects(); }
};

TEST_F(Pkcs11Export, is_refused_by_softhsm_in_every_way) {
  for (const Scheme scheme : {Scheme::ed25519, Scheme::es256}) {
    const auto report = probe(shimmed(), scheme);
    ASSERT_OK(report);
    EXPECT_EQ(report->count, 8U);
    EXPECT_FALSE(report->gave_way());
    EXPECT_EQ(outcome(*report, "read CKA_VALUE"), Outcome::refused);
    EXPECT_EQ(outcome(*report, "set CKA_EXTRACTABLE to true"), Outcome::refused);
    EXPECT_EQ(outcome(*report, "copy with CKA_EXTRACTABLE true"), Outcome::refused);
    EXPECT_EQ(outcome(*report, "wrap under a known key (CKM_AES_KEY_WRAP)"), Outcome::refused)
        << "offered, and refused for the key's sake";
    EXPECT_EQ(outcome(*report, "wrap under a known key (CKM_AES_KEY_WRAP_KWP)"), Outcome::not_offered);
    EXPECT_STREQ(report->attempts[0].native_name, "CKR_ATTRIBUTE_SENSITIVE");
  }
  EXPECT_EQ(objects(), 0U) << "something was left behind";
  EXPECT_EQ(shim_control().open_sessions(), 0);
}

struct Lie {
  const char* name;
  const char* text;
  const char* attempt;
};
void PrintTo(const Lie& lie, std::ostream* out) { *out << lie.name; }
class Pkcs11LyingToken : public Pkcs11Export, public ::testing::WithParamInterface<Lie> {};

TEST_P(Pkcs11LyingToken, is_found_out) {
  SoftHsm::tell_lies(GetParam().text);
  const auto report = probe(lying());
  ASSERT_OK(report);
  EXPECT_TRUE(report->gave_way());
  EXPECT_EQ(outcome(*report, GetParam().attempt), Outcome::gave_way);
  EXPECT_EQ(objects(), 0U);
}

INSTANTIATE_TEST_SUITE_P(all, Pkcs11LyingToken,
                         ::testing::Values(Lie{"reads", "value", "read CKA_VALUE"},
                                           Lie{"wraps", "wrap", "wrap under a known key (CKM_AES_KEY_WRAP_PAD)"},
                                           Lie{"wraps_what_it_calls_not_extractable",
                                               "wrap,bool:0x162=0,bool:0x164=1",
                                               "wrap under a known key (CKM_AES_KEY_WRAP)"},
                                           Lie{"copies", "copy", "copy with CKA_EXTRACTABLE true"}),
                         [](const auto& lie) { return std::string(lie.param.name); });

// What was never tried was not refused.
TEST_F(Pkcs11Export, wraps_under_a_key_of_the_tokens_where_it_takes_none) {
  shim_control().fail("C_CreateObject", 0, CKR_TEMPLATE_INCONSISTENT);
  const auto report = probe(shimmed());
  ASSERT_OK(report);
  EXPECT_EQ(shim_control().count("C_WrapKey"), 4U);
  EXPECT_EQ(outcome(*report, "wrap under a key of the token's (CKM_AES_KEY_WRAP)"), Outcome::refused);
  EXPECT_STREQ(report->attempts[4].native_name, "CKR_KEY_UNEXTRACTABLE");
  EXPECT_EQ(objects(), 0U);

  shim_control().reset_counts();
  shim_control().fail("C_GenerateKey", 0, CKR_MECHANISM_PARAM_INVALID);
  const auto without = probe(shimmed());
  ASSERT_OK(without);
  EXPECT_EQ(shim_control().count("C_WrapKey"), 0U);
  EXPECT_EQ(outcome(*without, "wrap under a known key (CKM_AES_KEY_WRAP)"), Outcome::not_offered);
  EXPECT_STREQ(without->attempts[4].native_name, "CKR_TEMPLATE_INCONSISTENT");
}

// tpm2-pkcs11 1.9: the attribute in its database changes, the TPM's object does not.
TEST_F(Pkcs11Export, is_not_what_a_changed_attribute_alone_amounts_to) {
  SoftHsm::tell_lies("set");
  const auto report = probe(lying());
  ASSERT_OK(report);
  EXPECT_FALSE(report->gave_way());
  EXPECT_EQ(outcome(*report, "set CKA_EXTRACTABLE to true"), Outcome::refused);
}

TEST_F(Pkcs11Export, says_when_its_key_cannot_be_removed) {
  shim_control().fail("C_DestroyObject", 0, CKR_DEVICE_ERROR);
  const auto report = probe(shimmed());
  EXPECT_STATUS(report, device_fault);
  EXPECT_NE(std::string_view(hint_of(report.error())).find("holdfast-export-probe-disposable"),
            std::string_view::npos);
}

TEST_F(Pkcs11Export, removes_its_key_when_an_attempt_goes_wrong) {
  for (const char* function : {"C_CreateObject", "C_CopyObject", "C_SetAttributeValue", "C_WrapKey"}) {
    shim_control().fail(function, 0, CKR_GENERAL_ERROR);
    EXPECT_OK(probe(shimmed()));
    shim_control().clear_faults();
    EXPECT_EQ(objects(), 0U) << function;
  }
}

}  // namespace
}  // namespace holdfast::test
