// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/fake/key_material.hpp"
#include "hal/fake/script.hpp"
#include "hal/key_device.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>

namespace holdfast::hal::fake {

/// What an object on the token is for.
enum class ObjectKind : std::uint8_t { ed25519, p256, x25519, other };

/// The attributes of a key made on the token: what the strict profile asks for.
[[nodiscard]] KeyAttributes made_here() noexcept;
/// The attributes of a key that was brought in.
[[nodiscard]] KeyAttributes brought_in() noexcept;

struct FakeObject {
  std::uint64_t uid = 0;  ///< never used twice; 0: no object
  ObjectKind kind = ObjectKind::ed25519;
  FixedText<128> label;
  std::array<std::byte, kMaxKeyIdSize> id{};
  std::size_t id_size = 0;
  Secret secret{};
  std::optional<PublicKey> public_key;  ///< set for kinds that sign
  bool shows_public = true;
  KeyAttributes attributes;

  [[nodiscard]] std::span<const std::byte> id_bytes() const noexcept { return {id.data(), id_size}; }
};

/// How a token is after it was away.
enum class TokenReturn : std::uint8_t {
  as_before,    ///< handles still work
  needs_find,   ///< every handle is stale
  needs_reset,  ///< the connection is dead until `KeyDevice::reset`
};

/// A token in memory, to which any number of `FakeDevice`s connect. A test puts keys in, takes the token away,
/// writes the script and reads the ledger. From any thread.
class FakeToken {
 public:
  static constexpr std::size_t kMaxObjects = 16;

  /// `clock` outlives the token; latency and hanging go through it.
  explicit FakeToken(Clock& clock) noexcept : clock_(clock) {}

  // ---- what a test does to it

  /// Puts a key there, attributes as if made on the token. `already_exists` never: two keys may share a label.
  [[nodiscard]] Result<PublicKey> put_key(std::string_view label, Scheme scheme, const Secret& secret) noexcept;
  /// Puts an object there that no scheme fits, as an RSA key would be.
  void put_other(std::string_view label) noexcept;
  /// Another key takes the place of the first one named `label`: same label, same id.
  [[nodiscard]] Result<PublicKey> replace_key(std::string_view label, Scheme scheme, const Secret& secret) noexcept;
  void remove_key(std::string_view label) noexcept;
  void set_attributes(std::string_view label, const KeyAttributes& attributes) noexcept;
  /// Whether the token has a public object for the key.
  void show_public(std::string_view label, bool is_shown) noexcept;

  void take_away() noexcept;
  void bring_back(TokenReturn how) noexcept;

  /// Every signature takes this long on the clock.
  void set_latency(std::chrono::nanoseconds latency) noexcept;
  /// Signatures begun from now on do not return until `release`, whatever their deadline: a native call cannot be
  /// stopped.
  void hang() noexcept;
  void release() noexcept;
  /// The token says "not extractable" and gives keys away all the same.
  void set_lying(bool is_lying) noexcept;

  [[nodiscard]] Script& script() noexcept { return script_; }
  [[nodiscard]] Ledger ledger() noexcept;
  [[nodiscard]] std::size_t object_count() noexcept;
  [[nodiscard]] Clock& clock() noexcept { return clock_; }

  // ---- what a device does with it

  /// `device_gone` while it is away or the connection is of before a `needs_reset`.
  [[nodiscard]] Result<void> check_connection(std::uint32_t connection) noexcept;
  [[nodiscard]] Result<std::uint32_t> connect() noexcept;
  [[nodiscard]] std::uint32_t handle_era() noexcept;
  /// Copies the objects of that label (every object if empty) in the order they were put there; returns how many
  /// match.
  std::size_t match(std::string_view label, std::span<FakeObject> out) noexcept;
  [[nodiscard]] std::optional<FakeObject> object(std::uint64_t uid) noexcept;
  /// Adds a copy and returns its uid; `already_exists` for a label or id that is taken, `resource_exhausted` when
  /// full.
  [[nodiscard]] Result<std::uint64_t> add(FakeObject object) noexcept;
  bool erase(std::uint64_t uid) noexcept;
  [[nodiscard]] bool is_lying() noexcept;
  /// Spends the time that a signature takes.
  void work() noexcept;
  void note_session(bool is_taken) noexcept;
  void note_handle(bool is_taken) noexcept;

 private:
  [[nodiscard]] FakeObject* find(std::string_view label) noexcept;
  [[nodiscard]] FakeObject* free_place() noexcept;

  Clock& clock_;
  Script script_;
  std::mutex mutex_;
  std::array<FakeObject, kMaxObjects> objects_{};
  std::uint64_t last_uid_ = 0;
  bool is_present_ = true;
  bool is_lying_ = false;
  std::uint32_t connection_era_ = 1;
  std::uint32_t handle_era_ = 1;
  std::chrono::nanoseconds latency_{0};
  std::atomic<std::uint32_t> hanging_{0};
  Ledger ledger_;
};

}  // namespace holdfast::hal::fake
