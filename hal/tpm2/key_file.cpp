// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/key_file.hpp"

#include "hal/display.hpp"
#include "hal/tpm2/storage_root.hpp"
#include "src/assertion/base64.hpp"

#include <tss2/tss2_tpm2_types.h>

namespace holdfast::hal::tpm2 {
namespace {

constexpr const char* kReading = "reading a TPM key file";
constexpr std::string_view kBegin = "-----BEGIN TSS2 PRIVATE KEY-----";
constexpr std::string_view kEnd = "-----END TSS2 PRIVATE KEY-----";
constexpr std::size_t kLineSize = 64;
constexpr std::size_t kMaxDerSize = 2560;

// X.690 tags.
constexpr std::uint8_t kBoolean = 0x01;
constexpr std::uint8_t kInteger = 0x02;
constexpr std::uint8_t kOctetString = 0x04;
constexpr std::uint8_t kObjectIdentifier = 0x06;
constexpr std::uint8_t kUtf8String = 0x0C;
constexpr std::uint8_t kSequence = 0x30;
constexpr std::uint8_t kFirstField = 0xA0;  // [0], explicit
constexpr std::uint8_t kLastField = 0xBF;

// 2.23.133.10.1.3, .4 and .5
constexpr std::array kTypePrefix{std::byte{0x67}, std::byte{0x81}, std::byte{0x05}, std::byte{0x0A}, std::byte{0x01}};
constexpr std::byte kLoadable{3};
constexpr std::byte kImportable{4};
constexpr std::byte kSealed{5};

Error invalid(std::string_view why) noexcept {
  return failure(Status::file_invalid, Layer::tpm2, kReading).about(why);
}

struct Element {
  std::uint8_t tag = 0;
  std::span<const std::byte> content;
};

// Definite lengths in their shortest form, as DER wants it.
class DerReader {
 public:
  explicit DerReader(std::span<const std::byte> in) noexcept : in_(in) {}

  [[nodiscard]] std::optional<Element> next() noexcept {
    ByteReader header(in_);
    Element element;
    element.tag = header.u8();
    std::size_t size = header.u8();
    if (size == 0x81) {
      size = header.u8();
      if (size < 0x80) return std::nullopt;
    } else if (size == 0x82) {
      size = header.u16();
      if (size < 0x100) return std::nullopt;
    } else if (size >= 0x80) {
      return std::nullopt;
    }
    element.content = header.bytes(size);
    if (!header.is_whole()) return std::nullopt;
    in_ = header.rest();
    return element;
  }
  [[nodiscard]] std::optional<std::span<const std::byte>> next(std::uint8_t tag) noexcept {
    const auto element = next();
    return element && element->tag == tag ? std::optional(element->content) : std::nullopt;
  }
  [[nodiscard]] bool is_at_field() const noexcept {
    return !in_.empty() && in_[0] >= std::byte{kFirstField} && in_[0] <= std::byte{kLastField};
  }
  [[nodiscard]] bool is_empty() const noexcept { return in_.empty(); }

