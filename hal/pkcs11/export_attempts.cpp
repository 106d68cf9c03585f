// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/export_attempts.hpp"

#include "hal/pkcs11/device.hpp"
#include "hal/pkcs11/errors.hpp"
#include "hal/pkcs11/key_template.hpp"

#include <sys/random.h>

namespace holdfast::hal::pkcs11 {
namespace {

constexpr const char* kProbing = "trying to export a disposable key";

using Outcome = ExportAttempt::Outcome;

struct Wrapping {
  std::string_view name;
  std::string_view under_its_own;  // where the token takes no key from us
  CK_MECHANISM_TYPE mechanism;
  bool takes_iv;
};

constexpr Wrapping kWrappings[] = {
    {"wrap under a known key (CKM_AES_KEY_WRAP)", "wrap under a key of the token's (CKM_AES_KEY_WRAP)",
     CKM_AES_KEY_WRAP, false},
    {"wrap under a known key (CKM_AES_KEY_WRAP_PAD)", "wrap under a key of the token's (CKM_AES_KEY_WRAP_PAD)",
     CKM_AES_KEY_WRAP_PAD, false},
    {"wrap under a known key (CKM_AES_KEY_WRAP_KWP)", "wrap under a key of the token's (CKM_AES_KEY_WRAP_KWP)",
     kAesKeyWrapKwp, false},
    {"wrap under a known key (CKM_AES_CBC_PAD)", "wrap under a key of the token's (CKM_AES_CBC_PAD)", CKM_AES_CBC_PAD,
     true},
};

// What is made on the way, destroyed at the end of the scope.
class Debris {
 public:
  explicit Debris(const Session& session) noexcept : session_(session) {}
  ~Debris() { (void)clear(); }
  Debris(const Debris&) = delete;
  Debris& operator=(const Debris&) = delete;

  // A copy may be the very same object (NSS softokn 3.87): destroying it once is enough.
  void add(CK_OBJECT_HANDLE object) noexcept {
    const auto known = std::span(objects_).first(count_);
    if (object == CK_INVALID_HANDLE || std::ranges::find(known, object) != known.end()) return;
    if (count_ < objects_.size()) objects_[count_++] = object;
  }
  // The first code that is not CKR_OK.
  CK_RV clear() noexcept {
    CK_RV worst = CKR_OK;
    while (count_ > 0) {
      const CK_RV code = session_.calls->C_DestroyObject(session_.handle, objects_[--count_]);
      if (worst == CKR_OK) worst = code;
    }
    return worst;
  }

 private:
  const Session& session_;
  std::array<CK_OBJECT_HANDLE, 8> objects_{};
  std::size_t count_ = 0;
};

// The attempts on one key. What counts is whether bytes of the key come out: tpm2-pkcs11 1.9 says CKR_OK to a changed
// attribute that changes nothing but its database.
class Attempts {
 public:
  Attempts(const Session& session, Debris& debris, CK_OBJECT_HANDLE key) noexcept
      : session_(session), debris_(debris), key_(key) {}

  // A code that says the token or the session went away in the middle: the report is worth nothing then.
  Result<ExportReport> run() noexcept {
    make_wrapping_key();
    add("read CKA_VALUE", read_value(key_));
    add("set CKA_SENSITIVE to false", after_setting(CKA_SENSITIVE, CK_FALSE));
    add("set CKA_EXTRACTABLE to true", after_setting(CKA_EXTRACTABLE, CK_TRUE));
    add("copy with CKA_EXTRACTABLE true", copy());
    for (const Wrapping& wrapping : kWrappings) {
      add(is_its_own_ ? wrapping.under_its_own : wrapping.name, wrap(key_, wrapping));
    }
    if (gone_ != CKR_OK) return native_failure(gone_, kProbing);
    return report_;
  }

 private:
  struct Answer {
    Outcome outcome;
    CK_RV code;
  };

  void add(std::string_view name, Answer answer) noexcept {
    if (report_.count == report_.attempts.size()) return;
    report_.attempts[report_.count++] = {name, answer.outcome, answer.code, code_name(answer.code)};
  }

