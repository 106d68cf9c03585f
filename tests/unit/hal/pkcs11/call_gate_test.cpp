// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/call_gate.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace holdfast::hal::pkcs11 {
namespace {

BootTime soon() { return system_clock().boot().after(std::chrono::milliseconds(10)); }

TEST(CallGate, lets_many_in_at_once) {
  CallGate gate;
  const Passage one(gate, system_clock(), soon());
  const Passage two(gate, system_clock(), soon());
  EXPECT_TRUE(static_cast<bool>(one));
  EXPECT_TRUE(static_cast<bool>(two));
}

TEST(CallGate, closes_only_when_everybody_is_out) {
  CallGate gate;
  {
    const Passage inside(gate, system_clock(), soon());
    EXPECT_FALSE(gate.close(system_clock(), soon()));
    const Passage another(gate, system_clock(), soon());
    EXPECT_TRUE(static_cast<bool>(another)) << "open again after the attempt";
  }
  EXPECT_TRUE(gate.close(system_clock(), soon()));
  const Passage outside(gate, system_clock(), soon());
  EXPECT_FALSE(static_cast<bool>(outside));
  gate.open(system_clock());
  const Passage later(gate, system_clock(), soon());
  EXPECT_TRUE(static_cast<bool>(later));
}

TEST(CallGate, has_nobody_inside_while_it_is_closed) {
  CallGate gate;
  std::atomic<int> inside{0};
  std::atomic<int> intruders{0};
  std::atomic<bool> is_over{false};
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&] {
      while (!is_over.load()) {
        const Passage passage(gate, system_clock(), kNoDeadline);
        inside.fetch_add(1);
        inside.fetch_sub(1);
      }
    });
  }
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(gate.close(system_clock(), kNoDeadline));
    if (inside.load() != 0) intruders.fetch_add(1);
    gate.open(system_clock());
  }
  is_over = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(intruders.load(), 0);
}

}  // namespace
}  // namespace holdfast::hal::pkcs11
