// SPDX-License-Identifier: Apache-2.0
#include "holdfast/session.hpp"

#include "tests/support/temporary_folder.hpp"
#include "tests/unit/identity/sample_identity.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

namespace holdfast {
namespace {

using namespace std::chrono_literals;

class SessionOpen : public testing::Test {
 protected:
  Identity identity_ = test::sample_identity();

  /// The refusal of a session on a file of `identity_`.
  Error open(SessionOptions options = {}) {
    EXPECT_TRUE(store_identity(identity_, path_, true));
    options.identity_file = path_;
    const auto session = AgentSession::open(options);
    EXPECT_FALSE(session);
    return session ? Error{} : session.error();
  }

  test::TemporaryFolder folder_;
  std::string path_ = folder_.file("identity.json");
};

TEST_F(SessionOpen, AMissingFileIsNamed) {
  SessionOptions options;
  options.identity_file = path_;
  const auto session = AgentSession::open(options);
  ASSERT_EQ(session.status(), Status::file_invalid);
  EXPECT_NE(session.error().detail.view().find("identity.json"), std::string_view::npos);
}

TEST_F(SessionOpen, AWeakerProfileThanTheProgramTakesIsRefused) {
  identity_.profile = KeyProfile::imported;
  const Error error = open();
  EXPECT_EQ(error.status, Status::key_refused);
  EXPECT_EQ(error.layer, Layer::identity);
  EXPECT_EQ(error.detail.view(), "the identity file's profile is imported, this program takes strict or stricter");
}

TEST_F(SessionOpen, AStricterProfileThanTheProgramTakesPassesThatGate) {
  identity_.profile = KeyProfile::strict;
  identity_.key_uri = "tpm2:handle=0x81000001?tcti=swtpm:path=/nonexistent/socket";
  SessionOptions options;
  options.minimum_profile = KeyProfile::shared;
  EXPECT_EQ(open(options).status, Status::token_not_found) << "it got as far as the device";
}

TEST_F(SessionOpen, AnotherKeyThanTheProgramExpectsIsRefused) {
  SessionOptions options;
  std::array<std::byte, kEd25519KeySize> other{std::byte{1}};
  options.expected_key = PublicKey::from_bytes(Scheme::ed25519, other).value();
  identity_.profile = KeyProfile::strict;
  EXPECT_EQ(open(options).status, Status::key_changed);
}

TEST_F(SessionOpen, AnAuthorityThatCannotBeUsedIsRefusedBeforeTheTokenIsOpened) {
  identity_.key_uri = "tpm2:handle=0x81000001";
  ASSERT_TRUE(store_identity(identity_, path_, true));
  std::ifstream stored(path_);
  std::string text{std::istreambuf_iterator<char>(stored), {}};
  const std::size_t scheme = text.find("https://");
  ASSERT_NE(scheme, std::string::npos);
  std::ofstream(path_) << text.replace(scheme, 5, "http");
  SessionOptions options;
  options.identity_file = path_;
  const auto session = AgentSession::open(options);
  ASSERT_EQ(session.status(), Status::file_invalid);
  EXPECT_NE(session.error().detail.view().find("authority.url"), std::string_view::npos);
}

TEST_F(SessionOpen, OptionsAreChecked) {
  identity_.profile = KeyProfile::strict;
  SessionOptions options;
  options.registration_timeout = 0ms;
  EXPECT_EQ(open(options).status, Status::invalid_argument);
  options = {};
  options.max_age = 121s;
  const Error error = open(options);
  EXPECT_EQ(error.status, Status::invalid_argument);
  EXPECT_NE(error.detail.view().find("max_age"), std::string_view::npos);
}

}  // namespace
}  // namespace holdfast
