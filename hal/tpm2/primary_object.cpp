// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/primary_object.hpp"

#include <tss2/tss2_tpm2_types.h>

namespace holdfast::hal::tpm2 {
namespace {

Result<LoadedObject> read_answer(const Reply& reply, const char* doing) noexcept {
  LoadedObject object;
  object.handle = reply.handle;
  ByteReader in(reply.parameters);
  object.public_area = HOLDFAST_TRY(PublicArea::parse(in.sized()));
  in.sized();  // creation data
  in.sized();  // creation hash
  in.u16();    // the ticket
  in.u32();
  in.sized();
  const bool has_name = object.name.assign(in.sized());
  object.name_matches = has_name && object.name == object.public_area.name();
  if (in.is_exact() && object.name_matches && !object.name.empty()) return object;
  return failure(Status::device_fault, Layer::tpm2, doing).about("the TPM's answer is malformed");
}

}  // namespace

Result<LoadedObject> create_primary(Connection& tpm, std::uint32_t hierarchy,
                                    std::span<const std::byte> public_template, const char* doing,
                                    BootTime deadline) noexcept {
  Command command(TPM2_CC_CreatePrimary);
  command.handle(hierarchy).with_empty_auth().returning_handle();
  ByteWriter& out = command.parameters();
  out.u16(4).sized({}).sized({});               // TPM2B_SENSITIVE_CREATE: no auth value, nothing brought in
  out.bytes(public_template).sized({}).u32(0);  // no outside information, no PCR selection
  const Reply reply = HOLDFAST_TRY(tpm.run(command, doing, deadline));
  auto object = read_answer(reply, doing);
  if (!object) tpm.flush(reply.handle);
  return object;
}

}  // namespace holdfast::hal::tpm2
