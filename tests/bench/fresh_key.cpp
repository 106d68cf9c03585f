// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/fresh_key.hpp"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <span>
#include <stdexcept>

namespace holdfast::bench {
namespace {

void require(bool is_done, const char* what) {
  if (!is_done) throw std::runtime_error(std::string("libcrypto: ") + what);
}

}  // namespace

struct FreshKey::State {
  explicit State(EVP_PKEY* made) : key(made) { require(made != nullptr, "EVP_PKEY_Q_keygen"); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EVP_PKEY_free(key); }

  EVP_PKEY* key;
};

FreshKey::FreshKey(Scheme scheme)
    : scheme_(scheme),
      state_(std::make_shared<State>(scheme == Scheme::ed25519
                                         ? EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")
                                         : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"))) {}

PublicKey FreshKey::public_key() const {
  std::array<unsigned char, kP256PointSize> bytes{};
  std::size_t size = bytes.size();
  if (scheme_ == Scheme::ed25519) {
    require(EVP_PKEY_get_raw_public_key(state_->key, bytes.data(), &size) == 1, "EVP_PKEY_get_raw_public_key");
  } else {
    require(EVP_PKEY_get_octet_string_param(state_->key, "pub", bytes.data(), bytes.size(), &size) == 1,
            "EVP_PKEY_get_octet_string_param");
  }
  return PublicKey::from_bytes(scheme_, std::as_bytes(std::span(bytes).first(size))).value();
}

std::array<std::byte, FreshKey::kSize> FreshKey::value() const {
  std::array<std::byte, kSize> value{};
  auto* const out = reinterpret_cast<unsigned char*>(value.data());
  if (scheme_ == Scheme::ed25519) {
    std::size_t size = value.size();
    require(EVP_PKEY_get_raw_private_key(state_->key, out, &size) == 1, "EVP_PKEY_get_raw_private_key");
  } else {
    BIGNUM* scalar = nullptr;
    require(EVP_PKEY_get_bn_param(state_->key, "priv", &scalar) == 1, "EVP_PKEY_get_bn_param");
    const int size = BN_bn2binpad(scalar, out, kSize);
    BN_clear_free(scalar);
    require(size == static_cast<int>(kSize), "BN_bn2binpad");
  }
  return value;
}

std::string FreshKey::pem() const {
  BIO* const memory = BIO_new(BIO_s_mem());
  require(memory != nullptr, "BIO_new");
  const bool is_written = PEM_write_bio_PrivateKey(memory, state_->key, nullptr, nullptr, 0, nullptr, nullptr) == 1;
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory, &text);
  std::string pem(text, static_cast<std::size_t>(size));
  BIO_free(memory);
  require(is_written, "PEM_write_bio_PrivateKey");
  return pem;
}

}  // namespace holdfast::bench
