// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include "src/registrar/curl_library.hpp"

#include <string_view>

namespace holdfast {

/// The error for a CURLcode: the status chosen by what can be done about it, the code and its name untouched.
/// `what` is libcurl's own message; it is made safe to show.
[[nodiscard]] Error curl_error(CURLcode code, const char* doing, std::string_view what);

/// What to do about a certificate that was refused (`CURLE_PEER_FAILED_VERIFICATION`): `verdict` is
/// `CURLINFO_SSL_VERIFYRESULT`, `is_ca_named` whether whoever asked named a CA. Null for a verdict that says too
/// little.
[[nodiscard]] const char* certificate_hint(long verdict, bool is_ca_named) noexcept;

/// What to do where an http: URL got no answer in HTTP: a port that speaks TLS ends a plain request so. Null for a
/// code that does not look like it.
[[nodiscard]] const char* plain_http_hint(CURLcode code) noexcept;

/// Whether what a transport that failed so was to send may have arrived all the same: false where there was no
/// connection to send it on, or none that was trusted, and where it was not tried.
[[nodiscard]] bool may_have_arrived(const Error& error) noexcept;

/// `CURLE_COULDNT_CONNECT`; null for a code that `curl_error` does not tell apart.
[[nodiscard]] const char* curl_code_name(CURLcode code) noexcept;

}  // namespace holdfast
