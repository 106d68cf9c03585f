// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include "hal/pkcs11/cryptoki.hpp"

namespace holdfast::hal::pkcs11 {

/// "CKR_PIN_INCORRECT"; null for a code no standard names.
[[nodiscard]] const char* code_name(CK_RV code) noexcept;

/// What a caller can do about `code`, where the call it came from does not say more.
[[nodiscard]] Status code_status(CK_RV code) noexcept;

/// The error for a native call that answered `code` while `doing` (a literal).
[[nodiscard]] Error native_failure(CK_RV code, const char* doing) noexcept;
/// The same where the call tells more about the remedy than the code does.
[[nodiscard]] Error native_failure(CK_RV code, Status status, const char* doing) noexcept;

}  // namespace holdfast::hal::pkcs11
