// SPDX-License-Identifier: Apache-2.0
#include "hal/pin_source.hpp"

#include "hal/terminal_prompt.hpp"
#include "hal/trusted_file.hpp"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace holdfast::hal {
namespace {

constexpr const char* kReading = "reading a PIN";
constexpr SecretWording kPin{kReading, "the PIN", Status::pin_required, nullptr};

Error not_a_source(std::string_view why) noexcept {
  return failure(Status::invalid_argument, Layer::core, "reading the name of a PIN source")
      .about(why)
      .with_hint("write fd:N, file:/PATH, credential:NAME, env:NAME or prompt; never the PIN itself");
}

bool is_plain_name(std::string_view name) noexcept {
  return !name.empty() && name != "." && name != ".." &&
         std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7f && c != '/' && c != '='; });
}

// Room for the longest PIN and a line end, so that one byte more can be told from just enough.
Result<SecretBytes> pin_page() noexcept { return SecretBytes::allocate(kMaxPinSize + 2); }

Result<SecretBytes> read_descriptor(int fd) noexcept {
  SecretBytes pin = HOLDFAST_TRY(pin_page());
  const std::size_t size = HOLDFAST_TRY(read_all(fd, pin.storage({})));
  pin.set_size(size);
  return pin;
}

Result<SecretBytes> read_file(std::string_view path) noexcept {
  const FileDescriptor file = HOLDFAST_TRY(open_trusted(path, FilePrivacy::owner_only));
  return read_descriptor(file.get());
}

Result<SecretBytes> read_credential(std::string_view name) noexcept {
  const char* folder = secure_getenv("CREDENTIALS_DIRECTORY");
  if (folder == nullptr || folder[0] == '\0') {
    return failure(Status::pin_required, Layer::system, kReading)
        .about("CREDENTIALS_DIRECTORY is not set")
        .with_hint("run as a systemd service with LoadCredential=, or use another PIN source");
  }
  FixedText<2048> path{std::string_view(folder)};
  path.append("/");
  path.append(name);
  return read_file(path.view());
}

Result<SecretBytes> read_environment(const FixedText<1024>& name) noexcept {
  char zero_terminated[1025]{};
  name.view().copy(zero_terminated, name.size());
  const char* value = secure_getenv(zero_terminated);
  if (value == nullptr) {
    return failure(Status::pin_required, Layer::system, kReading).about("the environment variable is not set");
  }
  const std::size_t size = std::strlen(value);
  SecretBytes pin = HOLDFAST_TRY(pin_page());
  if (size > pin.capacity()) {
    return failure(Status::file_invalid, Layer::system, kReading).about("the PIN is too long");
  }
  std::memcpy(pin.storage({}).data(), value, size);
  pin.set_size(size);
  return pin;
}

Result<SecretBytes> ask(std::string_view what) noexcept {
  SecretBytes pin = HOLDFAST_TRY(pin_page());
  const std::size_t size = HOLDFAST_TRY(ask_on_terminal(what, kPin, pin.storage({})));
  pin.set_size(size);
  return pin;
}

Result<SecretBytes> read_raw(const PinSource& source, std::string_view what) noexcept {
  switch (source.kind) {
    case PinSource::Kind::none:
      break;
    case PinSource::Kind::descriptor:
      return read_descriptor(source.descriptor);
    case PinSource::Kind::file:
      return read_file(source.name.view());
    case PinSource::Kind::credential:
      return read_credential(source.name.view());
    case PinSource::Kind::environment:
      return read_environment(source.name);
    case PinSource::Kind::prompt:
      return ask(what);
  }
  return failure(Status::pin_required, Layer::core, kReading);
}

}  // namespace

Result<PinSource> PinSource::parse(std::string_view text) noexcept {
  PinSource source;
  if (text.empty()) return source;
  if (text == "prompt") {
    source.kind = Kind::prompt;
    return source;
  }
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return not_a_source("it names no kind of source");
  const std::string_view kind = text.substr(0, colon);
  const std::string_view name = text.substr(colon + 1);
  if (name.size() > source.name.capacity() || name.find('\0') != std::string_view::npos) {
    return not_a_source("the name is too long or holds a NUL byte");
  }
  source.name.append(name);
  if (kind == "fd") {
    source.kind = Kind::descriptor;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), source.descriptor);
    if (parsed.ec != std::errc{} || parsed.ptr != name.data() + name.size() || source.descriptor < 0 ||
        source.descriptor == STDOUT_FILENO || source.descriptor == STDERR_FILENO) {
      return not_a_source("fd: takes the number of an open descriptor");
    }
    return source;
  }
  if (kind == "file") {
    source.kind = Kind::file;
    if (name.empty() || name.front() != '/') return not_a_source("file: takes an absolute path");
    return source;
  }
  if (kind == "credential" || kind == "env") {
    source.kind = kind == "env" ? Kind::environment : Kind::credential;
    if (!is_plain_name(name)) return not_a_source("credential: and env: take a name without / and =");
    return source;
  }
  return not_a_source("it is of an unknown kind");
}

Result<SecretBytes> read_pin(const PinSource& source, std::string_view what) noexcept {
  SecretBytes pin = HOLDFAST_TRY(read_raw(source, what));
  const std::span<const std::byte> bytes = pin.reveal({});
  std::size_t size = bytes.size();
  if (size > 0 && bytes[size - 1] == std::byte{'\n'}) --size;
  if (size > 0 && size < bytes.size() && bytes[size - 1] == std::byte{'\r'}) --size;
  if (size == 0) return failure(Status::file_invalid, Layer::system, kReading).about("the PIN is empty");
  if (size > kMaxPinSize) return failure(Status::file_invalid, Layer::system, kReading).about("the PIN is too long");
  if (std::ranges::find(bytes.first(size), std::byte{0}) != bytes.first(size).end()) {
    return failure(Status::file_invalid, Layer::system, kReading).about("the PIN holds a NUL byte");
  }
  pin.set_size(size);
  return pin;
}

}  // namespace holdfast::hal