 private:
  std::span<const std::byte> in_;
};

Result<std::size_t> decode_pem(std::string_view text, std::span<std::byte> out) noexcept {
  const std::size_t end = text.find(kEnd);
  if (!text.starts_with(kBegin) || end == std::string_view::npos) {
    return invalid("it is no PEM text of a TSS2 PRIVATE KEY");
  }
  const std::string_view after = text.substr(end + kEnd.size());
  if (after.find_first_not_of("\r\n") != std::string_view::npos) return invalid("something stands behind its end");
  FixedText<kMaxKeyFileSize> body;
  for (const char c : text.substr(kBegin.size(), end - kBegin.size())) {
    if (c != '\n' && c != '\r') body.append(c);
  }
  const auto size = decode_base64(Base64::standard, body.view(), out);
  if (!size) return invalid("its base64 is not well-formed, or it is cut short");
  return *size;
}

Result<void> check_type(std::span<const std::byte> type) noexcept {
  const bool is_tpm_key =
      type.size() == kTypePrefix.size() + 1 && std::ranges::equal(type.first(kTypePrefix.size()), kTypePrefix);
  if (!is_tpm_key) return invalid("its type is not that of a TPM key");
  if (type.back() == kLoadable) return {};
  if (type.back() == kImportable) {
    return invalid("it is an importable key")
        .with_hint("load it into this TPM first (tpm2_import), then use the result");
  }
  return invalid(type.back() == kSealed ? "it holds sealed data, not a key" : "its type is not that of a TPM key");
}

Result<bool> read_boolean(std::span<const std::byte> field) noexcept {
  DerReader in(field);
  const auto value = in.next(kBoolean);
  if (!value || value->size() != 1 || !in.is_empty()) return invalid("an optional field is malformed");
  return (*value)[0] != std::byte{0};  // tpm2-openssl 1.1 writes 01 for true, DER has FF
}

struct Fields {
  bool has_policy = false;
  std::optional<PcrPolicy> policy;
};

// TPMPolicy: the code of a policy command and what follows its session's handle. For TPM2_PolicyPCR that is the
// selection, and then the values' digest with no size before it.
struct PolicyStep {
  std::uint32_t code = 0;
  std::span<const std::byte> parameters;
};

std::optional<PolicyStep> read_step(DerReader& in) noexcept {
  const auto sequence = in.next(kSequence);
  if (!sequence) return std::nullopt;
  DerReader step(*sequence);
  const auto code_field = step.next(kFirstField);
  const auto parameters_field = step.next(kFirstField + 1);
  if (!code_field || !parameters_field || !step.is_empty()) return std::nullopt;
  DerReader code_in(*code_field);
  DerReader parameters_in(*parameters_field);
  const auto code = code_in.next(kInteger);
  const auto parameters = parameters_in.next(kOctetString);
  if (!code || !parameters || code->empty() || code->size() > 4 || !code_in.is_empty() || !parameters_in.is_empty()) {
    return std::nullopt;
  }
  PolicyStep read;
  for (const std::byte byte : *code) read.code = read.code << 8U | std::to_integer<std::uint32_t>(byte);
  read.parameters = *parameters;
  return read;
}

// Nothing for a well-formed policy of another kind than ours.
Result<std::optional<PcrPolicy>> read_policy(std::span<const std::byte> field) noexcept {
  const Error malformed = invalid("its policy is malformed");
  DerReader outer(field);
  const auto sequence = outer.next(kSequence);
  if (!sequence || !outer.is_empty()) return malformed;
  DerReader in(*sequence);
  PcrPolicy policy;
  bool is_ours = true;
  for (int i = 0; !in.is_empty(); ++i) {
    const auto step = read_step(in);
    if (!step) return malformed;
    if (i == 0 && step->code == TPM2_CC_PolicyPCR) {
      ByteReader parameters(step->parameters);
      const auto pcrs = read_selection(parameters);
      const auto values = parameters.bytes(policy.values.size());
      if (pcrs && !pcrs->empty() && parameters.is_exact()) {
        policy.pcrs = *pcrs;
        std::ranges::copy(values, policy.values.begin());
        continue;
      }
    } else if (i == 1 && step->code == TPM2_CC_PolicyAuthValue && step->parameters.empty()) {
      policy.needs_auth_value = true;
      continue;
    }
    is_ours = false;
  }
  if (!is_ours || policy.pcrs.empty()) return std::optional<PcrPolicy>{};
  return std::optional(policy);
}

Result<void> read_field(KeyFile& file, Fields& fields, const Element& element) noexcept {
  switch (element.tag - kFirstField) {
    case 0:
      file.has_empty_auth = HOLDFAST_TRY(read_boolean(element.content));
      return {};
    case 1:
      fields.has_policy = true;
      fields.policy = HOLDFAST_TRY(read_policy(element.content));
      return {};
    case 3:
      fields.has_policy = true;
      return {};
    case 2:
      return invalid("it has a secret, as only importable keys do");
    case 4: {
      DerReader in(element.content);
      const auto text = in.next(kUtf8String);
      if (!text || !in.is_empty()) return invalid("its description is malformed");
      append_printable(file.description, {reinterpret_cast<const char*>(text->data()), text->size()});
      return {};
    }
    case 5: {
      const bool is_rsa = HOLDFAST_TRY(read_boolean(element.content));
      if (!is_rsa) return {};
      return failure(Status::key_refused, Layer::tpm2, kReading)
          .about("its parent is an RSA storage root")
          .with_hint("make a new key: holdfast key generate tpm2:file=/PATH; its parent is the P-256 storage root");
    }
    default: {
      Error error = invalid("it has an optional field we do not know: [");
      const auto number = static_cast<unsigned>(element.tag - kFirstField);
      const char digits[] = {static_cast<char>('0' + number / 10), static_cast<char>('0' + number % 10)};
      error.detail.append(number < 10 ? std::string_view(digits + 1, 1) : std::string_view(digits, 2));
      error.detail.append("]");
      error.hint = "use the tool that wrote the key, or make a new one: holdfast key generate tpm2:file=/PATH";
      return error;
    }
  }
}

Result<std::uint32_t> read_parent(std::span<const std::byte> integer) noexcept {
  if (integer.empty() || integer.size() > 5 || (integer[0] & std::byte{0x80}) != std::byte{0} ||
      (integer.size() == 5 && integer[0] != std::byte{0})) {
    return invalid("its parent is malformed");
  }
  std::uint32_t parent = 0;
  for (const std::byte byte : integer) parent = parent << 8U | std::to_integer<std::uint32_t>(byte);
  if (parent == kOwnerHierarchy || parent >> 24U == TPM2_HT_PERSISTENT) return parent;
  return failure(Status::key_refused, Layer::tpm2, kReading)
      .about("its parent is neither the owner hierarchy nor a persistent key")
      .with_hint("make a new key: holdfast key generate tpm2:file=/PATH; its parent is the owner's storage root");
}

Result<void> check_policy(KeyFile& file, const Fields& fields) noexcept {
  const PublicArea& area = file.key.public_area;
  const Digest digest = fields.policy ? fields.policy->digest() : Digest{};
  const bool fits = fields.policy && std::ranges::equal(area.policy(), digest);
  if (fits) file.policy = fields.policy;
  if (fits || !area.is_used_by_policy()) return {};
  std::string_view why = "it can only be used by a policy of a kind that we cannot satisfy";
  if (!area.has_policy()) why = "it can be used by nobody: userWithAuth is clear and there is no policy";
  if (area.has_policy() && !fields.has_policy) why = "it can only be used by a policy, which the file does not say";
  if (fields.policy) why = "the policy that the file says is not the one the key was made with";
  return failure(Status::key_refused, Layer::tpm2, kReading)
      .about(why)
      .with_hint(
          "make a key that signs with its auth value or while PCRs are unchanged (--pcr): holdfast key generate "
          "tpm2:file=/PATH");
}

Result<KeyFile> read_der(std::span<const std::byte> der) noexcept {
  const Error malformed = invalid("its DER is malformed or cut short");
  DerReader outer(der);
  const auto sequence = outer.next(kSequence);
  if (!sequence || !outer.is_empty()) return malformed;
  DerReader in(*sequence);
  const auto type = in.next(kObjectIdentifier);
  if (!type) return malformed;
  HOLDFAST_TRY(check_type(*type));

  KeyFile file;
  Fields fields;
  std::uint8_t last = 0;
  while (in.is_at_field()) {
    const auto element = in.next();
    if (!element || element->tag <= last) return malformed;
    last = element->tag;
    HOLDFAST_TRY(read_field(file, fields, *element));
  }
  const auto parent = in.next(kInteger);
  const auto public_part = in.next(kOctetString);
  const auto private_part = in.next(kOctetString);
  if (!parent || !public_part || !private_part || !in.is_empty()) return malformed;
  file.parent = HOLDFAST_TRY(read_parent(*parent));

  ByteReader public_in(*public_part);
  const auto public_area = public_in.sized();
  ByteReader private_in(*private_part);
  const auto private_area = private_in.sized();
  if (!public_in.is_exact() || !private_in.is_exact()) return malformed;
  auto area = PublicArea::parse(public_area);
  if (!area || !file.key.private_area.assign(private_area)) return invalid("its public or private part is malformed");
  file.key.public_area = *area;
  HOLDFAST_TRY(check_policy(file, fields));
  return file;
}

class DerWriter {
 public:
  void element(std::uint8_t tag, std::span<const std::byte> content) noexcept {
    out_.u8(tag);
    if (content.size() >= 0x100) {
      out_.u8(0x82).u16(static_cast<std::uint16_t>(content.size()));
    } else if (content.size() >= 0x80) {
      out_.u8(0x81).u8(static_cast<std::uint8_t>(content.size()));
    } else {
      out_.u8(static_cast<std::uint8_t>(content.size()));
    }
    out_.bytes(content);
  }
  [[nodiscard]] std::span<const std::byte> written() const noexcept { return out_.written(); }
  [[nodiscard]] bool is_whole() const noexcept { return out_.is_whole(); }

