// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/device.hpp"

#include "hal/display.hpp"
#include "hal/tpm2/token.hpp"

#include <tss2/tss2_tpm2_types.h>

namespace holdfast::hal::tpm2 {
namespace {

constexpr const char* kOpening = "opening a TPM";
constexpr const char* kFinding = "finding the key";
constexpr const char* kSigning = "signing";
constexpr std::size_t kMaxAuthSize = kSha256Size;  // the name algorithm's digest (Part 1 §19.6.4)

// The URI's own source, if the caller names none.
Result<PinSource> pin_source(const DeviceOptions& options, const KeyUri& uri) noexcept {
  if (options.pin.kind != PinSource::Kind::none) return options.pin;
  return PinSource::parse(uri.pin_source.view());
}

// A source that still gives the auth value tomorrow and is meant to: written into the key's URI, so that the identity
// file remembers it. A descriptor and a prompt are gone with the process; an environment is named explicitly.
void remember_source(KeyUri& uri, const PinSource& source) noexcept {
  if (!uri.pin_source.empty() || source.name.size() + 16 > kMaxPathSize) return;
  if (source.kind == PinSource::Kind::file) uri.pin_source.append("file:");
  if (source.kind == PinSource::Kind::credential) uri.pin_source.append("credential:");
  if (!uri.pin_source.empty()) uri.pin_source.append(source.name.view());
}

Result<void> check_kind(const PublicArea& area) noexcept {
  if (area.scheme()) return {};
  std::string_view why = "its scheme is not ECDSA with SHA-256";
  const char* hint = "make a P-256 key: holdfast key generate tpm2:file=/PATH --scheme es256";
  if (!area.is_p256()) {
    why = "the key is not on the curve P-256";
  } else if (!area.has(TPMA_OBJECT_SIGN_ENCRYPT)) {
    why = "the key does not sign";
  } else if (area.has(TPMA_OBJECT_RESTRICTED)) {
    why = "the key is restricted: it signs only what the TPM itself says";
  }
  return failure(Status::scheme_unsupported, Layer::tpm2, kFinding).about(why).with_hint(hint);
}

}  // namespace

// ---- opening and closing ---------------------------------------------------------------------------------------

Device::Device(const DeviceOptions& options, const KeyUri& uri, ForkGuard guard) noexcept
    : access_(options.access),
      clock_(options.clock != nullptr ? *options.clock : system_clock()),
      uri_(uri),
      guard_(std::move(guard)),
      connection_(clock_) {}

void Device::release(KeyDevice* device) noexcept {
  auto* own = static_cast<Device*>(device);
  own->close();
  delete own;
}

Result<DevicePtr> Device::open(const DeviceOptions& options) noexcept {
  const KeyUri uri = HOLDFAST_TRY(parse_uri(options.uri));
  ForkGuard guard = HOLDFAST_TRY(ForkGuard::create());
  auto* device = new (std::nothrow) Device(options, uri, std::move(guard));
  if (device == nullptr) return failure(Status::resource_exhausted, Layer::system, kOpening);
  DevicePtr owner(device, &Device::release);
  HOLDFAST_TRY(device->connect());
  if (options.access != DeviceAccess::browse) HOLDFAST_TRY(device->read_auth_value(options));
  return owner;
}

Result<void> Device::connect() noexcept {
  HOLDFAST_TRY(connection_.connect(uri_.tcti.view()));
  // The first question: a TPM in failure mode, or one that is none, says so here.
  const auto family = get_property(connection_, TPM2_PT_FAMILY_INDICATOR, kNoDeadline);
  if (family) return {};
  connection_.close();
  return family.error();
}

Result<void> Device::read_auth_value(const DeviceOptions& options) noexcept {
  const PinSource source = HOLDFAST_TRY(pin_source(options, uri_));
  if (source.kind == PinSource::Kind::none) return {};
  FixedText<96> what{"auth value of TPM key '"};
  append_printable(what, label_of(uri_).view());
  what.append("'");
  auth_ = HOLDFAST_TRY(read_pin(source, what.view()));
  remember_source(uri_, source);
  if (auth_.size() <= kMaxAuthSize) return {};
  auth_.wipe();
  return failure(Status::invalid_argument, Layer::tpm2, kOpening)
      .about("a TPM key's auth value has at most 32 bytes");
}

void Device::close() noexcept {
  if (is_closed_.exchange(true, std::memory_order_acq_rel)) return;
  if (guard_.is_forked()) {
    // The connection and all that is loaded are the parent's: nothing is sent, not even a TPM2_FlushContext.
    forget_objects();
    connection_.abandon();
  } else {
    drop_all_keys();
    root_.release();
    connection_.close();
  }
  salt_.reset();
  auth_.wipe();
}

Result<void> Device::check_usable() const noexcept {
  if (guard_.is_forked()) return failure(Status::forked, Layer::tpm2, "using a TPM");
  if (is_closed_.load(std::memory_order_acquire)) {
    return failure(Status::device_gone, Layer::tpm2, "using a TPM").about("it was closed").with_hint("open it again");
  }
  return {};
}

Result<void> Device::reset(BootTime deadline) noexcept {
  return visit(deadline, [&]() noexcept -> Result<void> {
    drop_all_keys();
    root_.release();
    if (!connection_.is_usable()) forget_objects();
    salt_.reset();
    auto done = connect();
    if (done) flush_strays();
    if (done || done.status() != Status::token_not_found) return done;
    Error error = done.error();
    error.status = Status::device_gone;
    return error;
  });
}

Result<TokenDescription> Device::describe_token() noexcept {
  return visit(kNoDeadline, [&]() noexcept -> Result<TokenDescription> {
    TokenDescription token = HOLDFAST_TRY(read_token(connection_));
    KeyUri own;
    own.tcti = uri_.tcti;
    token.uri = HOLDFAST_TRY(write_uri(own));
    if (!root_.is_there()) {
      unload_keys();
      // Without a storage root the TPM still is what it is; provisioning says why there is none.
      (void)root_.resolve(0, {}, kNoDeadline);
    }
    if (root_.is_there()) append_hex(token.serial, root_.object().name.view().subspan(2));
    release_root();
    return token;
  });
}

// ---- finding and describing ------------------------------------------------------------------------------------

bool Device::needs_auth_value(const FoundKey& key) const noexcept {
  return key.file ? !key.file->has_empty_auth : !auth_.empty();
}

Result<FoundKey> Device::load_file(std::string_view path, BootTime deadline) noexcept {
  FoundKey found;
  found.file = HOLDFAST_TRY(load_key_file(path));
  HOLDFAST_TRY(check_kind(found.file->key.public_area));
  unload_keys();
  HOLDFAST_TRY(root_.resolve(found.file->parent, pinned_root(), deadline));
  found.root_name = root_.object().name;
  auto loaded = load_key(connection_, root_.object(), found.file->key, deadline);
  if (!loaded) {
    release_root();
    return loaded.error();
  }
  found.object = *loaded;
  found.uri = uri_;
  found.uri.file = FixedText<kMaxPathSize>(path);
  found.uri.handle.reset();
  found.uri.srk_name = found.root_name;
  return found;
}

Result<FoundKey> Device::read_persistent(std::uint32_t handle, BootTime deadline) noexcept {
  FoundKey found;
  found.object = HOLDFAST_TRY(read_public(connection_, handle, deadline));
  found.uri = uri_;
  found.uri.file.clear();
  found.uri.handle = handle;
  return found;
}

Result<FoundKey> Device::find_the_only_key(BootTime deadline) noexcept {
  PersistentHandles handles = HOLDFAST_TRY(PersistentHandles::read(connection_, deadline));
  std::optional<FoundKey> only;
  Error several =
      failure(Status::ambiguous_match, Layer::tpm2, kFinding).with_hint("name one of them: tpm2:handle=0x…");
  std::size_t count = 0;
  for (const std::uint32_t handle : handles.view()) {
    const FoundKey key = HOLDFAST_TRY(read_persistent(handle, deadline));
    if (!key.object.public_area.scheme()) continue;
    if (count++ > 0) several.detail.append(", ");
    several.detail.append(label_of(key.uri).view());
    only = key;
  }
  if (count > 1) return several;
  if (!only) {
    return failure(Status::key_not_found, Layer::tpm2, kFinding).about("the TPM has no persistent signing key");
  }
  return *only;
}

Result<FoundKey> Device::find(BootTime deadline) noexcept {
  if (!uri_.file.empty()) return load_file(uri_.file.view(), deadline);
  FoundKey found =
      uri_.handle ? HOLDFAST_TRY(read_persistent(*uri_.handle, deadline)) : HOLDFAST_TRY(find_the_only_key(deadline));
  HOLDFAST_TRY(check_kind(found.object.public_area));
  if (!found.object.public_area.has(TPMA_OBJECT_USERWITHAUTH)) {
    return failure(Status::key_refused, Layer::tpm2, kFinding)
        .about("it can only be used by a policy, which we cannot satisfy")
        .with_hint("make a key that signs with its auth value: holdfast key generate tpm2:handle=0x81000010");
  }
  if (pinned_root().empty() && !needs_auth_value(found)) return found;
  unload_keys();
  HOLDFAST_TRY(root_.resolve(0, pinned_root(), deadline));
  found.root_name = root_.object().name;
  found.uri.srk_name = found.root_name;
  return found;
}

Result<KeyHandle> Device::find_key(const KeySelector& selector, BootTime deadline) noexcept {
  return visit(deadline, [&]() noexcept -> Result<KeyHandle> {
    // Out of the TPM before the same key comes in again; the handle goes stale only when it is found.
    unload_keys();
    FoundKey found = HOLDFAST_TRY(find(deadline));
    const auto judge = [&]() noexcept -> Result<void> {
      if (selector.public_key && found.object.public_area.point() != selector.public_key) {
        return failure(Status::key_changed, Layer::tpm2, kFinding);
      }
      if (refusal_.status != Status::ok) return refusal_;
      if (access_ == DeviceAccess::sign && needs_auth_value(found) && auth_.empty()) {
        return failure(Status::pin_required, Layer::tpm2, kFinding).about("the key has an auth value");
      }
      return {};
    };
    if (const auto verdict = judge(); !verdict) {
      unload(found);
      release_root();
      return verdict.error();
    }
    const KeyHandle handle = keep(found, false);
    release_root();
    return handle;
  });
}

Result<KeyDescription> Device::describe(KeyHandle handle) noexcept {
  return visit(kNoDeadline, [&]() noexcept -> Result<KeyDescription> {
    FoundKey* key = HOLDFAST_TRY(use(handle, kNoDeadline));
    auto now = read_public(connection_, key->object.handle, kNoDeadline);
    if (!now && is_lost_handle(static_cast<ResponseCode>(now.error().native))) {
      forget_objects();
      flush_strays();
      drop(handle);
      return failure(Status::stale_key, Layer::tpm2, "describing a key");
    }
    if (!now) return now.error();
    FoundKey afresh = *key;
    afresh.object = *now;
    return describe(afresh);
  });
}

Result<KeyDescription> Device::describe(const FoundKey& key) const noexcept {
  KeyDescription description;
  description.backend = BackendKind::tpm2;
  const PublicArea& area = key.object.public_area;
  description.scheme = area.scheme();
  if (description.scheme) description.public_key = area.point();
  description.label = label_of(key.uri);
  append_hex(description.id_hex, key.object.name.view());
  description.attributes = area.key_attributes(key.object.name_matches);
  description.uri = HOLDFAST_TRY(write_uri(key.uri));
  return description;
}

// ---- keys in and out of the TPM --------------------------------------------------------------------------------

KeyHandle Device::keep(const FoundKey& key, bool is_made) noexcept {
  const std::uint32_t index = is_made ? next_made_ : 0;
  if (is_made) next_made_ = next_made_ % (kKeySlots - 1) + 1;
  KeySlot& slot = keys_[index];
  unload(slot.key);
  if (++last_generation_ == 0) ++last_generation_;
  slot = {last_generation_, key};
  return {index, last_generation_};
}

Result<FoundKey*> Device::use(KeyHandle handle, BootTime deadline) noexcept {
  if (handle.slot >= kKeySlots || handle.generation == 0 || keys_[handle.slot].generation != handle.generation) {
    return failure(Status::stale_key, Layer::tpm2, "using a key");
  }
  FoundKey& key = keys_[handle.slot].key;
  if (key.object.handle != 0) return &key;
  unload_keys();
  if (!root_.is_there() || root_.object().name != key.root_name) {
    salt_.reset();
    HOLDFAST_TRY(root_.resolve(key.file->parent, key.root_name, deadline));
  }
  auto loaded = load_key(connection_, root_.object(), key.file->key, deadline);
  if (loaded) key.object = *loaded;
  release_root();
  if (!loaded) return loaded.error();
  return &key;
}

void Device::unload(FoundKey& key) noexcept {
  if (key.is_persistent() || key.object.handle == 0) return;
  discard(key.object);
  key.object.handle = 0;
}

void Device::discard(const LoadedObject& object) noexcept {
  connection_.flush(object.handle);
  if (!connection_.is_usable()) stray(object);  // it may still be there
}

void Device::unload_keys() noexcept {
  for (KeySlot& slot : keys_) unload(slot.key);
}

void Device::drop(KeyHandle handle) noexcept {
  if (handle.slot >= kKeySlots || keys_[handle.slot].generation != handle.generation) return;
  unload(keys_[handle.slot].key);
  keys_[handle.slot].generation = 0;
}

void Device::drop_all_keys() noexcept {
  unload_keys();
  for (KeySlot& slot : keys_) slot.generation = 0;
}

// Everything transient was lost with the connection or the TPM's state, or so it seems.
void Device::forget_objects() noexcept {
  for (KeySlot& slot : keys_) {
    if (slot.key.is_persistent() || slot.key.object.handle == 0) continue;
    stray(slot.key.object);
    slot.key.object.handle = 0;
  }
  if (root_.is_there() && !root_.is_persistent()) stray(root_.object());
  root_.forget();
  salt_.reset();
}

void Device::stray(const LoadedObject& object) noexcept {
  const auto free = std::ranges::find(strays_, 0U, &LoadedObject::handle);
  if (free != strays_.end()) *free = object;
}

// Where no resource manager cleans up behind a broken connection, what we had may still be there: it is ours if it
// has our object's name.
void Device::flush_strays() noexcept {
  for (LoadedObject& object : strays_) {
    if (object.handle == 0) continue;
    const auto now = read_public(connection_, object.handle, kNoDeadline);
    if (now && now->name == object.name) connection_.flush(object.handle);
    object = {};
  }
}

void Device::release_root() noexcept {
  if (auth_.empty()) root_.release();
}

Result<const Salt*> Device::salt() noexcept {
  if (!salt_) {
    const auto point = root_.object().public_area.point();
    if (!point) {
      return failure(Status::device_fault, Layer::tpm2, "reading the storage root").about("it has no point");
    }
    salt_ = HOLDFAST_TRY(Salt::make(*point));
  }
  return &*salt_;
}

// ---- signing ---------------------------------------------------------------------------------------------------

Result<Signature> Device::sign(KeyHandle handle, Scheme scheme, std::span<const std::byte> input,
                               BootTime deadline) noexcept {
  return visit(deadline, [&]() noexcept -> Result<Signature> {
    FoundKey* key = HOLDFAST_TRY(use(handle, deadline));
    if (scheme != Scheme::es256) return failure(Status::scheme_unsupported, Layer::tpm2, kSigning);
    if (input.size() != kSha256Size) {
      return failure(Status::invalid_argument, Layer::tpm2, kSigning).about("a digest has 32 bytes");
    }
    if (refusal_.status != Status::ok) return refusal_;
    auto signature = sign_with(*key, input, deadline);
    if (signature) return signature;
    if (is_lost_handle(static_cast<ResponseCode>(signature.error().native))) {
      // The TPM was reset, or somebody flushed or evicted what is not theirs: the key must be found again.
      forget_objects();
      flush_strays();
      drop(handle);
      return native_failure(static_cast<ResponseCode>(signature.error().native), Status::stale_key, kSigning);
    }
    return judge_refusal(*key, signature.error());
  });
}

Result<Signature> Device::sign_with(FoundKey& key, std::span<const std::byte> digest, BootTime deadline) noexcept {
  const bool with_auth = needs_auth_value(key);
  if (with_auth && auth_.empty()) {
    return failure(Status::pin_required, Layer::tpm2, kSigning).about("the key has an auth value");
  }
  const bool is_protected = !key.object.public_area.has(TPMA_OBJECT_NODA);
  if (is_protected && !is_auth_proven_) {
    const Lockout lockout = HOLDFAST_TRY(Lockout::read(connection_, deadline));
    HOLDFAST_TRY(lockout.check_reserve());
  }
  const auto sign_now = [&]() noexcept -> Result<Signature> {
    const std::uint32_t object = key.object.handle;
    if (!with_auth) return sign_digest(connection_, object, key.object.name.view(), digest, {}, deadline);
    // The root stays in the TPM between signatures; the session does not: it begins here and ends with the signature.
    if (!root_.is_there()) {
      salt_.reset();
      HOLDFAST_TRY(root_.resolve(key.file ? key.file->parent : 0, key.root_name, deadline));
    }
    const Salt* root_salt = HOLDFAST_TRY(salt());
    AuthSession session(connection_);
    HOLDFAST_TRY(session.start(AuthSession::Kind::hmac, root_.object().handle, *root_salt,
                               AuthSession::Life::one_command, AuthSession::Secrecy::none, deadline));
    return sign_digest(connection_, object, key.object.name.view(), digest, {&session, auth_.reveal({})}, deadline);
  };
  auto signature = sign_now();
  if (signature) is_auth_proven_ = true;
  return signature;
}

Error Device::judge_refusal(const FoundKey& key, const Error& error) noexcept {
  const auto code = static_cast<ResponseCode>(error.native);
  if (error.layer != Layer::tpm2) return error;
  if (base_of(code) == TPM2_RC_LOCKOUT) {
    const auto lockout = Lockout::read(connection_, kNoDeadline);
    if (!lockout) return error;
    Error explained = lockout->explain(kSigning);
    explained.native = error.native;
    explained.native_name = error.native_name;
    return explained;
  }
  if (!is_wrong_auth(code)) return error;
  // Judged once, and never sent again until the device is opened anew (P5).
  refusal_ = error;
  if (!needs_auth_value(key)) {
    refusal_.status = Status::pin_required;
    refusal_.detail = FixedText<190>("the key has an auth value, and an empty one was refused");
  }
  auth_.wipe();
  return refusal_;
}

}  // namespace holdfast::hal::tpm2
