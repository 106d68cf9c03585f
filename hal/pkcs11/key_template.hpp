// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"
#include "hal/pkcs11/attributes.hpp"
#include "hal/pkcs11/cryptoki.hpp"

namespace holdfast::hal::pkcs11 {

/// A CK_ATTRIBUTE template whose values stay where they are.
class Template {
 public:
  /// `mechanism` is the one that `add_mechanism` pins.
  explicit Template(CK_MECHANISM_TYPE mechanism) noexcept : mechanism_(mechanism) {}
  Template(const Template&) = delete;
  Template& operator=(const Template&) = delete;

  void add(CK_ATTRIBUTE_TYPE type, bool value) noexcept {
    attributes_[count_++] = {type, value ? &true_ : &false_, sizeof(CK_BBOOL)};
  }
  void add(CK_ATTRIBUTE_TYPE type, std::span<const std::byte> value) noexcept {
    attributes_[count_++] = {type, native(value), value.size()};
  }
  void add_kind(CK_OBJECT_CLASS object_class, CK_KEY_TYPE key_type) noexcept {
    class_ = object_class;
    key_type_ = key_type;
    attributes_[count_++] = {CKA_CLASS, &class_, sizeof class_};
    attributes_[count_++] = {CKA_KEY_TYPE, &key_type_, sizeof key_type_};
  }
  void add_mechanism() noexcept { attributes_[count_++] = {CKA_ALLOWED_MECHANISMS, &mechanism_, sizeof mechanism_}; }
  [[nodiscard]] CK_ATTRIBUTE* data() noexcept { return attributes_.data(); }
  [[nodiscard]] CK_ULONG size() const noexcept { return count_; }

 private:
  std::array<CK_ATTRIBUTE, 24> attributes_{};
  CK_ULONG count_ = 0;
  CK_BBOOL true_ = CK_TRUE;
  CK_BBOOL false_ = CK_FALSE;
  CK_OBJECT_CLASS class_ = 0;
  CK_KEY_TYPE key_type_ = 0;
  CK_MECHANISM_TYPE mechanism_;
};

enum class KeyUse : std::uint8_t { signing, deriving };

/// The strongest private half for `use` without `dropped`: private, sensitive, not extractable, of that one use.
void fill_private(Template& to, const KeySpec& spec, KeyUse use, const KeyAttributeSet& dropped) noexcept;
/// A public half on `curve`.
void fill_public(Template& to, const KeySpec& spec, std::span<const std::byte> curve,
                 const KeyAttributeSet& dropped) noexcept;

/// The sets of attributes a template may leave out, smallest first: each alone, each two, all.
class DropSets {
 public:
  /// False when there is no further one.
  [[nodiscard]] bool next(KeyAttributeSet& set) noexcept;

 private:
  [[nodiscard]] bool is_single() const noexcept { return second_ == 0; }
  void advance() noexcept;
  std::size_t first_ = 0;
  std::size_t second_ = 0;  // one more than the index; 0: none
  bool is_all_given_ = false;
};

/// Whether a token that answers `code` may take a template that leaves something out.
[[nodiscard]] bool is_about_the_template(CK_RV code) noexcept;
/// Whether it may take another form of the curve.
[[nodiscard]] bool is_about_the_curve(CK_RV code) noexcept;

/// A key pair as the token made it.
struct KeyPair {
  CK_OBJECT_HANDLE private_key = CK_INVALID_HANDLE;
  CK_OBJECT_HANDLE public_key = CK_INVALID_HANDLE;
  KeyAttributeSet dropped;  ///< what the token did not take of the strongest template
};

/// Makes a key pair from the strongest template the token takes: private, sensitive, not extractable, signing only,
/// not modifiable, not copyable, its one mechanism pinned.
///
/// A token says that it does not like a template, not what of it. So first each attribute that may be missing is left
/// out alone, then each two of them, then all; a refused template makes no key, so this costs calls and nothing else.
/// Private, sensitive, not extractable and sign are never left out. `spec.id` is one that nothing in the token has: a
/// token may have made the key that it says it has not, and all that is there under the id after a failure is
/// removed.
[[nodiscard]] Result<KeyPair> generate_pair(const Session& session, const KeySpec& spec) noexcept;

/// Removes the key pairs under `id` but `kept`, if one is; true if none of them is left.
bool remove_pairs(const Session& session, std::span<const std::byte> id, const KeyPair& kept = {}) noexcept;

}  // namespace holdfast::hal::pkcs11
