// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/fork_guard.hpp"
#include "hal/key_device.hpp"
#include "hal/pipe_shield.hpp"
#include "hal/pkcs11/key_agreement.hpp"
#include "hal/pkcs11/key_search.hpp"
#include "hal/pkcs11/login.hpp"
#include "hal/pkcs11/module.hpp"
#include "hal/pkcs11/session_pool.hpp"
#include "hal/pkcs11/token.hpp"

namespace holdfast::hal::pkcs11 {

/// A token on a PKCS#11 module, with a session that holds the login and a pool of sessions that work.
///
/// Signing takes a session, the module's gate and the key's handle, all without a lock. Everything else takes the
/// device's turn first, and so happens one at a time. This much is what a host that signs carries; ProvisioningDevice
/// adds the other abilities.
class Device : public KeyDevice {
 public:
  /// Makes the object, null without memory.
  using Make = Device* (*)(const DeviceOptions& options, const KeyUri& uri, ForkGuard guard,
                           ModuleUse module) noexcept;
  [[nodiscard]] static Result<DevicePtr> open(const DeviceOptions& options, Make make) noexcept;
  [[nodiscard]] static Device* make(const DeviceOptions& options, const KeyUri& uri, ForkGuard guard,
                                    ModuleUse module) noexcept;

  Result<KeyHandle> find_key(const KeySelector& selector, BootTime deadline) noexcept override;
  Result<KeyDescription> describe(KeyHandle key, BootTime deadline) noexcept override;
  Result<Signature> sign(KeyHandle key, Scheme scheme, std::span<const std::byte> input,
                         BootTime deadline) noexcept override;
  Result<void> reset(BootTime deadline) noexcept override;
  std::uint64_t abandoned_calls() noexcept override { return pool_.abandon_overdue(clock_); }
  Result<TokenDescription> describe_token() noexcept override;
  KeyAgreement* key_agreement() noexcept override { return access_ != DeviceAccess::browse ? &derivation_ : nullptr; }
  void close() noexcept override;

  // ---- for the device's abilities ----

  /// One use of the device other than signing: its turn, a session and the module's gate, all given back at the end
  /// of the scope.
  class Visit {
   public:
    ~Visit();
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;

    [[nodiscard]] const Session& session() const noexcept { return session_; }

   private:
    friend class Device;
    Visit(Device& device, BootTime deadline) noexcept;
    Device& device_;
    // Given back from the last to the first.
    Turn turn_;
    PipeShield shield_;
    std::optional<Passage> passage_;
    std::optional<SessionPool::Lease> lease_;
    Session session_;
  };

  /// Runs `work(const Visit&)`, which returns a Result, with the device's turn.
  template <typename Work>
  auto visit(BootTime deadline, Work work) noexcept -> decltype(work(std::declval<const Visit&>())) {
    Visit visit(*this, deadline);
    HOLDFAST_TRY(begin(visit, deadline));
    auto result = work(visit);
    if (!result) visit.lease_->spoil();  // a search or an operation may still be open in the session
    return result;
  }

  [[nodiscard]] const KeyUri& uri() const noexcept { return uri_; }
  [[nodiscard]] DeviceAccess access() const noexcept { return access_; }
  [[nodiscard]] bool can_write() const noexcept { return access_ == DeviceAccess::provision; }
  /// During a visit: the slot of the token.
  [[nodiscard]] CK_SLOT_ID slot() const noexcept { return token_.slot; }
  /// Whether what `uri` says of a token fits the one this device was opened on.
  [[nodiscard]] bool is_on_token(const KeyUri& uri) const noexcept { return matches(uri, token_); }

  /// Gives a found or made key a handle. Found keys take the place of the one found before, so that its handle
  /// becomes stale; made ones stand beside it.
  [[nodiscard]] KeyHandle keep(const FoundKey& key, bool is_made) noexcept;
  /// The object behind a handle; `stale_key`.
  [[nodiscard]] Result<CK_OBJECT_HANDLE> object_of(KeyHandle handle) const noexcept;
  /// During a visit: the public half that was settled on when the key got its handle, to know it by among others of
  /// the same id.
  [[nodiscard]] std::optional<PublicKey> public_key_of(KeyHandle handle) const noexcept;
  /// Makes one key's handle stale.
  void drop(KeyHandle handle) noexcept;
  [[nodiscard]] Result<KeyDescription> describe(const FoundKey& key) const noexcept;

 protected:
  Device(const DeviceOptions& options, const KeyUri& uri, ForkGuard guard, ModuleUse module) noexcept;
  virtual ~Device() = default;

 private:
  static constexpr std::uint32_t kKeySlots = 4;

  // Read by signing threads while another one finds the key again: `generation` is cleared first and set last.
  struct KeySlot {
    std::atomic<std::uint32_t> generation{0};
    std::atomic<CK_OBJECT_HANDLE> object{CK_INVALID_HANDLE};
    std::atomic<Scheme> scheme{Scheme::ed25519};
    std::optional<PublicKey> public_key;  // with the device's turn only
  };
  struct SlotView {
    CK_OBJECT_HANDLE object;
    Scheme scheme;
  };

  static void release(KeyDevice* device) noexcept;

  [[nodiscard]] bool is_usable() const noexcept {
    return !guard_.is_forked() && !is_closed_.load(std::memory_order_acquire);
  }
  [[nodiscard]] Result<void> check_usable() const noexcept;
  [[nodiscard]] Result<void> begin(Visit& visit, BootTime deadline) noexcept;
  [[nodiscard]] Result<void> log_in_and_open(const Token& token) noexcept;
  [[nodiscard]] Result<void> reattach(BootTime deadline) noexcept;
  [[nodiscard]] Result<void> renew(BootTime deadline) noexcept;
  [[nodiscard]] Result<void> rebuild(BootTime deadline) noexcept;
  /// Closes what is open in the module and wipes the PIN, as far as no call that hangs has it.
  [[nodiscard]] bool end_sessions(const Turn& turn, BootTime patience) noexcept;
  /// The end of every use that had the turn: who closed the device meanwhile could not wait, and left it the rest.
  void end_turn(const Turn& turn) noexcept;
  void detach() noexcept;
  void drop_all_keys() noexcept;
  [[nodiscard]] Result<SlotView> look_up(KeyHandle handle) const noexcept;
  [[nodiscard]] Result<Signature> sign_in(const Session& session, const SlotView& key,
                                          std::span<const std::byte> input) noexcept;

  const DeviceAccess access_;
  const ModuleMode mode_;
  const std::size_t session_count_;
  const bool sigpipe_is_ignored_;
  Clock& clock_;
  KeyUri uri_;   // what the caller selects
  Token token_;  // what was selected: a PIN goes to no other
  ForkGuard guard_;
  ModuleUse module_;
  Login login_;
  SessionPool pool_;
  CK_SESSION_HANDLE login_session_ = CK_INVALID_HANDLE;
  std::atomic<std::uint32_t> attached_{0};  // the module generation our sessions belong to; 0: none
  std::uint32_t tried_ = 0;                 // the last one we tried to attach to
  CK_RV failed_renewal_ = CKR_OK;           // what the session with the login answered the last time it was asked
  std::atomic<bool> is_closed_{false};
  std::atomic<bool> is_left_behind_{false};  // closed, and somebody is inside still or may be
  Turnstile turnstile_;
  std::uint32_t last_generation_ = 0;
  std::uint32_t next_made_ = 1;
  std::array<KeySlot, kKeySlots> keys_;
  KeyDerivation derivation_{*this};
};

}  // namespace holdfast::hal::pkcs11
