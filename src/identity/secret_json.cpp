// SPDX-License-Identifier: Apache-2.0
#include "src/identity/secret_json.hpp"

#include "src/assertion/detail_text.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace holdfast {
namespace {

constexpr int kMaxDepth = 32;

Error refusal(std::string_view why) noexcept {
  return failure(Status::file_invalid, Layer::identity, "reading JSON").about(why);
}

class Scanner {
 public:
  explicit Scanner(std::span<char> text) noexcept : text_(text) {}

  [[nodiscard]] bool is_at_end() noexcept {
    skip_space();
    return at_ == text_.size();
  }
  [[nodiscard]] bool take(char expected) noexcept {
    skip_space();
    if (at_ == text_.size() || text_[at_] != expected) return false;
    ++at_;
    return true;
  }
  [[nodiscard]] Error unexpected() const noexcept {
    return refusal((DetailText() << "it stops to be JSON at byte " << at_ + 1).view());
  }

  // A whole value. Only a string that is to be resolved is written to.
  Result<SecretJsonValue> take_value(bool is_wanted, int depth) noexcept {
    using Kind = SecretJsonValue::Kind;
    skip_space();
    if (at_ == text_.size() || depth > kMaxDepth) return unexpected();
    const std::size_t start = at_;
    Kind kind = Kind::null;
    switch (text_[at_]) {
      case '"':
        return SecretJsonValue{Kind::string, HOLDFAST_TRY(take_string(is_wanted))};
      case '{':
        HOLDFAST_TRY(skip_members(depth));
        kind = Kind::object;
        break;
      case '[':
        HOLDFAST_TRY(skip_elements(depth));
        kind = Kind::array;
        break;
      case 't':
      case 'f':
        if (!take_word("true") && !take_word("false")) return unexpected();
        kind = Kind::boolean;
        break;
      case 'n':
        if (!take_word("null")) return unexpected();
        break;
      default:
        if (!take_number()) return unexpected();
        kind = Kind::number;
    }
    return SecretJsonValue{kind, text_.subspan(start, at_ - start)};
  }

