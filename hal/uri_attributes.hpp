// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/key_device.hpp"
#include "hal/percent_encoding.hpp"

#include <optional>

/// A key URI's attributes, read strictly and written in one order: `scheme path *( ";" path ) "?" query *( "&" query
/// )`, the shape RFC 7512 §2.3 gives to `pkcs11:` URIs and we give to `tpm2:` ones. Nothing here allocates.
namespace holdfast::hal {

/// Whether `text` begins with `scheme` (in small letters, with its colon). Schemes are the same in capitals
/// (RFC 3986 §3.1); attribute names are not (RFC 7512 §2.3).
[[nodiscard]] bool has_scheme(std::string_view text, std::string_view scheme) noexcept;

struct UriAttribute {
  std::string_view name;
  bool is_query;  ///< stands behind the question mark
};

/// What a back end's key URI may hold. Everything it points to outlives it.
struct UriGrammar {
  std::string_view scheme;                   ///< in small letters, with its colon
  std::span<const UriAttribute> attributes;  ///< at most 32; an attribute is known by its place in here
  std::string_view path_characters;          ///< beside letters and digits, what may stand there not encoded
  std::string_view query_characters;
  Layer layer;
  const char* hint = nullptr;  ///< of every refusal; a literal

  /// `invalid_uri`: `about` (shown with its control characters replaced, at most 64 bytes) and what is wrong with it.
  [[nodiscard]] Error refuse(std::string_view about, std::string_view why) const noexcept;

  /// Whether `octet`, taken off a value of `attribute`, may stand there: refuses a % without two digits and what
  /// would have to be encoded.
  [[nodiscard]] Result<void> check(const UriAttribute& attribute, DecodedOctet octet) const noexcept;
};

/// One pass over a URI's attributes.
class UriReading {
 public:
  explicit UriReading(const UriGrammar& grammar) noexcept : grammar_(grammar) {}

  /// Calls `take(index, value)` for each attribute, in the URI's order, with the place in the grammar's table and the
  /// value as it stands (nothing if there is no `=`). Refused before `take` sees them: a URI over 1024 characters or
  /// of another scheme, an attribute that is unknown, in the wrong part, there twice or without a name, an empty last
  /// one, an empty query. Stops at the first error, `take`'s too.
  template <typename Take>
  [[nodiscard]] Result<void> read(std::string_view text, Take&& take) noexcept {
    HOLDFAST_TRY(begin(text));
    while (true) {
      const std::optional<Found> found = HOLDFAST_TRY(next());
      if (!found) return {};
      HOLDFAST_TRY(take(found->index, found->value));
    }
  }

  [[nodiscard]] bool is_seen(std::size_t index) const noexcept { return (seen_ & (1U << index)) != 0; }

 private:
  struct Found {
    std::size_t index;
    std::optional<std::string_view> value;
  };
  Result<void> begin(std::string_view text) noexcept;
  Result<std::optional<Found>> next() noexcept;
  Result<Found> identify(std::string_view text) noexcept;

  const UriGrammar& grammar_;
  std::string_view part_;                  ///< what is left of the part that is read
  std::optional<std::string_view> query_;  ///< until it is that part
  std::uint32_t seen_ = 0;
  bool is_query_ = false;
  bool is_cut_off_ = false;  ///< the part ended in a separator
};

/// A URI as it grows; remembers that something did not fit, where FixedText cuts.
class UriWriting {
 public:
  /// `scheme` with its colon; what stands plain in a value beside letters and digits.
  UriWriting(std::string_view scheme, std::string_view plain_in_path, std::string_view plain_in_query) noexcept
      : plain_in_path_(plain_in_path), plain_in_query_(plain_in_query) {
    append(scheme);
  }

  /// Appends the attribute, encoded, unless its value is empty. All of the path comes before the query.
  void path(std::string_view name, std::string_view value) noexcept;
  void query(std::string_view name, std::string_view value) noexcept;
  /// With every octet encoded (RFC 7512 §2.3 recommends it for an id).
  void path(std::string_view name, std::span<const std::byte> value) noexcept;

  [[nodiscard]] bool is_cut() const noexcept { return is_cut_; }
  /// `resource_exhausted` of `layer` if something did not fit.
  [[nodiscard]] Result<FixedText<kMaxKeyUriSize>> text(Layer layer) const noexcept;

 private:
  void append(std::string_view text) noexcept;
  void begin(std::string_view name, bool is_query) noexcept;
  void append_value(std::string_view value, std::string_view plain) noexcept;

  FixedText<kMaxKeyUriSize> text_;
  std::string_view plain_in_path_;
  std::string_view plain_in_query_;
  bool has_path_ = false;
  bool has_query_ = false;
  bool is_cut_ = false;
};

}  // namespace holdfast::hal
