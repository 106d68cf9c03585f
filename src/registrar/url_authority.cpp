// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/url_authority.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace holdfast {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return lower_case(c) >= 'a' && lower_case(c) <= 'z'; }

bool is_name(std::string_view host) {
  return !host.empty() && std::ranges::all_of(host, [](char c) {
    return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_';
  });
}

// inet_pton(3) wants a NUL behind its text; what is longer than any address is none.
bool read_address(int family, std::string_view text, void* out) {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  if (text.size() >= buffer.size()) return false;
  std::ranges::copy(text, buffer.begin());
  return inet_pton(family, buffer.data(), out) == 1;
}

// What ends in a number but is not of four decimal parts is read in different ways by different resolvers
// (WHATWG URL, "ends in a number").
bool is_odd_number(std::string_view host) {
  const std::size_t dot = host.rfind('.');
  std::string_view last = dot == std::string_view::npos ? host : host.substr(dot + 1);
  const bool is_hexadecimal = take_prefix(last, "0x");
  const bool is_number = std::ranges::all_of(
      last, [&](char c) { return is_digit(c) || (is_hexadecimal && lower_case(c) >= 'a' && lower_case(c) <= 'f'); });
  in_addr ignored{};
  return is_number && (is_hexadecimal || !last.empty()) && !read_address(AF_INET, host, &ignored);
}

}  // namespace

bool take_prefix(std::string_view& text, std::string_view prefix) noexcept {
  if (text.size() < prefix.size() || !std::ranges::equal(text.substr(0, prefix.size()), prefix, {}, lower_case)) {
    return false;
  }
  text.remove_prefix(prefix.size());
  return true;
}

Result<UrlAuthority> parse_url_authority(std::string_view text, const char* doing) noexcept {
  const auto refusal = [doing](std::string_view why) {
    return failure(Status::invalid_argument, Layer::registrar, doing).about(why);
  };
  UrlAuthority parts;
  if (text.find('@') != std::string_view::npos) return refusal("it holds credentials");
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return refusal("its IPv6 address has no ']'");
    parts.host = text.substr(1, end - 1);
    parts.is_ipv6 = true;
    in6_addr ignored{};
    if (!read_address(AF_INET6, parts.host, &ignored)) return refusal("its host is no IPv6 address");
    text.remove_prefix(end + 1);
  } else {
    const std::size_t end = std::min(text.find(':'), text.size());
    parts.host = text.substr(0, end);
    if (!is_name(parts.host) || is_odd_number(parts.host)) return refusal("its host is no name and no IP address");
    if (parts.host.starts_with('.') || parts.host.find("..") != std::string_view::npos) {
      return refusal("its host has a dot too many");
    }
    text.remove_prefix(end);
  }
  if (text.empty()) return parts;
  const std::string_view digits = text.substr(1);
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), parts.port);
  const bool is_whole = read.ec == std::errc() && read.ptr == digits.data() + digits.size();
  if (text.front() != ':' || !is_whole || parts.port == 0) return refusal("its port is none of 1 to 65535");
  return parts;
}

bool is_loopback_host(std::string_view host) noexcept {
  in_addr v4{};
  if (read_address(AF_INET, host, &v4)) return (ntohl(v4.s_addr) >> 24U) == IN_LOOPBACKNET;
  in6_addr v6{};
  if (read_address(AF_INET6, host, &v6)) return IN6_IS_ADDR_LOOPBACK(&v6);
  return std::ranges::equal(host, std::string_view("localhost"), {}, lower_case);
}

}  // namespace holdfast
