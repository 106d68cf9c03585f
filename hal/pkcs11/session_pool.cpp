// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/session_pool.hpp"

#include "hal/pkcs11/errors.hpp"

#include <bit>

namespace holdfast::hal::pkcs11 {
namespace {

constexpr const char* kOpening = "opening a session";
constexpr const char* kWaiting = "waiting for a free session";

}  // namespace

Result<void> SessionPool::open(const Calls& calls, CK_SLOT_ID slot, CK_FLAGS flags, std::size_t count) noexcept {
  calls_ = &calls;
  slot_ = slot;
  flags_ = flags | CKF_SERIAL_SESSION;
  count_ = std::min(count, kMaxSessions);
  sessions_.fill(CK_INVALID_HANDLE);
  for (unsigned i = 0; i < count_; ++i) {
    if (const Result<Session> session = use(i); !session) {
      close();
      return session.error();
    }
  }
  return {};
}

void SessionPool::close() noexcept {
  for (unsigned i = 0; i < count_; ++i) spoil(i);
}

Result<Session> SessionPool::use(unsigned index) noexcept {
  CK_SESSION_HANDLE& session = sessions_[index];
  if (session == CK_INVALID_HANDLE) {
    const CK_RV code = calls_->C_OpenSession(slot_, flags_, nullptr, nullptr, &session);
    if (code != CKR_OK) {
      session = CK_INVALID_HANDLE;
      return native_failure(code, kOpening);
    }
  }
  return Session{calls_, session};
}

void SessionPool::spoil(unsigned index) noexcept {
  const CK_SESSION_HANDLE session = std::exchange(sessions_[index], CK_INVALID_HANDLE);
  if (session != CK_INVALID_HANDLE) calls_->C_CloseSession(session);
}

Result<SessionPool::Lease> SessionPool::take(Clock& clock, BootTime deadline) noexcept {
  while (true) {
    // Read before the pool is looked at: a session put back in between makes the wait below return at once.
    const std::uint32_t returns = returns_.load(std::memory_order_acquire);
    std::uint64_t free = free_.load(std::memory_order_acquire);
    while (free != 0) {
      const auto index = static_cast<unsigned>(std::countr_zero(free));
      if (free_.compare_exchange_weak(free, free & (free - 1), std::memory_order_acquire)) {
        return Lease(*this, clock, index);
      }
    }
    waiting_.fetch_add(1, std::memory_order_seq_cst);
    const bool is_in_time = free_.load(std::memory_order_seq_cst) != 0 || clock.wait(returns_, returns, deadline);
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    if (!is_in_time) return failure(Status::deadline_exceeded, Layer::pkcs11, kWaiting);
  }
}

void SessionPool::put_back(Clock& clock, unsigned index) noexcept {
  free_.fetch_or(std::uint64_t{1} << index, std::memory_order_seq_cst);
  // Sequentially consistent with the waiter's two steps: one of the two sees the other.
  if (waiting_.load(std::memory_order_seq_cst) != 0) {
    returns_.fetch_add(1, std::memory_order_release);
    clock.wake_all(returns_);
  }
}

bool SessionPool::take_all(Clock& clock, BootTime deadline) noexcept {
  std::uint64_t taken = 0;
  while (taken != all()) {
    const std::uint32_t returns = returns_.load(std::memory_order_acquire);
    taken |= free_.exchange(0, std::memory_order_acquire);
    if (taken == all()) break;
    waiting_.fetch_add(1, std::memory_order_seq_cst);
    const bool is_in_time = free_.load(std::memory_order_seq_cst) != 0 || clock.wait(returns_, returns, deadline);
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    if (!is_in_time) {
      free_.fetch_or(taken, std::memory_order_release);
      returns_.fetch_add(1, std::memory_order_release);
      clock.wake_all(returns_);
      return false;
    }
  }
  return true;
}

void SessionPool::put_all_back(Clock& clock) noexcept {
  free_.store(all(), std::memory_order_release);
  returns_.fetch_add(1, std::memory_order_release);
  clock.wake_all(returns_);
}

}  // namespace holdfast::hal::pkcs11
