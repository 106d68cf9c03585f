// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace holdfast::tool {

/// The decoded value of the path attribute `name` (`object`, `id`, `token`) of a `pkcs11:` URI (RFC 7512 §2.3), if
/// it is there. `invalid_uri` for a percent sign without two hexadecimal digits. The back end judges the rest.
[[nodiscard]] Result<std::optional<std::string>> path_attribute(std::string_view uri, std::string_view name);

/// The decoded value of the query attribute `name` (`module-path`, `pin-source`), if it is there and well-formed.
[[nodiscard]] std::optional<std::string> query_attribute(std::string_view uri, std::string_view name);

/// `uri` with the query attribute `name` set to `value`, percent-encoded; an earlier one is replaced.
[[nodiscard]] std::string with_query_attribute(std::string_view uri, std::string_view name, std::string_view value);

/// `uri` with the path attribute `name` added, percent-encoded.
[[nodiscard]] std::string with_path_attribute(std::string_view uri, std::string_view name, std::string_view value);

}  // namespace holdfast::tool
