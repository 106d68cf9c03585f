// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/device.hpp"

#include "hal/display.hpp"
#include "hal/tpm2/backend.hpp"
#include "hal/tpm2/recovery.hpp"
#include "hal/tpm2/token.hpp"

#include <tss2/tss2_tpm2_types.h>

namespace holdfast::hal::tpm2 {
namespace {

constexpr const char* kOpening = "opening a TPM";
constexpr const char* kFinding = "finding the key";
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
      governor_(clock_, options.failure_records),
      connection_(clock_, options.sigpipe_is_ignored) {}

void Device::release(KeyDevice* device) noexcept {
  auto* own = static_cast<Device*>(device);
  own->close();
  if (!own->is_left_behind_) delete own;
}

Device* Device::make(const DeviceOptions& options, const KeyUri& uri, ForkGuard guard) noexcept {
  return new (std::nothrow) Device(options, uri, std::move(guard));
}

Result<DevicePtr> Device::open(const DeviceOptions& options, Make make) noexcept {
  const KeyUri uri = HOLDFAST_TRY(parse_uri(options.uri));
  ForkGuard guard = HOLDFAST_TRY(ForkGuard::create());
  Device* device = make(options, uri, std::move(guard));
  if (device == nullptr) return failure(Status::resource_exhausted, Layer::system, kOpening);
  DevicePtr owner(device, &Device::release);
  HOLDFAST_TRY(device->connect(kNoDeadline));
  if (options.access != DeviceAccess::browse) HOLDFAST_TRY(device->read_auth_value(options));
  if (options.access == DeviceAccess::provision) HOLDFAST_TRY(device->read_owner_auth_value(options));
  return owner;
}

Result<void> Device::read_auth_value(const DeviceOptions& options) noexcept {
  const PinSource source = HOLDFAST_TRY(pin_source(options, uri_));
  if (source.kind == PinSource::Kind::none) return {};
  FixedText<96> what{"auth value of TPM key '"};
  append_printable(what, label_of(uri_).view());
  what.append("'");
  auth_ = HOLDFAST_TRY(read_pin(source, what.view(), &auth_source_));
  remember_source(uri_, source);
  if (auth_.size() <= kMaxAuthSize) return {};
  auth_.wipe();
  return failure(Status::invalid_argument, Layer::tpm2, kOpening)
      .about("a TPM key's auth value has at most 32 bytes");
}

Result<void> Device::read_owner_auth_value(const DeviceOptions& options) noexcept {
  if (options.owner_pin.kind == PinSource::Kind::none) return {};
  SecretBytes value = HOLDFAST_TRY(read_pin(options.owner_pin, "auth value of the TPM's owner hierarchy"));
  if (value.size() > kMaxAuthSize) {
    return failure(Status::invalid_argument, Layer::tpm2, kOpening)
        .about("the owner hierarchy's auth value has at most 32 bytes");
  }
  owner_.set_auth_value(std::move(value));
  return {};
}

void Device::close() noexcept {
  if (is_closed_.exchange(true, std::memory_order_acq_rel)) return;
  if (guard_.is_forked()) {
    // The connection and all that is loaded are the parent's: nothing is sent, not even a TPM2_FlushContext.
    forget_objects();
    connection_.abandon();
  } else {
    const BootTime patience = clock_.boot().after(kPatience);
    const Turn turn(turnstile_, clock_, patience);
    // A thread is in a command that does not end, and comes back to this object when it gives up.
    is_left_behind_ = !turn;
    if (is_left_behind_) return;
    drop_all_keys();
    root_.release();
    if (connection_.is_usable()) flush_strays(patience);
    connection_.close();
  }
  forget_salt();
  auth_.wipe();
  owner_.forget_auth_value();
}

Result<void> Device::check_usable() const noexcept {
  if (guard_.is_forked()) return failure(Status::forked, Layer::tpm2, "using a TPM");
  if (is_closed_.load(std::memory_order_acquire)) {
    return failure(Status::device_gone, Layer::tpm2, "using a TPM").about("it was closed").with_hint("open it again");
  }
  return {};
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
  if (key.is_used_by_policy()) return key.policy && key.policy->needs_auth_value;
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
  if (const auto judged = judge_policy(found, deadline); !judged) {
    unload(found);
    release_root();
    return judged.error();
  }
  return found;
}

Result<FoundKey> Device::read_persistent(std::uint32_t handle, BootTime deadline) noexcept {
  FoundKey found;
  found.object = HOLDFAST_TRY(read_public(connection_, handle, deadline));
  found.uri = uri_;
  found.uri.file.clear();
  found.uri.handle = handle;
  HOLDFAST_TRY(judge_policy(found, deadline));
  return found;
}

Result<FoundKey> Device::find_the_only_key(BootTime deadline) noexcept {
  PersistentHandles handles = HOLDFAST_TRY(PersistentHandles::read(connection_, deadline));
  std::optional<FoundKey> only;
  Error several =
      failure(Status::ambiguous_match, Layer::tpm2, kFinding).with_hint("name one of them: tpm2:handle=0x…");
  std::size_t count = 0;
  for (const std::uint32_t handle : handles.view()) {
    const auto key = read_persistent(handle, deadline);
    if (!key && !is_foreign(key.error())) return key.error();
    if (!key || !key->object.public_area.scheme()) continue;
    if (count++ > 0) several.detail.append(", ");
    several.detail.append(label_of(key->uri).view());
    only = *key;
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
  if (pinned_root().empty() && !needs_auth_value(found)) return found;
  unload_keys();
  HOLDFAST_TRY(root_.resolve(0, pinned_root(), deadline));
  found.root_name = root_.object().name;
  found.uri.srk_name = found.root_name;
  return found;
}

Result<KeyHandle> Device::find_key(const KeySelector& selector, BootTime deadline) noexcept {
  return visit(deadline, [&]() noexcept -> Result<KeyHandle> {
    // Whoever signs comes here to use the key, which is over: the TPM is left alone.
    if (!can_write() && refusal_.status != Status::ok) return refusal_;
    // Out of the TPM before the same key comes in again; the handle goes stale only when it is found.
    unload_keys();
    auto sought = find(deadline);
    if (!sought) {
      // Nothing stands under the handle: no loss, but an answer.
      const bool is_no_key = uri_.handle && sought.status() == Status::key_not_found;
      return is_no_key ? sought.error() : for_recovery(sought.error());
    }
    FoundKey& found = *sought;
    const auto judge = [&]() noexcept -> Result<void> {
      if (selector.public_key && found.object.public_area.point() != selector.public_key) {
        return failure(Status::key_changed, Layer::tpm2, kFinding);
      }
      if (refusal_.status != Status::ok) return refusal_;
      // One that cannot sign any more can still be shown and removed.
      if (access_ == DeviceAccess::sign && found.policy_refusal.status != Status::ok) return found.policy_refusal;
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

Result<KeyDescription> Device::describe(KeyHandle handle, BootTime deadline) noexcept {
  return visit(deadline, [&]() noexcept -> Result<KeyDescription> {
    FoundKey* key = HOLDFAST_TRY(use(handle, deadline));
    auto now = read_public(connection_, key->object.handle, deadline);
    if (!now && is_lost_handle(static_cast<ResponseCode>(now.error().native))) {
      forget_objects();
      flush_strays(deadline);
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
  description.attributes = area.key_attributes(key.object.name_matches, key.policy.has_value());
  description.uri = HOLDFAST_TRY(write_uri(key.uri));
  return description;
}

Result<void> Device::judge_policy(FoundKey& key, BootTime deadline) noexcept {
  const auto spelt = key.file ? key.file->policy : std::optional<PcrPolicy>{};
  const PolicyVerdict verdict =
      HOLDFAST_TRY(tpm2::judge_policy(connection_, key.object.public_area, spelt, key.uri.pcrs, deadline));
  key.policy = verdict.policy;
  key.policy_refusal = verdict.refusal;
  key.uri.pcrs = verdict.binding;
  return {};
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
    forget_salt();
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

Result<void> Device::evict(const LoadedObject& object, std::uint32_t persistent, BootTime deadline) noexcept {
  const LoadedObject* salt_key = root_.is_there() ? &root_.object() : nullptr;
  return owner_.act(salt_key, deadline, [&](const Consent& owner) noexcept {
    return evict_control(connection_, object.handle, object.name.view(), persistent, owner, deadline);
  });
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

void Device::release_root() noexcept {
  if (auth_.empty()) root_.release();
}

// Its memory is kept for the next one: a host that has locked itself down may get no other page locked.
void Device::forget_salt() noexcept {
  if (!salt_) return;
  salt_->secret.wipe();
  salt_room_ = std::move(salt_->secret);
  salt_.reset();
}

Result<const Salt*> Device::salt() noexcept {
  if (!salt_) {
    const auto point = root_.object().public_area.point();
    if (!point) {
      return failure(Status::device_fault, Layer::tpm2, "reading the storage root").about("it has no point");
    }
    salt_ = HOLDFAST_TRY(Salt::make(*point, "SECRET", &salt_room_));
  }
  return &*salt_;
}

// ---- the back end's row ----------------------------------------------------------------------------------------

Result<DevicePtr> open_for_signing(const DeviceOptions& options) noexcept {
  return Device::open(options, &Device::make);
}

}  // namespace holdfast::hal::tpm2
