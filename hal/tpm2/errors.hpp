// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <cstdint>
#include <string_view>

namespace holdfast::hal::tpm2 {

/// A TSS2_RC: the TPM's own response code, or one of the software between (bits 16 to 23 say which).
using ResponseCode = std::uint32_t;

/// The code without what it is about: handle, session and parameter numbers are taken off a format-one code
/// (TPM 2.0 Library Part 2 §6.6). Zero-layer codes and those a resource manager hands through are the TPM's.
[[nodiscard]] ResponseCode base_of(ResponseCode code) noexcept;

/// "TPM_RC_AUTH_FAIL", "TSS2_BASE_RC_IO_ERROR"; null for a code no specification names.
[[nodiscard]] const char* code_name(ResponseCode code) noexcept;

/// Who answered: "TPM", "TCTI", "resource manager".
[[nodiscard]] std::string_view layer_of(ResponseCode code) noexcept;

/// What a caller can do about `code`, where the command it came from does not say more.
[[nodiscard]] Status code_status(ResponseCode code) noexcept;

/// The error for a command that ended in `code` while `doing` (a literal): layer, what it is about and the
/// specification's words as detail, a hint of its own where one action helps.
[[nodiscard]] Error native_failure(ResponseCode code, const char* doing) noexcept;
/// The same where the command tells more about the remedy than the code does.
[[nodiscard]] Error native_failure(ResponseCode code, Status status, const char* doing) noexcept;

/// The TPM could not begin and asks to send the same command again (Part 2 §6.6.3: RETRY, YIELDED, TESTING,
/// NV_RATE).
[[nodiscard]] bool asks_to_wait(ResponseCode code) noexcept;

/// The authorisation was refused: AUTH_FAIL (counted against lockout) or BAD_AUTH (not counted).
[[nodiscard]] bool is_wrong_auth(ResponseCode code) noexcept;

/// A handle means nothing (any more): the TPM was reset, or somebody flushed the object or evicted the key.
[[nodiscard]] bool is_lost_handle(ResponseCode code) noexcept;

}  // namespace holdfast::hal::tpm2
