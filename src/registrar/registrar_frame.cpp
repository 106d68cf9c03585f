// SPDX-License-Identifier: Apache-2.0
#include "src/registrar/registrar_frame.hpp"

#include "src/registrar/error_texts.hpp"

#include <algorithm>
#include <cstring>
#include <optional>

namespace holdfast {
namespace {

using Kind = RegistrarFrame::Kind;

// kind and exchange, then the longest list of members: an error with all of its detail.
constexpr std::size_t kErrorSize = 4 + 1 + 8 + 1 + 1 + 2 + decltype(Error::detail)::capacity();
static_assert(1 + 4 + kErrorSize <= kMaxRegistrarFrameSize);
static_assert(1 + 4 + 8 + 1 + 2 + kMaxIdentifierSize <= kMaxRegistrarFrameSize);
static_assert(1 + 4 + 2 + kMaxSealedTaskSize <= kMaxRegistrarFrameSize);

class Writer {
 public:
  explicit Writer(std::span<std::byte> out) noexcept : out_(out) {}
  template <typename Integer>
  Writer& number(Integer value) noexcept {
    std::memcpy(out_.data() + size_, &value, sizeof value);
    size_ += sizeof value;
    return *this;
  }
  Writer& text(std::string_view text) noexcept {
    number(static_cast<std::uint16_t>(text.size()));
    std::memcpy(out_.data() + size_, text.data(), text.size());
    size_ += text.size();
    return *this;
  }
  [[nodiscard]] std::span<const std::byte> written() const noexcept { return out_.first(size_); }

 private:
  std::span<std::byte> out_;
  std::size_t size_ = 0;
};

// After the first thing that is not there, everything is zero and `is_whole` false.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> packet) noexcept : rest_(packet) {}
  template <typename Integer>
  Integer number() noexcept {
    Integer value{};
    if (take(sizeof value)) std::memcpy(&value, taken_.data(), sizeof value);
    return value;
  }
  // Shown to people: whatever is not printable ASCII becomes a question mark.
  template <std::size_t Capacity>
  void text(FixedText<Capacity>& out) noexcept {
    const std::size_t size = number<std::uint16_t>();
    out.clear();
    if (size > Capacity || !take(size)) {
      is_broken_ = true;
      return;
    }
    for (const std::byte byte : taken_) {
      const auto code = std::to_integer<unsigned char>(byte);
      out.append(code >= 0x20 && code < 0x7f ? static_cast<char>(code) : '?');
    }
  }
  bool flag() noexcept {
    const auto value = number<std::uint8_t>();
    if (value > 1) is_broken_ = true;
    return value == 1;
  }
  [[nodiscard]] bool is_whole() const noexcept { return !is_broken_ && rest_.empty(); }

 private:
  bool take(std::size_t size) noexcept {
    if (is_broken_ || size > rest_.size()) {
      is_broken_ = true;
      return false;
    }
    taken_ = rest_.first(size);
    rest_ = rest_.subspan(size);
    return true;
  }

  std::span<const std::byte> rest_;
  std::span<const std::byte> taken_{};
  bool is_broken_ = false;
};

void write_error(Writer& writer, const Error& error) noexcept {
  writer.number(static_cast<holdfast_status>(error.status))
      .number(static_cast<std::uint8_t>(error.layer))
      .number(error.native)
      .number(number_of_text(error.doing))
      .number(number_of_text(error.hint))
      .text(error.detail.view());
}

// What a registrar can have to say. Anything else, such as a refused PIN, would make the host act on a lie.
bool is_registrars(Status status) noexcept {
  switch (status) {
    case Status::ok:
    case Status::invalid_argument:
    case Status::permission_denied:
    case Status::file_invalid:
    case Status::file_untrusted:
    case Status::sealed_answer:
    case Status::deadline_exceeded:
    case Status::authority_unavailable:
    case Status::resource_exhausted:
    case Status::authority_refused:
    case Status::authority_answer_invalid:
    case Status::authority_untrusted:
      return true;
    default:
      return false;
  }
}

std::optional<Error> read_error(Reader& reader) noexcept {
  Error error;
  error.status = static_cast<Status>(reader.number<holdfast_status>());
  const auto layer = reader.number<std::uint8_t>();
  error.native = reader.number<std::uint64_t>();
  const char* doing = text_of_number(reader.number<std::uint8_t>());
  error.hint = text_of_number(reader.number<std::uint8_t>());
  reader.text(error.detail);
  error.layer = static_cast<Layer>(layer);
  const bool is_known_layer =
      error.layer == Layer::http || error.layer == Layer::registrar || error.layer == Layer::system;
  if (error.status == Status::ok) return Error{};
  if (!is_registrars(error.status) || !is_known_layer) return std::nullopt;
  error.doing = doing != nullptr ? doing : "registering with the authority";
  error.native_name = native_name_of(error.layer, error.native);
  return error;
}

Error refusal(std::string_view why) noexcept {
  return failure(Status::invalid_argument, Layer::registrar, "reading a frame of the registrar's process").about(why);
}

}  // namespace

std::span<const std::byte> write_frame(const RegistrarFrame& frame, RegistrarFrameBytes& out) noexcept {
  Writer writer(out);
  writer.number(static_cast<std::uint8_t>(frame.kind)).number(frame.exchange);
  switch (frame.kind) {
    case Kind::task_wanted:
      writer.number(static_cast<std::int64_t>(frame.time_left.count()))
          .number(static_cast<std::uint8_t>(frame.opens_sealed ? 1 : 0))
          .text(frame.id.view());
      break;
    case Kind::signature:
      writer.text(frame.registration.timestamp.view()).text(frame.registration.signature.view());
      break;
    case Kind::task:
      writer.text(frame.id.view());
      break;
    case Kind::sealed_task:
      writer.text(frame.sealed.view());
      break;
    case Kind::ready:
    case Kind::failed:
      write_error(writer, frame.error);
      break;
    case Kind::signature_wanted:
    case Kind::signing_failed:
      break;
  }
  return writer.written();
}

Result<RegistrarFrame> read_frame(std::span<const std::byte> packet) noexcept {
  Reader reader(packet);
  RegistrarFrame frame;
  frame.kind = static_cast<Kind>(reader.number<std::uint8_t>());
  frame.exchange = reader.number<std::uint32_t>();
  switch (frame.kind) {
    case Kind::task_wanted:
      frame.time_left = std::chrono::milliseconds(reader.number<std::int64_t>());
      frame.opens_sealed = reader.flag();
      reader.text(frame.id);
      break;
    case Kind::signature:
      reader.text(frame.registration.timestamp);
      reader.text(frame.registration.signature);
      break;
    case Kind::task:
      reader.text(frame.id);
      break;
    case Kind::sealed_task:
      reader.text(frame.sealed);
      break;
    case Kind::ready:
    case Kind::failed: {
      const auto error = read_error(reader);
      if (!error) return refusal("its error is none that a registrar has");
      frame.error = *error;
      break;
    }
    case Kind::signature_wanted:
    case Kind::signing_failed:
      break;
    default:
      return refusal("its kind is unknown");
  }
  if (!reader.is_whole()) return refusal("its length does not fit its kind");
  return frame;
}

}  // namespace holdfast