  // Not the codes that modules also refuse with (CKR_DEVICE_ERROR, CKR_GENERAL_ERROR).
  static bool is_gone(CK_RV code) noexcept {
    return code == CKR_DEVICE_REMOVED || code == CKR_TOKEN_NOT_PRESENT || code == CKR_SESSION_CLOSED ||
           code == CKR_SESSION_HANDLE_INVALID || code == CKR_CRYPTOKI_NOT_INITIALIZED ||
           code == CKR_USER_NOT_LOGGED_IN;
  }

  Answer judge(CK_RV code, bool came_out) noexcept {
    if (is_gone(code)) gone_ = code;
    if (code == CKR_OK && came_out) return {Outcome::gave_way, code};
    const bool is_missing = code == CKR_MECHANISM_INVALID || code == CKR_FUNCTION_NOT_SUPPORTED;
    return {is_missing ? Outcome::not_offered : Outcome::refused, code};
  }

  Answer read_value(CK_OBJECT_HANDLE key) noexcept {
    std::array<std::byte, 512> value{};
    CK_ATTRIBUTE attribute{CKA_VALUE, value.data(), value.size()};
    const CK_RV code = session_.calls->C_GetAttributeValue(session_.handle, key, &attribute, 1);
    const bool came_out = attribute.ulValueLen != CK_UNAVAILABLE_INFORMATION && attribute.ulValueLen > 0;
    wipe(value);
    return judge(code, came_out);
  }

  Answer wrap(CK_OBJECT_HANDLE key, const Wrapping& wrapping) noexcept {
    // Nothing was tried, so nothing was refused.
    if (wrapping_key_ == CK_INVALID_HANDLE) return {Outcome::not_offered, no_wrapping_key_};
    std::array<CK_BYTE, 16> iv{};
    CK_MECHANISM mechanism{wrapping.mechanism, nullptr, 0};
    if (wrapping.takes_iv) mechanism = {wrapping.mechanism, iv.data(), iv.size()};
    std::array<std::byte, 1024> wrapped{};
    CK_ULONG size = wrapped.size();
    const CK_RV code = session_.calls->C_WrapKey(session_.handle, &mechanism, wrapping_key_, key,
                                                 reinterpret_cast<CK_BYTE*>(wrapped.data()), &size);
    wipe(wrapped);
    return judge(code, size > 0);
  }

  // By any way at all.
  Answer get_out(CK_OBJECT_HANDLE key) noexcept {
    Answer last = read_value(key);
    for (const Wrapping& wrapping : kWrappings) {
      if (last.outcome == Outcome::gave_way) break;
      const Answer answer = wrap(key, wrapping);
      if (answer.outcome != Outcome::not_offered) last = answer;
    }
    return last;
  }

  Answer after_setting(CK_ATTRIBUTE_TYPE type, CK_BBOOL value) noexcept {
    CK_ATTRIBUTE attribute{type, &value, sizeof value};
    const CK_RV code = session_.calls->C_SetAttributeValue(session_.handle, key_, &attribute, 1);
    return code == CKR_OK ? get_out(key_) : judge(code, false);
  }

  Answer copy() noexcept {
    CK_BBOOL yes = CK_TRUE;
    CK_BBOOL no = CK_FALSE;
    CK_ATTRIBUTE weaker[] = {
        {CKA_TOKEN, &no, sizeof no}, {CKA_EXTRACTABLE, &yes, sizeof yes}, {CKA_SENSITIVE, &no, sizeof no}};
    // Everything at once first; then without the two that a token may mind for another reason.
    CK_RV code = copy_with(std::span(weaker));
    if (code != CKR_OK) code = copy_with(std::span(weaker).subspan(1, 1));
    return code == CKR_OK ? get_out(copy_) : judge(code, false);
  }
  CK_RV copy_with(std::span<CK_ATTRIBUTE> weaker) noexcept {
    copy_ = CK_INVALID_HANDLE;
    const CK_RV code = session_.calls->C_CopyObject(session_.handle, key_, weaker.data(), weaker.size(), &copy_);
    if (code == CKR_OK) debris_.add(copy_);
    return code;
  }

