// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/assertion.hpp"
#include "holdfast/result.hpp"
#include "holdfast/signer.hpp"

#include "hal/clock.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace holdfast {

/// The time of one call, read once: what is signed, and what ages are measured against.
struct Moment {
  hal::BootTime boot;
  WallSeconds wall;
  std::uint64_t epoch = 0;  ///< the cache's, see `HeaderCache::forget`
};

/// The last verified header of each task, to hand out again within the same second (or `max_age`).
///
/// With `max_age` a header is renewed ahead of time: from three quarters of that age on, one caller is given the
/// right to sign a new one while the others still take the old one.
///
/// All memory is one mapping made by `create`, wiped in a forked child and left out of core dumps. Reading takes
/// no lock: a header's bytes are atomic words between two readings of a sequence number. A miss is single-flight for
/// each task. A task beyond `max_tasks` takes the place of the least recently signed one; when every place is
/// being signed for, its header is simply not kept. From any thread, except moving and destroying.
class HeaderCache {
 public:
  /// A task id prepared for comparison, word by word.
  class Key;
  /// The right to sign for one task; others wait for it to end.
  class Flight;
  struct Acquired;

  /// Maps the memory: 768 bytes a task and the index. `resource_exhausted` if the kernel gives none. `clock`
  /// outlives the cache.
  [[nodiscard]] static Result<HeaderCache> create(std::uint32_t max_tasks, std::chrono::seconds max_age,
                                                  hal::Clock& clock) noexcept;

  HeaderCache(HeaderCache&& other) noexcept;
  HeaderCache& operator=(HeaderCache&& other) noexcept;
  HeaderCache(const HeaderCache&) = delete;
  HeaderCache& operator=(const HeaderCache&) = delete;
  ~HeaderCache();

  /// Reads both clocks. A wall clock that went back empties the cache.
  [[nodiscard]] Moment now() noexcept;
  [[nodiscard]] Key key_of(const TaskId& task) const noexcept;

  /// Copies the task's header into `out` and returns its size, if it is young by what the clocks said in this tick of
  /// theirs (10 ms at most); else 0, and `out` may hold a part of a header. Never waits: what most calls come for.
  [[nodiscard]] std::size_t glance(const TaskId& task, std::span<char> out) noexcept;

  /// How much of a header's life: all of it, or as long as it need not be renewed.
  enum class Life : std::uint8_t { young, whole };
  struct Found {
    std::size_t size = 0;  ///< 0: none
    bool is_old = false;   ///< no longer young
    bool is_due = false;   ///< old, and nobody signs a new one
  };

  /// Copies the task's header into `out` if it may be handed out at `moment` and `out` has room for it; else `out`
  /// may hold a part of it. Never waits.
  [[nodiscard]] Found find(const Key& key, const Moment& moment, Life life, std::span<char> out) const noexcept;

  /// The task's header, or the right to sign a new one. With `Freshness::reuse` waits until `deadline` while another
  /// thread signs for the task; whoever may still take the previous header does not wait.
  /// With `Freshness::fresh` never waits and always gets the right to sign.
  [[nodiscard]] Acquired acquire(const Key& key, const Moment& moment, Freshness freshness, hal::BootTime deadline,
                                 std::span<char> out) noexcept;

  /// From now on no header kept or being signed is handed out again.
  void forget() noexcept;

 private:
  struct Region;
  struct Slot;
  enum class Match : std::uint8_t { none, torn, hit };
  enum class Age : std::uint8_t { over, old, young };
  struct Claim {
    Slot* slot = nullptr;      ///< null: every slot is being signed for
    std::uint32_t ticket = 0;  ///< the flight word when the claim was refused
    bool is_owner = false;
  };

  HeaderCache(Region* region, std::size_t mapped_size, hal::Clock& clock) noexcept
      : region_(region), mapped_size_(mapped_size), clock_(&clock) {}

  [[nodiscard]] Moment read_clocks(std::uint64_t tick) noexcept;
  void note(std::uint64_t tick, hal::BootTime boot) noexcept;
  [[nodiscard]] Match read(const Slot& slot, const Key& key, const Moment& moment, Life life, std::span<char> out,
                           Found& found) const noexcept;
  [[nodiscard]] Age age_of(const Slot& slot, const Moment& moment) const noexcept;
  [[nodiscard]] bool is_due(const Slot& slot, const Moment& moment) const noexcept;
  [[nodiscard]] Claim claim(const Key& key) noexcept;
  [[nodiscard]] bool await(Slot& slot, std::uint32_t ticket, hal::BootTime deadline) noexcept;
  void publish(Slot& slot, std::string_view header, const Moment& moment) noexcept;
  void postpone(Slot& slot, const Moment& moment) noexcept;
  void end_flight(Slot& slot) noexcept;

  // With the lock held.
  [[nodiscard]] Slot* locate(const Key& key) noexcept;
  [[nodiscard]] Slot* take_slot() noexcept;
  [[nodiscard]] std::uint64_t hash_of(std::uint32_t place) const noexcept;
  void insert_into_index(const Key& key, std::uint32_t place) noexcept;
  void remove_from_index(std::uint32_t place) noexcept;
  void append_to_order(std::uint32_t place) noexcept;
  void remove_from_order(std::uint32_t place) noexcept;

  Region* region_;
  std::size_t mapped_size_;  // here and not in the region, which a fork wipes
  hal::Clock* clock_;
};

class HeaderCache::Key {
 public:
  static constexpr std::size_t kWords = kMaxIdentifierSize / sizeof(std::uint64_t);

 private:
  friend class HeaderCache;
  Key() noexcept = default;
  [[nodiscard]] std::size_t words() const noexcept { return (size + 7) / 8; }

  std::uint64_t hash;
  std::uint32_t size;
  std::array<std::uint64_t, kWords> text;  // only the first `words()` are set; equal for equal ids
};

class HeaderCache::Flight {
 public:
  Flight() noexcept = default;
  Flight(Flight&& other) noexcept
      : cache_(std::exchange(other.cache_, nullptr)), slot_(std::exchange(other.slot_, nullptr)) {}
  Flight& operator=(Flight&&) = delete;
  Flight(const Flight&) = delete;
  Flight& operator=(const Flight&) = delete;
  /// Ends the flight and wakes those who wait; a header not published is simply not kept.
  ~Flight() {
    if (slot_ != nullptr) cache_->end_flight(*slot_);
  }

  /// Keeps a verified header that was signed at `moment`.
  void publish(std::string_view header, const Moment& moment) noexcept {
    if (slot_ != nullptr) cache_->publish(*slot_, header, moment);
  }
  /// Signing failed at `moment`: a header that still lives is not renewed for a second.
  void postpone(const Moment& moment) noexcept {
    if (slot_ != nullptr) cache_->postpone(*slot_, moment);
  }

 private:
  friend class HeaderCache;
  Flight(HeaderCache& cache, Slot* slot) noexcept : cache_(&cache), slot_(slot) {}
  HeaderCache* cache_ = nullptr;
  Slot* slot_ = nullptr;
};

struct HeaderCache::Acquired {
  std::size_t reused_size = 0;  ///< not 0: the header stands in `out`
  bool timed_out = false;       ///< another thread was still signing at the deadline
  bool has_waited = false;      ///< for another thread: the moment that was given has passed
  Flight flight{};              ///< else: sign
};

}  // namespace holdfast
