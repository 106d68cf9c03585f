// SPDX-License-Identifier: Apache-2.0
#include "hal/fake/device.hpp"

#include "hal/fake/object_description.hpp"

#include <algorithm>
#include <new>

namespace holdfast::hal::fake {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kMaxMatches = FakeToken::kMaxObjects;

Error stale(const char* doing) noexcept { return failure(Status::stale_key, Layer::core, doing); }

// The first matches' URIs; Error's detail cuts what does not fit.
Error ambiguous(std::span<const FakeObject> matches) noexcept {
  FixedText<190> detail;
  for (const FakeObject& match : matches) {
    if (!detail.empty()) detail.append(", ");
    detail.append(uri_of(match).view());
  }
  return failure(Status::ambiguous_match, Layer::core, "finding a key").about(detail.view());
}

}  // namespace

class FakeDevice::Session {
 public:
  // Everything that reaches the token needs a session; a signature under way on each of them makes the next caller
  // wait here, and only here does the deadline bind.
  static Result<Session> take(FakeDevice& device, BootTime deadline) noexcept {
    std::uint32_t free = device.free_sessions_.load(std::memory_order_acquire);
    while (free == 0 || !device.free_sessions_.compare_exchange_weak(free, free - 1, std::memory_order_acq_rel)) {
      if (free == 0 && !device.token_.clock().wait(device.free_sessions_, 0, deadline)) {
        return failure(Status::deadline_exceeded, Layer::core, "waiting for a free session");
      }
      free = device.free_sessions_.load(std::memory_order_acquire);
    }
    Session session(&device);
    device.token_.note_session(true);
    (void)HOLDFAST_TRY(session.enter(Call::take_session));
    return session;
  }

  Session(Session&& other) noexcept : device_(std::exchange(other.device_, nullptr)) {}
  Session& operator=(Session&&) = delete;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() {
    if (device_ == nullptr) return;
    device_->token_.note_session(false);
    device_->free_sessions_.fetch_add(1, std::memory_order_acq_rel);
    device_->token_.clock().wake_all(device_->free_sessions_);
  }

 private:
  explicit Session(FakeDevice* device) noexcept : device_(device) {}
  Result<int> enter(Call call) noexcept {
    auto entered = device_->enter(call, "taking a session");
    if (!entered) return entered.error();
    return 0;
  }
  FakeDevice* device_;
};

Result<DevicePtr> FakeDevice::open(FakeToken& token, const FakeDeviceOptions& options) noexcept {
  auto entered = token.script().enter(Call::connect);
  if (!entered) return entered.error();
  const std::uint32_t connection = HOLDFAST_TRY(token.connect());
  ForkGuard guard = HOLDFAST_TRY(ForkGuard::create());
  auto* device = new (std::nothrow) FakeDevice(token, options, connection, std::move(guard));
  if (device == nullptr) return failure(Status::resource_exhausted, Layer::core, "opening the fake device");
  return DevicePtr(device, [](KeyDevice* opened) noexcept {
    opened->close();
    delete static_cast<FakeDevice*>(opened);
  });
}

FakeDevice::FakeDevice(FakeToken& token, const FakeDeviceOptions& options, std::uint32_t connection,
                       ForkGuard guard) noexcept
    : token_(token),
      label_(options.label),
      access_(options.access),
      fork_guard_(std::move(guard)),
      free_sessions_(options.sessions),
      connection_(connection) {}

Result<KeyHandle> FakeDevice::find_key(const KeySelector& selector, BootTime deadline) noexcept {
  auto usable = check_usable("finding a key");
  if (!usable) return usable.error();
  const Session session = HOLDFAST_TRY(Session::take(*this, deadline));
  auto entered = enter(Call::find, "finding a key");
  if (!entered) return entered.error();

  std::array<FakeObject, kMaxMatches> matches;
  const std::size_t count = token_.match(label_.view(), matches);
  if (count == 0) return failure(Status::key_not_found, Layer::core, "finding a key").about(label_.view());
  if (count > 1) return ambiguous(std::span(matches).first(count));
  const FakeObject& found = matches[0];
  if (!found.public_key && found.kind != ObjectKind::x25519) {
    return failure(Status::scheme_unsupported, Layer::core, "finding a key")
        .about("the key is neither of Ed25519 nor of P-256");
  }
  if (selector.public_key && found.public_key != selector.public_key) {
    return failure(Status::key_changed, Layer::core, "finding a key").about(label_.view());
  }
  return bind(found.uid);
}

Result<KeyDescription> FakeDevice::describe(KeyHandle key, BootTime) noexcept {
  auto entered = enter(Call::read_attributes, "reading a key's attributes");
  if (!entered) return entered.error();
  return describe_object(HOLDFAST_TRY(object_of(key)));
}

