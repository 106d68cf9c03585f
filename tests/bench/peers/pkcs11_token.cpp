// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/peers/peer.hpp"
#include "tests/support/swtpm.hpp"

#include <p11-kit/pkcs11.h>

#include <dlfcn.h>

#include <cstdlib>
#include <stdexcept>

namespace holdfast::bench {
namespace {

// Debian's libtpm2-pkcs11-1.
constexpr const char* kModule = "libtpm2_pkcs11.so.1";
constexpr const char* kPin = "a rather good auth value";

void require(CK_RV code, const char* what) {
  if (code != CKR_OK) throw std::runtime_error(std::string("tpm2-pkcs11: ") + what + " " + std::to_string(code));
}

class Pkcs11Token final : public Peer {
 public:
  explicit Pkcs11Token(const test::Swtpm& tpm) {
    // tpm2_ptool needs a resource manager; what pkcs11-tool leaves in the TPM is flushed between its steps.
    const std::string tool = "TPM2_PKCS11_STORE=$PWD TPM2_PKCS11_LOG_LEVEL=0 TPM2_PKCS11_TCTI=" + tpm.tcti() +
                             " pkcs11-tool --module " + kModule + " ";
    std::string out;
    const int made =
        tpm.run(tool + "--init-token --label bench --so-pin 12345678 && tpm2_flushcontext -t && " + tool +
                    "--token-label bench --init-pin --so-pin 12345678 --pin '" + kPin +
                    "' && tpm2_flushcontext -t && " + tool + "--token-label bench --login --pin '" + kPin +
                    "' --keypairgen --key-type EC:prime256v1 --label key --id 01 && tpm2_flushcontext -t",
                &out);
    if (made != 0) throw std::runtime_error("tpm2-pkcs11: " + out);
    setenv("TPM2_PKCS11_STORE", tpm.folder().path().c_str(), 1);
    setenv("TPM2_PKCS11_TCTI", tpm.tcti().c_str(), 1);
    setenv("TPM2_PKCS11_LOG_LEVEL", "0", 1);
    void* module = dlopen(kModule, RTLD_NOW | RTLD_LOCAL);
    if (module == nullptr) throw std::runtime_error("tpm2-pkcs11 is not installed (libtpm2-pkcs11-1)");
    const auto get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(module, "C_GetFunctionList"));
    require(get(&calls_), "C_GetFunctionList");
    CK_C_INITIALIZE_ARGS arguments{};
    arguments.flags = CKF_OS_LOCKING_OK;
    require(calls_->C_Initialize(&arguments), "C_Initialize");
    std::array<CK_SLOT_ID, 8> slots{};
    CK_ULONG count = slots.size();
    require(calls_->C_GetSlotList(CK_TRUE, slots.data(), &count), "C_GetSlotList");
    require(calls_->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session_),
            "C_OpenSession");
    std::string pin = kPin;
    require(calls_->C_Login(session_, CKU_USER, reinterpret_cast<CK_UTF8CHAR*>(pin.data()), pin.size()), "C_Login");
    key_ = find(CKO_PRIVATE_KEY);
    CK_ATTRIBUTE point{CKA_EC_POINT, point_.data(), point_.size()};
    require(calls_->C_GetAttributeValue(session_, find(CKO_PUBLIC_KEY), &point, 1), "C_GetAttributeValue");
    if (point.ulValueLen < kP256PointSize) throw std::runtime_error("tpm2-pkcs11: the key's point is too short");
    // The attribute is an OCTET STRING that holds it.
    const char* const end = reinterpret_cast<const char*>(point_.data()) + point.ulValueLen;
    tpm.folder().write("public.point", std::string(end - kP256PointSize, end));
  }
  ~Pkcs11Token() override { calls_->C_Finalize(nullptr); }
  Pkcs11Token(const Pkcs11Token&) = delete;
  Pkcs11Token& operator=(const Pkcs11Token&) = delete;

  void sign(const PeerDigest& digest) override {
    CK_MECHANISM mechanism{CKM_ECDSA, nullptr, 0};
    require(calls_->C_SignInit(session_, &mechanism, key_), "C_SignInit");
    PeerDigest input = digest;
    CK_ULONG size = signature_.size();
    require(calls_->C_Sign(session_, reinterpret_cast<CK_BYTE*>(input.data()), input.size(),
                           reinterpret_cast<CK_BYTE*>(signature_.data()), &size),
            "C_Sign");
    if (size != signature_.size()) throw std::runtime_error("tpm2-pkcs11: a signature of another size");
  }
  [[nodiscard]] Signature last_signature() const override { return signature_; }

 private:
  CK_OBJECT_HANDLE find(CK_OBJECT_CLASS kind) {
    CK_ATTRIBUTE wanted{CKA_CLASS, &kind, sizeof kind};
    CK_OBJECT_HANDLE found = 0;
    CK_ULONG count = 0;
    require(calls_->C_FindObjectsInit(session_, &wanted, 1), "C_FindObjectsInit");
    require(calls_->C_FindObjects(session_, &found, 1, &count), "C_FindObjects");
    require(calls_->C_FindObjectsFinal(session_), "C_FindObjectsFinal");
    if (count != 1) throw std::runtime_error("tpm2-pkcs11: the key is not there");
    return found;
  }

  CK_FUNCTION_LIST* calls_ = nullptr;
  CK_SESSION_HANDLE session_ = 0;
  CK_OBJECT_HANDLE key_ = 0;
  Signature signature_{};
  std::array<std::byte, 128> point_{};
};

}  // namespace

std::unique_ptr<Peer> pkcs11_token(const test::Swtpm& tpm) { return std::make_unique<Pkcs11Token>(tpm); }

}  // namespace holdfast::bench
