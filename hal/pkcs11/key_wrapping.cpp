// SPDX-License-Identifier: Apache-2.0
#include "hal/pkcs11/key_wrapping.hpp"

#include <sys/random.h>

#include <algorithm>

namespace holdfast::hal::pkcs11 {
namespace {

constexpr std::size_t kHalf = 8;  // RFC 3394 works on halves of an AES block

bool has_mechanism(const Session& session, CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_FLAGS flags) noexcept {
  CK_MECHANISM_INFO info{};
  return session.calls->C_GetMechanismInfo(slot, type, &info) == CKR_OK && (info.flags & flags) == flags;
}

}  // namespace

bool WrappingKey::is_offered(const Session& session, CK_SLOT_ID slot, const Unwrapping& way) noexcept {
  const CK_MECHANISM_TYPE cipher = way.mechanism == CKM_AES_CBC_PAD ? CKM_AES_CBC_PAD : CKM_AES_ECB;
  return has_mechanism(session, slot, CKM_AES_KEY_GEN, CKF_GENERATE) &&
         has_mechanism(session, slot, cipher, CKF_ENCRYPT) && has_mechanism(session, slot, way.mechanism, CKF_UNWRAP);
}

WrappingKey::WrappingKey(const Session& session) noexcept : session_(session) {
  CK_OBJECT_CLASS object_class = CKO_SECRET_KEY;
  CK_KEY_TYPE type = CKK_AES;
  CK_ULONG size = 32;
  CK_BBOOL yes = CK_TRUE;
  CK_BBOOL no = CK_FALSE;
  CK_ATTRIBUTE attributes[] = {
      {CKA_CLASS, &object_class, sizeof object_class},
      {CKA_KEY_TYPE, &type, sizeof type},
      {CKA_VALUE_LEN, &size, sizeof size},
      {CKA_TOKEN, &no, sizeof no},
      {CKA_SENSITIVE, &yes, sizeof yes},
      {CKA_EXTRACTABLE, &no, sizeof no},
      {CKA_ENCRYPT, &yes, sizeof yes},
      {CKA_UNWRAP, &yes, sizeof yes},
  };
  CK_MECHANISM mechanism{CKM_AES_KEY_GEN, nullptr, 0};
  code_ = session.calls->C_GenerateKey(session.handle, &mechanism, attributes, std::size(attributes), &key_);
}

WrappingKey::~WrappingKey() {
  if (code_ == CKR_OK) session_.calls->C_DestroyObject(session_.handle, key_);
}

CK_RV WrappingKey::wrap(const Unwrapping& way, std::span<const std::byte> plain) noexcept {
  wrapped_size_ = 0;
  return way.mechanism == CKM_AES_CBC_PAD ? wrap_chained(plain) : wrap_padded(plain);
}

CK_RV WrappingKey::encrypt(CK_MECHANISM mechanism, std::span<const std::byte> plain, std::span<std::byte> out,
                           CK_ULONG& size) noexcept {
  CK_RV code = session_.calls->C_EncryptInit(session_.handle, &mechanism, key_);
  if (code != CKR_OK) return code;
  size = out.size();
  code = session_.calls->C_Encrypt(session_.handle, native(plain), plain.size(),
                                   reinterpret_cast<CK_BYTE*>(out.data()), &size);
  if (code == CKR_OK && size > out.size()) return CKR_DEVICE_ERROR;
  if (code == CKR_OK) return code;
  // An answer that was lost leaves the operation active, and whatever follows in this session would fail with
  // CKR_OPERATION_ACTIVE, also the removal of what was made. This ends it whatever it answers (PKCS#11 v3.0 §5.8.4).
  std::array<CK_BYTE, 32> rest{};
  CK_ULONG rest_size = rest.size();
  session_.calls->C_EncryptFinal(session_.handle, rest.data(), &rest_size);
  return code;
}

CK_RV WrappingKey::encrypt_block(std::span<std::byte, 16> block) noexcept {
  std::array<std::byte, 16> result{};
  CK_ULONG size = 0;
  const CK_RV code = encrypt({CKM_AES_ECB, nullptr, 0}, block, result, size);
  if (code == CKR_OK && size != result.size()) return CKR_DEVICE_ERROR;
  std::ranges::copy(result, block.begin());
  return code;
}

// RFC 5649 §4.1 on RFC 3394 §2.2.1; the token does the AES.
CK_RV WrappingKey::wrap_padded(std::span<const std::byte> plain) noexcept {
  const std::size_t blocks = (plain.size() + kHalf - 1) / kHalf;
  if (blocks < 2 || (blocks + 1) * kHalf > wrapped_.size()) return CKR_DATA_LEN_RANGE;
  std::ranges::fill(wrapped_, std::byte{0});
  std::array<std::byte, 16> block{std::byte{0xa6}, std::byte{0x59}, std::byte{0x59}, std::byte{0xa6}};
  block[6] = static_cast<std::byte>(plain.size() >> 8U);
  block[7] = static_cast<std::byte>(plain.size() & 0xffU);
  const std::span<std::byte> registers = std::span(wrapped_).subspan(kHalf);
  std::ranges::copy(plain, registers.begin());
  CK_RV code = CKR_OK;
  std::uint64_t step = 0;
  for (int round = 0; round < 6 && code == CKR_OK; ++round) {
    for (std::size_t i = 0; i < blocks && code == CKR_OK; ++i) {
      const std::span<std::byte> part = registers.subspan(i * kHalf, kHalf);
      std::ranges::copy(part, block.begin() + kHalf);
      code = encrypt_block(block);
      ++step;
      block[6] ^= static_cast<std::byte>(step >> 8U);
      block[7] ^= static_cast<std::byte>(step & 0xffU);
      std::ranges::copy(std::span(block).subspan(kHalf), part.begin());
    }
  }
  std::ranges::copy(std::span(block).first(kHalf), wrapped_.begin());
  wipe(block);
  if (code != CKR_OK) {
    wipe(wrapped_);  // half wrapped is half in clear
    return code;
  }
  wrapped_size_ = (blocks + 1) * kHalf;
  return CKR_OK;
}

CK_RV WrappingKey::wrap_chained(std::span<const std::byte> plain) noexcept {
  if (getrandom(iv_.data(), iv_.size(), 0) != static_cast<ssize_t>(iv_.size())) return CKR_RANDOM_NO_RNG;
  CK_ULONG size = 0;
  const CK_RV code = encrypt({CKM_AES_CBC_PAD, iv_.data(), iv_.size()}, plain, wrapped_, size);
  if (code == CKR_OK) wrapped_size_ = size;
  return code;
}

CK_RV WrappingKey::unwrap(const Unwrapping& way, CK_ATTRIBUTE* attributes, CK_ULONG count,
                          CK_OBJECT_HANDLE& object) noexcept {
  CK_MECHANISM mechanism{way.mechanism, nullptr, 0};
  if (way.mechanism == CKM_AES_CBC_PAD) mechanism = {way.mechanism, iv_.data(), iv_.size()};
  return session_.calls->C_UnwrapKey(session_.handle, &mechanism, key_, reinterpret_cast<CK_BYTE*>(wrapped_.data()),
                                     wrapped_size_, attributes, count, &object);
}

}  // namespace holdfast::hal::pkcs11
