// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/signer.hpp"

#include "hal/key_device.hpp"

/// The gate a key passes at every open (P3).
namespace holdfast {

/// Judges what the device states of `key` against `profile`.
///
/// `key_refused`; the detail names the attribute, what it is and what the profile wants, in the words of the device's
/// standard ("CKA_EXTRACTABLE is true, profile strict wants false"). An attribute that the device does not state
/// counts as wrong, except those a token may not know at all (CKA_MODIFIABLE, CKA_COPYABLE). `invalid_argument` for
/// a profile that does not exist for this kind of device. Pure; attributes are only the device's word, which is why
/// provisioning also tries to export a key.
[[nodiscard]] Result<void> check_key_policy(const hal::KeyDescription& key, KeyProfile profile) noexcept;

/// Judges a derivation twin: private, sensitive, not extractable, deriving and nothing else. The same for every
/// profile, as a twin is always brought in. Failures as `check_key_policy`.
[[nodiscard]] Result<void> check_twin_policy(const hal::KeyDescription& twin) noexcept;

/// Whether `a` lets keys through that `b` refuses. Of two that are not strict, each is weaker than the other:
/// `imported` takes keys that were outside their device, `shared` keys that do more than sign.
[[nodiscard]] constexpr bool is_weaker(KeyProfile a, KeyProfile b) noexcept {
  return a != b && a != KeyProfile::strict;
}

}  // namespace holdfast
