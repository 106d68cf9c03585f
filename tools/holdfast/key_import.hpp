// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"
#include "src/identity/private_key.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace holdfast::tool {

enum class TwinWish : std::uint8_t { none, if_possible, required };

/// A software key that was brought into a token, with its derivation twin. Taken back at the end of the scope unless
/// it is kept.
class KeyImport {
 public:
  /// Imports `key` under `spec`, then its twin under the label with `-twin` behind, then proves both: signs with the
  /// token and verifies with the old public key, seals a box to it and opens it with the token. A failure leaves
  /// nothing on the token, and says so if it does. `twin_id` empty: the device chooses.
  ///
  /// `device` was opened for provisioning by a URI that names the new key, and outlives the import.
  [[nodiscard]] static Result<KeyImport> run(hal::KeyDevice& device, const hal::KeySpec& spec, const SoftwareKey& key,
                                             TwinWish wish, std::span<const std::byte> twin_id = {});

  KeyImport(KeyImport&& other) noexcept;
  KeyImport& operator=(KeyImport&&) = delete;
  ~KeyImport();

  void keep() { device_ = nullptr; }
  /// Removes the key and its twin from the token; false if something of them is still there.
  [[nodiscard]] bool take_back() noexcept;

  [[nodiscard]] const hal::MadeKey& key() const { return *key_; }
  [[nodiscard]] const std::optional<hal::MadeKey>& twin() const { return twin_; }
  /// Why there is no twin, in words; empty if none was wanted or there is one.
  [[nodiscard]] const std::string& twin_refusal() const { return twin_refusal_; }

 private:
  explicit KeyImport(hal::KeyDevice& device) : device_(&device) {}
  [[nodiscard]] Result<void> bring_in(const hal::KeySpec& spec, const SoftwareKey& key, TwinWish wish,
                                      std::span<const std::byte> twin_id);
  [[nodiscard]] Result<void> bring_twin(const hal::KeySpec& spec, const SoftwareKey& key, TwinWish wish,
                                        std::span<const std::byte> twin_id);
  [[nodiscard]] Result<void> prove(const PublicKey& public_key);

  hal::KeyDevice* device_;
  std::optional<hal::MadeKey> key_;
  std::optional<hal::MadeKey> twin_;
  std::string twin_refusal_;
};

/// Proves that the key `twin_uri` names on `device` is the twin of `public_key`: opens a box sealed to it.
[[nodiscard]] Result<void> prove_twin(hal::KeyDevice& device, std::string_view twin_uri, const PublicKey& public_key);

}  // namespace holdfast::tool
