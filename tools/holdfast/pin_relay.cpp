// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/pin_relay.hpp"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

namespace holdfast::tool {

Result<PinRelay> PinRelay::create(std::string_view text) {
  PinRelay relay;
  relay.source_ = HOLDFAST_TRY(hal::PinSource::parse(text));
  relay.text_ = text;
  return relay;
}

bool PinRelay::is_lasting() const {
  using Kind = hal::PinSource::Kind;
  return source_.kind == Kind::file || source_.kind == Kind::credential;
}

Result<RelayedPin> PinRelay::next(std::string_view what) {
  using Kind = hal::PinSource::Kind;
  if (source_.kind != Kind::descriptor && source_.kind != Kind::prompt) return RelayedPin{text_, source_};
  if (pin_.empty()) pin_ = HOLDFAST_TRY(hal::read_pin(source_, what));

  const auto failed = [](int code) {
    Error error = failure(Status::resource_exhausted, Layer::system, "handing on the PIN");
    error.native = static_cast<std::uint64_t>(code);
    return error;
  };
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return failed(errno);
  hal::FileDescriptor reader(ends[0]);
  const hal::FileDescriptor writer(ends[1]);
  const std::span<const std::byte> bytes = pin_.reveal({});
  // A PIN is far shorter than PIPE_BUF, so the write is whole and does not wait (pipe(7)).
  if (::write(writer.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) return failed(errno);
  RelayedPin handed{"fd:" + std::to_string(reader.get()), source_};
  handed.source.kind = Kind::descriptor;
  handed.source.descriptor = reader.get();
  handed.source.origin = source_.kind;
  pipes_.push_back(std::move(reader));
  return handed;
}

}  // namespace holdfast::tool
