// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/pcr_policy.hpp"

#include <tss2/tss2_tpm2_types.h>

#include <bit>
#include <charconv>

namespace holdfast::hal::tpm2 {
namespace {

constexpr const char* kReading = "reading the TPM's PCRs";
constexpr const char* kSatisfying = "satisfying the key's PCR policy";
constexpr std::size_t kLargestDigest = 64;
constexpr int kMostRounds = 8;

// One answer holds eight values at most (Part 2 §10.9.5); the update counter tells whether two answers fit together.
class Reading {
 public:
  Reading(Connection& tpm, const PcrSelection& pcrs, BootTime deadline) noexcept
      : tpm_(tpm), pcrs_(pcrs), digest_size_(bank_digest_size(pcrs.bank)), deadline_(deadline) {}

  Result<PcrState> read() noexcept {
    for (int round = 0; round < kMostRounds; ++round) {
      missing_ = pcrs_.mask;
      counter_.reset();
      bool is_consistent = true;
      while (missing_ != 0 && is_consistent) is_consistent = HOLDFAST_TRY(read_some());
      if (is_consistent) return state();
    }
    return failure(Status::deadline_exceeded, Layer::tpm2, kReading).about("they change all the time");
  }

 private:
  // False if a register changed since the first answer.
  Result<bool> read_some() noexcept {
    Command command(TPM2_CC_PCR_Read);
    write_selection(command.parameters(), {pcrs_.bank, missing_});
    const Reply reply = HOLDFAST_TRY(tpm_.run(command, kReading, deadline_));
    ByteReader in(reply.parameters);
    const std::uint32_t counter = in.u32();
    const auto got = read_selection(in);
    if (!in.is_whole()) return malformed();
    const std::uint32_t count = in.u32();
    if (!got || got->bank != pcrs_.bank || got->mask == 0) return not_there();
    if ((got->mask & ~missing_) != 0 || count != static_cast<std::uint32_t>(std::popcount(got->mask))) {
      return malformed();
    }
    for (std::size_t pcr = 0; pcr < kPcrCount; ++pcr) {
      if (!got->contains(pcr)) continue;
      const auto value = in.sized();
      if (value.size() != digest_size_) return malformed();
      std::ranges::copy(value, values_[pcr].begin());
    }
    if (!in.is_exact()) return malformed();
    missing_ &= ~got->mask;
    if (!counter_) counter_ = counter;
    return *counter_ == counter;
  }

  PcrState state() const noexcept {
    std::array<std::byte, kPcrCount * kLargestDigest> all;  // NOLINT: written before it is read
    ByteWriter out(all);
    PcrState state;
    state.binding.pcrs = pcrs_;
    state.binding.has_marks = true;
    for (std::size_t pcr = 0; pcr < kPcrCount; ++pcr) {
      if (!pcrs_.contains(pcr)) continue;
      const auto value = std::span<const std::byte>(values_[pcr]).first(digest_size_);
      out.bytes(value);
      state.binding.marks[pcr] = ByteReader(value).u32();
    }
    state.values = hash({out.written()});
    return state;
  }

  static Error malformed() noexcept {
    return failure(Status::device_fault, Layer::tpm2, kReading).about("the TPM's answer is malformed");
  }
  Error not_there() const noexcept {
    Error error = failure(Status::scheme_unsupported, Layer::tpm2, kReading)
                      .about("the TPM does not keep all of ")
                      .with_hint("choose registers of a bank that the TPM keeps: tpm2_getcap pcrs shows them");
    error.detail.append(write_pcrs({pcrs_, false, {}}).view());
    return error;
  }

