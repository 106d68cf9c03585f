// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/fake/clock.hpp"
#include "hal/key_device.hpp"
#include "tests/fault/chapter.hpp"

#include <memory>
#include <optional>
#include <string>

namespace holdfast::fault {

/// A simulator that is put back, in a millisecond, to one of three states.
class Stage {
 public:
  enum class State { blank, token, key };  ///< nothing in it; a token; a token with the key "agent"

  virtual ~Stage() = default;
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  virtual void put_up(State state) = 0;
  /// The connection to the device is lost, and comes back with a new one only.
  virtual void lose() = 0;
  /// How many objects or files of keys there are.
  [[nodiscard]] virtual std::size_t objects() const = 0;
  [[nodiscard]] virtual std::size_t objects_of_a_key() const = 0;
  /// What a key is called that is to be made, and its scheme.
  [[nodiscard]] virtual hal::KeySpec new_key() const = 0;
  [[nodiscard]] virtual std::string uri_of_new_key() const = 0;
  [[nodiscard]] virtual std::string uri_of_key() const = 0;
  [[nodiscard]] virtual std::string pin_source() const = 0;
  /// Where refused PINs are remembered: a folder that `put_up` empties, as one case is not to know of another.
  [[nodiscard]] virtual std::string failure_records() const = 0;

  /// Of the key "agent".
  [[nodiscard]] const std::optional<PublicKey>& public_key() const { return public_key_; }
  /// Never really waits: whoever waits moves the time.
  [[nodiscard]] hal::fake::FakeClock& clock() { return clock_; }

 protected:
  Stage() { clock_.jump_when_blocked(1); }

  std::optional<PublicKey> public_key_;

 private:
  hal::fake::FakeClock clock_;
};

/// Opens for provisioning, makes a key, describes it, tries to export another one, lists.
[[nodiscard]] std::unique_ptr<Chapter> provisioning(Stage& stage);
/// Opens for signing, signs a header and a task registration; if it `recovers`, loses the device in between and
/// signs again, up the signer's ladder.
[[nodiscard]] std::unique_ptr<Chapter> signing(Stage& stage, bool recovers);
/// Opens for provisioning, finds the key and removes it.
[[nodiscard]] std::unique_ptr<Chapter> removal(Stage& stage);

}  // namespace holdfast::fault
