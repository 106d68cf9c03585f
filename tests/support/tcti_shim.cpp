// SPDX-License-Identifier: Apache-2.0
// A TCTI that stands in front of another one: tcti=/…/libholdfast-tcti-shim.so:MODE,TCTI
//
// MODE `plain` passes commands on. MODE `manager` does what the kernel's resource manager does (Linux
// drivers/char/tpm/tpm2-space.c): before every command all of the client's objects and sessions are loaded, after it
// all are saved and, with their handles renamed, taken out. MODE `crowded` is the same beside another client that
// keeps one session saved and unused. Everything is counted; answers can be made up or garbled (tcti_shim.hpp).
#include "tests/support/tcti_shim.hpp"

#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tctildr.h>
#include <tss2/tss2_tpm2_types.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <new>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace holdfast::test {
namespace {

using Bytes = std::vector<std::uint8_t>;

TctiShimControl control;
thread_local bool is_inside = false;

std::uint32_t read_u32(const Bytes& bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8U | (at + i < bytes.size() ? bytes[at + i] : 0U);
  return value;
}

void write_u32(Bytes& bytes, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}

constexpr std::size_t kHeaderSize = 10;

Bytes message_of(std::uint32_t code, std::size_t parameters_size) {
  Bytes bytes(kHeaderSize + parameters_size);
  bytes[0] = 0x80;
  bytes[1] = 0x01;
  write_u32(bytes, 2, static_cast<std::uint32_t>(bytes.size()));
  write_u32(bytes, 6, code);
  return bytes;
}

Bytes command_of(std::uint32_t code, const Bytes& parameters) {
  Bytes bytes = message_of(code, parameters.size());
  std::ranges::copy(parameters, bytes.begin() + kHeaderSize);
  return bytes;
}

Bytes answer_of(std::uint32_t code) { return message_of(code, 0); }

bool is_session(std::uint32_t handle) {
  return handle >> 24U == TPM2_HT_HMAC_SESSION || handle >> 24U == TPM2_HT_POLICY_SESSION;
}

std::size_t handles_in(std::uint32_t code) {
  switch (code) {
    case TPM2_CC_GetCapability:
    case TPM2_CC_GetRandom:
    case TPM2_CC_FlushContext:
      return 0;
    case TPM2_CC_EvictControl:
    case TPM2_CC_StartAuthSession:
    case TPM2_CC_Duplicate:
    case TPM2_CC_Certify:
    case TPM2_CC_ActivateCredential:
    case TPM2_CC_PolicySecret:
    case TPM2_CC_NV_Read:
      return 2;
    default:
      return 1;
  }
}

bool returns_handle(std::uint32_t code) {
  return code == TPM2_CC_CreatePrimary || code == TPM2_CC_Load || code == TPM2_CC_StartAuthSession;
}

// The time and the heap calls in here are not the client's.
class Inside {
 public:
  Inside() { is_inside = true; }
  ~Inside() {
    const auto spent = std::chrono::steady_clock::now() - start_;
    control.nanoseconds += static_cast<std::uint64_t>(std::chrono::nanoseconds(spent).count());
    is_inside = false;
  }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

class Shim {
 public:
  Shim(TSS2_TCTI_CONTEXT* inner, bool is_manager, bool is_crowded) : inner_(inner), is_manager_(is_manager) {
    if (!is_crowded || !idle_.empty()) return;
    Bytes parameters;
    parameters = {0x40,
                  0,
                  0,
                  7,
                  0x40,
                  0,
                  0,
                  7,
                  0,
                  16,
                  0,
                  0,
                  0,
                  0,
                  0,
                  0,
                  0,
                  0,
                  0,
                  0,
                  0,
                  0,
                  0,
                  0,
                  0,
                  0,
                  0,
                  0,
                  TPM2_SE_HMAC,
                  0,
                  TPM2_ALG_NULL,
                  0,
                  TPM2_ALG_SHA256};
    const Bytes answer = ask(command_of(TPM2_CC_StartAuthSession, parameters));
    save(read_u32(answer, 10), idle_);
  }
  ~Shim() {
    if (!idle_.empty() && !control.other_client_stays) {
      flush(load(idle_));
      idle_.clear();
    }
    for (const auto& [handle, context] : contexts_) flush(load(context));
    Tss2_TctiLdr_Finalize(&inner_);
  }
  Shim(const Shim&) = delete;
  Shim& operator=(const Shim&) = delete;

