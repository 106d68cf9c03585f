// SPDX-License-Identifier: Apache-2.0
//
// The linker's --wrap sends what our libraries call through here. No code of theirs knows of it.
#include "tests/secrets/poison.hpp"

#include <fcntl.h>
#include <mbedtls/ecp.h>
#include <sys/stat.h>
#include <unistd.h>
#include <valgrind/memcheck.h>

#include <algorithm>
#include <stdexcept>

namespace holdfast::test {
namespace {

struct Watched {
  dev_t device = 0;
  ino_t inode = 0;
  std::vector<SecretPart> parts;
  std::size_t position = 0;  // of a pipe, which has none of its own
};

std::vector<Watched> g_watched;
bool g_terminals = false;

void watch_as(const struct stat& info, std::vector<SecretPart> parts) {
  g_watched.push_back({info.st_dev, info.st_ino, std::move(parts), 0});
}

// What read(2) has put into `bytes`.
void mark(int fd, void* bytes, std::size_t size) {
  if (g_watched.empty() && !g_terminals) return;
  struct stat info {};
  if (fstat(fd, &info) != 0) return;
  auto* first = static_cast<std::byte*>(bytes);
  if (g_terminals && S_ISCHR(info.st_mode)) poison({first, size});
  for (Watched& one : g_watched) {
    if (one.device != info.st_dev || one.inode != info.st_ino) continue;
    const off_t behind = lseek(fd, 0, SEEK_CUR);
    const std::size_t begin = behind < 0 ? one.position : static_cast<std::size_t>(behind) - size;
    one.position = begin + size;
    for (const SecretPart& part : one.parts) {
      const std::size_t from = std::max(begin, part.begin);
      const std::size_t to = std::min(begin + size, part.end);
      if (from < to) poison({first + (from - begin), to - from});
    }
  }
}

}  // namespace

bool is_watched() noexcept { return RUNNING_ON_VALGRIND != 0; }

void poison(std::span<const std::byte> bytes) noexcept {
  (void)VALGRIND_MAKE_MEM_UNDEFINED(bytes.data(), bytes.size());
}

void declassify(const void* bytes, std::size_t size) noexcept { (void)VALGRIND_MAKE_MEM_DEFINED(bytes, size); }

bool holds_poison(std::span<const std::byte> bytes) noexcept {
  std::vector<unsigned char> bits(bytes.size());
  if (VALGRIND_GET_VBITS(bytes.data(), bits.data(), bits.size()) != 1) return false;
  return std::ranges::any_of(bits, [](unsigned char one) { return one != 0; });
}

void watch(int fd, std::vector<SecretPart> parts) {
  struct stat info {};
  if (fstat(fd, &info) != 0) throw std::runtime_error("no such descriptor");
  watch_as(info, std::move(parts));
}

void watch_file(const std::string& path, std::vector<SecretPart> parts) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) throw std::runtime_error(path + " is not there");
  watch_as(info, std::move(parts));
}

void watch_terminals() { g_terminals = true; }

void watch_nothing() {
  g_watched.clear();
  g_terminals = false;
}

}  // namespace holdfast::test

// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): the linker's names
extern "C" {
ssize_t __real_read(int fd, void* bytes, size_t size);
ssize_t __wrap_read(int fd, void* bytes, size_t size);
ssize_t __wrap_read(int fd, void* bytes, size_t size) {
  const ssize_t got = __real_read(fd, bytes, size);
  if (got > 0) holdfast::test::mark(fd, bytes, static_cast<std::size_t>(got));
  return got;
}
ssize_t __real___read_chk(int fd, void* bytes, size_t size, size_t room);
ssize_t __wrap___read_chk(int fd, void* bytes, size_t size, size_t room);
ssize_t __wrap___read_chk(int fd, void* bytes, size_t size, size_t room) {
  const ssize_t got = __real___read_chk(fd, bytes, size, room);
  if (got > 0) holdfast::test::mark(fd, bytes, static_cast<std::size_t>(got));
  return got;
}

// Whether two codes are equal is told by what happens next; where they differ is not.
int __real_sodium_memcmp(const void* a, const void* b, size_t size);
int __wrap_sodium_memcmp(const void* a, const void* b, size_t size);
int __wrap_sodium_memcmp(const void* a, const void* b, size_t size) {
  int answer = __real_sodium_memcmp(a, b, size);
  holdfast::test::declassify(&answer, sizeof answer);
  return answer;
}

// A public half is computed from the private one, and public.
int __real_crypto_sign_seed_keypair(unsigned char* key, unsigned char* pair, const unsigned char* seed);
int __wrap_crypto_sign_seed_keypair(unsigned char* key, unsigned char* pair, const unsigned char* seed);
int __wrap_crypto_sign_seed_keypair(unsigned char* key, unsigned char* pair, const unsigned char* seed) {
  int answer = __real_crypto_sign_seed_keypair(key, pair, seed);
  holdfast::test::declassify(key, 32);
  holdfast::test::declassify(&answer, sizeof answer);
  return answer;
}
int __real_mbedtls_ecp_point_write_binary(const mbedtls_ecp_group* group, const mbedtls_ecp_point* point, int format,
                                          size_t* size, unsigned char* out, size_t room);
int __wrap_mbedtls_ecp_point_write_binary(const mbedtls_ecp_group* group, const mbedtls_ecp_point* point, int format,
                                          size_t* size, unsigned char* out, size_t room);
int __wrap_mbedtls_ecp_point_write_binary(const mbedtls_ecp_group* group, const mbedtls_ecp_point* point, int format,
                                          size_t* size, unsigned char* out, size_t room) {
  int answer = __real_mbedtls_ecp_point_write_binary(group, point, format, size, out, room);
  holdfast::test::declassify(&answer, sizeof answer);
  holdfast::test::declassify(size, sizeof *size);
  holdfast::test::declassify(out, room);
  return answer;
}
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)
