// SPDX-License-Identifier: Apache-2.0
#pragma once

// Every header of the C++ API begins with this one: an older standard is refused before what it does not know.
#if __cplusplus <= 201703L
#error "holdfast needs C++20 (-std=c++20)"
#endif

#include "holdfast/status.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace holdfast {

/// The values of `holdfast_status`, for C++.
enum class Status : holdfast_status {
  ok = HOLDFAST_OK,
  invalid_argument = HOLDFAST_INVALID_ARGUMENT,
  invalid_identifier = HOLDFAST_INVALID_IDENTIFIER,
  invalid_uri = HOLDFAST_INVALID_URI,
  buffer_too_small = HOLDFAST_BUFFER_TOO_SMALL,
  scheme_unsupported = HOLDFAST_SCHEME_UNSUPPORTED,
  backend_not_built = HOLDFAST_BACKEND_NOT_BUILT,
  origin_not_listed = HOLDFAST_ORIGIN_NOT_LISTED,
  task_required = HOLDFAST_TASK_REQUIRED,
  pin_required = HOLDFAST_PIN_REQUIRED,
  pin_incorrect = HOLDFAST_PIN_INCORRECT,
  pin_locked = HOLDFAST_PIN_LOCKED,
  pin_refused_before = HOLDFAST_PIN_REFUSED_BEFORE,
  permission_denied = HOLDFAST_PERMISSION_DENIED,
  file_untrusted = HOLDFAST_FILE_UNTRUSTED,
  file_invalid = HOLDFAST_FILE_INVALID,
  token_not_found = HOLDFAST_TOKEN_NOT_FOUND,
  key_not_found = HOLDFAST_KEY_NOT_FOUND,
  ambiguous_match = HOLDFAST_AMBIGUOUS_MATCH,
  key_refused = HOLDFAST_KEY_REFUSED,
  already_exists = HOLDFAST_ALREADY_EXISTS,
  module_unusable = HOLDFAST_MODULE_UNUSABLE,
  sealed_answer = HOLDFAST_SEALED_ANSWER,
  clock_implausible = HOLDFAST_CLOCK_IMPLAUSIBLE,
  attestation_unproven = HOLDFAST_ATTESTATION_UNPROVEN,
  deadline_exceeded = HOLDFAST_DEADLINE_EXCEEDED,
  authority_unavailable = HOLDFAST_AUTHORITY_UNAVAILABLE,
  device_gone = HOLDFAST_DEVICE_GONE,
  stale_key = HOLDFAST_STALE_KEY,
  reset_not_ours = HOLDFAST_RESET_NOT_OURS,
  forked = HOLDFAST_FORKED,
  signature_mismatch = HOLDFAST_SIGNATURE_MISMATCH,
  key_changed = HOLDFAST_KEY_CHANGED,
  device_fault = HOLDFAST_DEVICE_FAULT,
  resource_exhausted = HOLDFAST_RESOURCE_EXHAUSTED,
  authority_refused = HOLDFAST_AUTHORITY_REFUSED,
  authority_answer_invalid = HOLDFAST_AUTHORITY_ANSWER_INVALID,
  header_refused = HOLDFAST_HEADER_REFUSED,
  attestation_refused = HOLDFAST_ATTESTATION_REFUSED,
  authority_untrusted = HOLDFAST_AUTHORITY_UNTRUSTED,
};

/// What the caller can do about a status.
enum class Remedy : std::uint8_t { none, fix_call, ask_person, wait, reconnect, stop };

/// Who noticed: the part of Holdfast or the system below it.
enum class Layer : std::uint8_t { core, pkcs11, tpm2, system, http, registrar, identity, verification };

/// A short text of fixed capacity inside a value: no heap, always cut on a UTF-8 boundary.
template <std::size_t Capacity>
class FixedText {
 public:
  constexpr FixedText() noexcept = default;
  constexpr FixedText(std::string_view text) noexcept { append(text); }  // NOLINT: a text is a text

  /// Appends as much of `text` as fits; a multi-byte character that would be cut is left out.
  constexpr void append(std::string_view text) noexcept {
    std::size_t fits = std::min(text.size(), Capacity - size_);
    if (fits < text.size()) {
      while (fits > 0 && (static_cast<unsigned char>(text[fits]) & 0xC0U) == 0x80U) --fits;
    }
    std::copy_n(text.data(), fits, bytes_ + size_);
    size_ = static_cast<std::uint16_t>(size_ + fits);
  }
  /// Appends one character of ASCII, if it fits.
  constexpr void append(char character) noexcept {
    if (size_ < Capacity) bytes_[size_++] = character;
  }
  constexpr void clear() noexcept { size_ = 0; }
  [[nodiscard]] constexpr std::string_view view() const noexcept { return {bytes_, size_}; }
  [[nodiscard]] constexpr std::size_t size() const noexcept { return size_; }
  [[nodiscard]] constexpr bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] static constexpr std::size_t capacity() noexcept { return Capacity; }
  friend constexpr bool operator==(const FixedText& a, const FixedText& b) noexcept { return a.view() == b.view(); }

 private:
  static_assert(Capacity <= 65535);
  std::uint16_t size_ = 0;
  char bytes_[Capacity] = {};
};

/// Why a call failed. A value without ownership: every pointer is to a string literal.
///
/// `native` is the code of the system below exactly as it came (`CK_RV`, `TSS2_RC`, HTTP status, curl
/// code, errno) and `native_name` its name where it has one. `doing` says what was being done
/// ("logging in"). `hint`, when set, replaces the status table's hint. `detail` names the thing the
/// failure is about (an attribute, a file, the matches of an ambiguous URI) and never holds a secret,
/// a PIN, a token or an assertion.
struct [[nodiscard]] Error {
  Status status = Status::ok;
  Layer layer = Layer::core;
  std::uint64_t native = 0;
  const char* native_name = nullptr;
  const char* doing = "";
  const char* hint = nullptr;
  FixedText<190> detail{};

