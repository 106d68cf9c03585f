// SPDX-License-Identifier: Apache-2.0
#include "src/identity/jwt.hpp"

#include "src/identity/secret_json.hpp"
#include "src/identity/software_crypto.hpp"

#include <sodium.h>

#include <algorithm>
#include <array>

namespace holdfast {
namespace {

constexpr std::size_t kMaxNameSize = 256;

Error refusal(std::string_view why) {
  return failure(Status::file_invalid, Layer::identity, "reading a JWT").about(why);
}
Error unacceptable(const std::string& why) {
  return failure(Status::file_invalid, Layer::identity, "verifying the JWT")
      .about(why)
      .with_hint("get a new JWT from the service that issues it; nothing was imported");
}

struct Parts {
  std::string_view header;
  std::string_view payload;
  std::string_view signature;
};

std::optional<Parts> split(std::string_view text) {
  const std::size_t first = text.find('.');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = text.find('.', first + 1);
  if (second == std::string_view::npos || text.find('.', second + 1) != std::string_view::npos) return std::nullopt;
  return Parts{text.substr(0, first), text.substr(first + 1, second - first - 1), text.substr(second + 1)};
}

Result<hal::SecretBytes> decode(std::string_view text, std::string_view name) {
  const auto refuse = [name](std::string_view why) { return refusal(std::string(name) + " " + std::string(why)); };
  if (text.empty()) return refuse("is empty");
  hal::SecretBytes bytes = HOLDFAST_TRY(hal::SecretBytes::allocate(text.size() / 4 * 3 + 3));
  std::size_t size = 0;
  const char* end = nullptr;
  const int code =
      sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.storage({}).data()), bytes.capacity(), text.data(),
                        text.size(), nullptr, &size, &end, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  if (code != 0 || end != text.data() + text.size()) return refuse("is not base64url, or cut");
  bytes.set_size(size);
  return bytes;
}

std::span<char> text_of(hal::SecretBytes& bytes) {
  const std::span<std::byte> all = bytes.storage({}).first(bytes.size());
  return {reinterpret_cast<char*>(all.data()), all.size()};
}

// Something of a header that goes into messages: nothing in it may steer a terminal.
bool is_name(std::string_view text) {
  return text.size() <= kMaxNameSize && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

std::string time_in_words(std::int64_t seconds) {
  const auto text = format_timestamp(WallSeconds{seconds});
  return text ? std::string(text->view()) : std::to_string(seconds);
}

}  // namespace

bool looks_like_jwt(std::string_view text) noexcept {
  return std::ranges::count(text, '.') == 2 && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                  c == '_' || c == '.';
         });
}

Result<Jwt> parse_jwt(std::string_view text) {
  const auto parts = split(text);
  if (!parts) return refusal("it does not have three parts");
  Jwt jwt;
  jwt.signed_text = text.substr(0, text.size() - parts->signature.size() - 1);

  hal::SecretBytes header = HOLDFAST_TRY(decode(parts->header, "its header"));
  std::array wanted{WantedMember{"alg"}, WantedMember{"kid"}, WantedMember{"crit"}};
  if (!read_json_members(text_of(header), wanted)) return refusal("its header is not a JSON object");
  const auto& [algorithm, key_id, critical] = wanted;
  const bool has_names = algorithm.value.kind == SecretJsonValue::Kind::string && is_name(algorithm.value.view()) &&
                         (!key_id.value.is_there() ||
                          (key_id.value.kind == SecretJsonValue::Kind::string && is_name(key_id.value.view())));
  if (!has_names) return refusal("its header has no plain \"alg\" and \"kid\"");
  // RFC 7515 §4.1.11: what is critical and not understood must be refused.
  if (critical.value.kind != SecretJsonValue::Kind::absent) return refusal("its header has a critical extension");
  jwt.algorithm = algorithm.value.view();
  jwt.key_id = key_id.value.view();

  jwt.payload = HOLDFAST_TRY(decode(parts->payload, "its payload"));
  // `alg: none` comes without one; that it is not acceptable is for verification to say.
  if (!parts->signature.empty()) {
    const hal::SecretBytes signature = HOLDFAST_TRY(decode(parts->signature, "its signature"));
    const auto bytes = signature.reveal({});
    jwt.signature.assign(bytes.begin(), bytes.end());
  }
  return jwt;
}

Result<void> verify_jwt(const Jwt& jwt, const std::vector<JsonWebKey>& keys) {
  if (jwt.algorithm != "RS256") return unacceptable("its algorithm is " + jwt.algorithm + ", only RS256 is accepted");
  if (jwt.key_id.empty()) return unacceptable("it names no key (kid)");
  if (jwt.signature.empty()) return unacceptable("its signature is empty");
  const auto key = std::ranges::find(keys, jwt.key_id, &JsonWebKey::key_id);
  if (key == keys.end()) {
    return unacceptable("its key (kid " + jwt.key_id + ") is not in the JWKS")
        .with_hint("the issuer may have changed its keys: get a new JWT, or check the URL of the JWKS");
  }
  return verify_rs256(jwt.signed_text, jwt.signature, {key->modulus, key->exponent});
}

Result<void> check_claims(const JwtClaims& claims, WallSeconds now) {
  if (claims.issuer != kJwtIssuer) return unacceptable("its issuer is not " + std::string(kJwtIssuer));
  if (!claims.is_for_us) return unacceptable("its audience is not " + std::string(kJwtAudience));
  if (!claims.expires) return unacceptable("it has no expiry (exp)");
  if (*claims.expires + kJwtLeeway <= now.value) {
    return unacceptable("it expired at " + time_in_words(*claims.expires));
  }
  for (const auto& [name, time] : {std::pair{"issued", claims.issued}, std::pair{"valid from", claims.not_before}}) {
    if (time && *time - kJwtLeeway > now.value) {
      return unacceptable(std::string("it is ") + name + " " + time_in_words(*time) + ", which is in the future");
    }
  }
  return {};
}

}  // namespace holdfast
