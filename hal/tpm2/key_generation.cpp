// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/key_generation.hpp"

#include "hal/tpm2/device.hpp"
#include "hal/tpm2/new_key.hpp"
#include "hal/tpm2/token.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace holdfast::hal::tpm2 {
namespace {

constexpr const char* kGenerating = "making a key";
// The owner's half of the persistent handles (TCG registry of reserved handles §2.3.1); the root has its own.
constexpr std::uint32_t kLastOfOwner = 0x817FFFFF;

Error refuse(Status status, std::string_view why) noexcept {
  return failure(status, Layer::tpm2, kGenerating).about(why);
}

Result<void> check(const KeySpec& spec, const KeyUri& uri) noexcept {
  if (uri.file.empty() && !uri.handle) {
    return refuse(Status::invalid_uri, "it names no key")
        .with_hint(
            "name the key to be made: tpm2:file=/PATH/key.pem, or tpm2:handle=0x81000010 for a persistent one");
  }
  if (uri.handle && (*uri.handle == kPersistentRoot || *uri.handle > kLastOfOwner)) {
    return refuse(Status::invalid_uri, "the handle is not one for the owner's keys")
        .with_hint("choose one from 0x81000010 to 0x817FFFFF that is free: holdfast key list tpm2:");
  }
  if (!spec.label.empty() && spec.label != label_of(uri).view()) {
    return refuse(Status::invalid_argument, "a TPM key has no label of its own: it is called by its file or handle");
  }
  if (!spec.id.empty()) return refuse(Status::invalid_argument, "a TPM key's id is its name, which the TPM computes");
  return {};
}

Result<void> check_scheme(Scheme scheme) noexcept {
  if (scheme == Scheme::es256) return {};
  return refuse(Status::scheme_unsupported, "no TPM offers Ed25519")
      .with_hint("make an ES256 key (--scheme es256), or keep an Ed25519 key in a PKCS#11 token");
}

Result<void> refuse_existing(Connection& tpm, const KeyUri& uri, BootTime deadline) noexcept {
  bool exists = false;
  if (uri.handle) {
    const auto found = read_public(tpm, *uri.handle, deadline);
    exists = found.has_value() || is_foreign(found.error());
    if (!exists && found.status() != Status::key_not_found) return found.error();
  } else {
    char path[kMaxPathSize + 1]{};
    uri.file.view().copy(path, kMaxPathSize);
    exists = faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
  }
  if (!exists) return {};
  return refuse(Status::already_exists, label_of(uri).view());
}

struct NewKey {
  WrappedKey wrapped;
  std::optional<PcrPolicy> policy;
};

Result<std::optional<PcrPolicy>> policy_of(Device& device, BootTime deadline) noexcept {
  const PcrSelection& pcrs = device.uri().pcrs.pcrs;
  if (pcrs.empty()) return std::optional<PcrPolicy>{};
  const PcrState now = HOLDFAST_TRY(read_pcrs(device.connection(), pcrs, deadline));
  return std::optional(PcrPolicy{pcrs, now.values, !device.auth_value().empty()});
}

Result<NewKey> create(Device& device, BootTime deadline) noexcept {
  Connection& tpm = device.connection();
  const LoadedObject& root = device.root().object();
  NewKey key;
  key.policy = HOLDFAST_TRY(policy_of(device, deadline));
  const Digest digest = key.policy ? key.policy->digest() : Digest{};
  const auto policy = key.policy ? std::span<const std::byte>(digest) : std::span<const std::byte>{};
  if (device.auth_value().empty()) {
    key.wrapped = HOLDFAST_TRY(create_key(tpm, root, KeyUse::signing, {}, {}, deadline, policy));
    return key;
  }
  // The auth value goes to the TPM encrypted: it is read by nobody who listens on the bus.
  const Salt* salt = HOLDFAST_TRY(device.salt());
  AuthSession session(tpm);
  HOLDFAST_TRY(session.start(AuthSession::Kind::hmac, root.handle, *salt, AuthSession::Life::one_command,
                             AuthSession::Secrecy::first_parameter, deadline));
  key.wrapped =
      HOLDFAST_TRY(create_key(tpm, root, KeyUse::signing, device.auth_value(), {&session, {}}, deadline, policy));
  return key;
}

Result<FoundKey> make_file(Device& device, const NewKey& key, BootTime deadline) noexcept {
  KeyFile file;
  file.key = key.wrapped;
  file.policy = key.policy;
  file.parent = device.root().parent();
  file.has_empty_auth = device.auth_value().empty();
  HOLDFAST_TRY(save_key_file(device.uri().file.view(), file));
  auto made = device.load_file(device.uri().file.view(), deadline);
  if (!made) return take_back_key_file(device.uri().file.view(), made.error());
  return made;
}

// The time for the call may be over, which is no reason to leave behind what it is said not to have made.
Result<void> evict_made(Device& device, const LoadedObject& made) noexcept {
  const BootTime deadline = device.clock().boot().after(kPatience);
  LoadedObject persistent = made;
  persistent.handle = *device.uri().handle;
  const auto found = read_public(device.connection(), persistent.handle, deadline);
  const bool is_not_there =
      found ? found->name != made.name : found.status() == Status::key_not_found || is_foreign(found.error());
  if (is_not_there) return {};
  if (!found) return found.error();
  return device.evict(persistent, persistent.handle, deadline);
}

// Whatever was said: an answer may be wrong or lost, and the key there all the same.
Error remove_persistent(Device& device, const LoadedObject& made, Error error) noexcept {
  if (evict_made(device, made)) return error;
  error.detail.append(error.detail.empty() ? "" : "; ");
  error.detail.append("the key may be there still");
  error.hint = "see what is there before another one is made: holdfast key list tpm2:";
  return error;
}

Result<FoundKey> make_persistent(Device& device, const NewKey& key, BootTime deadline) noexcept {
  Connection& tpm = device.connection();
  const std::uint32_t handle = *device.uri().handle;
  const LoadedObject loaded = HOLDFAST_TRY(load_key(tpm, device.root().object(), key.wrapped, deadline));
  const auto kept = device.evict(loaded, handle, deadline);
  device.discard(loaded);
  if (!kept) return remove_persistent(device, loaded, kept.error());
  auto made = device.read_persistent(handle, deadline);
  if (!made) return remove_persistent(device, loaded, made.error());
  made->root_name = device.root().object().name;
  made->uri.srk_name = made->root_name;
  return made;
}

Result<FoundKey> keep(Device& device, const NewKey& key, BootTime deadline) noexcept {
  return device.uri().handle ? make_persistent(device, key, deadline) : make_file(device, key, deadline);
}

}  // namespace

