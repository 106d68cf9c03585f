// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/fuzz/c_arguments.hpp"

namespace holdfast::fuzz {

/// What a call without a handle has to go on.
struct Handleless {
  Choices& choices;
  CallTexts& texts;
  const std::string& last_value;  ///< the header made last
  const std::string& key_line;
};

/// Verifies, reads, asks for texts, or tries to start a registrar that cannot be: one call of the C ABI, and a look
/// at what it did.
void call_without_handle(const Handleless& host);

}  // namespace holdfast::fuzz
