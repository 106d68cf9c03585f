// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/public_key.hpp"
#include "holdfast/result.hpp"

#include "hal/key_device.hpp"
#include "tools/holdfast/check_sheet.hpp"
#include "tools/holdfast/key_access.hpp"
#include "tools/holdfast/pin_relay.hpp"
#include "tools/holdfast/signal_hold.hpp"
#include "tools/holdfast/terminal.hpp"
#include "tools/holdfast/throwaway_place.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast::tool {

/// Which token is checked, and how it is reached.
struct TokenToCheck {
  std::string uri;  ///< of the token, no key
  std::string module_path;
  PinRelay pin;
  PinRelay owner_pin;
  std::uint32_t signatures = 0;  ///< to be made one after another
};

/// What `hal/key_device.hpp` promises, asked of one real token with a throwaway key: it is made, used by the device
/// that made it and by one that is opened as a host opens it, and deleted, whatever was found between.
class TokenCheck {
 public:
  TokenCheck(Terminal& terminal, TokenToCheck token, CheckSheet& sheet)
      : terminal_(terminal), token_(std::move(token)), sheet_(sheet) {}

  /// Checks keys of `scheme`. What is found stands on the sheet; fails only if a signal came meanwhile, with
  /// everything taken back, as `SignalHold::check` does.
  [[nodiscard]] Result<void> run(Scheme scheme);
  /// The token was not opened: the PIN, if it was refused, is not to be sent again.
  [[nodiscard]] bool is_shut() const { return is_shut_; }

 private:
  [[nodiscard]] Result<hal::DevicePtr> open(std::string_view uri, hal::DeviceAccess access, std::uint16_t sessions);
  [[nodiscard]] bool is_calm(const SignalHold& hold);

  void make(const ThrowawayPlace& place, const SignalHold& hold);
  void look_for_remnants(hal::KeyDevice& device);
  void try_export(hal::KeyDevice& device);
  [[nodiscard]] bool generate(hal::KeyDevice& device, const ThrowawayPlace& place);
  void judge(const hal::MadeKey& made);
  void sign_many(hal::KeyDevice& device);
  void use_wrongly(hal::KeyDevice& device, const ThrowawayPlace& place);
  void attest(hal::KeyDevice& device);

  void use_as_host(const SignalHold& hold);
  void sign_at_once(hal::KeyDevice& device, hal::KeyHandle key);
  void rebuild(hal::KeyDevice& device);

  void remove();
  [[nodiscard]] Result<void> remove_by(hal::KeyDevice& device, hal::KeyHandle key);

  [[nodiscard]] Result<void> sign_and_verify(hal::KeyDevice& device, hal::KeyHandle key, std::string_view message);

  Terminal& terminal_;
  TokenToCheck token_;
  CheckSheet& sheet_;
  Scheme scheme_ = Scheme::ed25519;
  std::optional<Error> interruption_;
  std::optional<hal::MadeKey> made_;
  std::string key_uri_;
  bool is_shut_ = false;
  bool has_looked_for_remnants_ = false;
};

}  // namespace holdfast::tool
