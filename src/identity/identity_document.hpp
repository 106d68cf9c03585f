// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/identity.hpp"

#include "src/json/json.hpp"

#include <string>
#include <string_view>

namespace holdfast {

/// The largest identity file read or written, in bytes.
inline constexpr std::size_t kMaxIdentityFileSize = std::size_t{64} * 1024;

/// Reads the text of an identity file. `file_invalid`, whose detail names the member, for anything that is not a
/// version 1 document with every required member of the right kind and a value that holds. Unknown members are
/// ignored; a member this version knows is never taken in another kind.
[[nodiscard]] Result<Identity> read_identity_document(std::string_view text);

/// Parses the text only as far as a rewrite needs it: one JSON object of a version this build knows.
[[nodiscard]] Result<Json> open_identity_document(std::string_view text);

/// Puts `identity` into `document`, keeping every member this version does not know, at every level it writes.
/// `document` is null for a new file.
void write_identity_document(const Identity& identity, Json& document);

}  // namespace holdfast
