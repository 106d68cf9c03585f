// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include "hal/tpm2/octets.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace holdfast::hal::tpm2 {

inline constexpr std::size_t kPcrCount = 24;  ///< platform configuration registers (PC Client profile §4.6)

/// Some of the registers of one bank.
struct PcrSelection {
  std::uint16_t bank = 0;  ///< the hash algorithm's number, TPM_ALG_…
  std::uint32_t mask = 0;  ///< bit N: PCR N

  [[nodiscard]] bool empty() const noexcept { return mask == 0; }
  [[nodiscard]] bool contains(std::size_t pcr) const noexcept { return (mask >> pcr & 1U) != 0; }
  friend bool operator==(const PcrSelection&, const PcrSelection&) = default;
};

/// The registers that a key is bound to, as a URI spells them: `sha256:0,7`; with what they held when the key was
/// made, `sha256:0=1f2e3d4c,7=99aabbcc`.
///
/// Of each value the first four bytes are kept. They guard nothing (the TPM does, by the whole values); they are
/// there to tell a person *which* register is another one than it was.
struct PcrBinding {
  PcrSelection pcrs;
  bool has_marks = false;
  std::array<std::uint32_t, kPcrCount> marks{};

  [[nodiscard]] bool empty() const noexcept { return pcrs.empty(); }
};

inline constexpr std::size_t kMaxPcrTextSize = 7 + kPcrCount * 12;

/// Reads a binding; nothing unless it is one bank (`sha1`, `sha256`, `sha384`, `sha512`), a colon and at least one
/// register from 0 to 23, none of them twice, with marks for all or for none.
[[nodiscard]] std::optional<PcrBinding> parse_pcrs(std::string_view text) noexcept;

/// Writes it, registers in ascending order.
[[nodiscard]] FixedText<kMaxPcrTextSize> write_pcrs(const PcrBinding& binding) noexcept;

/// The bank's digest size in bytes; 0 for one that `parse_pcrs` does not take.
[[nodiscard]] std::size_t bank_digest_size(std::uint16_t bank) noexcept;

/// A TPML_PCR_SELECTION (TPM 2.0 Library Part 2 §10.9.7) of one bank, three octets of registers.
inline constexpr std::size_t kPcrSelectionSize = 4 + 2 + 1 + 3;
void write_selection(ByteWriter& out, const PcrSelection& pcrs) noexcept;
/// Nothing, and the reader where it may be, for another form of it.
[[nodiscard]] std::optional<PcrSelection> read_selection(ByteReader& in) noexcept;

}  // namespace holdfast::hal::tpm2
