// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/key_file.hpp"

#include "src/assertion/base64.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace holdfast::hal::tpm2 {
namespace {

// Made by `openssl genpkey -provider tpm2 -algorithm EC -pkeyopt group:P-256` (tpm2-openssl 1.1.1) on swtpm 0.7.1.
constexpr std::string_view kForeign =
    "-----BEGIN TSS2 PRIVATE KEY-----\n"
    "MIHwBgZngQUKAQOgAwEBAQIEQAAAAQRYAFYAIwALAAYAcgAAABAAEAADABAAIFuQ\n"
    "atvvVMwBeO3iz/Y0z0NFHNTKImTYcPTrrxA3VY5iACAsX3cmeaRaiixy1mP4yowO\n"
    "molcNfayva26KeHaYO+wpQSBgAB+ACCj7R5y+eGFAwUjWDQ0Dmok7VrD+ALAaBse\n"
    "rs5p5qwNsgAQtCCulgky9ajxpAaoQCek7RGmHnniPw9As7cVQc+Xzx4ewM1F7Soz\n"
    "tLz1i+F6ELHiWE2udLDsD/tMsWkPeNxqByf+JMj29aipqQ8XUjo3kLGkcDYCbIfG\n"
    "trcz\n"
    "-----END TSS2 PRIVATE KEY-----\n";

std::vector<std::byte> der() {
  std::string body;
  for (const char c : kForeign.substr(33, kForeign.size() - 33 - 31)) {
    if (c != '\n') body += c;
  }
  std::vector<std::byte> bytes(1024);
  bytes.resize(decode_base64(Base64::standard, body, bytes).value());
  return bytes;
}

std::string pem(std::span<const std::byte> bytes) {
  std::string base64(base64_size(Base64::standard, bytes.size()), ' ');
  (void)encode_base64(Base64::standard, bytes, base64);
  return "-----BEGIN TSS2 PRIVATE KEY-----\n" + base64 + "\n-----END TSS2 PRIVATE KEY-----\n";
}

// The outer length is one byte behind 0x81.
std::string with_field(std::string_view field) {
  auto bytes = der();
  bytes.insert(bytes.begin() + 16, octets_of(field).begin(), octets_of(field).end());
  bytes[2] = static_cast<std::byte>(std::to_integer<std::size_t>(bytes[2]) + field.size());
  return pem(bytes);
}

TEST(KeyFile, AKeyOfTpm2OpensslIsRead) {
  const auto file = parse_key_file(kForeign);
  ASSERT_TRUE(file) << file.error().detail.view();
  EXPECT_TRUE(file->has_empty_auth);
  EXPECT_EQ(file->parent, 0x40000001U);
  EXPECT_EQ(file->key.public_area.scheme(), Scheme::es256);
  EXPECT_FALSE(file->key.public_area.is_scheme_pinned());
  EXPECT_TRUE(file->key.public_area.point());
}

TEST(KeyFile, WhatIsWrittenIsReadAgain) {
  auto file = parse_key_file(kForeign);
  ASSERT_TRUE(file);
  for (const std::uint32_t parent : {0x40000001U, 0x81000001U}) {
    for (const bool has_empty_auth : {true, false}) {
      file->parent = parent;
      file->has_empty_auth = has_empty_auth;
      const auto text = write_key_file(*file);
      ASSERT_TRUE(text);
      const auto again = parse_key_file(text->view());
      ASSERT_TRUE(again) << again.error().detail.view();
      EXPECT_EQ(again->parent, parent);
      EXPECT_EQ(again->has_empty_auth, has_empty_auth);
      EXPECT_TRUE(std::ranges::equal(again->key.public_area.bytes(), file->key.public_area.bytes()));
      EXPECT_EQ(again->key.private_area, file->key.private_area);
    }
  }
}

TEST(KeyFile, LineEndsOfWindowsAreRead) {
  std::string text;
  for (const char c : kForeign) text += c == '\n' ? std::string("\r\n") : std::string(1, c);
  EXPECT_TRUE(parse_key_file(text));
}

TEST(KeyFile, EveryTruncationIsRefused) {
  // The last character is a line end, which may be missing.
  for (std::size_t size = 0; size + 1 < kForeign.size(); ++size) {
    EXPECT_EQ(parse_key_file(kForeign.substr(0, size)).status(), Status::file_invalid) << size;
  }
  const auto bytes = der();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(parse_key_file(pem(std::span(bytes).first(size))).status(), Status::file_invalid) << size;
  }
}

