// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/throwaway_place.hpp"

#include "hal/system_error.hpp"
#include "tools/holdfast/key_uri.hpp"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <utility>

namespace holdfast::tool {
namespace {

constexpr const char* kChoosing = "choosing a place for a throwaway key";

Result<std::string> random_label() {
  std::uint64_t random = 0;
  if (::getrandom(&random, sizeof random, 0) != sizeof random) {
    return hal::system_error(errno, kChoosing, "getrandom");
  }
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof digits, random, 16).ptr;
  return std::string(kThrowawayPrefix) + std::string(digits, end);
}

// Made with mode 0700: nobody else can put a key into it.
Result<std::string> new_folder() {
  const char* given = ::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): one thread
  const bool is_absolute = given != nullptr && *given == '/';
  std::string folder = std::string(is_absolute ? given : "/tmp") + "/" + std::string(kThrowawayPrefix) + "XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) return hal::system_error(errno, kChoosing, folder);
  return folder;
}

}  // namespace

Result<ThrowawayPlace> ThrowawayPlace::choose(std::string_view token_uri) {
  ThrowawayPlace place;
  if (is_tpm_uri(token_uri)) {
    place.folder_ = HOLDFAST_TRY(new_folder());
    place.uri_ = with_path_attribute(token_uri, "file", place.folder_ + "/key.pem");
  } else {
    place.label_ = HOLDFAST_TRY(random_label());
    place.uri_ = token_uri;
  }
  return place;
}

ThrowawayPlace::ThrowawayPlace(ThrowawayPlace&& other) noexcept
    : uri_(std::move(other.uri_)), label_(std::move(other.label_)), folder_(std::exchange(other.folder_, {})) {}

ThrowawayPlace::~ThrowawayPlace() {
  if (!folder_.empty()) ::rmdir(folder_.c_str());
}

}  // namespace holdfast::tool
