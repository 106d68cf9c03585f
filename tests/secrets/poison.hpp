// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace holdfast::test {

/// Under valgrind's memcheck a secret is told apart by being marked as never written: memcheck follows what is
/// computed from it, bit by bit, and reports every branch and every address that depends on it. Outside of memcheck
/// nothing of this does anything, so a test asks `is_watched` first.
[[nodiscard]] bool is_watched() noexcept;

void poison(std::span<const std::byte> bytes) noexcept;
/// What is told to everybody: a public key, a signature, a ciphertext.
void declassify(const void* bytes, std::size_t size) noexcept;
/// Whether a bit of them is marked.
[[nodiscard]] bool holds_poison(std::span<const std::byte> bytes) noexcept;

/// A part of a file or a stream, in bytes from its beginning.
struct SecretPart {
  std::size_t begin = 0;
  std::size_t end = 0;
};

/// Marks these parts of what the descriptor `fd`, or anybody's of the same file or pipe, gives from now on, in the
/// buffer that read(2) was given: the first place of ours that a secret is in.
void watch(int fd, std::vector<SecretPart> parts);
/// The same of the file at `path`.
void watch_file(const std::string& path, std::vector<SecretPart> parts);
/// The same of every key typed on a terminal.
void watch_terminals();
void watch_nothing();

}  // namespace holdfast::test
