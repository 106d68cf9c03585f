// SPDX-License-Identifier: Apache-2.0
// The record of refused PINs (hal/failure_record_text.cpp). A text is taken in the one form we write, or not at all:
// what it says decides whether a PIN is sent.
#include "hal/failure_record_text.hpp"
#include "tests/fuzz/promise.hpp"

#include <array>

using namespace holdfast::hal;
using holdfast::fuzz::promise;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = holdfast::fuzz::text_of(data, size);
  std::array<PinFailure, FailureRecord::kMaxFailures> failures;
  const auto count = read_failures(text, failures);
  if (!count) return 0;
  promise(*count <= failures.size(), "no more failures than there is room for");
  std::array<char, kMaxFailureTextSize> written{};
  const std::size_t written_size = write_failures(std::span(failures).first(*count), written);
  promise(written_size > 0 && text.starts_with(std::string_view(written.data(), written_size)),
          "a record has one text");
  std::array<PinFailure, FailureRecord::kMaxFailures> fewer;
  if (*count > 0) {
    promise(!read_failures(text, std::span(fewer).first(*count - 1)), "what does not fit is refused, never cut");
  }
  return 0;
}
