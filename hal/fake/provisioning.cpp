// SPDX-License-Identifier: Apache-2.0
#include "hal/fake/device.hpp"
#include "hal/fake/object_description.hpp"

#include <algorithm>

// The rare abilities of the fake.
namespace holdfast::hal::fake {
namespace {

Result<FakeObject> object_for(const KeySpec& spec, ObjectKind kind) noexcept {
  if (spec.label.empty() || spec.label.size() > FixedText<128>::capacity() || spec.id.size() > kMaxKeyIdSize) {
    return failure(Status::invalid_argument, Layer::core, "making a key")
        .about("a label has 1 to 128 bytes, an id at most 64");
  }
  FakeObject object;
  object.kind = kind;
  object.label = spec.label;
  std::ranges::copy(spec.id, object.id.begin());
  object.id_size = spec.id.size();
  return object;
}

ObjectKind kind_of(Scheme scheme) noexcept {
  return scheme == Scheme::ed25519 ? ObjectKind::ed25519 : ObjectKind::p256;
}

Result<Secret> secret_of(const SecretBytes& bytes) noexcept {
  const auto revealed = bytes.reveal(SecretAccess{});
  if (revealed.size() != Secret{}.size()) {
    return failure(Status::invalid_argument, Layer::core, "importing a key").about("a private key has 32 bytes");
  }
  Secret secret;
  std::ranges::copy(revealed, secret.begin());
  return secret;
}

}  // namespace

Result<MadeKey> FakeDevice::generate(const KeySpec& spec, BootTime) noexcept {
  FakeObject object = HOLDFAST_TRY(object_for(spec, kind_of(spec.scheme)));
  object.secret = random_secret(spec.scheme);
  object.public_key = HOLDFAST_TRY(derive_public(spec.scheme, object.secret));
  object.attributes = made_here();
  return make(object, Call::make);
}

Result<MadeKey> FakeDevice::import_key(const KeySpec& spec, const SecretBytes& private_key,
                                       const PublicKey& public_key, BootTime) noexcept {
  FakeObject object = HOLDFAST_TRY(object_for(spec, kind_of(spec.scheme)));
  object.secret = HOLDFAST_TRY(secret_of(private_key));
  object.public_key = HOLDFAST_TRY(derive_public(spec.scheme, object.secret));
  if (object.public_key != public_key) {
    return failure(Status::invalid_argument, Layer::core, "importing a key")
        .about("the halves do not belong together");
  }
  object.attributes = brought_in();
  return make(object, Call::copy_in);
}

Result<MadeKey> FakeDevice::import_twin(const KeySpec& spec, const SecretBytes& x25519_secret,
                                        std::span<const std::byte, 32>, BootTime) noexcept {
  FakeObject object = HOLDFAST_TRY(object_for(spec, ObjectKind::x25519));
  object.secret = HOLDFAST_TRY(secret_of(x25519_secret));
  object.attributes = brought_in();
  object.attributes.set(KeyAttribute::sign, false);
  object.attributes.set(KeyAttribute::derive, true);
  return make(object, Call::copy_in);
}

// An object is made first and described afterwards, as on a token; if the second step fails, it goes again.
Result<MadeKey> FakeDevice::make(const FakeObject& object, Call call) noexcept {
  auto entered = enter(call, "making a key");
  if (!entered) return entered.error();
  const std::uint64_t uid = HOLDFAST_TRY(token_.add(object));
  auto read = enter(Call::read_attributes, "reading a key's attributes");
  if (!read) {
    token_.erase(uid);
    return read.error();
  }
  const auto made = token_.object(uid);
  if (!made) return failure(Status::stale_key, Layer::core, "making a key");
  return MadeKey{.handle = bind(uid), .description = describe_object(*made), .dropped = {}};
}

Result<KeyHandle> FakeDevice::find_twin(std::string_view uri, BootTime) noexcept {
  constexpr const char* kFinding = "finding a derivation key";
  auto entered = enter(Call::find, kFinding);
  if (!entered) return entered.error();
  constexpr std::string_view kStart = "fake:object=";  // object_description.cpp
  if (!uri.starts_with(kStart)) return failure(Status::invalid_uri, Layer::core, kFinding).about(uri);
  const std::string_view label = uri.substr(kStart.size(), uri.find(';', kStart.size()) - kStart.size());
  std::array<FakeObject, FakeToken::kMaxObjects> objects;
  const std::size_t count = token_.match(label, objects);
  if (count == 0) return failure(Status::key_not_found, Layer::core, kFinding).about(uri);
  if (count > 1) return failure(Status::ambiguous_match, Layer::core, kFinding).about(uri);
  if (objects[0].kind != ObjectKind::x25519) {
    return failure(Status::scheme_unsupported, Layer::core, kFinding).about("the key is not of X25519");
  }
  return bind(objects[0].uid);
}

Result<SecretBytes> FakeDevice::agree(KeyHandle key, std::span<const std::byte, 32> peer_public, BootTime) noexcept {
  const FakeObject object = HOLDFAST_TRY(object_of(key));
  auto entered = enter(Call::derive, "computing a shared secret");
  if (!entered) return entered.error();
  if (object.kind != ObjectKind::x25519) {
    return failure(Status::scheme_unsupported, Layer::core, "computing a shared secret")
        .about("the key is not of X25519");
  }
  SecretBytes shared = HOLDFAST_TRY(SecretBytes::allocate(peer_public.size()));
  std::ranges::copy(agree_with(object.secret, peer_public), shared.storage(SecretAccess{}).begin());
  shared.set_size(peer_public.size());
  return shared;
}

Result<std::size_t> FakeDevice::list(std::span<KeyDescription> out) noexcept {
  auto entered = enter(Call::enumerate, "listing keys");
  if (!entered) return entered.error();
  std::array<FakeObject, FakeToken::kMaxObjects> objects;
  const std::size_t count = token_.match(label_.view(), objects);
  for (std::size_t i = 0; i < std::min(count, out.size()); ++i) out[i] = describe_object(objects[i]);
  return count;
}

Result<void> FakeDevice::destroy(KeyHandle key) noexcept {
  const FakeObject object = HOLDFAST_TRY(object_of(key));
  if (access_ != DeviceAccess::provision) {
    return failure(Status::permission_denied, Layer::core, "removing a key")
        .about("the device was not opened for provisioning");
  }
  auto entered = enter(Call::remove, "removing a key");
  if (!entered) return entered;
  token_.erase(object.uid);
  const std::lock_guard lock(mutex_);
  unbind();
  return {};
}

Result<ExportReport> FakeDevice::try_export(Scheme scheme, BootTime) noexcept {
  FakeObject disposable;
  disposable.kind = kind_of(scheme);
  disposable.label = std::string_view("holdfast-export-attempt");
  disposable.secret = random_secret(scheme);
  disposable.public_key = HOLDFAST_TRY(derive_public(scheme, disposable.secret));
  disposable.attributes = made_here();
  auto entered = enter(Call::make, "making a disposable key");
  if (!entered) return entered.error();
  const std::uint64_t uid = HOLDFAST_TRY(token_.add(disposable));

  auto attempted = enter(Call::export_attempt, "asking for a private value");
  token_.erase(uid);
  if (!attempted) return attempted.error();
  ExportReport report;
  report.attempts[0] = {
      .name = "read the private value",
      .outcome = token_.is_lying() ? ExportAttempt::Outcome::gave_way : ExportAttempt::Outcome::refused};
  report.attempts[1] = {.name = "wrap under a known key", .outcome = ExportAttempt::Outcome::not_offered};
  report.count = 2;
  return report;
}

}  // namespace holdfast::hal::fake
