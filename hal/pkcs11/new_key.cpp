// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/new_key.hpp"

#include "hal/display.hpp"
#include "hal/pkcs11/errors.hpp"
#include "hal/pkcs11/key_search.hpp"

#include <errno.h>
#include <sys/random.h>

namespace holdfast::hal::pkcs11 {
namespace {

constexpr const char* kMaking = "making a key";
constexpr std::size_t kRandomIdSize = 16;

Result<void> refuse_existing(const Session& session, ObjectFilter filter) noexcept {
  for (const CK_OBJECT_CLASS object_class : {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY}) {
    filter.object_class = object_class;
    const Matches matches = HOLDFAST_TRY(find_objects(session, filter));
    if (matches.count == 0) continue;
    Error error = failure(Status::already_exists, Layer::pkcs11, kMaking);
    error.detail.append(filter.id.empty() ? "a key with the label " : "a key with the id ");
    append_printable(error.detail, filter.label);
    append_hex(error.detail, filter.id);
    error.hint =
        "choose another object= (or id=) for the new one, or remove the one that is there: holdfast key delete";
    return error;
  }
  return {};
}

}  // namespace

Result<NewKeyId> choose_key_id(const KeySpec& spec) noexcept {
  if (spec.label.empty() || spec.label.size() > kMaxLabelSize || !is_printable(spec.label)) {
    return failure(Status::invalid_argument, Layer::pkcs11, kMaking)
        .about("a key's label is 1 to 128 bytes of UTF-8 without control characters");
  }
  NewKeyId id;
  if (!id.assign(spec.id)) {
    return failure(Status::invalid_argument, Layer::pkcs11, kMaking).about("a key's id is at most 64 bytes");
  }
  if (!id.empty()) return id;
  id.size = kRandomIdSize;
  if (getrandom(id.bytes.data(), kRandomIdSize, 0) != static_cast<ssize_t>(kRandomIdSize)) {
    Error error = failure(Status::resource_exhausted, Layer::system, "choosing a random key id");
    error.native = static_cast<std::uint64_t>(errno);
    return error;
  }
  return id;
}

Result<void> refuse_existing_key(const Session& session, const KeySpec& spec) noexcept {
  HOLDFAST_TRY(refuse_existing(session, {CKO_PRIVATE_KEY, {}, spec.label, {}}));
  return refuse_existing(session, {CKO_PRIVATE_KEY, {}, {}, spec.id});
}

Error with_leftovers(Error error) noexcept {
  error.detail.append(error.detail.empty() ? "" : "; ");
  error.detail.append("what was made may be there still");
  error.hint = "remove the key of this label by hand, if it is there, before another one is made";
  return error;
}

}  // namespace holdfast::hal::pkcs11
