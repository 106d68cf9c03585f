// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/storage_root.hpp"

namespace holdfast::hal::tpm2 {
namespace {

constexpr const char* kFinding = "finding the storage root";
constexpr const char* kNewKeyHint =
    "use the TPM and the storage root the key was made under, or make a new key: holdfast key generate "
    "tpm2:file=/PATH";

}  // namespace

Result<LoadedObject> StorageRoot::persistent(std::uint32_t handle, BootTime deadline) noexcept {
  const auto object = read_public(tpm_, handle, deadline);
  if (!object && !is_foreign(object.error())) return object.error();
  if (!object || !object->name_matches || !object->public_area.is_storage_root()) {
    return failure(Status::key_refused, Layer::tpm2, kFinding)
        .about("the parent is not the standard P-256 storage root")
        .with_hint(kNewKeyHint);
  }
  return *object;
}

Result<LoadedObject> StorageRoot::find(std::uint32_t parent, const Name& pinned, BootTime deadline) noexcept {
  if (parent != 0 && parent != kOwnerHierarchy) {
    auto named = persistent(parent, deadline);
    if (named || named.status() != Status::key_not_found) return named;
    return failure(Status::key_refused, Layer::tpm2, kFinding)
        .about("the persistent storage root that the key file names as its parent is not in the TPM")
        .with_hint(kNewKeyHint);
  }
  // The persistent root saves the seconds that a hardware TPM takes to make one. For a key whose parent is the
  // hierarchy it serves only if it is the same key, which only a pinned name can tell beforehand.
  const bool may_be_persistent = parent == 0 || !pinned.empty();
  if (may_be_persistent) {
    const auto found = persistent(kPersistentRoot, deadline);
    if (found && (pinned.empty() || found->name == pinned)) return *found;
    if (!found && found.status() != Status::key_not_found && found.status() != Status::key_refused) {
      return found.error();
    }
  }
  return owner_.act(nullptr, deadline, [&](const Consent& consent) noexcept {
    return create_storage_root(tpm_, kOwnerHierarchy, consent, deadline);
  });
}

Result<void> StorageRoot::resolve(std::uint32_t parent, const Name& pinned, BootTime deadline) noexcept {
  release();
  object_ = HOLDFAST_TRY(find(parent, pinned, deadline));
  const bool is_standard = object_.name_matches && object_.public_area.is_storage_root();
  const bool is_pinned = pinned.empty() || object_.name == pinned;
  if (is_standard && is_pinned) return {};
  release();
  if (!is_standard) {
    return failure(Status::device_fault, Layer::tpm2, kFinding)
        .about("the TPM made another root than it was asked for");
  }
  return failure(Status::key_changed, Layer::tpm2, kFinding)
      .about("the storage root is not the one pinned in the key's URI (srk-name)")
      .with_hint("the TPM was exchanged or cleared, or something stands between it and this process: find out which");
}

Result<void> StorageRoot::persist(BootTime deadline) noexcept {
  if (is_persistent()) return {};
  const auto there = read_public(tpm_, kPersistentRoot, deadline);
  if (there || is_foreign(there.error())) {
    return failure(Status::already_exists, Layer::tpm2, "making the storage root persistent")
        .about(
            "another key has the handle 0x81000001, and without it each signature would need the owner's auth value")
        .with_hint("have the TPM's owner free that handle (tpm2_evictcontrol), or take the owner's auth value away");
  }
  if (there.status() != Status::key_not_found) return there.error();
  HOLDFAST_TRY(owner_.act(&object_, deadline, [&](const Consent& consent) noexcept {
    return evict_control(tpm_, object_.handle, object_.name.view(), kPersistentRoot, consent, deadline);
  }));
  tpm_.flush(object_.handle);
  object_.handle = kPersistentRoot;
  return {};
}

void StorageRoot::release() noexcept {
  if (is_there() && !is_persistent()) {
    tpm_.flush(object_.handle);
    // It may still be in the TPM, then: kept in mind until somebody asks for it on a new connection.
    if (!tpm_.is_usable()) return;
  }
  object_ = {};
}

}  // namespace holdfast::hal::tpm2
