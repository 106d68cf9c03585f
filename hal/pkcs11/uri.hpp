// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"
#include "hal/pkcs11/cryptoki.hpp"
#include "hal/pkcs11/module_config.hpp"

namespace holdfast::hal::pkcs11 {

inline constexpr std::size_t kMaxLabelSize = 128;  ///< bytes of CKA_LABEL we keep

/// A `pkcs11:` URI (RFC 7512), percent-decoded. What it leaves open is empty. The bytes are as given: a label may
/// hold anything but NUL.
struct KeyUri {
  FixedText<32> token;
  FixedText<32> manufacturer;
  FixedText<16> model;
  FixedText<16> serial;
  FixedText<kMaxLabelSize> object;
  Octets<kMaxKeyIdSize> id;
  std::optional<CK_SLOT_ID> slot;
  FixedText<kMaxModulePathSize> module_path;
  FixedText<64> module_name;
  FixedText<kMaxModulePathSize> pin_source;

  [[nodiscard]] bool names_an_object() const noexcept { return !object.empty() || !id.empty(); }
};

enum class UriUse : std::uint8_t {
  key,         ///< a slot is refused: its number changes with what is plugged in
  blank_token  ///< a token without a name yet has nothing but its slot
};

/// Reads a URI strictly. `invalid_uri` names the attribute that is wrong: twice there, unknown, empty,
/// of an impossible value, or badly encoded. `pin-value` and a `pin-source` that names no source (a command, or a PIN
/// by mistake) are refused with a hint and never repeated. Allocates (p11-kit's parser does).
[[nodiscard]] Result<KeyUri> parse_uri(std::string_view text, UriUse use) noexcept;

/// Writes `uri` in its one order: token, serial, manufacturer, model, object, id; module-path or module-name,
/// pin-source. A model, then (beside an id) an object that does not fit is left out; `resource_exhausted` if the
/// rest does not fit.
[[nodiscard]] Result<FixedText<kMaxKeyUriSize>> write_uri(const KeyUri& uri) noexcept;

}  // namespace holdfast::hal::pkcs11
