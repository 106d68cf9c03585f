// SPDX-License-Identifier: Apache-2.0
#include "holdfast/assertion.hpp"

#include "src/assertion/detail_text.hpp"

#include <type_traits>

namespace holdfast {
namespace {

// RFC 3986 §2.3. Written out because <cctype> follows the process's locale.
constexpr bool is_unreserved(char c) noexcept {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

}  // namespace

template <typename Tag>
Result<Identifier<Tag>> Identifier<Tag>::parse(std::string_view text) noexcept {
  constexpr const char* doing = std::is_same_v<Tag, RuntimeIdTag> ? "reading a runtime id" : "reading a task id";
  const auto refusal = [](std::string_view rule) {
    return failure(Status::invalid_identifier, Layer::core, doing).about(rule);
  };
  if (text.empty()) return refusal("it is empty");
  if (text.size() > kMaxIdentifierSize) {
    return refusal(
        (DetailText() << "it has " << text.size() << " characters, more than " << kMaxIdentifierSize).view());
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_unreserved(text[i])) continue;
    DetailText detail;
    detail << "character " << i + 1 << " (";
    detail.hex(static_cast<unsigned char>(text[i])) << ") is none of A-Z a-z 0-9 - . _ ~";
    return refusal(detail.view());
  }
  if (text == "." || text == "..") return refusal("it is '.' or '..', which a URL folds away");
  Identifier id;
  id.text_.append(text);
  return id;
}

template class Identifier<RuntimeIdTag>;
template class Identifier<TaskIdTag>;

}  // namespace holdfast
