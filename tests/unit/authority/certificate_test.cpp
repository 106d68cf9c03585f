// SPDX-License-Identifier: Apache-2.0
#include "tools/authority/certificate.hpp"

#include "tests/support/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

namespace holdfast::authority {
namespace {

using holdfast::test::read_file;
using testing::HasSubstr;

constexpr WallSeconds kNow{1'776'643'200};
constexpr std::int64_t kDay = 86'400;

class CertificateTest : public testing::Test {
 protected:
  bool is_made(const std::string& address = "127.0.0.1", WallSeconds now = kNow) {
    const Result<bool> made = provide_certificate(files_, address, now);
    EXPECT_TRUE(made);
    EXPECT_TRUE(check_certificate(files_));
    return made && *made;
  }

  holdfast::test::TemporaryFolder folder_;
  CertificateFiles files_{folder_.file("certificate.pem"), folder_.file("key.pem")};
};

TEST_F(CertificateTest, IsMadeOnceAndKept) {
  EXPECT_TRUE(is_made());
  const std::string first = read_file(files_.certificate);
  EXPECT_FALSE(is_made());
  EXPECT_FALSE(is_made("::1"));
  EXPECT_FALSE(is_made("0.0.0.0"));
  EXPECT_EQ(read_file(files_.certificate), first);
  EXPECT_EQ(read_certificate(files_.certificate).value(), first);
}

TEST_F(CertificateTest, KeepsItsKeyToItsOwner) {
  const mode_t before = umask(0);
  EXPECT_TRUE(is_made());
  umask(before);
  struct stat info {};
  ASSERT_EQ(stat(files_.private_key.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0600U);
}

TEST_F(CertificateTest, IsReplacedWhenItDoesNotServe) {
  EXPECT_TRUE(is_made());
  EXPECT_TRUE(is_made("127.0.0.1", {kNow.value + 397 * kDay})) << "less than a day is left";
  EXPECT_TRUE(is_made("127.0.0.1", kNow)) << "not valid yet";
  EXPECT_TRUE(is_made("192.0.2.7", kNow)) << "another address";
  EXPECT_FALSE(is_made("192.0.2.7", kNow));
  EXPECT_FALSE(is_made("127.0.0.1", kNow)) << "still serves loopback";
  ASSERT_EQ(unlink(files_.private_key.c_str()), 0);
  EXPECT_TRUE(is_made("127.0.0.1", kNow)) << "no key";
  folder_.write("certificate.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n");
  EXPECT_TRUE(is_made("127.0.0.1", kNow)) << "cut off";
}

TEST_F(CertificateTest, GivenFilesMustBelongTogether) {
  EXPECT_TRUE(is_made());
  const CertificateFiles other{folder_.file("other.pem"), folder_.file("other-key.pem")};
  ASSERT_TRUE(provide_certificate(other, "127.0.0.1", kNow));
  const Result<void> mixed = check_certificate({files_.certificate, other.private_key});
  EXPECT_EQ(mixed.status(), Status::file_invalid);
  EXPECT_THAT(std::string(mixed.error().detail.view()), HasSubstr("is not the key of"));
}

TEST_F(CertificateTest, NamesTheFileThatCannotBeUsed) {
  EXPECT_TRUE(is_made());
  const auto detail = [](const CertificateFiles& files) {
    return std::string(check_certificate(files).error().detail.view());
  };
  EXPECT_THAT(detail({folder_.file("none"), files_.private_key}), HasSubstr("none cannot be opened"));
  EXPECT_THAT(detail({files_.private_key, files_.private_key}), HasSubstr("holds no PEM certificate"));
  EXPECT_THAT(detail({files_.certificate, files_.certificate}), HasSubstr("holds no unencrypted PEM key"));
}

}  // namespace
}  // namespace holdfast::authority
