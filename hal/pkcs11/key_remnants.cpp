// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/key_remnants.hpp"

#include "hal/pkcs11/device.hpp"
#include "hal/pkcs11/errors.hpp"

namespace holdfast::hal::pkcs11 {
namespace {

constexpr const char* kLooking = "looking for what an earlier attempt has left";
constexpr const char* kRemoving = "removing what an earlier attempt has left";
constexpr std::size_t kMaxObjects = 4096;

// True if the object has none of the attribute, or an empty one.
Result<bool> lacks(const Session& session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) noexcept {
  CK_ATTRIBUTE attribute{type, nullptr, 0};
  const CK_RV code = session.calls->C_GetAttributeValue(session.handle, object, &attribute, 1);
  if (code == CKR_ATTRIBUTE_TYPE_INVALID) return true;
  if (code != CKR_OK) return native_failure(code, kLooking);
  return attribute.ulValueLen == 0 || attribute.ulValueLen == CK_UNAVAILABLE_INFORMATION;
}

struct Objects {
  std::array<CK_OBJECT_HANDLE, kMaxObjects> handles;  // NOLINT: written before it is read
  std::size_t count = 0;
};

// True of an object that nobody can call a key: without a label, an id, and what every public key is made of. A whole
// key of somebody else's that has no name has the last.
Result<bool> is_nameless(const Session& session, CK_OBJECT_HANDLE object) noexcept {
  for (const CK_ATTRIBUTE_TYPE type : {CKA_LABEL, CKA_ID, CKA_EC_PARAMS, CKA_MODULUS, CKA_PRIME}) {
    if (!HOLDFAST_TRY(lacks(session, object, type))) return false;
  }
  return true;
}

// SoftHSM 2.6 writes a new object attribute by attribute: a process that is killed meanwhile leaves one that has
// neither a label nor an id yet.
Result<void> find_nameless(const Session& session, Objects& out) noexcept {
  for (const CK_OBJECT_CLASS object_class : {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY}) {
    const std::size_t first = out.count;
    const std::span room = std::span(out.handles).subspan(first);
    const std::size_t found = HOLDFAST_TRY(count_objects(session, {object_class, {}, {}, {}}, room.size(), room));
    for (std::size_t i = first; i < first + std::min(found, room.size()); ++i) {
      const CK_OBJECT_HANDLE object = out.handles[i];
      if (HOLDFAST_TRY(is_nameless(session, object))) out.handles[out.count++] = object;
    }
  }
  return {};
}

Result<void> destroy(const Session& session, CK_OBJECT_HANDLE object) noexcept {
  const CK_RV code = session.calls->C_DestroyObject(session.handle, object);
  return code == CKR_OK ? Result<void>() : native_failure(code, kRemoving);
}

}  // namespace

Result<std::size_t> TokenRemnants::count_nameless() noexcept {
  return device_.visit(kNoDeadline, [](const Device::Visit& visit) noexcept -> Result<std::size_t> {
    Objects nameless;
    HOLDFAST_TRY(find_nameless(visit.session(), nameless));
    return nameless.count;
  });
}

Result<void> TokenRemnants::remove(const KeySpec& spec, BootTime deadline) noexcept {
  if (spec.label.empty() || spec.id.empty()) {
    return failure(Status::invalid_argument, Layer::pkcs11, kRemoving).about("both the label and the id are needed");
  }
  return device_.visit(deadline, [&](const Device::Visit& visit) noexcept -> Result<void> {
    for (const CK_OBJECT_CLASS object_class : {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY}) {
      const Matches found = HOLDFAST_TRY(find_objects(visit.session(), {object_class, {}, spec.label, spec.id}));
      for (const CK_OBJECT_HANDLE object : found.view()) HOLDFAST_TRY(destroy(visit.session(), object));
    }
    return {};
  });
}

Result<void> TokenRemnants::remove_nameless(BootTime deadline) noexcept {
  return device_.visit(deadline, [](const Device::Visit& visit) noexcept -> Result<void> {
    Objects nameless;
    HOLDFAST_TRY(find_nameless(visit.session(), nameless));
    for (const CK_OBJECT_HANDLE object : std::span(nameless.handles).first(nameless.count)) {
      HOLDFAST_TRY(destroy(visit.session(), object));
    }
    return {};
  });
}

}  // namespace holdfast::hal::pkcs11
