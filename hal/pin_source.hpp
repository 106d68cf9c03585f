// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include "hal/secret_bytes.hpp"
#include "hal/secret_wording.hpp"

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
  /// Of a descriptor that hands on what another source gave: the kind of that one, whose `name` this has. The PIN is
  /// told, and judged, as one of that source.
  Kind origin = Kind::none;

  /// Reads the textual form; the empty text is `none`. `invalid_argument`, with a hint, for anything
  /// else: a bare PIN, `|command`, a relative path, an unknown scheme. The text is never echoed in full, as it
  /// may be a PIN by mistake.
  [[nodiscard]] static Result<PinSource> parse(std::string_view text) noexcept;

  /// The source in words, of what is handed on the origin: "/etc/holdfast/pin", "the credential pin", "descriptor 3",
  /// "what was typed".
  [[nodiscard]] FixedText<160> in_words() const noexcept;
};

/// What tells one state of a PIN's source from another, without a look at the PIN: nothing here comes from it, not
/// even its length.
struct SourceIdentity {
  enum class Kind : std::uint8_t {
    file,        ///< a regular file: its inode, and when it changed
    credential,  ///< a file that is a new one at every start of its service (systemd.exec(5))
    asked,       ///< a person was asked: at the prompt, or on the token's own pad
    passing,     ///< a pipe or an environment: gone with the process, and nobody can say whether it changed
  };
  Kind kind = Kind::passing;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t changed_seconds = 0;
  std::int64_t changed_nanoseconds = 0;

  [[nodiscard]] bool has_file() const noexcept { return kind == Kind::file || kind == Kind::credential; }
  friend bool operator==(const SourceIdentity&, const SourceIdentity&) = default;
};

/// Reads what `source` holds into `out`, with whatever line end it has, and returns its size in bytes. `question` is
/// for a prompt (see `ask_on_terminal`).
///
/// Status `wording.missing`, with the source as detail: `none`, no such file, descriptor (the detail "descriptor 77",
/// errno's name), variable or credential, or nothing in it. `file_untrusted` (a file readable by others),
/// `permission_denied`, `file_invalid` (more than fits). Blocks on the source. Each descriptor can be read once. The
/// caller wipes `out`. `identity`, when not null, gets the state of the source that was read.
[[nodiscard]] Result<std::size_t> read_secret(const PinSource& source, std::string_view question,
                                              const SecretWording& wording, std::span<std::byte> out,
                                              SourceIdentity* identity = nullptr) noexcept;

/// The error of a secret that was read and cannot be one: names `source`, then says `why`.
[[nodiscard]] Error unusable_secret(Status status, const PinSource& source, const SecretWording& wording,
                                    std::string_view why) noexcept;

/// Reads a PIN into locked memory, as `read_secret`. One trailing line end (LF or CRLF) is removed; one with a NUL
/// byte or longer than `kMaxPinSize` is refused (`file_invalid`), an empty one is missing (`pin_required`).
///
/// `what` names the thing unlocked, for a prompt ("PIN for token 'agents'").
[[nodiscard]] Result<SecretBytes> read_pin(const PinSource& source, std::string_view what,
                                           SourceIdentity* identity = nullptr) noexcept;

/// Reads a PIN that is to be set: as `read_pin`, but a person who is asked types it twice. `invalid_argument` if the
/// two differ: nobody would know what was set.
[[nodiscard]] Result<SecretBytes> read_new_pin(const PinSource& source, std::string_view what) noexcept;

}  // namespace holdfast::hal
