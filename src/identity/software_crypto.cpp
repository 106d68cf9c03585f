// SPDX-License-Identifier: Apache-2.0
#include "src/identity/software_crypto.hpp"

// Only what mbedTLS 2.28 and 3.6 have alike.
#include <sodium.h>

#include <mbedtls/ecp.h>
#include <mbedtls/pk.h>
#include <mbedtls/rsa.h>
#include <sys/random.h>

#include <array>

namespace holdfast {
namespace {

constexpr const char* kDeriving = "computing the public half of a key";
constexpr const char* kVerifying = "verifying the JWT's signature";
constexpr std::size_t kPrivateKeySize = 32;
constexpr std::size_t kLeastModulus = 256;  // RFC 7518 §3.3: 2048 bits or more
constexpr std::size_t kMostModulus = 1024;

const unsigned char* native(std::span<const std::byte> bytes) noexcept {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

int random_bytes(void* /*context*/, unsigned char* out, std::size_t size) noexcept {
  return getrandom(out, size, 0) == static_cast<ssize_t>(size) ? 0 : MBEDTLS_ERR_ECP_RANDOM_FAILED;
}

Error failed(Status status, int code, const char* doing) noexcept {
  Error error = failure(status, Layer::identity, doing);
  error.native = static_cast<std::uint64_t>(code < 0 ? -code : code);
  return error;
}

class P256Product {
 public:
  P256Product() noexcept {
    mbedtls_ecp_group_init(&group_);
    mbedtls_ecp_point_init(&point_);
    mbedtls_mpi_init(&scalar_);
  }
  ~P256Product() {
    mbedtls_mpi_free(&scalar_);
    mbedtls_ecp_point_free(&point_);
    mbedtls_ecp_group_free(&group_);
  }
  P256Product(const P256Product&) = delete;
  P256Product& operator=(const P256Product&) = delete;

  int compute(std::span<const std::byte> scalar, std::span<std::byte, kP256PointSize> out) noexcept {
    int code = mbedtls_ecp_group_load(&group_, MBEDTLS_ECP_DP_SECP256R1);
    if (code == 0) code = mbedtls_mpi_read_binary(&scalar_, native(scalar), scalar.size());
    if (code == 0) code = mbedtls_ecp_check_privkey(&group_, &scalar_);
    if (code == 0) code = mbedtls_ecp_mul(&group_, &point_, &scalar_, &group_.G, random_bytes, nullptr);
    std::size_t size = 0;
    if (code == 0) {
      code = mbedtls_ecp_point_write_binary(&group_, &point_, MBEDTLS_ECP_PF_UNCOMPRESSED, &size,
                                            reinterpret_cast<unsigned char*>(out.data()), out.size());
    }
    return code == 0 && size != out.size() ? MBEDTLS_ERR_ECP_BAD_INPUT_DATA : code;
  }

 private:
  mbedtls_ecp_group group_{};
  mbedtls_ecp_point point_{};
  mbedtls_mpi scalar_{};
};

class RsaKey {
 public:
  RsaKey() noexcept { mbedtls_pk_init(&key_); }
  ~RsaKey() { mbedtls_pk_free(&key_); }
  RsaKey(const RsaKey&) = delete;
  RsaKey& operator=(const RsaKey&) = delete;

  int load(const RsaPublicKey& key) noexcept {
    int code = mbedtls_pk_setup(&key_, mbedtls_pk_info_from_type(MBEDTLS_PK_RSA));
    if (code != 0) return code;
    mbedtls_rsa_context* rsa = mbedtls_pk_rsa(key_);
    code = mbedtls_rsa_import_raw(rsa, native(key.modulus), key.modulus.size(), nullptr, 0, nullptr, 0, nullptr, 0,
                                  native(key.exponent), key.exponent.size());
    if (code == 0) code = mbedtls_rsa_complete(rsa);
    return code == 0 ? mbedtls_rsa_check_pubkey(rsa) : code;
  }
  int verify(std::span<const unsigned char> digest, std::span<const std::byte> signature) noexcept {
    return mbedtls_pk_verify(&key_, MBEDTLS_MD_SHA256, digest.data(), digest.size(), native(signature),
                             signature.size());
  }

 private:
  mbedtls_pk_context key_{};
};

}  // namespace

Result<PublicKey> public_half(Scheme scheme, const hal::SecretBytes& private_key) noexcept {
  const std::span<const std::byte> secret = private_key.reveal({});
  if (secret.size() != kPrivateKeySize) {
    return failure(Status::invalid_argument, Layer::identity, kDeriving).about("a private key has 32 bytes");
  }
  if (scheme == Scheme::ed25519) {
    if (sodium_init() < 0) return failure(Status::resource_exhausted, Layer::identity, kDeriving);
    hal::SecretBytes pair = HOLDFAST_TRY(hal::SecretBytes::allocate(crypto_sign_SECRETKEYBYTES));
    std::array<std::byte, kEd25519KeySize> key{};
    crypto_sign_seed_keypair(reinterpret_cast<unsigned char*>(key.data()),
                             reinterpret_cast<unsigned char*>(pair.storage({}).data()), native(secret));
    return PublicKey::from_bytes(scheme, key);
  }
  std::array<std::byte, kP256PointSize> point{};
  P256Product product;
  const int code = product.compute(secret, point);
  if (code != 0) return failed(Status::file_invalid, code, kDeriving).about("it is no P-256 private key");
  return PublicKey::from_bytes(scheme, point);
}

Result<hal::SecretBytes> x25519_secret(const hal::SecretBytes& seed) noexcept {
  hal::SecretBytes secret = HOLDFAST_TRY(hal::SecretBytes::allocate(crypto_scalarmult_SCALARBYTES));
  // Only the seed, which is the first half of libsodium's secret key, is looked at.
  if (crypto_sign_ed25519_sk_to_curve25519(reinterpret_cast<unsigned char*>(secret.storage({}).data()),
                                           native(seed.reveal({}))) != 0) {
    return failure(Status::device_fault, Layer::identity, "converting a key to X25519");
  }
  secret.set_size(crypto_scalarmult_SCALARBYTES);
  return secret;
}

Result<hal::SecretBytes> new_seed() noexcept {
  hal::SecretBytes seed = HOLDFAST_TRY(hal::SecretBytes::allocate(kPrivateKeySize));
  if (getrandom(seed.storage({}).data(), kPrivateKeySize, 0) != static_cast<ssize_t>(kPrivateKeySize)) {
    return failure(Status::resource_exhausted, Layer::system, "asking for random numbers");
  }
  seed.set_size(kPrivateKeySize);
  return seed;
}

Result<void> verify_rs256(std::string_view text, std::span<const std::byte> signature,
                          const RsaPublicKey& key) noexcept {
  if (key.modulus.size() < kLeastModulus || key.modulus.size() > kMostModulus) {
    return failure(Status::file_invalid, Layer::identity, kVerifying).about("the RSA key has not 2048 to 8192 bits");
  }
  RsaKey rsa;
  if (const int code = rsa.load(key); code != 0) {
    return failed(Status::file_invalid, code, kVerifying).about("the JWKS holds no usable RSA key");
  }
  // libsodium's SHA-256 wipes its state: the text holds a private key.
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
  crypto_hash_sha256(digest.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size());
  if (const int code = rsa.verify(digest, signature); code != 0) {
    return failed(Status::file_invalid, code, kVerifying).about("the signature is not the issuer's");
  }
  return {};
}

}  // namespace holdfast
