// SPDX-License-Identifier: Apache-2.0
#include "holdfast/signer.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace holdfast {
namespace {

using namespace std::chrono_literals;

SignerOptions good_options() {
  SignerOptions options;
  options.runtime_id = "agent-123";
  options.key_uri = "pkcs11:object=agent";
  return options;
}

void expect_refused(const SignerOptions& options, Status status, std::string_view named) {
  const auto signer = Signer::open(options);
  ASSERT_EQ(signer.status(), status);
  EXPECT_NE(signer.error().detail.view().find(named), std::string_view::npos) << signer.error().detail.view();
}

TEST(SignerOptions, EachFieldIsCheckedAndNamed) {
  SignerOptions options = good_options();
  options.sessions = 0;
  expect_refused(options, Status::invalid_argument, "sessions is 0, it must be 1 to 64");
  options.sessions = 65;
  expect_refused(options, Status::invalid_argument, "sessions");

  options = good_options();
  options.max_tasks = 0;
  expect_refused(options, Status::invalid_argument, "max_tasks");
  options.max_tasks = 100'001;
  expect_refused(options, Status::invalid_argument, "max_tasks is 100001, it must be 1 to 100000");

  options = good_options();
  options.max_age = -1s;
  expect_refused(options, Status::invalid_argument, "max_age");
  options.max_age = 121s;
  expect_refused(options, Status::invalid_argument, "max_age is 121, it must be 0 to 120");

  options = good_options();
  options.key_uri = "";
  expect_refused(options, Status::invalid_argument, "key_uri");

  options = good_options();
  options.profile = static_cast<KeyProfile>(0);
  expect_refused(options, Status::invalid_argument, "profile");

  options = good_options();
  options.verify = static_cast<VerifySignatures>(0);
  expect_refused(options, Status::invalid_argument, "verify");
}

TEST(SignerOptions, ASchemeThatDoesNotFitTheExpectedKeyIsRefused) {
  SignerOptions options = good_options();
  options.expected_key = PublicKey::from_bytes(Scheme::ed25519, std::array<std::byte, 32>{}).value();
  options.scheme = Scheme::es256;
  expect_refused(options, Status::invalid_argument, "expected_key is of ed25519");
}

TEST(SignerOptions, IdsUrisAndPinSourcesKeepTheirOwnErrors) {
  SignerOptions options = good_options();
  options.runtime_id = "agent:123";
  EXPECT_EQ(Signer::open(options).status(), Status::invalid_identifier);
  options.runtime_id = "";
  EXPECT_EQ(Signer::open(options).status(), Status::invalid_identifier);

  options = good_options();
  options.key_uri = "file:/key.pem";
  EXPECT_EQ(Signer::open(options).status(), Status::invalid_uri);

  options = good_options();
  options.pin_source = "1234";
  EXPECT_EQ(Signer::open(options).status(), Status::invalid_argument);
}

TEST(SignerOptions, ADeviceThatIsNotThereSaysSo) {
  SignerOptions options = good_options();
  options.key_uri = "tpm2:handle=0x81000001?tcti=swtpm:path=/nonexistent/socket";
  EXPECT_EQ(Signer::open(options).status(), Status::token_not_found);
}

}  // namespace
}  // namespace holdfast
