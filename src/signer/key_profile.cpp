// SPDX-License-Identifier: Apache-2.0
#include "holdfast/signer.hpp"

namespace holdfast {

std::string_view profile_name(KeyProfile profile) noexcept {
  switch (profile) {
    case KeyProfile::strict:
      return "strict";
    case KeyProfile::imported:
      return "imported";
    case KeyProfile::shared:
      return "shared";
  }
  return "unknown";
}

Result<KeyProfile> parse_profile(std::string_view name) noexcept {
  for (const KeyProfile profile : {KeyProfile::strict, KeyProfile::imported, KeyProfile::shared}) {
    if (name == profile_name(profile)) return profile;
  }
  return failure(Status::invalid_argument, Layer::core, "reading a key profile")
      .about("it is none of strict, imported, shared");
}

}  // namespace holdfast
