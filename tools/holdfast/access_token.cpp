// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/access_token.hpp"

#include "hal/terminal_prompt.hpp"
#include "hal/trusted_file.hpp"

#include <stdlib.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

namespace holdfast::tool {
namespace {

constexpr const char* kReading = "reading the access token";

// Exit code 3, as for a PIN, without speaking of one.
constexpr hal::SecretWording kAccessToken{
    kReading, "the access token", Status::permission_denied,
    "name its source: --access-token-source file:/PATH, fd:N, credential:NAME, env:NAME or prompt"};

Error nothing_to_read(std::string_view why) {
  return failure(kAccessToken.missing, Layer::system, kReading).about(why).with_hint(kAccessToken.hint);
}

Error unusable(std::string_view why) { return failure(Status::file_invalid, Layer::system, kReading).about(why); }

Result<std::size_t> read_file(const std::string& path, std::span<std::byte> out) {
  const hal::FileDescriptor file = HOLDFAST_TRY(hal::open_trusted(path, hal::FilePrivacy::owner_only));
  return hal::read_all(file.get(), out);
}

Result<std::size_t> read_raw(const hal::PinSource& source, std::span<std::byte> out) {
  const std::string name(source.name.view());
  switch (source.kind) {
    case hal::PinSource::Kind::none:
      break;
    case hal::PinSource::Kind::descriptor:
      return hal::read_all(source.descriptor, out);
    case hal::PinSource::Kind::file:
      return read_file(name, out);
    case hal::PinSource::Kind::credential: {
      const char* folder = ::secure_getenv("CREDENTIALS_DIRECTORY");
      if (folder == nullptr || *folder == '\0') return nothing_to_read("CREDENTIALS_DIRECTORY is not set");
      return read_file(std::string(folder) + "/" + name, out);
    }
    case hal::PinSource::Kind::environment: {
      const char* value = ::secure_getenv(name.c_str());
      if (value == nullptr) return nothing_to_read("the environment variable is not set");
      const std::size_t size = std::strlen(value);
      if (size > out.size()) return unusable("it is longer than 8192 bytes");
      std::memcpy(out.data(), value, size);
      return size;
    }
    case hal::PinSource::Kind::prompt:
      return hal::ask_on_terminal("Access token", kAccessToken, out);
  }
  return nothing_to_read("no source is named");
}

bool is_token_character(std::byte byte) {
  const char c = static_cast<char>(byte);
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~+/=").find(c) != std::string_view::npos;
}

}  // namespace

Result<hal::SecretBytes> read_access_token(const hal::PinSource& source) {
  constexpr std::size_t kLineEnd = 2;
  hal::SecretBytes token = HOLDFAST_TRY(hal::SecretBytes::allocate(kMaxAccessTokenSize + kLineEnd));
  std::size_t size = HOLDFAST_TRY(read_raw(source, token.storage({}).first(kMaxAccessTokenSize + kLineEnd)));
  const std::span<std::byte> bytes = token.storage({});
  if (size > 0 && bytes[size - 1] == std::byte{'\n'}) --size;
  if (size > 0 && bytes[size - 1] == std::byte{'\r'}) --size;
  if (size == 0) return unusable("the access token is empty");
  if (size > kMaxAccessTokenSize) return unusable("it is longer than 8192 bytes");
  if (!std::ranges::all_of(bytes.first(size), is_token_character)) {
    return unusable("the access token holds characters that no bearer token has")
        .with_hint("the source must hold the token alone, on one line");
  }
  token.set_size(size);
  return token;
}

}  // namespace holdfast::tool
