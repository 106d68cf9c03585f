// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/peers/header_peer.hpp"

#include <sodium.h>

#include <array>
#include <stdexcept>

namespace holdfast::bench {
namespace {

class SodiumKey final : public HeaderPeer {
 public:
  explicit SodiumKey(PublicKey& public_key) {
    std::array<unsigned char, crypto_sign_PUBLICKEYBYTES> point{};
    if (sodium_init() < 0 || crypto_sign_keypair(point.data(), key_.data()) != 0) {
      throw std::runtime_error("libsodium makes no key");
    }
    public_key = PublicKey::from_bytes(Scheme::ed25519, std::as_bytes(std::span(point))).value();
  }

  Signature sign(std::span<const std::byte> message) override {
    Signature signature{};
    crypto_sign_detached(reinterpret_cast<unsigned char*>(signature.data()), nullptr,
                         reinterpret_cast<const unsigned char*>(message.data()), message.size(), key_.data());
    return signature;
  }

 private:
  std::array<unsigned char, crypto_sign_SECRETKEYBYTES> key_{};
};

}  // namespace

std::unique_ptr<HeaderPeer> sodium_key(PublicKey& public_key) { return std::make_unique<SodiumKey>(public_key); }

}  // namespace holdfast::bench
