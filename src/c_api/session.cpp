// SPDX-License-Identifier: Apache-2.0
#include "holdfast/session.hpp"

#include "holdfast/holdfast.h"

#include "src/c_api/argument.hpp"
#include "src/c_api/callback_log.hpp"
#include "src/c_api/error.hpp"
#include "src/c_api/key_info.hpp"
#include "src/c_api/registrar_handle.hpp"

#include <cstddef>
#include <exception>
#include <iterator>
#include <memory>
#include <new>
#include <utility>

using holdfast::AgentSession;
using holdfast::Authorization;
using holdfast::Error;
using holdfast::Freshness;
using holdfast::HeaderSet;
using holdfast::Identity;
using holdfast::KeyProfile;
using holdfast::Layer;
using holdfast::Result;
using holdfast::SessionOptions;
using holdfast::SessionState;
using holdfast::Status;
using holdfast::TaskGeneration;
using holdfast::TaskId;
using holdfast::c_api::bad_argument;
using holdfast::c_api::CallbackLog;
using holdfast::c_api::has_known_size;
using holdfast::c_api::KeyPolicy;
using holdfast::c_api::Outcome;
using holdfast::c_api::read_options;
using holdfast::c_api::text_or_empty;
using holdfast::c_api::TextBuffer;

struct holdfast_session {
  std::unique_ptr<CallbackLog> log;  // outlives the session
  AgentSession session;
  std::uint32_t max_age_s;
};

static_assert(HOLDFAST_SESSION_NO_IDENTITY == static_cast<int>(SessionState::no_identity) &&
              HOLDFAST_SESSION_IDENTITY_ONLY == static_cast<int>(SessionState::identity_only) &&
              HOLDFAST_SESSION_READY == static_cast<int>(SessionState::ready));
static_assert(std::size(holdfast_headers{}.fields) > holdfast::kMaxCompanions);

