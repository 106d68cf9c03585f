// SPDX-License-Identifier: Apache-2.0
#include "src/identity/upstream_record.hpp"

#include "src/assertion/base64.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <memory>
#include <string>
#include <vector>

namespace holdfast {
namespace {

using testing::HasSubstr;

constexpr WallSeconds kNow{1'776'643'200};  // 2026-04-20T00:00:00Z
constexpr std::string_view kPkcs8 =
    "MFECAQEwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHgSEA6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+"
    "vnuSQh7qaRRG0iw=";
constexpr std::string_view kPublic =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";

std::string url_text(std::span<const std::byte> bytes) {
  std::string text(base64_size(Base64::url, bytes.size()), '\0');
  text.resize(encode_base64(Base64::url, bytes, text));
  return text;
}
std::string url_text(std::string_view text) { return url_text(std::as_bytes(std::span(text))); }

// An issuer with an RSA key, made with OpenSSL.
class Issuer {
 public:
  Issuer() : key_(EVP_RSA_gen(2048), &EVP_PKEY_free) {}

  [[nodiscard]] std::string sign(const std::string& header, const std::string& claims) const {
    const std::string text = url_text(header) + "." + url_text(claims);
    const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
    std::vector<std::byte> signature(256);
    std::size_t size = signature.size();
    EXPECT_EQ(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()), 1);
    EXPECT_EQ(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                             reinterpret_cast<const unsigned char*>(text.data()), text.size()),
              1);
    return text + "." + url_text(std::span(signature).first(size));
  }
  [[nodiscard]] std::string jwks(const std::string& kid = "k1") const {
    return R"({"keys":[{"kty":"EC","kid":"other"},{"kty":"RSA","use":"sig","alg":"RS256","kid":")" + kid +
           R"(","n":")" + number(OSSL_PKEY_PARAM_RSA_N) + R"(","e":")" + number(OSSL_PKEY_PARAM_RSA_E) + "\"}]}";
  }

 private:
  [[nodiscard]] std::string number(const char* name) const {
    BIGNUM* value = nullptr;
    EXPECT_EQ(EVP_PKEY_get_bn_param(key_.get(), name, &value), 1);
    std::vector<std::byte> bytes(static_cast<std::size_t>(BN_num_bytes(value)));
    BN_bn2bin(value, reinterpret_cast<unsigned char*>(bytes.data()));
    BN_free(value);
    return url_text(bytes);
  }
  std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key_;
};

const Issuer& issuer() {
  static const Issuer one;
  return one;
}

constexpr std::string_view kHeader = R"({"alg":"RS256","kid":"k1","typ":"JWT"})";

std::string claims(const std::string& exp = "1776646800", const std::string& iss = std::string(kJwtIssuer),
                   const std::string& aud = "\"" + std::string(kJwtAudience) + "\"") {
  return R"({"iss":")" + iss + R"(","aud":)" + aud + R"(,"iat":1776643000,"exp":)" + exp +
         R"(,"agent_runtime_id":"agent-123","agent_private_key":")" + std::string(kPkcs8) +
         R"(","account_id":"acc","chatgpt_user_id":"user","plan_type":"team","chatgpt_account_is_fedramp":true})";
}

Result<SoftwareIdentity> read(std::string& text) {
  return read_upstream_record(std::as_writable_bytes(std::span(text)));
}

// The whole way of an import, without a token.
Result<void> accept(std::string text, const std::string& jwks, WallSeconds now = kNow) {
  const SoftwareIdentity identity = HOLDFAST_TRY(read(text));
  HOLDFAST_TRY(check_claims(identity.claims, now));
  const auto keys = HOLDFAST_TRY(read_jwks(jwks));
  return verify_jwt(*identity.jwt, keys);
}
std::string refusal(const std::string& text, Status status, WallSeconds now = kNow) {
  const auto result = accept(text, issuer().jwks(), now);
  EXPECT_EQ(result.status(), status);
  return result ? std::string() : std::string(result.error().detail.view());
}

TEST(UpstreamRecord, AJwtIsReadAndVerified) {
  std::string text = issuer().sign(std::string(kHeader), claims()) + "\n";
  auto identity = read(text);
  ASSERT_TRUE(identity) << identity.error().detail.view();
  EXPECT_EQ(identity->form, SourceForm::jwt);
  EXPECT_EQ(identity->runtime_id->view(), "agent-123");
  EXPECT_EQ(to_ssh_public_key(identity->key.public_key).view(), kPublic);
  EXPECT_EQ(identity->account.account_id, "acc");
  EXPECT_EQ(identity->account.user_id, "user");
  EXPECT_EQ(identity->account.email, "");
  EXPECT_TRUE(identity->account.is_fedramp);
  EXPECT_TRUE(accept(text, issuer().jwks()));
}

