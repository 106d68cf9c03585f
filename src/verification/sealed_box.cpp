// SPDX-License-Identifier: Apache-2.0
#include "src/verification/sealed_box.hpp"

#include <sodium.h>

#include <algorithm>

namespace holdfast {
namespace {

constexpr const char* kOpening = "opening a sealed box";
constexpr std::string_view kSmallOrder = "its ephemeral key is of small order";

static_assert(kSealedBoxOverhead == crypto_box_SEALBYTES);
static_assert(kX25519Size == crypto_box_PUBLICKEYBYTES);

Error refusal(std::string_view why) noexcept {
  return failure(Status::authority_answer_invalid, Layer::verification, kOpening).about(why);
}

const unsigned char* native(std::span<const std::byte> bytes) noexcept {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* writable(std::span<std::byte> bytes) noexcept {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

}  // namespace

Result<X25519PublicKey> x25519_public_key(const PublicKey& key) noexcept {
  constexpr const char* kConverting = "converting a key to X25519";
  if (key.scheme() != Scheme::ed25519) {
    return failure(Status::invalid_argument, Layer::verification, kConverting)
        .about("only an Ed25519 key has a twin");
  }
  X25519PublicKey converted{};
  if (crypto_sign_ed25519_pk_to_curve25519(writable(converted), native(key.bytes())) != 0) {
    return failure(Status::invalid_argument, Layer::verification, kConverting).about("it is no point of large order");
  }
  return converted;
}

Result<X25519PublicKey> ephemeral_key(std::span<const std::byte> box) noexcept {
  if (box.size() < kSealedBoxOverhead) return refusal("it is shorter than 48 bytes");
  X25519PublicKey key{};
  std::ranges::copy(box.first(kX25519Size), key.begin());
  // With any scalar: libsodium tells the points of small order from the result.
  X25519PublicKey scalar{};
  scalar.fill(std::byte{0x48});
  X25519PublicKey product{};
  if (crypto_scalarmult(writable(product), native(scalar), native(key)) != 0) {
    return refusal(kSmallOrder);
  }
  return key;
}

Result<std::size_t> open_sealed_box(std::span<const std::byte> box, const X25519PublicKey& recipient,
                                    std::span<const std::byte> shared_secret, std::span<std::byte> out) noexcept {
  std::ranges::fill(out, std::byte{0});
  const X25519PublicKey ephemeral = HOLDFAST_TRY(ephemeral_key(box));
  if (shared_secret.size() != kX25519Size) {
    return failure(Status::device_fault, Layer::verification, kOpening)
        .about("the shared secret does not have 32 bytes");
  }
  if (sodium_is_zero(native(shared_secret), shared_secret.size()) == 1) {
    return refusal(kSmallOrder);
  }
  const std::size_t size = box.size() - kSealedBoxOverhead;
  if (out.size() < size) return failure(Status::buffer_too_small, Layer::verification, kOpening);

  std::array<unsigned char, crypto_box_NONCEBYTES> nonce{};
  crypto_generichash_state hash;
  crypto_generichash_init(&hash, nullptr, 0, nonce.size());
  crypto_generichash_update(&hash, native(ephemeral), ephemeral.size());
  crypto_generichash_update(&hash, native(recipient), recipient.size());
  crypto_generichash_final(&hash, nonce.data(), nonce.size());

  // What crypto_box_beforenm makes of the shared secret.
  std::array<unsigned char, crypto_box_BEFORENMBYTES> key{};
  constexpr std::array<unsigned char, crypto_core_hsalsa20_INPUTBYTES> kZero{};
  crypto_core_hsalsa20(key.data(), kZero.data(), native(shared_secret), nullptr);
  const int opened = crypto_box_open_easy_afternm(writable(out), native(box.subspan(kX25519Size)),
                                                  box.size() - kX25519Size, nonce.data(), key.data());
  sodium_memzero(key.data(), key.size());
  if (opened != 0) {
    std::ranges::fill(out, std::byte{0});
    return refusal("it was changed, or sealed to another key");
  }
  return size;
}

Result<std::size_t> seal_box(std::span<const std::byte> text, const X25519PublicKey& recipient,
                             std::span<std::byte> out) noexcept {
  constexpr const char* kSealing = "sealing a box";
  if (out.size() < text.size() + kSealedBoxOverhead) {
    return failure(Status::buffer_too_small, Layer::verification, kSealing);
  }
  if (sodium_init() < 0) return failure(Status::resource_exhausted, Layer::verification, kSealing);
  if (crypto_box_seal(writable(out), native(text), text.size(), native(recipient)) != 0) {
    return failure(Status::invalid_argument, Layer::verification, kSealing).about("the recipient is of small order");
  }
  return text.size() + kSealedBoxOverhead;
}

}  // namespace holdfast