namespace {

constexpr const char* kOpening = "opening a session";
constexpr const char* kReading = "reading about a session";
constexpr const char* kRegistering = "registering a task";
constexpr const char* kAdopting = "adopting a task";
constexpr const char* kAuthorizing = "making a header";
constexpr const char* kMakingHeaders = "making the headers of a request";
constexpr const char* kReporting = "reporting a rejection";
constexpr std::string_view kNullSession = "the session is null";
constexpr std::string_view kUnknownFlag = "an unknown flag is set";

// Of the first header, which ended before `log`.
constexpr std::size_t kFirstOptionsSize = offsetof(holdfast_session_options, log);

constexpr std::uint32_t kSessionFlags =
    HOLDFAST_SESSION_ALLOWS_UNREADY | HOLDFAST_SESSION_REGISTERS_NO_TASKS | HOLDFAST_SESSION_SIGPIPE_IS_IGNORED;

void set_unless_zero(std::chrono::milliseconds& out, std::uint32_t given_ms) noexcept {
  if (given_ms != 0) out = std::chrono::milliseconds(given_ms);
}

// May throw std::bad_alloc.
Result<SessionOptions> read(const holdfast_session_options& given) {
  if ((given.flags & ~kSessionFlags) != 0) return bad_argument(kOpening, kUnknownFlag);
  if (given.reserved != 0) return bad_argument(kOpening, "reserved is not 0");
  if (given.minimum_profile > HOLDFAST_PROFILE_SHARED) {
    return bad_argument(kOpening, "minimum_profile is none that is known");
  }
  if (given.log == nullptr && given.log_context != nullptr) {
    return bad_argument(kOpening, "log_context is set, log is null");
  }
  if (given.origins == nullptr && given.origins_count != 0) return bad_argument(kOpening, "origins is null");
  SessionOptions options;
  options.identity_file = text_or_empty(given.identity_file);
  options.pin_source = text_or_empty(given.pin_source);
  options.module_path = text_or_empty(given.module_path);
  options.expected_key = HOLDFAST_TRY(holdfast::c_api::optional_key(given.expected_public_key));
  if (given.minimum_profile != 0) {
    options.minimum_profile = KeyProfile{static_cast<std::uint8_t>(given.minimum_profile)};
  }
  options.max_age = std::chrono::seconds(given.max_age_s);
  options.allow_unready = (given.flags & HOLDFAST_SESSION_ALLOWS_UNREADY) != 0;
  options.sigpipe_is_ignored = (given.flags & HOLDFAST_SESSION_SIGPIPE_IS_IGNORED) != 0;
  options.registers_tasks = (given.flags & HOLDFAST_SESSION_REGISTERS_NO_TASKS) == 0;
  if (given.registrar != nullptr) {
    const auto is_given = [](const char* text) { return !text_or_empty(text).empty(); };
    if (is_given(given.authority_url) || is_given(given.ca_file) || is_given(given.client_certificate) ||
        is_given(given.client_key) || is_given(given.proxy)) {
      return bad_argument(kOpening, "registrar is set, and so is a way to the authority that it would not go");
    }
    options.task_source = &*given.registrar->process;
  }
  options.registrar.authority_url = text_or_empty(given.authority_url);
  options.registrar.ca_file = text_or_empty(given.ca_file);
  options.registrar.client_certificate = text_or_empty(given.client_certificate);
  options.registrar.client_key = text_or_empty(given.client_key);
  options.registrar.proxy = text_or_empty(given.proxy);
  set_unless_zero(options.task.registration_timeout, given.registration_timeout_ms);
  set_unless_zero(options.task.signing_timeout, given.signing_timeout_ms);
  set_unless_zero(options.task.rejection_interval, given.rejection_interval_ms);
  for (std::uint64_t i = 0; i < given.origins_count; ++i) {
    if (given.origins[i] == nullptr) return bad_argument(kOpening, "an origin is null");
    options.task.origins.emplace_back(given.origins[i]);
  }
  return options;
}

Result<holdfast_session*> open(const holdfast_session_options& given) noexcept try {
  SessionOptions options = HOLDFAST_TRY(read(given));
  auto log = std::make_unique<CallbackLog>(given.log, given.log_context);
  options.log = log->log();
  AgentSession session = HOLDFAST_TRY(AgentSession::open(options));
  return new holdfast_session{std::move(log), std::move(session), given.max_age_s};
} catch (const std::exception&) {  // std::bad_alloc, or std::length_error for a text that is absurd
  return failure(Status::resource_exhausted, Layer::core, kOpening);
}

Freshness freshness_of(std::uint32_t flags) noexcept {
  return (flags & HOLDFAST_FRESH) != 0 ? Freshness::fresh : Freshness::reuse;
}

bool has_unknown_flag(std::uint32_t flags) noexcept { return (flags & ~std::uint32_t{HOLDFAST_FRESH}) != 0; }

Result<Authorization> authorize(AgentSession& session, std::uint32_t flags, const TextBuffer& value) noexcept {
  const std::span<char> room = HOLDFAST_TRY(value.room_for(holdfast::kMaxAuthorizationSize, kAuthorizing));
  return session.authorization(room, freshness_of(flags));
}

Result<HeaderSet> make_headers(AgentSession& session, const char* url, std::uint32_t flags,
                               const TextBuffer& value) noexcept {
  const std::span<char> room = HOLDFAST_TRY(value.room_for(holdfast::kMaxAuthorizationSize, kMakingHeaders));
  return session.headers_for(url, room, freshness_of(flags));
}

Result<TaskGeneration> adopt(AgentSession& session, const char* task_id) noexcept {
  return session.adopt_task(HOLDFAST_TRY(TaskId::parse(task_id)));
}

// The identity, or why there is none.
Result<const Identity*> identity_of(const AgentSession& session) noexcept {
  const Identity* identity = session.identity();
  if (identity != nullptr) return identity;
  return session.state_error();
}

}  // namespace

holdfast_status holdfast_session_open(const holdfast_session_options* options, holdfast_session** out_session,
                                      holdfast_error* out_error) {
  const Outcome outcome(out_error);
  if (out_session != nullptr) *out_session = nullptr;
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (out_session == nullptr) return outcome.bad_argument(kOpening, "out_session is null");
  const std::optional<holdfast_session_options> given = read_options(options, kFirstOptionsSize);
  if (!given) return outcome.bad_argument(kOpening, "options is null or of an unknown size");
  const Result<holdfast_session*> opened = open(*given);
  if (opened) *out_session = *opened;
  return outcome.of(opened);
}

