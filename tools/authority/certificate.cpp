// SPDX-License-Identifier: Apache-2.0
#include "tools/authority/certificate.hpp"

#include "hal/trusted_file.hpp"
#include "tools/authority/state_file.hpp"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <fcntl.h>

#include <array>
#include <memory>
#include <new>

namespace holdfast::authority {
namespace {

constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kValidity = 397 * kDay;  // the longest that TLS clients accept from any issuer
constexpr std::int64_t kLeastRemaining = kDay;
constexpr std::int64_t kClockSlack = 3'600;
constexpr std::size_t kMaxPemSize = 65'536;

struct Free {
  void operator()(BIO* bio) const noexcept { BIO_free_all(bio); }
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const noexcept { X509_free(certificate); }
  void operator()(X509_EXTENSION* extension) const noexcept { X509_EXTENSION_free(extension); }
  void operator()(BIGNUM* number) const noexcept { BN_free(number); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

Error certificate_error(const char* doing, std::string_view about) noexcept {
  Error error = failure(Status::file_invalid, Layer::system, doing);
  error.native = ERR_peek_last_error();
  ERR_clear_error();
  error.detail.append(about);
  return error;
}

// Without a callback OpenSSL would ask for a passphrase on the terminal.
int no_passphrase(char* /*out*/, int /*size*/, int /*for_writing*/, void* /*context*/) noexcept { return -1; }

Result<std::string> read_file(const std::string& path) {
  const hal::FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file) return certificate_error("reading a PEM file", path + " cannot be opened");
  std::string text(kMaxPemSize, '\0');
  const std::size_t size = HOLDFAST_TRY(hal::read_all(file.get(), std::as_writable_bytes(std::span(text))));
  text.resize(size);
  return text;
}

struct Pair {
  Owned<X509> certificate;
  Owned<EVP_PKEY> key;
};

Owned<BIO> memory(std::string_view text) noexcept {
  return Owned<BIO>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Result<Pair> load(const CertificateFiles& files) {
  Pair pair;
  const std::string certificate = HOLDFAST_TRY(read_file(files.certificate));
  std::string key = HOLDFAST_TRY(read_file(files.private_key));
  pair.certificate.reset(PEM_read_bio_X509(memory(certificate).get(), nullptr, no_passphrase, nullptr));
  pair.key.reset(PEM_read_bio_PrivateKey(memory(key).get(), nullptr, no_passphrase, nullptr));
  OPENSSL_cleanse(key.data(), key.size());
  if (!pair.certificate) {
    return certificate_error("reading the certificate", files.certificate + " holds no PEM certificate");
  }
  if (!pair.key) {
    return certificate_error("reading the private key", files.private_key + " holds no unencrypted PEM key");
  }
  if (X509_check_private_key(pair.certificate.get(), pair.key.get()) != 1) {
    return certificate_error("reading the certificate",
                             files.private_key + " is not the key of " + files.certificate);
  }
  return pair;
}

bool is_wildcard(const std::string& address) { return address.empty() || address == "0.0.0.0" || address == "::"; }

bool serves(X509* certificate, const std::string& address, WallSeconds now) {
  auto limit = static_cast<time_t>(now.value + kLeastRemaining);
  auto begin = static_cast<time_t>(now.value);
  return X509_cmp_time(X509_get0_notAfter(certificate), &limit) > 0 &&
         X509_cmp_time(X509_get0_notBefore(certificate), &begin) < 0 &&
         X509_check_host(certificate, "localhost", 0, 0, nullptr) == 1 &&
         X509_check_ip_asc(certificate, "127.0.0.1", 0) == 1 && X509_check_ip_asc(certificate, "::1", 0) == 1 &&
         (is_wildcard(address) || X509_check_ip_asc(certificate, address.c_str(), 0) == 1);
}

bool add_extension(X509* certificate, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const Owned<X509_EXTENSION> extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool set_random_serial(X509* certificate) {
  const Owned<BIGNUM> serial(BN_new());
  // RFC 5280 §4.1.2.2: positive, at most 20 octets.
  return serial && BN_rand(serial.get(), 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
         BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool fill(X509* certificate, EVP_PKEY* key, const std::string& address, WallSeconds now) {
  const auto begin = static_cast<time_t>(now.value - kClockSlack);
  const auto end = static_cast<time_t>(now.value + kValidity);
  X509_NAME* name = X509_get_subject_name(certificate);
  const auto add_to_name = [name](const char* field, std::string_view text) {
    return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(text.data()),
                                      static_cast<int>(text.size()), -1, 0) == 1;
  };
  std::string names = "DNS:localhost,IP:127.0.0.1,IP:::1";
  if (!is_wildcard(address) && address != "127.0.0.1" && address != "::1") names += ",IP:" + address;
  return X509_set_version(certificate, X509_VERSION_3) == 1 && set_random_serial(certificate) &&
         ASN1_TIME_set(X509_getm_notBefore(certificate), begin) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), end) != nullptr && X509_set_pubkey(certificate, key) == 1 &&
         add_to_name("O", "Holdfast development authority") && add_to_name("CN", "localhost") &&
         X509_set_issuer_name(certificate, name) == 1 &&
         add_extension(certificate, NID_basic_constraints, "critical,CA:FALSE") &&
         add_extension(certificate, NID_key_usage, "critical,digitalSignature") &&
         add_extension(certificate, NID_ext_key_usage, "serverAuth") &&
         add_extension(certificate, NID_subject_alt_name, names) &&
         add_extension(certificate, NID_subject_key_identifier, "hash") &&
         X509_sign(certificate, key, EVP_sha256()) > 0;
}

std::string_view content_of(BIO* bio) noexcept {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

Result<void> make(const CertificateFiles& files, const std::string& address, WallSeconds now) {
  constexpr const char* kDoing = "making a certificate";
  const Owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
  const Owned<X509> certificate(X509_new());
  const Owned<BIO> certificate_text(BIO_new(BIO_s_mem()));
  const Owned<BIO> key_text(BIO_new(BIO_s_secmem()));
  if (!key || !certificate || !certificate_text || !key_text || !fill(certificate.get(), key.get(), address, now) ||
      PEM_write_bio_X509(certificate_text.get(), certificate.get()) != 1 ||
      PEM_write_bio_PKCS8PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return certificate_error(kDoing, "OpenSSL could not make it");
  }
  HOLDFAST_TRY(write_state_file(files.private_key, content_of(key_text.get()), kOwnerOnly));
  return write_state_file(files.certificate, content_of(certificate_text.get()), kReadableByAll);
}

}  // namespace

Result<void> check_certificate(const CertificateFiles& files) noexcept try {
  (void)HOLDFAST_TRY(load(files));
  return {};
} catch (const std::bad_alloc&) {
  return failure(Status::resource_exhausted, Layer::core, "reading the certificate");
}

Result<bool> provide_certificate(const CertificateFiles& files, const std::string& address, WallSeconds now) noexcept
    try {
  const Result<Pair> kept = load(files);
  if (kept && serves(kept->certificate.get(), address, now)) return false;
  HOLDFAST_TRY(make(files, address, now));
  return true;
} catch (const std::bad_alloc&) {
  return failure(Status::resource_exhausted, Layer::core, "making a certificate");
}

Result<std::string> read_certificate(const std::string& path) noexcept try {
  return read_file(path);
} catch (const std::bad_alloc&) {
  return failure(Status::resource_exhausted, Layer::core, "reading the certificate");
}

}  // namespace holdfast::authority
