// SPDX-License-Identifier: Apache-2.0
#include "hal/uri_attributes.hpp"

#include "hal/display.hpp"

#include <algorithm>

namespace holdfast::hal {

bool has_scheme(std::string_view text, std::string_view scheme) noexcept {
  const auto is_same = [](char given, char small) {
    return (given >= 'A' && given <= 'Z' ? given + 32 : given) == small;
  };
  return std::ranges::equal(text.substr(0, scheme.size()), scheme, is_same);
}

Error UriGrammar::refuse(std::string_view about, std::string_view why) const noexcept {
  constexpr std::size_t kMostShown = 64;
  Error error = failure(Status::invalid_uri, layer, "reading a key URI");
  append_printable(error.detail, about.substr(0, kMostShown));
  error.detail.append(" ");
  error.detail.append(why);
  error.hint = hint;
  return error;
}

Result<void> UriGrammar::check(const UriAttribute& attribute, DecodedOctet octet) const noexcept {
  switch (octet.kind) {
    case DecodedOctet::Kind::encoded:
      return {};
    case DecodedOctet::Kind::malformed:
      return refuse(attribute.name, "has a % without two hexadecimal digits");
    case DecodedOctet::Kind::plain:
      break;
  }
  const std::string_view plain = attribute.is_query ? query_characters : path_characters;
  if (is_alphanumeric(octet.octet) || plain.find(octet.octet) != std::string_view::npos) return {};
  return refuse(attribute.name, "has a character that must be percent-encoded");
}

Result<void> UriReading::begin(std::string_view text) noexcept {
  if (text.size() > kMaxKeyUriSize) return grammar_.refuse("the URI", "is longer than 1024 characters");
  if (!has_scheme(text, grammar_.scheme)) {
    FixedText<32> why("does not begin with ");
    why.append(grammar_.scheme);
    return grammar_.refuse("the URI", why.view());
  }
  text.remove_prefix(grammar_.scheme.size());
  const std::size_t question = text.find('?');
  part_ = text.substr(0, question);
  if (question != std::string_view::npos) query_ = text.substr(question + 1);
  return {};
}

Result<std::optional<UriReading::Found>> UriReading::next() noexcept {
  if (is_cut_off_) return grammar_.refuse("the URI", "has an empty attribute at its end");
  if (part_.empty()) {
    if (!query_) return std::optional<Found>();
    if (query_->empty()) return grammar_.refuse("the URI", "ends in an empty query");
    part_ = *query_;
    query_.reset();
    is_query_ = true;
  }
  const std::size_t end = part_.find(is_query_ ? '&' : ';');
  const std::string_view text = part_.substr(0, end);
  part_.remove_prefix(std::min(part_.size(), text.size() + 1));
  is_cut_off_ = end != std::string_view::npos && part_.empty();
  return std::optional<Found>(HOLDFAST_TRY(identify(text)));
}

Result<UriReading::Found> UriReading::identify(std::string_view text) noexcept {
  const std::size_t equals = text.find('=');
  const std::string_view name = text.substr(0, equals);
  if (name.empty()) return grammar_.refuse("the URI", "has an attribute without a name");
  const auto known = std::ranges::find(grammar_.attributes, name, &UriAttribute::name);
  if (known == grammar_.attributes.end()) return grammar_.refuse(name, "is not an attribute we know");
  if (known->is_query != is_query_) {
    return grammar_.refuse(name, is_query_ ? "belongs before the question mark" : "belongs after the question mark");
  }
  Found found{static_cast<std::size_t>(known - grammar_.attributes.begin()), {}};
  if (is_seen(found.index)) return grammar_.refuse(name, "is there twice");
  seen_ |= 1U << found.index;
  if (equals != std::string_view::npos) found.value = text.substr(equals + 1);
  return found;
}

void UriWriting::append(std::string_view text) noexcept {
  if (text.size() > kMaxKeyUriSize - text_.size()) is_cut_ = true;
  if (!is_cut_) text_.append(text);
}

void UriWriting::begin(std::string_view name, bool is_query) noexcept {
  bool& has_part = is_query ? has_query_ : has_path_;
  if (is_query) {
    append(has_part ? "&" : "?");
  } else if (has_part) {
    append(";");
  }
  has_part = true;
  append(name);
  append("=");
}

void UriWriting::append_value(std::string_view value, std::string_view plain) noexcept {
  for (const char c : value) {
    if (is_alphanumeric(c) || plain.find(c) != std::string_view::npos) {
      append({&c, 1});
    } else {
      append(percent_encoded(static_cast<std::byte>(c)).view());
    }
  }
}

void UriWriting::path(std::string_view name, std::string_view value) noexcept {
  if (value.empty()) return;
  begin(name, false);
  append_value(value, plain_in_path_);
}

void UriWriting::query(std::string_view name, std::string_view value) noexcept {
  if (value.empty()) return;
  begin(name, true);
  append_value(value, plain_in_query_);
}

void UriWriting::path(std::string_view name, std::span<const std::byte> value) noexcept {
  if (value.empty()) return;
  begin(name, false);
  for (const std::byte octet : value) append(percent_encoded(octet).view());
}

Result<FixedText<kMaxKeyUriSize>> UriWriting::text(Layer layer) const noexcept {
  if (is_cut_) return failure(Status::resource_exhausted, layer, "writing a key URI").about("it is too long");
  return text_;
}

}  // namespace holdfast::hal