void holdfast_session_close(holdfast_session* session) { delete session; }

holdfast_status holdfast_session_state(holdfast_session* session, uint32_t* out_state, holdfast_error* out_error) {
  const Outcome outcome(out_error);
  if (out_state != nullptr) *out_state = 0;
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (session == nullptr) return outcome.bad_argument(kReading, kNullSession);
  if (out_state == nullptr) return outcome.bad_argument(kReading, "out_state is null");
  *out_state = static_cast<uint32_t>(session->session.state());
  return outcome.succeeded();
}

holdfast_status holdfast_session_state_error(holdfast_session* session, holdfast_error* out_error) {
  const Outcome outcome(out_error);
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (session == nullptr) return outcome.bad_argument(kReading, kNullSession);
  const Error error = session->session.state_error();
  return error.status == Status::ok ? outcome.succeeded() : outcome.failed(error);
}

holdfast_status holdfast_session_reopen(holdfast_session* session, holdfast_error* out_error) {
  const Outcome outcome(out_error);
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (session == nullptr) return outcome.bad_argument("reopening a session", kNullSession);
  return outcome.of(session->session.reopen());
}

holdfast_status holdfast_session_identity_file_changed(holdfast_session* session, uint32_t* out_changed,
                                                       holdfast_error* out_error) {
  const Outcome outcome(out_error);
  if (out_changed != nullptr) *out_changed = 0;
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (session == nullptr) return outcome.bad_argument(kReading, kNullSession);
  if (out_changed == nullptr) return outcome.bad_argument(kReading, "out_changed is null");
  const Result<bool> changed = session->session.identity_file_changed();
  if (changed) *out_changed = *changed ? 1 : 0;
  return outcome.of(changed);
}

holdfast_status holdfast_session_register_task(holdfast_session* session, uint32_t timeout_ms,
                                               holdfast_error* out_error) {
  const Outcome outcome(out_error);
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (session == nullptr) return outcome.bad_argument(kRegistering, kNullSession);
  if (timeout_ms == 0) return outcome.of(session->session.register_task());
  return outcome.of(session->session.register_task(std::chrono::milliseconds(timeout_ms)));
}

holdfast_status holdfast_session_adopt_task(holdfast_session* session, const char* task_id, uint64_t* out_generation,
                                            holdfast_error* out_error) {
  const Outcome outcome(out_error);
  if (out_generation != nullptr) *out_generation = 0;
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (session == nullptr) return outcome.bad_argument(kAdopting, kNullSession);
  if (task_id == nullptr) return outcome.bad_argument(kAdopting, "task_id is null");
  const Result<TaskGeneration> adopted = adopt(session->session, task_id);
  if (adopted && out_generation != nullptr) *out_generation = adopted->value;
  return outcome.of(adopted);
}

holdfast_status holdfast_session_generation(holdfast_session* session, uint64_t* out_generation,
                                            holdfast_error* out_error) {
  const Outcome outcome(out_error);
  if (out_generation != nullptr) *out_generation = 0;
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (session == nullptr) return outcome.bad_argument(kReading, kNullSession);
  if (out_generation == nullptr) return outcome.bad_argument(kReading, "out_generation is null");
  *out_generation = session->session.generation().value;
  return outcome.succeeded();
}

holdfast_status holdfast_session_authorization(holdfast_session* session, uint32_t flags, char* out_value,
                                               size_t value_capacity, size_t* out_value_size,
                                               uint64_t* out_generation, holdfast_error* out_error) {
  const Outcome outcome(out_error);
  const TextBuffer value(out_value, value_capacity, out_value_size);
  if (out_generation != nullptr) *out_generation = 0;
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (session == nullptr) return outcome.bad_argument(kAuthorizing, kNullSession);
  if (has_unknown_flag(flags)) return outcome.bad_argument(kAuthorizing, kUnknownFlag);
  if (!value.is_usable()) return outcome.bad_argument(kAuthorizing, "out_value or out_value_size is null");
  const Result<Authorization> made = authorize(session->session, flags, value);
  if (made) {
    value.finish(made->size());
    if (out_generation != nullptr) *out_generation = made->generation.value;
  }
  return outcome.of(made);
}

