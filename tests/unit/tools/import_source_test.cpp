// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/import_source.hpp"

#include "tests/support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

namespace holdfast::tool {
namespace {

std::string text_of(const hal::SecretBytes& bytes) {
  const auto all = bytes.reveal({});
  return {reinterpret_cast<const char*>(all.data()), all.size()};
}

TEST(ImportSource, NamesASourceAndNeverTheSecret) {
  for (const char* bad : {"", "prompt", "eyJhbGciOi.x.y", "at-secret", "/tmp/key", "file:relative"}) {
    const auto source = ImportSource::parse(bad);
    ASSERT_EQ(source.status(), Status::invalid_argument) << bad;
    EXPECT_EQ(std::string(source.error().detail.view()).find("secret"), std::string::npos);
  }
}

TEST(ImportSource, AFileIsReadAndLeftAlone) {
  const test::TemporaryFolder folder;
  const std::string path = folder.write("key", "the key\n");
  const auto source = ImportSource::parse("file:" + path);
  ASSERT_TRUE(source);
  const auto bytes = source->read();
  ASSERT_TRUE(bytes);
  EXPECT_EQ(text_of(*bytes), "the key\n");
  EXPECT_EQ(test::read_file(path), "the key\n");
}

TEST(ImportSource, AMebibyteIsTooMuch) {
  const test::TemporaryFolder folder;
  const auto source = ImportSource::parse("file:" + folder.write("key", std::string(1U << 20U, 'x')));
  EXPECT_EQ(source->read().status(), Status::file_invalid);
}

TEST(ImportSource, AVariableIsWipedWhereItStands) {
  // NOLINTNEXTLINE: one thread
  ASSERT_EQ(setenv("HOLDFAST_TEST_SOURCE", "very-secret-value", 1), 0);
  const char* const place = getenv("HOLDFAST_TEST_SOURCE");
  const auto source = ImportSource::parse("env:HOLDFAST_TEST_SOURCE");
  ASSERT_TRUE(source);
  const auto bytes = source->read();
  ASSERT_TRUE(bytes);
  EXPECT_EQ(text_of(*bytes), "very-secret-value");
  EXPECT_EQ(getenv("HOLDFAST_TEST_SOURCE"), nullptr);
  EXPECT_EQ(place[0], '\0');
  EXPECT_EQ(place[10], '\0');
  EXPECT_EQ(source->read().status(), Status::file_invalid);
}

TEST(ShredFile, OverwritesWhatAnotherNameStillShows) {
  const test::TemporaryFolder folder;
  const std::string path = folder.write("key", "secret");
  const int held = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_TRUE(shred_file(path));
  EXPECT_NE(access(path.c_str(), F_OK), 0);
  std::string left(6, 'x');
  EXPECT_EQ(pread(held, left.data(), left.size(), 0), 6);
  EXPECT_EQ(left, std::string(6, '\0'));
  close(held);
}

TEST(ShredFile, FollowsNoLinkAndTouchesNoFolder) {
  const test::TemporaryFolder folder;
  const std::string path = folder.write("key", "secret");
  ASSERT_EQ(symlink(path.c_str(), folder.file("link").c_str()), 0);
  EXPECT_FALSE(shred_file(folder.file("link")));
  EXPECT_EQ(test::read_file(path), "secret");
  EXPECT_FALSE(shred_file(folder.path()));
  EXPECT_FALSE(shred_file(folder.file("missing")));
}

}  // namespace
}  // namespace holdfast::tool
