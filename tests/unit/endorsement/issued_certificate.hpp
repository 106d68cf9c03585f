// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace holdfast::test {

struct OpensslDeleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using OpensslKey = std::unique_ptr<EVP_PKEY, OpensslDeleter>;
using OpensslCertificate = std::unique_ptr<X509, OpensslDeleter>;

/// The public half of an RSA key that nobody has: a certificate says nothing else of it, and making one takes long.
inline OpensslKey rsa_key(std::size_t bits, std::uint64_t exponent = 65537) {
  const std::vector<unsigned char> bytes(bits / 8, 0xC3);
  BIGNUM* modulus = BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr);
  BIGNUM* power = nullptr;
  BN_dec2bn(&power, std::to_string(exponent).c_str());
  OSSL_PARAM_BLD* builder = OSSL_PARAM_BLD_new();
  OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus);
  OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, power);
  OSSL_PARAM* parameters = OSSL_PARAM_BLD_to_param(builder);
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr);
  EVP_PKEY* key = nullptr;
  const bool is_made =
      EVP_PKEY_fromdata_init(context) == 1 && EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) == 1;
  EVP_PKEY_CTX_free(context);
  OSSL_PARAM_free(parameters);
  OSSL_PARAM_BLD_free(builder);
  BN_free(power);
  BN_free(modulus);
  if (!is_made) throw std::runtime_error("no RSA key");
  return OpensslKey(key);
}
inline OpensslKey ec_key() { return OpensslKey(EVP_EC_gen("P-256")); }

/// What a maker writes into a certificate. The times are seconds from now.
struct CertificateTerms {
  std::string name = "an endorsement key";
  std::string key_usage = "critical,keyEncipherment";
  std::string extended_key_usage = "2.23.133.8.1";  ///< TCG EK Credential Profile §3.2.15; empty: none
  bool is_authority = false;
  long from = -3600;
  long until = 3600;
};

/// A certificate for `key`, issued by `issuer` under `issuer_key`; by itself if there is no issuer.
inline OpensslCertificate issue(EVP_PKEY* key, EVP_PKEY* issuer_key, const X509* issuer,
                                const CertificateTerms& terms) {
  OpensslCertificate made(X509_new());
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 7);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), terms.from);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), terms.until);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(terms.name.c_str()), -1, -1, 0);
  X509_set_issuer_name(made.get(), X509_get_subject_name(issuer != nullptr ? issuer : made.get()));
  X509_set_pubkey(made.get(), key);
  const auto extend = [&](int kind, const std::string& value) {
    if (value.empty()) return;
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
    if (extension == nullptr) throw std::runtime_error("no extension " + value);
    X509_add_ext(made.get(), extension, -1);
    X509_EXTENSION_free(extension);
  };
  extend(NID_basic_constraints, terms.is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  extend(NID_key_usage, terms.is_authority ? "critical,keyCertSign" : terms.key_usage);
  if (!terms.is_authority) extend(NID_ext_key_usage, terms.extended_key_usage);
  if (X509_sign(made.get(), issuer_key, EVP_sha256()) == 0) throw std::runtime_error("no signature");
  return made;
}

inline std::vector<std::byte> der_of(const X509* certificate) {
  unsigned char* bytes = nullptr;
  const int size = i2d_X509(certificate, &bytes);
  const auto* first = reinterpret_cast<const std::byte*>(bytes);
  std::vector<std::byte> der(first, first + (size > 0 ? size : 0));
  OPENSSL_free(bytes);
  return der;
}

inline std::string pem_of(X509* certificate) {
  BIO* out = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(out, certificate);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out, &text);
  std::string pem(text, static_cast<std::size_t>(size));
  BIO_free(out);
  return pem;
}

}  // namespace holdfast::test
