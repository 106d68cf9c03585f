// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/key_search.hpp"

#include "hal/display.hpp"
#include "hal/pkcs11/errors.hpp"

namespace holdfast::hal::pkcs11 {
namespace {

constexpr const char* kSearching = "looking for the key";

void append_match(FixedText<190>& detail, const KeyFacts& facts) noexcept {
  if (!detail.empty()) detail.append(", ");
  append_printable(detail, facts.label.view());
  detail.append(" (id ");
  append_hex(detail, facts.id.view());
  detail.append(")");
}

Error ambiguous(const Session& session, const Matches& matches) noexcept {
  Error error = failure(Status::ambiguous_match, Layer::pkcs11, kSearching);
  // As many as leave room to say that there are more.
  constexpr std::size_t kEnough = 90;
  bool is_more = matches.is_more;
  for (const CK_OBJECT_HANDLE object : matches.view()) {
    is_more = is_more || error.detail.size() > kEnough;
    if (error.detail.size() > kEnough) break;
    if (const auto facts = read_public_key(session, object)) append_match(error.detail, *facts);
  }
  if (is_more) error.detail.append(" and more");
  return error;
}

Error not_found(const KeyUri& uri) noexcept {
  Error error = failure(Status::key_not_found, Layer::pkcs11, kSearching);
  if (!uri.object.empty()) {
    error.detail.append("object ");
    append_printable(error.detail, uri.object.view());
  }
  return error;
}

}  // namespace

Result<std::size_t> count_objects(const Session& session, const ObjectFilter& filter, std::size_t limit,
                                  std::span<CK_OBJECT_HANDLE> out) noexcept {
  CK_OBJECT_CLASS object_class = filter.object_class;
  CK_KEY_TYPE key_type = filter.key_type.value_or(0);
  CK_ATTRIBUTE wanted[4] = {{CKA_CLASS, &object_class, sizeof object_class}};
  CK_ULONG count = 1;
  if (filter.key_type) wanted[count++] = {CKA_KEY_TYPE, &key_type, sizeof key_type};
  if (!filter.label.empty()) wanted[count++] = {CKA_LABEL, native(as_octets(filter.label)), filter.label.size()};
  if (!filter.id.empty()) wanted[count++] = {CKA_ID, native(filter.id), filter.id.size()};

  CK_RV code = session.calls->C_FindObjectsInit(session.handle, wanted, count);
  if (code != CKR_OK) return native_failure(code, kSearching);
  std::size_t total = 0;
  bool is_overrun = false;
  // Asked until it says none: a module may hand out fewer than it was asked for and have more (§5.7.8).
  while (total < limit) {
    std::array<CK_OBJECT_HANDLE, 32> batch{};
    const CK_ULONG room = std::min(batch.size(), limit - total);
    CK_ULONG got = 0;
    code = session.calls->C_FindObjects(session.handle, batch.data(), room, &got);
    is_overrun = code == CKR_OK && got > room;
    if (code != CKR_OK || got == 0 || is_overrun) break;
    for (std::size_t i = 0; i < got; ++i, ++total) {
      if (total < out.size()) out[total] = batch[i];
    }
  }
  const CK_RV end = session.calls->C_FindObjectsFinal(session.handle);
  // Once more, so that the search is not in the way of those that follow, such as those for what is to be removed.
  if (end != CKR_OK) session.calls->C_FindObjectsFinal(session.handle);
  if (code != CKR_OK) return native_failure(code, kSearching);
  if (end != CKR_OK) return native_failure(end, kSearching);
  if (is_overrun) {
    return failure(Status::device_fault, Layer::pkcs11, kSearching)
        .about("the module hands out more than it was asked");
  }
  return total;
}

Result<Matches> find_objects(const Session& session, const ObjectFilter& filter) noexcept {
  Matches matches;
  const std::size_t total = HOLDFAST_TRY(count_objects(session, filter, Matches::kCapacity + 1, matches.objects));
  matches.count = std::min(total, matches.objects.size());
  matches.is_more = total > matches.count;
  return matches;
}

Result<Matches> find_public_halves(const Session& session, const KeyFacts& facts) noexcept {
  ObjectFilter filter;
  filter.object_class = CKO_PUBLIC_KEY;
  filter.key_type = facts.key_type;
  filter.id = facts.id.view();
  if (facts.id.empty()) filter.label = facts.label.view();
  if (filter.id.empty() && filter.label.empty()) return Matches{};
  return find_objects(session, filter);
}

namespace {

Result<std::optional<PublicKey>> find_public_key(const Session& session, CK_OBJECT_HANDLE object,
                                                 const KeyFacts& facts,
                                                 const std::optional<PublicKey>& expected) noexcept {
  std::optional<PublicKey> found;
  Error unread;
  const Matches halves = HOLDFAST_TRY(find_public_halves(session, facts));
  for (const CK_OBJECT_HANDLE half : halves.view()) {
    const auto point = read_point(session, half, *facts.scheme);
    // On another curve it is another key's, whose id is the same.
    if (!point && is_of_token(point.error())) return point.error();
    if (!point) unread = point.error();
    if (!point || !*point) continue;
    if (expected && **point == *expected) return *point;
    if (!expected && found && *found != **point) return ambiguous(session, halves);
    if (!found) found = *point;
  }
  // Some tokens put the point on the private object, where the standard has none.
  if (!found) found = HOLDFAST_TRY(read_point(session, object, *facts.scheme));
  if (!found && !expected && unread.status != Status::ok) return unread;
  return found;
}

}  // namespace

Result<FoundKey> read_key(const Session& session, CK_OBJECT_HANDLE object,
                          const std::optional<PublicKey>& expected) noexcept {
  FoundKey key;
  key.object = object;
  key.facts = HOLDFAST_TRY(read_private_key(session, object));
  if (key.facts.scheme) key.public_key = HOLDFAST_TRY(find_public_key(session, object, key.facts, expected));
  return key;
}

Result<FoundKey> read_key_to_list(const Session& session, CK_OBJECT_HANDLE object) noexcept {
  FoundKey key;
  key.object = object;
  key.facts = HOLDFAST_TRY(read_private_key(session, object));
  if (!key.facts.scheme) return key;
  const auto half = find_public_key(session, object, key.facts, std::nullopt);
  if (!half && is_of_token(half.error())) return half.error();
  if (half) key.public_key = *half;
  return key;
}

Result<FoundKey> find_private_key(const Session& session, const KeyUri& uri,
                                  const std::optional<PublicKey>& expected) noexcept {
  const Matches matches =
      HOLDFAST_TRY(find_objects(session, {CKO_PRIVATE_KEY, {}, uri.object.view(), uri.id.view()}));
  if (matches.count == 0) return not_found(uri);
  if (matches.count > 1) return ambiguous(session, matches);
  return read_key(session, matches.objects[0], expected);
}

}  // namespace holdfast::hal::pkcs11
