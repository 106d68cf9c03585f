// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include "hal/pin_source.hpp"
#include "hal/secret_bytes.hpp"
#include "hal/trusted_file.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace holdfast::tool {

/// A PIN's source for one opening: as text, and as a source that is told as what the PIN came from, which text cannot
/// say.
struct RelayedPin {
  std::string text;
  hal::PinSource source;
};

/// Lets one command open a token twice with a PIN that can be read only once: a prompt or a descriptor.
///
/// Such a PIN is read on first use, kept in locked memory, and handed on through a pipe, which no other process can
/// open. Other sources pass unchanged: the token's own code reads them.
class PinRelay {
 public:
  /// `text` is the `--pin-source` argument; empty stays empty (the key URI's own source).
  [[nodiscard]] static Result<PinRelay> create(std::string_view text);

  /// A source for one opening.
  [[nodiscard]] Result<RelayedPin> next(std::string_view what);
  /// Whether the source belongs into a key URI: a file or a credential means the same tomorrow, and unattended.
  [[nodiscard]] bool is_lasting() const;

 private:
  std::string text_;
  hal::PinSource source_;
  hal::SecretBytes pin_;
  std::vector<hal::FileDescriptor> pipes_;
};

}  // namespace holdfast::tool
