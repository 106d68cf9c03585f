// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/key_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::tool {
namespace {

using hal::ExportAttempt;
using hal::KeyAttribute;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(KeyReport, PutsAttributesIntoWordsAndNamesWhatStrictWants) {
  hal::KeyAttributes attributes;
  attributes.set(KeyAttribute::sensitive, true);
  attributes.set(KeyAttribute::extractable, true);
  attributes.set(KeyAttribute::decrypt, false);
  const std::string text = attributes_in_words(attributes);
  EXPECT_THAT(text, HasSubstr("CKA_SENSITIVE           yes  its value is not shown\n"));
  EXPECT_THAT(text, HasSubstr("CKA_EXTRACTABLE         yes  can be wrapped out of the token  (strict wants: no)\n"));
  EXPECT_THAT(text, HasSubstr("CKA_DECRYPT             no   does not decrypt\n"));
  EXPECT_THAT(text, Not(HasSubstr("CKA_DERIVE")));
}

TEST(KeyReport, SnapshotHoldsWhatIsKnown) {
  hal::KeyAttributes attributes;
  attributes.set(KeyAttribute::local, true);
  attributes.set(KeyAttribute::copyable, false);
  const auto snapshot = attribute_snapshot(attributes);
  EXPECT_EQ(snapshot, (std::map<std::string, bool>{{"CKA_LOCAL", true}, {"CKA_COPYABLE", false}}));
  EXPECT_EQ(attributes_json(snapshot).dump(), "{\"CKA_COPYABLE\":false,\"CKA_LOCAL\":true}");
}

TEST(KeyReport, AttributesAreNamedForPeopleAndForPrograms) {
  hal::KeyAttributeSet dropped;
  EXPECT_EQ(attribute_names_json(dropped).dump(), "[]");
  dropped.insert(KeyAttribute::copyable);
  dropped.insert(KeyAttribute::derive);
  const std::string names = attribute_names(dropped);
  EXPECT_THAT(names, HasSubstr("CKA_COPYABLE"));
  EXPECT_THAT(names, HasSubstr("CKA_DERIVE"));
  const Json json = attribute_names_json(dropped);
  ASSERT_EQ(json.size(), 2U);
  EXPECT_EQ(json.element(0)->as_string().value_or("") + ", " + json.element(1)->as_string().value_or(""), names);
}

TEST(KeyReport, ATokenThatGaveWayIsRefusedByName) {
  hal::ExportReport report;
  report.attempts[0] = {"read CKA_VALUE", ExportAttempt::Outcome::refused, 0x11, "CKR_ATTRIBUTE_SENSITIVE"};
  report.attempts[1] = {"wrap under a known key", ExportAttempt::Outcome::gave_way, 0, nullptr};
  report.count = 1;
  EXPECT_TRUE(check_attempts(report));
  EXPECT_THAT(attempts_in_words(report), HasSubstr("refused (CKR_ATTRIBUTE_SENSITIVE)\n"));
  report.count = 2;
  const auto verdict = check_attempts(report);
  EXPECT_EQ(verdict.status(), Status::key_refused);
  EXPECT_THAT(std::string(verdict.error().detail.view()), HasSubstr("wrap under a known key"));
}

TEST(KeyReport, ASoftwareTokenSaysSo) {
  hal::TokenDescription token;
  token.is_software = true;
  token.can_es256 = true;
  const Json json = token_report(token).json();
  EXPECT_EQ(json.boolean_member("is_software"), true);
  EXPECT_EQ(json.member("schemes")->dump(), "[\"es256\"]");
}

}  // namespace
}  // namespace holdfast::tool
