// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/key_import.hpp"

#include "hal/pkcs11/device.hpp"
#include "hal/pkcs11/encodings.hpp"
#include "hal/pkcs11/errors.hpp"
#include "hal/pkcs11/key_template.hpp"
#include "hal/pkcs11/key_wrapping.hpp"
#include "hal/pkcs11/new_key.hpp"

namespace holdfast::hal::pkcs11 {
namespace {

constexpr const char* kImporting = "importing a key";
constexpr std::size_t kPrivateKeySize = 32;
constexpr std::string_view kPlainWay = "handed over in clear (C_CreateObject)";

template <typename... Values>
constexpr auto octets(Values... values) noexcept {
  return std::array{static_cast<std::byte>(values)...};
}

// RFC 5958 version 1, up to the 32 bytes of the key: RFC 8410 §7, and RFC 5915 inside for P-256.
constexpr auto kEd25519Prefix =
    octets(0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20);
constexpr auto kX25519Prefix =
    octets(0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20);
constexpr auto kP256Prefix =
    octets(0x30, 0x41, 0x02, 0x01, 0x00, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08,
           0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x04, 0x27, 0x30, 0x25, 0x02, 0x01, 0x01, 0x04, 0x20);

// One kind of private key: how it is named to the token and packed for it.
struct Kind {
  CK_KEY_TYPE key_type;
  CK_MECHANISM_TYPE use;  // the one mechanism it is for
  KeyUse key_use;
  std::span<const std::byte> oid;
  std::span<const std::byte> name;
  std::span<const std::byte> pkcs8_prefix;
};

Kind kind_of(Scheme scheme) noexcept {
  const bool is_ed25519 = scheme == Scheme::ed25519;
  return {is_ed25519 ? CKK_EC_EDWARDS : CKK_EC,
          sign_mechanism(scheme),
          KeyUse::signing,
          curve_oid(scheme),
          curve_name(scheme),
          is_ed25519 ? std::span<const std::byte>(kEd25519Prefix) : std::span<const std::byte>(kP256Prefix)};
}

Kind twin_kind(CK_KEY_TYPE key_type) noexcept {
  return {key_type, CKM_ECDH1_DERIVE, KeyUse::deriving, x25519_oid(), x25519_name(), kX25519Prefix};
}

struct Entry {
  CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
  KeyAttributeSet dropped;
  std::string_view way;
};

// Calls `attempt(dropped)` with ever weaker templates, as long as what it answers is about the template.
template <typename Attempt, typename Judge>
CK_RV with_strongest_template(KeyAttributeSet& dropped, Judge is_template_code, Attempt attempt) noexcept {
  DropSets sets;
  dropped = {};
  CK_RV first = CKR_OK;
  do {
    const CK_RV code = attempt(dropped);
    if (first == CKR_OK) first = code;
    if (code == CKR_OK || !is_template_code(code)) return code;
  } while (sets.next(dropped));
  return first;
}

// A failed unwrapping is about the wrapped key more often than about the template.
bool is_about_an_attribute(CK_RV code) noexcept { return is_about_the_template(code) && code != CKR_FUNCTION_FAILED; }

CK_RV unwrap(const Session& session, const KeySpec& spec, const Kind& kind, const Unwrapping& way,
             std::span<const std::byte> pkcs8, Entry& entry) noexcept {
  WrappingKey wrapping_key(session);
  if (wrapping_key.code() != CKR_OK) return wrapping_key.code();
  const CK_RV wrapped = wrapping_key.wrap(way, pkcs8);
  if (wrapped != CKR_OK) return wrapped;
  return with_strongest_template(entry.dropped, is_about_an_attribute, [&](const KeyAttributeSet& dropped) noexcept {
    Template to(kind.use);
    to.add_kind(CKO_PRIVATE_KEY, kind.key_type);
    fill_private(to, spec, kind.key_use, dropped);
    return wrapping_key.unwrap(way, to.data(), to.size(), entry.object);
  });
}

CK_RV create(const Session& session, const KeySpec& spec, const Kind& kind, std::span<const std::byte> value,
             Entry& entry) noexcept {
  const auto with_curve = [&](std::span<const std::byte> curve, const KeyAttributeSet& dropped) noexcept {
    Template to(kind.use);
    to.add_kind(CKO_PRIVATE_KEY, kind.key_type);
    fill_private(to, spec, kind.key_use, dropped);
    to.add(CKA_EC_PARAMS, curve);
    to.add(CKA_VALUE, value);
    return session.calls->C_CreateObject(session.handle, to.data(), to.size(), &entry.object);
  };
  return with_strongest_template(entry.dropped, is_about_the_template, [&](const KeyAttributeSet& dropped) noexcept {
    const CK_RV code = with_curve(kind.oid, dropped);
    return code != CKR_OK && is_about_the_curve(code) && with_curve(kind.name, dropped) == CKR_OK ? CKR_OK : code;
  });
}

// The private half, by the strongest way that works.
CK_RV bring_in(const Session& session, CK_SLOT_ID slot, const KeySpec& spec, const Kind& kind,
               std::span<const std::byte> value, std::span<const std::byte> pkcs8, Entry& entry) noexcept {
  for (const Unwrapping& way : kUnwrappings) {
    if (!WrappingKey::is_offered(session, slot, way)) continue;
    if (unwrap(session, spec, kind, way, pkcs8, entry) == CKR_OK) {
      entry.way = way.way;
      return CKR_OK;
    }
    remove_pairs(session, spec.id);
  }
  entry.way = kPlainWay;
  return create(session, spec, kind, value, entry);
}

Error refusal(CK_RV code) noexcept {
  const bool is_foreign = is_about_the_template(code) || code == CKR_MECHANISM_INVALID || is_about_the_curve(code);
  if (!is_foreign) return native_failure(code, kImporting);
  return native_failure(code, Status::scheme_unsupported, kImporting)
      .about("the token takes no such key from outside")
      .with_hint("use another token, or make a key on this one with: holdfast key generate");
}

Result<SecretBytes> pack(std::span<const std::byte> prefix, std::span<const std::byte> value) noexcept {
  SecretBytes pkcs8 = HOLDFAST_TRY(SecretBytes::allocate(prefix.size() + value.size()));
  const std::span<std::byte> room = pkcs8.storage({});
  std::ranges::copy(value, std::ranges::copy(prefix, room.begin()).out);
  pkcs8.set_size(room.size());
  return pkcs8;
}

// The public half, as the standard wants its point before 3.1 (an OCTET STRING) and since (raw).
CK_RV create_public_half(const Session& session, const KeySpec& spec, const Kind& kind,
                         const PublicKey& public_key) noexcept {
  const std::span<const std::byte> raw = public_key.bytes();
  std::array<std::byte, kP256PointSize + 2> wrapped{std::byte{0x04}, static_cast<std::byte>(raw.size())};
  std::ranges::copy(raw, wrapped.begin() + 2);
  CK_RV code = CKR_OK;
  for (const std::span<const std::byte> point : {std::span<const std::byte>(wrapped).first(raw.size() + 2), raw}) {
    for (const std::span<const std::byte> curve : {kind.oid, kind.name}) {
      for (const bool is_pinned : {true, false}) {
        KeyAttributeSet dropped;
        if (!is_pinned) dropped.insert(KeyAttribute::modifiable);
        Template to(kind.use);
        to.add_kind(CKO_PUBLIC_KEY, kind.key_type);
        to.add(CKA_VERIFY, true);
        fill_public(to, spec, curve, dropped);
        to.add(CKA_EC_POINT, point);
        CK_OBJECT_HANDLE object = CK_INVALID_HANDLE;
        code = session.calls->C_CreateObject(session.handle, to.data(), to.size(), &object);
        if (code == CKR_OK || !is_about_the_curve(code)) return code;
      }
    }
  }
  return code;
}

// A token may keep a key that it has no use for: opencryptoki's soft token takes keys on curves, and has no mechanism
// for them.
Result<void> refuse_unusable(const Session& session, CK_SLOT_ID slot, const Kind& kind) noexcept {
  CK_MECHANISM_INFO info{};
  const CK_RV code = session.calls->C_GetMechanismInfo(slot, kind.use, &info);
  if (code != CKR_MECHANISM_INVALID) return {};
  return native_failure(code, Status::scheme_unsupported, kImporting)
      .about("the token does not sign in this scheme")
      .with_hint("use another token; what each offers: holdfast token list");
}

Result<void> check_sizes(const SecretBytes& private_key) noexcept {
  if (private_key.size() == kPrivateKeySize) return {};
  return failure(Status::invalid_argument, Layer::pkcs11, kImporting).about("a private key has 32 bytes");
}

}  // namespace

Result<MadeKey> KeyImport::import_key(const KeySpec& spec, const SecretBytes& private_key,
                                      const PublicKey& public_key, BootTime deadline) noexcept {
  HOLDFAST_TRY(check_sizes(private_key));
  if (public_key.scheme() != spec.scheme) {
    return failure(Status::invalid_argument, Layer::pkcs11, kImporting).about("the public half is of another scheme");
  }
  const NewKeyId id = HOLDFAST_TRY(choose_key_id(spec));
  KeySpec full = spec;
  full.id = id.view();
  const Kind kind = kind_of(spec.scheme);
  const std::span<const std::byte> value = private_key.reveal({});
  const SecretBytes pkcs8 = HOLDFAST_TRY(pack(kind.pkcs8_prefix, value));
  return device_.visit(deadline, [&](const Device::Visit& visit) noexcept -> Result<MadeKey> {
    const Session& session = visit.session();
    HOLDFAST_TRY(refuse_unusable(session, device_.slot(), kind));
    HOLDFAST_TRY(refuse_existing_key(session, full));
    const auto bring = [&]() noexcept -> Result<MadeKey> {
      Entry entry;
      CK_RV code = bring_in(session, device_.slot(), full, kind, value, pkcs8.reveal({}), entry);
      if (code != CKR_OK) return refusal(code);
      FoundKey key = HOLDFAST_TRY(read_key(session, entry.object, public_key));
      if (!key.public_key) {
        code = create_public_half(session, full, kind, public_key);
        if (code != CKR_OK) return native_failure(code, "importing a public key");
        key = HOLDFAST_TRY(read_key(session, entry.object, public_key));
      }
      if (key.facts.scheme != full.scheme || key.public_key != public_key) {
        return failure(Status::device_fault, Layer::pkcs11, kImporting)
            .about("the token made a key of another kind, or one with another public half");
      }
      const KeyDescription description = HOLDFAST_TRY(device_.describe(key));
      return MadeKey{device_.keep(key, true), description, entry.dropped, entry.way};
    };
    Result<MadeKey> made = bring();
    if (!made && !remove_pairs(session, full.id)) return with_leftovers(made.error());
    return made;
  });
}

Result<MadeKey> KeyImport::import_twin(const KeySpec& spec, const SecretBytes& x25519_secret,
                                       std::span<const std::byte, 32> /*x25519_public*/, BootTime deadline) noexcept {
  HOLDFAST_TRY(check_sizes(x25519_secret));
  const NewKeyId id = HOLDFAST_TRY(choose_key_id(spec));
  KeySpec full = spec;
  full.id = id.view();
  const std::span<const std::byte> value = x25519_secret.reveal({});
  const SecretBytes pkcs8 = HOLDFAST_TRY(pack(kX25519Prefix, value));
  return device_.visit(deadline, [&](const Device::Visit& visit) noexcept -> Result<MadeKey> {
    const Session& session = visit.session();
    CK_MECHANISM_INFO info{};
    const CK_RV offered = session.calls->C_GetMechanismInfo(device_.slot(), CKM_ECDH1_DERIVE, &info);
    if (offered != CKR_OK || (info.flags & CKF_DERIVE) == 0) {
      return native_failure(offered, Status::scheme_unsupported, kImporting)
          .about("the token has no CKM_ECDH1_DERIVE");
    }
    HOLDFAST_TRY(refuse_existing_key(session, full));
    const auto bring = [&]() noexcept -> Result<MadeKey> {
      Entry entry;
      CK_RV code = CKR_OK;
      for (const CK_KEY_TYPE key_type : {kEcMontgomery, CK_KEY_TYPE{CKK_EC_EDWARDS}}) {
        code = bring_in(session, device_.slot(), full, twin_kind(key_type), value, pkcs8.reveal({}), entry);
        if (code == CKR_OK || !(is_about_the_curve(code) || code == CKR_KEY_TYPE_INCONSISTENT)) break;
      }
      if (code != CKR_OK) return refusal(code);
      const FoundKey key = HOLDFAST_TRY(read_key(session, entry.object, std::nullopt));
      if (!key.facts.is_x25519) {
        return failure(Status::device_fault, Layer::pkcs11, kImporting).about("the token made a key of another kind");
      }
      const KeyDescription description = HOLDFAST_TRY(device_.describe(key));
      return MadeKey{device_.keep(key, true), description, entry.dropped, entry.way};
    };
    Result<MadeKey> made = bring();
    if (!made && !remove_pairs(session, full.id)) return with_leftovers(made.error());
    return made;
  });
}

}  // namespace holdfast::hal::pkcs11
