// SPDX-License-Identifier: Apache-2.0
#include "src/identity/jwks.hpp"

#include "src/assertion/base64.hpp"
#include "src/json/json.hpp"

#include <algorithm>
#include <optional>

namespace holdfast {
namespace {

constexpr std::size_t kMostKeys = 64;

Error refusal(std::string_view why) {
  return failure(Status::file_invalid, Layer::identity, "reading a JWKS").about(why);
}

std::optional<std::vector<std::byte>> number_of(const Json& key, std::string_view name) {
  const auto text = key.string_member(name);
  if (!text || text->empty()) return std::nullopt;
  std::vector<std::byte> bytes(text->size());
  const auto size = decode_base64(Base64::url, *text, bytes);
  if (!size) return std::nullopt;
  bytes.resize(*size);
  return bytes;
}

bool is_or_absent(const Json& key, std::string_view name, std::string_view value) {
  return !key.member(name) || key.string_member(name) == value;
}

}  // namespace

Result<std::vector<JsonWebKey>> read_jwks(std::string_view text) {
  const auto document = Json::parse(text);
  if (!document || !document->is_object()) return refusal("it is not a JSON object");
  const auto list = document->member("keys");
  if (!list || !list->is_array()) return refusal("it has no array \"keys\"");
  if (list->size() > kMostKeys) return refusal("it holds more than 64 keys");
  std::vector<JsonWebKey> keys;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const auto key = list->element(i);
    if (!key || !key->is_object()) return refusal("one of its keys is not an object");
    const auto id = key->string_member("kid");
    const bool is_ours = key->string_member("kty") == "RSA" && is_or_absent(*key, "use", "sig") &&
                         is_or_absent(*key, "alg", "RS256") && id && !id->empty();
    if (!is_ours) continue;
    auto modulus = number_of(*key, "n");
    auto exponent = number_of(*key, "e");
    if (!modulus || !exponent) return refusal("one of its RSA keys has no n and e in base64url");
    if (std::ranges::find(keys, *id, &JsonWebKey::key_id) != keys.end()) {
      return refusal("two of its keys bear the same kid");
    }
    keys.push_back({*id, std::move(*modulus), std::move(*exponent)});
  }
  return keys;
}

}  // namespace holdfast
