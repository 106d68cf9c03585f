// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

// The header's argument checks are macros around the functions' names, which are a table's members here.
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#undef curl_easy_setopt
#undef curl_easy_getinfo

namespace holdfast {

/// The functions of libcurl that are used. A table, because the library is loaded when it is first needed, and so
/// that tests can put a failing one in.
struct CurlLibrary {
  decltype(&::curl_global_init) global_init = nullptr;
  decltype(&::curl_easy_init) easy_init = nullptr;
  decltype(&::curl_easy_setopt) easy_setopt = nullptr;
  decltype(&::curl_easy_perform) easy_perform = nullptr;
  decltype(&::curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&::curl_easy_cleanup) easy_cleanup = nullptr;
};

/// Opens `file_name` with the dynamic loader, reads the table and initialises the library, which stays loaded.
/// `file_invalid`, with the package to install as hint, if it is missing or lacks a function.
[[nodiscard]] Result<CurlLibrary> load_curl_library(const char* file_name) noexcept;

/// The process's libcurl, loaded at the first call; any thread. A failure is not kept: a later call tries again.
[[nodiscard]] Result<const CurlLibrary*> curl_library() noexcept;

}  // namespace holdfast
