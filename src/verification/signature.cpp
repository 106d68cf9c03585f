// SPDX-License-Identifier: Apache-2.0
#include "src/verification/signature.hpp"

#include "holdfast/verifier.hpp"

#include "src/verification/sha256.hpp"

#include <sodium.h>

namespace holdfast {
namespace {

static_assert(kEd25519KeySize == crypto_sign_ed25519_PUBLICKEYBYTES && kSignatureSize == crypto_sign_ed25519_BYTES);

constexpr const char* kVerifying = "verifying a signature";

const unsigned char* as_unsigned(std::span<const std::byte> bytes) noexcept {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

Result<void> verdict(bool verified) noexcept {
  if (verified) return {};
  return failure(Status::signature_mismatch, Layer::verification, kVerifying)
      .about("it was not made by this key over this message");
}

Error wrong_size() noexcept {
  return failure(Status::signature_mismatch, Layer::verification, kVerifying).about("it does not have 64 bytes");
}

}  // namespace

Result<SignatureVerifier> SignatureVerifier::prepare(const PublicKey& key) noexcept {
  if (key.scheme() == Scheme::es256) {
    const auto p256 = HOLDFAST_TRY(P256Verifier::prepare(key.bytes().first<kP256PointSize>()));
    return SignatureVerifier(key, p256);
  }
  // Beyond "canonical, on the curve, not of small order" this asks for the main subgroup. Every honest key is in it
  // (RFC 8032 §5.1.5 clears the cofactor), and with a key outside, verifiers disagree on the same signature.
  if (crypto_core_ed25519_is_valid_point(as_unsigned(key.bytes())) != 1) {
    return failure(Status::invalid_argument, Layer::verification, "preparing an Ed25519 public key")
        .about("it is no point that a key pair can have (off the curve, not canonical or of small order)");
  }
  return SignatureVerifier(key, std::nullopt);
}

Result<void> SignatureVerifier::verify_message(std::span<const std::byte> message,
                                               std::span<const std::byte> signature) const noexcept {
  if (p256_) return verify_digest(sha256(message), signature);
  if (signature.size() != kSignatureSize) return wrong_size();
  // Refuses S >= L (RFC 8032 §5.1.7, malleability) and an R of small order.
  return verdict(crypto_sign_ed25519_verify_detached(as_unsigned(signature), as_unsigned(message), message.size(),
                                                     as_unsigned(key_.bytes())) == 0);
}

Result<void> SignatureVerifier::verify_digest(std::span<const std::byte, kSha256Size> digest,
                                              std::span<const std::byte> signature) const noexcept {
  if (!p256_) {
    return failure(Status::invalid_argument, Layer::verification, kVerifying)
        .about("an Ed25519 key signs messages, not digests");
  }
  if (signature.size() != kSignatureSize) return wrong_size();
  return verdict(p256_->verify(digest, signature.first<kSignatureSize>()));
}

Result<void> check_public_key(const PublicKey& key) noexcept {
  (void)HOLDFAST_TRY(SignatureVerifier::prepare(key));
  return {};
}

Result<void> verify_signature(const PublicKey& key, std::span<const std::byte> message,
                              std::span<const std::byte> signature) noexcept {
  return HOLDFAST_TRY(SignatureVerifier::prepare(key)).verify_message(message, signature);
}

}  // namespace holdfast
