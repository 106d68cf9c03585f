// SPDX-License-Identifier: Apache-2.0
#include "holdfast/signer.hpp"

#include "holdfast/holdfast.h"

#include "src/assertion/envelope.hpp"
#include "src/c_api/argument.hpp"
#include "src/c_api/callback_log.hpp"
#include "src/c_api/error.hpp"
#include "src/c_api/key_info.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>

using holdfast::Freshness;
using holdfast::KeyProfile;
using holdfast::Layer;
using holdfast::Result;
using holdfast::RuntimeId;
using holdfast::Scheme;
using holdfast::SealedTaskOpener;
using holdfast::Signer;
using holdfast::SignerOptions;
using holdfast::Status;
using holdfast::TaskId;
using holdfast::TaskRegistration;
using holdfast::VerifySignatures;
using holdfast::c_api::bad_argument;
using holdfast::c_api::CallbackLog;
using holdfast::c_api::copy_text;
using holdfast::c_api::has_known_size;
using holdfast::c_api::KeyPolicy;
using holdfast::c_api::Outcome;
using holdfast::c_api::read_options;
using holdfast::c_api::text_or_empty;
using holdfast::c_api::TextBuffer;
using holdfast::c_api::timeout_of;

struct holdfast_signer {
  std::unique_ptr<CallbackLog> log;  // outlives the signer
  Signer signer;
  KeyPolicy policy;
};

namespace {

constexpr const char* kOpening = "opening a signer";
constexpr const char* kAuthorizing = "making a header";
constexpr const char* kRegistering = "signing a task registration";
constexpr const char* kUnsealing = "opening a sealed task id";
constexpr const char* kReading = "reading about a signer";
constexpr std::string_view kNullSigner = "the signer is null";

// Of the first header, which ended before `log`.
constexpr std::size_t kFirstOptionsSize = offsetof(holdfast_signer_options, log);

constexpr std::uint32_t kSignerFlags = HOLDFAST_SIGNER_SHARES_MODULE |
                                       HOLDFAST_SIGNER_VERIFIES_AFTER_OPEN_AND_RECOVERY |
                                       HOLDFAST_SIGNER_SIGPIPE_IS_IGNORED;

[[gnu::cold]] Result<SignerOptions> read(const holdfast_signer_options& given) noexcept {
  if ((given.flags & ~kSignerFlags) != 0) return bad_argument(kOpening, "an unknown flag is set");
  if (given.reserved != 0) return bad_argument(kOpening, "reserved is not 0");
  if (given.runtime_id == nullptr) return bad_argument(kOpening, "runtime_id is null");
  if (given.key_uri == nullptr) return bad_argument(kOpening, "key_uri is null");
  if (given.profile > HOLDFAST_PROFILE_SHARED) return bad_argument(kOpening, "profile is none that is known");
  if (given.scheme > HOLDFAST_SCHEME_ES256) return bad_argument(kOpening, "scheme is none that is known");
  if (given.sessions > UINT16_MAX) return bad_argument(kOpening, "sessions is not 1 to 64");
  if (given.log == nullptr && given.log_context != nullptr) {
    return bad_argument(kOpening, "log_context is set, log is null");
  }
  SignerOptions options;
  options.runtime_id = given.runtime_id;
  options.key_uri = given.key_uri;
  options.twin_uri = text_or_empty(given.twin_uri);
  options.expected_key = HOLDFAST_TRY(holdfast::c_api::optional_key(given.expected_public_key));
  options.pin_source = text_or_empty(given.pin_source);
  options.module_path = text_or_empty(given.module_path);
  options.share_module = (given.flags & HOLDFAST_SIGNER_SHARES_MODULE) != 0;
  if ((given.flags & HOLDFAST_SIGNER_VERIFIES_AFTER_OPEN_AND_RECOVERY) != 0) {
    options.verify = VerifySignatures::after_open_and_recovery;
  }
  options.sigpipe_is_ignored = (given.flags & HOLDFAST_SIGNER_SIGPIPE_IS_IGNORED) != 0;
  if (given.profile != 0) options.profile = KeyProfile{static_cast<std::uint8_t>(given.profile)};
  if (given.scheme != 0) options.scheme = Scheme{static_cast<std::uint8_t>(given.scheme)};
  if (given.max_tasks != 0) options.max_tasks = given.max_tasks;
  if (given.sessions != 0) options.sessions = static_cast<std::uint16_t>(given.sessions);
  options.max_age = std::chrono::seconds(given.max_age_s);
  return options;
}

[[gnu::cold]] Result<holdfast_signer*> open(const holdfast_signer_options& given) noexcept {
  SignerOptions options = HOLDFAST_TRY(read(given));
  std::unique_ptr<CallbackLog> log(new (std::nothrow) CallbackLog(given.log, given.log_context));
  if (log == nullptr) return failure(Status::resource_exhausted, Layer::core, kOpening);
  options.log = log->log();
  Signer signer = HOLDFAST_TRY(Signer::open(options));
  auto* handle = new (std::nothrow)
      holdfast_signer{std::move(log), std::move(signer), {options.profile, options.verify, given.max_age_s}};
  if (handle == nullptr) return failure(Status::resource_exhausted, Layer::core, kOpening);
  return handle;
}

Result<std::size_t> authorize(Signer& signer, const char* task_id, std::uint32_t flags, std::uint32_t timeout_ms,
                              const TextBuffer& value) noexcept {
  const TaskId task = HOLDFAST_TRY(TaskId::parse(task_id));
  const std::span<char> room =
      HOLDFAST_TRY(value.room_for(holdfast::authorization_size(signer.runtime_id(), task), kAuthorizing));
  const Freshness freshness = (flags & HOLDFAST_FRESH) != 0 ? Freshness::fresh : Freshness::reuse;
  return signer.authorization(task, timeout_of(timeout_ms), room, freshness);
}

Result<std::size_t> unseal(Signer& signer, const char* sealed, std::uint32_t timeout_ms,
                           const TextBuffer& out) noexcept {
  const std::span<char> room = HOLDFAST_TRY(out.room_for(holdfast::kMaxIdentifierSize, kUnsealing));
  SealedTaskOpener* opener = signer.sealed_tasks();
  if (opener == nullptr) return failure(Status::sealed_answer, Layer::core, kUnsealing);
  const TaskId task = HOLDFAST_TRY(opener->open_sealed_task(sealed, timeout_of(timeout_ms)));
  return task.view().copy(room.data(), room.size());
}

}  // namespace

