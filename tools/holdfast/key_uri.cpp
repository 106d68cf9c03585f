// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/key_uri.hpp"

#include <algorithm>

namespace holdfast::tool {
namespace {

std::optional<unsigned> digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A' + 10);
  return std::nullopt;
}

Result<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const std::optional<unsigned> high = i + 2 < text.size() ? digit(text[i + 1]) : std::nullopt;
    const std::optional<unsigned> low = i + 2 < text.size() ? digit(text[i + 2]) : std::nullopt;
    if (!high || !low) {
      return failure(Status::invalid_uri, Layer::core, "reading the key URI")
          .about("a % without two hexadecimal digits");
    }
    out += static_cast<char>(*high * 16 + *low);
    i += 2;
  }
  return out;
}

// Everything but RFC 3986's unreserved characters and those of `also`, which stand for themselves at that place.
std::string encoded(std::string_view text, std::string_view also) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool is_unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                               std::string_view("-._~").find(c) != std::string_view::npos;
    if (is_unreserved || also.find(c) != std::string_view::npos) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kDigits[byte >> 4U], kDigits[byte & 15U]};
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
