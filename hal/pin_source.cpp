// SPDX-License-Identifier: Apache-2.0
#include "hal/pin_source.hpp"

#include "hal/terminal_prompt.hpp"
#include "hal/trusted_file.hpp"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace holdfast::hal {
namespace {

constexpr SecretWording kPin{"reading a PIN", "the PIN", Status::pin_required, nullptr};

Error not_a_source(std::string_view why) noexcept {
  return failure(Status::invalid_argument, Layer::core, "reading the name of a secret's source")
      .about(why)
      .with_hint("write fd:N, file:/PATH, credential:NAME, env:NAME or prompt; never the secret itself");
}

bool is_plain_name(std::string_view name) noexcept {
  return !name.empty() && name != "." && name != ".." &&
         std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7f && c != '/' && c != '='; });
}

// The reason below, told as the absence of the secret: what a person has to do is to supply it.
Error missing(const PinSource& source, const SecretWording& wording, std::string_view why,
              const Error& below = {}) noexcept {
  Error error = unusable_secret(wording.missing, source, wording, why);
  error.native = below.native;
  error.native_name = below.native_name;
  error.hint = "put it where the message says, or name another source";
  return error;
}

Result<std::size_t> read_descriptor(int fd, const PinSource& source, const SecretWording& wording,
                                    std::span<std::byte> out) noexcept {
  Result<std::size_t> size = read_all(fd, out);
  if (size && *size > 0) return size;
  if (size) return missing(source, wording, "is empty");
  if (size.error().native != 0) return missing(source, wording, "cannot be read", size.error());
  return unusable_secret(size.status(), source, wording, "holds more than a secret can be long");
}