holdfast_status holdfast_signer_open(const holdfast_signer_options* options, holdfast_signer** out_signer,
                                     holdfast_error* out_error) {
  const Outcome outcome(out_error);
  if (out_signer != nullptr) *out_signer = nullptr;
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (out_signer == nullptr) return outcome.bad_argument(kOpening, "out_signer is null");
  const std::optional<holdfast_signer_options> given = read_options(options, kFirstOptionsSize);
  if (!given) return outcome.bad_argument(kOpening, "options is null or of an unknown size");
  const Result<holdfast_signer*> opened = open(*given);
  if (opened) *out_signer = *opened;
  return outcome.of(opened);
}

void holdfast_signer_close(holdfast_signer* signer) { delete signer; }

holdfast_status holdfast_signer_authorization(holdfast_signer* signer, const char* task_id, uint32_t flags,
                                              uint32_t timeout_ms, char* out_value, size_t value_capacity,
                                              size_t* out_value_size, holdfast_error* out_error) {
  const Outcome outcome(out_error);
  const TextBuffer value(out_value, value_capacity, out_value_size);
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (signer == nullptr) return outcome.bad_argument(kAuthorizing, kNullSigner);
  if (task_id == nullptr) return outcome.bad_argument(kAuthorizing, "task_id is null");
  if ((flags & ~std::uint32_t{HOLDFAST_FRESH}) != 0) {
    return outcome.bad_argument(kAuthorizing, "an unknown flag is set");
  }
  if (!value.is_usable()) return outcome.bad_argument(kAuthorizing, "out_value or out_value_size is null");
  const Result<std::size_t> written = authorize(signer->signer, task_id, flags, timeout_ms, value);
  if (written) value.finish(*written);
  return outcome.of(written);
}

holdfast_status holdfast_signer_sign_task_registration(holdfast_signer* signer, uint32_t timeout_ms,
                                                       holdfast_task_registration* out_registration,
                                                       holdfast_error* out_error) {
  const Outcome outcome(out_error);
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (!has_known_size(out_registration)) {
    return outcome.bad_argument(kRegistering, "out_registration is null or of an unknown size");
  }
  *out_registration = HOLDFAST_TASK_REGISTRATION_INIT;
  if (signer == nullptr) return outcome.bad_argument(kRegistering, kNullSigner);
  const Result<TaskRegistration> registration = signer->signer.sign_task_registration(timeout_of(timeout_ms));
  if (registration) {
    copy_text(registration->timestamp.view(), out_registration->timestamp);
    copy_text(registration->signature.view(), out_registration->signature);
  }
  return outcome.of(registration);
}

holdfast_status holdfast_signer_open_sealed_task(holdfast_signer* signer, const char* sealed, uint32_t timeout_ms,
                                                 char* out_task_id, size_t task_id_capacity, size_t* out_task_id_size,
                                                 holdfast_error* out_error) {
  const Outcome outcome(out_error);
  const TextBuffer task_id(out_task_id, task_id_capacity, out_task_id_size);
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (signer == nullptr) return outcome.bad_argument(kUnsealing, kNullSigner);
  if (sealed == nullptr) return outcome.bad_argument(kUnsealing, "sealed is null");
  if (!task_id.is_usable()) return outcome.bad_argument(kUnsealing, "out_task_id or out_task_id_size is null");
  const Result<std::size_t> written = unseal(signer->signer, sealed, timeout_ms, task_id);
  if (written) task_id.finish(*written);
  return outcome.of(written);
}

holdfast_status holdfast_signer_forget_headers(holdfast_signer* signer, holdfast_error* out_error) {
  const Outcome outcome(out_error);
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (signer == nullptr) return outcome.bad_argument("forgetting headers", kNullSigner);
  signer->signer.forget_headers();
  return outcome.succeeded();
}

holdfast_status holdfast_signer_key_info(holdfast_signer* signer, holdfast_key_info* out_info,
                                         holdfast_error* out_error) {
  const Outcome outcome(out_error);
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (!has_known_size(out_info)) return outcome.bad_argument(kReading, "out_info is null or of an unknown size");
  *out_info = HOLDFAST_KEY_INFO_INIT;
  if (signer == nullptr) return outcome.bad_argument(kReading, kNullSigner);
  *out_info = holdfast::c_api::key_info(signer->signer.runtime_id(), signer->signer.public_key(), signer->policy);
  return outcome.succeeded();
}

holdfast_status holdfast_signer_counters(holdfast_signer* signer, holdfast_counters* out_counters,
                                         holdfast_error* out_error) {
  const Outcome outcome(out_error);
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (!has_known_size(out_counters)) {
    return outcome.bad_argument(kReading, "out_counters is null or of an unknown size");
  }
  *out_counters = HOLDFAST_COUNTERS_INIT;
  if (signer == nullptr) return outcome.bad_argument(kReading, kNullSigner);
  *out_counters = holdfast::c_api::counters_of(signer->signer.counters());
  return outcome.succeeded();
}
