// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/temporary_folder.hpp"

#include <chrono>
#include <string>

namespace holdfast::test {

/// A self-signed P-256 certificate and its key as PEM files that live as long as the object. It is its own CA, so
/// that naming it as trust anchor is enough, and it serves as a client's as well.
class ServerCertificate {
 public:
  static constexpr const char* kLocalNames = "DNS:localhost,IP:127.0.0.1,IP:::1";
  /// When it holds, from now; before that (`from` in the future) or afterwards (`until` in the past) it does not.
  struct Validity {
    std::chrono::seconds from = std::chrono::hours(-1);
    std::chrono::seconds until = std::chrono::hours(24);
  };

  /// `names` as OpenSSL's subjectAltName takes them: "DNS:localhost,IP:127.0.0.1".
  explicit ServerCertificate(const std::string& names = kLocalNames) : ServerCertificate(names, Validity()) {}
  ServerCertificate(const std::string& names, Validity validity);

  [[nodiscard]] std::string certificate_file() const { return folder_.file("certificate.pem"); }
  [[nodiscard]] std::string key_file() const { return folder_.file("key.pem"); }

 private:
  TemporaryFolder folder_;
};

}  // namespace holdfast::test
