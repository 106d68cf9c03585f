// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/fork_guard.hpp"
#include "hal/key_device.hpp"
#include "hal/pin_governor.hpp"
#include "hal/tpm2/auth_session.hpp"
#include "hal/tpm2/key_file.hpp"
#include "hal/tpm2/lockout.hpp"
#include "hal/tpm2/storage_root.hpp"
#include "hal/turnstile.hpp"

namespace holdfast::hal::tpm2 {

/// A key and where it comes from.
struct FoundKey {
  /// How it is got into the TPM again: from its file, or it stays there.
  std::optional<KeyFile> file;
  /// Handle 0 while it is not in the TPM.
  LoadedObject object;
  Name root_name;  ///< of the storage root it was loaded under; empty if none was needed
  /// The PCR policy in its public area, if that is its policy.
  std::optional<PcrPolicy> policy;
  /// Why it cannot sign, though it is there: its policy is unknown, or its registers changed.
  Error policy_refusal;
  KeyUri uri;  ///< names exactly this key

  [[nodiscard]] bool is_persistent() const noexcept { return !file.has_value(); }
  [[nodiscard]] bool is_used_by_policy() const noexcept { return object.public_area.is_used_by_policy(); }
};

/// A TPM, and the keys of it that are in use.
///
/// A TPM does one thing at a time, so every call takes the device's turn. Of our keys one at most is a transient
/// object in the TPM, besides the storage root while a session needs it: the smallest TPMs have three slots, and what
/// fits without a resource manager fits everywhere. This much is what a host that signs carries; ProvisioningDevice
/// adds the other abilities.
class Device : public KeyDevice {
 public:
  /// Makes the object, null without memory.
  using Make = Device* (*)(const DeviceOptions& options, const KeyUri& uri, ForkGuard guard) noexcept;
  [[nodiscard]] static Result<DevicePtr> open(const DeviceOptions& options, Make make) noexcept;
  [[nodiscard]] static Device* make(const DeviceOptions& options, const KeyUri& uri, ForkGuard guard) noexcept;

  Result<KeyHandle> find_key(const KeySelector& selector, BootTime deadline) noexcept override;
  Result<KeyDescription> describe(KeyHandle key, BootTime deadline) noexcept override;
  Result<Signature> sign(KeyHandle key, Scheme scheme, std::span<const std::byte> input,
                         BootTime deadline) noexcept override;
  Result<void> reset(BootTime deadline) noexcept override;
  std::uint64_t abandoned_calls() noexcept override;
  Result<TokenDescription> describe_token() noexcept override;
  void close() noexcept override;

  // ---- for the device's abilities; all but `visit` with its turn ----

  /// Runs `work()`, which returns a Result, with the device's turn.
  template <typename Work>
  auto visit(BootTime deadline, Work work) noexcept -> decltype(work()) {
    HOLDFAST_TRY(check_usable());
    const Turn turn(turnstile_, clock_, deadline);
    if (!turn) return failure(Status::deadline_exceeded, Layer::tpm2, "waiting for the TPM");
    due_.store(deadline.after(kPatience).ns, std::memory_order_relaxed);
    auto result = work();
    (void)abandoned_calls();  // this one, if it was late
    due_.store(kNoDeadline.ns, std::memory_order_relaxed);
    if (!connection_.is_usable()) forget_objects();
    return result;
  }

  [[nodiscard]] Clock& clock() const noexcept { return clock_; }
  [[nodiscard]] Connection& connection() noexcept { return connection_; }
  [[nodiscard]] StorageRoot& root() noexcept { return root_; }
  [[nodiscard]] Owner& owner() noexcept { return owner_; }
  [[nodiscard]] const KeyUri& uri() const noexcept { return uri_; }
  [[nodiscard]] bool can_write() const noexcept { return access_ == DeviceAccess::provision; }
  [[nodiscard]] std::span<const std::byte> auth_value() const noexcept { return auth_.reveal({}); }
  [[nodiscard]] const Name& pinned_root() const noexcept { return uri_.srk_name; }

  /// The salt for sessions to the storage root, which is there; made when it is first asked for.
  [[nodiscard]] Result<const Salt*> salt() noexcept;
  /// Makes room: takes our keys out of the TPM, to be loaded again when they are used.
  void unload_keys() noexcept;
  /// Takes an object out of the TPM that nobody else knows of.
  void discard(const LoadedObject& object) noexcept;
  /// Reads a key file and loads its key.
  [[nodiscard]] Result<FoundKey> load_file(std::string_view path, BootTime deadline) noexcept;
  [[nodiscard]] Result<FoundKey> read_persistent(std::uint32_t handle, BootTime deadline) noexcept;
  /// Gives a key a handle. Found keys take the place of the one found before, so that its handle becomes stale; made
  /// ones stand beside it.
  [[nodiscard]] KeyHandle keep(const FoundKey& key, bool is_made) noexcept;
  /// TPM2_EvictControl, by the owner: gives `object` the handle `persistent`, or takes it away if it is its own.
  [[nodiscard]] Result<void> evict(const LoadedObject& object, std::uint32_t persistent, BootTime deadline) noexcept;
  /// The key behind a handle, in the TPM; `stale_key`.
  [[nodiscard]] Result<FoundKey*> use(KeyHandle handle, BootTime deadline) noexcept;
  void drop(KeyHandle handle) noexcept;
  [[nodiscard]] Result<KeyDescription> describe(const FoundKey& key) const noexcept;
  /// The storage root was of use to this call only, unless sessions need it.
  void release_root() noexcept;
  /// Remembers an object that may still be in the TPM behind a connection that broke: it is flushed after a reset.
  void stray(const LoadedObject& object) noexcept;

