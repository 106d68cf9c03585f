// SPDX-License-Identifier: Apache-2.0
#include "holdfast/holdfast.h"
#include "holdfast/verifier.hpp"

#include "src/c_api/argument.hpp"
#include "src/c_api/error.hpp"
#include "src/c_api/key_info.hpp"

using holdfast::PublicKey;
using holdfast::Result;
using holdfast::RuntimeId;
using holdfast::UnverifiedAssertion;
using holdfast::VerifyWindow;
using holdfast::WallSeconds;
using holdfast::c_api::copy_text;
using holdfast::c_api::has_known_size;
using holdfast::c_api::Outcome;

static_assert(sizeof(holdfast_assertion::task_id) > holdfast::kMaxIdentifierSize);

namespace {

constexpr const char* kReading = "reading a header";
constexpr const char* kVerifying = "verifying a header";
constexpr const char* kVerifyingRegistration = "verifying a task registration";
constexpr std::string_view kUnknownAssertion = "out_assertion is null or of an unknown size";

holdfast_assertion described(const UnverifiedAssertion& assertion) noexcept {
  holdfast_assertion out = HOLDFAST_ASSERTION_INIT;
  out.time_s = assertion.time.value;
  copy_text(assertion.runtime_id.view(), out.runtime_id);
  copy_text(assertion.task_id.view(), out.task_id);
  copy_text(assertion.timestamp.view(), out.timestamp);
  return out;
}

Result<holdfast_assertion> verify(std::string_view value, const char* key_line, const VerifyWindow& window) noexcept {
  const PublicKey key = HOLDFAST_TRY(holdfast::parse_ssh_public_key(key_line));
  const UnverifiedAssertion assertion = HOLDFAST_TRY(holdfast::parse_authorization(value));
  if (const auto verified = holdfast::verify_assertion(assertion, key, window); !verified) return verified.error();
  return described(assertion);
}

Result<void> verify_registration(const char* runtime_id, const char* timestamp, const char* signature,
                                 const char* key_line, const VerifyWindow& window) noexcept {
  const PublicKey key = HOLDFAST_TRY(holdfast::parse_ssh_public_key(key_line));
  const RuntimeId runtime = HOLDFAST_TRY(RuntimeId::parse(runtime_id));
  return holdfast::verify_task_registration(runtime, timestamp, signature, key, window);
}

}  // namespace

holdfast_status holdfast_parse_authorization(const char* value, size_t value_size, holdfast_assertion* out_assertion,
                                             holdfast_error* out_error) {
  const Outcome outcome(out_error);
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (!has_known_size(out_assertion)) return outcome.bad_argument(kReading, kUnknownAssertion);
  *out_assertion = HOLDFAST_ASSERTION_INIT;
  if (value == nullptr) return outcome.bad_argument(kReading, "value is null");
  const Result<UnverifiedAssertion> assertion = holdfast::parse_authorization({value, value_size});
  if (assertion) *out_assertion = described(*assertion);
  return outcome.of(assertion);
}

holdfast_status holdfast_verify_authorization(const char* value, size_t value_size, const char* ssh_public_key,
                                              int64_t now_s, uint32_t window_s, holdfast_assertion* out_assertion,
                                              holdfast_error* out_error) {
  const Outcome outcome(out_error);
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (!has_known_size(out_assertion)) return outcome.bad_argument(kVerifying, kUnknownAssertion);
  *out_assertion = HOLDFAST_ASSERTION_INIT;
  if (value == nullptr) return outcome.bad_argument(kVerifying, "value is null");
  if (ssh_public_key == nullptr) return outcome.bad_argument(kVerifying, "ssh_public_key is null");
  const Result<holdfast_assertion> verified =
      verify({value, value_size}, ssh_public_key, {WallSeconds{now_s}, std::int64_t{window_s}});
  if (verified) *out_assertion = *verified;
  return outcome.of(verified);
}

holdfast_status holdfast_verify_task_registration(const char* runtime_id, const char* timestamp,
                                                  const char* signature, const char* ssh_public_key, int64_t now_s,
                                                  uint32_t window_s, holdfast_error* out_error) {
  const Outcome outcome(out_error);
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (runtime_id == nullptr || timestamp == nullptr || signature == nullptr || ssh_public_key == nullptr) {
    return outcome.bad_argument(kVerifyingRegistration, "a text is null");
  }
  return outcome.of(verify_registration(runtime_id, timestamp, signature, ssh_public_key,
                                        {WallSeconds{now_s}, std::int64_t{window_s}}));
}
