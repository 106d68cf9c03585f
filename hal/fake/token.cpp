// SPDX-License-Identifier: Apache-2.0
#include "hal/fake/token.hpp"

#include <algorithm>

namespace holdfast::hal::fake {
namespace {

ObjectKind kind_of(Scheme scheme) noexcept {
  return scheme == Scheme::ed25519 ? ObjectKind::ed25519 : ObjectKind::p256;
}

Error gone(const char* doing) noexcept { return failure(Status::device_gone, Layer::core, doing); }

// A label and id are taken by another key, not by the twin of the same one, which is of another kind.
bool is_same_name(const FakeObject& a, const FakeObject& b) noexcept {
  if ((a.kind == ObjectKind::x25519) != (b.kind == ObjectKind::x25519)) return false;
  return a.label == b.label || (a.id_size != 0 && std::ranges::equal(a.id_bytes(), b.id_bytes()));
}

}  // namespace

KeyAttributes made_here() noexcept {
  KeyAttributes attributes;
  using enum KeyAttribute;
  for (const KeyAttribute is_true :
       {token, private_object, sensitive, always_sensitive, never_extractable, local, sign, destroyable}) {
    attributes.set(is_true, true);
  }
  for (const KeyAttribute is_false :
       {extractable, sign_recover, decrypt, unwrap, derive, modifiable, copyable, always_authenticate}) {
    attributes.set(is_false, false);
  }
  attributes.set(mechanisms_pinned, true);
  return attributes;
}

KeyAttributes brought_in() noexcept {
  KeyAttributes attributes = made_here();
  using enum KeyAttribute;
  for (const KeyAttribute is_false : {local, always_sensitive, never_extractable}) attributes.set(is_false, false);
  return attributes;
}

Result<PublicKey> FakeToken::put_key(std::string_view label, Scheme scheme, const Secret& secret) noexcept {
  const PublicKey public_key = HOLDFAST_TRY(derive_public(scheme, secret));
  const std::lock_guard lock(mutex_);
  FakeObject* place = free_place();
  if (place == nullptr) return failure(Status::resource_exhausted, Layer::core, "putting a key on the fake token");
  place->uid = ++last_uid_;
  place->kind = kind_of(scheme);
  place->label = label;
  place->id[0] = static_cast<std::byte>(last_uid_);
  place->id_size = 1;
  place->secret = secret;
  place->public_key = public_key;
  place->attributes = made_here();
  return public_key;
}

void FakeToken::put_other(std::string_view label) noexcept {
  const std::lock_guard lock(mutex_);
  if (FakeObject* place = free_place(); place != nullptr) {
    place->uid = ++last_uid_;
    place->kind = ObjectKind::other;
    place->label = label;
    place->attributes = made_here();
  }
}

Result<PublicKey> FakeToken::replace_key(std::string_view label, Scheme scheme, const Secret& secret) noexcept {
  const PublicKey public_key = HOLDFAST_TRY(derive_public(scheme, secret));
  const std::lock_guard lock(mutex_);
  FakeObject* old = find(label);
  if (old == nullptr) return failure(Status::key_not_found, Layer::core, "replacing a key on the fake token");
  old->uid = ++last_uid_;
  old->kind = kind_of(scheme);
  old->secret = secret;
  old->public_key = public_key;
  return public_key;
}

void FakeToken::remove_key(std::string_view label) noexcept {
  const std::lock_guard lock(mutex_);
  if (FakeObject* object = find(label); object != nullptr) *object = {};
}

void FakeToken::set_attributes(std::string_view label, const KeyAttributes& attributes) noexcept {
  const std::lock_guard lock(mutex_);
  if (FakeObject* object = find(label); object != nullptr) object->attributes = attributes;
}

void FakeToken::show_public(std::string_view label, bool is_shown) noexcept {
  const std::lock_guard lock(mutex_);
  if (FakeObject* object = find(label); object != nullptr) object->shows_public = is_shown;
}

void FakeToken::take_away() noexcept {
  const std::lock_guard lock(mutex_);
  is_present_ = false;
}

void FakeToken::bring_back(TokenReturn how) noexcept {
  const std::lock_guard lock(mutex_);
  is_present_ = true;
  if (how != TokenReturn::as_before) ++handle_era_;
  if (how == TokenReturn::needs_reset) ++connection_era_;
}

void FakeToken::set_latency(std::chrono::nanoseconds latency) noexcept {
  const std::lock_guard lock(mutex_);
  latency_ = latency;
}

void FakeToken::hang() noexcept { hanging_.store(1, std::memory_order_release); }

void FakeToken::release() noexcept {
  hanging_.store(0, std::memory_order_release);
  clock_.wake_all(hanging_);
}

void FakeToken::set_lying(bool is_lying) noexcept {
  const std::lock_guard lock(mutex_);
  is_lying_ = is_lying;
}

Ledger FakeToken::ledger() noexcept {
  const std::lock_guard lock(mutex_);
  return ledger_;
}

std::size_t FakeToken::object_count() noexcept {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::ranges::count_if(objects_, [](const FakeObject& o) { return o.uid != 0; }));
}

