// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/authority_url.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace holdfast {
namespace {

constexpr std::size_t kMaxUrlSize = 1024;

Error refusal(std::string_view why) {
  return failure(Status::invalid_argument, Layer::registrar, "reading the authority's URL").about(why);
}

// Written out because <cctype> follows the process's locale.
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return lower(c) >= 'a' && lower(c) <= 'z'; }

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (text.size() < prefix.size() || !std::ranges::equal(text.substr(0, prefix.size()), prefix, {}, lower)) {
    return false;
  }
  text.remove_prefix(prefix.size());
  return true;
}

bool is_name(std::string_view host) {
  return !host.empty() && std::ranges::all_of(host, [](char c) {
    return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_';
  });
}

// What ends in a number but is not of four decimal parts is read in different ways by different resolvers
// (WHATWG URL, "ends in a number").
bool is_odd_number(std::string_view host) {
  const std::size_t dot = host.rfind('.');
  std::string_view last = dot == std::string_view::npos ? host : host.substr(dot + 1);
  const bool is_hexadecimal = take_prefix(last, "0x");
  const bool is_number = std::ranges::all_of(
      last, [&](char c) { return is_digit(c) || (is_hexadecimal && lower(c) >= 'a' && lower(c) <= 'f'); });
  in_addr ignored{};
  return is_number && (is_hexadecimal || !last.empty()) &&
         inet_pton(AF_INET, std::string(host).c_str(), &ignored) != 1;
}

bool is_loopback(std::string_view host) {
  const std::string text(host);
  in_addr v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24U) == IN_LOOPBACKNET;
  in6_addr v6{};
  if (inet_pton(AF_INET6, text.c_str(), &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
  return std::ranges::equal(host, std::string_view("localhost"), {}, lower);
}

struct HostAndPort {
  std::string_view host;
  std::string_view port;
};

Result<HostAndPort> split_authority(std::string_view authority) {
  HostAndPort parts;
  if (authority.find('@') != std::string_view::npos) return refusal("it holds credentials");
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return refusal("its IPv6 address has no ']'");
    parts.host = authority.substr(1, end - 1);
    in6_addr ignored{};
    if (inet_pton(AF_INET6, std::string(parts.host).c_str(), &ignored) != 1) {
      return refusal("its host is no IPv6 address");
    }
    authority.remove_prefix(end + 1);
  } else {
    const std::size_t end = std::min(authority.find(':'), authority.size());
    parts.host = authority.substr(0, end);
    if (!is_name(parts.host) || is_odd_number(parts.host)) return refusal("its host is no name and no IP address");
    authority.remove_prefix(end);
  }
  if (authority.empty()) return parts;
  parts.port = authority.substr(1);
  unsigned port = 0;
  const auto read = std::from_chars(parts.port.data(), parts.port.data() + parts.port.size(), port);
  const bool is_whole = read.ec == std::errc() && read.ptr == parts.port.data() + parts.port.size();
  if (authority.front() != ':' || !is_whole || port == 0 || port > 65535) {
    return refusal("its port is none of 1 to 65535");
  }
  return parts;
}

Result<void> check_path(std::string_view path) {
  constexpr std::string_view kOthers = "/-._~!$&'()*+,;=:@%";
  if (!std::ranges::all_of(path,
                           [&](char c) { return is_letter(c) || is_digit(c) || kOthers.find(c) != kOthers.npos; })) {
    return refusal("its path holds a character that no URL has");
  }
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    if (segment == "." || segment == "..") return refusal("its path has a '.' or '..' segment");
    path.remove_prefix(segment.size());
  }
  return {};
}

}  // namespace

Result<AuthorityUrl> AuthorityUrl::parse(std::string_view text) {
  if (text.empty()) return refusal("it is empty");
  if (text.size() > kMaxUrlSize) return refusal("it is longer than 1024 characters");
  if (!std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; })) {
    return refusal("it holds a space, a control character or one outside ASCII");
  }
  if (text.find('\\') != std::string_view::npos) return refusal("it holds a backslash");
  if (text.find('#') != std::string_view::npos) return refusal("it has a fragment");
  if (text.find('?') != std::string_view::npos) return refusal("it has a query");

  std::string_view rest = text;
  const bool is_https = take_prefix(rest, "https://");
  if (!is_https && !take_prefix(rest, "http://")) {
    return refusal("it begins with neither https:// nor http://").with_hint("write it as https://HOST/PATH");
  }
  const std::size_t path_start = std::min(rest.find('/'), rest.size());
  const HostAndPort parts = HOLDFAST_TRY(split_authority(rest.substr(0, path_start)));
  std::string_view path = rest.substr(path_start);
  while (path.ends_with('/')) path.remove_suffix(1);
  HOLDFAST_TRY(check_path(path));
  if (!is_https && !is_loopback(parts.host)) {
    return refusal("http: is for 127.0.0.0/8, ::1 and localhost only").with_hint("use https: for any other host");
  }
  std::string checked = is_https ? "https://" : "http://";
  checked += rest.substr(0, path_start);
  checked += path;
  return AuthorityUrl(std::move(checked), !is_https);
}

std::string AuthorityUrl::agent_registration() const { return text_ + "/v1/agent/register"; }

std::string AuthorityUrl::task_registration(const RuntimeId& runtime_id) const {
  return text_ + "/v1/agent/" + std::string(runtime_id.view()) + "/task/register";
}

}  // namespace holdfast
