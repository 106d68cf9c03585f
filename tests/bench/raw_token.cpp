// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/raw_token.hpp"

#include "tests/bench/raw_module.hpp"

#include <array>
#include <stdexcept>

namespace holdfast::bench {

struct RawToken::State {
  CK_FUNCTION_LIST* calls = nullptr;
  CK_SLOT_ID slot = 0;
  CK_OBJECT_HANDLE key = 0;
  CK_MECHANISM mechanism{};
};

RawToken::RawToken(const std::string& module_path, const std::string& key_label, Scheme scheme)
    : state_(std::make_unique<State>()) {
  state_->calls = &raw_module(module_path);
  state_->slot = bench_slot(*state_->calls);
  state_->mechanism.mechanism = scheme == Scheme::ed25519 ? CKM_EDDSA : CKM_ECDSA;
  CK_SESSION_HANDLE session = 0;
  require(state_->calls->C_OpenSession(state_->slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session),
          "C_OpenSession");
  CK_OBJECT_CLASS object_class = CKO_PRIVATE_KEY;
  std::string label = key_label;
  std::array<CK_ATTRIBUTE, 2> wanted{CK_ATTRIBUTE{CKA_CLASS, &object_class, sizeof object_class},
                                     CK_ATTRIBUTE{CKA_LABEL, label.data(), label.size()}};
  require(state_->calls->C_FindObjectsInit(session, wanted.data(), wanted.size()), "C_FindObjectsInit");
  CK_ULONG found = 0;
  require(state_->calls->C_FindObjects(session, &state_->key, 1, &found), "C_FindObjects");
  require(state_->calls->C_FindObjectsFinal(session), "C_FindObjectsFinal");
  if (found != 1) throw std::runtime_error("the key was not found");
  require(state_->calls->C_CloseSession(session), "C_CloseSession");
}

RawToken::~RawToken() = default;

RawToken::Session::Session(const RawToken& token) : token_(token) {
  require(token.state_->calls->C_OpenSession(token.state_->slot, CKF_SERIAL_SESSION, nullptr, nullptr, &handle_),
          "C_OpenSession");
}

RawToken::Session::~Session() { token_.state_->calls->C_CloseSession(handle_); }

Signature RawToken::Session::sign(std::span<const std::byte> input, std::size_t n) {
  State& state = *token_.state_;
  // The native interface takes its input without const.
  auto* data = const_cast<CK_BYTE*>(reinterpret_cast<const CK_BYTE*>(input.data()));  // NOLINT
  Signature signature{};
  for (std::size_t i = 0; i < n; ++i) {
    CK_ULONG size = signature.size();
    require(state.calls->C_SignInit(handle_, &state.mechanism, state.key), "C_SignInit");
    require(state.calls->C_Sign(handle_, data, input.size(), reinterpret_cast<CK_BYTE*>(signature.data()), &size),
            "C_Sign");
  }
  return signature;
}

}  // namespace holdfast::bench
