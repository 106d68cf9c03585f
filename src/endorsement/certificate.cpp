// SPDX-License-Identifier: Apache-2.0
#include "src/endorsement/certificate.hpp"

#include <mbedtls/asn1.h>
#include <mbedtls/rsa.h>
#include <mbedtls/x509_crt.h>

namespace holdfast {
namespace {

constexpr const char* kChecking = "checking the endorsement certificate";
constexpr std::string_view kEndorsementUsage = "\x67\x81\x05\x08\x01";  // 2.23.133.8.1, tcg-kp-EKCertificate

Error refusal(std::string_view rule) {
  return failure(Status::attestation_refused, Layer::verification, kChecking).about(rule);
}

const unsigned char* raw(const void* bytes) { return static_cast<const unsigned char*>(bytes); }

class Certificates {
 public:
  Certificates() { mbedtls_x509_crt_init(&list_); }
  ~Certificates() { mbedtls_x509_crt_free(&list_); }
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;
  [[nodiscard]] mbedtls_x509_crt* get() { return &list_; }

 private:
  mbedtls_x509_crt list_{};
};

Result<void> read_trusted(Certificates& trusted, std::string_view pem) {
  // The parser wants the terminating zero counted for PEM.
  const std::string text(pem);
  const int failed = mbedtls_x509_crt_parse(trusted.get(), raw(text.c_str()), text.size() + 1);
  if (failed == 0) return {};
  Error error = failure(Status::file_invalid, Layer::verification, "reading the trusted certificates");
  error.native = static_cast<std::uint64_t>(-failed);
  return std::move(error)
      .about("no certificates in PEM, or not all of them can be read")
      .with_hint("name a file with the maker's root and intermediate certificates, -----BEGIN CERTIFICATE-----");
}

Result<void> check_chain(Certificates& certificate, Certificates& trusted) {
  std::uint32_t flags = 0;
  const int failed =
      mbedtls_x509_crt_verify(certificate.get(), trusted.get(), nullptr, nullptr, &flags, nullptr, nullptr);
  if (failed == 0) return {};
  std::array<char, 512> reasons{};
  const int size = mbedtls_x509_crt_verify_info(reasons.data(), reasons.size(), "", flags);
  std::string_view first(reasons.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  first = first.substr(0, first.find('\n'));
  Error error = refusal(first.empty() ? "it was not issued under the trusted certificates" : first);
  error.native = flags != 0 ? flags : static_cast<std::uint64_t>(-failed);
  return error;
}

Result<void> check_usage(const mbedtls_x509_crt* certificate) {
  if (mbedtls_x509_crt_check_extended_key_usage(certificate, kEndorsementUsage.data(), kEndorsementUsage.size()) !=
      0) {
    return refusal("it is not for an endorsement key (extended key usage)");
  }
  if (mbedtls_x509_crt_check_key_usage(certificate, MBEDTLS_X509_KU_KEY_ENCIPHERMENT) != 0) {
    return refusal("its key is not for encryption (key usage)");
  }
  return {};
}

}  // namespace

bool is_rsa_certificate(std::span<const std::byte> der) {
  Certificates certificate;
  return mbedtls_x509_crt_parse_der(certificate.get(), raw(der.data()), der.size()) == 0 &&
         mbedtls_pk_can_do(&certificate.get()->pk, MBEDTLS_PK_RSA) != 0;
}

Result<EndorsementPublicKey> check_endorsement_certificate(std::span<const std::byte> der,
                                                           std::string_view trusted_pem) {
  Certificates trusted;
  HOLDFAST_TRY(read_trusted(trusted, trusted_pem));
  Certificates certificate;
  const int failed = mbedtls_x509_crt_parse_der(certificate.get(), raw(der.data()), der.size());
  if (failed != 0) {
    Error error = refusal("it is no certificate that can be read");
    error.native = static_cast<std::uint64_t>(-failed);
    return error;
  }
  HOLDFAST_TRY(check_chain(certificate, trusted));
  HOLDFAST_TRY(check_usage(certificate.get()));

  EndorsementPublicKey key;
  auto* modulus = reinterpret_cast<unsigned char*>(key.modulus.data());
  auto* exponent = reinterpret_cast<unsigned char*>(key.exponent.data());
  const bool is_rsa = mbedtls_pk_can_do(&certificate.get()->pk, MBEDTLS_PK_RSA) != 0;
  const mbedtls_rsa_context* rsa = is_rsa ? mbedtls_pk_rsa(certificate.get()->pk) : nullptr;
  if (rsa == nullptr || mbedtls_rsa_get_len(rsa) != key.modulus.size() ||
      mbedtls_rsa_export_raw(rsa, modulus, key.modulus.size(), nullptr, 0, nullptr, 0, nullptr, 0, exponent,
                             key.exponent.size()) != 0) {
    return refusal("its key is not RSA with 2048 bits, the one kind of endorsement key that is known here");
  }
  std::array<char, 256> issuer{};
  const int size = mbedtls_x509_dn_gets(issuer.data(), issuer.size(), &certificate.get()->issuer);
  if (size > 0) key.issuer.assign(issuer.data(), static_cast<std::size_t>(size));
  return key;
}

}  // namespace holdfast
