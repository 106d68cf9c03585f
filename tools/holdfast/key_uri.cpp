// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/key_uri.hpp"

#include "hal/percent_encoding.hpp"
#include "hal/registry.hpp"
#include "hal/uri_attributes.hpp"
#include "tools/command_line/command_line.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace holdfast::tool {
namespace {

constexpr const char* kReading = "reading the key URI";

Result<std::string> decoded(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const hal::DecodedOctet octet = hal::take_octet(text);
    if (octet.kind == hal::DecodedOctet::Kind::malformed) {
      return failure(Status::invalid_uri, Layer::core, kReading).about("a % without two hexadecimal digits");
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

// RFC 7512 §2.3 and docs/tpm.md, without those that are refused whatever they hold.
struct Names {
  std::string_view scheme;
  std::vector<std::string_view> attributes;
  const char* form;  // the hint where one of them is mistyped; null: that of the status
};

const std::vector<Names>& known_names() {
  static const std::vector<Names> names{
      {"pkcs11:",
       {"token", "serial", "manufacturer", "model", "object", "id", "type", "slot-id", "module-path", "module-name",
        "pin-source"},
       nullptr},
      {"tpm2:",
       {"file", "handle", "pcr", "srk-name", "tcti", "pin-source"},
       "write it as tpm2:file=/PATH/key.pem or tpm2:handle=0x81000010, then ?tcti=… if need be"},
  };
  return names;
}

Error nameless(const char* hint) {
  return failure(Status::invalid_uri, Layer::core, kReading).about("it names no key").with_hint(hint);
}

Result<void> check_with_back_end(std::string_view uri) {
  const hal::Backend* backend = HOLDFAST_TRY(hal::backend_for(uri));
  return backend->check_uri(uri);
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

std::vector<std::string_view> names_in(std::string_view attributes, char separator) {
  std::vector<std::string_view> names;
  while (!attributes.empty()) {
    const std::string_view attribute = attributes.substr(0, attributes.find(separator));
    attributes.remove_prefix(std::min(attributes.size(), attribute.size() + 1));
    names.push_back(attribute.substr(0, attribute.find('=')));
  }
  return names;
}

}  // namespace

bool is_tpm_uri(std::string_view uri) { return hal::has_scheme(uri, "tpm2:"); }

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

std::string without_path_attributes(std::string_view uri, std::span<const std::string_view> names) {
  std::string bare(uri.substr(0, uri.find(':') + 1));
  std::string_view rest = path_of(uri);
  while (!rest.empty()) {
    const std::string_view attribute = rest.substr(0, rest.find(';'));
    rest.remove_prefix(std::min(rest.size(), attribute.size() + 1));
    if (std::ranges::find(names, attribute.substr(0, attribute.find('='))) != names.end()) continue;
    if (!bare.ends_with(':')) bare += ';';
    bare += attribute;
  }
  return bare.append(uri.substr(std::min(uri.find('?'), uri.size())));
}

std::string twin_uri_beside(std::string_view uri, std::string_view label) {
  constexpr std::array<std::string_view, 2> kNames{"object", "id"};
  return with_path_attribute(without_path_attributes(uri, kNames), "object", label);
}

Result<KeyName> name_of_new_key(std::string_view uri) {
  // First what is wrong with what it says, then what it does not say: a mistyped object= is the former.
  HOLDFAST_TRY(check_with_back_end(uri));
  if (is_tpm_uri(uri)) {
    const auto file = HOLDFAST_TRY(path_attribute(uri, "file"));
    const auto handle = HOLDFAST_TRY(path_attribute(uri, "handle"));
    if (file || handle) return KeyName{};
    return nameless(
        "name the key to be made: tpm2:file=/PATH/key.pem, or tpm2:handle=0x81000010 for a persistent one");
  }
  const auto label = HOLDFAST_TRY(path_attribute(uri, "object"));
  if (!label || label->empty()) {
    return nameless("name the key to be made in the URI: pkcs11:token=LABEL;object=NAME");
  }
  return KeyName{*label, HOLDFAST_TRY(path_attribute(uri, "id")).value_or("")};
}

Result<std::string> name_for_people(std::string_view uri) {
  for (const std::string_view attribute : {"object", "file", "handle"}) {
    auto name = HOLDFAST_TRY(path_attribute(uri, attribute));
    if (name) return std::move(*name);
  }
  return std::string();
}

Result<void> refuse_nameless_key(std::string_view uri) {
  HOLDFAST_TRY(check_with_back_end(uri));
  for (const std::string_view name : {"object", "id", "file", "handle"}) {
    const auto value = HOLDFAST_TRY(path_attribute(uri, name));
    if (value && !value->empty()) return {};
  }
  return nameless(
      "name the key to be deleted: object= or id=, for a TPM file= or handle=; holdfast key list shows them");
}

Result<void> refuse_mistyped_attribute(std::string_view uri) {
  const auto kind =
      std::ranges::find_if(known_names(), [&](const Names& n) { return hal::has_scheme(uri, n.scheme); });
  if (kind == known_names().end()) return {};
  std::vector<std::string_view> names = names_in(path_of(uri), ';');
  for (const std::string_view name : names_in(query_of(uri), '&')) names.push_back(name);
  for (const std::string_view name : names) {
    if (std::ranges::find(kind->attributes, name) != kind->attributes.end()) continue;
    const std::string_view meant = command_line::nearest(name, kind->attributes);
    if (meant.empty()) continue;
    Error error =
        failure(Status::invalid_uri, Layer::core, kReading)
            .about(std::string(name) + " is not an attribute we know; did you mean " + std::string(meant) + "=?");
    error.hint = kind->form;
    return error;
  }
  return {};
}

}  // namespace holdfast::tool
