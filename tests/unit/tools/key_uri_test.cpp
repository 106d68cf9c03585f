// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/key_uri.hpp"

#include "hal/registry.hpp"

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

TEST(TwinUri, IsTheKeysWithAnotherNameAndNoId) {
  EXPECT_EQ(twin_uri_beside("pkcs11:token=t;serial=1;object=k;id=%01?module-name=m&pin-source=env:X", "k-twin"),
            "pkcs11:token=t;serial=1;object=k-twin?module-name=m&pin-source=env:X");
  EXPECT_EQ(twin_uri_beside("pkcs11:object=k", "a;b"), "pkcs11:object=a%3Bb");
  EXPECT_EQ(twin_uri_beside("pkcs11:id=%01;token=t", "k-twin"), "pkcs11:token=t;object=k-twin");
}

std::string refused(const Result<void>& verdict) { return verdict ? "" : std::string(verdict.error().detail.view()); }

TEST(MistypedAttribute, TheOneThatWasMeantIsTold) {
  EXPECT_EQ(refused(refuse_mistyped_attribute("pkcs11:token=a;objct=b?module-name=m")),
            "objct is not an attribute we know; did you mean object=?");
  EXPECT_EQ(refused(refuse_mistyped_attribute("pkcs11:token=a;object=b?module_path=/m")),
            "module_path is not an attribute we know; did you mean module-path=?");
  EXPECT_EQ(refused(refuse_mistyped_attribute("tpm2:handel=0x81000010")),
            "handel is not an attribute we know; did you mean handle=?");
}

TEST(MistypedAttribute, TheHintIsTheFormOfItsScheme) {
  EXPECT_NE(hint_of(refuse_mistyped_attribute("tpm2:fle=/a").error()).find("tpm2:file="), std::string_view::npos);
  EXPECT_NE(hint_of(refuse_mistyped_attribute("tpm2:?tct=a").error()).find("tpm2:file="), std::string_view::npos);
  EXPECT_NE(hint_of(refuse_mistyped_attribute("pkcs11:objct=a").error()).find("pkcs11:token="),
            std::string_view::npos);
}

TEST(MistypedAttribute, WhatIsNearNothingIsLeftToTheBackEnd) {
  for (const char* uri : {"", "pkcs11:", "pkcs11:;;?&", "pkcs11:colour=red", "pkcs11:pin-value=1?pin-value=2",
                          "tpm2:file=/a;object?tcti=swtpm:path=/a?objct=b", "pkcs12:objct=a"}) {
    EXPECT_EQ(refused(refuse_mistyped_attribute(uri)), "") << uri;
  }
}

// The list of names is the tool's own; what it takes for right, the back ends know.
TEST(MistypedAttribute, EveryNameThatIsMeantIsOneThatTheBackEndsKnow) {
  for (const char* uri :
       {"pkcs11:tokn=a", "pkcs11:seral=a", "pkcs11:manufactuer=a", "pkcs11:modl=a", "pkcs11:objct=a", "pkcs11:slot=1",
        "pkcs11:typ=a", "pkcs11:?module-pth=/m", "pkcs11:?module-nme=m", "pkcs11:?pin-sorce=prompt", "tpm2:fil=/a",
        "tpm2:handel=a", "tpm2:pcrs=a", "tpm2:srk-nam=a", "tpm2:?tctl=a", "tpm2:?pin-sorce=prompt"}) {
    const std::string told = refused(refuse_mistyped_attribute(uri));
    const std::size_t mean = told.find("mean ");
    ASSERT_NE(mean, std::string::npos) << uri;
    const std::string name = told.substr(mean + 5, told.find("=?") - mean - 5);
    const std::string scheme = std::string(uri).substr(0, std::string(uri).find(':') + 1);
    const std::string part = std::string(uri).find('?') == std::string::npos ? "" : "?";
    const auto verdict = hal::backend_for(scheme).value()->check_uri(scheme + part + name + "=x");
    EXPECT_EQ(refused(verdict).find("is not an attribute we know"), std::string::npos)
        << uri << ": " << refused(verdict);
    EXPECT_EQ(refused(verdict).find("question mark"), std::string::npos) << uri << ": " << refused(verdict);
  }
}

TEST(NewKey, IsCalledByObjectFileOrHandle) {
  const auto name = name_of_new_key("pkcs11:token=a;object=k%20;id=%01");
  ASSERT_TRUE(name);
  EXPECT_EQ(name->label, "k ");
  EXPECT_EQ(name->id, "\x01");
  EXPECT_TRUE(name_of_new_key("tpm2:file=/a"));
  EXPECT_TRUE(name_of_new_key("tpm2:handle=0x81000010"));
  for (const char* uri :
       {"pkcs11:token=a", "pkcs11:token=a;id=%01", "tpm2:", "tpm2:?tcti=none", "pkcs11:objct=a", "other:object=a"}) {
    EXPECT_EQ(name_of_new_key(uri).status(), Status::invalid_uri) << uri;
  }
}

TEST(NameForPeople, IsALabelOrATpmKeysPlace) {
  EXPECT_EQ(*name_for_people("pkcs11:token=a;object=k%20;id=%01?module-name=m"), "k ");
  EXPECT_EQ(*name_for_people("tpm2:file=/a/b.pem;pcr=sha256:0"), "/a/b.pem");
  EXPECT_EQ(*name_for_people("tpm2:handle=0x81000010"), "0x81000010");
  EXPECT_EQ(*name_for_people("pkcs11:token=a"), "");
}

TEST(KeyToDelete, IsNamed) {
  for (const char* uri : {"pkcs11:object=a", "pkcs11:id=%01", "tpm2:file=/a", "tpm2:handle=0x81000010"}) {
    EXPECT_EQ(refused(refuse_nameless_key(uri)), "") << uri;
  }
  EXPECT_EQ(refused(refuse_nameless_key("pkcs11:token=a")), "it names no key");
  EXPECT_EQ(refused(refuse_nameless_key("tpm2:")), "it names no key");
  EXPECT_EQ(refused(refuse_nameless_key("pkcs11:token=a;objct=b")), "objct is not an attribute we know");
}

}  // namespace
}  // namespace holdfast::tool
