// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/access_token.hpp"

#include "tests/support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <stdlib.h>
#include <unistd.h>

#include <string>

namespace holdfast::tool {
namespace {

std::string text_of(const Result<hal::SecretBytes>& token) {
  if (!token) return "(" + std::string(status_name(token.status())) + ")";
  const auto bytes = token->reveal({});
  std::string text;
  for (const std::byte byte : bytes) text += static_cast<char>(byte);
  return text;
}

Result<hal::SecretBytes> read_from(const std::string& source) {
  const Result<hal::PinSource> parsed = hal::PinSource::parse(source);
  if (!parsed) return parsed.error();
  return read_access_token(*parsed);
}

TEST(AccessToken, ComesFromAFileWithOrWithoutALineEnd) {
  const test::TemporaryFolder folder;
  EXPECT_EQ(text_of(read_from("file:" + folder.write("a", "at-1.2_3~/+=="))), "at-1.2_3~/+==");
  EXPECT_EQ(text_of(read_from("file:" + folder.write("b", "abc\n"))), "abc");
  EXPECT_EQ(text_of(read_from("file:" + folder.write("c", "abc\r\n"))), "abc");
}

TEST(AccessToken, MayBeAsLongAsAJsonWebToken) {
  const test::TemporaryFolder folder;
  const std::string longest(kMaxAccessTokenSize, 'x');
  EXPECT_EQ(text_of(read_from("file:" + folder.write("a", longest + "\r\n"))), longest);
  EXPECT_EQ(text_of(read_from("file:" + folder.write("b", longest + "x"))), "(file_invalid)");
  EXPECT_EQ(text_of(read_from("file:" + folder.write("c", longest + longest))), "(file_invalid)");
}

TEST(AccessToken, CannotEndTheHeaderItIsSentIn) {
  const test::TemporaryFolder folder;
  for (const std::string text : {"a b", "a\nX-Other: b", "a\r\nb", "\"a\"", "a\n\n", "gr\u00fc\u00df"}) {
    EXPECT_EQ(text_of(read_from("file:" + folder.write("t", text))), "(file_invalid)") << text;
  }
  EXPECT_EQ(text_of(read_from("file:" + folder.write("n", std::string("a\0b", 3)))), "(file_invalid)");
  EXPECT_EQ(text_of(read_from("file:" + folder.write("e", "\n"))), "(file_invalid)");
}

TEST(AccessToken, IsRefusedFromAFileThatOthersMayRead) {
  const test::TemporaryFolder folder;
  EXPECT_EQ(text_of(read_from("file:" + folder.write("a", "abc", 0644))), "(file_untrusted)");
}

TEST(AccessToken, ComesFromADescriptorOrTheEnvironment) {
  int ends[2] = {-1, -1};
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(write(ends[1], "abc\n", 4), 4);
  close(ends[1]);
  EXPECT_EQ(text_of(read_from("fd:" + std::to_string(ends[0]))), "abc");
  close(ends[0]);
  setenv("HOLDFAST_TEST_BEARER", "def", 1);
  EXPECT_EQ(text_of(read_from("env:HOLDFAST_TEST_BEARER")), "def");
  EXPECT_EQ(text_of(read_from("env:HOLDFAST_TEST_UNSET")), "(pin_required)");
}

TEST(AccessToken, ComesFromACredential) {
  const test::TemporaryFolder folder;
  folder.write("bearer", "abc");
  unsetenv("CREDENTIALS_DIRECTORY");
  EXPECT_EQ(text_of(read_from("credential:bearer")), "(pin_required)");
  setenv("CREDENTIALS_DIRECTORY", folder.path().c_str(), 1);
  EXPECT_EQ(text_of(read_from("credential:bearer")), "abc");
}

TEST(AccessToken, NeedsASource) { EXPECT_EQ(text_of(read_from("")), "(pin_required)"); }

}  // namespace
}  // namespace holdfast::tool
