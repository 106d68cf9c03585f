// SPDX-License-Identifier: Apache-2.0
#include "src/c_api/key_info.hpp"

#include <cstring>

namespace holdfast::c_api {

static_assert(HOLDFAST_SCHEME_ED25519 == static_cast<int>(Scheme::ed25519) &&
              HOLDFAST_SCHEME_ES256 == static_cast<int>(Scheme::es256));
static_assert(HOLDFAST_PROFILE_STRICT == static_cast<int>(KeyProfile::strict) &&
              HOLDFAST_PROFILE_IMPORTED == static_cast<int>(KeyProfile::imported) &&
              HOLDFAST_PROFILE_SHARED == static_cast<int>(KeyProfile::shared));
static_assert(sizeof(holdfast_key_info::public_key) >= kP256PointSize);
static_assert(sizeof(holdfast_key_info::runtime_id) > kMaxIdentifierSize);
static_assert(sizeof(holdfast_key_info::ssh_public_key) > kMaxSshPublicKeySize);
static_assert(sizeof(holdfast_task_registration::timestamp) > kTimestampSize);
static_assert(sizeof(holdfast_task_registration::signature) > kSignatureTextSize);
static_assert(HOLDFAST_AUTHORIZATION_CAPACITY == kMaxAuthorizationSize + 1);
static_assert(HOLDFAST_IDENTIFIER_CAPACITY == kMaxIdentifierSize + 1);

holdfast_key_info key_info(const RuntimeId& runtime_id, const PublicKey& key, const KeyPolicy& policy) noexcept {
  holdfast_key_info info = HOLDFAST_KEY_INFO_INIT;
  info.scheme = static_cast<std::uint32_t>(key.scheme());
  info.profile = static_cast<std::uint32_t>(policy.profile);
  info.verifies_always = policy.verify == VerifySignatures::always ? 1 : 0;
  info.max_age_s = policy.max_age_s;
  info.public_key_size = static_cast<std::uint32_t>(key.bytes().size());
  std::memcpy(info.public_key, key.bytes().data(), key.bytes().size());
  copy_text(runtime_id.view(), info.runtime_id);
  copy_text(to_ssh_public_key(key).view(), info.ssh_public_key);
  return info;
}

holdfast_counters counters_of(const SignerCounters& counters) noexcept {
  return {.struct_size = sizeof(holdfast_counters),
          .reserved = 0,
          .headers = counters.headers,
          .headers_reused = counters.headers_reused,
          .signatures = counters.signatures,
          .verifications = counters.verifications,
          .device_errors = counters.device_errors,
          .resets = counters.resets,
          .recoveries = counters.recoveries,
          .abandoned_calls = counters.abandoned_calls};
}

}  // namespace holdfast::c_api
