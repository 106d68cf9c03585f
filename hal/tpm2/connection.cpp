// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/connection.hpp"

#include "hal/pipe_shield.hpp"
#include "hal/tpm2/auth_session.hpp"

#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tpm2_types.h>

namespace holdfast::hal::tpm2 {
namespace {

constexpr std::size_t kHeaderSize = 10;  // tag, size, code (Part 1 §18.2)
constexpr std::uint8_t kContinueSession = 0x01;
constexpr std::chrono::milliseconds kFirstPause{1};
constexpr std::chrono::milliseconds kLongestPause{250};
constexpr std::chrono::seconds kLongestWait{10};
constexpr std::chrono::minutes kLongestCommand{2};  // what Linux gives a TPM for its longest one (drivers/char/tpm)

Error malformed(const char* doing) noexcept {
  return failure(Status::device_fault, Layer::tpm2, doing).about("the TPM's answer is malformed");
}

}  // namespace

Result<void> Connection::connect(std::string_view tcti) noexcept {
  const PipeShield shield;
  close();
  transport_ = HOLDFAST_TRY(Transport::open(tcti));
  is_broken_ = false;
  return {};
}

void Connection::close() noexcept {
  const PipeShield shield;
  transport_.close();
}

void Connection::abandon() noexcept { transport_.abandon(); }

std::span<const std::byte> Connection::write(Command& command) noexcept {
  const auto authorizations = command.authorizations();
  for (const auto& authorization : authorizations) {
    if (authorization.session != nullptr && !authorization.session->prepare(command, authorization.auth_value)) {
      return {};
    }
  }
  ByteWriter out(command_);
  out.u16(authorizations.empty() ? TPM2_ST_NO_SESSIONS : TPM2_ST_SESSIONS).u32(0).u32(command.code_);
  for (const auto& handle : command.handles()) out.u32(handle.value);
  if (!authorizations.empty()) {
    std::array<std::byte, 512> area;  // NOLINT: written before it is read
    ByteWriter in(area);
    const Digest parameter_hash = command.parameter_hash();
    for (const auto& authorization : authorizations) {
      if (authorization.session == nullptr) {
        in.u32(TPM2_RS_PW).sized({}).u8(kContinueSession).sized({});
      } else {
        authorization.session->write(in, parameter_hash, authorization.auth_value);
      }
    }
    out.u32(static_cast<std::uint32_t>(in.size())).bytes(in.written());
    if (!in.is_whole()) return {};
  }
  out.bytes(command.parameters_.written());
  if (!out.is_whole() || !command.parameters_.is_whole() || !command.is_well_formed_) return {};
  ByteWriter(std::span(command_).subspan(2)).u32(static_cast<std::uint32_t>(out.size()));
  return out.written();
}

Result<Connection::Message> Connection::exchange(std::span<const std::byte> bytes, const char* doing,
                                                 BootTime deadline) noexcept {
  if (!is_usable()) {
    return native_failure(TSS2_TCTI_RC_NO_CONNECTION, doing).with_hint("reset the device: the next call reconnects");
  }
  PipeShield shield(sigpipe_is_ignored_);
  std::chrono::milliseconds pause = kFirstPause;
  BootTime give_up{};
  while (true) {
    std::size_t size = 0;
    const BootTime patience = std::min(deadline.after(kPatience), clock_.boot().after(kLongestCommand));
    const ResponseCode code = transport_.exchange(bytes, response_, size, clock_, patience);
    if (code != TSS2_RC_SUCCESS) {
      is_broken_ = true;
      Error error = native_failure(code, doing);
      error.status = Status::device_gone;  // whatever it was, only a new connection helps
      return error;
    }
    shield.trust();
    const auto response = std::span<const std::byte>(response_).first(size);
    ByteReader in(response);
    const std::uint16_t tag = in.u16();
    const std::uint32_t stated_size = in.u32();
    const ResponseCode answer = in.u32();
    const bool is_tag_known = tag == TPM2_ST_SESSIONS || tag == TPM2_ST_NO_SESSIONS || tag == TPM2_ST_RSP_COMMAND;
    if (!in.is_whole() || stated_size != size || !is_tag_known) {
      is_broken_ = true;  // whose answer it was cannot be told
      return malformed(doing);
    }
    if (!asks_to_wait(answer)) return Message{bytes, response, answer};

    const BootTime now = clock_.boot();
    if (give_up.ns == 0) give_up = std::min(deadline, now.after(kLongestWait));
    if (now >= give_up) return native_failure(answer, Status::deadline_exceeded, doing);
    clock_.sleep_until(std::min(give_up, now.after(pause)));
    pause = std::min(pause * 2, kLongestPause);
  }
}

Result<Reply> Connection::run(Command& command, const char* doing, BootTime deadline) noexcept {
  const std::span<const std::byte> bytes = write(command);
  if (bytes.empty()) {
    return failure(Status::resource_exhausted, Layer::tpm2, doing).about("the command is longer than a TPM takes");
  }
  const Message message = HOLDFAST_TRY(exchange(bytes, doing, deadline));
  if (message.code != TPM2_RC_SUCCESS) return native_failure(message.code, doing);
  return read(command, message.response, doing);
}

Result<Reply> Connection::read(const Command& command, std::span<const std::byte> response,
                               const char* doing) noexcept {
  ByteReader in(response);
  const std::uint16_t tag = in.u16();
  in.bytes(kHeaderSize - 2);
  const auto authorizations = command.authorizations();
  if (tag != (authorizations.empty() ? TPM2_ST_NO_SESSIONS : TPM2_ST_SESSIONS)) return malformed(doing);
  Reply reply;
  if (command.returns_handle_) reply.handle = in.u32();
  if (authorizations.empty()) {
    reply.parameters = in.rest();
  } else {
    reply.parameters = in.bytes(in.u32());
    for (const auto& authorization : authorizations) {
      const auto nonce = in.sized();
      const std::uint8_t attributes = in.u8();
      const auto code = in.sized();
      if (!in.is_whole()) return malformed(doing);
      if (authorization.session == nullptr) continue;
      if (!authorization.session->accept(command, reply.parameters, nonce, attributes, code,
                                         authorization.auth_value)) {
        return native_failure(TSS2_ESYS_RC_RSP_AUTH_FAILED, doing)
            .about("the HMAC of the TPM's answer is wrong")
            .with_hint("something between this process and the TPM changes messages: do not use this machine's TPM");
      }
    }
    if (!in.is_exact()) return malformed(doing);
  }
  if (!in.is_whole()) return malformed(doing);
  return reply;
}

void Connection::flush(std::uint32_t handle) noexcept {
  Command command(TPM2_CC_FlushContext);
  command.parameters().u32(handle);  // a parameter, not a handle, in this one command (Part 3 §28.4)
  (void)run(command, "flushing an object", clock_.boot());
}

}  // namespace holdfast::hal::tpm2
