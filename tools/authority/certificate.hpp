// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"
#include "holdfast/result.hpp"

#include <string>

namespace holdfast::authority {

/// Where a server's certificate (PEM, chain allowed) and its private key (PEM, unencrypted) lie.
struct CertificateFiles {
  std::string certificate;
  std::string private_key;
};

/// Checks that both files can be read and belong together; `file_invalid` names what is wrong.
[[nodiscard]] Result<void> check_certificate(const CertificateFiles& files) noexcept;

/// Sees to it that `files` hold a self-signed P-256 certificate for `localhost`, `127.0.0.1`, `::1` and `address`
/// (a numeric one; empty, or a wildcard, adds nothing), valid for more than a day from `now`.
///
/// What serves is kept, so that a restart changes nothing for clients that pinned it; anything else is replaced by
/// a new pair (the key with mode 0600). True if it was replaced. The certificate is no CA: trusting it trusts this
/// server only.
[[nodiscard]] Result<bool> provide_certificate(const CertificateFiles& files, const std::string& address,
                                               WallSeconds now) noexcept;

/// The text of a PEM certificate file, to be handed to clients; `file_invalid` if it cannot be read.
[[nodiscard]] Result<std::string> read_certificate(const std::string& path) noexcept;

}  // namespace holdfast::authority
