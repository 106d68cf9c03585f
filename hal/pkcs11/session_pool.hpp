// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include "hal/key_device.hpp"
#include "hal/pkcs11/cryptoki.hpp"

#include <atomic>

namespace holdfast::hal::pkcs11 {

inline constexpr std::size_t kMaxSessions = 64;

/// A fixed number of sessions on one token, each used by one thread at a time: SoftHSM crashes the process when
/// two threads share one.
///
/// Taking and returning are lock-free and allocate nothing. A session that failed is replaced before anybody else
/// gets it, so that no operation left open by a failure meets the next one. So is one whose holder is still in a
/// native call `kPatience` after its deadline: the holder closes it, should it ever come back.
class SessionPool {
 public:
  SessionPool() noexcept = default;
  SessionPool(const SessionPool&) = delete;
  SessionPool& operator=(const SessionPool&) = delete;

  /// A session taken out of the pool, returned at the end of the scope, which is to lie inside the module's gate.
  class Lease {
   public:
    Lease(Lease&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)),
          clock_(other.clock_),
          index_(other.index_),
          due_(other.due_),
          handle_(other.handle_) {}
    ~Lease() {
      // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): it loses track of Result's union
      if (pool_ != nullptr) pool_->put_back(*this);
    }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Lease& operator=(Lease&&) = delete;

    /// The session, opened again first if it was spoilt. Call inside the module's gate.
    [[nodiscard]] Result<Session> session() noexcept;
    /// Closes the session; the next user gets a fresh one. Call inside the module's gate.
    void spoil() noexcept;

   private:
    friend class SessionPool;
    Lease(SessionPool& pool, Clock& clock, unsigned index, std::int64_t due) noexcept
        : pool_(&pool),
          clock_(&clock),
          index_(index),
          due_(due),
          handle_(std::exchange(pool.sessions_[index], CK_INVALID_HANDLE)) {}
    SessionPool* pool_;
    Clock* clock_;
    unsigned index_;
    std::int64_t due_;          // when it is given up; later than that of any lease given up before
    CK_SESSION_HANDLE handle_;  // ours until it is put back, whatever becomes of the place
  };

  /// Opens `count` sessions (at most `kMaxSessions`) on `slot`; a failure leaves none open. Nobody else may be in
  /// the pool. Call inside the module's gate.
  [[nodiscard]] Result<void> open(const Calls& calls, CK_SLOT_ID slot, CK_FLAGS flags, std::size_t count) noexcept;

  /// Closes every session that is in the pool. Call inside the module's gate.
  void close() noexcept;
  /// Forgets the sessions without a call: their module was finalised or their process forked.
  void forget() noexcept { sessions_.fill(CK_INVALID_HANDLE); }

  /// Waits for a free session; `deadline_exceeded`.
  [[nodiscard]] Result<Lease> take(Clock& clock, BootTime deadline) noexcept;

  /// Takes all sessions out, so that they can be opened again; false if one did not come back in time.
  [[nodiscard]] bool take_all(Clock& clock, BootTime deadline) noexcept;
  void put_all_back(Clock& clock) noexcept;

  /// Gives up the sessions of calls that do not return; how many it were so far.
  std::uint64_t abandon_overdue(Clock& clock) noexcept;
  /// Calls that were given up and have not returned.
  [[nodiscard]] std::uint32_t missing() const noexcept { return missing_.load(std::memory_order_acquire); }

 private:
  static constexpr std::int64_t kNobody = 0;

  [[nodiscard]] Result<CK_SESSION_HANDLE> open_one() const noexcept;
  void close_one(CK_SESSION_HANDLE session) const noexcept;
  void put_back(Lease& lease) noexcept;
  void free_place(Clock& clock, unsigned index) noexcept;
  [[nodiscard]] bool wait(Clock& clock, std::uint32_t returns, BootTime deadline) noexcept;
  [[nodiscard]] BootTime next_due() const noexcept;
  [[nodiscard]] std::uint64_t all() const noexcept {
    return count_ == kMaxSessions ? ~std::uint64_t{0} : (std::uint64_t{1} << count_) - 1;
  }

  const Calls* calls_ = nullptr;
  CK_SLOT_ID slot_ = 0;
  CK_FLAGS flags_ = 0;
  std::atomic<std::size_t> count_{0};                       // set anew by a recovery while `abandon_overdue` counts
  std::array<CK_SESSION_HANDLE, kMaxSessions> sessions_{};  // of the free places
  std::array<std::atomic<std::int64_t>, kMaxSessions> due_{};
  std::atomic<std::uint64_t> free_{0};     // bit i: place i is in the pool
  std::atomic<std::uint32_t> returns_{0};  // what waiting threads wait on
  std::atomic<std::uint32_t> waiting_{0};
  std::atomic<std::uint64_t> abandoned_{0};
  std::atomic<std::uint32_t> missing_{0};
};

}  // namespace holdfast::hal::pkcs11
