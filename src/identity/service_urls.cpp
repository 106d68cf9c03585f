// SPDX-License-Identifier: Apache-2.0
#include "src/identity/service_urls.hpp"

#include <algorithm>
#include <array>

namespace holdfast {
namespace {

constexpr std::string_view kDefaultBase = "https://chatgpt.com/backend-api";

struct Service {
  std::string_view origin;
  std::string_view authapi_base;
};
constexpr std::array kServices{
    Service{"https://chatgpt.com", "https://auth.openai.com/api/accounts"},
    Service{"https://chat.openai.com", "https://auth.openai.com/api/accounts"},
    Service{"https://chatgpt-staging.com", "https://auth.api.openai.org/api/accounts"},
};
constexpr std::array<std::string_view, 4> kPaths{"", "/backend-api", "/codex", "/backend-api/codex"};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t start = text.find_first_not_of(kSpace);
  if (start == std::string_view::npos) return {};
  text = text.substr(start, text.find_last_not_of(kSpace) - start + 1);
  while (text.ends_with('/')) text.remove_suffix(1);
  return text;
}

std::string_view known_authapi_base(std::string_view base) {
  for (const Service& service : kServices) {
    if (base.starts_with(service.origin) &&
        std::ranges::find(kPaths, base.substr(service.origin.size())) != kPaths.end()) {
      return service.authapi_base;
    }
  }
  return {};
}

}  // namespace

std::string jwks_url_of(std::string_view base) {
  base = trimmed(base);
  const bool is_backend = base.find("/backend-api") != std::string_view::npos;
  return std::string(base) + (is_backend ? "/wham/agent-identities/jwks" : "/agent-identities/jwks");
}

Result<ServiceUrls> service_urls(const ServiceBases& bases) {
  const std::string_view given = trimmed(bases.chatgpt_base);
  const std::string_view base = given.empty() ? kDefaultBase : given;
  const std::string_view authapi = trimmed(bases.authapi_base);
  const std::string_view jwks = trimmed(bases.jwks_base);
  const std::string_view known = known_authapi_base(base);
  if (known.empty() && (authapi.empty() || jwks != base)) {
    return failure(Status::invalid_argument, Layer::identity, "choosing the service's URLs")
        .about("the ChatGPT base URL is none of the known ones")
        .with_hint("give --authority, and the same base URL once more as --jwks-base-url, if it is meant");
  }
  return ServiceUrls{jwks_url_of(jwks.empty() ? base : jwks), std::string(authapi.empty() ? known : authapi)};
}

}  // namespace holdfast
