// SPDX-License-Identifier: Apache-2.0
#include "hal/trusted_file.hpp"

#include "tests/support/child_process.hpp"
#include "tests/support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

namespace holdfast::hal {
namespace {

using test::TemporaryFolder;

std::string text_of(const FileDescriptor& file) {
  std::array<std::byte, 64> bytes{};
  const auto size = read_all(file.get(), bytes);
  return size ? std::string(reinterpret_cast<const char*>(bytes.data()), *size) : "unreadable";
}

TEST(TrustedFile, OpensOurOwnFile) {
  const TemporaryFolder folder;
  const auto file = open_trusted(folder.write("f", "text"), FilePrivacy::owner_only);
  ASSERT_TRUE(file) << file.error().detail.view();
  EXPECT_EQ(text_of(*file), "text");
}

TEST(TrustedFile, RefusesWhatOthersMayWrite) {
  const TemporaryFolder folder;
  for (const mode_t mode : {0620U, 0602U, 0666U}) {
    const std::string path = folder.write("f", "text", mode);
    const auto file = open_trusted(path, FilePrivacy::readable);
    EXPECT_EQ(file.status(), Status::file_untrusted) << mode;
    EXPECT_NE(file.error().detail.view().find(path), std::string_view::npos);
  }
}

TEST(TrustedFile, RefusesAPrivateFileThatOthersMayRead) {
  const TemporaryFolder folder;
  for (const mode_t mode : {0640U, 0604U, 0610U}) {
    EXPECT_EQ(open_trusted(folder.write("f", "x", mode), FilePrivacy::owner_only).status(), Status::file_untrusted);
    EXPECT_TRUE(open_trusted(folder.write("f", "x", mode), FilePrivacy::readable));
  }
}

// What systemd of Debian 13 gives a service that is not root's: the mask of an access control list.
TEST(TrustedFile, OfACredentialOfRootsTheGroupMayReadAndNoMore) {
  if (geteuid() != 0) GTEST_SKIP() << "a file of root's needs root";
  const TemporaryFolder folder;
  for (const mode_t mode : {0400U, 0440U, 0600U, 0640U}) {
    EXPECT_TRUE(open_trusted(folder.write("f", "x", mode), FilePrivacy::credential)) << mode;
  }
  for (const mode_t mode : {0450U, 0460U, 0444U, 0404U, 0401U}) {
    EXPECT_EQ(open_trusted(folder.write("f", "x", mode), FilePrivacy::credential).status(), Status::file_untrusted)
        << mode;
  }
  EXPECT_EQ(open_trusted(folder.write("f", "x", 0440), FilePrivacy::owner_only).status(), Status::file_untrusted);
  const std::string own = folder.write("own", "x", 0440);
  ASSERT_EQ(chmod(folder.path().c_str(), 0755), 0);
  ASSERT_EQ(chown(own.c_str(), test::kNobody, test::kNobody), 0);
  EXPECT_EQ(test::run_in_child(
                [&] { return open_trusted(own, FilePrivacy::credential).status() == Status::file_untrusted; },
                test::kNobody),
            0)
      << "its own group may really read it";
}

TEST(TrustedFile, RefusesAFolderOthersMayWriteTo) {
  const TemporaryFolder folder;
  const std::string inner = folder.file("inner");
  ASSERT_EQ(mkdir(inner.c_str(), 0755), 0);
  const std::string path = folder.write("inner/f", "x");
  ASSERT_EQ(chmod(inner.c_str(), 0777), 0);
  const auto file = open_trusted(path, FilePrivacy::readable);
  EXPECT_EQ(file.status(), Status::file_untrusted);
  EXPECT_NE(file.error().detail.view().find(inner), std::string_view::npos);
  ASSERT_EQ(chmod(inner.c_str(), 01777), 0);  // sticky: others cannot rename or remove what is ours
  EXPECT_TRUE(open_trusted(path, FilePrivacy::readable));
}

TEST(TrustedFile, RefusesAFileOfAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "changing a file's owner needs root";
  const TemporaryFolder folder;
  const std::string path = folder.write("f", "x");
  ASSERT_EQ(chown(path.c_str(), test::kNobody, test::kNobody), 0);
  EXPECT_EQ(open_trusted(path, FilePrivacy::readable).status(), Status::file_untrusted);
}

TEST(TrustedFile, AUserReadsWhatBelongsToRoot) {
  if (geteuid() != 0) GTEST_SKIP() << "dropping to another user needs root";
  const TemporaryFolder folder;
  ASSERT_EQ(chmod(folder.path().c_str(), 0755), 0);
  const std::string path = folder.write("f", "x", 0644);
  const std::string secret = folder.write("s", "x", 0600);
  EXPECT_EQ(test::run_in_child([&] { return open_trusted(path, FilePrivacy::readable).has_value(); }, test::kNobody),
            0);
  EXPECT_EQ(test::run_in_child(
                [&] { return open_trusted(secret, FilePrivacy::readable).status() == Status::permission_denied; },
                test::kNobody),
            0);
}

TEST(TrustedFile, FollowsALinkAndChecksItsTarget) {
  const TemporaryFolder folder;
  const std::string target = folder.write("f", "text");
  const std::string link = folder.file("link");
  ASSERT_EQ(symlink(target.c_str(), link.c_str()), 0);
  EXPECT_TRUE(open_trusted(link, FilePrivacy::readable));
  ASSERT_EQ(chmod(target.c_str(), 0666), 0);
  EXPECT_EQ(open_trusted(link, FilePrivacy::readable).status(), Status::file_untrusted);
}

// Whoever may write to the link's folder could have put the link there in the file's place.
TEST(TrustedFile, ChecksTheFolderOfALinkLikeThatOfAFile) {
  const TemporaryFolder folder;
  const TemporaryFolder elsewhere;
  const std::string target = elsewhere.write("f", "text");
  const std::string app = folder.file("app");
  ASSERT_EQ(mkdir(app.c_str(), 0755), 0);
  const std::string link = app + "/ca.pem";
  ASSERT_EQ(symlink(target.c_str(), link.c_str()), 0);
  // And behind a second link, which is in a good folder.
  const std::string second = folder.file("second");
  ASSERT_EQ(symlink("app/ca.pem", second.c_str()), 0);
  for (const std::string& path : {link, second}) {
    ASSERT_EQ(chmod(app.c_str(), 0755), 0);
    EXPECT_TRUE(open_trusted(path, FilePrivacy::readable));
    ASSERT_EQ(chmod(app.c_str(), 0775), 0);
    const auto file = open_trusted(path, FilePrivacy::readable);
    EXPECT_EQ(file.status(), Status::file_untrusted) << path;
    EXPECT_EQ(file.error().detail.view(), app + " is a folder that others may write to");
  }
}

TEST(TrustedFile, FollowsNoLinkOfAnotherUsersInASharedFolder) {
  if (geteuid() != 0) GTEST_SKIP() << "changing a link's owner needs root";
  const TemporaryFolder folder;
  const std::string target = folder.write("f", "text");
  const std::string shared = folder.file("shared");
  ASSERT_EQ(mkdir(shared.c_str(), 0755), 0);
  ASSERT_EQ(chmod(shared.c_str(), 01777), 0);
  const std::string link = shared + "/link";
  ASSERT_EQ(symlink(target.c_str(), link.c_str()), 0);
  EXPECT_TRUE(open_trusted(link, FilePrivacy::readable));
  ASSERT_EQ(lchown(link.c_str(), test::kNobody, test::kNobody), 0);
  const auto file = open_trusted(link, FilePrivacy::readable);
  EXPECT_EQ(file.status(), Status::file_untrusted);
  EXPECT_NE(file.error().detail.view().find("another user's link: link"), std::string_view::npos)
      << file.error().detail.view();
}

TEST(TrustedFile, FollowsLinksOfEveryForm) {
  const TemporaryFolder folder;
  ASSERT_EQ(mkdir(folder.file("a").c_str(), 0755), 0);
  ASSERT_EQ(mkdir(folder.file("a/b").c_str(), 0755), 0);
  const std::string target = folder.write("a/b/f", "text");
  const auto link = [&](const std::string& words, const std::string& name) {
    ASSERT_EQ(symlink(words.c_str(), folder.file(name).c_str()), 0);
  };
  link("a/b", "relative");
  link(folder.file("a/b"), "absolute");
  link("a/b/", "ends-in-a-slash");
  link("../a/./b//f", "a/up");
  link("relative/../b/f", "up-from-a-links-target");
  // As Debian's alternatives have it: through a second link somewhere else.
  link(folder.file("a/up"), "alternative");
  for (const char* name : {"relative/f", "absolute/f", "ends-in-a-slash/f", "a/up", "up-from-a-links-target",
                           "alternative", "a/../a/b/f", "a//b/./f"}) {
    const auto file = open_trusted(folder.file(name), FilePrivacy::owner_only);
    ASSERT_TRUE(file) << name << ": " << file.error().detail.view();
    EXPECT_EQ(text_of(*file), "text") << name;
  }
  EXPECT_EQ(open_trusted(target + "/", FilePrivacy::readable).status(), Status::file_invalid);
  EXPECT_TRUE(check_trusted_folder(folder.file("relative")));
  EXPECT_TRUE(check_trusted_folder(folder.file("ends-in-a-slash/")));
  link("nowhere", "dangling");
  const auto dangling = open_trusted(folder.file("dangling"), FilePrivacy::readable);
  EXPECT_EQ(dangling.error().native, ENOENT);
  EXPECT_EQ(dangling.error().detail.view(), folder.file("dangling") + " does not exist");
  link("loop", "loop");
  EXPECT_EQ(open_trusted(folder.file("loop"), FilePrivacy::readable).error().native, ELOOP);
  // The longest chain that the kernel follows, and one more.
  link("a/b/f", "link-0");
  for (int i = 1; i < 41; ++i) link("link-" + std::to_string(i - 1), "link-" + std::to_string(i));
  EXPECT_TRUE(open_trusted(folder.file("link-39"), FilePrivacy::readable));
  EXPECT_EQ(open_trusted(folder.file("link-40"), FilePrivacy::readable).error().native, ELOOP);
}

TEST(TrustedFile, FollowsWhatProcShowsOfADescriptor) {
  const TemporaryFolder folder;
  const auto file = open_trusted(folder.write("f", "text"), FilePrivacy::owner_only);
  ASSERT_TRUE(file);
  for (const std::string& path :
       {"/proc/self/fd/" + std::to_string(file->get()), "/dev/fd/" + std::to_string(file->get())}) {
    const auto again = open_trusted(path, FilePrivacy::owner_only);
    ASSERT_TRUE(again) << path << ": " << again.error().detail.view();
    EXPECT_EQ(text_of(*again), "text");
  }
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_EQ(open_trusted("/dev/fd/" + std::to_string(ends[0]), FilePrivacy::readable).status(), Status::file_invalid);
  close(ends[0]);
  close(ends[1]);
}

TEST(TrustedFile, RefusesWhatIsNoRegularFileWithoutWaitingForIt) {
  const TemporaryFolder folder;
  const std::string fifo = folder.file("fifo");
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(open_trusted(fifo, FilePrivacy::readable).status(), Status::file_invalid);
  EXPECT_EQ(open_trusted(folder.path(), FilePrivacy::readable).status(), Status::file_invalid);
  EXPECT_EQ(open_trusted("/dev/null", FilePrivacy::readable).status(), Status::file_invalid);
}

TEST(TrustedFile, NamesAMissingOrRelativePath) {
  const auto missing = open_trusted("/nonexistent/file", FilePrivacy::readable);
  EXPECT_EQ(missing.status(), Status::file_invalid);
  EXPECT_EQ(missing.error().detail.view(), "/nonexistent/file does not exist");
  EXPECT_EQ(open_trusted("relative", FilePrivacy::readable).status(), Status::file_untrusted);
  EXPECT_EQ(open_trusted("", FilePrivacy::readable).status(), Status::file_untrusted);
  EXPECT_EQ(open_trusted("/" + std::string(5000, 'x'), FilePrivacy::readable).status(), Status::file_invalid);
  EXPECT_EQ(open_trusted(std::string_view("/tmp\0/x", 7), FilePrivacy::readable).status(), Status::file_invalid);
}

TEST(TrustedFolder, OthersMayNotWriteToItNorToWhatLeadsThere) {
  const TemporaryFolder folder;
  const std::string inner = folder.file("inner");
  ASSERT_EQ(mkdir(inner.c_str(), 0755), 0);
  EXPECT_TRUE(check_trusted_folder(inner));
  EXPECT_TRUE(check_trusted_folder(inner + "/"));
  EXPECT_TRUE(check_trusted_folder("/"));
  ASSERT_EQ(chmod(inner.c_str(), 0775), 0);
  EXPECT_EQ(check_trusted_folder(inner).error().detail.view(), inner + " is a folder that others may write to");
  ASSERT_EQ(chmod(inner.c_str(), 0755), 0);
  ASSERT_EQ(chmod(folder.path().c_str(), 0777), 0);
  EXPECT_EQ(check_trusted_folder(inner).error().detail.view(),
            folder.path() + " is a folder that others may write to");
  EXPECT_EQ(check_trusted_folder("/nonexistent").status(), Status::file_invalid);
  EXPECT_EQ(check_trusted_folder("relative").status(), Status::file_untrusted);
}

TEST(TrustedFile, IsNamedByTheKernel) {
  const TemporaryFolder folder;
  const std::string path = folder.write("f", "x");
  ASSERT_EQ(symlink(path.c_str(), folder.file("link").c_str()), 0);
  const auto file = open_trusted(folder.file("link"), FilePrivacy::readable);
  ASSERT_TRUE(file);
  std::array<char, 4096> out{};
  ASSERT_TRUE(write_path_of(*file, out));
  EXPECT_EQ(out.data(), path);
  EXPECT_FALSE(write_path_of(*file, std::span(out).first(path.size()))) << "there is no room for its end";
  EXPECT_TRUE(write_path_of(*file, std::span(out).first(path.size() + 1)));
}

TEST(ReadAll, RefusesMoreThanFits) {
  const TemporaryFolder folder;
  const auto file = open_trusted(folder.write("f", "12345"), FilePrivacy::readable);
  std::array<std::byte, 4> four{};
  EXPECT_EQ(read_all(file->get(), four).status(), Status::file_invalid);
  const auto again = open_trusted(folder.file("f"), FilePrivacy::readable);
  std::array<std::byte, 5> five{};
  EXPECT_EQ(read_all(again->get(), five).value(), 5U);
}

}  // namespace
}  // namespace holdfast::hal
