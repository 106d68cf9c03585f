// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"
#include "holdfast/event.hpp"
#include "holdfast/public_key.hpp"
#include "holdfast/result.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace holdfast {

/// How strong a key's own restrictions must be. A weaker profile is taken only by name.
enum class KeyProfile : std::uint8_t {
  strict = 1,    ///< made inside the device, never outside it, signing only
  imported = 2,  ///< as strict, but it was brought in once
  shared = 3,    ///< TPM only: may also decrypt, or has an open scheme (keys made by tpm2-openssl)
};
[[nodiscard]] std::string_view profile_name(KeyProfile profile) noexcept;
[[nodiscard]] Result<KeyProfile> parse_profile(std::string_view name) noexcept;

/// Which signatures are checked against the public key before they leave. There is no "never".
enum class VerifySignatures : std::uint8_t {
  always = 1,
  after_open_and_recovery = 2,
};

/// Whether a header of the same task may be handed out again.
enum class Freshness : std::uint8_t {
  reuse,  ///< the task's last header, while it is of this second (or younger than `max_age`)
  fresh,  ///< ask the device: for a WebSocket dial, or after a rejection
};

/// A signed task registration: what `POST …/task/register` carries (protocol.md §2).
struct TaskRegistration {
  TimestampText timestamp;
  FixedText<kSignatureTextSize> signature;  ///< standard padded base64
};

/// Opens task ids that an authority sealed to the agent's key (protocol.md §2).
class SealedTaskOpener {
 public:
  /// `sealed` is the answer's text: standard base64 of a sealed box. `authority_answer_invalid` for anything that
  /// does not open to an acceptable task id; otherwise as the device answers. Blocks on the device. Allocates: the
  /// twin's URI is read, and a page of memory locked for the shared secret, as long as it takes.
  [[nodiscard]] virtual Result<TaskId> open_sealed_task(std::string_view sealed,
                                                        std::chrono::nanoseconds timeout) noexcept = 0;

 protected:
  ~SealedTaskOpener() = default;
};

/// The seam above the hardware: signs an assertion for a task, or a task registration, at the time of its own
/// clock, and nothing else. A signer in another process can stand in its place.
///
/// Every method may be called from any thread.
class TypedSigner {
 public:
  /// Writes the value of an `Authorization` header for `task` into `out` and returns its size in bytes.
  ///
  /// `out` of `kMaxAuthorizationSize` bytes always suffices; with less, `buffer_too_small` is answered before the
  /// device is asked. `timeout` bounds every wait of ours, also for a device that went away (docs/recovery.md), not a
  /// native call that does not return. The time signed is that of the call, or of the device's return.
  /// Bytes reach `out` only after the signature verified; on failure `out` is all zeroes. Allocates nothing.
  /// Worth handling: `deadline_exceeded`, `device_gone`, `forked` (open again), `signature_mismatch` and
  /// `key_changed` (this signer is finished), `clock_implausible`.
  [[nodiscard]] virtual Result<std::size_t> authorization(const TaskId& task, std::chrono::nanoseconds timeout,
                                                          std::span<char> out,
                                                          Freshness freshness = Freshness::reuse) noexcept = 0;

  /// Signs `runtime_id:time` for a task registration. Never reused. Failures as `authorization`.
  [[nodiscard]] virtual Result<TaskRegistration> sign_task_registration(
      std::chrono::nanoseconds timeout) noexcept = 0;

  /// Drops every kept header: after the authority rejected one.
  virtual void forget_headers() noexcept = 0;

  /// Who opens sealed task ids; null if the key has no derivation twin. Belongs to the signer.
  [[nodiscard]] virtual SealedTaskOpener* sealed_tasks() noexcept { return nullptr; }

  [[nodiscard]] virtual const RuntimeId& runtime_id() const noexcept = 0;
  [[nodiscard]] virtual const PublicKey& public_key() const noexcept = 0;

 protected:
  ~TypedSigner() = default;
};

