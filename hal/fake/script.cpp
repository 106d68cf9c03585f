// SPDX-License-Identifier: Apache-2.0
#include "hal/fake/script.hpp"

namespace holdfast::hal::fake {
namespace {

constexpr std::size_t index_of(Call call) noexcept { return static_cast<std::size_t>(call); }
static_assert(index_of(Call::reset) + 1 == kCallCount);

}  // namespace

void Script::fail(Call call, std::uint64_t nth, const Error& error) noexcept {
  const std::lock_guard lock(mutex_);
  plans_[index_of(call)] = {counts_[index_of(call)] + nth, error};
}

void Script::fail_nth(std::uint64_t nth, const Error& error) noexcept {
  const std::lock_guard lock(mutex_);
  any_plan_ = {total_ + nth, error};
}

void Script::fail_always(Call call, const Error& error) noexcept {
  const std::lock_guard lock(mutex_);
  plans_[index_of(call)] = {kAlways, error};
}

void Script::spoil_signatures(SignatureFault fault, std::uint64_t count) noexcept {
  const std::lock_guard lock(mutex_);
  fault_ = fault;
  faults_left_ = count;
}

void Script::clear() noexcept {
  const std::lock_guard lock(mutex_);
  plans_ = {};
  any_plan_ = {};
  faults_left_ = 0;
}

std::uint64_t Script::calls(Call call) noexcept {
  const std::lock_guard lock(mutex_);
  return counts_[index_of(call)];
}

std::uint64_t Script::calls() noexcept {
  const std::lock_guard lock(mutex_);
  return total_;
}

Result<void> Script::enter(Call call) noexcept {
  const std::lock_guard lock(mutex_);
  const std::uint64_t count = ++counts_[index_of(call)];
  ++total_;
  const Plan& plan = plans_[index_of(call)];
  if (is_due(plan, count)) return plan.error;
  if (is_due(any_plan_, total_)) return any_plan_.error;
  return {};
}

SignatureFault Script::next_signature_fault() noexcept {
  const std::lock_guard lock(mutex_);
  if (faults_left_ == 0) return SignatureFault::none;
  --faults_left_;
  return fault_;
}

}  // namespace holdfast::hal::fake