  TSS2_RC transmit(Bytes command) {
    const std::uint32_t code = read_u32(command, 6);
    last_code_ = code;
    if (control.failures > 0 && (control.fail_code == 0 || control.fail_code == code)) {
      --control.failures;
      const std::uint32_t made_up = control.fail_with;
      if (made_up >> 16U != 0) return made_up;
      answer_ = answer_of(made_up);
      return TSS2_RC_SUCCESS;
    }
    if (control.extensions > 0 && control.extend_before == code) {
      --control.extensions;
      extend(control.extend_pcr);
    }
    if (control.slow_code == code) std::this_thread::sleep_for(std::chrono::nanoseconds(control.slow_ns.load()));
    TctiCall& call = note(code);
    const bool strikes = control.strike_nth != 0 && code == control.strike_code && call.nth == control.strike_nth;
    if (!strikes) return send(std::move(command), code, call);
    ++control.struck;
    const TctiFault fault = control.fault;
    if (fault.kind == TctiFault::Kind::meanwhile) fault.meanwhile(fault.context);
    if (fault.kind != TctiFault::Kind::answer) {
      const TSS2_RC failed = send(std::move(command), code, call);
      if (failed != 0 && fault.kind != TctiFault::Kind::lose_answer) return failed;
    }
    return distort(fault);
  }

  TSS2_RC receive(std::size_t* size, std::uint8_t* out) {
    if (receive_fails_with_ != 0) return std::exchange(receive_fails_with_, 0);
    if (out == nullptr) {
      *size = answer_.size();
      return TSS2_RC_SUCCESS;
    }
    if (*size < answer_.size()) return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
    const std::uint32_t garble = last_code_ == control.fail_code ? control.garble_from_end.load() : 0U;
    if (garble != 0 && garble <= answer_.size()) answer_[answer_.size() - garble] ^= 1U;
    std::ranges::copy(answer_, out);
    *size = answer_.size();
    return TSS2_RC_SUCCESS;
  }

 private:
  static constexpr std::uint32_t kFirstRenamed = 0x80FFFF00;

  static TctiCall& note(std::uint32_t code) {
    const auto known = std::span(control.recorded).first(control.recorded_count);
    const auto earlier = std::ranges::count(known, code, &TctiCall::code);
    control.recorded_count = std::min(control.recorded_count + 1, control.recorded.size());
    TctiCall& call = control.recorded[control.recorded_count - 1];
    call = {code, static_cast<std::uint32_t>(earlier + 1), 0};
    return call;
  }

  TSS2_RC send(Bytes command, std::uint32_t code, TctiCall& call) {
    if (number_ <= control.lost_connections) {
      answer_.clear();
      return TSS2_TCTI_RC_IO_ERROR;
    }
    ++control.commands;
    const TSS2_RC failed = is_manager_ ? run_managed(std::move(command), code) : run(command);
    call.answer_size = answer_.size();
    return failed;
  }

