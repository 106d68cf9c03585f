// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/tpm2/owner.hpp"

namespace holdfast::hal::tpm2 {

inline constexpr std::uint32_t kPersistentRoot = 0x81000001;  ///< TCG provisioning guidance §7.5.1: storage root
inline constexpr std::uint32_t kOwnerHierarchy = 0x40000001;  ///< TPM_RH_OWNER

/// The storage key our keys hang from, while it is in the TPM.
///
/// A persistent one is used where it is; one that had to be made is flushed when this goes out of scope.
class StorageRoot {
 public:
  StorageRoot(Connection& tpm, Owner& owner) noexcept : tpm_(tpm), owner_(owner) {}
  ~StorageRoot() { release(); }
  StorageRoot(const StorageRoot&) = delete;
  StorageRoot& operator=(const StorageRoot&) = delete;

  /// Finds the root that `parent` names: the owner hierarchy (made from the standard template, or the persistent one
  /// if it is the same key), a persistent handle, or 0 for whichever the TPM has. With `pinned` not empty, only a
  /// root of that name will do (`key_changed`): until then its name is trusted on first use.
  [[nodiscard]] Result<void> resolve(std::uint32_t parent, const Name& pinned, BootTime deadline) noexcept;
  /// Keeps the root, which is there, at `kPersistentRoot`, if nothing else is. `already_exists` otherwise.
  [[nodiscard]] Result<void> persist(BootTime deadline) noexcept;
  /// Flushes it, if it is transient.
  void release() noexcept;
  /// Forgets it without a word to the TPM, which has lost it.
  void forget() noexcept { object_ = {}; }

  [[nodiscard]] bool is_there() const noexcept { return object_.handle != 0; }
  [[nodiscard]] bool is_persistent() const noexcept { return object_.handle >> 24U == 0x81U; }
  [[nodiscard]] const LoadedObject& object() const noexcept { return object_; }
  /// What a key file names as parent.
  [[nodiscard]] std::uint32_t parent() const noexcept { return is_persistent() ? object_.handle : kOwnerHierarchy; }

 private:
  [[nodiscard]] Result<LoadedObject> persistent(std::uint32_t handle, BootTime deadline) noexcept;
  [[nodiscard]] Result<LoadedObject> find(std::uint32_t parent, const Name& pinned, BootTime deadline) noexcept;

  Connection& tpm_;
  Owner& owner_;
  LoadedObject object_;
};

}  // namespace holdfast::hal::tpm2
