// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/heap_calls.hpp"

#include <bit>
#include <cerrno>
#include <cstddef>

extern "C" {
void* __libc_malloc(std::size_t size);                        // NOLINT: glibc's own names
void* __libc_calloc(std::size_t count, std::size_t size);     // NOLINT
void* __libc_realloc(void* block, std::size_t size);          // NOLINT
void* __libc_memalign(std::size_t alignment, std::size_t n);  // NOLINT
void* __libc_valloc(std::size_t size);                        // NOLINT
void* __libc_pvalloc(std::size_t size);                       // NOLINT
}

namespace holdfast::bench {
namespace {

thread_local std::uint64_t calls = 0;  // constant initialisation: reading it allocates nothing
thread_local std::uint64_t bytes = 0;
bool (*is_inside)() = nullptr;

[[maybe_unused]] void count(std::size_t size) noexcept {
  if (is_inside != nullptr && is_inside()) return;
  ++calls;
  bytes += size;
}

}  // namespace

std::uint64_t heap_calls() noexcept { return calls; }
std::uint64_t heap_bytes() noexcept { return bytes; }
void leave_out_calls_while(bool (*is_inside_native_call)()) noexcept { is_inside = is_inside_native_call; }

}  // namespace holdfast::bench

#ifndef HOLDFAST_HEAP_IS_THE_SANITIZERS
extern "C" {
__attribute__((visibility("default"))) void* malloc(std::size_t size) {
  holdfast::bench::count(size);
  return __libc_malloc(size);
}
__attribute__((visibility("default"))) void* calloc(std::size_t number, std::size_t size) {
  holdfast::bench::count(number * size);
  return __libc_calloc(number, size);
}
__attribute__((visibility("default"))) void* realloc(void* block, std::size_t size) {
  holdfast::bench::count(size);
  return __libc_realloc(block, size);
}
__attribute__((visibility("default"))) void* aligned_alloc(std::size_t alignment, std::size_t size) {
  holdfast::bench::count(size);
  return __libc_memalign(alignment, size);
}
__attribute__((visibility("default"))) void* memalign(std::size_t alignment, std::size_t size) {
  holdfast::bench::count(size);
  return __libc_memalign(alignment, size);
}
// The one that answers with a code, and leaves errno alone.
__attribute__((visibility("default"))) int posix_memalign(void** block, std::size_t alignment, std::size_t size) {
  if (alignment % sizeof(void*) != 0 || !std::has_single_bit(alignment)) return EINVAL;
  holdfast::bench::count(size);
  const int before = errno;
  void* const made = __libc_memalign(alignment, size);
  errno = before;
  if (made == nullptr) return ENOMEM;
  *block = made;
  return 0;
}
__attribute__((visibility("default"))) void* valloc(std::size_t size) {
  holdfast::bench::count(size);
  return __libc_valloc(size);
}
__attribute__((visibility("default"))) void* pvalloc(std::size_t size) {
  holdfast::bench::count(size);
  return __libc_pvalloc(size);
}
}
#endif
