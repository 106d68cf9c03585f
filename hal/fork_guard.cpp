// SPDX-License-Identifier: Apache-2.0
#include "hal/fork_guard.hpp"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

namespace holdfast::hal {
namespace {

std::size_t page_size() noexcept { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

}  // namespace

Result<ForkGuard> ForkGuard::create() noexcept {
  const auto refuse = [] {
    Error error = failure(Status::resource_exhausted, Layer::system, "mapping the page that notices a fork");
    error.native = static_cast<std::uint64_t>(errno);
    return error;
  };
  void* page = mmap(nullptr, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return refuse();
  if (madvise(page, page_size(), MADV_WIPEONFORK) != 0) {
    Error error = refuse();
    munmap(page, page_size());
    return error;
  }
  ForkGuard guard;
  guard.word_ = new (page) std::atomic<std::uint32_t>(1);
  return guard;
}

ForkGuard::ForkGuard(ForkGuard&& other) noexcept : word_(std::exchange(other.word_, nullptr)) {}

ForkGuard& ForkGuard::operator=(ForkGuard&& other) noexcept {
  std::swap(word_, other.word_);
  return *this;
}

ForkGuard::~ForkGuard() {
  if (word_ != nullptr) munmap(word_, page_size());
}

}  // namespace holdfast::hal
