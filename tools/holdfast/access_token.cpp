// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/access_token.hpp"

#include <algorithm>
#include <string_view>

namespace holdfast::tool {
namespace {

// Exit code 3, as for a PIN, without speaking of one.
constexpr hal::SecretWording kAccessToken{
    "reading the access token", "the access token", Status::permission_denied,
    "name its source: --access-token-source file:/PATH, fd:N, credential:NAME, env:NAME or prompt"};

bool is_token_character(std::byte byte) {
  const char c = static_cast<char>(byte);
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~+/=").find(c) != std::string_view::npos;
}

}  // namespace

Result<hal::SecretBytes> read_access_token(const hal::PinSource& source) {
  constexpr std::size_t kLineEnd = 2;
  hal::SecretBytes token = HOLDFAST_TRY(hal::SecretBytes::allocate(kMaxAccessTokenSize + kLineEnd));
  const std::span<std::byte> bytes = token.storage({}).first(kMaxAccessTokenSize + kLineEnd);
  std::size_t size = HOLDFAST_TRY(hal::read_secret(source, "Access token", kAccessToken, bytes));
  const auto unusable = [&](Status status, std::string_view why) {
    return hal::unusable_secret(status, source, kAccessToken, why);
  };
  if (size > 0 && bytes[size - 1] == std::byte{'\n'}) --size;
  if (size > 0 && bytes[size - 1] == std::byte{'\r'}) --size;
  if (size == 0) return unusable(kAccessToken.missing, "is empty").with_hint(kAccessToken.hint);
  if (size > kMaxAccessTokenSize) return unusable(Status::file_invalid, "is longer than 8192 bytes");
  if (!std::ranges::all_of(bytes.first(size), is_token_character)) {
    return unusable(Status::file_invalid, "holds characters that no bearer token has")
        .with_hint("the source must hold the token alone, on one line");
  }
  token.set_size(size);
  return token;
}

}  // namespace holdfast::tool
