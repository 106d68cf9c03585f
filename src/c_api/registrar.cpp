// SPDX-License-Identifier: Apache-2.0
#include "holdfast/registrar.hpp"

#include "holdfast/holdfast.h"
#include "holdfast/session.hpp"

#include "src/c_api/argument.hpp"
#include "src/c_api/error.hpp"
#include "src/c_api/registrar_handle.hpp"

#include <unistd.h>

#include <exception>
#include <memory>
#include <string>
#include <utility>

using holdfast::Layer;
using holdfast::RegistrarOptions;
using holdfast::RegistrarProcess;
using holdfast::RegistrarProcessOptions;
using holdfast::RegistrarProcessState;
using holdfast::Result;
using holdfast::Status;
using holdfast::c_api::bad_argument;
using holdfast::c_api::has_known_size;
using holdfast::c_api::Outcome;
using holdfast::c_api::text_or_empty;

static_assert(HOLDFAST_REGISTRAR_RUNNING == static_cast<int>(RegistrarProcessState::running) &&
              HOLDFAST_REGISTRAR_GONE == static_cast<int>(RegistrarProcessState::gone));

namespace {

constexpr const char* kStarting = "starting the registrar's process";
constexpr const char* kAttaching = "attaching a registrar's process";
constexpr const char* kReading = "reading about a registrar's process";
constexpr std::string_view kNullRegistrar = "the registrar is null";

// What the given options leave open is the identity's. May throw std::bad_alloc.
Result<RegistrarOptions> read_authority(const holdfast_registrar_options& given) {
  RegistrarOptions options;
  if (text_or_empty(given.authority_url).empty()) {
    std::string file(text_or_empty(given.identity_file));
    if (file.empty()) file = HOLDFAST_TRY(holdfast::find_identity_file());
    options = holdfast::registrar_options(HOLDFAST_TRY(holdfast::load_identity(file)));
  } else {
    options.authority_url = given.authority_url;
  }
  if (!text_or_empty(given.ca_file).empty()) options.ca_file = given.ca_file;
  options.client_certificate = text_or_empty(given.client_certificate);
  options.client_key = text_or_empty(given.client_key);
  options.proxy = text_or_empty(given.proxy);
  return options;
}

bool enter_sandbox(void* handle) noexcept {
  const auto& registrar = *static_cast<const holdfast_registrar*>(handle);
  return registrar.enter_sandbox(registrar.sandbox_context) != 0;
}

Result<RegistrarProcessOptions> read(const holdfast_registrar_options& given) {
  constexpr std::uint32_t kFlags = HOLDFAST_REGISTRAR_REQUIRES_LANDLOCK;
  if ((given.flags & ~kFlags) != 0) return bad_argument(kStarting, "an unknown flag is set");
  if (given.reserved != 0) return bad_argument(kStarting, "reserved is not 0");
  if (given.enter_sandbox == nullptr && given.sandbox_context != nullptr) {
    return bad_argument(kStarting, "sandbox_context is set, enter_sandbox is null");
  }
  RegistrarProcessOptions options;
  options.registrar = HOLDFAST_TRY(read_authority(given));
  options.requires_landlock = (given.flags & HOLDFAST_REGISTRAR_REQUIRES_LANDLOCK) != 0;
  if (given.start_timeout_ms != 0) options.start_timeout = std::chrono::milliseconds(given.start_timeout_ms);
  return options;
}

Result<holdfast_registrar*> start(const holdfast_registrar_options& given) noexcept try {
  RegistrarProcessOptions options = HOLDFAST_TRY(read(given));
  auto handle = std::make_unique<holdfast_registrar>();
  if (given.enter_sandbox != nullptr) {
    handle->enter_sandbox = given.enter_sandbox;
    handle->sandbox_context = given.sandbox_context;
    options.enter_sandbox = &enter_sandbox;
    options.sandbox_context = handle.get();
  }
  handle->process.emplace(HOLDFAST_TRY(RegistrarProcess::start(options)));
  return handle.release();
} catch (const std::exception&) {  // std::bad_alloc, or std::length_error for a text that is absurd
  return failure(Status::resource_exhausted, Layer::registrar, kStarting);
}

Result<holdfast_registrar*> attach(int socket) noexcept {
  auto process = RegistrarProcess::attach(socket);
  if (!process) return process.error();
  std::unique_ptr<holdfast_registrar> handle(new (std::nothrow) holdfast_registrar);
  if (handle == nullptr) return failure(Status::resource_exhausted, Layer::registrar, kAttaching);
  handle->process.emplace(std::move(*process));
  return handle.release();
}

}  // namespace

