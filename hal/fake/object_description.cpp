// SPDX-License-Identifier: Apache-2.0
#include "hal/fake/object_description.hpp"

namespace holdfast::hal::fake {
namespace {

FixedText<kMaxKeyIdSize * 2> hex_of(std::span<const std::byte> bytes) noexcept {
  constexpr std::string_view kDigits = "0123456789abcdef";
  FixedText<kMaxKeyIdSize * 2> text;
  for (const std::byte byte : bytes) {
    text.append(kDigits.substr(std::to_integer<std::size_t>(byte >> 4), 1));
    text.append(kDigits.substr(std::to_integer<std::size_t>(byte & std::byte{15}), 1));
  }
  return text;
}

}  // namespace

FixedText<kMaxKeyUriSize> uri_of(const FakeObject& object) noexcept {
  FixedText<kMaxKeyUriSize> uri("fake:object=");
  uri.append(object.label.view());
  uri.append(";id=");
  uri.append(hex_of(object.id_bytes()).view());
  return uri;
}

KeyDescription describe_object(const FakeObject& object) noexcept {
  KeyDescription description;
  description.backend = BackendKind::fake;
  if (object.public_key) {
    description.scheme = object.public_key->scheme();
    if (object.shows_public) description.public_key = object.public_key;
  }
  description.label = object.label;
  description.id_hex = hex_of(object.id_bytes());
  description.uri = uri_of(object);
  description.attributes = object.attributes;
  return description;
}

}  // namespace holdfast::hal::fake
