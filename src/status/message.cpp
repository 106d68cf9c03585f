// SPDX-License-Identifier: Apache-2.0
#include "holdfast/result.hpp"

#include <array>
#include <charconv>

namespace holdfast {
namespace {

// Appends to a caller's buffer and drops what does not fit.
class Writer {
 public:
  explicit Writer(std::span<char> out) noexcept : out_(out) {}

  void text(std::string_view text) noexcept {
    const std::size_t fits = std::min(text.size(), out_.size() - used_);
    std::copy_n(text.begin(), fits, out_.begin() + static_cast<std::ptrdiff_t>(used_));
    used_ += fits;
  }

  void hexadecimal(std::uint64_t value) noexcept {
    std::array<char, 18> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16).ptr;
    text("0x");
    text({digits.data(), static_cast<std::size_t>(end - digits.data())});
  }

  [[nodiscard]] std::string_view view() const noexcept { return {out_.data(), used_}; }

 private:
  std::span<char> out_;
  std::size_t used_ = 0;
};

}  // namespace

std::string_view write_message(const Error& error, std::span<char> out) noexcept {
  Writer writer(out);
  writer.text(status_text(error.status));
  if (!error.detail.empty()) {
    writer.text(": ");
    writer.text(error.detail.view());
  }
  writer.text(" (");
  writer.text(layer_name(error.layer));
  if (error.native_name != nullptr || error.native != 0) {
    writer.text(": ");
    if (error.native_name != nullptr) {
      writer.text(error.native_name);
    } else {
      writer.hexadecimal(error.native);
    }
  }
  if (error.doing[0] != '\0') {
    writer.text(" while ");
    writer.text(error.doing);
  }
  writer.text(")");
  return writer.view();
}

std::string_view hint_of(const Error& error) noexcept {
  return error.hint != nullptr ? std::string_view(error.hint) : status_hint(error.status);
}

}  // namespace holdfast
