// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace holdfast::tool {

/// Whether `uri` is of a TPM's key or of a TPM. The name of a scheme has no case (RFC 3986 §3.1).
[[nodiscard]] bool is_tpm_uri(std::string_view uri);

/// The decoded value of the path attribute `name` (`object`, `id`, `token`) of a `pkcs11:` URI (RFC 7512 §2.3), if
/// it is there. `invalid_uri` for a percent sign without two hexadecimal digits. The back end judges the rest.
[[nodiscard]] Result<std::optional<std::string>> path_attribute(std::string_view uri, std::string_view name);

/// The decoded value of the query attribute `name` (`module-path`, `pin-source`), if it is there and well-formed.
[[nodiscard]] std::optional<std::string> query_attribute(std::string_view uri, std::string_view name);

/// `uri` with the query attribute `name` set to `value`, percent-encoded; an earlier one is replaced.
[[nodiscard]] std::string with_query_attribute(std::string_view uri, std::string_view name, std::string_view value);

/// `uri` with the path attribute `name` added, percent-encoded.
[[nodiscard]] std::string with_path_attribute(std::string_view uri, std::string_view name, std::string_view value);

/// `uri` without the path attributes `names`.
[[nodiscard]] std::string without_path_attributes(std::string_view uri, std::span<const std::string_view> names);

/// The URI of the twin that is made beside a key: `uri`, which is the key's, with the twin's `label` as its object
/// and without an id, as a twin has its own.
[[nodiscard]] std::string twin_uri_beside(std::string_view uri, std::string_view label);

/// What a PKCS#11 token calls a key; both are empty for a TPM's, which is called by its file or handle.
struct KeyName {
  std::string label;
  std::string id;
};

/// What `uri` calls a key that is to be made. `invalid_uri`, with the hint how to say it, if it is not one that its
/// back end reads, or names no key.
[[nodiscard]] Result<KeyName> name_of_new_key(std::string_view uri);

/// What a person calls the key of `uri`: a PKCS#11 key by its label, a TPM's by its file or handle. Empty if it names
/// none of these.
[[nodiscard]] Result<std::string> name_for_people(std::string_view uri);

/// `invalid_uri` if `uri` is not one that its back end reads, or names no key: a URI that names none finds the only
/// key of a token, which will do to look at it, and not to remove it.
[[nodiscard]] Result<void> refuse_nameless_key(std::string_view uri);

/// `invalid_uri` for an attribute that no URI of this scheme has, if it is near one that it has: the detail says
/// which was probably meant. All else is left to the back end.
[[nodiscard]] Result<void> refuse_mistyped_attribute(std::string_view uri);

}  // namespace holdfast::tool
