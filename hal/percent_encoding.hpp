// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <cstddef>
#include <span>
#include <string_view>

/// The percent-encoding of RFC 3986 §2.1, read strictly: the same for the URI of every back end.
namespace holdfast::hal {

/// ASCII letters and digits, whatever the locale.
[[nodiscard]] bool is_alphanumeric(char c) noexcept;

/// 0 to 15; -1 if `c` is no hexadecimal digit.
[[nodiscard]] int hex_value(char c) noexcept;

/// One octet of an encoded text.
struct DecodedOctet {
  enum class Kind : std::uint8_t {
    plain,      ///< stood there as it is; whether it may is the reader's to say
    encoded,    ///< was %XX
    malformed,  ///< a % without two hexadecimal digits
  };
  Kind kind;
  char octet;
};

/// Takes the first octet off `text`, which is not empty.
[[nodiscard]] DecodedOctet take_octet(std::string_view& text) noexcept;

/// The three characters that stand for `octet`, in capitals (RFC 3986 §2.1).
[[nodiscard]] FixedText<3> percent_encoded(std::byte octet) noexcept;

}  // namespace holdfast::hal
