// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/registrar.hpp"

#include <string>
#include <string_view>

namespace holdfast {

/// Fetches the JWKS at `url` as text: one attempt within 10 s (protocol.md §4), at most 64 KiB, no redirect.
///
/// Of `options` the trust, proxy and time settings count. `invalid_argument` for an URL that is neither https nor
/// http to this machine; `authority_unavailable`, `authority_refused`, `authority_answer_invalid` (the detail names
/// the status): without keys nothing is verified.
[[nodiscard]] Result<std::string> fetch_jwks(std::string_view url, RegistrarOptions options) noexcept;

}  // namespace holdfast