  /// Runs `prepare()`, then `work(key, consent)`: one command that the key's auth value authorises, if it has one. A
  /// refusal of that command is judged as that of a signature: a wrong value is not sent again.
  template <typename Prepare, typename Work>
  auto with_key(KeyHandle handle, const char* doing, BootTime deadline, Prepare prepare, Work work) noexcept
      -> decltype(work(LoadedObject{}, Consent{})) {
    FoundKey* key = HOLDFAST_TRY(use(handle, deadline));
    if (refusal_.status != Status::ok) return refusal_;
    HOLDFAST_TRY(prepare());
    PinAttempt attempt = HOLDFAST_TRY(begin_use(*key, doing, deadline));
    const auto run = [&]() noexcept -> decltype(work(LoadedObject{}, Consent{})) {
      AuthSession session(connection_);
      const Consent consent = HOLDFAST_TRY(consent_by_auth_value(*key, session, deadline));
      return work(key->object, consent);
    };
    auto result = run();
    if (!result) {
      end_refused_use(attempt, result.error());
      return judge_use(handle, *key, result.error(), doing, deadline);
    }
    attempt.accepted();
    is_auth_proven_ = true;
    return result;
  }

 protected:
  Device(const DeviceOptions& options, const KeyUri& uri, ForkGuard guard) noexcept;
  virtual ~Device() = default;

 private:
  static constexpr std::uint32_t kKeySlots = 4;

  struct KeySlot {
    std::uint32_t generation = 0;
    FoundKey key;
  };

  static void release(KeyDevice* device) noexcept;

  [[nodiscard]] Result<void> check_usable() const noexcept;
  [[nodiscard]] Result<void> connect(BootTime deadline) noexcept;
  [[nodiscard]] Result<void> read_auth_value(const DeviceOptions& options) noexcept;
  [[nodiscard]] Result<void> read_owner_auth_value(const DeviceOptions& options) noexcept;
  [[nodiscard]] Result<FoundKey> find(BootTime deadline) noexcept;
  [[nodiscard]] Result<FoundKey> find_the_only_key(BootTime deadline) noexcept;
  [[nodiscard]] bool needs_auth_value(const FoundKey& key) const noexcept;
  [[nodiscard]] Result<void> judge_policy(FoundKey& key, BootTime deadline) noexcept;
  [[nodiscard]] Result<Signature> sign_with(FoundKey& key, std::span<const std::byte> digest,
                                            BootTime deadline) noexcept;
  [[nodiscard]] Result<PinAttempt> begin_attempt(const FoundKey& key, BootTime deadline) noexcept;
  [[nodiscard]] Result<Signature> sign_once(FoundKey& key, bool with_auth, std::span<const std::byte> digest,
                                            BootTime deadline) noexcept;
  [[nodiscard]] Error judge_refusal(const FoundKey& key, const Error& error, BootTime deadline) noexcept;
  void unload(FoundKey& key) noexcept;
  void drop_all_keys() noexcept;
  void forget_objects() noexcept;
  [[nodiscard]] Result<PinAttempt> begin_use(const FoundKey& key, const char* doing, BootTime deadline) noexcept;
  void end_refused_use(PinAttempt& attempt, const Error& error) noexcept;
  [[nodiscard]] Result<Consent> consent_by_auth_value(FoundKey& key, AuthSession& session,
                                                      BootTime deadline) noexcept;
  [[nodiscard]] Error judge_use(KeyHandle handle, const FoundKey& key, const Error& error, const char* doing,
                                BootTime deadline) noexcept;
  void flush_strays(BootTime deadline) noexcept;
  void forget_salt() noexcept;

  const DeviceAccess access_;
  Clock& clock_;
  KeyUri uri_;
  ForkGuard guard_;
  PinGovernor governor_;
  SecretBytes auth_;
  SourceIdentity auth_source_;
  Connection connection_;
  Owner owner_{connection_};
  StorageRoot root_{connection_, owner_};
  std::optional<Salt> salt_;
  SecretBytes salt_room_;
  // What we had in the TPM when the connection broke: one key, the root and the attestation or endorsement key at
  // most.
  std::array<LoadedObject, 3> strays_;
  bool is_auth_proven_ = false;
  Error refusal_;
  std::atomic<bool> is_closed_{false};
  bool is_left_behind_ = false;
  std::atomic<std::int64_t> due_{kNoDeadline.ns};  // when the call under way counts as one that does not return
  std::atomic<std::uint64_t> abandoned_{0};
  Turnstile turnstile_;
  std::uint32_t last_generation_ = 0;
  std::uint32_t next_made_ = 1;
  std::array<KeySlot, kKeySlots> keys_;
};

}  // namespace holdfast::hal::tpm2