Result<void> check_new_key(const KeySpec& spec, const KeyUri& uri) noexcept { return check(spec, uri); }

Result<void> refuse_existing_key(Connection& tpm, const KeyUri& uri, BootTime deadline) noexcept {
  return refuse_existing(tpm, uri, deadline);
}

Result<FoundKey> keep_new_key(Device& device, const WrappedKey& wrapped, BootTime deadline) noexcept {
  return keep(device, {wrapped, {}}, deadline);
}

Result<KeyDescription> describe_new_key(Device& device, const FoundKey& key) noexcept {
  auto description = device.describe(key);
  if (description) return description;
  if (key.is_persistent()) return remove_persistent(device, key.object, description.error());
  device.discard(key.object);
  return take_back_key_file(key.uri.file.view(), description.error());
}

Result<MadeKey> KeyGeneration::generate(const KeySpec& spec, BootTime deadline) noexcept {
  return device_.visit(deadline, [&]() noexcept -> Result<MadeKey> {
    HOLDFAST_TRY(check(spec, device_.uri()));
    HOLDFAST_TRY(refuse_existing(device_.connection(), device_.uri(), deadline));
    HOLDFAST_TRY(check_scheme(spec.scheme));
    device_.unload_keys();
    const auto make = [&]() noexcept -> Result<MadeKey> {
      HOLDFAST_TRY(device_.root().resolve(0, device_.pinned_root(), deadline));
      // Whoever signs later has no auth value of the owner's to make the root with.
      if (HOLDFAST_TRY(device_.owner().has_auth_value(deadline))) HOLDFAST_TRY(device_.root().persist(deadline));
      const NewKey made = HOLDFAST_TRY(create(device_, deadline));
      const FoundKey key = HOLDFAST_TRY(keep(device_, made, deadline));
      const KeyDescription description = HOLDFAST_TRY(describe_new_key(device_, key));
      return MadeKey{device_.keep(key, true), description, {}};
    };
    auto made = make();
    device_.release_root();
    return made;
  });
}

}  // namespace holdfast::hal::tpm2
