// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

/// The only two messages that are ever signed (protocol.md §1 and §2).
namespace holdfast {

inline constexpr std::size_t kMaxAssertionMessageSize =
    kMaxIdentifierSize + 1 + kMaxIdentifierSize + 1 + kTimestampSize;
inline constexpr std::size_t kMaxRegistrationMessageSize = kMaxIdentifierSize + 1 + kTimestampSize;

/// Texts joined by `:`. Only the two functions below can make one, and only from validated parts (P2).
template <std::size_t Capacity>
class SignedMessage {
 public:
  [[nodiscard]] std::string_view view() const noexcept { return {characters_.data(), size_}; }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return std::as_bytes(std::span(view())); }

 private:
  friend SignedMessage<kMaxAssertionMessageSize> build_assertion_message(const RuntimeId&, const TaskId&,
                                                                         const TimestampText&) noexcept;
  friend SignedMessage<kMaxRegistrationMessageSize> build_registration_message(const RuntimeId&,
                                                                               const TimestampText&) noexcept;
  SignedMessage() noexcept {}  // NOLINT: of the characters those are read that were written
  SignedMessage& join(std::string_view text) noexcept;

  std::array<char, Capacity> characters_;
  std::size_t size_ = 0;
};

using AssertionMessage = SignedMessage<kMaxAssertionMessageSize>;
using RegistrationMessage = SignedMessage<kMaxRegistrationMessageSize>;

/// `runtime:task:time`, with neither prefix nor terminator; injective, because no part can hold a `:` but the time,
/// whose form is fixed. `timestamp` comes from `format_timestamp`.
[[nodiscard]] AssertionMessage build_assertion_message(const RuntimeId& runtime, const TaskId& task,
                                                       const TimestampText& timestamp) noexcept;
/// `runtime:time`; no assertion's message, because a task id is never empty and never a time.
[[nodiscard]] RegistrationMessage build_registration_message(const RuntimeId& runtime,
                                                             const TimestampText& timestamp) noexcept;

}  // namespace holdfast
