// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <string>
#include <string_view>

namespace holdfast {

/// Where a service keeps its keys and where its agents register (protocol.md §5). Neither is derived from the other.
struct ServiceUrls {
  std::string jwks_url;      ///< whole
  std::string authapi_base;  ///< without a trailing `/`
};

/// What is known of a service; empty is unset. All are trimmed of white space and trailing `/`.
struct ServiceBases {
  std::string_view chatgpt_base{};
  std::string_view authapi_base{};  ///< override
  std::string_view jwks_base{};     ///< override: must equal the ChatGPT base where that is none of the known ones
};

/// The URLs of a service: for the known ChatGPT bases from the table of protocol.md §5; any other is
/// `invalid_argument` unless both overrides are given and the second equals it.
[[nodiscard]] Result<ServiceUrls> service_urls(const ServiceBases& bases);

/// `base` and `/wham/agent-identities/jwks` if it contains `/backend-api`, else and `/agent-identities/jwks`.
[[nodiscard]] std::string jwks_url_of(std::string_view base);

}  // namespace holdfast
