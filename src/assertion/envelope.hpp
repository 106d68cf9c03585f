// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"
#include "holdfast/public_key.hpp"

#include <cstddef>
#include <span>

/// The wire form of an assertion (protocol.md §1).
namespace holdfast {

/// Bytes of the `Authorization` value for these ids.
[[nodiscard]] std::size_t authorization_size(const RuntimeId& runtime, const TaskId& task) noexcept;

/// Writes the `Authorization` value to the beginning of `out` and returns its size, `authorization_size` bytes.
/// `timestamp` is the one that was signed. `buffer_too_small` if `out` is shorter; nothing is written then.
[[nodiscard]] Result<std::size_t> write_authorization(const RuntimeId& runtime, const TaskId& task,
                                                      const TimestampText& timestamp, const Signature& signature,
                                                      std::span<char> out) noexcept;

/// The signature as assertions and task registrations carry it: standard padded base64.
[[nodiscard]] FixedText<kSignatureTextSize> signature_text(const Signature& signature) noexcept;

}  // namespace holdfast
