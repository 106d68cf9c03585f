// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/trust_files.hpp"

#include "tests/support/child_process.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <utility>

namespace holdfast {
namespace {

using test::TemporaryFolder;
using testing::HasSubstr;

// {the option, what the error says was being done}
constexpr std::pair<std::string RegistrarOptions::*, const char*> kFiles[] = {
    {&RegistrarOptions::ca_file, "checking the CA file"},
    {&RegistrarOptions::client_certificate, "checking the client certificate"},
    {&RegistrarOptions::client_key, "checking the client key"},
};

TEST(TrustFiles, NothingNamedIsNothingToCheck) {
  const auto files = check_trust_files({});
  ASSERT_TRUE(files);
  EXPECT_TRUE(files->ca_file.empty());
  EXPECT_TRUE(files->ca_directory.empty());
}

TEST(TrustFiles, AFileOfOursIsTakenByItsRealName) {
  const TemporaryFolder folder;
  const std::string target = folder.write("target", "", 0644);
  const std::string link = folder.file("link");
  ASSERT_EQ(symlink(target.c_str(), link.c_str()), 0);
  RegistrarOptions options;
  options.ca_file = link;
  options.client_key = target;
  const auto files = check_trust_files(options);
  ASSERT_TRUE(files) << files.error().detail.view();
  EXPECT_EQ(files->ca_file, target);
  EXPECT_EQ(files->client_key, target);
}

// Whoever may write there could turn the link to the certificates of everybody.
TEST(TrustFiles, ALinkInAFolderOthersMayWriteToIsRefused) {
  const TemporaryFolder folder;
  const std::string open = folder.file("open");
  ASSERT_EQ(mkdir(open.c_str(), 0700), 0);
  ASSERT_EQ(symlink(folder.write("ca.pem", "", 0644).c_str(), (open + "/link").c_str()), 0);
  ASSERT_EQ(chmod(open.c_str(), 0770), 0);
  for (const auto& [member, doing] : kFiles) {
    RegistrarOptions options;
    options.*member = open + "/link";
    EXPECT_EQ(check_trust_files(options).status(), Status::file_untrusted) << doing;
  }
}

TEST(TrustFiles, WhatOthersMayWriteIsRefusedByName) {
  const TemporaryFolder folder;
  const std::string path = folder.write("file.pem", "", 0664);
  for (const auto& [member, doing] : kFiles) {
    RegistrarOptions options;
    options.*member = path;
    const auto files = check_trust_files(options);
    ASSERT_EQ(files.status(), Status::file_untrusted) << doing;
    EXPECT_STREQ(files.error().doing, doing);
    EXPECT_EQ(files.error().detail.view(), path + " is writable by others");
    EXPECT_THAT(files.error().hint, HasSubstr("not writable by others"));
  }
}

TEST(TrustFiles, AFolderOthersMayWriteToIsRefusedByName) {
  const TemporaryFolder folder;
  const std::string open = folder.file("open");
  ASSERT_EQ(mkdir(open.c_str(), 0755), 0);
  const std::string path = folder.write("open/ca.pem", "");
  ASSERT_EQ(chmod(open.c_str(), 0777), 0);
  RegistrarOptions options;
  options.ca_file = path;
  EXPECT_EQ(check_trust_files(options).error().detail.view(), open + " is a folder that others may write to");
  options.ca_file.clear();
  options.ca_directory = open;
  const auto files = check_trust_files(options);
  EXPECT_EQ(files.status(), Status::file_untrusted);
  EXPECT_STREQ(files.error().doing, "checking the CA directory");
  EXPECT_THAT(files.error().hint, HasSubstr("who the authority is"));
}

TEST(TrustFiles, EachCertificateInADirectoryCounts) {
  const TemporaryFolder folder;
  const TemporaryFolder elsewhere;
  ASSERT_EQ(symlink("nothing", folder.file("dangling.0").c_str()), 0);
  ASSERT_EQ(mkdir(folder.file("folder").c_str(), 0777), 0);
  folder.write("12345678.0", "");
  RegistrarOptions options;
  options.ca_directory = folder.path();
  ASSERT_TRUE(check_trust_files(options));
  const std::string target = elsewhere.write("ca.pem", "", 0666);
  ASSERT_EQ(symlink(target.c_str(), folder.file("9abcdef0.0").c_str()), 0);
  const auto files = check_trust_files(options);
  EXPECT_EQ(files.status(), Status::file_untrusted);
  EXPECT_THAT(std::string(files.error().detail.view()), HasSubstr("9abcdef0.0"));
}

TEST(TrustFiles, AFileOfAnotherUserIsRefused) {
  if (geteuid() != 0) GTEST_SKIP() << "changing a file's owner needs root";
  const TemporaryFolder folder;
  RegistrarOptions options;
  options.ca_file = folder.write("ca.pem", "", 0644);
  ASSERT_EQ(chown(options.ca_file.c_str(), test::kNobody, test::kNobody), 0);
  EXPECT_EQ(check_trust_files(options).status(), Status::file_untrusted);
}

TEST(TrustFiles, APathThatLeadsNowhereIsNamed) {
  for (const auto& [member, doing] : kFiles) {
    RegistrarOptions options;
    options.*member = "/nonexistent/file.pem";
    const auto files = check_trust_files(options);
    EXPECT_EQ(files.status(), Status::file_invalid);
    EXPECT_EQ(files.error().detail.view(), "/nonexistent/file.pem does not exist");
    EXPECT_STREQ(files.error().doing, doing);
    options.*member = "relative.pem";
    EXPECT_EQ(check_trust_files(options).error().detail.view(), "relative.pem is not an absolute path");
  }
  const TemporaryFolder folder;
  RegistrarOptions options;
  options.ca_directory = folder.write("file", "");
  EXPECT_EQ(check_trust_files(options).error().detail.view(), options.ca_directory + " is not a folder");
  options.ca_directory = "/nonexistent";
  EXPECT_EQ(check_trust_files(options).status(), Status::file_invalid);
}

}  // namespace
}  // namespace holdfast