  Result<std::span<char>> take_string(bool is_resolved) noexcept {
    if (!take('"')) return unexpected();
    const std::size_t start = at_;
    std::size_t written = at_;
    const auto write = [&](char c) noexcept {
      if (is_resolved) text_[written] = c;
      ++written;
    };
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return text_.subspan(start, written - start);
      }
      if (static_cast<unsigned char>(c) < 0x20) return unexpected();
      if (c == '\\') {
        std::array<char, 4> resolved{};
        const std::size_t size = take_escape(resolved);
        if (size == 0) return unexpected();
        for (std::size_t i = 0; i < size; ++i) write(resolved[i]);
        continue;
      }
      const std::size_t size = utf8_size();
      if (size == 0) return unexpected();
      for (std::size_t i = 0; i < size; ++i) write(text_[at_++]);
    }
    return unexpected();
  }

 private:
  void skip_space() noexcept {
    while (at_ < text_.size() && std::string_view(" \t\n\r").find(text_[at_]) != std::string_view::npos) ++at_;
  }

  bool take_word(std::string_view word) noexcept {
    if (std::string_view(text_.data(), text_.size()).substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  [[nodiscard]] bool is_digit() const noexcept {
    return at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9';
  }
  bool take_digits() noexcept {
    const std::size_t start = at_;
    while (is_digit()) ++at_;
    return at_ > start;
  }
  bool take_number() noexcept {
    if (text_[at_] == '-') ++at_;
    if (at_ < text_.size() && text_[at_] == '0') {
      ++at_;
    } else if (!take_digits()) {
      return false;
    }
    if (at_ < text_.size() && text_[at_] == '.') {
      ++at_;
      if (!take_digits()) return false;
    }
    if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      ++at_;
      if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
      if (!take_digits()) return false;
    }
    return true;
  }

  Result<void> skip_members(int depth) noexcept {
    ++at_;
    if (take('}')) return {};
    do {
      skip_space();
      HOLDFAST_TRY(take_string(false));
      if (!take(':')) return unexpected();
      HOLDFAST_TRY(take_value(false, depth + 1));
    } while (take(','));
    return take('}') ? Result<void>() : unexpected();
  }
  Result<void> skip_elements(int depth) noexcept {
    ++at_;
    if (take(']')) return {};
    do {
      HOLDFAST_TRY(take_value(false, depth + 1));
    } while (take(','));
    return take(']') ? Result<void>() : unexpected();
  }

  // RFC 3629 §4, at the current byte; 0 if it is none.
  [[nodiscard]] std::size_t utf8_size() const noexcept {
    const auto byte = [this](std::size_t i) noexcept {
      return at_ + i < text_.size() ? static_cast<unsigned char>(text_[at_ + i]) : 0U;
    };
    const auto follows = [&](std::size_t i) noexcept { return (byte(i) & 0xC0U) == 0x80U; };
    const unsigned first = byte(0);
    if (first < 0x80) return 1;
    if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
    if (first >= 0xE0 && first <= 0xEF) {
      const bool is_bad = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F);
      return !is_bad && follows(1) && follows(2) ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
      const bool is_bad = (first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F);
      return !is_bad && follows(1) && follows(2) && follows(3) ? 4 : 0;
    }
    return 0;
  }

  // Bytes of the resolved escape; 0 if it is none. Never more than it took.
  std::size_t take_escape(std::array<char, 4>& out) noexcept {
    if (at_ + 1 >= text_.size()) return 0;
    const char kind = text_[at_ + 1];
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (const std::size_t found = kLetters.find(kind); found != std::string_view::npos) {
      at_ += 2;
      out[0] = kMeanings[found];
      return 1;
    }
    std::optional<unsigned> unit = take_unit();
    if (!unit) return 0;
    unsigned code = *unit;
    if (code >= 0xD800 && code <= 0xDBFF) {
      const std::optional<unsigned> low = take_unit();
      if (!low || *low < 0xDC00 || *low > 0xDFFF) return 0;
      code = 0x10000U + ((code - 0xD800U) << 10U) + (*low - 0xDC00U);
    } else if (code >= 0xDC00 && code <= 0xDFFF) {
      return 0;
    }
    return encode_utf8(code, out);
  }

  std::optional<unsigned> take_unit() noexcept {
    if (at_ + 6 > text_.size() || text_[at_] != '\\' || text_[at_ + 1] != 'u') return std::nullopt;
    unsigned value = 0;
    for (std::size_t i = 2; i < 6; ++i) {
      const char c = text_[at_ + i];
      unsigned digit = 0;
      if (c >= '0' && c <= '9') {
        digit = static_cast<unsigned>(c - '0');
      } else if (c >= 'a' && c <= 'f') {
        digit = static_cast<unsigned>(c - 'a') + 10;
      } else if (c >= 'A' && c <= 'F') {
        digit = static_cast<unsigned>(c - 'A') + 10;
      } else {
        return std::nullopt;
      }
      value = value * 16 + digit;
    }
    at_ += 6;
    return value;
  }

  static std::size_t encode_utf8(unsigned code, std::array<char, 4>& out) noexcept {
    const auto tail = [&](unsigned shift) noexcept { return static_cast<char>(0x80U | ((code >> shift) & 0x3FU)); };
    if (code < 0x80) {
      out[0] = static_cast<char>(code);
      return 1;
    }
    if (code < 0x800) {
      out = {static_cast<char>(0xC0U | (code >> 6U)), tail(0)};
      return 2;
    }
    if (code < 0x10000) {
      out = {static_cast<char>(0xE0U | (code >> 12U)), tail(6), tail(0)};
      return 3;
    }
    out = {static_cast<char>(0xF0U | (code >> 18U)), tail(12), tail(6), tail(0)};
    return 4;
  }

  std::span<char> text_;
  std::size_t at_ = 0;
};

}  // namespace

Result<void> read_json_members(std::span<char> text, std::span<WantedMember> wanted) noexcept {
  Scanner scanner(text);
  if (!scanner.take('{')) return refusal("it is not a JSON object");
  if (!scanner.take('}')) {
    do {
      // A name is resolved where it stands: it is not read again.
      const std::span<char> name = HOLDFAST_TRY(scanner.take_string(true));
      if (!scanner.take(':')) return scanner.unexpected();
      const auto member = std::ranges::find(wanted, std::string_view(name.data(), name.size()), &WantedMember::name);
      const bool is_wanted = member != wanted.end();
      const SecretJsonValue value = HOLDFAST_TRY(scanner.take_value(is_wanted, 1));
      if (!is_wanted) continue;
      if (member->value.kind != SecretJsonValue::Kind::absent) {
        return refusal((DetailText() << "the member " << member->name << " stands twice").view());
      }
      member->value = value;
    } while (scanner.take(','));
    if (!scanner.take('}')) return scanner.unexpected();
  }
  if (!scanner.is_at_end()) return scanner.unexpected();
  return {};
}

Result<bool> json_array_holds(std::span<char> text, std::string_view item) noexcept {
  Scanner scanner(text);
  if (!scanner.take('[')) return scanner.unexpected();
  bool is_found = false;
  if (scanner.take(']')) return is_found;
  do {
    const std::span<char> element = HOLDFAST_TRY(scanner.take_string(true));
    is_found = is_found || std::string_view(element.data(), element.size()) == item;
  } while (scanner.take(','));
  if (!scanner.take(']')) return scanner.unexpected();
  return is_found;
}

}  // namespace holdfast
