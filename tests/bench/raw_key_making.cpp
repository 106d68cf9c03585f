// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/raw_key_making.hpp"

#include "hal/pkcs11/encodings.hpp"
#include "hal/pkcs11/key_template.hpp"
#include "tests/bench/raw_module.hpp"
#include "tests/bench/rounds.hpp"

#include <algorithm>
#include <array>

namespace holdfast::bench {

using hal::pkcs11::Template;

struct RawKeyMaking::State {
  CK_FUNCTION_LIST* calls = nullptr;
  CK_SESSION_HANDLE session = 0;
  hal::KeySpec spec;
  hal::KeyAttributeSet dropped;

  [[nodiscard]] bool is_ed25519() const { return spec.scheme == Scheme::ed25519; }
  [[nodiscard]] CK_KEY_TYPE key_type() const { return is_ed25519() ? CKK_EC_EDWARDS : CKK_EC; }
  [[nodiscard]] Template empty() const { return Template(hal::pkcs11::sign_mechanism(spec.scheme)); }

  void fill_private(Template& to) const {
    hal::pkcs11::fill_private(to, spec, hal::pkcs11::KeyUse::signing, dropped);
  }
  void fill_public(Template& to) const {
    to.add(CKA_VERIFY, true);
    hal::pkcs11::fill_public(to, spec, hal::pkcs11::curve_oid(spec.scheme), dropped);
  }
  void destroy(std::span<const CK_OBJECT_HANDLE> objects) const {
    for (const CK_OBJECT_HANDLE object : objects) require(calls->C_DestroyObject(session, object), "C_DestroyObject");
  }
};

RawKeyMaking::RawKeyMaking(const std::string& module_path, const hal::KeySpec& spec,
                           const hal::KeyAttributeSet& dropped)
    : state_(std::make_unique<State>()) {
  state_->spec = spec;
  state_->dropped = dropped;
  state_->calls = &raw_module(module_path);
  require(state_->calls->C_OpenSession(bench_slot(*state_->calls), CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr,
                                       nullptr, &state_->session),
          "C_OpenSession");
}

RawKeyMaking::~RawKeyMaking() { state_->calls->C_CloseSession(state_->session); }

double RawKeyMaking::generate() {
  const State& state = *state_;
  Template private_half = state.empty();
  Template public_half = state.empty();
  state.fill_private(private_half);
  state.fill_public(public_half);
  CK_MECHANISM mechanism{state.is_ed25519() ? CKM_EC_EDWARDS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN, nullptr, 0};
  std::array<CK_OBJECT_HANDLE, 2> made{};
  const double time = time_once(1, [&](std::size_t) {
    require(state.calls->C_GenerateKeyPair(state.session, &mechanism, public_half.data(), public_half.size(),
                                           private_half.data(), private_half.size(), &made[0], &made[1]),
            "C_GenerateKeyPair");
  });
  state.destroy(made);
  return time;
}

double RawKeyMaking::create(std::span<const std::byte> value, const PublicKey& half) {
  const State& state = *state_;
  const std::span<const std::byte> raw = half.bytes();
  std::array<std::byte, kP256PointSize + 2> point{std::byte{0x04}, static_cast<std::byte>(raw.size())};
  std::ranges::copy(raw, point.begin() + 2);
  Template private_half = state.empty();
  private_half.add_kind(CKO_PRIVATE_KEY, state.key_type());
  state.fill_private(private_half);
  private_half.add(CKA_EC_PARAMS, hal::pkcs11::curve_oid(state.spec.scheme));
  private_half.add(CKA_VALUE, value);
  Template public_half = state.empty();
  public_half.add_kind(CKO_PUBLIC_KEY, state.key_type());
  state.fill_public(public_half);
  public_half.add(CKA_EC_POINT, std::span<const std::byte>(point).first(raw.size() + 2));
  std::array<CK_OBJECT_HANDLE, 2> made{};
  const double time = time_once(1, [&](std::size_t) {
    for (Template* each : {&private_half, &public_half}) {
      CK_OBJECT_HANDLE& object = made[each == &private_half ? 0 : 1];
      require(state.calls->C_CreateObject(state.session, each->data(), each->size(), &object), "C_CreateObject");
    }
  });
  state.destroy(made);
  return time;
}

}  // namespace holdfast::bench
