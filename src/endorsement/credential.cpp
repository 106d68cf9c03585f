// SPDX-License-Identifier: Apache-2.0
#include "src/endorsement/credential.hpp"

#include <mbedtls/aes.h>
#include <mbedtls/md.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/rsa.h>
#include <mbedtls/version.h>
#include <sys/random.h>

#include <initializer_list>

namespace holdfast {
namespace {

constexpr const char* kMaking = "making a challenge";
constexpr std::size_t kDigestSize = 32;
constexpr std::size_t kAesKeySize = 16;  // AES-128-CFB, the symmetric algorithm of the L-1 template
constexpr std::size_t kAesBlockSize = 16;

using Digest = std::array<unsigned char, kDigestSize>;
using View = std::span<const unsigned char>;

View view(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()};
}
View view(std::string_view text) { return view(std::as_bytes(std::span(text))); }

Error failed(std::string_view why) {
  return failure(Status::resource_exhausted, Layer::verification, kMaking).about(why);
}

int draw(void*, unsigned char* out, std::size_t size) {
  while (size > 0) {
    const ssize_t got = getrandom(out, std::min<std::size_t>(size, 256), 0);
    if (got <= 0) return MBEDTLS_ERR_RSA_RNG_FAILED;
    out += got;
    size -= static_cast<std::size_t>(got);
  }
  return 0;
}

bool hmac(View key, std::initializer_list<View> parts, Digest& out) {
  mbedtls_md_context_t context;
  mbedtls_md_init(&context);
  bool is_done = mbedtls_md_setup(&context, mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), 1) == 0 &&
                 mbedtls_md_hmac_starts(&context, key.data(), key.size()) == 0;
  for (const View part : parts) is_done = is_done && mbedtls_md_hmac_update(&context, part.data(), part.size()) == 0;
  is_done = is_done && mbedtls_md_hmac_finish(&context, out.data()) == 0;
  mbedtls_md_free(&context);
  return is_done;
}

// KDFa (TPM 2.0 Library Part 1 §11.4.10.2) for at most one digest.
bool derive(View seed, std::string_view label, View context, std::uint16_t bits, Digest& out) {
  const std::array<unsigned char, 4> counter{0, 0, 0, 1};
  const std::array<unsigned char, 1> zero{};
  const std::array<unsigned char, 4> size{0, 0, static_cast<unsigned char>(bits >> 8U),
                                          static_cast<unsigned char>(bits & 0xFFU)};
  return hmac(seed, {counter, view(label), zero, context, size}, out);
}

// AES-128-CFB from an initial vector of zeroes, in place (Part 1 §24.4).
bool encrypt(View key, std::span<unsigned char> bytes) {
  mbedtls_aes_context context;
  mbedtls_aes_init(&context);
  std::array<unsigned char, kAesBlockSize> vector{};
  std::size_t offset = 0;
  const bool is_done = mbedtls_aes_setkey_enc(&context, key.data(), kAesKeySize * 8) == 0 &&
                       mbedtls_aes_crypt_cfb128(&context, MBEDTLS_AES_ENCRYPT, bytes.size(), &offset, vector.data(),
                                                bytes.data(), bytes.data()) == 0;
  mbedtls_aes_free(&context);
  return is_done;
}

// RSAES-OAEP (RFC 8017 §7.1.1); the label's terminating zero belongs to it (Part 1 annex B.4).
bool encrypt_seed(const EndorsementPublicKey& key, View seed, std::span<unsigned char> out) {
  constexpr std::string_view kLabel("IDENTITY\0", 9);
  mbedtls_rsa_context rsa;
#if MBEDTLS_VERSION_MAJOR < 3
  mbedtls_rsa_init(&rsa, MBEDTLS_RSA_PKCS_V21, MBEDTLS_MD_SHA256);
#else
  mbedtls_rsa_init(&rsa);
  (void)mbedtls_rsa_set_padding(&rsa, MBEDTLS_RSA_PKCS_V21, MBEDTLS_MD_SHA256);
#endif
  const View modulus = view(key.modulus);
  const View exponent = view(key.exponent);
  bool is_done = mbedtls_rsa_import_raw(&rsa, modulus.data(), modulus.size(), nullptr, 0, nullptr, 0, nullptr, 0,
                                        exponent.data(), exponent.size()) == 0 &&
                 mbedtls_rsa_complete(&rsa) == 0 && mbedtls_rsa_check_pubkey(&rsa) == 0;
#if MBEDTLS_VERSION_MAJOR < 3
  is_done = is_done && mbedtls_rsa_rsaes_oaep_encrypt(&rsa, draw, nullptr, MBEDTLS_RSA_PUBLIC, view(kLabel).data(),
                                                      kLabel.size(), seed.size(), seed.data(), out.data()) == 0;
#else
  is_done = is_done && mbedtls_rsa_rsaes_oaep_encrypt(&rsa, draw, nullptr, view(kLabel).data(), kLabel.size(),
                                                      seed.size(), seed.data(), out.data()) == 0;
#endif
  mbedtls_rsa_free(&rsa);
  return is_done;
}

void append(std::vector<std::byte>& out, View bytes) {
  const auto copied = std::as_bytes(bytes);
  out.insert(out.end(), copied.begin(), copied.end());
}

}  // namespace

Result<Credential> make_credential(const EndorsementPublicKey& key, const TpmName& name,
                                   std::span<const std::byte> secret) {
  if (secret.empty() || secret.size() > kMaxCredentialSecret) {
    return failure(Status::invalid_argument, Layer::verification, kMaking).about("a secret has 1 to 32 bytes");
  }
  Digest seed{};
  Digest storage_key{};
  Digest integrity_key{};
  Digest code{};
  std::vector<unsigned char> identity{0, static_cast<unsigned char>(secret.size())};
  identity.insert(identity.end(), view(secret).begin(), view(secret).end());
  std::array<unsigned char, EndorsementPublicKey::kModulusSize> encrypted{};
  const bool is_drawn = draw(nullptr, seed.data(), seed.size()) == 0;
  const bool is_done = is_drawn && derive(seed, "STORAGE", view(name), kAesKeySize * 8, storage_key) &&
                       encrypt(storage_key, identity) &&
                       derive(seed, "INTEGRITY", {}, kDigestSize * 8, integrity_key) &&
                       hmac(integrity_key, {identity, view(name)}, code) && encrypt_seed(key, seed, encrypted);
  for (Digest* used : {&seed, &storage_key, &integrity_key}) mbedtls_platform_zeroize(used->data(), used->size());
  if (!is_drawn) return failed("no randomness");
  if (!is_done) return failed("the endorsement key cannot be used, or there is no memory");

  Credential credential;
  append(credential.blob, std::array<unsigned char, 2>{0, kDigestSize});
  append(credential.blob, code);
  append(credential.blob, identity);
  append(credential.seed, encrypted);
  return credential;
}

}  // namespace holdfast
