// SPDX-License-Identifier: Apache-2.0
#include "src/identity/upstream_record.hpp"

#include "hal/display.hpp"
#include "src/identity/secret_json.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace holdfast {
namespace {

using Kind = SecretJsonValue::Kind;

constexpr std::size_t kMaxTextSize = 1024;

Error refusal(std::string_view why) {
  return failure(Status::file_invalid, Layer::identity, "reading a software identity").about(why);
}

// Account metadata goes into the identity file and onto terminals.
Result<std::string> plain_text(const WantedMember& member) {
  if (!member.value.is_there()) return std::string();
  const std::string_view text = member.value.view();
  const bool is_plain = member.value.kind == Kind::string && text.size() <= kMaxTextSize && hal::is_printable(text);
  if (!is_plain) return refusal(std::string(member.name) + " is not a plain string");
  return std::string(text);
}

Result<std::optional<std::int64_t>> seconds(const WantedMember& member) {
  if (!member.value.is_there()) return std::optional<std::int64_t>();
  // RFC 7519 §2, NumericDate: a fraction is allowed and cut.
  const std::string_view text = member.value.view();
  const std::string_view whole = text.substr(0, text.find('.'));
  std::int64_t value = 0;
  const auto [end, code] = std::from_chars(whole.data(), whole.data() + whole.size(), value);
  constexpr std::int64_t kLatest = 253'402'300'799;  // the year 9999
  if (member.value.kind != Kind::number || code != std::errc() || end != whole.data() + whole.size() || value < 0 ||
      value > kLatest) {
    return refusal(std::string(member.name) + " is not a time in seconds");
  }
  return std::optional(value);
}

Result<SoftwareKey> key_of(const WantedMember& member) {
  if (member.value.kind != Kind::string) return refusal("agent_private_key is missing or not a string");
  const std::string_view text = member.value.view();
  hal::SecretBytes der = HOLDFAST_TRY(hal::SecretBytes::allocate(text.size() / 4 * 3 + 3));
  std::size_t size = 0;
  const char* end = nullptr;
  const int code = sodium_base642bin(reinterpret_cast<unsigned char*>(der.storage({}).data()), der.capacity(),
                                     text.data(), text.size(), nullptr, &size, &end, sodium_base64_VARIANT_ORIGINAL);
  if (code != 0 || end != text.data() + text.size()) {
    return refusal("agent_private_key is not standard base64, or cut");
  }
  der.set_size(size);
  return read_pkcs8(der.reveal({}));
}

// The members that a JWT's claims and a stored record share.
Result<SoftwareIdentity> read_record(std::span<char> text, SourceForm form) {
  std::array wanted{WantedMember{"agent_runtime_id"},
                    WantedMember{"agent_private_key"},
                    WantedMember{"account_id"},
                    WantedMember{"chatgpt_user_id"},
                    WantedMember{"email"},
                    WantedMember{"plan_type"},
                    WantedMember{"chatgpt_account_is_fedramp"},
                    WantedMember{"iss"},
                    WantedMember{"aud"},
                    WantedMember{"exp"},
                    WantedMember{"iat"},
                    WantedMember{"nbf"}};
  HOLDFAST_TRY(read_json_members(text, wanted));
  const auto& [runtime, key, account, user, email, plan, fedramp, issuer, audience, expires, issued, not_before] =
      wanted;
  const std::string runtime_text = HOLDFAST_TRY(plain_text(runtime));
  const auto runtime_id = RuntimeId::parse(runtime_text);
  if (!runtime_id) {
    return refusal("agent_runtime_id is not acceptable: " + std::string(runtime_id.error().detail.view()));
  }
  SoftwareIdentity identity{.form = form,
                            .key = HOLDFAST_TRY(key_of(key)),
                            .runtime_id = *runtime_id,
                            .account = {},
                            .jwt = std::nullopt,
                            .claims = {}};
  identity.account.account_id = HOLDFAST_TRY(plain_text(account));
  identity.account.user_id = HOLDFAST_TRY(plain_text(user));
  identity.account.email = HOLDFAST_TRY(plain_text(email));
  identity.account.plan_type = HOLDFAST_TRY(plain_text(plan));
  if (fedramp.value.is_there() && fedramp.value.kind != Kind::boolean) {
    return refusal("chatgpt_account_is_fedramp is neither true nor false");
  }
  identity.account.is_fedramp = fedramp.value.view() == "true";
  identity.claims.issuer = HOLDFAST_TRY(plain_text(issuer));
  if (audience.value.kind == Kind::string) identity.claims.is_for_us = audience.value.view() == kJwtAudience;
  if (audience.value.kind == Kind::array) {
    identity.claims.is_for_us = HOLDFAST_TRY(json_array_holds(audience.value.text, kJwtAudience));
  }
  identity.claims.expires = HOLDFAST_TRY(seconds(expires));
  identity.claims.issued = HOLDFAST_TRY(seconds(issued));
  identity.claims.not_before = HOLDFAST_TRY(seconds(not_before));
  return identity;
}

Result<SoftwareIdentity> read_jwt(std::string_view text, SourceForm form) {
  Jwt jwt = HOLDFAST_TRY(parse_jwt(text));
  const std::span<std::byte> payload = jwt.payload.storage({}).first(jwt.payload.size());
  SoftwareIdentity identity =
      HOLDFAST_TRY(read_record({reinterpret_cast<char*>(payload.data()), payload.size()}, form));
  jwt.payload = hal::SecretBytes();
  identity.jwt = std::move(jwt);
  return identity;
}

bool is_personal_token(std::string_view text) { return text.starts_with("at-"); }

Error refuse_personal_token() {
  return refusal("it is a personal access token (at-…), which holds no key: nothing to import")
      .with_hint("use it to register a key made on the token: holdfast agent register --access-token-source");
}

Result<SoftwareIdentity> read_auth_json(std::span<char> text) {
  std::array wanted{WantedMember{"agent_identity"}, WantedMember{"agent_private_key"}};
  HOLDFAST_TRY(read_json_members(text, wanted));
  const auto& [nested, own] = wanted;
  if (nested.value.kind == Kind::string) {
    if (is_personal_token(nested.value.view())) return refuse_personal_token();
    return read_jwt(nested.value.view(), SourceForm::auth_json_jwt);
  }
  if (nested.value.kind == Kind::object) return read_record(nested.value.text, SourceForm::auth_json_record);
  return refusal("its JSON has no agent_identity")
      .with_hint("auth.json holds one only after a sign-in with an agent identity");
}

std::span<char> trimmed(std::span<std::byte> source) {
  std::span<char> text{reinterpret_cast<char*>(source.data()), source.size()};
  const auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!text.empty() && is_space(text.front())) text = text.subspan(1);
  while (!text.empty() && is_space(text.back())) text = text.first(text.size() - 1);
  return text;
}

}  // namespace

