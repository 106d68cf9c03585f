// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/command.hpp"

namespace holdfast::hal::tpm2 {

Command& Command::handle(std::uint32_t value, std::span<const std::byte> name) noexcept {
  if (handle_count_ == kMaxHandles) {
    is_well_formed_ = false;
    return *this;
  }
  Handle& added = handles_[handle_count_++];
  added.value = value;
  added.name = name;
  return *this;
}

Command& Command::handle(std::uint32_t value) noexcept {
  handle(value, {});
  if (is_well_formed_) {
    Handle& added = handles_[handle_count_ - 1];
    ByteWriter(added.own_name).u32(value);
    added.name = added.own_name;
  }
  return *this;
}

Command& Command::with_empty_auth() noexcept {
  if (authorization_count_ == kMaxAuthorizations) {
    is_well_formed_ = false;
  } else {
    authorizations_[authorization_count_++] = {};
  }
  return *this;
}

Command& Command::with_session(AuthSession& session, std::span<const std::byte> auth_value) noexcept {
  if (authorization_count_ == kMaxAuthorizations) {
    is_well_formed_ = false;
  } else {
    authorizations_[authorization_count_++] = {&session, auth_value};
  }
  return *this;
}

Digest Command::parameter_hash() const noexcept {
  std::array<std::byte, 4> code{};
  ByteWriter(code).u32(code_);
  static_assert(kMaxHandles == 3);
  return hash({code, handles_[0].name, handles_[1].name, handles_[2].name, parameters_.written()});
}

}  // namespace holdfast::hal::tpm2