  // A key whose value we know, so that whatever comes out under it is the key in clear.
  void make_wrapping_key() noexcept {
    CK_OBJECT_CLASS object_class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_AES;
    CK_BBOOL yes = CK_TRUE;
    CK_BBOOL no = CK_FALSE;
    std::array<CK_BYTE, 32> known;
    known.fill(0x48);
    CK_ATTRIBUTE attributes[] = {
        {CKA_CLASS, &object_class, sizeof object_class},
        {CKA_KEY_TYPE, &type, sizeof type},
        {CKA_TOKEN, &no, sizeof no},
        {CKA_WRAP, &yes, sizeof yes},
        {CKA_ENCRYPT, &yes, sizeof yes},
        {CKA_VALUE, known.data(), known.size()},
    };
    no_wrapping_key_ =
        session_.calls->C_CreateObject(session_.handle, attributes, std::size(attributes), &wrapping_key_);
    if (no_wrapping_key_ != CKR_OK) wrapping_key_ = CK_INVALID_HANDLE;
    if (is_gone(no_wrapping_key_)) gone_ = no_wrapping_key_;
    if (no_wrapping_key_ != CKR_OK && gone_ == CKR_OK) make_its_own_wrapping_key();
    debris_.add(wrapping_key_);
  }

  // Many tokens take no secret key in clear. Whatever comes out under one that the token made has left all the same:
  // whoever may unwrap with that key may ask for any copy.
  void make_its_own_wrapping_key() noexcept {
    CK_ULONG size = 32;
    CK_BBOOL yes = CK_TRUE;
    CK_BBOOL no = CK_FALSE;
    CK_ATTRIBUTE attributes[] = {
        {CKA_VALUE_LEN, &size, sizeof size},
        {CKA_TOKEN, &no, sizeof no},
        {CKA_WRAP, &yes, sizeof yes},
        {CKA_ENCRYPT, &yes, sizeof yes},
    };
    CK_MECHANISM mechanism{CKM_AES_KEY_GEN, nullptr, 0};
    const CK_RV code =
        session_.calls->C_GenerateKey(session_.handle, &mechanism, attributes, std::size(attributes), &wrapping_key_);
    if (is_gone(code)) gone_ = code;
    is_its_own_ = code == CKR_OK;
    if (!is_its_own_) wrapping_key_ = CK_INVALID_HANDLE;
  }

  const Session& session_;
  Debris& debris_;
  CK_OBJECT_HANDLE key_;
  CK_OBJECT_HANDLE copy_ = CK_INVALID_HANDLE;
  CK_OBJECT_HANDLE wrapping_key_ = CK_INVALID_HANDLE;
  CK_RV no_wrapping_key_ = CKR_OK;
  bool is_its_own_ = false;
  CK_RV gone_ = CKR_OK;
  ExportReport report_;
};

}  // namespace

Result<ExportReport> ExportAttempts::try_export(Scheme scheme, BootTime deadline) noexcept {
  std::array<std::byte, 16> id{};
  if (getrandom(id.data(), id.size(), 0) != static_cast<ssize_t>(id.size())) {
    return failure(Status::resource_exhausted, Layer::system, kProbing);
  }
  return device_.visit(deadline, [&](const Device::Visit& visit) noexcept -> Result<ExportReport> {
    const Session& session = visit.session();
    Debris debris(session);
    // A token object, as the real key is: a session object may be kept elsewhere and guarded otherwise. Should the
    // process die here, its label says what it is.
    const KeyPair pair = HOLDFAST_TRY(generate_pair(session, {scheme, "holdfast-export-probe-disposable", id}));
    debris.add(pair.private_key);
    debris.add(pair.public_key);
    auto report = Attempts(session, debris, pair.private_key).run();
    const CK_RV code = debris.clear();
    // Its word for it is not enough, and a copy may be there that it says it has not made.
    if (!remove_pairs(session, id) || code != CKR_OK) {
      return native_failure(code, Status::device_fault, kProbing)
          .about("the disposable key could not be removed")
          .with_hint("remove the key labelled holdfast-export-probe-disposable by hand");
    }
    return report;
  });
}

}  // namespace holdfast::hal::pkcs11
