// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace holdfast::hal {

/// The word a reader must say to see a secret, so that a search finds every use.
struct SecretAccess {};

/// A secret of at most `capacity` bytes in a page of its own: locked into memory, left out of core dumps,
/// wiped in a forked child (MADV_WIPEONFORK), wiped before it is released.
///
/// Move-only; an empty object owns nothing. Not for several threads at once.
class SecretBytes {
 public:
  SecretBytes() noexcept = default;
  /// Maps and locks the page. `resource_exhausted` if it cannot be locked (RLIMIT_MEMLOCK): a secret is
  /// never kept in memory that may be swapped out.
  [[nodiscard]] static Result<SecretBytes> allocate(std::size_t capacity) noexcept;

  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes();

  /// The bytes set so far.
  [[nodiscard]] std::span<const std::byte> reveal(SecretAccess) const noexcept { return {bytes_, size_}; }
  /// The whole capacity, to write a secret into; follow with `set_size`.
  [[nodiscard]] std::span<std::byte> storage(SecretAccess) noexcept { return {bytes_, capacity_}; }
  /// `size` is at most the capacity.
  void set_size(std::size_t size) noexcept;
  /// Overwrites everything and sets the size to zero.
  void wipe() noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

 private:
  std::byte* bytes_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

/// Overwrites `bytes` in a way the compiler keeps.
void wipe(std::span<std::byte> bytes) noexcept;

}  // namespace holdfast::hal
