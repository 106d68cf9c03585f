// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"
#include "holdfast/holdfast.h"
#include "holdfast/public_key.hpp"
#include "holdfast/signer.hpp"

#include <cstdint>
#include <iterator>
#include <string_view>

namespace holdfast::c_api {

/// What a key is held to.
struct KeyPolicy {
  KeyProfile profile = KeyProfile::strict;
  VerifySignatures verify = VerifySignatures::always;
  std::uint32_t max_age_s = 0;
};

/// Copies `text` and a NUL into a member that is longer than any such text.
template <std::size_t Capacity>
void copy_text(std::string_view text, char (&out)[Capacity]) noexcept {
  out[text.copy(std::begin(out), Capacity - 1)] = '\0';
}

[[nodiscard]] holdfast_key_info key_info(const RuntimeId& runtime_id, const PublicKey& key,
                                         const KeyPolicy& policy) noexcept;
[[nodiscard]] holdfast_counters counters_of(const SignerCounters& counters) noexcept;

}  // namespace holdfast::c_api