TEST(KeyFile, EveryChangedByteIsReadWithoutHarm) {
  const auto bytes = der();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      auto changed = bytes;
      changed[i] = changed[i] ^ static_cast<std::byte>(1U << bit);
      (void)parse_key_file(pem(changed));
    }
  }
}

TEST(KeyFile, OptionalFieldsAreKnownOrNamed) {
  using namespace std::string_view_literals;
  const auto described = parse_key_file(with_field("\xA4\x05\x0C\x03key"sv));
  ASSERT_TRUE(described) << described.error().detail.view();
  EXPECT_EQ(described->description.view(), "key");
  EXPECT_TRUE(parse_key_file(with_field("\xA5\x03\x01\x01\x00"sv))) << "rsaParent, false";
  EXPECT_EQ(parse_key_file(with_field("\xA5\x03\x01\x01\xFF"sv)).status(), Status::key_refused);
  EXPECT_EQ(parse_key_file(with_field("\xA2\x03\x04\x01x"sv)).status(), Status::file_invalid) << "secret";
  const auto unknown = parse_key_file(with_field("\xA7\x03\x01\x01\xFF"sv));
  ASSERT_EQ(unknown.status(), Status::file_invalid);
  EXPECT_NE(unknown.error().detail.view().find("[7]"), std::string_view::npos);
  EXPECT_EQ(parse_key_file(with_field("\xA0\x03\x01\x01\xFF"sv)).status(), Status::file_invalid) << "twice";
}

TEST(KeyFile, AKeyThatOnlyAPolicyOpensIsRefused) {
  auto bytes = der();
  // userWithAuth stands in the lowest byte of the attributes.
  const std::array attributes{std::byte{0x00}, std::byte{0x06}, std::byte{0x00}, std::byte{0x72}};
  const auto found = std::search(bytes.begin(), bytes.end(), attributes.begin(), attributes.end());
  ASSERT_NE(found, bytes.end());
  *(found + 3) = std::byte{0x32};
  EXPECT_EQ(parse_key_file(pem(bytes)).status(), Status::key_refused);
}

// As draft-bottomley-tpm2-keys has it: the selection, then 32 bytes of the values' digest, no size before them.
std::string pcr_field(std::string_view selection, std::string_view more = {}) {
  using namespace std::string_view_literals;
  const std::string parameters = std::string(selection) + std::string(32, 'd');
  const auto element = [](char tag, std::string_view content) {
    return std::string{tag, static_cast<char>(content.size())} + std::string(content);
  };
  const std::string step = element('\xA0', "\x02\x02\x01\x7F"sv) + element('\xA1', element('\x04', parameters));
  return element('\xA1', element('\x30', element('\x30', step) + std::string(more)));
}
constexpr std::string_view kAuthValueStep("\x30\x0A\xA0\x04\x02\x02\x01\x6B\xA1\x02\x04\x00", 12);
constexpr std::string_view kPcrs0And7("\x00\x00\x00\x01\x00\x0B\x03\x81\x00\x00", 10);

// The foreign key with userWithAuth clear and this policy in its public area.
std::string bound(const PcrPolicy& policy, std::string_view field) {
  auto bytes = der();
  const std::array attributes{std::byte{0x00}, std::byte{0x06}, std::byte{0x00}, std::byte{0x72}};
  const auto found = std::search(bytes.begin(), bytes.end(), attributes.begin(), attributes.end());
  EXPECT_NE(found, bytes.end());
  *(found + 3) = std::byte{0x32};
  const Digest digest = policy.digest();
  const auto at = found - bytes.begin();
  bytes[static_cast<std::size_t>(at) + 5] = std::byte{32};
  bytes.insert(found + 6, digest.begin(), digest.end());
  // TPM2B_PUBLIC's size, its octet string's, and the whole's.
  for (const auto offset : {at - 5, at - 7}) {
    bytes[static_cast<std::size_t>(offset)] =
        static_cast<std::byte>(std::to_integer<std::size_t>(bytes[static_cast<std::size_t>(offset)]) + digest.size());
  }
  bytes.insert(bytes.begin() + 16, octets_of(field).begin(), octets_of(field).end());
  const std::size_t content = std::to_integer<std::size_t>(bytes[2]) + digest.size() + field.size();
  bytes[1] = std::byte{0x82};
  bytes[2] = static_cast<std::byte>(content >> 8U);
  bytes.insert(bytes.begin() + 3, static_cast<std::byte>(content & 0xFFU));
  return pem(bytes);
}

PcrPolicy policy_of_d() {
  PcrPolicy policy{{0x000B, 0x81}, {}, false};
  policy.values.fill(std::byte{'d'});
  return policy;
}