holdfast_status holdfast_registrar_start(const holdfast_registrar_options* options,
                                         holdfast_registrar** out_registrar, holdfast_error* out_error) {
  const Outcome outcome(out_error);
  if (out_registrar != nullptr) *out_registrar = nullptr;
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (out_registrar == nullptr) return outcome.bad_argument(kStarting, "out_registrar is null");
  if (!has_known_size(options)) return outcome.bad_argument(kStarting, "options is null or of an unknown size");
  const Result<holdfast_registrar*> started = start(*options);
  if (started) *out_registrar = *started;
  return outcome.of(started);
}

holdfast_status holdfast_registrar_attach(int32_t socket, holdfast_registrar** out_registrar,
                                          holdfast_error* out_error) {
  const Outcome outcome(out_error);
  if (out_registrar != nullptr) *out_registrar = nullptr;
  if (!outcome.is_usable() || out_registrar == nullptr) {
    if (socket >= 0) close(socket);
    return outcome.is_usable() ? outcome.bad_argument(kAttaching, "out_registrar is null")
                               : HOLDFAST_INVALID_ARGUMENT;
  }
  const Result<holdfast_registrar*> attached = attach(socket);
  if (attached) *out_registrar = *attached;
  return outcome.of(attached);
}

holdfast_status holdfast_registrar_reattach(holdfast_registrar* registrar, int32_t socket,
                                            holdfast_error* out_error) {
  const Outcome outcome(out_error);
  if (!outcome.is_usable() || registrar == nullptr) {
    if (socket >= 0) close(socket);
    return outcome.is_usable() ? outcome.bad_argument(kAttaching, kNullRegistrar) : HOLDFAST_INVALID_ARGUMENT;
  }
  return outcome.of(registrar->process->reattach(socket));
}

void holdfast_registrar_close(holdfast_registrar* registrar) { delete registrar; }

holdfast_status holdfast_registrar_restart(holdfast_registrar* registrar, holdfast_error* out_error) {
  const Outcome outcome(out_error);
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (registrar == nullptr) return outcome.bad_argument(kStarting, kNullRegistrar);
  return outcome.of(registrar->process->restart());
}

holdfast_status holdfast_registrar_state(holdfast_registrar* registrar, uint32_t* out_state,
                                         holdfast_error* out_error) {
  const Outcome outcome(out_error);
  if (out_state != nullptr) *out_state = 0;
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (registrar == nullptr) return outcome.bad_argument(kReading, kNullRegistrar);
  if (out_state == nullptr) return outcome.bad_argument(kReading, "out_state is null");
  *out_state = static_cast<uint32_t>(registrar->process->state());
  return outcome.succeeded();
}

holdfast_status holdfast_registrar_process_id(holdfast_registrar* registrar, int32_t* out_process_id,
                                              holdfast_error* out_error) {
  const Outcome outcome(out_error);
  if (out_process_id != nullptr) *out_process_id = -1;
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (registrar == nullptr) return outcome.bad_argument(kReading, kNullRegistrar);
  if (out_process_id == nullptr) return outcome.bad_argument(kReading, "out_process_id is null");
  *out_process_id = registrar->process->process_id();
  return outcome.succeeded();
}

holdfast_status holdfast_registrar_socket(holdfast_registrar* registrar, int32_t* out_socket,
                                          holdfast_error* out_error) {
  const Outcome outcome(out_error);
  if (out_socket != nullptr) *out_socket = -1;
  if (!outcome.is_usable()) return HOLDFAST_INVALID_ARGUMENT;
  if (registrar == nullptr) return outcome.bad_argument(kReading, kNullRegistrar);
  if (out_socket == nullptr) return outcome.bad_argument(kReading, "out_socket is null");
  *out_socket = registrar->process->socket();
  return outcome.succeeded();
}
