// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/tpm_wire.hpp"

#include "hal/tpm2/transport.hpp"
#include "src/assertion/byte_reader.hpp"
#include "tests/fuzz/promise.hpp"

#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tctildr.h>
#include <tss2/tss2_tpm2_types.h>

#include <sys/random.h>

#include <algorithm>

namespace holdfast::fuzz {
namespace {

TpmWire* wire = nullptr;
std::uint64_t random_state = 0;

// splitmix64
std::uint64_t next_random() noexcept {
  random_state += 0x9E3779B97F4A7C15U;
  std::uint64_t mixed = random_state;
  mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9U;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBU;
  return mixed ^ (mixed >> 31U);
}

// What a TPM would not even look at (TPM 2.0 Library Part 1 §18) is never sent.
void promise_well_formed(std::span<const std::byte> command) {
  ByteReader in(command);
  const std::uint16_t tag = in.u16();
  const std::uint32_t size = in.u32();
  const std::uint32_t code = in.u32();
  promise(in.is_whole() && size == command.size() && size <= hal::tpm2::kMaxMessageSize, "a command has its size");
  promise(tag == TPM2_ST_NO_SESSIONS || tag == TPM2_ST_SESSIONS, "a command has a tag");
  promise(code >= TPM2_CC_FIRST && code <= TPM2_CC_LAST, "a command has a code");
}

TSS2_TCTI_CONTEXT* context_of(void* tpm) noexcept { return static_cast<TSS2_TCTI_CONTEXT*>(tpm); }
const TSS2_TCTI_CONTEXT_COMMON_V1& calls_of(void* tpm) noexcept {
  return *static_cast<const TSS2_TCTI_CONTEXT_COMMON_V1*>(tpm);
}

}  // namespace

TpmWire::TpmWire(std::span<const std::byte> answers, Sizes sizes) noexcept : answers_(answers), sizes_(sizes) {
  wire = this;
  random_state = 0;
}
TpmWire::TpmWire(std::string tcti) noexcept : tcti_(std::move(tcti)) {
  wire = this;
  random_state = 0;
}
TpmWire::~TpmWire() {
  disconnect();
  wire = nullptr;
}

void TpmWire::connect() {
  if (tcti_.empty()) return;
  TSS2_TCTI_CONTEXT* context = nullptr;
  promise(Tss2_TctiLdr_Initialize(tcti_.c_str(), &context) == TSS2_RC_SUCCESS, "there is a TPM to record");
  tpm_ = context;
}

void TpmWire::disconnect() noexcept {
  if (tpm_ == nullptr) return;
  TSS2_TCTI_CONTEXT* context = context_of(tpm_);
  Tss2_TctiLdr_Finalize(&context);
  tpm_ = nullptr;
}

std::span<const std::byte> TpmWire::exchange(std::span<const std::byte> command, std::span<std::byte> room) {
  promise_well_formed(command);
  ++commands_;
  return tcti_.empty() ? play(room) : record(command, room);
}

std::span<const std::byte> TpmWire::play(std::span<std::byte> room) noexcept {
  if (answers_.size() < 2) return {};
  const std::size_t stated =
      std::to_integer<std::size_t>(answers_[0]) << 8U | std::to_integer<std::size_t>(answers_[1]);
  const std::size_t size = std::min({stated, answers_.size() - 2, room.size()});
  std::ranges::copy(answers_.subspan(2, size), room.begin());
  answers_ = answers_.subspan(2 + std::min(stated, answers_.size() - 2));
  if (sizes_ == Sizes::corrected && size >= 6) {
    for (std::size_t i = 0; i < 4; ++i) room[2 + i] = static_cast<std::byte>(size >> (8 * (3 - i)));
  }
  return room.first(size);
}

std::span<const std::byte> TpmWire::record(std::span<const std::byte> command, std::span<std::byte> room) {
  const auto& calls = calls_of(tpm_);
  std::size_t size = room.size();
  const bool is_answered = calls.transmit(context_of(tpm_), command.size(),
                                          reinterpret_cast<const std::uint8_t*>(command.data())) == TSS2_RC_SUCCESS &&
                           calls.receive(context_of(tpm_), &size, reinterpret_cast<std::uint8_t*>(room.data()),
                                         TSS2_TCTI_TIMEOUT_BLOCK) == TSS2_RC_SUCCESS;
  promise(is_answered, "the TPM that is recorded answers");
  recorded_.push_back(static_cast<std::byte>(size >> 8U));
  recorded_.push_back(static_cast<std::byte>(size));
  recorded_.insert(recorded_.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(size));
  return room.first(size);
}

}  // namespace holdfast::fuzz

namespace holdfast::hal::tpm2 {

// Any pointer that is not null says "open".
Result<Transport> Transport::open(std::string_view /*tcti*/) noexcept {
  fuzz::wire->connect();
  Transport transport;
  transport.context_ = reinterpret_cast<TSS2_TCTI_OPAQUE_CONTEXT_BLOB*>(&fuzz::wire);
  return transport;
}

ResponseCode Transport::exchange(std::span<const std::byte> command, std::span<std::byte> response, std::size_t& size,
                                 Clock& /*clock*/, BootTime /*give_up*/) noexcept {
  size = 0;
  if (context_ == nullptr) return TSS2_TCTI_RC_NO_CONNECTION;
  const auto answer = fuzz::wire->exchange(command, response);
  if (answer.empty()) return TSS2_TCTI_RC_IO_ERROR;
  size = answer.size();
  return TSS2_RC_SUCCESS;
}

void Transport::close() noexcept {
  if (context_ != nullptr) fuzz::wire->disconnect();
  context_ = nullptr;
}

}  // namespace holdfast::hal::tpm2

// The C library's, for this program: no input may end in another way the second time.
extern "C" ssize_t getrandom(void* out, size_t size, unsigned /*flags*/) {
  auto* bytes = static_cast<unsigned char*>(out);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<unsigned char>(holdfast::fuzz::next_random());
  return static_cast<ssize_t>(size);
}
