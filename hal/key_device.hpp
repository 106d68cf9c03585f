// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/public_key.hpp"
#include "holdfast/result.hpp"

#include "hal/clock.hpp"
#include "hal/pin_source.hpp"
#include "hal/secret_bytes.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

/// The hardware abstraction layer: what every back end promises to the core.
///
/// Common to all of it: nothing throws, results are values, nothing is owned through a device but the device
/// itself. A back end treats every length and encoding the hardware gives as hostile. It hands out fixed-width
/// signatures (padding short integers and undoing DER is its job). After a failure every output holds
/// zeroes, every native session and handle the call took is given back, and the next call works or says why not.
namespace holdfast::hal {

// ---- what a device is made of ----------------------------------------------------------------------------------

/// Names one found key. Generation 0 is never valid; a handle of an earlier generation (from before a reset or
/// a re-find) is answered with `stale_key`, never used.
struct KeyHandle {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  friend bool operator==(const KeyHandle&, const KeyHandle&) = default;
};

/// What a device may state about a key, in the words of its standard.
enum class KeyAttribute : std::uint8_t {
  // PKCS#11 v3.0 §4.7–4.9 (CKA_…)
  token,
  private_object,
  sensitive,
  always_sensitive,
  extractable,
  never_extractable,
  local,
  sign,
  sign_recover,
  decrypt,
  unwrap,
  derive,
  modifiable,
  copyable,
  destroyable,
  always_authenticate,
  mechanisms_pinned,
  // TPM 2.0 Library Part 2 §8.3 (TPMA_OBJECT) and what the back end recomputed
  fixed_tpm,
  fixed_parent,
  sensitive_data_origin,
  user_with_auth,
  no_da,
  restricted,
  tpm_sign,
  tpm_decrypt,
  scheme_pinned,
  name_matches,
  policy_known,
  pcr_bound,  ///< signs only while platform configuration registers hold what they held when it was made
};
inline constexpr std::size_t kKeyAttributeCount = 29;

/// The attribute's name in its standard: "CKA_EXTRACTABLE", "fixedTPM".
[[nodiscard]] std::string_view attribute_name(KeyAttribute attribute) noexcept;

enum class Tristate : std::uint8_t { unknown, no, yes };

/// What a device says of one key; `unknown` where it does not tell or does not know the attribute.
class KeyAttributes {
 public:
  void set(KeyAttribute attribute, bool value) noexcept {
    states_[static_cast<std::size_t>(attribute)] = value ? Tristate::yes : Tristate::no;
  }
  [[nodiscard]] Tristate get(KeyAttribute attribute) const noexcept {
    return states_[static_cast<std::size_t>(attribute)];
  }
  friend bool operator==(const KeyAttributes&, const KeyAttributes&) = default;

 private:
  std::array<Tristate, kKeyAttributeCount> states_{};
};

/// A set of attributes, such as those a token would not take in a template.
class KeyAttributeSet {
 public:
  void insert(KeyAttribute attribute) noexcept { bits_ |= bit(attribute); }
  [[nodiscard]] bool contains(KeyAttribute attribute) const noexcept { return (bits_ & bit(attribute)) != 0; }
  [[nodiscard]] bool empty() const noexcept { return bits_ == 0; }