  Connection& tpm_;
  PcrSelection pcrs_;
  std::size_t digest_size_;
  BootTime deadline_;
  std::uint32_t missing_ = 0;
  std::optional<std::uint32_t> counter_;
  std::array<std::array<std::byte, kLargestDigest>, kPcrCount> values_{};
};

constexpr const char* kFinding = "finding the key";
constexpr const char* kOtherKey =
    "it is another key than the one that was provisioned, or the URI was changed: see holdfast key show";

Error refusal(std::string_view why, const char* hint) noexcept {
  return failure(Status::key_refused, Layer::tpm2, kFinding).about(why).with_hint(hint);
}

// The detail names those that are other ones than they were, if `then` has marks.
Error pcrs_changed(const PcrBinding& then, const PcrState& now, const char* doing) noexcept {
  Error error = failure(Status::key_refused, Layer::tpm2, doing);
  if (!then.has_marks) {
    error.detail.append("one or more of the PCRs ");
    error.detail.append(write_pcrs({now.binding.pcrs, false, {}}).view());
    error.detail.append(" changed since the key was made");
  } else {
    PcrBinding changed{{then.pcrs.bank, 0}, false, {}};
    for (std::size_t pcr = 0; pcr < kPcrCount; ++pcr) {
      if (then.pcrs.contains(pcr) && then.marks[pcr] != now.binding.marks[pcr]) changed.pcrs.mask |= 1U << pcr;
    }
    error.detail.append(std::popcount(changed.pcrs.mask) == 1 ? "the PCR " : "the PCRs ");
    error.detail.append(write_pcrs(changed.empty() ? PcrBinding{then.pcrs, false, {}} : changed).view());
    error.detail.append(" changed since the key was made");
  }
  error.hint =
      "find out what changed (firmware, boot loader, kernel); if it is meant to be, make a new key and register it";
  return error;
}

}  // namespace

Digest PcrPolicy::digest() const noexcept {
  const Digest none{};
  std::array<std::byte, 4 + kPcrSelectionSize> said{};
  ByteWriter out(said);
  out.u32(TPM2_CC_PolicyPCR);
  write_selection(out, pcrs);
  const Digest digest = hash({none, said, values});
  if (!needs_auth_value) return digest;
  std::array<std::byte, 4> code{};
  ByteWriter(code).u32(TPM2_CC_PolicyAuthValue);
  return hash({digest, code});
}

Result<PcrState> read_pcrs(Connection& tpm, const PcrSelection& pcrs, BootTime deadline) noexcept {
  return Reading(tpm, pcrs, deadline).read();
}

Result<void> satisfy(Connection& tpm, AuthSession& session, const PcrPolicy& policy, BootTime deadline) noexcept {
  Command pcr(TPM2_CC_PolicyPCR);
  pcr.handle(session.handle());
  // The registers as they are, whatever they are: a TPM that compares them here says only VALUE if they differ.
  pcr.parameters().sized({});
  write_selection(pcr.parameters(), policy.pcrs);
  HOLDFAST_TRY(tpm.run(pcr, kSatisfying, deadline));
  if (!policy.needs_auth_value) return {};
  Command auth_value(TPM2_CC_PolicyAuthValue);
  auth_value.handle(session.handle());
  HOLDFAST_TRY(tpm.run(auth_value, kSatisfying, deadline));
  session.include_auth_value();
  return {};
}

Result<PolicyVerdict> judge_policy(Connection& tpm, const PublicArea& area, const std::optional<PcrPolicy>& spelt,
                                   const PcrBinding& named, BootTime deadline) noexcept {
  PolicyVerdict verdict;
  if (!area.has_policy()) {
    if (!named.empty()) {
      verdict.refusal = refusal("its URI binds it to PCRs, and the key is bound to none", kOtherKey);
    }
    return verdict;
  }
  verdict.policy = spelt;
  verdict.binding = named;
  if (spelt && !named.empty() && named.pcrs != spelt->pcrs) {
    verdict.refusal = refusal("it is bound to other PCRs than its URI says", kOtherKey);
    return verdict;
  }
  if (!spelt && named.empty()) {
    if (area.is_used_by_policy()) {
      verdict.refusal = refusal(
          "it can only be used by a policy, which its URI does not say",
          "if it is bound to PCRs, say to which: tpm2:handle=0x81000010;pcr=sha256:0,7; no other policy can be "
          "satisfied here");
    }
    return verdict;
  }
  const PcrSelection& pcrs = spelt ? spelt->pcrs : named.pcrs;
  const auto now = read_pcrs(tpm, pcrs, deadline);
  if (!now && now.status() != Status::scheme_unsupported) return now.error();
  if (!now) {
    verdict.refusal = now.error();
    verdict.refusal.status = Status::key_refused;
  } else if (spelt) {
    const bool is_satisfied = spelt->values == now->values;
    if (!is_satisfied) verdict.refusal = pcrs_changed(named, *now, kFinding);
    if (is_satisfied || named.empty()) verdict.binding = now->binding;
    if (!is_satisfied) verdict.binding.has_marks = named.has_marks;
  } else {
    for (const bool needs_auth_value : {false, true}) {
      const PcrPolicy policy{pcrs, now->values, needs_auth_value};
      if (std::ranges::equal(policy.digest(), area.policy())) verdict.policy = policy;
    }
    if (verdict.policy) {
      verdict.binding = now->binding;
    } else if (named.has_marks && named.marks == now->binding.marks) {
      verdict.refusal = refusal("its policy is another one than that of the PCRs its URI says", kOtherKey);
    } else {
      verdict.refusal = pcrs_changed(named, *now, kFinding);
      if (!named.has_marks) verdict.refusal.detail.append(", or its policy is another one");
    }
  }
  // Its auth value is enough.
  if (!area.is_used_by_policy()) verdict.refusal = {};
  return verdict;
}

bool is_pcr_race(const Error& error) noexcept {
  return error.layer == Layer::tpm2 && base_of(static_cast<ResponseCode>(error.native)) == TPM2_RC_PCR_CHANGED;
}

Error explain_policy_failure(Connection& tpm, const PcrPolicy& policy, const PcrBinding& binding, const Error& error,
                             BootTime deadline) noexcept {
  const auto now = read_pcrs(tpm, policy.pcrs, deadline);
  if (!now) return error;
  Error explained = error;
  if (now->values != policy.values) {
    explained = pcrs_changed(binding, *now, error.doing);
    explained.native = error.native;
    explained.native_name = error.native_name;
  } else if (is_pcr_race(error)) {
    explained.status = Status::deadline_exceeded;
    explained.detail = FixedText<190>("PCRs that the key is not bound to change all the time");
    explained.hint = "try again when the machine has settled";
  }
  return explained;
}

}  // namespace holdfast::hal::tpm2
