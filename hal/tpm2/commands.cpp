// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/commands.hpp"

#include <tss2/tss2_tpm2_types.h>

namespace holdfast::hal::tpm2 {
namespace {

constexpr const char* kCreating = "making a key in the TPM";
constexpr const char* kLoading = "loading a key into the TPM";
constexpr const char* kReading = "reading a key's public area";

Error malformed(const char* doing) noexcept {
  return failure(Status::device_fault, Layer::tpm2, doing).about("the TPM's answer is malformed");
}

void write_sensitive(ByteWriter& out, std::span<const std::byte> auth_value) noexcept {
  std::array<std::byte, 64> sensitive{};
  ByteWriter in(sensitive);
  in.sized(auth_value).sized({});
  out.sized(in.written());
  wipe(sensitive);
}

Result<LoadedObject> judge_name(LoadedObject object, std::span<const std::byte> stated, const char* doing) noexcept {
  if (!object.name.assign(stated)) {
    return failure(Status::scheme_unsupported, Layer::tpm2, doing).about("the key's name is not a SHA-256");
  }
  object.name_matches = !object.name.empty() && object.name == object.public_area.name();
  return object;
}

}  // namespace

Result<ByteReader> get_capability(Connection& tpm, std::uint32_t capability, std::uint32_t first, std::uint32_t count,
                                  BootTime deadline) noexcept {
  constexpr const char* kAsking = "asking the TPM for its properties";
  Command command(TPM2_CC_GetCapability);
  command.parameters().u32(capability).u32(first).u32(count);
  const Reply reply = HOLDFAST_TRY(tpm.run(command, kAsking, deadline));
  ByteReader in(reply.parameters);
  in.u8();  // whether there is more
  if (in.u32() != capability || !in.is_whole()) return malformed(kAsking);
  return in;
}

Result<std::optional<std::uint32_t>> get_property(Connection& tpm, std::uint32_t property,
                                                  BootTime deadline) noexcept {
  ByteReader in = HOLDFAST_TRY(get_capability(tpm, TPM2_CAP_TPM_PROPERTIES, property, 1, deadline));
  const std::uint32_t count = in.u32();
  if (count == 0 && in.is_whole()) return std::optional<std::uint32_t>();
  const std::uint32_t stated = in.u32();
  const std::uint32_t value = in.u32();
  if (!in.is_whole()) return malformed("asking the TPM for its properties");
  return stated == property ? std::optional(value) : std::nullopt;
}

Result<LoadedObject> read_public(Connection& tpm, std::uint32_t handle, BootTime deadline) noexcept {
  Command command(TPM2_CC_ReadPublic);
  command.handle(handle);
  const Reply reply = HOLDFAST_TRY(tpm.run(command, kReading, deadline));
  ByteReader in(reply.parameters);
  LoadedObject object;
  object.handle = handle;
  const auto area = in.sized();
  const auto name = in.sized();
  in.sized();  // the qualified name
  if (!in.is_exact()) return malformed(kReading);
  const auto parsed = PublicArea::parse(area);
  if (!parsed) {
    return failure(Status::scheme_unsupported, Layer::tpm2, kReading)
        .about("the key is of a form that we do not read");
  }
  object.public_area = *parsed;
  return judge_name(object, name, kReading);
}

Result<LoadedObject> create_storage_root(Connection& tpm, std::uint32_t hierarchy, const Consent& consent,
                                         BootTime deadline) noexcept {
  constexpr const char* kMakingRoot = "making the storage root";
  Command command(TPM2_CC_CreatePrimary);
  command.handle(hierarchy).returning_handle();
  consent.apply(command);
  ByteWriter& out = command.parameters();
  write_sensitive(out, {});
  write_template(out, KeyUse::storage_root, false);
  out.sized({}).u32(0);  // no outside information, no PCR selection
  const Reply reply = HOLDFAST_TRY(tpm.run(command, kMakingRoot, deadline));
  ByteReader in(reply.parameters);
  LoadedObject object;
  object.handle = reply.handle;
  const auto read = [&]() noexcept -> Result<LoadedObject> {
    object.public_area = HOLDFAST_TRY(PublicArea::parse(in.sized()));
    in.sized();  // creation data
    in.sized();  // creation hash
    in.u16();    // the ticket
    in.u32();
    in.sized();
    const auto name = in.sized();
    if (!in.is_exact()) return malformed(kMakingRoot);
    return judge_name(object, name, kMakingRoot);
  };
  auto root = read();
  if (!root) tpm.flush(reply.handle);
  return root;
}

Result<WrappedKey> create_key(Connection& tpm, const LoadedObject& parent, KeyUse use,
                              std::span<const std::byte> auth_value, const Consent& consent, BootTime deadline,
                              std::span<const std::byte> policy) noexcept {
  Command command(TPM2_CC_Create);
  command.handle(parent.handle, parent.name.view());
  consent.apply(command);
  ByteWriter& out = command.parameters();
  write_sensitive(out, auth_value);
  write_template(out, use, !auth_value.empty(), policy);
  out.sized({}).u32(0);
  const Reply reply = HOLDFAST_TRY(tpm.run(command, kCreating, deadline));
  ByteReader in(reply.parameters);
  WrappedKey key;
  const bool fits = key.private_area.assign(in.sized());
  const auto public_area = in.sized();
  if (!in.is_whole() || !fits) return malformed(kCreating);
  key.public_area = HOLDFAST_TRY(PublicArea::parse(public_area));
  return key;
}

Result<LoadedObject> load_key(Connection& tpm, const LoadedObject& parent, const WrappedKey& key,
                              BootTime deadline) noexcept {
  Command command(TPM2_CC_Load);
  command.handle(parent.handle, parent.name.view()).with_empty_auth().returning_handle();
  command.parameters().sized(key.private_area.view()).sized(key.public_area.bytes());
  const Reply reply = HOLDFAST_TRY(tpm.run(command, kLoading, deadline));
  ByteReader in(reply.parameters);
  LoadedObject object;
  object.handle = reply.handle;
  object.public_area = key.public_area;
  const auto name = in.sized();
  auto loaded = in.is_exact() ? judge_name(object, name, kLoading) : Result<LoadedObject>(malformed(kLoading));
  if (!loaded) tpm.flush(reply.handle);
  return loaded;
}

Result<void> evict_control(Connection& tpm, std::uint32_t object, std::span<const std::byte> name,
                           std::uint32_t persistent, const Consent& owner, BootTime deadline) noexcept {
  Command command(TPM2_CC_EvictControl);
  command.handle(TPM2_RH_OWNER).handle(object, name);
  owner.apply(command);
  command.parameters().u32(persistent);
  HOLDFAST_TRY(tpm.run(command, "writing or removing a persistent key", deadline));
  return {};
}

Result<Signature> read_signature(ByteReader& in, const char* doing) noexcept {
  const std::uint16_t algorithm = in.u16();
  const std::uint16_t hash_algorithm = in.u16();
  const auto r = in.sized();
  const auto s = in.sized();
  constexpr std::size_t kHalf = kSignatureSize / 2;
  if (!in.is_whole() || algorithm != TPM2_ALG_ECDSA || hash_algorithm != TPM2_ALG_SHA256 || r.size() > kHalf ||
      s.size() > kHalf) {
    return failure(Status::device_fault, Layer::tpm2, doing).about("the signature is malformed");
  }
  // A TPM may leave leading zeroes out.
  Signature signature{};
  std::ranges::copy_backward(r, signature.begin() + kHalf);
  std::ranges::copy_backward(s, signature.end());
  return signature;
}

Result<Signature> sign_digest(Connection& tpm, std::uint32_t key, std::span<const std::byte> name,
                              std::span<const std::byte> digest, const Consent& consent, BootTime deadline) noexcept {
  constexpr const char* kSigning = "signing";
  Command command(TPM2_CC_Sign);
  command.handle(key, name);
  consent.apply(command);
  ByteWriter& out = command.parameters();
  out.sized(digest).u16(TPM2_ALG_ECDSA).u16(TPM2_ALG_SHA256);
  out.u16(TPM2_ST_HASHCHECK).u32(TPM2_RH_NULL).sized({});  // the digest was made on the host
  const Reply reply = HOLDFAST_TRY(tpm.run(command, kSigning, deadline));
  ByteReader in(reply.parameters);
  const Signature signature = HOLDFAST_TRY(read_signature(in, kSigning));
  if (!in.is_exact()) return malformed(kSigning);
  return signature;
}

}  // namespace holdfast::hal::tpm2