 private:
  std::array<std::byte, kMaxDerSize> bytes_;  // NOLINT: written before it is read
  ByteWriter out_{bytes_};
};

// [1] SEQUENCE OF TPMPolicy, as read_policy reads it.
void write_policy(DerWriter& out, const PcrPolicy& policy) noexcept {
  const auto write_step = [](DerWriter& to, std::uint16_t code, std::span<const std::byte> parameters) noexcept {
    std::array<std::byte, 2> code_bytes{};
    ByteWriter(code_bytes).u16(code);
    DerWriter integer;
    integer.element(kInteger, code_bytes);
    DerWriter octets;
    octets.element(kOctetString, parameters);
    DerWriter step;
    step.element(kFirstField, integer.written());
    step.element(kFirstField + 1, octets.written());
    to.element(kSequence, step.written());
  };
  std::array<std::byte, kPcrSelectionSize + kSha256Size> parameters{};
  ByteWriter in(parameters);
  write_selection(in, policy.pcrs);
  in.bytes(policy.values);
  DerWriter steps;
  write_step(steps, TPM2_CC_PolicyPCR, in.written());
  if (policy.needs_auth_value) write_step(steps, TPM2_CC_PolicyAuthValue, {});
  DerWriter sequence;
  sequence.element(kSequence, steps.written());
  out.element(kFirstField + 1, sequence.written());
}

}  // namespace

Result<KeyFile> parse_key_file(std::string_view text) noexcept {
  std::array<std::byte, kMaxDerSize> der{};
  const std::size_t size = HOLDFAST_TRY(decode_pem(text, der));
  return read_der(std::span(der).first(size));
}

Result<FixedText<kMaxKeyFileSize>> write_key_file(const KeyFile& file) noexcept {
  const Error too_long =
      failure(Status::resource_exhausted, Layer::tpm2, "writing a TPM key file").about("it is too long");
  DerWriter fields;
  std::array<std::byte, kTypePrefix.size() + 1> type{};
  std::ranges::copy(kTypePrefix, type.begin());
  type.back() = kLoadable;
  fields.element(kObjectIdentifier, type);
  const std::array boolean{std::byte{kBoolean}, std::byte{1}, file.has_empty_auth ? std::byte{0xFF} : std::byte{0}};
  fields.element(kFirstField, boolean);
  if (file.policy) write_policy(fields, *file.policy);
  std::array<std::byte, 5> parent{};
  ByteWriter(std::span(parent).subspan(1)).u32(file.parent);
  const bool needs_sign_byte = (parent[1] & std::byte{0x80}) != std::byte{0};
  fields.element(kInteger, std::span(parent).subspan(needs_sign_byte ? 0 : 1));
  std::array<std::byte, kMaxPrivateSize + 2> part{};
  ByteWriter public_part(part);
  public_part.sized(file.key.public_area.bytes());
  fields.element(kOctetString, public_part.written());
  ByteWriter private_part(part);
  private_part.sized(file.key.private_area.view());
  fields.element(kOctetString, private_part.written());
  DerWriter sequence;
  sequence.element(kSequence, fields.written());
  if (!fields.is_whole() || !sequence.is_whole()) return too_long;

  std::array<char, kMaxKeyFileSize> base64{};
  const std::size_t size = encode_base64(Base64::standard, sequence.written(), base64);
  FixedText<kMaxKeyFileSize> out{kBegin};
  out.append("\n");
  std::string_view body(base64.data(), size);
  while (!body.empty()) {
    out.append(body.substr(0, kLineSize));
    out.append("\n");
    body.remove_prefix(std::min(body.size(), kLineSize));
  }
  out.append(kEnd);
  out.append("\n");
  if (size == 0 || !out.view().ends_with("-----\n")) return too_long;
  return out;
}

}  // namespace holdfast::hal::tpm2
