// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/pkcs11/attributes.hpp"

namespace holdfast::hal::pkcs11 {

/// Objects a search found; `is_more` if there were more than fit.
struct Matches {
  static constexpr std::size_t kCapacity = 8;
  std::array<CK_OBJECT_HANDLE, kCapacity> objects{};
  std::size_t count = 0;
  bool is_more = false;
  [[nodiscard]] std::span<const CK_OBJECT_HANDLE> view() const noexcept { return {objects.data(), count}; }
};

/// What objects are looked for. CKA_EC_PARAMS is never among it: the same curve has several forms, and a token finds
/// only the one it keeps.
struct ObjectFilter {
  CK_OBJECT_CLASS object_class = CKO_PRIVATE_KEY;
  std::optional<CK_KEY_TYPE> key_type;
  std::string_view label;
  std::span<const std::byte> id;
};

/// The first objects that match.
[[nodiscard]] Result<Matches> find_objects(const Session& session, const ObjectFilter& filter) noexcept;

/// Counts the objects that match, up to `limit`, and keeps the handles of the first ones in `out`.
[[nodiscard]] Result<std::size_t> count_objects(const Session& session, const ObjectFilter& filter, std::size_t limit,
                                                std::span<CK_OBJECT_HANDLE> out) noexcept;

/// A private key, everything it says, and its public half as far as the token shows one.
struct FoundKey {
  CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
  KeyFacts facts;
  std::optional<PublicKey> public_key;
};

/// Finds the one private key `uri` names, and its public half: of several public objects with the key's id, the one
/// that is `expected`. The number of calls does not depend on how many objects the token holds.
[[nodiscard]] Result<FoundKey> find_private_key(const Session& session, const KeyUri& uri,
                                                const std::optional<PublicKey>& expected) noexcept;

/// Reads the private key `object` and looks for its public half: of several, the one that is `expected`. Those on
/// another curve are passed over; where they are all there is, that is an error, unless `expected` says what the key
/// is.
[[nodiscard]] Result<FoundKey> read_key(const Session& session, CK_OBJECT_HANDLE object,
                                        const std::optional<PublicKey>& expected) noexcept;

/// The same for a list: a key whose public half cannot be told is one without it.
[[nodiscard]] Result<FoundKey> read_key_to_list(const Session& session, CK_OBJECT_HANDLE object) noexcept;

/// Whether a failure was the token's to say, and not found in what it showed.
[[nodiscard]] inline bool is_of_token(const Error& error) noexcept { return error.native != 0; }

/// The public objects that can be the public half of a key with `facts`: same kind, same id; without an id, same
/// label.
[[nodiscard]] Result<Matches> find_public_halves(const Session& session, const KeyFacts& facts) noexcept;

}  // namespace holdfast::hal::pkcs11
