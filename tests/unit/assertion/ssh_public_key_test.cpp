// SPDX-License-Identifier: Apache-2.0
#include "holdfast/public_key.hpp"

#include "src/assertion/base64.hpp"
#include "tests/vectors/hex.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace holdfast {
namespace {

using test::from_hex;
using ::testing::HasSubstr;

constexpr std::string_view kEd25519Line =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
constexpr std::string_view kEd25519Key = "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c";
// The key of RFC 6979 A.2.5, the line as ssh-keygen reads it.
constexpr std::string_view kP256Line =
    "ecdsa-sha2-nistp256 "
    "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBGD+1LolWp0xyWHrdMY1bWjASbiSO2H6bOZpYi5g8p+2eQP+"
    "EAi4vJmkGunpVii8ZPLxsgwtfp9Rd6PClNRGIpk=";
constexpr std::string_view kP256Key =
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299";

std::string reason(std::string_view line) {
  const auto key = parse_ssh_public_key(line);
  if (key) return "accepted";
  EXPECT_EQ(key.status(), Status::invalid_argument);
  EXPECT_FALSE(key.error().detail.empty());
  return std::string(key.error().detail.view());
}

// The length-prefixed fields of RFC 4251 §5, with lengths that need not be true.
struct Field {
  std::size_t stated_size;
  std::string bytes;
  explicit Field(std::string text) : stated_size(text.size()), bytes(std::move(text)) {}
  Field(std::size_t size, std::string text) : stated_size(size), bytes(std::move(text)) {}
};

std::string line_of(std::string_view type, const std::vector<Field>& fields) {
  std::string blob;
  for (const Field& field : fields) {
    for (const int shift : {24, 16, 8, 0}) blob.push_back(static_cast<char>(field.stated_size >> shift));
    blob += field.bytes;
  }
  std::string text(base64_size(Base64::standard, blob.size()), '?');
  EXPECT_EQ(encode_base64(Base64::standard, std::as_bytes(std::span(blob)), text), text.size());
  return std::string(type) + " " + text;
}

TEST(SshPublicKey, ReadsAndWritesBothKinds) {
  const auto ed25519 = parse_ssh_public_key(kEd25519Line);
  ASSERT_TRUE(ed25519) << ed25519.error().detail.view();
  EXPECT_EQ(*ed25519, *PublicKey::from_bytes(Scheme::ed25519, from_hex(kEd25519Key)));
  EXPECT_EQ(to_ssh_public_key(*ed25519).view(), kEd25519Line);

  const auto p256 = parse_ssh_public_key(kP256Line);
  ASSERT_TRUE(p256) << p256.error().detail.view();
  EXPECT_EQ(*p256, *PublicKey::from_bytes(Scheme::es256, from_hex(kP256Key)));
  EXPECT_EQ(to_ssh_public_key(*p256).view(), kP256Line);
  EXPECT_EQ(kP256Line.size(), kMaxSshPublicKeySize);
}

TEST(SshPublicKey, RefusesAnythingAroundTheLine) {
  for (const std::string_view good : {kEd25519Line, kP256Line}) {
    const std::string line(good);
    for (const char* end : {" ", " user@host", "\n", "\r\n", "\t", "\t# comment"}) {
      EXPECT_THAT(reason(line + end), HasSubstr("white space or a comment")) << end;
    }
    EXPECT_THAT(reason(std::string(line).insert(line.find(' '), " ")), HasSubstr("white space or a comment"));
    EXPECT_THAT(reason(" " + line), HasSubstr("begins neither"));
    EXPECT_THAT(reason("\"" + line), HasSubstr("begins neither"));
    EXPECT_THAT(reason("no-pty " + line), HasSubstr("begins neither"));
    EXPECT_NE(reason(line + std::string(1, '\0')), "accepted");
    EXPECT_NE(reason(line + "="), "accepted");
    EXPECT_NE(reason(line + "AAAA"), "accepted");
    EXPECT_NE(reason(line + std::string(1000000, 'A')), "accepted");
  }
}

TEST(SshPublicKey, RefusesEveryPrefixAndEveryChangedTextOutsideTheKey) {
  for (const std::string_view good : {kEd25519Line, kP256Line}) {
    for (std::size_t size = 0; size < good.size(); ++size)
      ASSERT_NE(reason(good.substr(0, size)), "accepted") << size;
  }
  // Everything in front of the 32 bytes is fixed: 12 characters of type and 25 of base64.
  for (std::size_t position = 0; position < 37; ++position) {
    std::string line(kEd25519Line);
    line[position] = line[position] == 'B' ? 'D' : 'B';
    EXPECT_NE(reason(line), "accepted") << position;
  }
}

TEST(SshPublicKey, RefusesOtherTypes) {
  EXPECT_THAT(reason(""), HasSubstr("begins neither"));
  EXPECT_THAT(reason("ssh-ed25519"), HasSubstr("nothing follows"));
  EXPECT_NE(reason("ssh-ed25519 "), "accepted");
  EXPECT_THAT(reason("ssh-rsa AAAAB3NzaC1yc2E="), HasSubstr("begins neither"));
  EXPECT_THAT(reason("SSH-ED25519 " + std::string(kEd25519Line.substr(12))), HasSubstr("begins neither"));
  EXPECT_THAT(reason("ecdsa-sha2-nistp384 AAAA"), HasSubstr("begins neither"));
  EXPECT_THAT(reason("sk-ssh-ed25519@openssh.com AAAA"), HasSubstr("begins neither"));
}

TEST(SshPublicKey, RefusesAnInsideThatDoesNotFit) {
  const std::string key(32, 'k');
  const std::string point = '\x04' + std::string(64, 'p');
  EXPECT_EQ(reason(line_of("ssh-ed25519", {Field("ssh-ed25519"), Field(key)})), "accepted");
  EXPECT_EQ(reason(line_of("ecdsa-sha2-nistp256", {Field("ecdsa-sha2-nistp256"), Field("nistp256"), Field(point)})),
            "accepted");

  EXPECT_THAT(reason(line_of("ssh-ed25519", {Field("ssh-ed25518"), Field(key)})), HasSubstr("type inside differs"));
  EXPECT_THAT(reason(line_of("ssh-ed25519", {Field(""), Field(key)})), HasSubstr("type inside differs"));
  EXPECT_THAT(reason(line_of("ssh-ed25519", {Field("ssh-ed25519"), Field(key + "k")})),
              HasSubstr("33 bytes instead of 32"));
  EXPECT_THAT(reason(line_of("ssh-ed25519", {Field("ssh-ed25519"), Field(key.substr(1))})),
              HasSubstr("31 bytes instead of 32"));
  EXPECT_THAT(reason(line_of("ssh-ed25519", {Field("ssh-ed25519"), Field(33, key)})), HasSubstr("cut short"));
  EXPECT_THAT(reason(line_of("ssh-ed25519", {Field("ssh-ed25519"), Field(31, key)})), HasSubstr("bytes follow"));
  EXPECT_THAT(reason(line_of("ssh-ed25519", {Field("ssh-ed25519"), Field(0xFFFFFFFF, key)})), HasSubstr("cut short"));
  EXPECT_THAT(reason(line_of("ssh-ed25519", {Field(0xFFFFFFFF, "ssh-ed25519")})), HasSubstr("type inside differs"));
  EXPECT_THAT(reason(line_of("ssh-ed25519", {Field("ssh-ed25519"), Field(key), Field("comment")})),
              HasSubstr("bytes follow"));

  EXPECT_THAT(reason(line_of("ecdsa-sha2-nistp256", {Field("ecdsa-sha2-nistp256"), Field("nistp384"), Field(point)})),
              HasSubstr("curve"));
  EXPECT_THAT(reason(line_of("ecdsa-sha2-nistp256", {Field("ecdsa-sha2-nistp256"), Field(point)})),
              HasSubstr("curve"));
  EXPECT_THAT(reason(line_of("ecdsa-sha2-nistp256",
                             {Field("ecdsa-sha2-nistp256"), Field("nistp256"), Field('\x02' + point.substr(1))})),
              HasSubstr("uncompressed"));
  EXPECT_THAT(reason(line_of("ecdsa-sha2-nistp256",
                             {Field("ecdsa-sha2-nistp256"), Field("nistp256"), Field(point.substr(0, 33))})),
              HasSubstr("33 bytes instead of 65"));
  EXPECT_THAT(reason(line_of("ecdsa-sha2-nistp256", {Field("ssh-ed25519"), Field(key)})),
              HasSubstr("type inside differs"));
}

TEST(SshPublicKey, RefusesBase64ThatIsNotCanonical) {
  const std::string ed25519(kEd25519Line);
  EXPECT_THAT(reason(ed25519.substr(0, ed25519.size() - 1)), HasSubstr("padding"));
  const std::string p256(kP256Line);
  ASSERT_TRUE(p256.ends_with("="));
  std::string changed = p256;
  ++changed[changed.size() - 2];
  EXPECT_THAT(reason(changed), HasSubstr("behind the last byte"));
  changed = ed25519;
  changed[70] = '-';
  EXPECT_THAT(reason(changed), HasSubstr("alphabet"));
}

}  // namespace
}  // namespace holdfast
