// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/event.hpp"
#include "holdfast/public_key.hpp"
#include "holdfast/result.hpp"

#include "hal/clock.hpp"
#include "hal/key_device.hpp"
#include "src/signer/clock_lock.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>

namespace holdfast {

/// Where the recovery ladder stands (docs/recovery.md has it as a picture).
enum class Rung : std::uint8_t {
  use,    ///< the key signs; nothing is being recovered
  find,   ///< find the key again, by its name and its public key, without logging out
  prove,  ///< sign with the found key: only a verified signature shows that the token is back
  reset,  ///< build the connection anew, not more often than the back-off allows
  wait,   ///< let the back-off pass, then find again
  stop,   ///< nothing here helps: the failure goes to the caller
};

/// What follows when `rung` ended with `outcome`. Pure; the whole ladder in one function. Which native code is which
/// status stands in each back end's recovery.cpp.
[[nodiscard]] Rung next_rung(Rung rung, Status outcome) noexcept;

/// The recovery of one signer's key on its device: a handle that works, and the ladder back to one.
///
/// One thread climbs, the others wait for it until their own deadlines. A climber whose deadline passes leaves the
/// ladder where it is, and the next call goes on there; every call climbs one rung at least. All waiting goes through
/// the clock. Never logs out, and never resets after a refused PIN. Allocates nothing itself; the vendor's code may.
class Recovery {
 public:
  /// The pause after a reset that did not help, doubled from the first to the longest. A device that is lost again
  /// before it worked for the longest pause goes on with the pause it had, so no device is reset more often than
  /// that.
  static constexpr std::chrono::milliseconds kFirstPause{50};
  static constexpr std::chrono::milliseconds kLongestPause{1000};

  /// What the climber does with a found key, to prove it.
  class Trial {
   public:
    /// Signs with `handle` and verifies. The ladder goes on after the statuses `next_rung` knows.
    [[nodiscard]] virtual Result<void> use(hal::KeyHandle handle) noexcept = 0;
    /// The device was reset, or it was tried: what is kept from before is given up.
    virtual void was_reset() noexcept = 0;

   protected:
    ~Trial() = default;
  };

  /// `device`, `clock` and `log` outlive it. `found` is `key` on the device.
  Recovery(hal::KeyDevice& device, hal::Clock& clock, const PublicKey& key, hal::KeyHandle found,
           EventLog& log) noexcept
      : device_(device), clock_(clock), key_(key), log_(log), handle_(pack(found)) {}

  /// The handle to sign with; generation 0 while the key is lost.
  [[nodiscard]] hal::KeyHandle handle() const noexcept { return unpack(handle_.load(std::memory_order_acquire)); }

  enum class Ascent : std::uint8_t {
    proven,      ///< `trial` used the key with success
    taken_over,  ///< another thread did: `handle()` is worth a try
  };

  /// Climbs after `failed`, with which using the handle `used` ended (a lost one: generation 0, and `failed` is not
  /// looked at), until the key is proven or the deadline passes.
  ///
  /// At the deadline: `device_gone`, or `reset_not_ours` where only the module's owner can help, with the native code
  /// of the last failure; for those who waited for another climber `deadline_exceeded`. What no rung helps against
  /// is answered at once as it is, `key_changed` and a refused PIN among it. Late by native calls only.
  [[nodiscard]] Result<Ascent> climb(hal::KeyHandle used, const Error& failed, Trial& trial,
                                     hal::BootTime deadline) noexcept;

  [[nodiscard]] Rung rung() const noexcept { return rung_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t resets() const noexcept { return resets_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t recoveries() const noexcept { return recoveries_.load(std::memory_order_relaxed); }
  /// Failures to find the key or to reset the device, met on the way.
  [[nodiscard]] std::uint64_t failures() const noexcept { return failures_.load(std::memory_order_relaxed); }

 private:
  // Slot and generation in one word, so that both change at once.
  static std::uint64_t pack(hal::KeyHandle handle) noexcept {
    return std::uint64_t{handle.slot} << 32U | handle.generation;
  }
  static hal::KeyHandle unpack(std::uint64_t packed) noexcept {
    return {static_cast<std::uint32_t>(packed >> 32U), static_cast<std::uint32_t>(packed)};
  }

  // All of these with the lock.
  void lose(const Error& failed) noexcept;
  [[nodiscard]] Result<Ascent> ascend(Trial& trial, hal::BootTime deadline) noexcept;
  [[nodiscard]] Status find(hal::BootTime deadline) noexcept;
  [[nodiscard]] Status prove(Trial& trial) noexcept;
  [[nodiscard]] Status reset(Trial& trial, hal::BootTime deadline) noexcept;
  [[nodiscard]] bool wait(hal::BootTime deadline) noexcept;
  [[nodiscard]] Status note(const Error& failed) noexcept;
  void stand_on(Rung rung) noexcept;
  void plan_pause() noexcept;
  [[nodiscard]] bool is_pausing() noexcept { return clock_.boot() < not_before_; }
  [[nodiscard]] Error in_vain() const noexcept;
  [[nodiscard]] Error waited_in_vain() const noexcept;

  hal::KeyDevice& device_;
  hal::Clock& clock_;
  const PublicKey& key_;
  EventLog& log_;  // told with the lock held: of a loss before anything is done about it
  std::atomic<std::uint64_t> handle_;
  std::atomic<Rung> rung_{Rung::use};  // changed with the lock, told without it
  std::atomic<std::uint64_t> resets_{0};
  std::atomic<std::uint64_t> recoveries_{0};
  std::atomic<std::uint64_t> failures_{0};
  ClockLock climbing_;  // guards what follows
  hal::KeyHandle found_;
  Error last_;
  bool is_reset_ours_ = true;
  bool was_reset_ = false;  // with success, since the key was lost
  std::chrono::nanoseconds pause_{kFirstPause};
  hal::BootTime not_before_;  // of the next reset
  hal::BootTime proven_at_;
};

}  // namespace holdfast
