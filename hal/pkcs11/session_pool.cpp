// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/session_pool.hpp"

#include "hal/pipe_shield.hpp"
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
    const auto session = open_one();
    if (!session) {
      close();
      return session.error();
    }
    sessions_[i] = *session;
  }
  return {};
}

void SessionPool::close() noexcept {
  for (CK_SESSION_HANDLE& session : sessions_) close_one(std::exchange(session, CK_INVALID_HANDLE));
}

Result<CK_SESSION_HANDLE> SessionPool::open_one() const noexcept {
  CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
  const CK_RV code = calls_->C_OpenSession(slot_, flags_, nullptr, nullptr, &session);
  if (code != CKR_OK) return native_failure(code, kOpening);
  return session;
}

void SessionPool::close_one(CK_SESSION_HANDLE session) const noexcept {
  if (session != CK_INVALID_HANDLE) calls_->C_CloseSession(session);
}

Result<Session> SessionPool::Lease::session() noexcept {
  if (handle_ == CK_INVALID_HANDLE) handle_ = HOLDFAST_TRY(pool_->open_one());
  return Session{pool_->calls_, handle_};
}

void SessionPool::Lease::spoil() noexcept { pool_->close_one(std::exchange(handle_, CK_INVALID_HANDLE)); }

Result<SessionPool::Lease> SessionPool::take(Clock& clock, BootTime deadline) noexcept {
  while (true) {
    // Read before the pool is looked at: a session put back in between makes the wait below return at once.
    const std::uint32_t returns = returns_.load(std::memory_order_acquire);
    std::uint64_t free = free_.load(std::memory_order_acquire);
    while (free != 0) {
      const auto index = static_cast<unsigned>(std::countr_zero(free));
      if (free_.compare_exchange_weak(free, free & (free - 1), std::memory_order_acquire)) {
        // Not from a deadline long past: whoever is late for other reasons is not hung.
        const std::int64_t due = std::max(deadline, clock.boot()).after(kPatience).ns;
        due_[index].store(due, std::memory_order_release);
        return Lease(*this, clock, index, due);
      }
    }
    if (!wait(clock, returns, deadline)) return failure(Status::deadline_exceeded, Layer::pkcs11, kWaiting);
  }
}

// Until something was put back or is overdue; false once the deadline has passed.
bool SessionPool::wait(Clock& clock, std::uint32_t returns, BootTime deadline) noexcept {
  abandon_overdue(clock);
  waiting_.fetch_add(1, std::memory_order_seq_cst);
  const bool is_in_time = free_.load(std::memory_order_seq_cst) != 0 ||
                          clock.wait(returns_, returns, std::min(deadline, next_due())) || clock.boot() < deadline;
  waiting_.fetch_sub(1, std::memory_order_relaxed);
  return is_in_time;
}

BootTime SessionPool::next_due() const noexcept {
  BootTime next = kNoDeadline;
  for (std::size_t i = 0; i < count_; ++i) {
    const std::int64_t due = due_[i].load(std::memory_order_acquire);
    if (due != kNobody && due != kNoDeadline.ns) next = std::min(next, BootTime{due});
  }
  return next;
}

std::uint64_t SessionPool::abandon_overdue(Clock& clock) noexcept {
  const std::int64_t now = clock.boot().ns;
  for (unsigned i = 0; i < count_; ++i) {
    std::int64_t due = due_[i].load(std::memory_order_acquire);
    if (due == kNobody || due > now || due == kNoDeadline.ns) continue;
    // Counted first: the holder may come back at this moment and count itself as returned.
    missing_.fetch_add(1, std::memory_order_acq_rel);
    if (!due_[i].compare_exchange_strong(due, kNobody, std::memory_order_acq_rel)) {
      missing_.fetch_sub(1, std::memory_order_acq_rel);
      continue;
    }
    abandoned_.fetch_add(1, std::memory_order_relaxed);
    sessions_[i] = CK_INVALID_HANDLE;
    free_place(clock, i);
  }
  return abandoned_.load(std::memory_order_relaxed);
}

void SessionPool::put_back(Lease& lease) noexcept {
  std::int64_t due = lease.due_;
  if (due_[lease.index_].compare_exchange_strong(due, kNobody, std::memory_order_acq_rel)) {
    sessions_[lease.index_] = lease.handle_;
    free_place(*lease.clock_, lease.index_);
    return;
  }
  // Given up meanwhile: the place has another session.
  const PipeShield shield;
  close_one(lease.handle_);
  missing_.fetch_sub(1, std::memory_order_acq_rel);
}

void SessionPool::free_place(Clock& clock, unsigned index) noexcept {
  free_.fetch_or(std::uint64_t{1} << index, std::memory_order_seq_cst);
  // Sequentially consistent with the waiter's two steps: one of the two sees the other.
  if (waiting_.load(std::memory_order_seq_cst) != 0) {
    returns_.fetch_add(1, std::memory_order_release);
    clock.wake_all(returns_);
  }
}

bool SessionPool::take_all(Clock& clock, BootTime deadline) noexcept {
  std::uint64_t taken = 0;
  while (true) {
    const std::uint32_t returns = returns_.load(std::memory_order_acquire);
    taken |= free_.exchange(0, std::memory_order_acquire);
    if (taken == all()) return true;
    if (!wait(clock, returns, deadline)) break;
  }
  free_.fetch_or(taken, std::memory_order_release);
  returns_.fetch_add(1, std::memory_order_release);
  clock.wake_all(returns_);
  return false;
}

void SessionPool::put_all_back(Clock& clock) noexcept {
  free_.store(all(), std::memory_order_release);
  returns_.fetch_add(1, std::memory_order_release);
  clock.wake_all(returns_);
}

}  // namespace holdfast::hal::pkcs11
