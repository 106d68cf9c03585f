// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/key_template.hpp"

#include "hal/pkcs11/encodings.hpp"
#include "hal/pkcs11/errors.hpp"
#include "hal/pkcs11/key_search.hpp"

namespace holdfast::hal::pkcs11 {
namespace {

constexpr const char* kGenerating = "making a key";

// What may be left out, the least missed first.
constexpr KeyAttribute kDroppable[] = {
    KeyAttribute::copyable,   KeyAttribute::mechanisms_pinned, KeyAttribute::sign_recover,
    KeyAttribute::unwrap,     KeyAttribute::decrypt,           KeyAttribute::derive,
    KeyAttribute::modifiable,
};
constexpr std::size_t kDroppableCount = std::size(kDroppable);

void fill_public_half(Template& to, const KeySpec& spec, std::span<const std::byte> curve,
                      const KeyAttributeSet& dropped) noexcept {
  to.add(CKA_VERIFY, true);
  fill_public(to, spec, curve, dropped);
}

CK_RV try_once(const Session& session, const KeySpec& spec, std::span<const std::byte> curve,
               KeyPair& pair) noexcept {
  Template private_template(sign_mechanism(spec.scheme));
  Template public_template(sign_mechanism(spec.scheme));
  fill_private(private_template, spec, KeyUse::signing, pair.dropped);
  fill_public_half(public_template, spec, curve, pair.dropped);
  CK_MECHANISM mechanism{spec.scheme == Scheme::ed25519 ? CKM_EC_EDWARDS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN, nullptr,
                         0};
  return session.calls->C_GenerateKeyPair(session.handle, &mechanism, public_template.data(), public_template.size(),
                                          private_template.data(), private_template.size(), &pair.public_key,
                                          &pair.private_key);
}

}  // namespace

void fill_private(Template& to, const KeySpec& spec, KeyUse use, const KeyAttributeSet& dropped) noexcept {
  to.add(CKA_TOKEN, true);
  to.add(CKA_PRIVATE, true);
  to.add(CKA_SENSITIVE, true);
  to.add(CKA_EXTRACTABLE, false);
  to.add(CKA_SIGN, use == KeyUse::signing);
  if (use == KeyUse::deriving) to.add(CKA_DERIVE, true);
  to.add(CKA_LABEL, as_octets(spec.label));
  to.add(CKA_ID, spec.id);
  for (const KeyAttribute attribute : kDroppable) {
    if (dropped.contains(attribute)) continue;
    if (attribute == KeyAttribute::derive && use == KeyUse::deriving) continue;
    if (attribute == KeyAttribute::mechanisms_pinned) {
      to.add_mechanism();
    } else {
      to.add(native_type(attribute), false);
    }
  }
}

void fill_public(Template& to, const KeySpec& spec, std::span<const std::byte> curve,
                 const KeyAttributeSet& dropped) noexcept {
  to.add(CKA_TOKEN, true);
  to.add(CKA_LABEL, as_octets(spec.label));
  to.add(CKA_ID, spec.id);
  to.add(CKA_EC_PARAMS, curve);
  if (!dropped.contains(KeyAttribute::modifiable)) to.add(CKA_MODIFIABLE, false);
}

bool is_about_the_template(CK_RV code) noexcept {
  return code == CKR_ATTRIBUTE_TYPE_INVALID || code == CKR_ATTRIBUTE_VALUE_INVALID ||
         code == CKR_ATTRIBUTE_READ_ONLY || code == CKR_TEMPLATE_INCONSISTENT || code == CKR_TEMPLATE_INCOMPLETE ||
         code == CKR_ARGUMENTS_BAD || code == CKR_FUNCTION_FAILED;
}

bool is_about_the_curve(CK_RV code) noexcept {
  // SoftHSM 2.6 answers CKR_GENERAL_ERROR to a name it does not know, yubihsm_pkcs11 the others to an OID.
  return is_about_the_template(code) || code == CKR_DOMAIN_PARAMS_INVALID || code == CKR_CURVE_NOT_SUPPORTED ||
         code == CKR_MECHANISM_PARAM_INVALID || code == CKR_GENERAL_ERROR;
}

bool DropSets::next(KeyAttributeSet& set) noexcept {
  set = {};
  if (first_ < kDroppableCount) {
    set.insert(kDroppable[first_]);
    if (!is_single()) set.insert(kDroppable[second_ - 1]);
    advance();
    return true;
  }
  if (is_all_given_) return false;
  is_all_given_ = true;
  for (const KeyAttribute attribute : kDroppable) set.insert(attribute);
  return true;
}

// Each alone, then each two of them.
void DropSets::advance() noexcept {
  if (is_single()) {
    if (++first_ < kDroppableCount) return;
    first_ = 0;
    second_ = 2;
  } else if (++second_ > kDroppableCount) {
    ++first_;
    second_ = first_ + 2;
    if (second_ > kDroppableCount) first_ = kDroppableCount;
  }
}

namespace {

Result<KeyPair> try_templates(const Session& session, const KeySpec& spec, bool& is_first_try) noexcept {
  KeyPair pair;
  DropSets sets;
  do {
    CK_RV code = try_once(session, spec, curve_oid(spec.scheme), pair);
    if (code == CKR_OK) return pair;
    is_first_try = false;
    if (is_about_the_curve(code)) {
      const CK_RV by_name = try_once(session, spec, curve_name(spec.scheme), pair);
      // NSS softokn 3.87 answers CKR_GENERAL_ERROR to an attribute that it does not know, and says what is wrong with
      // a curve: so it was the template.
      const bool was_template = code == CKR_GENERAL_ERROR && by_name == CKR_DOMAIN_PARAMS_INVALID;
      if (was_template) code = CKR_ATTRIBUTE_TYPE_INVALID;
      if (by_name == CKR_OK || !is_about_the_template(code)) code = by_name;
    }
    if (code == CKR_OK) return pair;
    if (!is_about_the_template(code)) return native_failure(code, kGenerating);
    if (!sets.next(pair.dropped)) return native_failure(code, Status::device_fault, kGenerating);
  } while (true);
}

// True if none but `kept` is left under `id`.
bool remove_objects(const Session& session, CK_OBJECT_CLASS object_class, std::span<const std::byte> id,
                    CK_OBJECT_HANDLE kept) noexcept {
  const auto found = find_objects(session, {object_class, {}, {}, id});
  if (!found) return false;
  const bool is_kept = kept != CK_INVALID_HANDLE;
  // A token that gives one object several handles could not be told which of them to spare.
  if (is_kept && std::ranges::find(found->view(), kept) == found->view().end()) return found->count <= 1;
  for (const CK_OBJECT_HANDLE object : found->view()) {
    if (!is_kept || object != kept) session.calls->C_DestroyObject(session.handle, object);
  }
  const auto left = find_objects(session, {object_class, {}, {}, id});
  return left && left->count <= (is_kept ? 1U : 0U);
}

}  // namespace

Result<KeyPair> generate_pair(const Session& session, const KeySpec& spec) noexcept {
  bool is_first_try = true;
  Result<KeyPair> pair = try_templates(session, spec, is_first_try);
  if (!is_first_try) remove_pairs(session, spec.id, pair ? *pair : KeyPair{});
  return pair;
}

bool remove_pairs(const Session& session, std::span<const std::byte> id, const KeyPair& kept) noexcept {
  const bool is_private_gone = remove_objects(session, CKO_PRIVATE_KEY, id, kept.private_key);
  return remove_objects(session, CKO_PUBLIC_KEY, id, kept.public_key) && is_private_gone;
}

}  // namespace holdfast::hal::pkcs11