Result<Signature> FakeDevice::sign(KeyHandle key, Scheme scheme, std::span<const std::byte> input,
                                   BootTime deadline) noexcept {
  auto usable = check_usable("signing");
  if (!usable) return usable.error();
  const Session session = HOLDFAST_TRY(Session::take(*this, deadline));
  token_.work();
  const FakeObject object = HOLDFAST_TRY(object_of(key));
  if (!object.public_key || object.public_key->scheme() != scheme) {
    return failure(Status::scheme_unsupported, Layer::core, "signing").about("the key is of another scheme");
  }
  if (scheme == Scheme::es256 && input.size() != kSha256Size) {
    return failure(Status::invalid_argument, Layer::core, "signing").about("a SHA-256 digest has 32 bytes");
  }
  auto entered = enter(Call::sign, "signing");
  if (!entered) return entered.error();

  Signature signature = sign_with(object.secret, *object.public_key, input);
  switch (token_.script().next_signature_fault()) {
    case SignatureFault::none:
      break;
    case SignatureFault::wrong:
      signature[7] ^= std::byte{0x10};
      break;
    case SignatureFault::cut:
      return failure(Status::device_fault, Layer::core, "signing").about("the token's signature has 63 bytes");
  }
  return signature;
}

Result<void> FakeDevice::reset(BootTime) noexcept {
  if (auto usable = check_usable("resetting"); !usable && usable.status() != Status::device_gone) return usable;
  if (is_closed_.load(std::memory_order_acquire)) return check_usable("resetting");
  auto entered = token_.script().enter(Call::reset);
  if (!entered) return entered;
  const std::uint32_t connection = HOLDFAST_TRY(token_.connect());
  const std::lock_guard lock(mutex_);
  unbind();
  connection_ = connection;
  return {};
}

Result<TokenDescription> FakeDevice::describe_token() noexcept {
  auto entered = enter(Call::read_token, "reading the token's description");
  if (!entered) return entered.error();
  TokenDescription description;
  description.label = "fake"sv;
  description.manufacturer = "Holdfast"sv;
  description.model = "in memory"sv;
  description.serial = "0"sv;
  description.uri = "fake:"sv;
  description.library = "hal/fake"sv;
  description.is_initialised = true;
  description.is_software = true;
  description.can_ed25519 = true;
  description.can_es256 = true;
  return description;
}

KeyGenerator* FakeDevice::key_generator() noexcept { return access_ == DeviceAccess::provision ? this : nullptr; }
KeyImporter* FakeDevice::key_importer() noexcept { return access_ == DeviceAccess::provision ? this : nullptr; }
KeyAgreement* FakeDevice::key_agreement() noexcept { return access_ == DeviceAccess::browse ? nullptr : this; }
KeyInventory* FakeDevice::key_inventory() noexcept { return access_ == DeviceAccess::sign ? nullptr : this; }
ExportProbe* FakeDevice::export_probe() noexcept { return access_ == DeviceAccess::provision ? this : nullptr; }

void FakeDevice::close() noexcept {
  if (fork_guard_.is_forked() || is_closed_.exchange(true, std::memory_order_acq_rel)) return;
  const std::lock_guard lock(mutex_);
  unbind();
}

Result<void> FakeDevice::check_usable(const char* doing) noexcept {
  if (fork_guard_.is_forked()) return failure(Status::forked, Layer::core, doing);
  if (is_closed_.load(std::memory_order_acquire)) {
    return failure(Status::device_gone, Layer::core, doing).about("the device was closed");
  }
  const std::lock_guard lock(mutex_);
  return token_.check_connection(connection_);
}

Result<void> FakeDevice::enter(Call call, const char* doing) noexcept {
  auto usable = check_usable(doing);
  if (!usable) return usable;
  return token_.script().enter(call);
}

Result<FakeObject> FakeDevice::object_of(KeyHandle key) noexcept {
  std::uint64_t uid = 0;
  {
    const std::lock_guard lock(mutex_);
    const bool is_live = key.generation != 0 && key.slot == 0 && key.generation == binding_.generation &&
                         binding_.uid != 0 && binding_.era == token_.handle_era();
    if (!is_live) return stale("using a key handle");
    uid = binding_.uid;
  }
  auto object = token_.object(uid);
  // Replaced or removed under our handle: finding it again tells which.
  if (!object) return stale("using a key handle");
  return *object;
}

KeyHandle FakeDevice::bind(std::uint64_t uid) noexcept {
  const std::lock_guard lock(mutex_);
  unbind();
  ++generation_;
  binding_ = {uid, generation_, token_.handle_era()};
  token_.note_handle(true);
  return {0, generation_};
}

void FakeDevice::unbind() noexcept {
  if (binding_.generation != 0) token_.note_handle(false);
  binding_ = {};
}

}  // namespace holdfast::hal::fake
