// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/peers/evp_signing.hpp"

#include "tests/bench/peers/ecdsa_der.hpp"

#include <openssl/evp.h>

#include <array>
#include <stdexcept>
#include <utility>

namespace holdfast::bench {
namespace {

void require(bool is_done, const char* what) {
  if (!is_done) throw std::runtime_error(std::string("OpenSSL: ") + what);
}

struct Free {
  void operator()(EVP_MD* algorithm) const { EVP_MD_free(algorithm); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

const unsigned char* octets(std::span<const std::byte> bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

class Ed25519Signer final : public HeaderPeer {
 public:
  explicit Ed25519Signer(EvpKey key) : key_(std::move(key)) {
    require(context_ && EVP_DigestSignInit(context_.get(), nullptr, nullptr, nullptr, key_.get()) == 1,
            "EVP_DigestSignInit");
  }

  Signature sign(std::span<const std::byte> message) override {
    // Without a key: from the beginning, with what is there already.
    require(EVP_DigestSignInit(context_.get(), nullptr, nullptr, nullptr, nullptr) == 1, "EVP_DigestSignInit again");
    Signature signature;  // NOLINT: written before it is read
    std::size_t size = signature.size();
    require(EVP_DigestSign(context_.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, octets(message),
                           message.size()) == 1 &&
                size == signature.size(),
            "EVP_DigestSign");
    return signature;
  }

 private:
  EvpKey key_;
  Owned<EVP_MD_CTX> context_{EVP_MD_CTX_new()};
};

class Es256Signer final : public HeaderPeer {
 public:
  explicit Es256Signer(EvpKey key) : key_(std::move(key)), signing_(EVP_PKEY_CTX_new(key_.get(), nullptr)) {
    require(hash_ && hashing_, "EVP_MD_fetch");
    require(signing_ && EVP_PKEY_sign_init(signing_.get()) == 1 &&
                EVP_PKEY_CTX_set_signature_md(signing_.get(), hash_.get()) == 1,
            "EVP_PKEY_sign_init");
  }

  Signature sign(std::span<const std::byte> message) override {
    std::array<unsigned char, kSha256Size> digest;  // NOLINT: written before it is read
    require(EVP_DigestInit_ex2(hashing_.get(), hash_.get(), nullptr) == 1 &&
                EVP_DigestUpdate(hashing_.get(), message.data(), message.size()) == 1 &&
                EVP_DigestFinal_ex(hashing_.get(), digest.data(), nullptr) == 1,
            "EVP_Digest");
    std::array<std::byte, 80> made;  // NOLINT
    std::size_t size = made.size();
    require(EVP_PKEY_sign(signing_.get(), reinterpret_cast<unsigned char*>(made.data()), &size, digest.data(),
                          digest.size()) == 1,
            "EVP_PKEY_sign");
    return r_and_s(std::span(made).first(size));
  }

 private:
  EvpKey key_;
  Owned<EVP_MD> hash_{EVP_MD_fetch(nullptr, "SHA256", nullptr)};
  Owned<EVP_MD_CTX> hashing_{EVP_MD_CTX_new()};
  Owned<EVP_PKEY_CTX> signing_;
};

}  // namespace

std::unique_ptr<HeaderPeer> evp_signer(EvpKey key, Scheme scheme) {
  if (scheme == Scheme::ed25519) return std::make_unique<Ed25519Signer>(std::move(key));
  return std::make_unique<Es256Signer>(std::move(key));
}

}  // namespace holdfast::bench
