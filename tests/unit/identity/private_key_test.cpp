// SPDX-License-Identifier: Apache-2.0
#include "src/identity/private_key.hpp"

#include "src/identity/software_crypto.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sodium.h>

#include <array>
#include <cstdlib>
#include <string>
#include <vector>

namespace holdfast {
namespace {

using testing::HasSubstr;

// protocol.md §7, vector 1.
constexpr std::string_view kPkcs8V1 = "MC4CAQAwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
constexpr std::string_view kPkcs8V2 =
    "MFECAQEwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHgSEA6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+"
    "vnuSQh7qaRRG0iw=";
constexpr std::string_view kPublic =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

std::vector<std::byte> decoded(std::string_view base64) {
  std::vector<std::byte> der(base64.size());
  std::size_t size = 0;
  EXPECT_EQ(sodium_base642bin(reinterpret_cast<unsigned char*>(der.data()), der.size(), base64.data(), base64.size(),
                              nullptr, &size, nullptr, sodium_base64_VARIANT_ORIGINAL),
            0);
  der.resize(size);
  return der;
}

void expect_vector(const Result<SoftwareKey>& key) {
  ASSERT_TRUE(key) << key.error().detail.view();
  EXPECT_EQ(to_ssh_public_key(key->public_key).view(), kPublic);
  const auto secret = key->private_key.reveal({});
  ASSERT_EQ(secret.size(), 32U);
  for (const std::byte byte : secret) EXPECT_EQ(byte, std::byte{7});
}

std::string detail_of(std::span<const std::byte> file) {
  const auto key = read_private_key_file(file);
  EXPECT_EQ(key.status(), Status::file_invalid);
  return key ? std::string() : std::string(key.error().detail.view());
}

// What openssl and ssh-keygen write, run for this test.
std::string written_by(const std::string& command, const test::TemporaryFolder& folder) {
  const std::string path = folder.file("key");
  const std::string whole = "cd " + folder.path() + " && rm -f key key.pub && " + command + " >/dev/null 2>&1";
  EXPECT_EQ(std::system(whole.c_str()), 0) << command;
  return test::read_file(path);
}

TEST(PrivateKey, BothVersionsOfPkcs8AreRead) {
  expect_vector(read_pkcs8(decoded(kPkcs8V1)));
  expect_vector(read_pkcs8(decoded(kPkcs8V2)));
}

TEST(PrivateKey, EveryFileFormIsRead) {
  expect_vector(read_private_key_file(bytes(kPkcs8V1)));
  expect_vector(read_private_key_file(decoded(kPkcs8V2)));
  const std::string pem = "-----BEGIN PRIVATE KEY-----\n" + std::string(kPkcs8V2.substr(0, 64)) + "\n" +
                          std::string(kPkcs8V2.substr(64)) + "\n-----END PRIVATE KEY-----\n";
  expect_vector(read_private_key_file(bytes(pem)));
}

TEST(PrivateKey, TheTwinOfTheVectorIsThere) {
  const auto key = read_pkcs8(decoded(kPkcs8V1));
  const auto twin = x25519_secret(key->private_key);
  ASSERT_TRUE(twin);
  constexpr std::array<unsigned, 4> kBegin{0x28, 0xad, 0x39, 0xfe};
  for (std::size_t i = 0; i < kBegin.size(); ++i) EXPECT_EQ(twin->reveal({})[i], std::byte(kBegin[i]));
  EXPECT_EQ(twin->reveal({})[31], std::byte{0x78});
}

TEST(PrivateKey, OtherToolsFilesAreRead) {
  const test::TemporaryFolder folder;
  for (const char* command : {"openssl genpkey -algorithm ed25519 -out key",
                              "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key",
                              "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 | openssl pkcs8 -topk8 "
                              "-nocrypt -outform DER -out key",
                              "openssl genpkey -algorithm ed25519 -outform DER -out key"}) {
    const std::string file = written_by(command, folder);
    const auto key = read_private_key_file(bytes(file));
    EXPECT_TRUE(key) << command << ": " << key.error().detail.view();
  }
  if (std::system("command -v ssh-keygen >/dev/null 2>&1") != 0) GTEST_SKIP() << "ssh-keygen";
  for (const char* type : {"ed25519", "ecdsa -b 256"}) {
    const std::string file = written_by("ssh-keygen -q -N '' -C a@b -f key -t " + std::string(type), folder);
    const auto key = read_private_key_file(bytes(file));
    ASSERT_TRUE(key) << type << ": " << key.error().detail.view();
    EXPECT_EQ(test::read_file(folder.file("key.pub")).substr(0, to_ssh_public_key(key->public_key).size()),
              to_ssh_public_key(key->public_key).view());
  }
  const std::string locked = written_by("ssh-keygen -q -N secret -f key -t ed25519", folder);
  EXPECT_THAT(detail_of(bytes(locked)), HasSubstr("passphrase"));
}

TEST(PrivateKey, OtherKindsAreRefusedByName) {
  const test::TemporaryFolder folder;
  struct Case {
    const char* command;
    const char* named;
  };
  for (const auto& [command, named] :
       {Case{"openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out key", "another curve than P-256"},
        Case{"openssl genpkey -algorithm x25519 -out key", "neither an Ed25519 nor a P-256"},
        Case{"openssl genpkey -algorithm RSA -out key", "neither an Ed25519 nor a P-256"},
        Case{"openssl genpkey -algorithm ed25519 -aes256 -pass pass:x -out key", "encrypted"},
        Case{"openssl ecparam -name prime256v1 -genkey -noout -outform DER -out key", "SEC 1"},
        Case{"openssl ecparam -name prime256v1 -genkey -noout -out key", "SEC 1"}}) {
    EXPECT_THAT(detail_of(bytes(written_by(command, folder))), HasSubstr(named)) << command;
  }
}

TEST(PrivateKey, APublicHalfOfAnotherKeyIsRefused) {
  std::vector<std::byte> der = decoded(kPkcs8V2);
  der.back() ^= std::byte{1};
  EXPECT_THAT(detail_of(der), HasSubstr("public half"));
}

TEST(PrivateKey, EveryCutAndEverySurplusByteIsRefused) {
  const std::vector<std::byte> whole = decoded(kPkcs8V2);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(read_pkcs8(std::span(whole).first(size)).status(), Status::file_invalid) << size;
  }
  std::vector<std::byte> longer = whole;
  longer.push_back(std::byte{0});
  EXPECT_EQ(read_pkcs8(longer).status(), Status::file_invalid);
}

TEST(PrivateKey, BrokenBase64IsRefused) {
  EXPECT_THAT(detail_of(bytes("MC4CAQAwBQYDK2VwBCIEIAcHBw!")), HasSubstr("base64"));
  EXPECT_THAT(detail_of(bytes("")), HasSubstr("empty"));
  EXPECT_THAT(detail_of(bytes("-----BEGIN PRIVATE KEY-----\nMC4C")), HasSubstr("END line"));
}

}  // namespace
}  // namespace holdfast
