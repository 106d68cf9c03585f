// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/tpm2/auth_session.hpp"
#include "hal/tpm2/connection.hpp"
#include "hal/tpm2/public_area.hpp"

/// The commands this back end sends besides those of a session (TPM 2.0 Library Part 3), each with its answer read.
namespace holdfast::hal::tpm2 {

inline constexpr std::size_t kMaxPrivateSize = 1024;  ///< bytes of a TPM2B_PRIVATE's content that we take

/// A key as its parent wraps it: what TPM2_Create returns and TPM2_Load takes.
struct WrappedKey {
  PublicArea public_area;
  Octets<kMaxPrivateSize> private_area;
};

struct LoadedObject {
  std::uint32_t handle = 0;
  PublicArea public_area;
  Name name;
  bool name_matches = false;  ///< the name the TPM states is the one we compute
};

/// Who authorises a command on an object: nobody in particular, or a session with the object's auth value.
struct Consent {
  AuthSession* session = nullptr;
  std::span<const std::byte> auth_value;

  void apply(Command& command) const noexcept {
    if (session == nullptr) {
      command.with_empty_auth();
    } else {
      command.with_session(*session, auth_value);
    }
  }
};

/// TPM2_GetCapability: what follows the capability's number in the answer.
[[nodiscard]] Result<ByteReader> get_capability(Connection& tpm, std::uint32_t capability, std::uint32_t first,
                                                std::uint32_t count, BootTime deadline) noexcept;

/// One value of TPM_CAP_TPM_PROPERTIES; nothing if the TPM does not have it.
[[nodiscard]] Result<std::optional<std::uint32_t>> get_property(Connection& tpm, std::uint32_t property,
                                                                BootTime deadline) noexcept;

/// TPM2_ReadPublic. `key_not_found` if nothing has the handle; `scheme_unsupported`, without a native code, if the
/// answer is whole and the object's form or its name's hash is none that we read.
[[nodiscard]] Result<LoadedObject> read_public(Connection& tpm, std::uint32_t handle, BootTime deadline) noexcept;

/// Whether that failed because the object, which the TPM showed whole, is none that we read (another hash in its
/// name, another form): a maker's or another program's, to be passed over where nobody asked for it.
[[nodiscard]] inline bool is_foreign(const Error& error) noexcept {
  return error.status == Status::scheme_unsupported && error.native == 0;
}

/// TPM2_CreatePrimary of a storage root, from the standard template, under `hierarchy`: the owner's, or the null one,
/// whose root is another after every TPM reset. The caller flushes it.
[[nodiscard]] Result<LoadedObject> create_storage_root(Connection& tpm, std::uint32_t hierarchy,
                                                       const Consent& consent, BootTime deadline) noexcept;

/// TPM2_Create under `parent`, whose auth value is empty. A session in `consent` encrypts the new key's auth value.
/// With `policy` nothing else lets the new key sign.
[[nodiscard]] Result<WrappedKey> create_key(Connection& tpm, const LoadedObject& parent, KeyUse use,
                                            std::span<const std::byte> auth_value, const Consent& consent,
                                            BootTime deadline, std::span<const std::byte> policy = {}) noexcept;

/// TPM2_Load; the caller flushes it. `key_refused` with a hint for a key of another TPM or parent.
[[nodiscard]] Result<LoadedObject> load_key(Connection& tpm, const LoadedObject& parent, const WrappedKey& key,
                                            BootTime deadline) noexcept;

/// TPM2_EvictControl by the owner: makes a loaded object persistent, or removes the persistent one that `object` is.
[[nodiscard]] Result<void> evict_control(Connection& tpm, std::uint32_t object, std::span<const std::byte> name,
                                         std::uint32_t persistent, const Consent& owner, BootTime deadline) noexcept;

/// TPM2_Sign, ECDSA with SHA-256 over `digest`. r and s come back with their full width.
[[nodiscard]] Result<Signature> sign_digest(Connection& tpm, std::uint32_t key, std::span<const std::byte> name,
                                            std::span<const std::byte> digest, const Consent& consent,
                                            BootTime deadline) noexcept;

/// Reads a TPMT_SIGNATURE of ECDSA with SHA-256; `device_fault` for anything else.
[[nodiscard]] Result<Signature> read_signature(ByteReader& in, const char* doing) noexcept;

}  // namespace holdfast::hal::tpm2
