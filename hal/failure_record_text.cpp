// SPDX-License-Identifier: Apache-2.0
#include "hal/failure_record_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace holdfast::hal {
namespace {

constexpr std::string_view kFirstLine = "holdfast failure record 1\n";
constexpr std::string_view kLastLine = "end\n";
constexpr std::string_view kStates[] = {"trying", "refused"};
constexpr std::string_view kRoles[] = {"user", "security-officer", "key"};
constexpr std::string_view kKinds[] = {"file", "credential", "asked", "passing"};
constexpr std::string_view kNoKey = "-";

class Writer {
 public:
  explicit Writer(std::span<char> out) noexcept : out_(out) {}
  Writer& text(std::string_view text) noexcept {
    is_whole_ = is_whole_ && text.size() <= out_.size() - size_;
    if (is_whole_) size_ += text.copy(out_.data() + size_, text.size());
    return *this;
  }
  template <typename Number>
  Writer& number(Number value, int base = 10) noexcept {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, value, base).ptr;
    return text({digits, static_cast<std::size_t>(end - digits)});
  }
  [[nodiscard]] std::size_t size() const noexcept { return is_whole_ ? size_ : 0; }

 private:
  std::span<char> out_;
  std::size_t size_ = 0;
  bool is_whole_ = true;
};

// Words of one line; each answers false for what `Writer` would not have written.
class Reader {
 public:
  explicit Reader(std::string_view line) noexcept : rest_(line) {}

  std::string_view word() noexcept {
    const std::size_t end = rest_.find(' ');
    const std::string_view found = rest_.substr(0, end);
    is_whole_ = is_whole_ && !found.empty();
    is_at_end_ = end == std::string_view::npos;
    rest_.remove_prefix(is_at_end_ ? rest_.size() : end + 1);
    return found;
  }
  template <typename Enumeration, std::size_t Count>
  void one_of(const std::string_view (&names)[Count], Enumeration& out) noexcept {
    const auto* found = std::ranges::find(names, word());
    is_whole_ = is_whole_ && found != std::end(names);
    if (is_whole_) out = static_cast<Enumeration>(found - names);
  }
  template <typename Number>
  void number(Number& out, int base = 10) noexcept {
    const std::string_view digits = word();
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), out, base);
    is_whole_ = is_whole_ && parsed.ec == std::errc{} && parsed.ptr == digits.data() + digits.size();
  }
  [[nodiscard]] bool is_exact() const noexcept { return is_whole_ && is_at_end_; }

 private:
  std::string_view rest_;
  bool is_whole_ = true;
  bool is_at_end_ = false;
};

bool read_failure(std::string_view line, PinFailure& out) noexcept {
  Reader in(line);
  in.one_of(kStates, out.state);
  in.one_of(kRoles, out.role);
  in.one_of(kKinds, out.source.kind);
  in.number(out.source.device);
  in.number(out.source.inode);
  in.number(out.source.changed_seconds);
  in.number(out.source.changed_nanoseconds);
  in.number(out.native, 16);
  in.number(out.boot_ns);
  in.number(out.times);
  const std::string_view key = in.word();
  if (!in.is_exact() || key.size() > out.key.capacity() || out.boot_ns < 0 || out.times == 0) return false;
  out.key = FixedText<64>(key == kNoKey ? std::string_view() : key);
  return true;
}

template <typename Enumeration>
std::size_t index(Enumeration value) noexcept {
  return static_cast<std::size_t>(value);
}

}  // namespace

std::size_t write_failures(std::span<const PinFailure> failures, std::span<char> out) noexcept {
  Writer to(out);
  to.text(kFirstLine);
  for (const PinFailure& failure : failures) {
    const SourceIdentity& source = failure.source;
    to.text(kStates[index(failure.state)]).text(" ").text(kRoles[index(failure.role)]).text(" ");
    to.text(kKinds[index(source.kind)]).text(" ").number(source.device).text(" ").number(source.inode).text(" ");
    to.number(source.changed_seconds).text(" ").number(source.changed_nanoseconds).text(" ");
    to.number(failure.native, 16).text(" ").number(failure.boot_ns).text(" ").number(failure.times).text(" ");
    to.text(failure.key.empty() ? kNoKey : failure.key.view()).text("\n");
  }
  return to.text(kLastLine).size();
}

std::optional<std::size_t> read_failures(std::string_view text, std::span<PinFailure> out) noexcept {
  const std::string_view whole = text;
  if (!text.starts_with(kFirstLine)) return std::nullopt;
  text.remove_prefix(kFirstLine.size());
  std::size_t count = 0;
  while (!text.starts_with(kLastLine)) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos || count == out.size()) return std::nullopt;
    PinFailure failure;
    if (!read_failure(text.substr(0, end), failure)) return std::nullopt;
    out[count++] = failure;
    text.remove_prefix(end + 1);
  }
  // One way to write a record: a leading zero or a second blank was put there by somebody else.
  std::array<char, kMaxFailureTextSize> again;  // NOLINT: written before it is read
  const std::size_t size = write_failures(out.first(count), again);
  if (size == 0 || !whole.starts_with(std::string_view(again.data(), size))) return std::nullopt;
  return count;
}

}  // namespace holdfast::hal