 private:
  [[nodiscard]] static std::uint64_t bit(KeyAttribute attribute) noexcept {
    return std::uint64_t{1} << static_cast<unsigned>(attribute);
  }
  std::uint64_t bits_ = 0;
};

enum class BackendKind : std::uint8_t { pkcs11, tpm2, fake };

inline constexpr std::size_t kMaxKeyIdSize = 64;     ///< bytes of CKA_ID we keep
inline constexpr std::size_t kMaxKeyUriSize = 1024;  ///< characters of a key URI

/// One key as the device shows it.
struct KeyDescription {
  BackendKind backend = BackendKind::fake;
  /// Empty where the device shows no public half (PKCS#11: no public object with the key's id).
  std::optional<PublicKey> public_key;
  /// The scheme the key's type allows; empty for a key of another kind (RSA, P-384), which `list` shows and
  /// `find_key` refuses.
  std::optional<Scheme> scheme;
  FixedText<128> label;
  FixedText<kMaxKeyIdSize * 2> id_hex;
  /// The URI that selects exactly this key again, with token serial and manufacturer. Never a PIN.
  FixedText<kMaxKeyUriSize> uri;
  KeyAttributes attributes;
};

/// A device's count of wrong PINs against which it locks (TPM 2.0 Library Part 1 §19.8: one for all its keys).
struct FailureCount {
  std::uint32_t failures = 0;
  std::uint32_t limit = 0;              ///< the failures that lock it
  std::uint32_t seconds_to_forget = 0;  ///< one is forgotten after each such time
};

/// The token or TPM behind a device.
struct TokenDescription {
  FixedText<64> label;
  FixedText<64> manufacturer;
  FixedText<64> model;
  FixedText<64> serial;
  FixedText<kMaxKeyUriSize> uri;  ///< selects this token
  FixedText<96> library;          ///< the module's or TPM's description and version
  bool is_initialised = false;
  bool needs_login = false;
  bool has_protected_authentication_path = false;
  bool pin_count_low = false;
  bool pin_final_try = false;
  bool pin_locked = false;
  std::optional<FailureCount> failure_count;  ///< where the device states it
  /// The key lives in this process's memory (SoftHSM): for CI only; say so wherever the token is shown.
  bool is_software = false;
  bool can_ed25519 = false;
  bool can_es256 = false;
};

// ---- rare abilities: one purpose each, asked for by a query that may return null -------------------------------

/// What to make. `id` may be empty (the device chooses) and is at most `kMaxKeyIdSize` bytes.
struct KeySpec {
  Scheme scheme = Scheme::ed25519;
  std::string_view label;
  std::span<const std::byte> id;
};

struct MadeKey {
  KeyHandle handle;
  KeyDescription description;
  /// Attributes of the strongest template that the token did not take; the policy gate judges what is left.
  KeyAttributeSet dropped;
  /// How an imported key came in, a literal: "unwrapped under a session key (CKM_AES_KEY_WRAP_PAD)"; empty for a
  /// generated one.
  std::string_view way{};
};

/// Makes keys inside the device. A failure leaves no object behind.
class KeyGenerator {
 public:
  /// `already_exists` if a key with this label or id is there. A failure leaves no object behind, or its detail says
  /// that one may be there still.
  [[nodiscard]] virtual Result<MadeKey> generate(const KeySpec& spec, BootTime deadline) noexcept = 0;

 protected:
  ~KeyGenerator() = default;
};

/// Brings a private key in: the one time it is in this process (P1). A failure leaves no object behind, or its detail
/// says that one may be there still.
///
/// By the strongest way the device has; that the key inside is the one given is for the caller to prove, by a
/// signature (`sign`) or a shared secret (`KeyAgreement`).
class KeyImporter {
 public:
  /// `private_key` is the 32-byte seed (Ed25519) or scalar (P-256), big-endian; `public_key` its public half.
  /// `already_exists` if a key with this label or id is there, `scheme_unsupported` if the device has no such key.
  [[nodiscard]] virtual Result<MadeKey> import_key(const KeySpec& spec, const SecretBytes& private_key,
                                                   const PublicKey& public_key, BootTime deadline) noexcept = 0;
  /// Brings in the X25519 twin of an Ed25519 key, for derivation only (protocol.md §2). `spec.scheme` is not looked
  /// at. `scheme_unsupported` if the device does not derive from such keys.
  [[nodiscard]] virtual Result<MadeKey> import_twin(const KeySpec& spec, const SecretBytes& x25519_secret,
                                                    std::span<const std::byte, 32> x25519_public,
                                                    BootTime deadline) noexcept = 0;

 protected:
  ~KeyImporter() = default;
};

/// Computes an X25519 shared secret inside the device (RFC 7748 §6.1). The caller refuses all zeroes.
class KeyAgreement {
 public:
  /// Finds the one derivation key that `uri` names. It must be on the token this device was opened on
  /// (`invalid_uri` otherwise); `key_not_found`, `ambiguous_match`, `scheme_unsupported` for any other kind of key.
  [[nodiscard]] virtual Result<KeyHandle> find_twin(std::string_view uri, BootTime deadline) noexcept = 0;
  /// `key` is a twin's handle, from `find_twin` or `import_twin`. The secret has 32 bytes; the device keeps no copy
  /// of it.
  [[nodiscard]] virtual Result<SecretBytes> agree(KeyHandle key, std::span<const std::byte, 32> peer_public,
                                                  BootTime deadline) noexcept = 0;

