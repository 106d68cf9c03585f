// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace holdfast {

/// Foreign bytes as text that is safe to show: control characters (C0, DEL, C1) and those that turn the reading
/// direction are removed, line ends and tabs become one space, what is no UTF-8 becomes U+FFFD, and what stands in
/// `secret` too, all of it or any eight characters on end, becomes `[removed]`. Reads at most `kMaxPlainTextSource`
/// bytes.
[[nodiscard]] std::string plain_text(std::string_view bytes, std::string_view secret = {});

inline constexpr std::size_t kMaxPlainTextSource = std::size_t{64} * 1024;

}  // namespace holdfast
