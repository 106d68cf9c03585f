// SPDX-License-Identifier: Apache-2.0
// Which task has which place of a header cache; all but `claim` with the lock held.
#include "src/signer/header_region.hpp"

#include <new>

namespace holdfast {

HeaderCache::Claim HeaderCache::claim(const Key& key) noexcept {
  // No deadline: nothing done under the lock waits for anything.
  (void)region_->lock.take(*clock_, hal::kNoDeadline);
  Slot* slot = locate(key);
  const bool is_known = slot != nullptr;
  if (!is_known) slot = take_slot();
  Claim claimed{.slot = slot};
  if (slot != nullptr) {
    // Only a flight's owner changes the word without the lock, and it makes it idle.
    std::uint32_t word = slot->flight.load(std::memory_order_acquire);
    claimed.is_owner = (word & kBusy) == 0;
    claimed.ticket = word;
    const auto place = static_cast<std::uint32_t>(slot - region_->slots);
    if (claimed.is_owner) {
      slot->flight.store(word | kBusy, std::memory_order_relaxed);
      if (is_known) remove_from_order(place);
      append_to_order(place);
    }
    if (!is_known) {
      const Slot::Writing writing(*slot);
      slot->epoch.store(0, std::memory_order_release);
      slot->task_size.store(static_cast<std::uint16_t>(key.size), std::memory_order_release);
      for (std::size_t i = 0; i < key.words(); ++i) slot->text[i].store(key.text[i], std::memory_order_release);
    }
    if (!is_known) insert_into_index(key, place);
  }
  region_->lock.release(*clock_);
  return claimed;
}

HeaderCache::Slot* HeaderCache::locate(const Key& key) noexcept {
  const std::uint32_t tag = tag_of(key.hash);
  for (auto at = static_cast<std::uint32_t>(key.hash);; ++at) {
    const std::uint32_t entry = region_->index[at & region_->index_mask].load(std::memory_order_relaxed);
    if (entry == 0) return nullptr;  // the index has twice as many entries as slots
    Slot& slot = region_->slots[(entry & kPlaceMask) - 1];
    if ((entry & ~kPlaceMask) == tag && slot.is_of(key)) return &slot;
  }
}

// A slot that is of no task: an unused one, or that of the least recently signed task that nobody is signing for.
HeaderCache::Slot* HeaderCache::take_slot() noexcept {
  if (region_->used < region_->max_tasks) return new (region_->slots + region_->used++) Slot;
  for (std::uint32_t place = region_->oldest; place != kNoPlace; place = region_->slots[place].newer) {
    if ((region_->slots[place].flight.load(std::memory_order_acquire) & kBusy) != 0) continue;
    remove_from_index(place);
    remove_from_order(place);
    return region_->slots + place;
  }
  return nullptr;
}

std::uint64_t HeaderCache::hash_of(std::uint32_t place) const noexcept {
  const Slot& slot = region_->slots[place];
  const std::uint32_t size = slot.task_size.load(std::memory_order_relaxed);
  std::uint64_t hash = region_->seed[0] ^ size;
  for (std::size_t i = 0; i < words_of(size); ++i) {
    hash = mix(hash ^ slot.text[i].load(std::memory_order_relaxed), region_->seed[1]);
  }
  return hash;
}

void HeaderCache::insert_into_index(const Key& key, std::uint32_t place) noexcept {
  auto at = static_cast<std::uint32_t>(key.hash) & region_->index_mask;
  while (region_->index[at].load(std::memory_order_relaxed) != 0) at = (at + 1) & region_->index_mask;
  region_->index[at].store(tag_of(key.hash) | (place + 1), std::memory_order_release);
}

// Entries behind the gap move up, so that a chain never has a hole (Knuth, TAOCP 6.4 R). A reader may meanwhile miss
// an entry; it then asks under the lock.
void HeaderCache::remove_from_index(std::uint32_t place) noexcept {
  const std::uint32_t mask = region_->index_mask;
  auto gap = static_cast<std::uint32_t>(hash_of(place)) & mask;
  while ((region_->index[gap].load(std::memory_order_relaxed) & kPlaceMask) != place + 1) gap = (gap + 1) & mask;
  for (std::uint32_t at = (gap + 1) & mask;; at = (at + 1) & mask) {
    const std::uint32_t entry = region_->index[at].load(std::memory_order_relaxed);
    if (entry == 0) break;
    const auto home = static_cast<std::uint32_t>(hash_of((entry & kPlaceMask) - 1));
    if (((at - home) & mask) < ((at - gap) & mask)) continue;
    region_->index[gap].store(entry, std::memory_order_release);
    gap = at;
  }
  region_->index[gap].store(0, std::memory_order_release);
}

void HeaderCache::append_to_order(std::uint32_t place) noexcept {
  Slot& slot = region_->slots[place];
  slot.older = region_->newest;
  slot.newer = kNoPlace;
  (region_->newest == kNoPlace ? region_->oldest : region_->slots[region_->newest].newer) = place;
  region_->newest = place;
}

void HeaderCache::remove_from_order(std::uint32_t place) noexcept {
  const Slot& slot = region_->slots[place];
  (slot.older == kNoPlace ? region_->oldest : region_->slots[slot.older].newer) = slot.newer;
  (slot.newer == kNoPlace ? region_->newest : region_->slots[slot.newer].older) = slot.older;
}

}  // namespace holdfast
