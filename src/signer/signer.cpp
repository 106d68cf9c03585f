// SPDX-License-Identifier: Apache-2.0
#include "holdfast/signer.hpp"

#include "hal/pin_source.hpp"
#include "hal/signing_registry.hpp"
#include "src/assertion/detail_text.hpp"
#include "src/signer/signer_core.hpp"
#include "src/signer/twin_opener.hpp"

#include <new>

namespace holdfast {
namespace {

constexpr const char* kReadingOptions = "reading the signer's options";

Error bad_option(std::string_view rule) noexcept {
  return failure(Status::invalid_argument, Layer::core, kReadingOptions).about(rule);
}

Result<void> check_range(std::string_view field, std::int64_t value, std::int64_t least, std::int64_t most) noexcept {
  if (value >= least && value <= most) return {};
  return bad_option((DetailText() << field << " is " << value << ", it must be " << least << " to " << most).view());
}

Result<void> check_options(const SignerOptions& options) noexcept {
  for (const auto& checked :
       {check_range("sessions", options.sessions, 1, 64), check_range("max_tasks", options.max_tasks, 1, 100'000),
        check_range("max_age", options.max_age.count(), 0, 120)}) {
    if (!checked) return checked.error();
  }
  if (options.key_uri.empty()) return bad_option("key_uri is empty");
  switch (options.profile) {
    case KeyProfile::strict:
    case KeyProfile::imported:
    case KeyProfile::shared:
      break;
    default:
      return bad_option("profile is none of strict, imported, shared");
  }
  switch (options.verify) {
    case VerifySignatures::always:
    case VerifySignatures::after_open_and_recovery:
      break;
    default:
      return bad_option("verify is neither always nor after_open_and_recovery");
  }
  if (options.expected_key && options.scheme && options.expected_key->scheme() != *options.scheme) {
    return bad_option((DetailText() << "scheme is " << scheme_name(*options.scheme) << ", expected_key is of "
                                    << scheme_name(options.expected_key->scheme()))
                          .view());
  }
  return {};
}

// A PIN that was refused before there was a signer to tell it.
template <typename T>
Result<T> told(Result<T> result, EventLog* log) noexcept {
  if (!result && log != nullptr && is_refused_pin(result.status())) {
    log->record({.kind = EventKind::pin_refused, .why = result.error()});
  }
  return result;
}

}  // namespace

struct Signer::State {
  State(hal::DevicePtr opened, hal::Clock& clock, SignerCore::Parts parts) noexcept
      : device(std::move(opened)), core(*device, clock, std::move(parts)) {}

  hal::DevicePtr device;
  SignerCore core;  // borrows the device: destroyed first
  CallCount openings;
  std::optional<TwinOpener> opener;
};

// A thread that hangs inside the device may come back, and then must find everything where it was.
void Signer::Release::operator()(State* state) const noexcept {
  state->device->close();
  if (state->core.is_in_use() || !state->openings.is_zero()) {
    state->core.silence();
  } else {
    delete state;
  }
}

Result<Signer> Signer::open(const SignerOptions& options) noexcept {
  if (auto checked = check_options(options); !checked) return checked.error();
  const SignerCore::Settings settings{.runtime_id = HOLDFAST_TRY(RuntimeId::parse(options.runtime_id)),
                                      .expected_key = options.expected_key,
                                      .scheme = options.scheme,
                                      .profile = options.profile,
                                      .verify = options.verify,
                                      .max_tasks = options.max_tasks,
                                      .max_age = options.max_age,
                                      .log = options.log};
  hal::Clock& clock = hal::system_clock();
  hal::DeviceOptions device_options;
  device_options.uri = options.key_uri;
  device_options.access = hal::DeviceAccess::sign;
  device_options.pin = HOLDFAST_TRY(hal::PinSource::parse(options.pin_source));
  device_options.module_path = options.module_path;
  device_options.module_mode = options.share_module ? hal::ModuleMode::share : hal::ModuleMode::own;
  device_options.sessions = options.sessions;
  device_options.sigpipe_is_ignored = options.sigpipe_is_ignored;
  device_options.clock = &clock;

  hal::DevicePtr device = HOLDFAST_TRY(told(hal::open_for_signing(device_options), options.log));
  SignerCore::Parts parts = HOLDFAST_TRY(told(SignerCore::prepare(*device, clock, settings), options.log));
  auto* state = new (std::nothrow) State(std::move(device), clock, std::move(parts));
  if (state == nullptr) return failure(Status::resource_exhausted, Layer::core, "opening a signer");
  Signer signer{std::unique_ptr<State, Release>(state)};
  if (!options.twin_uri.empty()) {
    state->opener = HOLDFAST_TRY(
        TwinOpener::create(*state->device, clock, state->openings, options.twin_uri, signer.public_key()));
  }
  return signer;
}

Signer::Signer(std::unique_ptr<State, Release> state) noexcept : state_(std::move(state)) {}
Signer::Signer(Signer&&) noexcept = default;
Signer& Signer::operator=(Signer&&) noexcept = default;
Signer::~Signer() = default;

Result<std::size_t> Signer::authorization(const TaskId& task, std::chrono::nanoseconds timeout, std::span<char> out,
                                          Freshness freshness) noexcept {
  return state_->core.authorization(task, timeout, out, freshness);
}

Result<TaskRegistration> Signer::sign_task_registration(std::chrono::nanoseconds timeout) noexcept {
  return state_->core.sign_task_registration(timeout);
}

SealedTaskOpener* Signer::sealed_tasks() noexcept { return state_->opener ? &*state_->opener : nullptr; }

void Signer::forget_headers() noexcept { state_->core.forget_headers(); }
const RuntimeId& Signer::runtime_id() const noexcept { return state_->core.runtime_id(); }
const PublicKey& Signer::public_key() const noexcept { return state_->core.public_key(); }
SignerCounters Signer::counters() const noexcept { return state_->core.counters(); }

}  // namespace holdfast
