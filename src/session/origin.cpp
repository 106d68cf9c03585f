// SPDX-License-Identifier: Apache-2.0
#include "src/session/origin.hpp"

#include "src/assertion/detail_text.hpp"
#include "src/registrar/url_authority.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace holdfast {
namespace {

constexpr const char* kDoing = "reading the origin of a URL";

struct SchemeRow {
  Origin::Scheme scheme;
  std::string_view prefix;
  std::uint16_t default_port;
  bool is_secure;
};
constexpr std::array kSchemes{
    SchemeRow{Origin::Scheme::https, "https://", 443, true}, SchemeRow{Origin::Scheme::wss, "wss://", 443, true},
    SchemeRow{Origin::Scheme::http, "http://", 80, false}, SchemeRow{Origin::Scheme::ws, "ws://", 80, false}};

const SchemeRow& row_of(Origin::Scheme scheme) noexcept { return kSchemes[static_cast<std::size_t>(scheme)]; }

Error refusal(std::string_view why) noexcept {
  return failure(Status::invalid_argument, Layer::core, kDoing).about(why);
}

// What stands before the path. A browser's reader takes a backslash for a slash and drops tabs and line ends, others
// do not: with such bytes in it, nobody can say where a request goes.
Result<std::string_view> take_authority(std::string_view rest) noexcept {
  const std::size_t end = rest.find_first_of("/?#");
  std::string_view authority = rest.substr(0, end);
  const bool is_plain = std::ranges::all_of(authority, [](char c) { return c > 0x20 && c < 0x7f; });
  if (!is_plain) {
    return refusal("its host holds a space, a control character or one outside ASCII")
        .with_hint("write an international name in its ASCII form (xn--…)");
  }
  if (authority.find('\\') != std::string_view::npos) return refusal("it holds a backslash");
  if (end != std::string_view::npos && rest[end] != '/') {
    return refusal("after its host stands no '/'").with_hint("write a '/' after the host");
  }
  return authority;
}

Result<void> check_name(std::string_view host) noexcept {
  if (host.size() > 253) return refusal("its host is longer than 253 characters");
  if (host.ends_with('.')) return refusal("its host has a dot too many");
  return {};
}

FixedText<253> canonical_address(std::string_view host) noexcept {
  std::array<char, INET6_ADDRSTRLEN> text{};
  std::ranges::copy(host, text.begin());  // parse_url_authority has read it as an address
  in6_addr address{};
  inet_pton(AF_INET6, text.data(), &address);
  inet_ntop(AF_INET6, &address, text.data(), text.size());
  return std::string_view(text.data());
}

}  // namespace

Result<Origin> Origin::of_url(std::string_view url) noexcept {
  std::string_view rest = url;
  const auto* row = std::ranges::find_if(kSchemes, [&](const SchemeRow& r) { return take_prefix(rest, r.prefix); });
  if (row == kSchemes.end()) {
    return refusal("it begins with none of https://, wss://, http:// and ws://")
        .with_hint("write it as https://HOST/PATH");
  }
  const std::string_view authority = HOLDFAST_TRY(take_authority(rest));
  auto parts = parse_url_authority(authority, kDoing);
  if (!parts) return parts.error();
  if (auto checked = check_name(parts->host); !checked) return checked.error();
  if (!row->is_secure && !is_loopback_host(parts->host)) {
    return refusal("http: and ws: are for 127.0.0.0/8, ::1 and localhost only")
        .with_hint("use https: or wss: for any other host");
  }
  Origin origin;
  origin.scheme_ = row->scheme;
  origin.port_ = parts->port != 0 ? parts->port : row->default_port;
  origin.is_ipv6_ = parts->is_ipv6;
  if (parts->is_ipv6) {
    origin.host_ = canonical_address(parts->host);
  } else {
    for (const char c : parts->host) origin.host_.append(lower_case(c));
  }
  return origin;
}

FixedText<300> Origin::text() const noexcept {
  const SchemeRow& row = row_of(scheme_);
  FixedText<300> text(row.prefix);
  text.append(is_ipv6_ ? "[" : "");
  text.append(host_.view());
  text.append(is_ipv6_ ? "]" : "");
  if (port_ != row.default_port) text.append((DetailText() << ":" << port_).view());
  return text;
}

}  // namespace holdfast
