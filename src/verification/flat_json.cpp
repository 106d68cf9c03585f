// SPDX-License-Identifier: Apache-2.0
#include "src/verification/flat_json.hpp"

#include "src/assertion/detail_text.hpp"

namespace holdfast {
namespace {

Error refusal(std::string_view rule) noexcept {
  return failure(Status::header_refused, Layer::verification, "reading an assertion").about(rule);
}

}  // namespace

Result<std::optional<FlatJsonReader::Member>> FlatJsonReader::next() noexcept {
  skip_space();
  if (state_ == State::before_object) {
    if (!take('{')) return unexpected("'{'");
    state_ = State::before_first_member;
    skip_space();
    if (take('}')) return end();
  } else {
    if (take('}')) return end();
    if (!take(',')) return unexpected("',' or '}'");
    skip_space();
  }
  Member member;
  member.name = HOLDFAST_TRY(take_string());
  skip_space();
  if (!take(':')) return unexpected("':'");
  skip_space();
  member.value = HOLDFAST_TRY(take_string());
  state_ = State::after_member;
  return std::optional(member);
}

void FlatJsonReader::skip_space() noexcept {
  while (position_ < text_.size() && std::string_view(" \t\n\r").find(text_[position_]) != std::string_view::npos) {
    ++position_;
  }
}

bool FlatJsonReader::take(char expected) noexcept {
  if (position_ == text_.size() || text_[position_] != expected) return false;
  ++position_;
  return true;
}

Result<std::string_view> FlatJsonReader::take_string() noexcept {
  if (!take('"')) return unexpected("a string");
  const std::size_t start = position_;
  for (; position_ < text_.size(); ++position_) {
    const char c = text_[position_];
    if (c == '"') return text_.substr(start, position_++ - start);
    if (c == '\\') return refusal((DetailText() << "an escape in a string, at byte " << position_ + 1).view());
    if (c < ' ' || c > '~') return unexpected("printable ASCII");
  }
  return refusal("a string does not end");
}

Result<std::optional<FlatJsonReader::Member>> FlatJsonReader::end() noexcept {
  skip_space();
  if (position_ != text_.size()) return unexpected("nothing after the object");
  return std::optional<Member>();
}

Error FlatJsonReader::unexpected(std::string_view expected) const noexcept {
  DetailText detail;
  if (position_ == text_.size()) {
    detail << "the JSON ends where " << expected << " belongs";
  } else {
    detail << "byte " << position_ + 1 << " of the JSON is ";
    detail.hex(static_cast<unsigned char>(text_[position_])) << " where " << expected << " belongs";
  }
  return refusal(detail.view());
}

}  // namespace holdfast
