// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/peers/evp_signing.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <cstdio>
#include <stdexcept>

namespace holdfast::bench {
namespace {

class LibcryptoKey final : public HeaderPeer {
 public:
  LibcryptoKey(Scheme scheme, const std::string& pem_file) : scheme_(scheme) {
    FILE* const file = std::fopen(pem_file.c_str(), "r");
    if (file == nullptr) throw std::runtime_error(pem_file + " cannot be read");
    key_ = PEM_read_PrivateKey(file, nullptr, nullptr, nullptr);
    std::fclose(file);
    if (key_ == nullptr) throw std::runtime_error("libcrypto: PEM_read_PrivateKey");
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

std::unique_ptr<HeaderPeer> libcrypto_key(Scheme scheme, const std::string& pem_file) {
  return std::make_unique<LibcryptoKey>(scheme, pem_file);
}

}  // namespace holdfast::bench
