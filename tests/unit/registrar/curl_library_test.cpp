// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/curl_library.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <dlfcn.h>

#include <thread>
#include <vector>

namespace holdfast {
namespace {

using testing::HasSubstr;

TEST(CurlLibrary, AMissingOneNamesThePackage) {
  const auto library = load_curl_library("libcurl-that-is-not-there.so.4");
  ASSERT_EQ(library.status(), Status::file_invalid);
  EXPECT_THAT(std::string(library.error().detail.view()), HasSubstr("libcurl-that-is-not-there.so.4"));
  EXPECT_THAT(std::string(hint_of(library.error())), HasSubstr("apt-get install libcurl4"));
}

TEST(CurlLibrary, AnotherLibraryIsRefused) {
  const auto library = load_curl_library("libm.so.6");
  ASSERT_EQ(library.status(), Status::file_invalid);
  EXPECT_THAT(std::string(library.error().detail.view()), HasSubstr("function is missing"));
}

// libcurl costs 3 ms at the start of a process: a command without network must not pay them.
TEST(CurlLibrary, IsNotLoadedBeforeItIsNeeded) {
  ASSERT_EQ(dlopen("libcurl.so.4", RTLD_NOW | RTLD_NOLOAD), nullptr) << "each case runs in a process of its own";
  ASSERT_TRUE(curl_library());
  void* loaded = dlopen("libcurl.so.4", RTLD_NOW | RTLD_NOLOAD);
  EXPECT_NE(loaded, nullptr);
  if (loaded != nullptr) dlclose(loaded);
}

TEST(CurlLibrary, ThreadsThatCallItFirstGetOneTable) {
  std::vector<std::thread> threads;
  std::vector<const CurlLibrary*> tables(8);
  for (const CurlLibrary*& table : tables) {
    threads.emplace_back([&table] { table = *curl_library(); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const CurlLibrary* table : tables) EXPECT_EQ(table, tables[0]);
  EXPECT_NE(tables[0]->easy_perform, nullptr);
}

}  // namespace
}  // namespace holdfast
