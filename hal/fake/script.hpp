// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>

namespace holdfast::hal::fake {

/// The calls a device makes on its token: what another back end's table of native functions would hold.
enum class Call : std::uint8_t {
  connect,
  take_session,
  find,
  read_attributes,
  sign,
  derive,
  make,
  copy_in,
  remove,
  enumerate,
  export_attempt,
  read_token,
  reset,
};
inline constexpr std::size_t kCallCount = 13;

/// What is wrong with the signatures the token makes.
enum class SignatureFault : std::uint8_t {
  none,
  wrong,  ///< one bit is not as it should be
  cut,    ///< 63 bytes, as a token that drops a leading zero would answer
};

/// What shall go wrong, and when; and how often each call was made. From any thread.
class Script {
 public:
  /// The `nth` call of this kind from now on (1 is the next) fails with `error`.
  void fail(Call call, std::uint64_t nth, const Error& error) noexcept;
  /// The `nth` call of any kind from now on fails with `error`.
  void fail_nth(std::uint64_t nth, const Error& error) noexcept;
  /// Every call of this kind fails, until `clear`.
  void fail_always(Call call, const Error& error) noexcept;
  /// The next `count` signatures have this fault.
  void spoil_signatures(SignatureFault fault, std::uint64_t count) noexcept;
  /// Forgets all that was planned; the counts stay.
  void clear() noexcept;

  /// Calls of this kind so far, failed ones included.
  [[nodiscard]] std::uint64_t calls(Call call) noexcept;
  [[nodiscard]] std::uint64_t calls() noexcept;

  /// For the device: counts the call and answers the failure planned for it.
  [[nodiscard]] Result<void> enter(Call call) noexcept;
  [[nodiscard]] SignatureFault next_signature_fault() noexcept;

 private:
  static constexpr std::uint64_t kAlways = UINT64_MAX;
  struct Plan {
    std::uint64_t at = 0;  ///< the count at which it fails; 0: nothing planned
    Error error;
  };
  [[nodiscard]] static bool is_due(const Plan& plan, std::uint64_t count) noexcept {
    return plan.at == kAlways || plan.at == count;
  }

  std::mutex mutex_;
  std::array<std::uint64_t, kCallCount> counts_{};
  std::uint64_t total_ = 0;
  std::array<Plan, kCallCount> plans_{};
  Plan any_plan_;
  SignatureFault fault_ = SignatureFault::none;
  std::uint64_t faults_left_ = 0;
};

/// What devices took from the token and gave back.
struct Ledger {
  std::uint64_t sessions_taken = 0;
  std::uint64_t sessions_returned = 0;
  std::uint64_t handles_taken = 0;
  std::uint64_t handles_returned = 0;
  std::uint64_t objects_made = 0;  ///< by devices, not by a test's hand
  std::uint64_t objects_removed = 0;

  [[nodiscard]] bool is_balanced() const noexcept {
    return sessions_taken == sessions_returned && handles_taken == handles_returned;
  }
};

}  // namespace holdfast::hal::fake
