// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/fake/token.hpp"
#include "hal/fork_guard.hpp"
#include "hal/key_device.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string_view>

namespace holdfast::hal::fake {

/// What the URI and the options say for a real back end.
struct FakeDeviceOptions {
  std::string_view label;  ///< names the key
  DeviceAccess access = DeviceAccess::sign;
  std::uint16_t sessions = 4;
};

/// The smallest complete back end: docs/adding-a-backend.md walks through it.
///
/// A device holds one key handle at a time: the one found or made last.
class FakeDevice final : public KeyDevice,
                         private KeyGenerator,
                         private KeyImporter,
                         private KeyAgreement,
                         private KeyInventory,
                         private ExportProbe {
 public:
  /// `token` outlives the device. The only call that allocates.
  [[nodiscard]] static Result<DevicePtr> open(FakeToken& token, const FakeDeviceOptions& options) noexcept;

  Result<KeyHandle> find_key(const KeySelector& selector, BootTime deadline) noexcept override;
  Result<KeyDescription> describe(KeyHandle key, BootTime deadline) noexcept override;
  Result<Signature> sign(KeyHandle key, Scheme scheme, std::span<const std::byte> input,
                         BootTime deadline) noexcept override;
  Result<void> reset(BootTime deadline) noexcept override;
  Result<TokenDescription> describe_token() noexcept override;

  KeyGenerator* key_generator() noexcept override;
  KeyImporter* key_importer() noexcept override;
  KeyAgreement* key_agreement() noexcept override;
  KeyInventory* key_inventory() noexcept override;
  ExportProbe* export_probe() noexcept override;

  void close() noexcept override;

 private:
  FakeDevice(FakeToken& token, const FakeDeviceOptions& options, std::uint32_t connection, ForkGuard guard) noexcept;
  ~FakeDevice() = default;

  Result<MadeKey> generate(const KeySpec& spec, BootTime deadline) noexcept override;
  Result<MadeKey> import_key(const KeySpec& spec, const SecretBytes& private_key, const PublicKey& public_key,
                             BootTime deadline) noexcept override;
  Result<MadeKey> import_twin(const KeySpec& spec, const SecretBytes& x25519_secret,
                              std::span<const std::byte, 32> x25519_public, BootTime deadline) noexcept override;
  Result<KeyHandle> find_twin(std::string_view uri, BootTime deadline) noexcept override;
  Result<SecretBytes> agree(KeyHandle key, std::span<const std::byte, 32> peer_public,
                            BootTime deadline) noexcept override;
  Result<std::size_t> list(std::span<KeyDescription> out) noexcept override;
  Result<void> destroy(KeyHandle key) noexcept override;
  Result<ExportReport> try_export(Scheme scheme, BootTime deadline) noexcept override;

  /// One of the token's sessions, given back when it goes out of scope.
  class Session;

  struct Binding {
    std::uint64_t uid = 0;
    std::uint32_t generation = 0;
    std::uint32_t era = 0;  ///< the token's handle era when it was bound
  };

  [[nodiscard]] Result<void> check_usable(const char* doing) noexcept;
  [[nodiscard]] Result<void> enter(Call call, const char* doing) noexcept;
  [[nodiscard]] Result<FakeObject> object_of(KeyHandle key) noexcept;
  [[nodiscard]] Result<MadeKey> make(const FakeObject& object, Call call) noexcept;
  [[nodiscard]] KeyHandle bind(std::uint64_t uid) noexcept;
  void unbind() noexcept;

  FakeToken& token_;
  FixedText<128> label_;
  DeviceAccess access_;
  ForkGuard fork_guard_;
  std::atomic<std::uint32_t> free_sessions_;
  std::atomic<bool> is_closed_{false};
  std::mutex mutex_;  // guards what follows
  std::uint32_t connection_;
  std::uint32_t generation_ = 0;
  Binding binding_;
};

}  // namespace holdfast::hal::fake
