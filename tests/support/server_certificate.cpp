// SPDX-License-Identifier: Apache-2.0
#include "tests/support/server_certificate.hpp"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <stdexcept>

namespace holdfast::test {
namespace {

template <auto Free>
struct FreeWith {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, FreeWith<X509_free>>;

void require(bool holds) {
  if (!holds) throw std::runtime_error("no certificate could be made");
}

void add_extension(X509* certificate, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, FreeWith<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, kind, value));
  require(extension && X509_add_ext(certificate, extension.get(), -1) == 1);
}

Certificate make_certificate(EVP_PKEY* key, const std::string& names, ServerCertificate::Validity validity) {
  Certificate certificate(X509_new());
  require(certificate != nullptr);
  X509* x509 = certificate.get();
  X509_NAME* subject = X509_get_subject_name(x509);
  const auto* common_name = reinterpret_cast<const unsigned char*>("holdfast test");
  require(X509_set_version(x509, X509_VERSION_3) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(x509), 1) == 1 &&
          X509_gmtime_adj(X509_getm_notBefore(x509), static_cast<long>(validity.from.count())) != nullptr &&
          X509_gmtime_adj(X509_getm_notAfter(x509), static_cast<long>(validity.until.count())) != nullptr &&
          X509_set_pubkey(x509, key) == 1 &&
          X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, common_name, -1, -1, 0) == 1 &&
          X509_set_issuer_name(x509, subject) == 1);
  add_extension(x509, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(x509, NID_subject_key_identifier, "hash");
  add_extension(x509, NID_subject_alt_name, names.c_str());
  require(X509_sign(x509, key, EVP_sha256()) > 0);
  return certificate;
}

template <typename Write>
void write_pem(const std::string& path, Write write) {
  const std::unique_ptr<std::FILE, FreeWith<std::fclose>> file(std::fopen(path.c_str(), "wx"));
  require(file && write(file.get()) == 1);
}

}  // namespace

ServerCertificate::ServerCertificate(const std::string& names, Validity validity) {
  const Key key(EVP_EC_gen("P-256"));
  require(key != nullptr);
  const Certificate certificate = make_certificate(key.get(), names, validity);
  write_pem(certificate_file(), [&](std::FILE* file) { return PEM_write_X509(file, certificate.get()); });
  write_pem(key_file(), [&](std::FILE* file) {
    return PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

}  // namespace holdfast::test
