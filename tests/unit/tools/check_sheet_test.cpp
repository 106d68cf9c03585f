// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/check_sheet.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::tool {
namespace {

using testing::HasSubstr;
using testing::Not;

hal::TokenDescription token_of(std::string_view model) {
  hal::TokenDescription token;
  token.label = std::string_view("agents");
  token.serial = std::string_view("0011223344");
  token.manufacturer = std::string_view("Maker");
  token.model = model;
  token.library = std::string_view("Module 1.2");
  token.uri = std::string_view("pkcs11:token=agents;serial=0011223344");
  token.can_es256 = true;
  return token;
}

Error error_of(Status status) { return failure(status, Layer::pkcs11, "trying"); }

TEST(CheckSheet, TheWorstProblemDecidesTheExitCodeWhereverItStands) {
  CheckSheet sheet(token_of("Model"), hal::BackendKind::pkcs11);
  EXPECT_EQ(sheet.exit_code(), 0);
  sheet.begin(Scheme::ed25519);
  sheet.skipped("opened", "not offered");
  sheet.note("something");
  EXPECT_EQ(sheet.exit_code(), 0) << "what is left out is no problem";
  sheet.begin(Scheme::es256);
  sheet.failed("opened", error_of(Status::pin_incorrect));
  EXPECT_EQ(sheet.exit_code(), 3);
  sheet.failed("export attempt", error_of(Status::key_refused));
  sheet.failed("deleted", error_of(Status::pin_locked));
  EXPECT_EQ(sheet.exit_code(), 4);
}

TEST(CheckSheet, WhatIsFoundStandsInTheColumnOfItsScheme) {
  CheckSheet sheet(token_of("Model"), hal::BackendKind::pkcs11);
  sheet.begin(Scheme::es256);
  sheet.passed("export attempt", "in 3 ways", "refused");
  sheet.begin(Scheme::ed25519);
  sheet.failed("export attempt", error_of(Status::device_fault));
  EXPECT_THAT(sheet.markdown(), HasSubstr("| export attempt | device_fault | refused |"));
  EXPECT_THAT(sheet.text(), HasSubstr("ok       export attempt: in 3 ways"));
  EXPECT_EQ(sheet.json().member("checks")->member("export_attempt")->string_member("es256"), "refused");
}

TEST(CheckSheet, TheBlockForOthersDoesNotNameThisToken) {
  CheckSheet sheet(token_of("Model"), hal::BackendKind::pkcs11);
  sheet.begin(Scheme::es256);
  sheet.passed("made on the token", "holdfast-check-1");
  const std::string block = sheet.markdown();
  for (const char* own : {"agents", "0011223344", "pkcs11:", "holdfast-check-1"}) {
    EXPECT_THAT(block, Not(HasSubstr(own)));
  }
  EXPECT_THAT(block, HasSubstr("### Model, Maker"));
}

TEST(CheckSheet, AModulesWordsAreNoMarkup) {
  CheckSheet sheet(token_of("a|b <i>[x](y)\n# `c`"), hal::BackendKind::pkcs11);
  EXPECT_THAT(sheet.markdown(), HasSubstr("### a\\|b \\<i\\>\\[x\\](y)?\\# \\`c\\`, Maker"));
}

}  // namespace
}  // namespace holdfast::tool
