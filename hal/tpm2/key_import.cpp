// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/key_import.hpp"

#include "hal/tpm2/device.hpp"
#include "hal/tpm2/duplicate.hpp"
#include "hal/tpm2/new_key.hpp"

#include <tss2/tss2_tpm2_types.h>

namespace holdfast::hal::tpm2 {
namespace {

constexpr const char* kImporting = "importing a key";

// TPM2_Import: no inner wrap, so neither an encryption key nor an algorithm for one.
Result<WrappedKey> send_import(Connection& tpm, const LoadedObject& parent, const Duplicate& duplicate,
                               BootTime deadline) noexcept {
  Command command(TPM2_CC_Import);
  command.handle(parent.handle, parent.name.view()).with_empty_auth();
  command.parameters()
      .sized({})
      .sized(duplicate.public_area.bytes())
      .sized(duplicate.wrapped.view())
      .sized(duplicate.encrypted_seed.view())
      .u16(TPM2_ALG_NULL);
  const Reply reply = HOLDFAST_TRY(tpm.run(command, kImporting, deadline));
  ByteReader in(reply.parameters);
  WrappedKey key;
  key.public_area = duplicate.public_area;
  if (!key.private_area.assign(in.sized()) || !in.is_exact()) {
    return failure(Status::device_fault, Layer::tpm2, kImporting).about("the TPM's answer is malformed");
  }
  return key;
}

}  // namespace

Result<MadeKey> KeyImport::import_key(const KeySpec& spec, const SecretBytes& private_key,
                                      const PublicKey& public_key, BootTime deadline) noexcept {
  return device_.visit(deadline, [&]() noexcept -> Result<MadeKey> {
    HOLDFAST_TRY(check_new_key(spec, device_.uri()));
    if (spec.scheme != Scheme::es256 || public_key.scheme() != Scheme::es256) {
      return failure(Status::scheme_unsupported, Layer::tpm2, kImporting)
          .about("no TPM takes an Ed25519 key")
          .with_hint("import it into a PKCS#11 token");
    }
    if (!device_.uri().pcrs.pcrs.empty()) {
      return failure(Status::invalid_argument, Layer::tpm2, kImporting)
          .about("an imported key has no policy, so it cannot be bound to PCRs")
          .with_hint("leave pcr= out of the URI, or make a key in the TPM: holdfast key generate --pcr");
    }
    HOLDFAST_TRY(refuse_existing_key(device_.connection(), device_.uri(), deadline));
    device_.unload_keys();
    const auto bring = [&]() noexcept -> Result<MadeKey> {
      HOLDFAST_TRY(device_.root().resolve(0, device_.pinned_root(), deadline));
      const LoadedObject& root = device_.root().object();
      const auto point = root.public_area.point();
      if (!point) {
        return failure(Status::device_fault, Layer::tpm2, kImporting).about("the storage root has no point");
      }
      const Duplicate duplicate =
          HOLDFAST_TRY(Duplicate::make(private_key, public_key, device_.auth_value(), *point));
      const WrappedKey wrapped = HOLDFAST_TRY(send_import(device_.connection(), root, duplicate, deadline));
      const FoundKey key = HOLDFAST_TRY(keep_new_key(device_, wrapped, deadline));
      const KeyDescription description = HOLDFAST_TRY(describe_new_key(device_, key));
      return MadeKey{device_.keep(key, true), description, {}, "wrapped for the storage root (TPM2_Import)"};
    };
    auto made = bring();
    device_.release_root();
    return made;
  });
}

Result<MadeKey> KeyImport::import_twin(const KeySpec& /*spec*/, const SecretBytes& /*x25519_secret*/,
                                       std::span<const std::byte, 32> /*x25519_public*/,
                                       BootTime /*deadline*/) noexcept {
  return failure(Status::scheme_unsupported, Layer::tpm2, kImporting).about("no TPM has X25519");
}

}  // namespace holdfast::hal::tpm2
