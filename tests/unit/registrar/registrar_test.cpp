// SPDX-License-Identifier: Apache-2.0
#include "holdfast/registrar.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <dlfcn.h>

namespace holdfast {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

RegistrarOptions options(std::string url = "https://authority.example/api") {
  RegistrarOptions result;
  result.authority_url = std::move(url);
  return result;
}

TEST(Registrar, IsMadeWithoutLoadingLibcurl) {
  const void* before = dlopen("libcurl.so.4", RTLD_NOW | RTLD_NOLOAD);
  ASSERT_TRUE(Registrar::create(options()));
  EXPECT_EQ(dlopen("libcurl.so.4", RTLD_NOW | RTLD_NOLOAD), before);
}

TEST(Registrar, RefusesHttpToAHostThatIsNotLoopback) {
  const auto registrar = Registrar::create(options("http://authority.example"));
  ASSERT_EQ(registrar.status(), Status::invalid_argument);
  EXPECT_THAT(std::string(hint_of(registrar.error())), HasSubstr("https:"));
}

TEST(Registrar, RefusesOptionsOutOfRange) {
  for (const unsigned attempts : {0U, 11U}) {
    RegistrarOptions wrong = options();
    wrong.attempts = attempts;
    EXPECT_EQ(Registrar::create(wrong).status(), Status::invalid_argument);
  }
  for (const auto timeout : {0ms, -1ms, std::chrono::milliseconds(25h), std::chrono::milliseconds::max()}) {
    RegistrarOptions wrong = options();
    wrong.connect_timeout = timeout;
    EXPECT_EQ(Registrar::create(wrong).status(), Status::invalid_argument);
  }
}

TEST(Registrar, RefusesTextsThatWouldReachFurtherThanTheyShould) {
  for (std::string RegistrarOptions::*text :
       {&RegistrarOptions::ca_file, &RegistrarOptions::ca_directory, &RegistrarOptions::client_certificate,
        &RegistrarOptions::client_key, &RegistrarOptions::proxy, &RegistrarOptions::originator}) {
    for (const std::string& value : {std::string("a\r\nX: y"), std::string("a\0b", 3)}) {
      RegistrarOptions wrong = options();
      wrong.*text = value;
      EXPECT_EQ(Registrar::create(wrong).status(), Status::invalid_argument);
    }
  }
}

}  // namespace
}  // namespace holdfast
