// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include "src/registrar/curl_library.hpp"

#include <string_view>

namespace holdfast {

/// The error for a CURLcode: the status chosen by what can be done about it, the code and its name untouched.
/// `what` is libcurl's own message; it is made safe to show.
[[nodiscard]] Error curl_error(CURLcode code, const char* doing, std::string_view what);

/// `CURLE_COULDNT_CONNECT`; null for a code that `curl_error` does not tell apart.
[[nodiscard]] const char* curl_code_name(CURLcode code) noexcept;

}  // namespace holdfast
