// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/public_key.hpp"
#include "holdfast/result.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace holdfast {

/// The longest runtime or task id, in characters (bytes).
inline constexpr std::size_t kMaxIdentifierSize = 128;
/// `2026-04-20T00:00:00Z`: RFC 3339, UTC, whole seconds.
inline constexpr std::size_t kTimestampSize = 20;
/// 64 bytes in standard padded base64 (RFC 4648 §4).
inline constexpr std::size_t kSignatureTextSize = 88;
/// The largest `Authorization` value, in bytes: both ids at their limit.
inline constexpr std::size_t kMaxAuthorizationSize = 589;

/// An id that is safe to sign and to put into a URL path: 1 to 128 ASCII letters, digits and `-._~`, and
/// neither one dot alone nor two.
///
/// The signed bytes join ids with `:` without escaping, so any other character would let two different
/// pairs sign the same bytes; and curl folds `..` in a path. The tag keeps the two kinds apart.
template <typename Tag>
class Identifier {
 public:
  /// `invalid_identifier`, naming the rule broken, if `text` is not such an id.
  [[nodiscard]] static Result<Identifier> parse(std::string_view text) noexcept;

  [[nodiscard]] std::string_view view() const noexcept { return text_.view(); }
  friend bool operator==(const Identifier& a, const Identifier& b) noexcept { return a.text_ == b.text_; }

 private:
  Identifier() noexcept = default;
  FixedText<kMaxIdentifierSize> text_;
};

struct RuntimeIdTag;
struct TaskIdTag;
/// The server-assigned id of an agent (`agent_runtime_id`).
using RuntimeId = Identifier<RuntimeIdTag>;
/// The id of a registered task (`task_id`).
using TaskId = Identifier<TaskIdTag>;

extern template class Identifier<RuntimeIdTag>;
extern template class Identifier<TaskIdTag>;

/// Seconds since 1970-01-01T00:00:00Z without leap seconds (POSIX time).
struct WallSeconds {
  std::int64_t value = 0;
  friend auto operator<=>(const WallSeconds&, const WallSeconds&) = default;
};

using TimestampText = FixedText<kTimestampSize>;

/// The first and last second a timestamp can name: 0000-01-01 and 9999-12-31 (four-digit years).
[[nodiscard]] Result<TimestampText> format_timestamp(WallSeconds time) noexcept;
/// Reads exactly `YYYY-MM-DDTHH:MM:SSZ` with a date that exists; `invalid_argument` otherwise.
[[nodiscard]] Result<WallSeconds> parse_timestamp(std::string_view text) noexcept;

}  // namespace holdfast