holdfast_status holdfast_session_headers_for(holdfast_session* session, const char* url, uint32_t flags,
                                             char* value_buffer, size_t value_capacity, size_t* out_value_size,
                                             holdfast_headers* out_headers, holdfast_error* out_error) {
  const Outcome outcome(out_error);
  const TextBuffer value(value_buffer, value_capacity, out_value_size);
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (!has_known_size(out_headers)) {
    return outcome.bad_argument(kMakingHeaders, "out_headers is null or of an unknown size");
  }
  *out_headers = HOLDFAST_HEADERS_INIT;
  if (session == nullptr) return outcome.bad_argument(kMakingHeaders, kNullSession);
  if (url == nullptr) return outcome.bad_argument(kMakingHeaders, "url is null");
  if (has_unknown_flag(flags)) return outcome.bad_argument(kMakingHeaders, kUnknownFlag);
  if (!value.is_usable()) return outcome.bad_argument(kMakingHeaders, "value_buffer or out_value_size is null");
  const Result<HeaderSet> made = make_headers(session->session, url, flags, value);
  if (made) {
    // Names and companions' values are literals or strings of the session: a NUL follows each.
    for (const holdfast::HeaderField& field : *made) {
      out_headers->fields[out_headers->count++] = {field.name.data(), field.value.data()};
    }
    value.finish(made->begin()->value.size());
    out_headers->generation = made->generation().value;
  }
  return outcome.of(made);
}

holdfast_status holdfast_session_rejected(holdfast_session* session, uint64_t generation, int32_t http_status,
                                          holdfast_error* out_error) {
  const Outcome outcome(out_error);
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (session == nullptr) return outcome.bad_argument(kReporting, kNullSession);
  return outcome.of(session->session.rejected(TaskGeneration{generation}, http_status));
}

holdfast_status holdfast_session_key_info(holdfast_session* session, holdfast_key_info* out_info,
                                          holdfast_error* out_error) {
  const Outcome outcome(out_error);
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (!has_known_size(out_info)) return outcome.bad_argument(kReading, "out_info is null or of an unknown size");
  *out_info = HOLDFAST_KEY_INFO_INIT;
  if (session == nullptr) return outcome.bad_argument(kReading, kNullSession);
  const Result<const Identity*> identity = identity_of(session->session);
  if (identity) {
    const KeyPolicy policy{.profile = (*identity)->profile, .max_age_s = session->max_age_s};
    *out_info = holdfast::c_api::key_info((*identity)->runtime_id, (*identity)->public_key, policy);
  }
  return outcome.of(identity);
}

holdfast_status holdfast_session_account(holdfast_session* session, holdfast_account* out_account,
                                         holdfast_error* out_error) {
  const Outcome outcome(out_error);
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (!has_known_size(out_account)) {
    return outcome.bad_argument(kReading, "out_account is null or of an unknown size");
  }
  *out_account = HOLDFAST_ACCOUNT_INIT;
  if (session == nullptr) return outcome.bad_argument(kReading, kNullSession);
  const Result<const Identity*> identity = identity_of(session->session);
  if (identity) {
    const holdfast::AccountMetadata& account = (*identity)->account;
    *out_account = {.struct_size = sizeof(holdfast_account),
                    .is_fedramp = account.is_fedramp ? 1U : 0U,
                    .account_id = account.account_id.c_str(),
                    .user_id = account.user_id.c_str(),
                    .email = account.email.c_str(),
                    .plan_type = account.plan_type.c_str(),
                    .authority_url = (*identity)->authority_url.c_str()};
  }
  return outcome.of(identity);
}

holdfast_status holdfast_session_counters(holdfast_session* session, holdfast_counters* out_counters,
                                          holdfast_error* out_error) {
  const Outcome outcome(out_error);
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (!has_known_size(out_counters)) {
    return outcome.bad_argument(kReading, "out_counters is null or of an unknown size");
  }
  *out_counters = HOLDFAST_COUNTERS_INIT;
  if (session == nullptr) return outcome.bad_argument(kReading, kNullSession);
  *out_counters = holdfast::c_api::counters_of(session->session.counters());
  return outcome.succeeded();
}