TEST(KeyFile, APcrPolicyIsReadAndWrittenAsTheDraftHasIt) {
  PcrPolicy policy = policy_of_d();
  for (const bool needs_auth_value : {false, true}) {
    policy.needs_auth_value = needs_auth_value;
    const auto file =
        parse_key_file(bound(policy, pcr_field(kPcrs0And7, needs_auth_value ? kAuthValueStep : std::string_view{})));
    ASSERT_TRUE(file) << file.error().detail.view();
    EXPECT_EQ(file->policy, policy);
    const auto text = write_key_file(*file);
    ASSERT_TRUE(text);
    const auto again = parse_key_file(text->view());
    ASSERT_TRUE(again) << again.error().detail.view();
    EXPECT_EQ(again->policy, policy);
  }
}

// The public area states the policy's digest: whatever the file spells out, no other policy is taken for it.
TEST(KeyFile, EveryChangedOrMissingByteOfAPolicyIsRefused) {
  PcrPolicy policy = policy_of_d();
  policy.needs_auth_value = true;
  const std::string field = pcr_field(kPcrs0And7, kAuthValueStep);
  const auto expect_refused = [&](const std::string& spoilt, std::size_t at) {
    const auto file = parse_key_file(bound(policy, spoilt));
    ASSERT_FALSE(file) << at;
    EXPECT_TRUE(file.status() == Status::file_invalid || file.status() == Status::key_refused) << at;
  };
  for (std::size_t i = 0; i < field.size(); ++i) {
    for (const unsigned bits : {0x01U, 0x02U, 0x80U, 0xFFU}) {
      std::string changed = field;
      changed[i] = static_cast<char>(static_cast<unsigned char>(changed[i]) ^ bits);
      expect_refused(changed, i);
    }
    std::string shorter = field;
    shorter.erase(i, 1);
    expect_refused(shorter, i);
  }
}

TEST(KeyFile, APolicyThatIsAnotherOrMalformedIsRefused) {
  const PcrPolicy policy = policy_of_d();
  PcrPolicy other = policy;
  other.values.fill(std::byte{'e'});
  const auto refused = [](const std::string& text, std::string_view why, Status status = Status::key_refused) {
    const auto file = parse_key_file(text);
    ASSERT_EQ(file.status(), status) << why;
    EXPECT_NE(file.error().detail.view().find(why), std::string_view::npos) << file.error().detail.view();
  };
  refused(bound(other, pcr_field(kPcrs0And7)), "not the one the key was made with");
  refused(bound(policy, ""), "which the file does not say");
  using namespace std::string_view_literals;
  refused(bound(policy, pcr_field("\x00\x00\x00\x02\x00\x0B\x03\x81\x00\x00"sv)), "of a kind that we cannot satisfy");
  refused(bound(policy, pcr_field("\x00\x00\x00\x01\x00\x0B\x03\x00\x00\x00"sv)), "of a kind that we cannot satisfy");
  refused(bound(policy, pcr_field(kPcrs0And7, std::string(kAuthValueStep) + std::string(kAuthValueStep))),
          "of a kind that we cannot satisfy");
  refused(bound(policy, "\xA1\x02\x30\x00"sv), "of a kind that we cannot satisfy");
  refused(bound(policy, "\xA1\x02\x04\x00"sv), "its policy is malformed", Status::file_invalid);
  refused(bound(policy, "\xA1\x04\x30\x02\x05\x00"sv), "its policy is malformed", Status::file_invalid);
  refused(bound(policy, pcr_field(kPcrs0And7, "\x30\x00"sv)), "its policy is malformed", Status::file_invalid);
}

TEST(KeyFile, OtherTypesAndParentsAreRefused) {
  auto bytes = der();
  bytes[10] = std::byte{4};
  EXPECT_NE(parse_key_file(pem(bytes)).error().detail.view().find("importable"), std::string_view::npos);
  bytes[10] = std::byte{5};
  EXPECT_NE(parse_key_file(pem(bytes)).error().detail.view().find("sealed"), std::string_view::npos);
  bytes = der();
  bytes[21] = std::byte{0x0B};  // the endorsement hierarchy
  EXPECT_EQ(parse_key_file(pem(bytes)).status(), Status::key_refused);
}

TEST(KeyFile, OtherTextIsRefused) {
  for (const std::string_view text : {"", "-----BEGIN PRIVATE KEY-----\n", "junk"}) {
    EXPECT_EQ(parse_key_file(text).status(), Status::file_invalid);
  }
  EXPECT_EQ(parse_key_file(std::string(kForeign) + "more").status(), Status::file_invalid);
}

}  // namespace
}  // namespace holdfast::hal::tpm2