 protected:
  ~KeyAgreement() = default;
};

/// Evidence from the device that a key is inside it: what the device says of the key, signed by a key of the
/// device that signs nothing else. What each part is, the format says.
struct Attestation {
  FixedText<32> format;  ///< "tpm2-certify"
  std::array<std::byte, 1024> statement{};
  std::size_t statement_size = 0;
  std::array<std::byte, 512> signature{};
  std::size_t signature_size = 0;
  std::array<std::byte, 512> attestation_key{};  ///< public area of the key that vouches
  std::size_t attestation_key_size = 0;
  std::array<std::byte, 512> key{};  ///< public area of the key that the statement is about
  std::size_t key_size = 0;
};

inline constexpr std::size_t kMaxAttestationNonceSize = 64;  ///< bytes

/// Vouches for keys. The same key vouches each time, so that a verifier can remember it; it holds no secret that is
/// kept outside the device. What a token merely says of its keys is no attestation: `KeyDescription` holds that.
class Attestor {
 public:
  /// `nonce` is at most `kMaxAttestationNonceSize` bytes (`invalid_argument`) and may be empty; it stands in the
  /// statement. Uses the key once, with its auth value if it has one: what `sign` answers to a wrong one, this does.
  [[nodiscard]] virtual Result<Attestation> attest(KeyHandle key, std::span<const std::byte> nonce,
                                                   BootTime deadline) noexcept = 0;

 protected:
  ~Attestor() = default;
};

/// A certificate that the device's maker put into it (X.509, DER).
struct EndorsementCertificate {
  std::array<std::byte, 4096> der{};
  std::size_t size = 0;
};

/// Proves that the key which vouches (`Attestor`) is in the device that a maker's certificate names.
class Endorsement {
 public:
  /// Reads up to `out.size()` of the device's certificates and returns how many there are. None is no failure.
  [[nodiscard]] virtual Result<std::size_t> certificates(std::span<EndorsementCertificate> out,
                                                         BootTime deadline) noexcept = 0;

  /// Gives back the secret that a verifier enclosed for the certificate's key and the name of the key that vouches
  /// (TPM 2.0 Library Part 1 §24): `credential` is a TPM2B_ID_OBJECT's content, `seed` a TPM2B_ENCRYPTED_SECRET's.
  /// `attestation_refused` if they were made for another device or another key.
  [[nodiscard]] virtual Result<SecretBytes> answer(std::span<const std::byte> credential,
                                                   std::span<const std::byte> seed, BootTime deadline) noexcept = 0;

 protected:
  ~Endorsement() = default;
};

/// Lists and removes keys. The URI of the device selects which.
class KeyInventory {
 public:
  /// Describes up to `out.size()` keys that match the URI and returns how many match in all.
  [[nodiscard]] virtual Result<std::size_t> list(std::span<KeyDescription> out) noexcept = 0;
  /// Removes the one key `key` names, private and public half, and says so only when both are gone.
  [[nodiscard]] virtual Result<void> destroy(KeyHandle key) noexcept = 0;

 protected:
  ~KeyInventory() = default;
};

/// What a process that was killed while it made or removed a key may have left in the device: one half of it, or an
/// object that has no name yet. For those who know what they were about to make (a journal of theirs says so); it
/// removes without asking whose it was. Devices in which a key is there at once or not at all do not offer it.
class KeyRemnants {
 public:
  /// How many private and public key objects have neither a label nor an id, nor what a key is made of (a curve, a
  /// modulus): half-written ones.
  [[nodiscard]] virtual Result<std::size_t> count_nameless() noexcept = 0;
  /// Removes every private and public key that has both the label and the id of `spec`, neither empty
  /// (`invalid_argument`); none is no failure. After a failure some may be gone.
  [[nodiscard]] virtual Result<void> remove(const KeySpec& spec, BootTime deadline) noexcept = 0;
  /// Removes every one that `count_nameless` counts.
  [[nodiscard]] virtual Result<void> remove_nameless(BootTime deadline) noexcept = 0;

