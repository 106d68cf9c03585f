// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/peers/evp_signing.hpp"

#include <openssl/evp.h>

#include <stdexcept>

namespace holdfast::bench {
namespace {

void require(bool is_done, const char* what) {
  if (!is_done) throw std::runtime_error(std::string("libcrypto: ") + what);
}

class LibcryptoKey final : public HeaderPeer {
 public:
  LibcryptoKey(Scheme scheme, PublicKey& public_key) : scheme_(scheme) {
    key_ = scheme == Scheme::ed25519 ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                                     : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
    require(key_ != nullptr, "EVP_PKEY_Q_keygen");
    std::array<unsigned char, kP256PointSize> bytes{};
    std::size_t size = bytes.size();
    if (scheme == Scheme::ed25519) {
      require(EVP_PKEY_get_raw_public_key(key_, bytes.data(), &size) == 1, "EVP_PKEY_get_raw_public_key");
    } else {
      require(EVP_PKEY_get_octet_string_param(key_, "pub", bytes.data(), bytes.size(), &size) == 1,
              "EVP_PKEY_get_octet_string_param");
    }
    public_key = PublicKey::from_bytes(scheme, std::as_bytes(std::span(bytes).first(size))).value();
  }
  ~LibcryptoKey() override { EVP_PKEY_free(key_); }
  LibcryptoKey(const LibcryptoKey&) = delete;
  LibcryptoKey& operator=(const LibcryptoKey&) = delete;

  Signature sign(std::span<const std::byte> message) override { return evp_sign(key_, scheme_, message); }

 private:
  Scheme scheme_;
  EVP_PKEY* key_ = nullptr;
};

}  // namespace

std::unique_ptr<HeaderPeer> libcrypto_key(Scheme scheme, PublicKey& public_key) {
  return std::make_unique<LibcryptoKey>(scheme, public_key);
}

}  // namespace holdfast::bench
