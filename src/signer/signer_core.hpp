// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/signer.hpp"

#include "hal/fork_guard.hpp"
#include "hal/key_device.hpp"
#include "src/signer/call_count.hpp"
#include "src/signer/event_gate.hpp"
#include "src/signer/header_cache.hpp"
#include "src/signer/recovery.hpp"
#include "src/verification/signature.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace holdfast {

/// A typed signer on a device and a clock that somebody else owns: everything of `Signer` but the opening.
///
/// Threads, failures and promises are those of `TypedSigner`.
class SignerCore final : public TypedSigner {
 public:
  struct Settings {
    RuntimeId runtime_id;
    std::optional<PublicKey> expected_key{};
    std::optional<Scheme> scheme{};
    KeyProfile profile = KeyProfile::strict;
    VerifySignatures verify = VerifySignatures::always;
    std::uint32_t max_tasks = 16;
    std::chrono::seconds max_age{0};
    EventLog* log = nullptr;  // outlives the core, or until `silence`
  };

  /// What `prepare` made: a found key that passed the gate, its verifier, the memory.
  struct Parts {
    RuntimeId runtime_id;
    VerifySignatures verify;
    hal::KeyHandle handle;
    SignatureVerifier verifier;
    hal::ForkGuard fork_guard;
    HeaderCache cache;
    EventLog* log;
  };

  /// Finds the key and judges it. Failures: those of `find_key` and `describe`, `key_changed`, `key_refused`,
  /// `scheme_unsupported`, `resource_exhausted`. Blocks on the device.
  [[nodiscard, gnu::cold]] static Result<Parts> prepare(hal::KeyDevice& device, hal::Clock& clock,
                                                        const Settings& settings) noexcept;

  /// `device` and `clock` outlive the core.
  SignerCore(hal::KeyDevice& device, hal::Clock& clock, Parts parts) noexcept;

  [[nodiscard]] Result<std::size_t> authorization(const TaskId& task, std::chrono::nanoseconds timeout,
                                                  std::span<char> out, Freshness freshness) noexcept override;
  [[nodiscard]] Result<TaskRegistration> sign_task_registration(std::chrono::nanoseconds timeout) noexcept override;
  void forget_headers() noexcept override;
  [[nodiscard]] const RuntimeId& runtime_id() const noexcept override { return runtime_id_; }
  [[nodiscard]] const PublicKey& public_key() const noexcept override { return verifier_.public_key(); }

  [[nodiscard]] SignerCounters counters() const noexcept;
  /// Whether a thread is signing: for whoever wants to destroy this.
  [[nodiscard]] bool is_in_use() const noexcept { return !under_way_.is_zero(); }
  /// Nothing is told to the log any more: for whoever leaves this behind because a thread is in it.
  void silence() noexcept;

 private:
  class Signing;

  [[nodiscard]] Result<std::size_t> write_header(const TaskId& task, std::chrono::nanoseconds timeout,
                                                 std::span<char> out, Freshness freshness) noexcept;
  [[nodiscard]] Result<std::size_t> sign_header(const TaskId& task, std::chrono::nanoseconds timeout,
                                                std::span<char> out, Freshness freshness) noexcept;
  [[nodiscard]] std::size_t reused(std::size_t size, std::span<const char> header) noexcept;
  [[nodiscard]] Status refusal() const noexcept;
  [[nodiscard]] Error refused(Status status, const char* doing) const noexcept;
  [[nodiscard]] Result<Signature> sign(std::span<const std::byte> message, hal::KeyHandle handle,
                                       hal::BootTime deadline) noexcept;
  [[nodiscard]] Result<Signature> ask_device(std::span<const std::byte> input, hal::KeyHandle handle,
                                             hal::BootTime deadline) noexcept;
  [[nodiscard]] Error settle(const Error& error) noexcept;

  static constexpr std::size_t kCacheLine = 64;
  static constexpr std::size_t kReuseCounters = 8;
  struct alignas(kCacheLine) Counter {
    std::atomic<std::uint64_t> value{0};
  };

  hal::KeyDevice& device_;
  const RuntimeId runtime_id_;
  const SignatureVerifier verifier_;
  const VerifySignatures verify_;
  hal::ForkGuard fork_guard_;
  HeaderCache cache_;
  EventGate events_;
  // Changed by a failure or a recovery only.
  Recovery recovery_;
  std::atomic<std::uint32_t> verified_generation_{0};  // of the last handle whose signature verified; 0: none yet
  std::atomic<holdfast_status> latched_{HOLDFAST_OK};
  // Written by every call, so apart from what every call reads.
  alignas(kCacheLine) std::atomic<std::uint64_t> headers_signed_{0};
  CallCount under_way_;
  std::atomic<std::uint64_t> signatures_{0};
  std::atomic<std::uint64_t> verifications_{0};
  std::atomic<std::uint64_t> device_errors_{0};
  std::array<Counter, kReuseCounters> headers_reused_;
};

}  // namespace holdfast