std::string_view form_name(SourceForm form) noexcept {
  switch (form) {
    case SourceForm::jwt:
      return "jwt";
    case SourceForm::auth_json_jwt:
      return "auth.json (JWT)";
    case SourceForm::auth_json_record:
      return "auth.json (record)";
    case SourceForm::key:
      return "key";
  }
  return "unknown";
}

Result<SoftwareIdentity> read_upstream_record(std::span<std::byte> source) {
  const std::span<char> text = trimmed(source);
  const std::string_view view(text.data(), text.size());
  if (view.empty()) return refusal("it is empty");
  if (is_personal_token(view)) return refuse_personal_token();
  if (view.front() == '{') return read_auth_json(text);
  if (view.starts_with("ey") && view.find('.') != std::string_view::npos) return read_jwt(view, SourceForm::jwt);
  // Of DER every byte counts, those that look like white space, too.
  const bool is_text =
      std::ranges::all_of(view, [](char c) { return (c >= 0x20 && c < 0x7f) || c == '\n' || c == '\r'; });
  const std::span<const std::byte> file = is_text ? std::as_bytes(text) : std::span<const std::byte>(source);
  return SoftwareIdentity{.form = SourceForm::key,
                          .key = HOLDFAST_TRY(read_private_key_file(file)),
                          .runtime_id = std::nullopt,
                          .account = {},
                          .jwt = std::nullopt,
                          .claims = {}};
}

}  // namespace holdfast
