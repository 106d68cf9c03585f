// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/peers/header_peer.hpp"
#include "tests/support/temporary_folder.hpp"

#include <sodium.h>

#include <array>
#include <stdexcept>

namespace holdfast::bench {
namespace {

class SodiumKey final : public HeaderPeer {
 public:
  explicit SodiumKey(const std::string& seed_file) {
    const std::string seed = test::read_file(seed_file);
    if (seed.size() != crypto_sign_SEEDBYTES) throw std::runtime_error(seed_file + " holds no seed");
    std::array<unsigned char, crypto_sign_PUBLICKEYBYTES> point{};
    if (sodium_init() < 0 || crypto_sign_seed_keypair(point.data(), key_.data(),
                                                      reinterpret_cast<const unsigned char*>(seed.data())) != 0) {
      throw std::runtime_error("libsodium makes no key");
    }
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

std::unique_ptr<HeaderPeer> sodium_key(const std::string& seed_file) {
  return std::make_unique<SodiumKey>(seed_file);
}

}  // namespace holdfast::bench
