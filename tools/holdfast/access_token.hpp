// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include "hal/pin_source.hpp"
#include "hal/secret_bytes.hpp"

#include <string_view>

namespace holdfast::tool {

/// The longest access token taken, in bytes: JSON Web Tokens are far longer than PINs.
inline constexpr std::size_t kMaxAccessTokenSize = 8192;

/// Reads the bearer token of an agent registration into locked memory; the same sources as for PINs.
///
/// One line end is removed; what is left must be a `b64token` (RFC 6750 §2.1), so that it cannot end the header it
/// is sent in. `permission_denied` if no source is named, there is no terminal or nothing in the
/// source, `file_untrusted`, `file_invalid`.
[[nodiscard]] Result<hal::SecretBytes> read_access_token(const hal::PinSource& source);

}  // namespace holdfast::tool
