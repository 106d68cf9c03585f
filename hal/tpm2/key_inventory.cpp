// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/key_inventory.hpp"

#include "hal/tpm2/device.hpp"
#include "hal/tpm2/token.hpp"

#include <tss2/tss2_tpm2_types.h>

namespace holdfast::hal::tpm2 {
namespace {

constexpr const char* kRemoving = "removing a key";

// Storage roots and endorsement keys: they hold or vouch for other keys and sign nothing.
bool is_storage_key(const PublicArea& area) noexcept {
  return area.has(TPMA_OBJECT_RESTRICTED) && area.has(TPMA_OBJECT_DECRYPT);
}

}  // namespace

Result<std::size_t> KeyListing::list(std::span<KeyDescription> out) noexcept {
  return device_.visit(kNoDeadline, [&]() noexcept -> Result<std::size_t> {
    const KeyUri& uri = device_.uri();
    if (!uri.file.empty()) {
      const auto file = load_key_file(uri.file.view());
      if (!file && file.status() == Status::key_not_found) return std::size_t{0};
      if (!file) return file.error();
      if (out.empty()) return std::size_t{1};
      auto key = device_.load_file(uri.file.view(), kNoDeadline);
      if (key) device_.discard(key->object);
      device_.release_root();
      if (!key) return key.error();
      out[0] = HOLDFAST_TRY(device_.describe(*key));
      return std::size_t{1};
    }
    const PersistentHandles handles = HOLDFAST_TRY(PersistentHandles::read(device_.connection(), kNoDeadline));
    std::size_t count = 0;
    for (const std::uint32_t handle : handles.view()) {
      if (uri.handle && *uri.handle != handle) continue;
      const auto key = device_.read_persistent(handle, kNoDeadline);
      if (!key && (uri.handle || !is_foreign(key.error()))) return key.error();
      if (!key || (is_storage_key(key->object.public_area) && !uri.handle)) continue;
      if (count < out.size()) out[count] = HOLDFAST_TRY(device_.describe(*key));
      ++count;
    }
    return count;
  });
}

Result<void> KeyListing::destroy(KeyHandle handle) noexcept {
  return device_.visit(kNoDeadline, [&]() noexcept -> Result<void> {
    if (!device_.can_write()) {
      return failure(Status::permission_denied, Layer::tpm2, kRemoving)
          .about("the TPM was not opened for provisioning");
    }
    const FoundKey* key = HOLDFAST_TRY(device_.use(handle, kNoDeadline));
    if (key->is_persistent()) {
      const LoadedObject& object = key->object;
      HOLDFAST_TRY(device_.evict(object, object.handle, kNoDeadline));
      device_.drop(handle);
      const auto still = read_public(device_.connection(), object.handle, kNoDeadline);
      if (still) {
        return failure(Status::device_fault, Layer::tpm2, kRemoving)
            .about("the TPM says the key is gone and still shows it");
      }
      return {};
    }
    // Another key may stand in the file by now.
    const KeyFile now = HOLDFAST_TRY(load_key_file(key->uri.file.view()));
    if (now.key.public_area.name() != key->object.name) return failure(Status::key_changed, Layer::tpm2, kRemoving);
    HOLDFAST_TRY(remove_key_file(key->uri.file.view()));
    device_.drop(handle);
    return {};
  });
}

}  // namespace holdfast::hal::tpm2
