// SPDX-License-Identifier: Apache-2.0
#include "holdfast/public_key.hpp"

#include "src/assertion/base64.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace holdfast {
namespace {

// RFC 4251 §5: a string is its length in four bytes, big-endian, and its bytes.
constexpr std::size_t kLengthSize = 4;

struct KeyFormat {
  Scheme scheme;
  std::string_view type;
  std::string_view curve;  // RFC 5656 §3.1 puts it between the type and the point; RFC 8709 §4 has none
  std::size_t key_size;

  [[nodiscard]] constexpr std::size_t blob_size() const noexcept {
    return kLengthSize + type.size() + (curve.empty() ? 0 : kLengthSize + curve.size()) + kLengthSize + key_size;
  }
};

constexpr std::array<KeyFormat, 2> kFormats{{
    {Scheme::ed25519, "ssh-ed25519", "", kEd25519KeySize},
    {Scheme::es256, "ecdsa-sha2-nistp256", "nistp256", kP256PointSize},
}};

constexpr std::size_t kMaxBlobSize = kFormats[1].blob_size();
static_assert(kFormats[0].blob_size() == 51 && kMaxBlobSize == 104);
static_assert(kFormats[1].type.size() + 1 + base64_size(Base64::standard, kMaxBlobSize) <= kMaxSshPublicKeySize);

using Blob = std::array<std::byte, kMaxBlobSize>;

class BlobWriter {
 public:
  void put_string(std::span<const std::byte> bytes) noexcept {
    for (std::size_t i = 0; i < kLengthSize; ++i) {
      blob_[size_++] = static_cast<std::byte>(bytes.size() >> 8 * (kLengthSize - 1 - i));
    }
    for (const std::byte b : bytes) blob_[size_++] = b;
  }
  void put_string(std::string_view text) noexcept { put_string(std::as_bytes(std::span(text))); }
  [[nodiscard]] std::span<const std::byte> view() const noexcept { return {blob_.data(), size_}; }

 private:
  Blob blob_{};
  std::size_t size_ = 0;
};

// Takes the next string off the front of `rest`; empty if it is cut short.
std::optional<std::span<const std::byte>> take_string(std::span<const std::byte>& rest) noexcept {
  if (rest.size() < kLengthSize) return std::nullopt;
  std::size_t size = 0;
  for (const std::byte b : rest.first(kLengthSize)) size = size << 8 | std::to_integer<std::size_t>(b);
  rest = rest.subspan(kLengthSize);
  if (rest.size() < size) return std::nullopt;
  const auto taken = rest.first(size);
  rest = rest.subspan(size);
  return taken;
}

bool is_text(const std::optional<std::span<const std::byte>>& field, std::string_view text) noexcept {
  return field && std::ranges::equal(*field, std::as_bytes(std::span(text)));
}

Error refusal(std::string_view rule) noexcept {
  return failure(Status::invalid_argument, Layer::core, "reading an SSH public key").about(rule);
}

Result<PublicKey> parse_blob(const KeyFormat& format, std::span<const std::byte> blob) noexcept {
  if (!is_text(take_string(blob), format.type)) return refusal("the key type inside differs from the one in front");
  if (!format.curve.empty() && !is_text(take_string(blob), format.curve)) return refusal("the curve is not nistp256");
  const auto key = take_string(blob);
  if (!key) return refusal("the key is cut short");
  if (!blob.empty()) return refusal("bytes follow the key");
  auto parsed = PublicKey::from_bytes(format.scheme, *key);
  if (!parsed) return refusal(parsed.error().detail.view());
  return parsed;
}

}  // namespace

SshPublicKey to_ssh_public_key(const PublicKey& key) noexcept {
  const KeyFormat& format = kFormats[key.scheme() == Scheme::ed25519 ? 0 : 1];
  BlobWriter blob;
  blob.put_string(format.type);
  if (!format.curve.empty()) blob.put_string(format.curve);
  blob.put_string(key.bytes());
  std::array<char, base64_size(Base64::standard, kMaxBlobSize)> text{};
  const std::size_t size = encode_base64(Base64::standard, blob.view(), text);
  SshPublicKey line(format.type);
  line.append(" ");
  line.append({text.data(), size});
  return line;
}

Result<PublicKey> parse_ssh_public_key(std::string_view line) noexcept {
  const std::size_t space = line.find(' ');
  const std::string_view type = line.substr(0, space);
  const auto* const format = std::ranges::find(kFormats, type, &KeyFormat::type);
  if (format == kFormats.end()) return refusal("it begins neither with 'ssh-ed25519' nor with 'ecdsa-sha2-nistp256'");
  if (space == std::string_view::npos) return refusal("nothing follows the key type");
  const std::string_view text = line.substr(space + 1);
  if (text.find_first_of(" \t\r\n") != std::string_view::npos) {
    return refusal("white space or a comment beside the one space after the key type");
  }
  Blob blob{};
  const auto size = decode_base64(Base64::standard, text, blob);
  if (!size) return refusal(size.error().detail.view());
  return parse_blob(*format, std::span(blob).first(*size));
}

}  // namespace holdfast
