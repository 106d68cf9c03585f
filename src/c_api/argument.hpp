// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/public_key.hpp"
#include "holdfast/result.hpp"

#include "src/assertion/detail_text.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

/// What a C caller hands in, read strictly.
namespace holdfast::c_api {

inline constexpr std::uint32_t kDefaultTimeoutMs = 30'000;

/// `invalid_argument`; `what` (a string literal) names the rule that was broken.
[[nodiscard]] inline Error bad_argument(const char* doing, std::string_view what) noexcept {
  return failure(Status::invalid_argument, Layer::core, doing).about(what);
}

/// An optional text; null is empty.
[[nodiscard]] inline std::string_view text_or_empty(const char* text) noexcept {
  return text == nullptr ? std::string_view() : std::string_view(text);
}

/// True for a structure that is there and has the size this library knows.
template <typename Structure>
[[nodiscard]] bool has_known_size(const Structure* structure) noexcept {
  return structure != nullptr && structure->struct_size == sizeof(Structure);
}

/// Options as a caller compiled them, with the header of this library or with the first one, whose structure had
/// `first_size` bytes; what that lacks is 0. None for any other size.
template <typename Options>
[[nodiscard]] std::optional<Options> read_options(const Options* given, std::size_t first_size) noexcept {
  if (given == nullptr || (given->struct_size != first_size && given->struct_size != sizeof(Options))) return {};
  Options options{};
  std::memcpy(&options, given, given->struct_size);
  return options;
}

[[nodiscard]] inline std::chrono::milliseconds timeout_of(std::uint32_t timeout_ms) noexcept {
  return std::chrono::milliseconds(timeout_ms == 0 ? kDefaultTimeoutMs : timeout_ms);
}

/// An optional public key line.
[[nodiscard]] inline Result<std::optional<PublicKey>> optional_key(const char* line) noexcept {
  if (text_or_empty(line).empty()) return std::optional<PublicKey>();
  return std::optional<PublicKey>(HOLDFAST_TRY(parse_ssh_public_key(line)));
}

/// A caller's buffer for a text: cleared when it is taken, so that nothing old is left in it after a failure.
class TextBuffer {
 public:
  /// `out_size` may not be null; `out` only with a capacity of 0 (to ask for the size).
  TextBuffer(char* out, std::size_t capacity, std::size_t* out_size) noexcept : size_(out_size) {
    if (out_size != nullptr) *out_size = 0;
    if (out != nullptr) bytes_ = {out, capacity};
    is_usable_ = out_size != nullptr && (out != nullptr || capacity == 0);
    clear();
  }
  [[nodiscard]] bool is_usable() const noexcept { return is_usable_; }
  /// Room for a text of `size` bytes, its NUL aside. `buffer_too_small` otherwise: the size with the NUL is then
  /// told.
  [[nodiscard]] Result<std::span<char>> room_for(std::size_t size, const char* doing) const noexcept {
    if (bytes_.size() > size) return bytes_.first(bytes_.size() - 1);
    *size_ = size + 1;
    return failure(Status::buffer_too_small, Layer::core, doing)
        .about((DetailText() << "it takes " << size + 1 << " bytes, room is for " << bytes_.size()).view())
        .with_hint("pass a buffer of the size that was written; HOLDFAST_AUTHORIZATION_CAPACITY (590) suffices");
  }
  /// What was written has `size` bytes.
  void finish(std::size_t size) const noexcept {
    bytes_[size] = '\0';
    *size_ = size;
  }

 private:
  void clear() const noexcept { std::fill(bytes_.begin(), bytes_.end(), '\0'); }

  std::span<char> bytes_;
  std::size_t* size_;
  bool is_usable_ = false;
};

}  // namespace holdfast::c_api