 protected:
  ~KeyRemnants() = default;
};

/// One way a key was asked to leave, and what the token said.
struct ExportAttempt {
  enum class Outcome : std::uint8_t { refused, gave_way, not_offered };
  std::string_view name;  ///< a literal: "read CKA_VALUE", "wrap under a known key"
  Outcome outcome = Outcome::refused;
  std::uint64_t native = 0;
  const char* native_name = nullptr;
};

inline constexpr std::size_t kMaxExportAttempts = 8;

struct ExportReport {
  std::array<ExportAttempt, kMaxExportAttempts> attempts{};
  std::size_t count = 0;
  [[nodiscard]] bool gave_way() const noexcept {
    for (std::size_t i = 0; i < count; ++i) {
      if (attempts[i].outcome == ExportAttempt::Outcome::gave_way) return true;
    }
    return false;
  }
};

/// Tries to export a disposable key made from the same template as a real one, and destroys what it made:
/// attributes are only the module's word.
class ExportProbe {
 public:
  [[nodiscard]] virtual Result<ExportReport> try_export(Scheme scheme, BootTime deadline) noexcept = 0;

 protected:
  ~ExportProbe() = default;
};

// ---- the device ------------------------------------------------------------------------------------------------

/// Which key is acceptable, beyond what the device's URI says.
struct KeySelector {
  /// When set, only this key will do: another one under the same name is `key_changed`.
  std::optional<PublicKey> public_key;
};

/// So long past its deadline a native call counts as one that does not return: what it holds is given up.
inline constexpr std::chrono::seconds kPatience{5};

/// A token or TPM, opened by the URI of one key.
///
/// `sign` may be called from many threads at once: the back end owns its sessions. Everything else may be
/// called from any thread and is serialised by the back end. A call in a forked child answers `forked` and sends
/// nothing to the device.
class KeyDevice {
 public:
  /// Finds the one private key the URI names. `key_not_found`, `ambiguous_match` (with the matches as detail),
  /// `key_changed`, `scheme_unsupported` for a key of another kind. Finding again raises the generation.
  [[nodiscard]] virtual Result<KeyHandle> find_key(const KeySelector& selector, BootTime deadline) noexcept = 0;

  /// Reads the key's public half and attributes from the device, afresh at each call. `deadline_exceeded` when the
  /// device's turn does not come by then.
  [[nodiscard]] virtual Result<KeyDescription> describe(KeyHandle key, BootTime deadline = kNoDeadline) noexcept = 0;

  /// Signs: for Ed25519 `input` is the message, for ES256 its SHA-256 digest of 32 bytes.
  ///
  /// Allocates nothing in our frames. Waits for a free session until `deadline` (`deadline_exceeded`); a native
  /// call that does not return cannot be stopped. Worth handling: `stale_key` (find it again), `device_gone`
  /// (reset), `forked`, `scheme_unsupported`. The signature is what the device said: the core verifies it.
  [[nodiscard]] virtual Result<Signature> sign(KeyHandle key, Scheme scheme, std::span<const std::byte> input,
                                               BootTime deadline) noexcept = 0;

  /// Rebuilds the connection below (C_Finalize and C_Initialize; a new TPM context), logs in again with the PIN
  /// it keeps, and makes every handle stale. `reset_not_ours` where the module belongs to somebody else: then only
  /// what is ours of it (the sessions, the login) was made anew, and the key may be found again.
  [[nodiscard]] virtual Result<void> reset(BootTime deadline) noexcept = 0;

  /// Native calls that were given up, with the session they hold, because they did not return `kPatience` after their
  /// deadline; counted since the device was opened. Looks for such calls. Never blocks.
  [[nodiscard]] virtual std::uint64_t abandoned_calls() noexcept { return 0; }

  [[nodiscard]] virtual Result<TokenDescription> describe_token() noexcept = 0;

