// SPDX-License-Identifier: Apache-2.0
#include "holdfast/assertion.hpp"
#include "holdfast/result.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

namespace holdfast {
namespace {

TEST(StatusTable, EveryStatusHasItsOwnNameTextAndHint) {
  std::set<std::string_view> names;
  for (holdfast_status value = 0; value < HOLDFAST_STATUS_COUNT; ++value) {
    const auto status = static_cast<Status>(value);
    EXPECT_TRUE(names.insert(status_name(status)).second) << status_name(status);
    EXPECT_FALSE(status_text(status).empty()) << status_name(status);
    EXPECT_EQ(status_hint(status).empty(), status == Status::ok) << status_name(status);
    EXPECT_FALSE(status_text(status).ends_with(".")) << status_text(status);
    EXPECT_FALSE(status_hint(status).ends_with(".")) << status_hint(status);
  }
}

// What a hint tells a programmer to write is there to be written.
TEST(StatusTable, HintsNameNothingThatTheHeadersDoNotHave) {
  std::string headers;
  for (const auto& entry : std::filesystem::directory_iterator(HOLDFAST_HEADERS)) {
    std::ifstream file(entry.path());
    headers.append(std::istreambuf_iterator<char>(file), {});
  }
  const std::regex constant("HOLDFAST_[A-Z0-9_]+|\\bk[A-Z][A-Za-z0-9]+");
  int constants = 0;
  for (holdfast_status value = 0; value < HOLDFAST_STATUS_COUNT; ++value) {
    const std::string hint(status_hint(static_cast<Status>(value)));
    for (std::sregex_iterator found(hint.begin(), hint.end(), constant), end; found != end; ++found, ++constants) {
      EXPECT_TRUE(std::regex_search(headers, std::regex("\\b" + found->str() + "\\b"))) << hint;
    }
  }
  EXPECT_EQ(constants, 2);
  EXPECT_NE(status_hint(Status::buffer_too_small).find("(" + std::to_string(kMaxAuthorizationSize + 1) + ")"),
            std::string_view::npos);
}

TEST(StatusTable, ExitCodesFollowTheRemedy) {
  EXPECT_EQ(status_exit_code(Status::ok), 0);
  EXPECT_EQ(status_exit_code(Status::invalid_argument), 2);
  EXPECT_EQ(status_exit_code(Status::invalid_uri), 2);
  EXPECT_EQ(status_exit_code(Status::pin_incorrect), 3);
  EXPECT_EQ(status_exit_code(Status::permission_denied), 3);
  EXPECT_EQ(status_exit_code(Status::device_gone), 4);
  EXPECT_EQ(status_exit_code(Status::authority_refused), 5);
  EXPECT_EQ(status_exit_code(Status::header_refused), 1);
}

TEST(StatusTable, AValueOutsideTheTableIsHandled) {
  const auto beyond = static_cast<Status>(HOLDFAST_STATUS_COUNT);
  EXPECT_EQ(status_name(beyond), "unknown");
  EXPECT_EQ(status_text(beyond), "unknown status");
  EXPECT_EQ(status_hint(beyond), "look it up in docs/errors.md of the version that answered it");
  EXPECT_EQ(status_remedy(beyond), Remedy::stop);
  EXPECT_EQ(status_name(static_cast<Status>(-1)), "unknown");
}

TEST(Message, NamesWhatWhoAndWhileDoing) {
  Error error = failure(Status::pin_incorrect, Layer::pkcs11, "logging in");
  error.native = 0xa0;
  error.native_name = "CKR_PIN_INCORRECT";
  std::array<char, 256> buffer{};
  EXPECT_EQ(write_message(error, buffer), "the token refused the PIN (pkcs11: CKR_PIN_INCORRECT while logging in)");
  error.native_name = nullptr;
  error.detail.append("token 'agents'");
  EXPECT_EQ(write_message(error, buffer),
            "the token refused the PIN: token 'agents' (pkcs11: 0xa0 while logging in)");
}

TEST(Message, IsCutToTheBuffer) {
  const Error error = failure(Status::pin_incorrect, Layer::pkcs11, "logging in");
  std::array<char, 9> buffer{};
  EXPECT_EQ(write_message(error, buffer), "the token");
  EXPECT_EQ(write_message(error, std::span<char>{}), "");
}

TEST(Message, AnErrorsOwnHintWins) {
  EXPECT_EQ(hint_of(failure(Status::forked, Layer::core, "")), status_hint(Status::forked));
  EXPECT_EQ(hint_of(failure(Status::forked, Layer::core, "").with_hint("do this")), "do this");
}

}  // namespace
}  // namespace holdfast
