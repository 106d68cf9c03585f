// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/duplicate.hpp"

#include "hal/tpm2/key_derivation.hpp"

#include <nettle/aes.h>
#include <nettle/cfb.h>
#include <tss2/tss2_tpm2_types.h>

#include <tuple>

namespace holdfast::hal::tpm2 {
namespace {

constexpr const char* kWrapping = "wrapping a key for the TPM";

Result<PublicArea> public_area_of(const PublicKey& key, bool has_auth_value) noexcept {
  std::array<std::byte, 128> area{};
  ByteWriter out(area);
  // Neither fixed to the TPM nor born in it, as it was not; with an empty policy it cannot leave again.
  std::uint32_t attributes = TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_SIGN_ENCRYPT;
  if (!has_auth_value) attributes |= TPMA_OBJECT_NODA;
  out.u16(TPM2_ALG_ECC).u16(TPM2_ALG_SHA256).u32(attributes).sized({});
  out.u16(TPM2_ALG_NULL).u16(TPM2_ALG_ECDSA).u16(TPM2_ALG_SHA256).u16(TPM2_ECC_NIST_P256).u16(TPM2_ALG_NULL);
  out.sized(key.bytes().subspan(1, kCoordinateSize)).sized(key.bytes().subspan(1 + kCoordinateSize));
  return PublicArea::parse(out.written());
}

// AES-128-CFB with a zero IV (§23.3.2.3): the key is used once.
void encrypt(std::span<const std::byte> key, std::span<std::byte> data) noexcept {
  aes128_ctx cipher;
  aes128_set_encrypt_key(&cipher, raw(key));
  std::array<std::uint8_t, AES_BLOCK_SIZE> iv{};
  cfb_encrypt(&cipher, reinterpret_cast<nettle_cipher_func*>(nettle_aes128_encrypt), AES_BLOCK_SIZE, iv.data(),
              data.size(), raw(data), raw(std::span<const std::byte>(data)));
  wipe(std::as_writable_bytes(std::span(&cipher, 1)));
}

}  // namespace

Result<Duplicate> Duplicate::make(const SecretBytes& scalar, const PublicKey& public_key,
                                  std::span<const std::byte> auth_value, const PublicKey& root) noexcept {
  if (public_key.scheme() != Scheme::es256 || scalar.size() != kCoordinateSize || auth_value.size() > kSha256Size) {
    return failure(Status::invalid_argument, Layer::tpm2, kWrapping);
  }
  Duplicate duplicate;
  duplicate.public_area = HOLDFAST_TRY(public_area_of(public_key, !auth_value.empty()));
  const Name name = duplicate.public_area.name();
  const Salt seed = HOLDFAST_TRY(Salt::make(root, "DUPLICATE"));
  std::ignore = duplicate.encrypted_seed.assign(seed.encrypted.view());

  // TPM2B_SENSITIVE: type, auth value, no obfuscation, the scalar.
  SecretBytes room = HOLDFAST_TRY(SecretBytes::allocate(Duplicate::kMaxSize));
  ByteWriter sensitive(room.storage({}).subspan(2));
  sensitive.u16(TPM2_ALG_ECC).sized(auth_value).sized({}).sized(scalar.reveal({}));
  ByteWriter size(room.storage({}).first(2));
  size.u16(static_cast<std::uint16_t>(sensitive.size()));
  const std::span<std::byte> encrypted = room.storage({}).first(2 + sensitive.size());

  std::array<std::byte, 16> symmetric_key{};
  Digest integrity_key{};
  kdf_a(seed.secret.reveal({}), "STORAGE", name.view(), {}, symmetric_key);
  kdf_a(seed.secret.reveal({}), "INTEGRITY", {}, {}, integrity_key);
  encrypt(symmetric_key, encrypted);
  const Digest integrity = hmac(integrity_key, {encrypted, name.view()});
  wipe(symmetric_key);
  wipe(integrity_key);

  ByteWriter out(duplicate.wrapped.storage());
  out.sized(integrity).bytes(encrypted);
  if (!out.is_whole()) return failure(Status::device_fault, Layer::tpm2, kWrapping);
  duplicate.wrapped.set_size(out.size());
  return duplicate;
}

}  // namespace holdfast::hal::tpm2