// Before the content is read: what is written meanwhile is another state of the source.
void identify(int fd, SourceIdentity::Kind kind, SourceIdentity* identity) noexcept {
  struct stat info {};
  if (identity == nullptr || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return;
  *identity = {.kind = kind,
               .device = info.st_dev,
               .inode = info.st_ino,
               .changed_seconds = info.st_ctim.tv_sec,
               .changed_nanoseconds = info.st_ctim.tv_nsec};
}

Result<std::size_t> read_file(std::string_view path, const PinSource& source, const SecretWording& wording,
                              std::span<std::byte> out, SourceIdentity* identity) noexcept {
  const bool is_credential = source.kind == PinSource::Kind::credential;
  const Result<FileDescriptor> file =
      open_trusted(path, is_credential ? FilePrivacy::credential : FilePrivacy::owner_only);
  if (file) {
    identify(file->get(), is_credential ? SourceIdentity::Kind::credential : SourceIdentity::Kind::file, identity);
    return read_descriptor(file->get(), source, wording, out);
  }
  // What others may read or we may not is told as such.
  if (file.status() != Status::file_invalid) return file.error();
  Error error = missing(source, wording, "", file.error());
  error.detail = file.error().detail;
  return error;
}

Result<std::size_t> read_credential(const PinSource& source, const SecretWording& wording, std::span<std::byte> out,
                                    SourceIdentity* identity) noexcept {
  const char* folder = secure_getenv("CREDENTIALS_DIRECTORY");
  if (folder == nullptr || folder[0] == '\0') {
    return failure(wording.missing, Layer::system, wording.doing)
        .about("CREDENTIALS_DIRECTORY is not set")
        .with_hint("run as a systemd service with LoadCredential=, or name another source");
  }
  FixedText<2048> path{std::string_view(folder)};
  path.append("/");
  path.append(source.name.view());
  return read_file(path.view(), source, wording, out, identity);
}

Result<std::size_t> read_environment(const PinSource& source, const SecretWording& wording,
                                     std::span<std::byte> out) noexcept {
  char zero_terminated[1025]{};
  source.name.view().copy(zero_terminated, source.name.size());
  const char* value = secure_getenv(zero_terminated);
  if (value == nullptr) return missing(source, wording, "is not set");
  const std::size_t size = std::strlen(value);
  if (size == 0) return missing(source, wording, "is empty");
  if (size > out.size()) {
    return unusable_secret(Status::file_invalid, source, wording, "holds more than a secret can be long");
  }
  std::memcpy(out.data(), value, size);
  return size;
}

// Of what a PIN is these three alone decide anything, and only what its form tells (tests/secrets/ours.supp).
std::size_t size_without_line_end(std::span<const std::byte> text) noexcept {
  std::size_t size = text.size();
  const bool has_line_feed = size > 0 && text[size - 1] == std::byte{'\n'};
  if (has_line_feed) --size;
  if (has_line_feed && size > 0 && text[size - 1] == std::byte{'\r'}) --size;
  return size;
}

// Every byte is looked at, whatever the ones before it are.
Result<void> refuse_nul(std::span<const std::byte> pin, const PinSource& source) noexcept {
  unsigned found = 0;
  for (const std::byte byte : pin) found |= static_cast<unsigned>(byte == std::byte{0});
  if (found == 0) return {};
  return unusable_secret(Status::file_invalid, source, kPin, "holds a NUL byte");
}

// Likewise.
Result<void> refuse_difference(std::span<const std::byte> pin, std::span<const std::byte> again) noexcept {
  std::byte difference{};
  for (std::size_t i = 0; i < std::min(pin.size(), again.size()); ++i) difference |= pin[i] ^ again[i];
  if (pin.size() == again.size() && difference == std::byte{0}) return {};
  return failure(Status::invalid_argument, Layer::system, kPin.doing)
      .about("the two PINs typed differ")
      .with_hint("type the new PIN twice, the same both times");
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

// A path or name is shown; a PIN typed in their place by mistake never gets here.
FixedText<160> PinSource::in_words() const noexcept {
  FixedText<160> text;
  switch (origin != Kind::none ? origin : kind) {
    case Kind::descriptor:
      text.append("descriptor ");
      break;
    case Kind::credential:
      text.append("the credential ");
      break;
    case Kind::environment:
      text.append("the environment variable ");
      break;
    case Kind::prompt:
      text.append("what was typed");
      return text;
    case Kind::none:
    case Kind::file:
      break;
  }
  text.append(name.view());
  return text;
}

Error unusable_secret(Status status, const PinSource& source, const SecretWording& wording,
                      std::string_view why) noexcept {
  Error error = failure(status, Layer::system, wording.doing);
  error.detail.append(source.in_words().view());
  error.detail.append(" ");
  error.detail.append(why);
  return error;
}

Result<std::size_t> read_secret(const PinSource& source, std::string_view question, const SecretWording& wording,
                                std::span<std::byte> out, SourceIdentity* identity) noexcept {
  if (identity != nullptr) *identity = {};
  switch (source.kind) {
    case PinSource::Kind::none:
      break;
    case PinSource::Kind::descriptor:
      // A shell's `3</path/to/pin` is that file.
      identify(source.descriptor, SourceIdentity::Kind::file, identity);
      if (identity != nullptr && source.origin == PinSource::Kind::prompt) {
        identity->kind = SourceIdentity::Kind::asked;
      }
      return read_descriptor(source.descriptor, source, wording, out);
    case PinSource::Kind::file:
      return read_file(source.name.view(), source, wording, out, identity);
    case PinSource::Kind::credential:
      return read_credential(source, wording, out, identity);
    case PinSource::Kind::environment:
      return read_environment(source, wording, out);
    case PinSource::Kind::prompt:
      if (identity != nullptr) identity->kind = SourceIdentity::Kind::asked;
      return ask_on_terminal(question, wording, out);
  }
  return failure(wording.missing, Layer::core, wording.doing).with_hint(wording.hint);
}

Result<SecretBytes> read_pin(const PinSource& source, std::string_view what, SourceIdentity* identity) noexcept {
  // Room for the longest PIN and a line end.
  SecretBytes pin = HOLDFAST_TRY(SecretBytes::allocate(kMaxPinSize + 2));
  const std::span<std::byte> bytes = pin.storage({});
  const std::size_t read = HOLDFAST_TRY(read_secret(source, what, kPin, bytes, identity));
  const std::size_t size = size_without_line_end(bytes.first(read));
  if (size == 0) return missing(source, kPin, "is empty");
  if (size > kMaxPinSize) return unusable_secret(Status::file_invalid, source, kPin, "holds too long a PIN");
  HOLDFAST_TRY(refuse_nul(bytes.first(size), source));
  pin.set_size(size);
  return pin;
}

Result<SecretBytes> read_new_pin(const PinSource& source, std::string_view what) noexcept {
  SecretBytes pin = HOLDFAST_TRY(read_pin(source, what));
  if (source.kind != PinSource::Kind::prompt) return pin;
  FixedText<256> again{what};
  again.append(", once more");
  const SecretBytes second = HOLDFAST_TRY(read_pin(source, again.view()));
  HOLDFAST_TRY(refuse_difference(pin.reveal({}), second.reveal({})));
  return pin;
}

}  // namespace holdfast::hal