  // What the client gets in place of `answer_`.
  TSS2_RC distort(const TctiFault& fault) {
    switch (fault.kind) {
      case TctiFault::Kind::answer:
        if (fault.value >> 16U != 0) return fault.value;
        answer_ = answer_of(fault.value);
        break;
      case TctiFault::Kind::lose_answer:
        if (fault.value >> 16U != 0) receive_fails_with_ = fault.value;
        answer_ = answer_of(fault.value & 0xFFFFU);
        break;
      case TctiFault::Kind::cut:
      case TctiFault::Kind::cut_neatly:
        if (!answer_.empty()) answer_.resize(std::min<std::size_t>(fault.value, answer_.size() - 1));
        if (fault.kind == TctiFault::Kind::cut_neatly) state_size(static_cast<std::uint32_t>(answer_.size()));
        break;
      case TctiFault::Kind::stretch:
        answer_.resize(answer_.size() + fault.value);
        break;
      case TctiFault::Kind::garble:
        if (fault.value < answer_.size()) answer_[fault.value] ^= 1U;
        break;
      case TctiFault::Kind::wrong_size:
        state_size(fault.value);
        break;
      case TctiFault::Kind::wrong_tag:
        if (answer_.size() > 1) answer_[1] ^= 3U;  // 0x8001, 0x8002
        break;
      case TctiFault::Kind::meanwhile:
        break;
    }
    return TSS2_RC_SUCCESS;
  }
  void state_size(std::uint32_t size) {
    if (answer_.size() >= 6) write_u32(answer_, 2, size);
  }

  TSS2_RC exchange(const Bytes& command, Bytes& answer) {
    const auto* calls = reinterpret_cast<const TSS2_TCTI_CONTEXT_COMMON_V1*>(inner_);
    if (const TSS2_RC code = calls->transmit(inner_, command.size(), command.data()); code != 0) return code;
    answer.resize(4096);
    std::size_t size = answer.size();
    const TSS2_RC code = calls->receive(inner_, &size, answer.data(), TSS2_TCTI_TIMEOUT_BLOCK);
    answer.resize(code == 0 ? size : 0);
    return code;
  }
  TSS2_RC run(const Bytes& command) { return exchange(command, answer_); }
  Bytes ask(const Bytes& command) {
    Bytes answer;
    if (exchange(command, answer) != 0) return answer_of(TPM2_RC_FAILURE);
    return answer;
  }

  void extend(std::uint32_t pcr) {
    Bytes parameters(4 + 4 + 9 + 4 + 2 + 32);
    write_u32(parameters, 0, pcr);
    write_u32(parameters, 4, 9);
    write_u32(parameters, 8, TPM2_RS_PW);
    write_u32(parameters, 17, 1);
    parameters[22] = TPM2_ALG_SHA256;
    parameters[23] = 1;
    Bytes command = command_of(TPM2_CC_PCR_Extend, parameters);
    command[1] = 0x02;  // TPM_ST_SESSIONS
    ask(command);
  }

  std::uint32_t load(const Bytes& context) {
    const Bytes answer = ask(command_of(TPM2_CC_ContextLoad, context));
    return read_u32(answer, 6) == 0 ? read_u32(answer, 10) : 0;
  }
  std::uint32_t save(std::uint32_t handle, Bytes& context) {
    Bytes parameters(4);
    write_u32(parameters, 0, handle);
    const Bytes answer = ask(command_of(TPM2_CC_ContextSave, parameters));
    const std::uint32_t code = read_u32(answer, 6);
    if (code == 0) context.assign(answer.begin() + 10, answer.end());
    return code;
  }
  void flush(std::uint32_t handle) {
    Bytes parameters(4);
    write_u32(parameters, 0, handle);
    ask(command_of(TPM2_CC_FlushContext, parameters));
  }

  TSS2_RC run_managed(Bytes command, std::uint32_t code) {
    std::map<std::uint32_t, std::uint32_t> loaded;  // the client's name for it, the TPM's
    for (const auto& [handle, context] : contexts_) loaded[handle] = load(context);

    const auto rename = [&](std::size_t at) {
      const auto found = loaded.find(read_u32(command, at));
      if (found != loaded.end()) write_u32(command, at, found->second);
    };
    std::uint32_t flushed = 0;
    for (std::size_t i = 0; i < handles_in(code); ++i) rename(10 + 4 * i);
    if (code == TPM2_CC_FlushContext) {
      flushed = read_u32(command, 10);
      rename(10);
    }
    if (const TSS2_RC failed = run(command); failed != 0) return failed;
    const bool is_done = read_u32(answer_, 6) == 0;
    if (is_done && flushed != 0) {
      loaded.erase(flushed);
      contexts_.erase(flushed);
    }
    if (is_done && returns_handle(code)) {
      const std::uint32_t handle = read_u32(answer_, 10);
      const std::uint32_t name = is_session(handle) ? handle : kFirstRenamed + next_name_++ % 0x100;
      loaded[name] = handle;
      write_u32(answer_, 10, name);
    }
    for (const auto& [name, handle] : loaded) {
      Bytes context;
      const std::uint32_t failed = save(handle, context);
      if (failed != 0) {
        contexts_.erase(name);
        // A session that was used up is gone; a context that cannot be saved loses everything, as in the kernel.
        if (is_session(handle) && failed != TPM2_RC_CONTEXT_GAP) continue;
        for (const auto& [other, real] : loaded) flush(real);
        contexts_.clear();
        return TSS2_TCTI_RC_IO_ERROR;
      }
      if (!is_session(handle)) flush(handle);
      contexts_[name] = std::move(context);
    }
    return TSS2_RC_SUCCESS;
  }

