// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/key_uri.hpp"

#include "hal/percent_encoding.hpp"

#include <algorithm>

namespace holdfast::tool {
namespace {

Result<std::string> decoded(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const hal::DecodedOctet octet = hal::take_octet(text);
    if (octet.kind == hal::DecodedOctet::Kind::malformed) {
      return failure(Status::invalid_uri, Layer::core, "reading the key URI")
          .about("a % without two hexadecimal digits");
    }
    out += octet.octet;
  }
  return out;
}

// Everything but RFC 3986's unreserved characters and those of `also`, which stand for themselves at that place.
std::string encoded(std::string_view text, std::string_view also) {
  std::string out;
  for (const char c : text) {
    const bool is_unreserved = hal::is_alphanumeric(c) || std::string_view("-._~").find(c) != std::string_view::npos;
    if (is_unreserved || also.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += hal::percent_encoded(static_cast<std::byte>(c)).view();
    }
  }
  return out;
}

std::string_view path_of(std::string_view uri) {
  uri = uri.substr(0, uri.find('?'));
  const std::size_t colon = uri.find(':');
  return colon == std::string_view::npos ? std::string_view{} : uri.substr(colon + 1);
}

std::string_view query_of(std::string_view uri) {
  const std::size_t mark = uri.find('?');
  return mark == std::string_view::npos ? std::string_view{} : uri.substr(mark + 1);
}

std::optional<std::string_view> attribute_of(std::string_view attributes, char separator, std::string_view name) {
  while (!attributes.empty()) {
    const std::string_view attribute = attributes.substr(0, attributes.find(separator));
    attributes.remove_prefix(std::min(attributes.size(), attribute.size() + 1));
    const std::size_t equals = attribute.find('=');
    if (equals != std::string_view::npos && attribute.substr(0, equals) == name) return attribute.substr(equals + 1);
  }
  return std::nullopt;
}

}  // namespace

Result<std::optional<std::string>> path_attribute(std::string_view uri, std::string_view name) {
  const std::optional<std::string_view> value = attribute_of(path_of(uri), ';', name);
  if (!value) return std::optional<std::string>{};
  return std::optional(HOLDFAST_TRY(decoded(*value)));
}

std::optional<std::string> query_attribute(std::string_view uri, std::string_view name) {
  const std::optional<std::string_view> value = attribute_of(query_of(uri), '&', name);
  if (!value) return std::nullopt;
  Result<std::string> text = decoded(*value);
  return text ? std::optional(std::move(text).value()) : std::nullopt;
}

std::string with_query_attribute(std::string_view uri, std::string_view name, std::string_view value) {
  const std::size_t mark = uri.find('?');
  std::string out(uri.substr(0, mark));
  std::string_view query = query_of(uri);
  char separator = '?';
  while (!query.empty()) {
    const std::string_view attribute = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), attribute.size() + 1));
    if (attribute.substr(0, attribute.find('=')) == name) continue;
    out += separator;
    out += attribute;
    separator = '&';
  }
  return out + separator + std::string(name) + "=" + encoded(value, ":/,@=");
}

std::string with_path_attribute(std::string_view uri, std::string_view name, std::string_view value) {
  const std::size_t mark = std::min(uri.find('?'), uri.size());
  const std::string separator = path_of(uri).empty() ? "" : ";";
  return std::string(uri.substr(0, mark)) + separator + std::string(name) + "=" + encoded(value, ":@,") +
         std::string(uri.substr(mark));
}

}  // namespace holdfast::tool
