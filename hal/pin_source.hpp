// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include "hal/secret_bytes.hpp"

#include <cstdint>
#include <string_view>

namespace holdfast::hal {

/// The longest PIN or TPM auth value taken, in bytes.
inline constexpr std::size_t kMaxPinSize = 256;

/// Where a PIN comes from: `fd:N`, `file:/PATH`, `credential:NAME` (a file in $CREDENTIALS_DIRECTORY,
/// systemd.exec(5)), `env:NAME`, `prompt`. A value; reading it happens later, once.
struct PinSource {
  enum class Kind : std::uint8_t { none, descriptor, file, credential, environment, prompt };
  Kind kind = Kind::none;
  int descriptor = -1;
  FixedText<1024> name;

  /// Reads the textual form; the empty text is `none`. `invalid_argument`, with a hint, for anything
  /// else: a bare PIN, `|command`, a relative path, an unknown scheme. The text is never echoed in full, as it
  /// may be a PIN by mistake.
  [[nodiscard]] static Result<PinSource> parse(std::string_view text) noexcept;
};

/// Reads a PIN into locked memory. One trailing line end (LF or CRLF) is removed; an empty PIN, one with a NUL
/// byte or longer than `kMaxPinSize` is refused.
///
/// `what` names the thing unlocked, for a prompt ("PIN for token 'agents'"). A prompt uses the controlling
/// terminal only, without echo, and restores it on every path. Worth handling: `pin_required` (`none`, or
/// no terminal), `file_untrusted` (PIN file readable by others), `file_invalid` (missing or empty).
/// Blocks on the source. Each descriptor can be read once.
[[nodiscard]] Result<SecretBytes> read_pin(const PinSource& source, std::string_view what) noexcept;

}  // namespace holdfast::hal
