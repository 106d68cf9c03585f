// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/curl_library.hpp"

#include <dlfcn.h>

#include <mutex>

namespace holdfast {
namespace {

constexpr const char* kDoing = "loading libcurl";

Error unusable(std::string_view why) noexcept {
  return failure(Status::file_invalid, Layer::http, kDoing)
      .about(why)
      .with_hint("install it: apt-get install libcurl4 (Debian 12) or libcurl4t64 (Debian 13)");
}

template <typename Function>
bool read_symbol(void* library, const char* name, Function& out) noexcept {
  out = reinterpret_cast<Function>(dlsym(library, name));
  return out != nullptr;
}

}  // namespace

Result<CurlLibrary> load_curl_library(const char* file_name) noexcept {
  // Never closed: libcurl and the TLS library below it leave thread-local state and exit handlers behind.
  void* library = dlopen(file_name, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    // Of this thread and valid until its next call of the loader.
    const char* why = dlerror();  // NOLINT(concurrency-mt-unsafe): glibc keeps it per thread
    return unusable(why != nullptr ? why : file_name);
  }
  CurlLibrary table;
  const bool is_complete = read_symbol(library, "curl_global_init", table.global_init) &&
                           read_symbol(library, "curl_easy_init", table.easy_init) &&
                           read_symbol(library, "curl_easy_setopt", table.easy_setopt) &&
                           read_symbol(library, "curl_easy_perform", table.easy_perform) &&
                           read_symbol(library, "curl_easy_getinfo", table.easy_getinfo) &&
                           read_symbol(library, "curl_easy_cleanup", table.easy_cleanup);
  if (!is_complete) return unusable("a function is missing in it");
  if (const CURLcode code = table.global_init(CURL_GLOBAL_DEFAULT); code != CURLE_OK) {
    Error error = failure(Status::resource_exhausted, Layer::http, kDoing).about("curl_global_init failed");
    error.native = static_cast<std::uint64_t>(code);
    return error;
  }
  return table;
}

Result<const CurlLibrary*> curl_library() noexcept {
  // Process-wide because what it loads is: the dynamic loader's own state and curl_global_init's.
  static std::mutex mutex;
  static CurlLibrary table;
  static bool is_loaded = false;
  const std::lock_guard lock(mutex);
  if (!is_loaded) {
    table = HOLDFAST_TRY(load_curl_library("libcurl.so.4"));
    is_loaded = true;
  }
  return &table;
}

}  // namespace holdfast
