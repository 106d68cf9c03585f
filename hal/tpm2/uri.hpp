// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/result.hpp"

#include "hal/key_device.hpp"
#include "hal/tpm2/octets.hpp"
#include "hal/tpm2/pcr.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace holdfast::hal::tpm2 {

inline constexpr std::size_t kMaxPathSize = 512;
inline constexpr std::size_t kMaxTctiSize = 256;

/// An object's name: the hash algorithm's number and the hash of its public area (TPM 2.0 Library Part 1 §16).
inline constexpr std::size_t kNameSize = 34;
using Name = Octets<kNameSize>;

/// A key URI of this back end, percent-decoded. It has the shape of a `pkcs11:` URI: what names the key, then what
/// tells how to reach it.
///
///     tpm2-URI  = "tpm2:" [ path *( ";" path ) ] [ "?" query *( "&" query ) ]
///     path      = "file=" absolute-path      ; a TSS2 PRIVATE KEY in PEM
///               / "handle=0x" 8HEXDIG        ; a persistent key, 81000000 to 81FFFFFF
///               / "pcr=" bank ":" list       ; the registers the key is bound to: see PcrBinding
///               / "srk-name=" 68HEXDIG       ; the pinned name of the storage root
///     query     = "tcti=" name [ ":" conf ]  ; default device:/dev/tpmrm0
///               / "pin-source=" source       ; where the key's auth value comes from
///
/// `file` and `handle` exclude each other; with neither, the URI means the TPM and all of its persistent keys.
struct KeyUri {
  FixedText<kMaxPathSize> file;
  std::optional<std::uint32_t> handle;
  PcrBinding pcrs;
  Name srk_name;
  FixedText<kMaxTctiSize> tcti;
  FixedText<kMaxPathSize> pin_source;
};

/// Reads a URI strictly: `invalid_uri` names the attribute that is twice there, unknown, empty, impossible or badly
/// encoded. Allocates nothing.
[[nodiscard]] Result<KeyUri> parse_uri(std::string_view text) noexcept;

/// Writes `uri` in its one order: file or handle, pcr, srk-name; tcti, pin-source. `resource_exhausted` if it does
/// not fit.
[[nodiscard]] Result<FixedText<kMaxKeyUriSize>> write_uri(const KeyUri& uri) noexcept;

}  // namespace holdfast::hal::tpm2
