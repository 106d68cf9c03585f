// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/key_generation.hpp"

#include "hal/display.hpp"
#include "hal/pkcs11/device.hpp"
#include "hal/pkcs11/errors.hpp"
#include "hal/pkcs11/key_template.hpp"

#include <errno.h>
#include <sys/random.h>

namespace holdfast::hal::pkcs11 {
namespace {

constexpr const char* kGenerating = "making a key";
constexpr std::size_t kRandomIdSize = 16;

Result<void> check(const KeySpec& spec) noexcept {
  if (spec.label.empty() || spec.label.size() > kMaxLabelSize || !is_printable(spec.label)) {
    return failure(Status::invalid_argument, Layer::pkcs11, kGenerating)
        .about("a key's label is 1 to 128 bytes of UTF-8 without control characters");
  }
  if (spec.id.size() > kMaxKeyIdSize) {
    return failure(Status::invalid_argument, Layer::pkcs11, kGenerating).about("a key's id is at most 64 bytes");
  }
  return {};
}

Result<void> refuse_existing(const Session& session, ObjectFilter filter) noexcept {
  for (const CK_OBJECT_CLASS object_class : {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY}) {
    filter.object_class = object_class;
    const Matches matches = HOLDFAST_TRY(find_objects(session, filter));
    if (matches.count == 0) continue;
    Error error = failure(Status::already_exists, Layer::pkcs11, kGenerating);
    error.detail.append(filter.id.empty() ? "a key with the label " : "a key with the id ");
    append_printable(error.detail, filter.label);
    append_hex(error.detail, filter.id);
    return error;
  }
  return {};
}

}  // namespace

Result<MadeKey> KeyGeneration::generate(const KeySpec& spec, BootTime deadline) noexcept {
  HOLDFAST_TRY(check(spec));
  Octets<kMaxKeyIdSize> id;
  if (!id.assign(spec.id)) return failure(Status::invalid_argument, Layer::pkcs11, kGenerating);
  if (id.empty()) {
    id.size = kRandomIdSize;
    if (getrandom(id.bytes.data(), kRandomIdSize, 0) != static_cast<ssize_t>(kRandomIdSize)) {
      Error error = failure(Status::resource_exhausted, Layer::system, "choosing a random key id");
      error.native = static_cast<std::uint64_t>(errno);
      return error;
    }
  }
  KeySpec full = spec;
  full.id = id.view();
  return device_.visit(deadline, [&](const Device::Visit& visit) noexcept -> Result<MadeKey> {
    const Session& session = visit.session();
    HOLDFAST_TRY(refuse_existing(session, {CKO_PRIVATE_KEY, {}, full.label, {}}));
    HOLDFAST_TRY(refuse_existing(session, {CKO_PRIVATE_KEY, {}, {}, full.id}));

    const auto make = [&]() noexcept -> Result<MadeKey> {
      const KeyPair pair = HOLDFAST_TRY(generate_pair(session, full));
      const FoundKey key = HOLDFAST_TRY(read_key(session, pair.private_key, std::nullopt));
      if (key.facts.scheme != full.scheme || !key.public_key) {
        return failure(Status::device_fault, Layer::pkcs11, kGenerating)
            .about("the token made a key of another kind, or one without a public half");
      }
      KeyDescription description = HOLDFAST_TRY(device_.describe(key));
      return MadeKey{device_.keep(key, true), description, pair.dropped};
    };
    Result<MadeKey> made = make();
    if (!made && !remove_pairs(session, full.id)) {
      Error error = made.error();
      error.detail.append(error.detail.empty() ? "" : "; ");
      error.detail.append("what was made may be there still");
      error.hint = "remove the key of this label by hand, if it is there, before another one is made";
      return error;
    }
    return made;
  });
}

}  // namespace holdfast::hal::pkcs11
