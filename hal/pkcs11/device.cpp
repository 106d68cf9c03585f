// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/device.hpp"

#include "hal/display.hpp"
#include "hal/pkcs11/backend.hpp"
#include "hal/pkcs11/errors.hpp"
#include "hal/pkcs11/module_choice.hpp"
#include "hal/pkcs11/recovery.hpp"

namespace holdfast::hal::pkcs11 {
namespace {

constexpr const char* kOpening = "opening a token";

Error timed_out(const char* doing) noexcept { return failure(Status::deadline_exceeded, Layer::pkcs11, doing); }

// The URI's own source, if the caller names none.
Result<PinSource> pin_source(const DeviceOptions& options, const KeyUri& uri) noexcept {
  if (options.pin.kind != PinSource::Kind::none) return options.pin;
  return PinSource::parse(uri.pin_source.view());
}

// A source that still gives the PIN tomorrow and is meant to: written into the key's URI, so that the identity file
// remembers it. A descriptor and a prompt are gone with the process; an environment is named explicitly each time.
void remember_source(KeyUri& uri, const PinSource& source) noexcept {
  if (!uri.pin_source.empty()) return;
  if (source.kind == PinSource::Kind::file) uri.pin_source.append("file:");
  if (source.kind == PinSource::Kind::credential) uri.pin_source.append("credential:");
  if (!uri.pin_source.empty()) uri.pin_source.append(source.name.view());
}

}  // namespace

// ---- opening and closing ---------------------------------------------------------------------------------------

Device::Device(const DeviceOptions& options, const KeyUri& uri, ForkGuard guard, ModuleUse module) noexcept
    : access_(options.access),
      mode_(options.module_mode),
      session_count_(options.sessions),
      sigpipe_is_ignored_(options.sigpipe_is_ignored),
      clock_(options.clock != nullptr ? *options.clock : system_clock()),
      uri_(uri),
      guard_(std::move(guard)),
      module_(std::move(module)),
      login_(clock_, options.failure_records) {}

void Device::release(KeyDevice* device) noexcept {
  auto* own = static_cast<Device*>(device);
  own->close();
  if (!own->is_left_behind_) delete own;
}

Device* Device::make(const DeviceOptions& options, const KeyUri& uri, ForkGuard guard, ModuleUse module) noexcept {
  return new (std::nothrow) Device(options, uri, std::move(guard), std::move(module));
}

Result<DevicePtr> Device::open(const DeviceOptions& options, Make make) noexcept {
  if (options.sessions == 0 || options.sessions > kMaxSessions) {
    return failure(Status::invalid_argument, Layer::pkcs11, kOpening).about("sessions: 1 to 64");
  }
  KeyUri uri = HOLDFAST_TRY(parse_uri(options.uri, UriUse::key));
  const PinSource source = HOLDFAST_TRY(pin_source(options, uri));
  const ModuleConfig config = HOLDFAST_TRY(choose_module(uri, options.module_path));
  ForkGuard guard = HOLDFAST_TRY(ForkGuard::create());
  const PipeShield shield;
  ModuleUse module = HOLDFAST_TRY(use_module(config, options.module_mode));
  Device* device = make(options, uri, std::move(guard), std::move(module));
  if (device == nullptr) return failure(Status::resource_exhausted, Layer::system, kOpening);
  DevicePtr owner(device, &Device::release);

  const auto select = [device]() noexcept {
    const Passage passage(device->module_->gate(), device->clock_, kNoDeadline);
    return select_token(device->module_->calls(), device->uri_);
  };
  const Token token = HOLDFAST_TRY(select());
  // Outside the gate: a person who is asked for the PIN takes their time.
  if (options.access != DeviceAccess::browse) {
    HOLDFAST_TRY(device->login_.prepare(source, token.info));
    remember_source(device->uri_, source);
    // Outside it as well: another process may be logging in.
    HOLDFAST_TRY(device->login_.begin(token.info, uri.object.view(), kNoDeadline));
  }
  const Passage passage(device->module_->gate(), device->clock_, kNoDeadline);
  const auto opened = device->log_in_and_open(token);
  device->login_.end();
  // Also after a failure: whoever closes waits for what is not in the pool.
  device->pool_.put_all_back(device->clock_);
  if (!opened) return opened.error();
  return owner;
}

// Inside the gate, with the pool to itself.
Result<void> Device::log_in_and_open(const Token& token) noexcept {
  const Calls& calls = module_->calls();
  const CK_FLAGS flags = can_write() ? CKF_RW_SESSION : 0;
  const std::uint32_t generation = module_->generation();
  CK_RV code = calls.C_OpenSession(token.slot, flags | CKF_SERIAL_SESSION, nullptr, nullptr, &login_session_);
  if (code != CKR_OK) {
    login_session_ = CK_INVALID_HANDLE;
    if (code == CKR_TOKEN_WRITE_PROTECTED) {
      return native_failure(code, kOpening)
          .about("the token is read-only: no key can be made or deleted on it")
          .with_hint(
              "take its write protection away (in its own settings or those of its module), or use another token");
    }
    return for_recovery(native_failure(code, kOpening));
  }
  const auto undo = [&](const Error& error) noexcept {
    calls.C_CloseSession(std::exchange(login_session_, CK_INVALID_HANDLE));
    return error;
  };
  // Looked at again through the slot we now hold a session on: what is in it may have changed since it was chosen,
  // and the PIN flags count at this moment.
  Token now = token;
  code = calls.C_GetTokenInfo(token.slot, &now.info);
  if (code != CKR_OK) return undo(for_recovery(native_failure(code, kOpening)));
  if (!matches(uri_, now) || field(now.info.serialNumber) != field(token.info.serialNumber) ||
      field(now.info.manufacturerID) != field(token.info.manufacturerID)) {
    return undo(failure(Status::device_gone, Layer::pkcs11, kOpening).about("another token stands in the slot"));
  }
  token_ = now;  // not before: it is what the token is known by ever after
  if (access_ != DeviceAccess::browse) {
    if (const auto done = login_.log_in({&calls, login_session_}, token_.info); !done) return undo(done.error());
  }
  if (const auto done = pool_.open(calls, token.slot, flags, session_count_); !done) {
    return undo(for_recovery(done.error()));
  }
  attached_.store(generation, std::memory_order_release);
  return {};
}

void Device::detach() noexcept {
  attached_.store(0, std::memory_order_release);
  pool_.forget();
  login_session_ = CK_INVALID_HANDLE;
}

void Device::close() noexcept {
  if (is_closed_.exchange(true, std::memory_order_acq_rel)) return;
  drop_all_keys();
  if (guard_.is_forked()) {
    // The sessions and the module's state are the parent's: nothing is sent, not even a C_CloseSession.
    detach();
    module_.abandon();
    login_.forget();
    return;
  }
  is_left_behind_ = true;
  {
    const BootTime patience = clock_.boot().after(kPatience);
    const Turn turn(turnstile_, clock_, patience);
    if (end_sessions(turn, patience)) is_left_behind_ = false;
  }
  // A thread that is still inside may come back: to a module that is not finalised, and to this object.
  if (!is_left_behind_) module_.release();
}

// Whether nobody is inside any more. A call other than a signature that hangs has the turn: the session that holds
// the login and the PIN may be what it uses, and are left to it.
bool Device::end_sessions(const Turn& turn, BootTime patience) noexcept {
  const PipeShield shield;
  const bool has_all = pool_.take_all(clock_, patience);
  const Passage passage(module_->gate(), clock_, patience);
  if (passage && attached_.load(std::memory_order_acquire) == module_->generation()) {
    pool_.close();
    // Last, as a token logs out with its last session. C_Logout would throw out the other devices on this token.
    if (turn && login_session_ != CK_INVALID_HANDLE) module_->calls().C_CloseSession(login_session_);
  }
  if (turn) {
    detach();
    login_.forget();
  }
  return turn && has_all && passage && pool_.missing() == 0;
}

void Device::end_turn(const Turn& turn) noexcept {
  if (turn && is_left_behind_ && !guard_.is_forked()) {
    (void)end_sessions(turn, clock_.boot());
  }
}

Result<void> Device::check_usable() const noexcept {
  if (guard_.is_forked()) return failure(Status::forked, Layer::pkcs11, "using a token");
  if (is_closed_.load(std::memory_order_acquire)) {
    return failure(Status::device_gone, Layer::pkcs11, "using a token")
        .about("it was closed")
        .with_hint("open it again");
  }
  return {};
}

// ---- everything but signing ------------------------------------------------------------------------------------

Device::Visit::Visit(Device& device, BootTime deadline) noexcept
    : device_(device), turn_(device.turnstile_, device.clock_, device.guard_.is_forked() ? BootTime{0} : deadline) {}

Device::Visit::~Visit() {
  lease_.reset();
  passage_.reset();
  device_.end_turn(turn_);
}

Result<void> Device::begin(Visit& visit, BootTime deadline) noexcept {
  HOLDFAST_TRY(check_usable());
  if (!visit.turn_) return timed_out("waiting for the token");
  if (login_.is_refused()) return login_.refusal();
  if (attached_.load(std::memory_order_acquire) != module_->generation()) HOLDFAST_TRY(reattach(deadline));
  visit.lease_.emplace(HOLDFAST_TRY(pool_.take(clock_, deadline)));
  visit.passage_.emplace(module_->gate(), clock_, deadline);
  if (!*visit.passage_) return timed_out("waiting for a module that is being reset");
  // Another device of ours may have reset the module since; the next call attaches again.
  if (attached_.load(std::memory_order_acquire) != module_->generation()) {
    return failure(Status::device_gone, Layer::pkcs11, "using a token").about("the module was reset");
  }
  // A session that had to be opened anew: what the module says of that leads to a rung as it does while signing.
  const auto session = visit.lease_->session();
  if (!session) return for_recovery(session.error());
  visit.session_ = *session;
  return {};
}

Result<TokenDescription> Device::describe_token() noexcept {
  return visit(kNoDeadline, [this](const Visit& visit) noexcept -> Result<TokenDescription> {
    Token now = token_;
    const CK_RV code = visit.session().calls->C_GetTokenInfo(now.slot, &now.info);
    if (code != CKR_OK) return native_failure(code, "describing the token");
    return pkcs11::describe(*visit.session().calls, now, uri_);
  });
}

Result<KeyHandle> Device::find_key(const KeySelector& selector, BootTime deadline) noexcept {
  return visit(deadline, [&](const Visit& visit) noexcept -> Result<KeyHandle> {
    constexpr const char* kFinding = "finding the key";
    auto found = find_private_key(visit.session(), uri_, selector.public_key);
    if (!found) return for_recovery(found.error());
    FoundKey& key = *found;
    if (!key.facts.scheme) {
      return failure(Status::scheme_unsupported, Layer::pkcs11, kFinding)
          .about("the key is neither Ed25519 nor P-256");
    }
    if (key.facts.attributes.get(KeyAttribute::always_authenticate) == Tristate::yes) {
      return failure(Status::key_refused, Layer::pkcs11, kFinding)
          .about("CKA_ALWAYS_AUTHENTICATE: the token wants the PIN before every signature")
          .with_hint("make a key that signs once the user is logged in");
    }
    if (selector.public_key) {
      const bool is_same = key.public_key ? *key.public_key == *selector.public_key
                                          : *key.facts.scheme == selector.public_key->scheme();
      if (!is_same) return failure(Status::key_changed, Layer::pkcs11, kFinding);
      key.public_key = selector.public_key;
    }
    if (!key.public_key) {
      return failure(Status::key_not_found, Layer::pkcs11, kFinding)
          .about("the token holds the private key but shows no public half")
          .with_hint("put the public key object beside it, with the same CKA_ID, or say which public key to expect");
    }
    return keep(key, false);
  });
}

Result<KeyDescription> Device::describe(KeyHandle handle, BootTime deadline) noexcept {
  return visit(deadline, [&](const Visit& visit) noexcept -> Result<KeyDescription> {
    const CK_OBJECT_HANDLE object = HOLDFAST_TRY(object_of(handle));
    return describe(HOLDFAST_TRY(read_key(visit.session(), object, public_key_of(handle))));
  });
}

Result<KeyDescription> Device::describe(const FoundKey& key) const noexcept {
  KeyDescription description;
  description.backend = BackendKind::pkcs11;
  description.public_key = key.public_key;
  description.scheme = key.facts.scheme;
  append_printable(description.label, key.facts.label.view());
  append_hex(description.id_hex, key.facts.id.view());
  description.attributes = key.facts.attributes;
  KeyUri own = uri_of(token_, uri_);
  own.object = key.facts.label;
  own.id = key.facts.id;
  description.uri = HOLDFAST_TRY(write_uri(own));
  return description;
}

// ---- key handles -----------------------------------------------------------------------------------------------

KeyHandle Device::keep(const FoundKey& key, bool is_made) noexcept {
  const std::uint32_t index = is_made ? next_made_ : 0;
  if (is_made) next_made_ = next_made_ % (kKeySlots - 1) + 1;
  KeySlot& slot = keys_[index];
  if (++last_generation_ == 0) ++last_generation_;
  slot.generation.store(0, std::memory_order_release);
  slot.object.store(key.object, std::memory_order_release);
  // A key that does not sign has none of ours.
  slot.scheme.store(key.facts.scheme.value_or(Scheme{}), std::memory_order_release);
  slot.public_key = key.public_key;
  slot.generation.store(last_generation_, std::memory_order_release);
  return {index, last_generation_};
}

Result<Device::SlotView> Device::look_up(KeyHandle handle) const noexcept {
  if (handle.slot < kKeySlots && handle.generation != 0) {
    const KeySlot& slot = keys_[handle.slot];
    const std::uint32_t before = slot.generation.load(std::memory_order_acquire);
    const SlotView view{slot.object.load(std::memory_order_acquire), slot.scheme.load(std::memory_order_acquire)};
    if (before == handle.generation && slot.generation.load(std::memory_order_acquire) == before) return view;
  }
  return failure(Status::stale_key, Layer::pkcs11, "using a key");
}

Result<CK_OBJECT_HANDLE> Device::object_of(KeyHandle handle) const noexcept {
  return HOLDFAST_TRY(look_up(handle)).object;
}

std::optional<PublicKey> Device::public_key_of(KeyHandle handle) const noexcept {
  return look_up(handle) ? keys_[handle.slot].public_key : std::nullopt;
}

void Device::drop(KeyHandle handle) noexcept {
  if (look_up(handle)) keys_[handle.slot].generation.store(0, std::memory_order_release);
}

void Device::drop_all_keys() noexcept {
  for (KeySlot& slot : keys_) slot.generation.store(0, std::memory_order_release);
}

// ---- the back end's row ----------------------------------------------------------------------------------------

Result<DevicePtr> open_for_signing(const DeviceOptions& options) noexcept {
  return Device::open(options, &Device::make);
}

}  // namespace holdfast::hal::pkcs11
