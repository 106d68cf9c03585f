// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/public_key.hpp"
#include "holdfast/result.hpp"
#include "holdfast/signer.hpp"

#include "tests/soak/dice.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::soak {

/// A signer that was opened, and whatever it stands on.
class OpenedSigner {
 public:
  virtual ~OpenedSigner() = default;
  [[nodiscard]] virtual TypedSigner& signer() = 0;
  [[nodiscard]] virtual SignerCounters counters() const = 0;
};

/// One that `Signer::open` opened.
[[nodiscard]] Result<std::unique_ptr<OpenedSigner>> open_signer(const std::string& key_uri);

/// A key on a token of its own, and all that can be done to them while somebody signs.
class Ground {
 public:
  /// A fault: what it is called, how often it is drawn, and what does it. `strike` returns when the token is back, or
  /// at once if the fault waits for a call.
  struct Fault {
    const char* name;
    unsigned weight;
    void (*strike)(Ground& ground, Dice& dice);
  };

  virtual ~Ground() = default;
  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual std::vector<Fault> faults() const = 0;
  [[nodiscard]] virtual const PublicKey& public_key() const = 0;
  /// A new signer on the key, as a host makes it. One at a time.
  [[nodiscard]] virtual Result<std::unique_ptr<OpenedSigner>> open() = 0;
  /// Takes back what waits for a call, so that the token does as it should from now on.
  virtual void mend() = 0;
  /// What a person does whose PIN was refused.
  virtual void give_pin_again() {}
  /// Headers a second that leave most of a core to others.
  [[nodiscard]] virtual unsigned rate() const = 0;
  /// Bytes that the vendor's code is known to lose with each signature.
  [[nodiscard]] virtual double known_leak() const { return 0; }
};

/// Those that can be made on this machine: "softhsm-ed25519", "softhsm-es256", "swtpm-es256", "fake-ed25519".
[[nodiscard]] std::unique_ptr<Ground> make_ground(std::string_view name);

[[nodiscard]] std::unique_ptr<Ground> make_softhsm_ground(Scheme scheme);
[[nodiscard]] std::unique_ptr<Ground> make_swtpm_ground();
[[nodiscard]] std::unique_ptr<Ground> make_fake_ground();

/// Throws with the whole error.
[[noreturn]] void give_up(const Error& error);

/// The name was right, and what it takes is not installed.
struct NotInstalled {
  const char* what;
};

}  // namespace holdfast::soak
