// SPDX-License-Identifier: Apache-2.0
#include "src/identity/identity_document.hpp"

#include "tests/unit/identity/sample_identity.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast {
namespace {

using test::edited;
using test::kSmallestDocument;
using testing::HasSubstr;

std::string written(const Identity& identity) {
  Json document;
  write_identity_document(identity, document);
  return document.dump();
}

TEST(IdentityDocument, IsWrittenAsTheFormatSays) {
  EXPECT_EQ(
      written(test::sample_identity()),
      R"({"version":1,"agent_runtime_id":"agent-123",)"
      R"("key_uri":"pkcs11:token=agents;serial=01;object=agent?module-path=/usr/lib/softhsm/libsofthsm2.so",)"
      R"("scheme":"ed25519",)"
      R"("public_key":"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs",)"
      R"("key_profile":"imported",)"
      R"("authority":{"url":"https://authority.example/api","ca_file":"/etc/holdfast/authority.pem"},)"
      R"("account":{"account_id":"account-1","user_id":"user-1","email":"someone@example.org","plan_type":"team","is_fedramp":true},)"
      R"("provisioning":{"attributes":{"CKA_EXTRACTABLE":false,"CKA_SENSITIVE":true},"export_probe":"refused","imported_from":"jwt","import_check":"unverified"},)"
      R"("storage_root_name":"000b12ab","twin_uri":"pkcs11:token=agents;object=twin"})");
}

TEST(IdentityDocument, ReadsBackEveryMember) {
  const Identity given = test::sample_identity();
  const auto read = read_identity_document(written(given));
  ASSERT_TRUE(read) << read.error().detail.view();
  EXPECT_EQ(read->runtime_id, given.runtime_id);
  EXPECT_EQ(read->key_uri, given.key_uri);
  EXPECT_EQ(read->public_key, given.public_key);
  EXPECT_EQ(read->profile, given.profile);
  EXPECT_EQ(read->authority_url, given.authority_url);
  EXPECT_EQ(read->authority_ca_file, given.authority_ca_file);
  EXPECT_EQ(read->account.account_id, given.account.account_id);
  EXPECT_EQ(read->account.user_id, given.account.user_id);
  EXPECT_EQ(read->account.email, given.account.email);
  EXPECT_EQ(read->account.plan_type, given.account.plan_type);
  EXPECT_TRUE(read->account.is_fedramp);
  EXPECT_EQ(read->attributes, given.attributes);
  EXPECT_EQ(read->export_probe, given.export_probe);
  EXPECT_EQ(read->storage_root_name, given.storage_root_name);
  EXPECT_EQ(read->twin_uri, given.twin_uri);
  EXPECT_EQ(read->imported_from, given.imported_from);
  EXPECT_EQ(read->import_check, given.import_check);
}

TEST(IdentityDocument, TheRestMayBeAbsent) {
  const auto read = read_identity_document(kSmallestDocument);
  ASSERT_TRUE(read) << read.error().detail.view();
  EXPECT_EQ(read->profile, KeyProfile::strict);
  EXPECT_FALSE(read->account.is_fedramp);
  EXPECT_TRUE(read->attributes.empty());
}

TEST(IdentityDocument, TrailingSlashesOfTheAuthorityAreRemoved) {
  const auto read = read_identity_document(edited("authority.example", "authority.example/api//"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->authority_url, "https://authority.example/api");
}

TEST(IdentityDocument, UnknownMembersAreIgnoredAndKeptAtEveryLevel) {
  Json document = *Json::parse(
      R"({"version":1,"note":{"a":[1,null]},"authority":{"url":"https://old.example","region":"eu"},)"
      R"("account":{"nick":"x"},"provisioning":{"attributes":{"CKA_OLD":true},"operator":"me"},"twin_uri":"pkcs11:object=old"})");
  Identity identity = test::sample_identity();
  identity.twin_uri.clear();
  write_identity_document(identity, document);
  EXPECT_EQ(document.member("note")->dump(), R"({"a":[1,null]})");
  EXPECT_EQ(document.member("authority")->string_member("region"), "eu");
  EXPECT_EQ(document.member("authority")->string_member("url"), "https://authority.example/api");
  EXPECT_EQ(document.member("account")->string_member("nick"), "x");
  EXPECT_EQ(document.member("provisioning")->string_member("operator"), "me");
  EXPECT_FALSE(document.member("twin_uri"));
  // The snapshot is of this key: what an earlier key had is gone.
  EXPECT_FALSE(document.member("provisioning")->member("attributes")->member("CKA_OLD"));
  EXPECT_TRUE(read_identity_document(document.dump()));
}

struct Refusal {
  const char* from;
  const char* to;
  const char* named;
};

TEST(IdentityDocument, EveryRefusalNamesTheMember) {
  const Refusal cases[] = {
      {R"("version":1,)", "", "version is missing"},
      {R"("version":1)", R"("version":2)", "version 2"},
      {R"("version":1)", R"("version":"1")", "version is not a whole number"},
      {R"("version":1)", R"("version":1,"version":1)", "the file has a member twice"},
      {R"("agent_runtime_id":"agent-123",)", "", "agent_runtime_id is missing"},
      {"agent-123", "agent:123", "agent_runtime_id"},
      {"agent-123", "..", "agent_runtime_id"},
      {R"("agent-123")", "7", "agent_runtime_id is not a string"},
      {R"("agent-123")", "null", "agent_runtime_id is not a string"},
      {"pkcs11:token=a;object=b", "", "key_uri is empty"},
      {"object=b", "object=b c", "key_uri is no URI"},
      {"object=b", "object=\xC3\xA9", "key_uri"},
      {"object=b", "object=b?pin-value=1234", "pin-value"},
      {"object=b", "object=b?a=b&PIN-Value=1234", "pin-value"},
      {"object=b", "pin-value=1234", "pin-value"},
      {"token=a", "pin%2Dvalue=1234", "pin-value"},
      {R"("scheme":"ed25519")", R"("scheme":"es256")", "scheme does not fit"},
      {R"("scheme":"ed25519")", R"("scheme":"rsa")", "scheme"},
      {"AAAAC3Nz", "AAAAC3Ny", "public_key"},
      {"URtIs\"", "URtIs me@host\"", "public_key"},
      {"strict", "lax", "key_profile"},
      {R"("authority":{"url":"https://authority.example"})", R"("x":1)", "authority is missing"},
      {R"({"url":"https://authority.example"})", R"("https://authority.example")", "authority is not an object"},
      {R"("url":"https://authority.example")", "", "authority.url is missing"},
      {"https://authority.example", "", "authority.url is empty"},
      {"https://authority.example", "http://authority.example", "authority.url is not acceptable: http: is for"},
      {"https://authority.example", "authority.example", "authority.url is not acceptable"},
      {"https://authority.example", "https://a\\u001b[2J", "authority.url holds a control character"},
      {R"("key_profile")", R"("account":{"is_fedramp":"no"},"key_profile")", "account.is_fedramp"},
      {R"("key_profile")", R"("account":{"email":"a\u0000b"},"key_profile")", "account.email"},
      // U+009B begins a terminal's control sequence as ESC [ does.
      {R"("key_profile")", R"("account":{"email":"a\u009b2Jb"},"key_profile")", "account.email"},
      {R"("key_profile")", R"("provisioning":{"attributes":{"CKA\u009b2J":true}},"key_profile")",
       "control character"},
      {R"("key_profile")", R"("account":[],"key_profile")", "account is not an object"},
      {R"("key_profile")", R"("provisioning":{"attributes":{"CKA_SIGN":1}},"key_profile")",
       "provisioning.attributes.CKA_SIGN"},
      {R"("key_profile")", R"("twin_uri":"pkcs11:pin-value=1","key_profile")", "twin_uri"},
      {R"("key_profile")", R"("storage_root_name":1,"key_profile")", "storage_root_name"}};
  for (const auto& [from, to, named] : cases) {
    const auto read = read_identity_document(edited(from, to));
    ASSERT_EQ(read.status(), Status::file_invalid) << to;
    EXPECT_THAT(std::string(read.error().detail.view()), HasSubstr(named)) << to;
  }
}

// The key of RFC 6979 A.2.5.
constexpr std::string_view kP256Line =
    "ecdsa-sha2-nistp256 "
    "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBGD+1LolWp0xyWHrdMY1bWjASbiSO2H6bOZpYi5g8p+2eQP+"
    "EAi4vJmkGunpVii8ZPLxsgwtfp9Rd6PClNRGIpk=";

TEST(IdentityDocument, ATwinIsForKeysOfEd25519Only) {
  Identity identity = test::sample_identity();
  identity.public_key = *parse_ssh_public_key(kP256Line);
  const auto read = read_identity_document(written(identity));
  ASSERT_EQ(read.status(), Status::file_invalid);
  EXPECT_EQ(read.error().detail.view(), "twin_uri is for keys of ed25519 only, and this key is of es256");
  identity.twin_uri.clear();
  EXPECT_TRUE(read_identity_document(written(identity)));
}

TEST(IdentityDocument, APinInTheUriIsNotRepeated) {
  const auto read = read_identity_document(edited("object=b", "object=b?pin-value=73519"));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().detail.view().find("73519"), std::string_view::npos);
  EXPECT_THAT(std::string(hint_of(read.error())), HasSubstr("pin-source"));
}

TEST(IdentityDocument, ALabelThatLooksLikeAPinIsFine) {
  EXPECT_TRUE(read_identity_document(edited("object=b", "object=pin-value?pin-source=file:/run/pin")));
}

TEST(IdentityDocument, EveryTruncationIsRefused) {
  for (std::size_t size = 0; size < kSmallestDocument.size(); ++size) {
    EXPECT_EQ(read_identity_document(kSmallestDocument.substr(0, size)).status(), Status::file_invalid) << size;
  }
}

}  // namespace
}  // namespace holdfast
