// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/authority_url.hpp"

#include "src/registrar/url_authority.hpp"

#include <algorithm>

namespace holdfast {
namespace {

constexpr std::size_t kMaxUrlSize = 1024;

constexpr const char* kDoing = "reading the authority's URL";

Error refusal(std::string_view why) { return failure(Status::invalid_argument, Layer::registrar, kDoing).about(why); }

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return lower_case(c) >= 'a' && lower_case(c) <= 'z'; }

// `.` or `..`, its dots as they are or encoded: to some readers that is the same (WHATWG URL, "double-dot URL path
// segment").
bool is_dots(std::string_view segment) {
  std::size_t dots = 0;
  while (!segment.empty()) {
    if (!take_prefix(segment, ".") && !take_prefix(segment, "%2e")) return false;
    ++dots;
  }
  return dots == 1 || dots == 2;
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
    if (is_dots(segment)) return refusal("its path has a '.' or '..' segment");
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
  const UrlAuthority parts = HOLDFAST_TRY(parse_url_authority(rest.substr(0, path_start), kDoing));
  std::string_view path = rest.substr(path_start);
  while (path.ends_with('/')) path.remove_suffix(1);
  HOLDFAST_TRY(check_path(path));
  if (!is_https && !is_loopback_host(parts.host)) {
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
