// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/token.hpp"

#include "hal/display.hpp"
#include "hal/tpm2/commands.hpp"
#include "hal/tpm2/lockout.hpp"

#include <tss2/tss2_tpm2_types.h>

#include <charconv>

namespace holdfast::hal::tpm2 {
namespace {

// Four characters in a number, padded with spaces or zeroes (Part 2 §6.13).
template <std::size_t Capacity>
void append_characters(FixedText<Capacity>& to, std::uint32_t value) noexcept {
  std::array<std::byte, 4> bytes{};
  ByteWriter(bytes).u32(value);
  for (const std::byte byte : bytes) {
    const char c = static_cast<char>(byte);
    if (c != '\0') append_printable(to, {&c, 1});
  }
}

template <std::size_t Capacity>
FixedText<Capacity> trimmed(const FixedText<Capacity>& text) noexcept {
  std::string_view view = text.view();
  while (!view.empty() && view.back() == ' ') view.remove_suffix(1);
  FixedText<Capacity> out;
  for (std::size_t i = 0; i < view.size(); ++i) {
    if (view[i] != ' ' || (i > 0 && view[i - 1] != ' ')) out.append(view.substr(i, 1));
  }
  return out;
}

void append_version(FixedText<96>& to, std::uint32_t first, std::uint32_t second) noexcept {
  const auto append = [&to](std::uint32_t number) {
    char digits[8];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    to.append({digits, static_cast<std::size_t>(end - digits)});
  };
  append(first >> 16U);
  to.append(".");
  append(first & 0xFFFFU);
  to.append(".");
  append(second >> 16U);
  to.append(".");
  append(second & 0xFFFFU);
}

Error malformed() noexcept {
  return failure(Status::device_fault, Layer::tpm2, "describing the TPM").about("the TPM's answer is malformed");
}

Result<bool> has_p256(Connection& tpm) noexcept {
  ByteReader in = HOLDFAST_TRY(get_capability(tpm, TPM2_CAP_ECC_CURVES, TPM2_ECC_NIST_P256, 1, kNoDeadline));
  const std::uint32_t count = in.u32();
  const bool is_there = count != 0 && in.u16() == TPM2_ECC_NIST_P256;
  if (!in.is_whole()) return malformed();
  return is_there;
}

}  // namespace

Result<TokenDescription> read_token(Connection& tpm) noexcept {
  constexpr std::uint32_t kCount = 16;
  ByteReader in =
      HOLDFAST_TRY(get_capability(tpm, TPM2_CAP_TPM_PROPERTIES, TPM2_PT_FAMILY_INDICATOR, kCount, kNoDeadline));
  TokenDescription token;
  FixedText<64> vendor;
  std::uint32_t firmware[2]{};
  const std::uint32_t count = std::min(in.u32(), kCount);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t property = in.u32();
    const std::uint32_t value = in.u32();
    if (property == TPM2_PT_MANUFACTURER) append_characters(token.manufacturer, value);
    if (property >= TPM2_PT_VENDOR_STRING_1 && property <= TPM2_PT_VENDOR_STRING_4) append_characters(vendor, value);
    if (property == TPM2_PT_FIRMWARE_VERSION_1) firmware[0] = value;
    if (property == TPM2_PT_FIRMWARE_VERSION_2) firmware[1] = value;
  }
  if (!in.is_whole()) return malformed();
  token.manufacturer = trimmed(token.manufacturer);
  token.model = trimmed(vendor);
  token.label = FixedText<64>("TPM 2.0");
  token.library = FixedText<96>("firmware ");
  append_version(token.library, firmware[0], firmware[1]);
  token.is_initialised = true;
  token.can_es256 = HOLDFAST_TRY(has_p256(tpm));
  constexpr std::uint32_t kInLockout = 1U << 9U;  // TPMA_PERMANENT (Part 2 §8.6)
  const auto permanent = HOLDFAST_TRY(get_property(tpm, TPM2_PT_PERMANENT, kNoDeadline));
  token.pin_locked = permanent && (*permanent & kInLockout) != 0;
  // A TPM that does not state them is described all the same; what needs them asks again.
  if (const auto lockout = Lockout::read(tpm, kNoDeadline)) {
    token.failure_count = {lockout->failures, lockout->limit, lockout->seconds_to_forget};
  }
  return token;
}

Result<PersistentHandles> PersistentHandles::read(Connection& tpm, BootTime deadline) noexcept {
  PersistentHandles handles;
  ByteReader in = HOLDFAST_TRY(get_capability(tpm, TPM2_CAP_HANDLES, TPM2_PERSISTENT_FIRST,
                                              static_cast<std::uint32_t>(handles.handles_.size()), deadline));
  const std::size_t count = std::min<std::size_t>(in.u32(), handles.handles_.size());
  for (std::size_t i = 0; i < count; ++i) handles.handles_[handles.count_++] = in.u32();
  if (!in.is_whole()) {
    return failure(Status::device_fault, Layer::tpm2, "listing persistent keys")
        .about("the TPM's answer is malformed");
  }
  return handles;
}

FixedText<128> label_of(const KeyUri& uri) noexcept {
  if (uri.handle) {
    FixedText<128> label{"0x"};
    char digits[8];
    const auto end = std::to_chars(digits, digits + sizeof digits, *uri.handle, 16).ptr;
    label.append({digits, static_cast<std::size_t>(end - digits)});
    return label;
  }
  std::string_view name = uri.file.view();
  name.remove_prefix(std::min(name.size(), name.rfind('/') + 1));
  const std::size_t dot = name.rfind('.');
  return FixedText<128>(dot == std::string_view::npos || dot == 0 ? name : name.substr(0, dot));
}

}  // namespace holdfast::hal::tpm2