TEST(UpstreamRecord, TheAudienceMayBeOneOfSeveral) {
  EXPECT_TRUE(accept(issuer().sign(std::string(kHeader),
                                   claims("1776646800", std::string(kJwtIssuer), R"(["x","codex-app-server"])")),
                     issuer().jwks()));
}

TEST(UpstreamRecord, TheExpiryHasALeewayOfSixtySeconds) {
  const std::string text = issuer().sign(std::string(kHeader), claims("1776643200"));
  EXPECT_TRUE(accept(text, issuer().jwks(), WallSeconds{kNow.value + 59}));
  EXPECT_THAT(refusal(text, Status::file_invalid, WallSeconds{kNow.value + 60}),
              HasSubstr("expired at 2026-04-20T00:00:00Z"));
}

TEST(UpstreamRecord, WrongClaimsAreRefused) {
  const std::string header(kHeader);
  EXPECT_THAT(refusal(issuer().sign(header, claims("1776646800", "https://evil")), Status::file_invalid),
              HasSubstr("issuer"));
  EXPECT_THAT(refusal(issuer().sign(header, claims("1776646800", std::string(kJwtIssuer), "\"other\"")),
                      Status::file_invalid),
              HasSubstr("audience"));
  EXPECT_THAT(refusal(issuer().sign(header, claims()), Status::file_invalid, WallSeconds{1'776'642'000}),
              HasSubstr("future"));
  EXPECT_THAT(refusal(issuer().sign(header, claims("null")), Status::file_invalid), HasSubstr("no expiry"));
  EXPECT_THAT(refusal(issuer().sign(header, claims("\"soon\"")), Status::file_invalid), HasSubstr("exp"));
}

TEST(UpstreamRecord, WrongAlgorithmsAndKeysAreRefused) {
  const std::string signature_of_rs256 = issuer().sign(std::string(kHeader), claims());
  EXPECT_THAT(refusal(issuer().sign(R"({"alg":"HS256","kid":"k1"})", claims()), Status::file_invalid),
              HasSubstr("HS256"));
  EXPECT_THAT(
      refusal(url_text(R"({"alg":"none","kid":"k1"})") + "." + url_text(claims()) + ".", Status::file_invalid),
      HasSubstr("none"));
  EXPECT_THAT(refusal(issuer().sign(R"({"alg":"RS256"})", claims()), Status::file_invalid), HasSubstr("kid"));
  EXPECT_THAT(refusal(issuer().sign(R"({"alg":"RS256","kid":"k2"})", claims()), Status::file_invalid),
              HasSubstr("kid k2"));
  EXPECT_THAT(refusal(issuer().sign(R"({"alg":"RS256","kid":"k1","crit":["x"]})", claims()), Status::file_invalid),
              HasSubstr("critical"));
  const Issuer stranger;
  EXPECT_THAT(refusal(stranger.sign(std::string(kHeader), claims()), Status::file_invalid),
              HasSubstr("not the issuer's"));
  std::string changed = signature_of_rs256;
  changed[changed.rfind('.') + 10] = changed[changed.rfind('.') + 10] == 'A' ? 'B' : 'A';
  EXPECT_THAT(refusal(changed, Status::file_invalid), HasSubstr("not the issuer's"));
}

TEST(UpstreamRecord, BrokenFormsAreRefused) {
  const std::string good = issuer().sign(std::string(kHeader), claims());
  const std::size_t first = good.find('.');
  const std::size_t second = good.rfind('.');
  for (const std::string& bad :
       {good.substr(0, second), good + ".x", good.substr(0, first + 1) + good.substr(second),
        good.substr(0, first + 2) + good.substr(second), good.substr(0, second - 7) + good.substr(second),
        "eyJh=." + good.substr(first + 1), std::string("ey..")}) {
    EXPECT_FALSE(refusal(bad, Status::file_invalid).empty()) << bad.substr(0, 20);
  }
}

TEST(UpstreamRecord, TheKeyInsideMustHold) {
  const auto with_key = [](const std::string& key) {
    return issuer().sign(std::string(kHeader),
                         R"({"agent_runtime_id":"a","agent_private_key":)" + key + R"(,"exp":1776646800})");
  };
  EXPECT_THAT(refusal(with_key("7"), Status::file_invalid), HasSubstr("agent_private_key"));
  EXPECT_THAT(refusal(with_key("\"MC4CAQAwBQYDK2\""), Status::file_invalid), HasSubstr("agent_private_key"));
  EXPECT_FALSE(refusal(with_key("\"MC4CAQAwBQYDK2Vw\""), Status::file_invalid).empty());
  EXPECT_THAT(refusal(issuer().sign(std::string(kHeader), R"({"agent_runtime_id":"a:b"})"), Status::file_invalid),
              HasSubstr("agent_runtime_id"));
}

TEST(UpstreamRecord, AuthJsonIsReadInBothForms) {
  std::string as_string = R"({"auth_mode":"agentIdentity","tokens":null,"agent_identity":")" +
                          issuer().sign(std::string(kHeader), claims()) + "\"}";
  auto jwt = read(as_string);
  ASSERT_TRUE(jwt) << jwt.error().detail.view();
  EXPECT_EQ(jwt->form, SourceForm::auth_json_jwt);
  EXPECT_TRUE(jwt->jwt);
  // Some writers escape the slash, which standard base64 has.
  std::string key(kPkcs8);
  std::string escaped;
  for (const char c : key) escaped += c == '/' ? std::string("\\/") : std::string(1, c);
  std::string as_record =
      R"({"OPENAI_API_KEY":null,"agent_identity":{"agent_runtime_id":"agent-9","agent_private_key":")" + escaped +
      R"(","account_id":"acc","chatgpt_user_id":"u","email":"a@b","task_id":"t"}})";
  auto record = read(as_record);
  ASSERT_TRUE(record) << record.error().detail.view();
  EXPECT_EQ(record->form, SourceForm::auth_json_record);
  EXPECT_EQ(record->runtime_id->view(), "agent-9");
  EXPECT_EQ(record->account.email, "a@b");
  EXPECT_FALSE(record->jwt);
  EXPECT_EQ(to_ssh_public_key(record->key.public_key).view(), kPublic);
}

