// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/pcr.hpp"

#include <tss2/tss2_tpm2_types.h>

#include <charconv>

namespace holdfast::hal::tpm2 {
namespace {

struct Bank {
  std::string_view name;
  std::uint16_t algorithm;
  std::size_t digest_size;
};

constexpr Bank kBanks[] = {{"sha1", TPM2_ALG_SHA1, 20},
                           {"sha256", TPM2_ALG_SHA256, 32},
                           {"sha384", TPM2_ALG_SHA384, 48},
                           {"sha512", TPM2_ALG_SHA512, 64}};
constexpr std::size_t kMarkDigits = 8;

std::optional<std::uint32_t> number(std::string_view digits, int base) noexcept {
  std::uint32_t value = 0;
  const char* end = digits.data() + digits.size();
  const bool has_form = !digits.empty() && digits.front() != '+' && digits.front() != '-';
  if (!has_form) return std::nullopt;
  const auto [stop, code] = std::from_chars(digits.data(), end, value, base);
  return stop == end && code == std::errc{} ? std::optional(value) : std::nullopt;
}

}  // namespace

std::optional<PcrBinding> parse_pcrs(std::string_view text) noexcept {
  const std::size_t colon = text.find(':');
  const Bank* bank = std::ranges::find(kBanks, text.substr(0, colon), &Bank::name);
  if (colon == std::string_view::npos || bank == std::ranges::end(kBanks)) return std::nullopt;
  text.remove_prefix(colon + 1);
  PcrBinding binding;
  binding.pcrs.bank = bank->algorithm;
  std::size_t marked = 0;
  std::size_t count = 0;
  while (true) {
    const std::size_t comma = text.find(',');
    const std::string_view one = text.substr(0, comma);
    const std::size_t equals = one.find('=');
    const auto pcr = number(one.substr(0, equals), 10);
    if (!pcr || *pcr >= kPcrCount || binding.pcrs.contains(*pcr)) return std::nullopt;
    binding.pcrs.mask |= 1U << *pcr;
    ++count;
    if (equals != std::string_view::npos) {
      const std::string_view digits = one.substr(equals + 1);
      const auto mark = number(digits, 16);
      if (!mark || digits.size() != kMarkDigits) return std::nullopt;
      binding.marks[*pcr] = *mark;
      ++marked;
    }
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  if (marked != 0 && marked != count) return std::nullopt;
  binding.has_marks = marked != 0;
  return binding;
}

FixedText<kMaxPcrTextSize> write_pcrs(const PcrBinding& binding) noexcept {
  FixedText<kMaxPcrTextSize> out;
  const Bank* bank = std::ranges::find(kBanks, binding.pcrs.bank, &Bank::algorithm);
  if (binding.empty() || bank == std::ranges::end(kBanks)) return out;
  out.append(bank->name);
  char separator = ':';
  for (std::size_t pcr = 0; pcr < kPcrCount; ++pcr) {
    if (!binding.pcrs.contains(pcr)) continue;
    char digits[2 + 1 + kMarkDigits];
    out.append(separator);
    separator = ',';
    const char* end = std::to_chars(digits, digits + 2, pcr).ptr;
    out.append({digits, static_cast<std::size_t>(end - digits)});
    if (!binding.has_marks) continue;
    constexpr char kHex[] = "0123456789abcdef";
    out.append("=");
    for (std::size_t i = 0; i < kMarkDigits; ++i) {
      out.append(kHex[binding.marks[pcr] >> (28 - 4 * i) & 15U]);
    }
  }
  return out;
}

std::size_t bank_digest_size(std::uint16_t bank) noexcept {
  const Bank* found = std::ranges::find(kBanks, bank, &Bank::algorithm);
  return found != std::ranges::end(kBanks) ? found->digest_size : 0;
}

void write_selection(ByteWriter& out, const PcrSelection& pcrs) noexcept {
  out.u32(1).u16(pcrs.bank).u8(kPcrCount / 8);
  for (std::size_t octet = 0; octet < kPcrCount / 8; ++octet) {
    out.u8(static_cast<std::uint8_t>(pcrs.mask >> (8 * octet) & 0xFFU));
  }
}

std::optional<PcrSelection> read_selection(ByteReader& in) noexcept {
  if (in.u32() != 1) return std::nullopt;
  PcrSelection pcrs;
  pcrs.bank = in.u16();
  const bool has_three_octets = in.u8() == kPcrCount / 8;
  for (std::size_t octet = 0; octet < kPcrCount / 8; ++octet) {
    pcrs.mask |= static_cast<std::uint32_t>(in.u8()) << (8 * octet);
  }
  if (!has_three_octets || !in.is_whole() || bank_digest_size(pcrs.bank) == 0) return std::nullopt;
  return pcrs;
}

}  // namespace holdfast::hal::tpm2
