// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "src/signer/clock_lock.hpp"
#include "src/signer/header_cache.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

/// How the memory of a `HeaderCache` is laid out: for its own files.
namespace holdfast {

using Word = std::uint64_t;
inline constexpr std::size_t kCacheLine = 64;

// The flight word of a slot: a count of flights above two bits.
inline constexpr std::uint32_t kBusy = 1;
inline constexpr std::uint32_t kAwaited = 2;
inline constexpr std::uint32_t kNextFlight = 4;

// An index entry: 0 for none, else the slot's number plus one below a tag from the hash.
inline constexpr unsigned kTagShift = 17;
inline constexpr std::uint32_t kPlaceMask = (1U << kTagShift) - 1;
inline constexpr std::uint32_t kNoPlace = UINT32_MAX;
static_assert(100'000 + 1 <= kPlaceMask, "max_tasks fits an index entry");

[[nodiscard]] constexpr std::size_t words_of(std::size_t bytes) noexcept {
  return (bytes + sizeof(Word) - 1) / sizeof(Word);
}
inline constexpr std::size_t kHeaderWords = words_of(kMaxAuthorizationSize);

[[nodiscard]] inline std::uint32_t tag_of(std::uint64_t hash) noexcept {
  return static_cast<std::uint32_t>(hash >> (64 - 15)) << kTagShift;
}

// Multiplies to 128 bits and folds: mixes as wyhash does, which is plenty for keys an attacker cannot see the seed
// of.
[[nodiscard]] inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) noexcept {
#ifdef __SIZEOF_INT128__
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
#else
  // The same from products of halves, where the machine's words have 32 bits.
  constexpr std::uint64_t kHalf = UINT32_MAX;
  const std::uint64_t low = (a & kHalf) * (b & kHalf);
  const std::uint64_t one = (a >> 32U) * (b & kHalf) + (low >> 32U);
  const std::uint64_t other = (a & kHalf) * (b >> 32U) + (one & kHalf);
  const std::uint64_t high = (a >> 32U) * (b >> 32U) + (one >> 32U) + (other >> 32U);
  return ((other << 32U) | (low & kHalf)) ^ high;
#endif
}

// One task's place. Words of a header are written by the owner of the slot's flight only, the id by an owner that
// holds the lock as well; everybody reads.
//
// The sequence lock has no fences, which ThreadSanitizer cannot see: the writer makes the number odd, stores words
// with release and the even number with release; a reader that loads with acquire a word of a later writer also sees
// that writer's odd number, and drops what it read.
struct alignas(kCacheLine) HeaderCache::Slot {
  std::atomic<std::uint32_t> sequence{0};
  std::atomic<std::uint32_t> flight{0};
  std::uint32_t older = kNoPlace;  // the order of signing; with the lock
  std::uint32_t newer = kNoPlace;
  std::atomic<Word> epoch{0};  // 0: no header
  std::atomic<std::int64_t> wall{0};
  std::atomic<std::int64_t> boot{0};
  std::atomic<std::uint32_t> renewal_ms{0};  // not before this age is it renewed ahead of time
  std::atomic<std::uint16_t> task_size{0};
  std::atomic<std::uint16_t> header_size{0};
  // The id and, in the next word, the header: what is read lies together.
  std::array<std::atomic<Word>, Key::kWords + kHeaderWords> text{};

  // Brackets what a writer stores.
  class Writing {
   public:
    explicit Writing(Slot& slot) noexcept : slot_(slot), even_(slot.sequence.load(std::memory_order_relaxed)) {
      slot_.sequence.store(even_ + 1, std::memory_order_relaxed);
    }
    Writing(const Writing&) = delete;
    Writing& operator=(const Writing&) = delete;
    ~Writing() { slot_.sequence.store(even_ + 2, std::memory_order_release); }

   private:
    Slot& slot_;
    std::uint32_t even_;
  };

  [[nodiscard]] bool is_of(const Key& key) const noexcept {
    if (task_size.load(std::memory_order_acquire) != key.size) return false;
    for (std::size_t i = 0; i < key.words(); ++i) {
      if (text[i].load(std::memory_order_acquire) != key.text[i]) return false;
    }
    return true;
  }
};

struct HeaderCache::Region {
  // Read by every call, written once a tick.
  alignas(kCacheLine) std::atomic<Word> epoch{1};
  std::atomic<std::int64_t> newest_wall{INT64_MIN};
  std::atomic<std::uint64_t> tick{0};      // in which the clocks were read last, and
  std::atomic<std::int64_t> tick_boot{0};  // what the one said; the other's is `newest_wall`
  std::atomic<bool> is_noting{false};      // a thread writes these two
  std::array<std::uint64_t, 2> seed{};
  std::int64_t max_age = 0;   // seconds
  std::int64_t young_ns = 0;  // up to this age a header needs no renewal
  std::uint32_t max_tasks = 0;
  std::uint32_t index_mask = 0;
  std::atomic<std::uint32_t>* index = nullptr;
  Slot* slots = nullptr;
  // Written by every miss, with the lock.
  alignas(kCacheLine) ClockLock lock;
  std::uint32_t used = 0;  // slots made so far
  std::uint32_t oldest = kNoPlace;
  std::uint32_t newest = kNoPlace;
};

}  // namespace holdfast
