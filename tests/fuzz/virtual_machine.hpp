// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/fake/clock.hpp"
#include "hal/fake/device.hpp"

/// The machine a library under test believes in: its clock is virtual and its only token a fake one. Whoever links
/// virtual_machine.cpp gets these in the place of hal/registry.cpp and hal/clock.cpp.
namespace holdfast::fuzz {

class VirtualMachine {
 public:
  /// One at a time; everything opened on it is closed before it goes.
  VirtualMachine() noexcept;
  VirtualMachine(const VirtualMachine&) = delete;
  VirtualMachine& operator=(const VirtualMachine&) = delete;
  ~VirtualMachine();

  hal::fake::FakeClock clock;
  hal::fake::FakeToken token{clock};
};

}  // namespace holdfast::fuzz