/// All of it is fixed at open. Texts are used during the call only.
struct SignerOptions {
  std::string_view runtime_id{};
  std::string_view key_uri{};  ///< `pkcs11:…` (RFC 7512) or `tpm2:…`
  /// The key's derivation twin, on the same token; empty: none. It is looked for when a sealed task id is to be
  /// opened.
  std::string_view twin_uri{};
  std::optional<PublicKey> expected_key{};  ///< another key under the URI is `key_changed`
  std::optional<Scheme> scheme{};           ///< must fit the key, if given
  KeyProfile profile = KeyProfile::strict;
  VerifySignatures verify = VerifySignatures::always;
  std::string_view pin_source{};  ///< `fd:N`, `file:/PATH`, `credential:NAME`, `env:NAME`, `prompt`; empty: the URI's
  std::string_view module_path{};  ///< explicit PKCS#11 module; empty: the URI's
  bool share_module = false;       ///< another user of the module in this process: no module reset then
  std::uint32_t max_tasks = 16;    ///< tasks whose headers are kept, 1 to 100,000; memory is fixed at open
  /// How old a reused header may be, 0 to 120 s; 0: same second only. From three quarters of it on, one caller signs
  /// a new one while the others go on with the old one; so does that caller if the device fails, and the next one
  /// tries a second later.
  std::chrono::seconds max_age{0};
  std::uint16_t sessions = 4;  ///< signatures under way at once, 1 to 64
  /// The process ignores SIGPIPE (`SIG_IGN`) as long as the signer lives; `invalid_argument` at open if it does not.
  /// Spares each signature the two system calls that hold the signal back. A host that changes its mind later is
  /// ended by a module that writes to a broken connection.
  bool sigpipe_is_ignored = false;
  EventLog* log = nullptr;  ///< told of recoveries and refused PINs; outlives the signer; null: nobody is
};

/// What a signer did so far; every number only grows.
struct SignerCounters {
  std::uint64_t headers = 0;         ///< handed out
  std::uint64_t headers_reused = 0;  ///< of these, without the device
  std::uint64_t signatures = 0;      ///< asked of the device
  std::uint64_t verifications = 0;
  std::uint64_t device_errors = 0;
  std::uint64_t resets = 0;           ///< connections to the device built anew (docs/recovery.md)
  std::uint64_t recoveries = 0;       ///< times the key was lost and signed again
  std::uint64_t abandoned_calls = 0;  ///< calls given up because they did not return long after their deadline
};

/// A key on a device that signs assertions for one runtime id.
///
/// Movable; a moved-from signer may only be destroyed. No method may run while it is moved or destroyed, with one
/// exception: a call whose native call does not return. Then the destructor waits some seconds for it and leaves
/// behind, allocated and untouched, what that call uses.
class Signer final : public TypedSigner {
 public:
  /// Opens the device, finds the key, checks its attributes against the profile (P3), signs and verifies nothing yet.
  /// The only call that allocates, but for opening a sealed task id; blocks on the device and the PIN source. A
  /// refused PIN is tried once.
  [[nodiscard]] static Result<Signer> open(const SignerOptions& options) noexcept;

  Signer(Signer&&) noexcept;
  Signer& operator=(Signer&&) noexcept;
  ~Signer();

  [[nodiscard]] Result<std::size_t> authorization(const TaskId& task, std::chrono::nanoseconds timeout,
                                                  std::span<char> out,
                                                  Freshness freshness = Freshness::reuse) noexcept override;
  [[nodiscard]] Result<TaskRegistration> sign_task_registration(std::chrono::nanoseconds timeout) noexcept override;
  void forget_headers() noexcept override;
  [[nodiscard]] SealedTaskOpener* sealed_tasks() noexcept override;
  [[nodiscard]] const RuntimeId& runtime_id() const noexcept override;
  [[nodiscard]] const PublicKey& public_key() const noexcept override;

  [[nodiscard]] SignerCounters counters() const noexcept;

 private:
  struct State;
  struct Release {
    void operator()(State* state) const noexcept;
  };
  explicit Signer(std::unique_ptr<State, Release> state) noexcept;
  std::unique_ptr<State, Release> state_;
};

}  // namespace holdfast
