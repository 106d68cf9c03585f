// SPDX-License-Identifier: Apache-2.0
#include "src/assertion/base64.hpp"

#include "src/assertion/detail_text.hpp"

#include <array>
#include <bit>
#include <cstring>

namespace holdfast {
namespace {

constexpr std::string_view kStandardAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrlAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::string_view alphabet_of(Base64 form) noexcept {
  return form == Base64::standard ? kStandardAlphabet : kUrlAlphabet;
}

constexpr std::uint8_t kNoDigit = 0xFF;
using DigitTable = std::array<std::uint8_t, 256>;

constexpr DigitTable digits_of(std::string_view alphabet) noexcept {
  DigitTable table{};
  table.fill(kNoDigit);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::uint8_t>(i);
  }
  return table;
}

constexpr DigitTable kStandardDigits = digits_of(kStandardAlphabet);
constexpr DigitTable kUrlDigits = digits_of(kUrlAlphabet);

constexpr const char* kDecoding = "decoding base64";

Error refusal(std::string_view rule) noexcept {
  return failure(Status::invalid_argument, Layer::core, kDecoding).about(rule);
}

// Sixteen digits at once, in a vector that gcc and clang make of what each architecture has: half the time of one
// digit after the other, and no table to be fetched again after the token's work.
using Digits = std::int8_t __attribute__((vector_size(16)));
constexpr std::size_t kBlockBytes = sizeof(Digits) / 4 * 3;

std::uint64_t in_order_of_text(std::uint64_t word) noexcept {
  return std::endian::native == std::endian::big ? word : __builtin_bswap64(word);
}

// The first six of eight bytes, six bits in each byte of the result: halves the groups of bits until each is one
// digit's.
std::uint64_t eight_values(const std::byte* in) noexcept {
  std::uint64_t word;  // NOLINT: written before it is read
  std::memcpy(&word, in, sizeof word);
  word = in_order_of_text(word) >> 16U;
  word = (word & 0x0000'0000'00FF'FFFFU) | (word & 0x0000'FFFF'FF00'0000U) << 8U;
  word = (word & 0x0000'0FFF'0000'0FFFU) | (word & 0x00FF'F000'00FF'F000U) << 4U;
  word = (word & 0x003F'003F'003F'003FU) | (word & 0x0FC0'0FC0'0FC0'0FC0U) << 2U;
  return in_order_of_text(word);
}

// The alphabet has four ranges and their ends: a comparison of each is all ones where it holds.
Digits digits_in_block(Base64 form, const std::byte* in) noexcept {
  using Words = std::uint64_t __attribute__((vector_size(16)));
  const Digits values = reinterpret_cast<Digits>(Words{eight_values(in), eight_values(in + kBlockBytes / 2)});
  const auto from = [&](std::int8_t first, int step) { return (values >= first) & static_cast<std::int8_t>(step); };
  const char minus = form == Base64::standard ? '+' : '-';
  const char slash = form == Base64::standard ? '/' : '_';
  return values + 'A' + from(26, 'a' - 26 - 'A') + from(52, '0' - 52 - ('a' - 26)) +
         from(62, minus - 62 - ('0' - 52)) + from(63, slash - 63 - (minus - 62));
}

Error wrong_character(std::string_view text, std::size_t position) noexcept {
  DetailText detail;
  const auto character = static_cast<unsigned char>(text[position]);
  if (character == '=') {
    detail << "padding where none belongs, at character " << position + 1;
  } else {
    detail << "character " << position + 1 << " (";
    detail.hex(character) << ") is not of this base64 alphabet";
  }
  return refusal(detail.view());
}

}  // namespace

// An own encoder, because it runs twice per header: libsodium's, which is for secrets and therefore without tables,
// takes nine times as long. Nothing encoded here is secret.
std::size_t encode_base64(Base64 form, std::span<const std::byte> bytes, std::span<char> out) noexcept {
  const std::size_t size = base64_size(form, bytes.size());
  if (out.size() < size) return 0;
  const std::byte* in = bytes.data();
  char* to = out.data();
  std::size_t left = bytes.size();
  // Two bytes more are read than are taken.
  for (; left >= kBlockBytes + 2; left -= kBlockBytes, in += kBlockBytes, to += sizeof(Digits)) {
    const Digits digits = digits_in_block(form, in);
    std::memcpy(to, &digits, sizeof digits);
  }
  const char* const digit = alphabet_of(form).data();
  for (; left >= 3; left -= 3, in += 3, to += 4) {
    const auto group = std::to_integer<std::uint32_t>(in[0]) << 16U | std::to_integer<std::uint32_t>(in[1]) << 8U |
                       std::to_integer<std::uint32_t>(in[2]);
    to[0] = digit[group >> 18U];
    to[1] = digit[group >> 12U & 63U];
    to[2] = digit[group >> 6U & 63U];
    to[3] = digit[group & 63U];
  }
  if (left == 0) return size;
  const auto first = std::to_integer<std::uint32_t>(in[0]);
  const auto second = left == 2 ? std::to_integer<std::uint32_t>(in[1]) : 0U;
  *to++ = digit[first >> 2U];
  *to++ = digit[(first << 4U | second >> 4U) & 63U];
  if (left == 2) *to++ = digit[second << 2U & 63U];
  if (form == Base64::standard) {
    if (left == 1) *to++ = '=';
    *to = '=';
  }
  return size;
}

Result<std::size_t> decode_base64(Base64 form, std::string_view text, std::span<std::byte> out) noexcept {
  std::size_t digit_count = text.size();
  if (form == Base64::standard) {
    if (text.size() % 4 != 0) return refusal("the length is not a multiple of four: padding is missing or surplus");
    if (text.ends_with('=')) digit_count -= text.ends_with("==") ? 2U : 1U;
  } else if (text.size() % 4 == 1) {
    return refusal("the length is not one that base64 can have");
  }
  const std::size_t size = digit_count / 4 * 3 + digit_count % 4 * 3 / 4;
  if (out.size() < size) {
    return failure(Status::buffer_too_small, Layer::core, kDecoding)
        .about((DetailText() << "the text holds " << size << " bytes, room is for " << out.size()).view());
  }
  const DigitTable& digits = form == Base64::standard ? kStandardDigits : kUrlDigits;
  std::uint32_t pending = 0;
  unsigned pending_bits = 0;
  std::size_t written = 0;
  for (std::size_t i = 0; i < digit_count; ++i) {
    const std::uint8_t digit = digits[static_cast<unsigned char>(text[i])];
    if (digit == kNoDigit) return wrong_character(text, i);
    pending = pending << 6U | digit;
    pending_bits += 6;
    if (pending_bits >= 8) {
      pending_bits -= 8;
      out[written++] = static_cast<std::byte>(pending >> pending_bits);
      pending &= (1U << pending_bits) - 1;
    }
  }
  // RFC 4648 §3.5: a decoder may let these bits through, and then several texts name the same bytes.
  if (pending != 0) return refusal("bits are set behind the last byte");
  return written;
}

}  // namespace holdfast