  // Copied by a call and not in place: there is a way out of most functions that does nothing else.
  Error() noexcept = default;
  [[gnu::cold]] Error(const Error& other) noexcept;
  [[gnu::cold]] Error& operator=(const Error& other) noexcept;
  ~Error() = default;

  /// The same error with `text` as its detail (cut to what fits).
  [[nodiscard, gnu::cold]] Error about(std::string_view text) && noexcept;
  /// The same error with its own hint; `text` must be a string literal.
  [[nodiscard, gnu::cold]] Error with_hint(const char* text) && noexcept;
};

/// Builds an error noticed by `layer` while `doing` (a string literal).
[[nodiscard, gnu::cold]] Error failure(Status status, Layer layer, const char* doing) noexcept;

/// A value or an `Error`, shaped like C++23's `std::expected` so that it can be replaced by it.
///
/// Never throws. Reading the value of a failed result is undefined, as it is for `std::expected`.
template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;

  Result(T value) noexcept : value_(std::move(value)), has_value_(true) {}   // NOLINT
  Result(const Error& error) noexcept : error_(error), has_value_(false) {}  // NOLINT
  Result(Result&& other) noexcept : has_value_(other.has_value_) {
    if (has_value_) {
      new (&value_) T(std::move(other.value_));
    } else {
      new (&error_) Error(other.error_);
    }
  }
  Result& operator=(Result&& other) noexcept {
    if (this != &other) {
      std::destroy_at(this);
      new (this) Result(std::move(other));
    }
    return *this;
  }
  Result(const Result&) = delete;
  Result& operator=(const Result&) = delete;
  ~Result() {
    if (has_value_) value_.~T();
  }

  [[nodiscard]] bool has_value() const noexcept { return has_value_; }
  [[nodiscard]] explicit operator bool() const noexcept { return has_value_; }
  [[nodiscard]] T& value() & noexcept { return value_; }
  [[nodiscard]] const T& value() const& noexcept { return value_; }
  [[nodiscard]] T&& value() && noexcept { return std::move(value_); }
  [[nodiscard]] T& operator*() & noexcept { return value_; }
  [[nodiscard]] const T& operator*() const& noexcept { return value_; }
  [[nodiscard]] T&& operator*() && noexcept { return std::move(value_); }
  [[nodiscard]] T* operator->() noexcept { return &value_; }
  [[nodiscard]] const T* operator->() const noexcept { return &value_; }
  [[nodiscard]] const Error& error() const noexcept { return error_; }
  [[nodiscard]] Status status() const noexcept { return has_value_ ? Status::ok : error_.status; }

 private:
  union {
    T value_;
    Error error_;
  };
  bool has_value_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using value_type = void;

  Result() noexcept : none_(), has_value_(true) {}
  Result(const Error& error) noexcept : error_(error), has_value_(false) {}  // NOLINT
  Result(const Result& other) noexcept : none_(), has_value_(other.has_value_) {
    if (!has_value_) new (&error_) Error(other.error_);
  }
  Result& operator=(const Result& other) noexcept {
    has_value_ = other.has_value_;
    if (!has_value_ && this != &other) new (&error_) Error(other.error_);
    return *this;
  }
  ~Result() = default;

  [[nodiscard]] bool has_value() const noexcept { return has_value_; }
  [[nodiscard]] explicit operator bool() const noexcept { return has_value_; }
  void value() const noexcept {}
  [[nodiscard]] const Error& error() const noexcept { return error_; }
  [[nodiscard]] Status status() const noexcept { return has_value_ ? Status::ok : error_.status; }

 private:
  struct None {};
  static_assert(std::is_trivially_destructible_v<Error>);
  union {
    None none_;  // success touches none of the error's bytes: this type is returned on the signing path
    Error error_;
  };
  bool has_value_;
};

/// The status' short name, such as "pin_incorrect"; "unknown" for a value outside the table.
[[nodiscard]] std::string_view status_name(Status status) noexcept;
/// One sentence without a full stop, such as "the token refused the PIN".
[[nodiscard]] std::string_view status_text(Status status) noexcept;
/// The next action for a person, one sentence.
[[nodiscard]] std::string_view status_hint(Status status) noexcept;
[[nodiscard]] Remedy status_remedy(Status status) noexcept;
[[nodiscard]] std::string_view remedy_name(Remedy remedy) noexcept;
[[nodiscard]] std::string_view layer_name(Layer layer) noexcept;
/// The exit code the tools end with: 1 failed, 2 wrong use, 3 a person is needed, 4 device, 5 authority.
[[nodiscard]] int status_exit_code(Status status) noexcept;

/// Writes `<what failed>: <detail> (<layer>: <NATIVE_NAME> while <doing>)` into `out`, cut to its size, and
/// returns what was written. Allocates nothing.
[[nodiscard]] std::string_view write_message(const Error& error, std::span<char> out) noexcept;
/// The error's own hint, or the one of its status.
[[nodiscard]] std::string_view hint_of(const Error& error) noexcept;

}  // namespace holdfast

/// Evaluates `expression`, a `Result`; returns its error from the enclosing function, or is its value.
/// The one control-flow macro: `const auto key = HOLDFAST_TRY(device.find_key(selector));`
#define HOLDFAST_TRY(expression)         \
  __extension__({                        \
    auto holdfast_result = (expression); \
    if (!holdfast_result) [[unlikely]]   \
      return holdfast_result.error();    \
    std::move(holdfast_result).value();  \
  })
