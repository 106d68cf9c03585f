// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/auth_session.hpp"

#include <nettle/aes.h>
#include <nettle/cfb.h>
#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tpm2_types.h>

#include <sys/random.h>

namespace holdfast::hal::tpm2 {
namespace {

constexpr const char* kStarting = "starting a TPM session";
constexpr const char* kIoErrorHint =
    "the next call reconnects; if the TPM is there and it repeats, another program keeps a TPM session open and "
    "unused: "
    "restart that one";
constexpr std::size_t kMaxAuthSize = kSha256Size;
constexpr std::uint16_t kAesKeyBits = 128;

bool draw(std::span<std::byte> out) noexcept {
  return getrandom(out.data(), out.size(), 0) == static_cast<ssize_t>(out.size());
}

// sessionValue (Part 1 §19.6.8): the session's key, then the object's auth value.
class HmacKey {
 public:
  HmacKey(std::span<const std::byte> session_key, std::span<const std::byte> auth_value) noexcept {
    ByteWriter out(bytes_);
    out.bytes(session_key).bytes(auth_value);
    size_ = out.size();
  }
  ~HmacKey() { wipe(bytes_); }
  HmacKey(const HmacKey&) = delete;
  HmacKey& operator=(const HmacKey&) = delete;
  [[nodiscard]] std::span<const std::byte> view() const noexcept { return {bytes_.data(), size_}; }

 private:
  std::array<std::byte, kSha256Size + kMaxAuthSize> bytes_;  // NOLINT: written before it is read
  std::size_t size_;
};

}  // namespace

AuthSession::~AuthSession() {
  wipe(key_);
  if (is_live_) connection_.flush(handle_);
}

Result<void> AuthSession::start(Kind kind, std::uint32_t salt_key, const Salt& salt, Life life, Secrecy secrecy,
                                BootTime deadline) noexcept {
  if (life == Life::until_flushed) attributes_ |= TPMA_SESSION_CONTINUESESSION;
  if (secrecy == Secrecy::first_parameter) attributes_ |= TPMA_SESSION_DECRYPT;
  includes_auth_value_ = kind == Kind::hmac;
  return begin(kind, salt_key, &salt, deadline);
}

Result<void> AuthSession::start_policy(BootTime deadline) noexcept {
  return begin(Kind::policy, TPM2_RH_NULL, nullptr, deadline);
}

Result<void> AuthSession::begin(Kind kind, std::uint32_t salt_key, const Salt* salt, BootTime deadline) noexcept {
  if (!draw(nonce_caller_)) {
    return failure(Status::resource_exhausted, Layer::system, kStarting).about("no randomness");
  }
  Command command(TPM2_CC_StartAuthSession);
  command.handle(salt_key).handle(TPM2_RH_NULL).returning_handle();
  ByteWriter& out = command.parameters();
  out.sized(nonce_caller_).sized(salt != nullptr ? salt->encrypted.view() : std::span<const std::byte>{});
  out.u8(kind == Kind::hmac ? TPM2_SE_HMAC : TPM2_SE_POLICY);
  if ((attributes_ & TPMA_SESSION_DECRYPT) != 0) {
    out.u16(TPM2_ALG_AES).u16(kAesKeyBits).u16(TPM2_ALG_CFB);
  } else {
    out.u16(TPM2_ALG_NULL);
  }
  out.u16(TPM2_ALG_SHA256);
  const auto answer = connection_.run(command, kStarting, deadline);
  if (!answer) {
    Error error = answer.error();
    // Where the TPM would say CONTEXT_GAP to the kernel's resource manager, all we see is an I/O error.
    if (error.native == TSS2_TCTI_RC_IO_ERROR) error.hint = kIoErrorHint;
    return error;
  }
  const Reply reply = *answer;
  handle_ = reply.handle;
  is_live_ = true;
  ByteReader in(reply.parameters);
  if (!nonce_tpm_.assign(in.sized()) || nonce_tpm_.view().size() < 16 || !in.is_exact()) {
    return failure(Status::device_fault, Layer::tpm2, kStarting).about("the TPM's nonce is malformed");
  }
  if (salt != nullptr) {
    kdf_a(salt->secret.reveal({}), "ATH", nonce_tpm_.view(), nonce_caller_, key_);
    has_key_ = true;
  }
  return {};
}

bool AuthSession::prepare(Command& command, std::span<const std::byte> auth_value) noexcept {
  if (!draw(nonce_caller_) || auth_value.size() > kMaxAuthSize) return false;
  if ((attributes_ & TPMA_SESSION_DECRYPT) == 0) return true;
  // Part 1 §21.3: AES-CFB over the bytes of the first parameter, its size in clear.
  const auto parameters = std::span(command.buffer_).first(command.parameters_.size());
  ByteReader in(parameters);
  const std::size_t size = in.u16();
  if (size > in.rest().size()) return false;
  const auto secret = parameters.subspan(2, size);
  const HmacKey key(key_, includes_auth_value_ ? auth_value : std::span<const std::byte>{});
  std::array<std::byte, 2 * AES128_KEY_SIZE> key_and_iv;  // NOLINT: written before it is read
  kdf_a(key.view(), "CFB", nonce_caller_, nonce_tpm_.view(), key_and_iv);
  aes128_ctx cipher;
  aes128_set_encrypt_key(&cipher, raw(std::span<const std::byte>(key_and_iv)));
  cfb_encrypt(&cipher, reinterpret_cast<nettle_cipher_func*>(nettle_aes128_encrypt), AES_BLOCK_SIZE,
              raw(std::span(key_and_iv).subspan(AES128_KEY_SIZE)), secret.size(), raw(secret), raw(secret));
  wipe(key_and_iv);
  wipe(std::as_writable_bytes(std::span(&cipher, 1)));
  return true;
}

Digest AuthSession::code_over(const Digest& content, std::span<const std::byte> newer,
                              std::span<const std::byte> older, std::uint8_t attributes,
                              std::span<const std::byte> auth_value) const noexcept {
  const auto session_key = has_key_ ? std::span<const std::byte>(key_) : std::span<const std::byte>{};
  const HmacKey key(session_key, includes_auth_value_ ? auth_value : std::span<const std::byte>{});
  const std::array attributes_byte{static_cast<std::byte>(attributes)};
  return hmac(key.view(), {content, newer, older, attributes_byte});
}

void AuthSession::write(ByteWriter& out, const Digest& parameter_hash,
                        std::span<const std::byte> auth_value) noexcept {
  out.u32(handle_).sized(nonce_caller_).u8(attributes_);
  if (has_code()) {
    out.sized(code_over(parameter_hash, nonce_caller_, nonce_tpm_.view(), attributes_, auth_value));
  } else {
    out.sized({});
  }
}

bool AuthSession::accept(const Command& command, std::span<const std::byte> parameters,
                         std::span<const std::byte> nonce, std::uint8_t attributes, std::span<const std::byte> code,
                         std::span<const std::byte> auth_value) noexcept {
  if (!nonce_tpm_.assign(nonce)) return false;
  // The TPM forgot the session with a command that was its last; a false word on it costs one flush that fails.
  is_live_ = (attributes & TPMA_SESSION_CONTINUESESSION) != 0;
  if (!has_code()) return code.empty();
  std::array<std::byte, 8> success_and_code{};
  ByteWriter(success_and_code).u32(TPM2_RC_SUCCESS).u32(command.code_);
  const Digest content = hash({success_and_code, parameters});
  const Digest expected = code_over(content, nonce_tpm_.view(), nonce_caller_, attributes, auth_value);
  return is_equal(code, expected);
}

}  // namespace holdfast::hal::tpm2