Result<void> FakeToken::check_connection(std::uint32_t connection) noexcept {
  const std::lock_guard lock(mutex_);
  if (!is_present_) return gone("reaching the fake token").about("it was taken away");
  if (connection != connection_era_) return gone("reaching the fake token").about("the connection needs a reset");
  return {};
}

Result<std::uint32_t> FakeToken::connect() noexcept {
  const std::lock_guard lock(mutex_);
  if (!is_present_) return gone("connecting to the fake token").about("it was taken away");
  return connection_era_;
}

std::uint32_t FakeToken::handle_era() noexcept {
  const std::lock_guard lock(mutex_);
  return handle_era_;
}

std::size_t FakeToken::match(std::string_view label, std::span<FakeObject> out) noexcept {
  const std::lock_guard lock(mutex_);
  std::size_t count = 0;
  for (const FakeObject& object : objects_) {
    if (object.uid == 0 || (!label.empty() && object.label.view() != label)) continue;
    if (count < out.size()) out[count] = object;
    ++count;
  }
  return count;
}

std::optional<FakeObject> FakeToken::object(std::uint64_t uid) noexcept {
  const std::lock_guard lock(mutex_);
  for (const FakeObject& object : objects_) {
    if (uid != 0 && object.uid == uid) return object;
  }
  return std::nullopt;
}

Result<std::uint64_t> FakeToken::add(FakeObject object) noexcept {
  const std::lock_guard lock(mutex_);
  for (const FakeObject& present : objects_) {
    if (present.uid != 0 && is_same_name(present, object)) {
      return failure(Status::already_exists, Layer::core, "making a key on the fake token")
          .about(object.label.view());
    }
  }
  FakeObject* place = free_place();
  if (place == nullptr) return failure(Status::resource_exhausted, Layer::core, "making a key on the fake token");
  object.uid = ++last_uid_;
  if (object.id_size == 0) {
    object.id[0] = static_cast<std::byte>(object.uid);
    object.id_size = 1;
  }
  *place = object;
  ++ledger_.objects_made;
  return object.uid;
}

bool FakeToken::erase(std::uint64_t uid) noexcept {
  const std::lock_guard lock(mutex_);
  for (FakeObject& object : objects_) {
    if (uid == 0 || object.uid != uid) continue;
    object = {};
    ++ledger_.objects_removed;
    return true;
  }
  return false;
}

bool FakeToken::is_lying() noexcept {
  const std::lock_guard lock(mutex_);
  return is_lying_;
}

void FakeToken::work() noexcept {
  std::chrono::nanoseconds latency{0};
  {
    const std::lock_guard lock(mutex_);
    latency = latency_;
  }
  if (latency.count() > 0) clock_.sleep_until(clock_.boot().after(latency));
  while (hanging_.load(std::memory_order_acquire) != 0) clock_.wait(hanging_, 1, kNoDeadline);
}

void FakeToken::note_session(bool is_taken) noexcept {
  const std::lock_guard lock(mutex_);
  ++(is_taken ? ledger_.sessions_taken : ledger_.sessions_returned);
}

void FakeToken::note_handle(bool is_taken) noexcept {
  const std::lock_guard lock(mutex_);
  ++(is_taken ? ledger_.handles_taken : ledger_.handles_returned);
}

FakeObject* FakeToken::find(std::string_view label) noexcept {
  for (FakeObject& object : objects_) {
    if (object.uid != 0 && object.label.view() == label) return &object;
  }
  return nullptr;
}

FakeObject* FakeToken::free_place() noexcept {
  for (FakeObject& object : objects_) {
    if (object.uid == 0) return &object;
  }
  return nullptr;
}

}  // namespace holdfast::hal::fake
