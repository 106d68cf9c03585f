// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/key_uri.hpp"

#include <gtest/gtest.h>

namespace holdfast::tool {
namespace {

TEST(PathAttribute, FindsAndDecodes) {
  const auto value = path_attribute("pkcs11:token=a%20b;object=k%3b;id=%01%FF?module-name=x", "object");
  ASSERT_TRUE(value);
  EXPECT_EQ(*value, "k;");
  EXPECT_EQ(*path_attribute("pkcs11:token=a%20b;id=%01%FF", "id"), "\x01\xFF");
  EXPECT_EQ(*path_attribute("pkcs11:object=", "object"), "");
}

TEST(PathAttribute, IsAbsentWhereItIsNotAPathAttribute) {
  for (const char* uri : {"pkcs11:", "pkcs11:token=object", "pkcs11:myobject=x", "pkcs11:token=a?object=x", "",
                          "object=x", "pkcs11:object"}) {
    const auto value = path_attribute(uri, "object");
    ASSERT_TRUE(value) << uri;
    EXPECT_FALSE(value->has_value()) << uri;
  }
}

TEST(PathAttribute, RefusesABrokenEscape) {
  for (const char* uri : {"pkcs11:object=%", "pkcs11:object=%1", "pkcs11:object=%zz", "pkcs11:object=a%0"}) {
    EXPECT_EQ(path_attribute(uri, "object").status(), Status::invalid_uri) << uri;
  }
}

TEST(QueryAttribute, FindsAndDecodes) {
  EXPECT_EQ(query_attribute("pkcs11:a=b?module-path=/x%20y&pin-source=file:/p", "module-path"), "/x y");
  EXPECT_EQ(query_attribute("pkcs11:a=b?module-path=/x&pin-source=file:/p", "pin-source"), "file:/p");
  EXPECT_EQ(query_attribute("pkcs11:module-path=/x", "module-path"), std::nullopt);
}

TEST(WithQueryAttribute, AddsOrReplaces) {
  EXPECT_EQ(with_query_attribute("pkcs11:token=a", "pin-source", "file:/a b&c"),
            "pkcs11:token=a?pin-source=file:/a%20b%26c");
  EXPECT_EQ(with_query_attribute("pkcs11:a=b?pin-source=env:X&module-name=m", "pin-source", "prompt"),
            "pkcs11:a=b?module-name=m&pin-source=prompt");
  EXPECT_EQ(with_query_attribute("pkcs11:a=b?pin-source=env:X", "pin-source", "prompt"),
            "pkcs11:a=b?pin-source=prompt");
}

TEST(WithQueryAttribute, WhatItWritesIsReadBack) {
  std::string every;
  for (int c = 1; c < 256; ++c) every += static_cast<char>(c);
  EXPECT_EQ(query_attribute(with_query_attribute("pkcs11:", "pin-source", every), "pin-source"), every);
  EXPECT_EQ(*path_attribute(with_path_attribute("pkcs11:token=t?x=y", "object", every), "object"), every);
}

TEST(WithPathAttribute, StandsBeforeTheQuery) {
  EXPECT_EQ(with_path_attribute("pkcs11:token=t?module-name=m", "object", "k"),
            "pkcs11:token=t;object=k?module-name=m");
  EXPECT_EQ(with_path_attribute("pkcs11:", "object", "k"), "pkcs11:object=k");
}

}  // namespace
}  // namespace holdfast::tool
