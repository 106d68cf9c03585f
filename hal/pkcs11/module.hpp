// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"
#include "hal/pkcs11/call_gate.hpp"
#include "hal/pkcs11/cryptoki.hpp"
#include "hal/pkcs11/module_config.hpp"
#include "hal/turnstile.hpp"

namespace holdfast::hal::pkcs11 {

/// One PKCS#11 module in this process.
///
/// This is process-wide state, and the only such state of the back end, because the standard makes it so:
/// C_Initialize and C_Finalize act on the whole process (PKCS#11 v3.0 §5.4), so two signers on one module must share
/// one initialisation, and the reset of one must be noticed by the other. A record is found again by what dlopen
/// answers, counts its users, and lives as long as the process.
///
/// A module is never unloaded: vendor modules leave threads, exit handlers and thread-local destructors behind,
/// somebody else in the process may use it, and a leak checker cannot name a library that is gone.
class Module {
 public:
  constexpr Module() noexcept = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  /// The module's functions. One that the module leaves out answers CKR_FUNCTION_NOT_SUPPORTED.
  [[nodiscard]] const Calls& calls() const noexcept { return calls_; }
  /// Goes up whenever the module is finalised: sessions, logins and handles of an earlier one are dead.
  [[nodiscard]] std::uint32_t generation() const noexcept { return generation_.load(std::memory_order_acquire); }
  /// Every native call happens inside.
  [[nodiscard]] CallGate& gate() noexcept { return gate_; }

  /// Finalises and initialises the module again, unless somebody did since generation `seen`. Waits until no
  /// thread is inside, for a second at most. `deadline_exceeded`, `reset_not_ours`, `device_gone` if it does not come
  /// up again or somebody stays inside.
  [[nodiscard]] Result<void> reset(std::uint32_t seen, Clock& clock, BootTime deadline) noexcept;

 private:
  friend class ModuleTable;

  Result<void> use(ModuleMode mode) noexcept;
  void release() noexcept;
  Result<void> initialise(ModuleMode mode) noexcept;
  CK_RV call_initialize() noexcept;
  bool finalize() noexcept;

  void* library_ = nullptr;  // what dlopen answered; null: the record is free
  Calls calls_{};
  FixedText<kMaxReservedSize + 1> reserved_;  // C_Initialize's pReserved, terminated; used again at a reset
  Turnstile turnstile_;                       // guards what follows
  std::uint32_t users_ = 0;
  bool is_initialised_ = false;
  bool is_ours_ = false;       // we were the first to call C_Initialize
  bool is_left_over_ = false;  // ours in the parent, before a fork; or ours, and C_Finalize failed
  std::atomic<std::uint32_t> generation_{1};
  CallGate gate_;
};

/// A counted use of a module; the last one that goes finalises it, if it was ours.
class ModuleUse {
 public:
  ModuleUse() noexcept = default;
  explicit ModuleUse(Module& module) noexcept : module_(&module) {}
  ModuleUse(ModuleUse&& other) noexcept : module_(std::exchange(other.module_, nullptr)) {}
  ModuleUse& operator=(ModuleUse&& other) noexcept {
    std::swap(module_, other.module_);
    return *this;
  }
  ModuleUse(const ModuleUse&) = delete;
  ModuleUse& operator=(const ModuleUse&) = delete;
  ~ModuleUse() { release(); }

  [[nodiscard]] Module* operator->() const noexcept { return module_; }
  [[nodiscard]] Module& operator*() const noexcept { return *module_; }
  void release() noexcept;
  /// For a forked child: the use was the parent's.
  void abandon() noexcept { module_ = nullptr; }

 private:
  Module* module_ = nullptr;
};

/// Loads the module at `config.path` once its file is known to be trusted, checks that it is one, and initialises
/// it as `mode` says. `file_untrusted` for a path that others could change; `module_unusable` if there is
/// no file or no module behind it, with the path as detail.
[[nodiscard]] Result<ModuleUse> use_module(const ModuleConfig& config, ModuleMode mode) noexcept;

}  // namespace holdfast::hal::pkcs11
