// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/fuzz/refusal.hpp"

#include <holdfast/holdfast.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

/// What a C caller hands in, right or wrong, and what has to be in it after the call.
namespace holdfast::fuzz {

constexpr char kFence = '\x5A';

/// An error structure, or none, or one of an unknown size; looks at what a call put in it.
class ErrorOut {
 public:
  explicit ErrorOut(Choices& choices) {
    const std::size_t kind = choices.choice(8);
    std::memset(&error_, 0x5A, sizeof error_);
    error_.struct_size = sizeof error_;
    is_null_ = kind == 0;
    is_unknown_ = kind == 1;
    if (is_unknown_) error_.struct_size = choices.pair();
    if (error_.struct_size == sizeof error_) is_unknown_ = false;
  }
  [[nodiscard]] holdfast_error* get() { return is_null_ ? nullptr : &error_; }
  [[nodiscard]] bool is_unknown() const { return is_unknown_; }
  void judge(holdfast_status status) const {
    promise(std::strcmp(holdfast_status_name(status), "unknown") != 0, "a status is one of the table");
    if (is_unknown_) promise(status == HOLDFAST_INVALID_ARGUMENT, "an unknown size is refused");
    if (is_null_ || is_unknown_) return;
    promise(error_.status == status, "the error has the status");
    const std::string_view message(error_.message, strnlen(error_.message, sizeof error_.message));
    const std::string_view hint(error_.hint, strnlen(error_.hint, sizeof error_.hint));
    promise(message.size() < sizeof error_.message && hint.size() < sizeof error_.hint, "texts end");
    promise(message.empty() == (status == HOLDFAST_OK), "a failure has a message, success none");
    promise(hal::is_printable(message) && hal::is_printable(hint), "texts are printable");
  }

 private:
  holdfast_error error_;
  bool is_null_ = false;
  bool is_unknown_ = false;
};

/// A caller's buffer in memory of its size, with what is behind it watched.
class ValueOut {
 public:
  explicit ValueOut(Choices& choices) {
    constexpr std::array<std::size_t, 6> kCapacities{HOLDFAST_AUTHORIZATION_CAPACITY, 4096, 0, 1, 200,
                                                     HOLDFAST_IDENTIFIER_CAPACITY};
    capacity_ = kCapacities[choices.choice(kCapacities.size())];
    is_null_ = choices.choice(8) == 7;
    size_is_null_ = choices.choice(8) == 7;
    bytes_.assign(capacity_ + 16, kFence);
  }
  [[nodiscard]] char* bytes() { return is_null_ ? nullptr : bytes_.data(); }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  [[nodiscard]] std::size_t* size() { return size_is_null_ ? nullptr : &size_; }
  [[nodiscard]] std::string_view text() const { return {bytes_.data(), size_}; }

  void judge(holdfast_status status) const {
    promise(std::all_of(bytes_.begin() + static_cast<std::ptrdiff_t>(capacity_), bytes_.end(),
                        [](char c) { return c == kFence; }),
            "nothing is written behind a buffer");
    if (status == HOLDFAST_OK) {
      promise(!is_null_ && !size_is_null_ && size_ < capacity_ && bytes_[size_] == '\0', "a text ends in its buffer");
      return;
    }
    if (is_null_) {
      promise(bytes_.front() == kFence, "a buffer that is not given is not written");
    } else {
      promise(std::all_of(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(capacity_),
                          [](char c) { return c == '\0'; }),
              "after a failure no old byte is in the buffer");
    }
    if (!size_is_null_) {
      promise(size_ == 0 || (status == HOLDFAST_BUFFER_TOO_SMALL && size_ > capacity_), "a size is told, or none");
    }
  }

 private:
  std::vector<char> bytes_;
  std::size_t capacity_ = 0;
  std::size_t size_ = 12345;
  bool is_null_ = false;
  bool size_is_null_ = false;
};

/// The numbers of a call, drawn at once: the order in which a compiler evaluates arguments is its own.
struct CallNumbers {
  explicit CallNumbers(Choices& choices) {
    constexpr std::array<std::uint32_t, 4> kFlags{0, HOLDFAST_FRESH, 2, 0x80000000U};
    constexpr std::array<std::uint32_t, 5> kTimeouts{0, 1, 50, 5000, 60'000};
    is_handle_null = choices.choice(16) == 15;
    flags = kFlags[choices.choice(kFlags.size())];
    timeout_ms = kTimeouts[choices.choice(kTimeouts.size())];
    is_size_wrong = choices.choice(8) == 7;
    wrong_size = is_size_wrong ? choices.pair() : std::uint16_t{0};
  }
  [[nodiscard]] std::uint32_t size_of_structure(std::size_t right) const {
    return is_size_wrong ? wrong_size : static_cast<std::uint32_t>(right);
  }
  bool is_handle_null = false;
  std::uint32_t flags = 0;
  std::uint32_t timeout_ms = 0;
  bool is_size_wrong = false;
  std::uint16_t wrong_size = 0;
};

/// Texts as C has them: null, the right one, or anything that ends with a NUL. They last until the next call.
class CallTexts {
 public:
  explicit CallTexts(Choices& choices) noexcept : choices_(choices) {}
  void begin_call() { texts_.clear(); }
  const char* draw(const char* right) {
    switch (choices_.choice(4)) {
      case 0:
        return nullptr;
      case 1:
        return texts_.emplace_back(std::make_unique<std::string>(choices_.text()))->c_str();
      default:
        return right;
    }
  }

 private:
  Choices& choices_;
  std::vector<std::unique_ptr<std::string>> texts_;
};

}  // namespace holdfast::fuzz
