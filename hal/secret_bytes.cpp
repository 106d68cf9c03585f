// SPDX-License-Identifier: Apache-2.0
#include "hal/secret_bytes.hpp"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

namespace holdfast::hal {
namespace {

std::size_t mapped_size(std::size_t capacity) noexcept {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return (capacity + page - 1) / page * page;
}

}  // namespace

void wipe(std::span<std::byte> bytes) noexcept {
  if (!bytes.empty()) {
    explicit_bzero(bytes.data(), bytes.size());  // null is not for explicit_bzero, not even for nothing
  }
}

Result<SecretBytes> SecretBytes::allocate(std::size_t capacity) noexcept {
  const std::size_t size = mapped_size(capacity == 0 ? 1 : capacity);
  void* pages = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const bool is_mapped = pages != MAP_FAILED;
  if (!is_mapped || mlock(pages, size) != 0 || madvise(pages, size, MADV_DONTDUMP) != 0 ||
      madvise(pages, size, MADV_WIPEONFORK) != 0) {
    Error error = failure(Status::resource_exhausted, Layer::system, "locking memory for a secret")
                      .with_hint("raise the locked-memory limit (ulimit -l, LimitMEMLOCK=)");
    error.native = static_cast<std::uint64_t>(errno);
    if (is_mapped) munmap(pages, size);
    return error;
  }
  SecretBytes secret;
  secret.bytes_ = static_cast<std::byte*>(pages);
  secret.capacity_ = capacity;
  return secret;
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : bytes_(std::exchange(other.bytes_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  std::swap(bytes_, other.bytes_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  return *this;
}

SecretBytes::~SecretBytes() {
  if (bytes_ == nullptr) return;
  wipe();
  munmap(bytes_, mapped_size(capacity_ == 0 ? 1 : capacity_));
}

void SecretBytes::set_size(std::size_t size) noexcept { size_ = std::min(size, capacity_); }

void SecretBytes::wipe() noexcept {
  holdfast::hal::wipe({bytes_, capacity_});
  size_ = 0;
}

}  // namespace holdfast::hal