  const std::uint32_t number_ = ++control.connections;
  TSS2_TCTI_CONTEXT* inner_;
  bool is_manager_;
  Bytes answer_;
  std::uint32_t last_code_ = 0;
  TSS2_RC receive_fails_with_ = 0;
  std::map<std::uint32_t, Bytes> contexts_;
  std::uint32_t next_name_ = 0;
  static inline Bytes idle_;  // the other client's, whoever connects
};

struct Context {
  TSS2_TCTI_CONTEXT_COMMON_V1 common;
  Shim* shim;
};

Shim& shim_of(TSS2_TCTI_CONTEXT* context) { return *reinterpret_cast<Context*>(context)->shim; }

TSS2_RC transmit(TSS2_TCTI_CONTEXT* context, std::size_t size, const std::uint8_t* command) {
  const Inside inside;
  if (const auto observer = control.observer.load()) observer(command, size);
  return shim_of(context).transmit(Bytes(command, command + size));
}

TSS2_RC receive(TSS2_TCTI_CONTEXT* context, std::size_t* size, std::uint8_t* response, std::int32_t) {
  const Inside inside;
  return shim_of(context).receive(size, response);
}

void finalize(TSS2_TCTI_CONTEXT* context) {
  const Inside inside;
  delete reinterpret_cast<Context*>(context)->shim;
}

TSS2_RC initialize(TSS2_TCTI_CONTEXT* context, std::size_t* size, const char* configuration) {
  *size = std::max(*size, sizeof(Context));
  if (context == nullptr) {
    *size = sizeof(Context);
    return TSS2_RC_SUCCESS;
  }
  const std::string text = configuration != nullptr ? configuration : "";
  const std::size_t comma = text.find(',');
  if (comma == std::string::npos) return TSS2_TCTI_RC_BAD_VALUE;
  const std::string mode = text.substr(0, comma);
  TSS2_TCTI_CONTEXT* inner = nullptr;
  const TSS2_RC code = Tss2_TctiLdr_Initialize(text.substr(comma + 1).c_str(), &inner);
  if (code != TSS2_RC_SUCCESS) return code;
  auto* own = new (context) Context{};
  own->common.magic = 0x686F6C64;
  own->common.version = 1;
  own->common.transmit = transmit;
  own->common.receive = receive;
  own->common.finalize = finalize;
  own->shim = new Shim(inner, mode != "plain", mode == "crowded");
  return TSS2_RC_SUCCESS;
}

const TSS2_TCTI_INFO kInfo{2, "holdfast-shim", "stands in front of another TCTI", "MODE,TCTI", initialize};

}  // namespace
}  // namespace holdfast::test

extern "C" {
__attribute__((visibility("default"))) const TSS2_TCTI_INFO* Tss2_Tcti_Info() { return &holdfast::test::kInfo; }
__attribute__((visibility("default"))) holdfast::test::TctiShimControl* holdfast_tcti_shim_control() {
  return &holdfast::test::control;
}
__attribute__((visibility("default"))) bool holdfast_tcti_shim_is_inside() { return holdfast::test::is_inside; }
}
