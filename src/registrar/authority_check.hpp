// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"
#include "holdfast/registrar.hpp"

#include <optional>

namespace holdfast {

/// What an authority showed of itself.
struct AuthorityAnswer {
  int http_status = 0;  ///< of any kind: the base URL itself serves nothing
  bool is_encrypted = false;
  std::optional<WallSeconds> clock{};  ///< its `Date`, if it is one
};

/// Asks for the authority's base URL once, within 10 s: whether it is reached, whether its certificate holds, what
/// its clock says. Nothing is registered.
///
/// Failures as `Registrar::register_task`: `authority_unavailable`, `authority_untrusted` (its certificate),
/// `invalid_argument` for an URL, `file_untrusted` and `file_invalid` for a CA file. Blocks on the network.
[[nodiscard]] Result<AuthorityAnswer> ask_authority(RegistrarOptions options) noexcept;

}  // namespace holdfast
