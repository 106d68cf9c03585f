// SPDX-License-Identifier: Apache-2.0
#include "hal/key_device.hpp"

namespace holdfast::hal {
namespace {

constexpr std::array<std::string_view, kKeyAttributeCount> kAttributeNames{
    // PKCS#11 v3.0 §4.7–4.9
    "CKA_TOKEN", "CKA_PRIVATE", "CKA_SENSITIVE", "CKA_ALWAYS_SENSITIVE", "CKA_EXTRACTABLE", "CKA_NEVER_EXTRACTABLE",
    "CKA_LOCAL", "CKA_SIGN", "CKA_SIGN_RECOVER", "CKA_DECRYPT", "CKA_UNWRAP", "CKA_DERIVE", "CKA_MODIFIABLE",
    "CKA_COPYABLE", "CKA_DESTROYABLE", "CKA_ALWAYS_AUTHENTICATE", "CKA_ALLOWED_MECHANISMS",
    // TPM 2.0 Library Part 2 §8.3
    "fixedTPM", "fixedParent", "sensitiveDataOrigin", "userWithAuth", "noDA", "restricted", "sign", "decrypt",
    "scheme", "name", "authPolicy", "PolicyPCR"};

static_assert(kAttributeNames[static_cast<std::size_t>(KeyAttribute::mechanisms_pinned)] == "CKA_ALLOWED_MECHANISMS");
static_assert(kAttributeNames[static_cast<std::size_t>(KeyAttribute::policy_known)] == "authPolicy");
static_assert(kAttributeNames[static_cast<std::size_t>(KeyAttribute::pcr_bound)] == "PolicyPCR");

}  // namespace

std::string_view attribute_name(KeyAttribute attribute) noexcept {
  const auto index = static_cast<std::size_t>(attribute);
  return index < kAttributeNames.size() ? kAttributeNames[index] : "unknown";
}

}  // namespace holdfast::hal
