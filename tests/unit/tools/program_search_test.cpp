// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/program_search.hpp"

#include "tests/support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <stdlib.h>

#include <filesystem>

namespace holdfast::tool {
namespace {

TEST(ProgramSearch, TakesTheFirstProgramOnThePath) {
  const test::TemporaryFolder first;
  const test::TemporaryFolder second;
  std::filesystem::create_directory(first.file("kelp"));  // a folder is no program
  (void)first.write("rock", "", 0644);                    // nor is a file that nobody may run
  const std::string kelp = second.write("kelp", "", 0755);
  const std::string rock = second.write("rock", "", 0755);
  setenv("PATH", (first.path() + ":/nowhere:" + second.path()).c_str(), 1);
  EXPECT_EQ(program_on_path("kelp"), kelp);
  EXPECT_EQ(program_on_path("rock"), rock);
  EXPECT_EQ(program_on_path("anchor"), "");
}

TEST(ProgramSearch, OursStandBesideThisOneOrOnThePath) {
  const test::TemporaryFolder folder;
  const std::string other = folder.write("other-program", "", 0755);
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string name = std::filesystem::path(self).filename().string();
  (void)folder.write(name, "", 0755);
  setenv("PATH", folder.path().c_str(), 1);
  EXPECT_EQ(program_of_ours(name), self);
  EXPECT_EQ(program_of_ours("other-program"), other);
  EXPECT_EQ(program_of_ours("no-such-program"), "");
}

}  // namespace
}  // namespace holdfast::tool
