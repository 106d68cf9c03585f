// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/temporary_folder.hpp"

#include <string>

namespace holdfast::test {

/// A self-signed P-256 certificate and its key as PEM files that live as long as the object. It is its own CA, so
/// that naming it as trust anchor is enough, and it serves as a client's as well.
class ServerCertificate {
 public:
  /// `names` as OpenSSL's subjectAltName takes them: "DNS:localhost,IP:127.0.0.1".
  explicit ServerCertificate(const std::string& names = "DNS:localhost,IP:127.0.0.1,IP:::1");

  [[nodiscard]] std::string certificate_file() const { return folder_.file("certificate.pem"); }
  [[nodiscard]] std::string key_file() const { return folder_.file("key.pem"); }

 private:
  TemporaryFolder folder_;
};

}  // namespace holdfast::test
