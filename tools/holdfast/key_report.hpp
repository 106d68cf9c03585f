// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"
#include "tools/holdfast/terminal.hpp"

#include <map>
#include <string>

namespace holdfast::tool {

/// What every place that shows a software token says (P1).
inline constexpr std::string_view kSoftwareTokenNote =
    "this is a software token: its folder plus the PIN is the key; for CI only";

/// What the token says of itself: "initialised, login needed, one PIN try is left".
[[nodiscard]] std::string flags_in_words(const hal::TokenDescription& token);
/// The schemes it signs: "ed25519, es256".
[[nodiscard]] std::string schemes_in_words(const hal::TokenDescription& token);

/// The token in words and for programs.
[[nodiscard]] Report token_report(const hal::TokenDescription& token);

/// Label, scheme, public key and URI of one key; the attributes for programs.
[[nodiscard]] Report key_report(const hal::KeyDescription& key);

/// One line for each attribute the device could state: its name, what the token says, what that means, and what
/// `strict` wants where the token says otherwise.
[[nodiscard]] std::string attributes_in_words(const hal::KeyAttributes& attributes);
[[nodiscard]] std::string attributes_in_words(const std::map<std::string, bool>& attributes);

/// "CKA_COPYABLE, CKA_MODIFIABLE"
[[nodiscard]] std::string attribute_names(const hal::KeyAttributeSet& attributes);
/// The same as an array, which may be empty.
[[nodiscard]] Json attribute_names_json(const hal::KeyAttributeSet& attributes);

/// The attributes the device states, by their standard's names; unknown ones are absent.
[[nodiscard]] std::map<std::string, bool> attribute_snapshot(const hal::KeyAttributes& attributes);
[[nodiscard]] Json attributes_json(const std::map<std::string, bool>& attributes);

/// "refused", "gave way", "not offered"
[[nodiscard]] std::string_view outcome_words(hal::ExportAttempt::Outcome outcome);
/// One line for each way the disposable key was asked to leave.
[[nodiscard]] std::string attempts_in_words(const hal::ExportReport& report);
[[nodiscard]] Json attempts_json(const hal::ExportReport& report);
/// `key_refused`, naming the way it left, if the token gave way.
[[nodiscard]] Result<void> check_attempts(const hal::ExportReport& report);

}  // namespace holdfast::tool