TEST(UpstreamRecord, AnAccountThatWouldSteerATerminalIsRefused) {
  for (const char* email : {R"(a\u001b[2J)", R"(a\u009b2J)", R"(a\u007f)"}) {
    std::string text = std::string(R"({"agent_identity":{"agent_runtime_id":"agent-9","agent_private_key":")") +
                       std::string(kPkcs8) + R"(","email":")" + email + "\"}}";
    const auto identity = read(text);
    ASSERT_EQ(identity.status(), Status::file_invalid) << email;
    EXPECT_EQ(identity.error().detail.view(), "email is not a plain string");
  }
}

TEST(UpstreamRecord, ABareKeyHasNoAgent) {
  std::string text = std::string(kPkcs8) + "\n";
  const auto identity = read(text);
  ASSERT_TRUE(identity) << identity.error().detail.view();
  EXPECT_EQ(identity->form, SourceForm::key);
  EXPECT_FALSE(identity->runtime_id);
}

TEST(UpstreamRecord, APersonalAccessTokenIsExplained) {
  for (std::string text : {std::string("at-abcdef\n"), std::string(R"({"agent_identity":"at-abcdef"})")}) {
    const auto identity = read(text);
    ASSERT_EQ(identity.status(), Status::file_invalid);
    EXPECT_THAT(std::string(identity.error().detail.view()), HasSubstr("personal access token"));
    EXPECT_THAT(std::string(hint_of(identity.error())), HasSubstr("agent register"));
  }
}

TEST(UpstreamRecord, OtherJsonIsRefused) {
  for (std::string text : {std::string("{}"), std::string(R"({"agent_identity":null})"), std::string("{\"tokens\":"),
                           std::string(""), std::string("  \n")}) {
    EXPECT_EQ(read(text).status(), Status::file_invalid) << text;
  }
}

TEST(Jwks, WhatIsNoneIsRefused) {
  for (const char* text :
       {"", "[]", "{}", R"({"keys":{}})", R"({"keys":[7]})",
        R"({"keys":[{"kty":"RSA","kid":"a","n":"!","e":"AQAB"}]})",
        R"({"keys":[{"kty":"RSA","kid":"a","n":"AQ","e":"AQAB"},{"kty":"RSA","kid":"a","n":"AQ","e":"AQAB"}]})"}) {
    EXPECT_EQ(read_jwks(text).status(), Status::file_invalid) << text;
  }
  EXPECT_EQ(read_jwks(R"({"keys":[]})")->size(), 0U);
}

TEST(Jwks, AShortKeyVerifiesNothing) {
  const std::string weak = R"({"keys":[{"kty":"RSA","kid":"k1","n":"u7c","e":"AQAB"}]})";
  EXPECT_EQ(accept(issuer().sign(std::string(kHeader), claims()), weak).status(), Status::file_invalid);
}

}  // namespace
}  // namespace holdfast
