// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/key_generation.hpp"

#include "hal/pkcs11/device.hpp"
#include "hal/pkcs11/errors.hpp"
#include "hal/pkcs11/key_template.hpp"
#include "hal/pkcs11/new_key.hpp"

namespace holdfast::hal::pkcs11 {
namespace {

constexpr const char* kGenerating = "making a key";
}  // namespace

Result<MadeKey> KeyGeneration::generate(const KeySpec& spec, BootTime deadline) noexcept {
  const NewKeyId id = HOLDFAST_TRY(choose_key_id(spec));
  KeySpec full = spec;
  full.id = id.view();
  return device_.visit(deadline, [&](const Device::Visit& visit) noexcept -> Result<MadeKey> {
    const Session& session = visit.session();
    HOLDFAST_TRY(refuse_existing_key(session, full));

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
    if (!made && !remove_pairs(session, full.id)) return with_leftovers(made.error());
    return made;
  });
}

}  // namespace holdfast::hal::pkcs11