  /// Null where this device cannot, or was not opened for provisioning.
  [[nodiscard]] virtual KeyGenerator* key_generator() noexcept { return nullptr; }
  [[nodiscard]] virtual KeyImporter* key_importer() noexcept { return nullptr; }
  [[nodiscard]] virtual KeyAgreement* key_agreement() noexcept { return nullptr; }
  [[nodiscard]] virtual KeyInventory* key_inventory() noexcept { return nullptr; }
  [[nodiscard]] virtual KeyRemnants* key_remnants() noexcept { return nullptr; }
  [[nodiscard]] virtual ExportProbe* export_probe() noexcept { return nullptr; }
  [[nodiscard]] virtual Attestor* attestor() noexcept { return nullptr; }
  [[nodiscard]] virtual Endorsement* endorsement() noexcept { return nullptr; }

  /// Gives everything back to the device; safe to call twice. Later calls answer `device_gone`. No other call may
  /// run at the same time, except one whose native call does not return: close waits `kPatience` for it and then
  /// leaves behind what it uses. In a forked child it sends nothing.
  virtual void close() noexcept = 0;

 protected:
  ~KeyDevice() = default;  // borrowed by the core, released through DevicePtr's own function
};

using DevicePtr = std::unique_ptr<KeyDevice, void (*)(KeyDevice*) noexcept>;

// ---- opening ---------------------------------------------------------------------------------------------------

/// Who initialises a PKCS#11 module (C_Initialize is per process, PKCS#11 v3.0 §5.4).
enum class ModuleMode : std::uint8_t {
  own,     ///< we do, and may finalise and initialise it again; a module somebody else initialised is refused
  share,   ///< whoever comes first; never finalised by us if we were not first, never reset
  refuse,  ///< the host does; we refuse to initialise, finalise or reset
};

enum class DeviceAccess : std::uint8_t {
  sign,       ///< log in, find, sign; read-only sessions
  provision,  ///< also make, import, list and remove keys: read-write sessions
  browse,     ///< no login: only what the device shows to anybody
};

struct DeviceOptions {
  std::string_view uri;  ///< `pkcs11:…` or `tpm2:…`; used during the call only
  DeviceAccess access = DeviceAccess::sign;
  PinSource pin;                 ///< `none`: the URI's own `pin-source`, if any
  PinSource owner_pin;           ///< TPM, `provision`: the owner hierarchy's auth value; `none`: it has none
  std::string_view module_path;  ///< explicit PKCS#11 module; empty: from the URI
  ModuleMode module_mode = ModuleMode::own;
  std::uint16_t sessions = 4;  ///< signatures that can be under way at once, 1 to 64
  /// The process ignores SIGPIPE as long as the device is open: it need not be held back while signing. Checked once,
  /// by `open_device`.
  bool sigpipe_is_ignored = false;
  Clock* clock = nullptr;  ///< null: the system clock; outlives the device
  /// The folder of the failure records (`PinGovernor`), an absolute path; empty: the usual one.
  std::string_view failure_records;
};

struct TokenInitOptions {
  std::string_view uri;    ///< names the uninitialised or to-be-erased token: `module-path`, `slot-id`, `serial`
  std::string_view label;  ///< 1 to 32 bytes of UTF-8
  PinSource so_pin;
  PinSource user_pin;
  std::string_view module_path;
  bool erase_existing = false;  ///< consent to erase a token that is initialised already
  Clock* clock = nullptr;
  std::string_view failure_records;  ///< as in `DeviceOptions`
};

/// What a back end offers, one row in hal/registry.cpp. Every function is always set.
struct Backend {
  std::string_view scheme;  ///< "pkcs11:" with its colon
  Result<DevicePtr> (*open)(const DeviceOptions& options) noexcept;
  /// Describes up to `out.size()` tokens that match the URI, without logging in; returns how many match in all.
  Result<std::size_t> (*list_tokens)(const DeviceOptions& options, std::span<TokenDescription> out) noexcept;
  Result<TokenDescription> (*init_token)(const TokenInitOptions& options) noexcept;
  /// Whether `uri` is one that `open` would read: `invalid_uri` says which part of it is wrong. Nothing is opened.
  Result<void> (*check_uri)(std::string_view uri) noexcept;
};

}  // namespace holdfast::hal
