// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/key_inventory.hpp"

#include "hal/pkcs11/device.hpp"
#include "hal/pkcs11/errors.hpp"

namespace holdfast::hal::pkcs11 {
namespace {

constexpr const char* kRemoving = "removing a key";
constexpr std::size_t kMaxListed = 4096;

Result<FoundKey> read_public(const Session& session, CK_OBJECT_HANDLE object) noexcept {
  FoundKey key;
  key.object = object;
  key.facts = HOLDFAST_TRY(read_public_key(session, object));
  if (!key.facts.scheme) return key;
  const auto point = read_point(session, object, *key.facts.scheme);
  if (!point && is_of_token(point.error())) return point.error();
  if (point) key.public_key = *point;
  return key;
}

Result<void> destroy_object(const Session& session, CK_OBJECT_HANDLE object, const char* left) noexcept {
  const CK_RV code = session.calls->C_DestroyObject(session.handle, object);
  if (code == CKR_OK) return {};
  Error error = native_failure(code, kRemoving).about(left);
  if (code == CKR_ACTION_PROHIBITED) {
    error.hint =
        "the token forbids it (CKA_DESTROYABLE); if need be erase the whole token: holdfast token init --erase";
  }
  return error;
}

Result<void> check_gone(const Session& session, CK_OBJECT_HANDLE object) noexcept {
  if (!read_public_key(session, object)) return {};  // what every key has
  return failure(Status::device_fault, Layer::pkcs11, kRemoving)
      .about("the token says the key is gone, and it is still there");
}

}  // namespace

Result<std::size_t> KeyListing::list(std::span<KeyDescription> out) noexcept {
  return device_.visit(kNoDeadline, [&](const Device::Visit& visit) noexcept -> Result<std::size_t> {
    const Session& session = visit.session();
    const bool is_public = device_.access() == DeviceAccess::browse;
    const KeyUri& uri = device_.uri();
    const ObjectFilter filter{is_public ? CKO_PUBLIC_KEY : CKO_PRIVATE_KEY, {}, uri.object.view(), uri.id.view()};
    // Handles first, then one key after the other: a session holds one search at a time.
    std::array<CK_OBJECT_HANDLE, 256> objects{};
    const std::size_t room = std::min(objects.size(), out.size());
    const std::size_t total =
        HOLDFAST_TRY(count_objects(session, filter, kMaxListed, std::span(objects).first(room)));
    for (std::size_t i = 0; i < std::min(total, room); ++i) {
      const auto key = is_public ? read_public(session, objects[i]) : read_key_to_list(session, objects[i]);
      if (!key) return key.error();
      out[i] = HOLDFAST_TRY(device_.describe(*key));
    }
    return total;
  });
}

Result<void> KeyListing::destroy(KeyHandle handle) noexcept {
  if (device_.access() != DeviceAccess::provision) {
    return failure(Status::permission_denied, Layer::pkcs11, kRemoving)
        .about("the token was not opened for provisioning");
  }
  return device_.visit(kNoDeadline, [&](const Device::Visit& visit) noexcept -> Result<void> {
    const Session& session = visit.session();
    const CK_OBJECT_HANDLE object = HOLDFAST_TRY(device_.object_of(handle));
    const FoundKey key = HOLDFAST_TRY(read_key(session, object, device_.public_key_of(handle)));
    Matches halves = HOLDFAST_TRY(find_public_halves(session, key.facts));
    // All that can fail without harm before the first harm is done.
    std::size_t ours = 0;
    for (const CK_OBJECT_HANDLE half : halves.view()) {
      // Another key may bear the same id.
      const bool is_told_apart = key.facts.scheme && key.public_key;
      if (is_told_apart) {
        const auto point = read_point(session, half, *key.facts.scheme);
        if (!point && is_of_token(point.error())) return point.error();
        if (!point || (*point && **point != *key.public_key)) continue;
      }
      halves.objects[ours++] = half;
    }
    halves.count = ours;
    // The private half first: what is left by a failure in between can sign nothing.
    HOLDFAST_TRY(destroy_object(session, object, "the private key may still be there"));
    device_.drop(handle);
    for (const CK_OBJECT_HANDLE half : halves.view()) {
      HOLDFAST_TRY(destroy_object(session, half, "the private key is gone, its public half may still be there"));
      HOLDFAST_TRY(check_gone(session, half));
    }
    return check_gone(session, object);
  });
}

}  // namespace holdfast::hal::pkcs11
