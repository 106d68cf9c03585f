// SPDX-License-Identifier: Apache-2.0
#include "hal/tpm2/export_attempts.hpp"

#include "hal/tpm2/device.hpp"

#include <tss2/tss2_tpm2_types.h>

namespace holdfast::hal::tpm2 {
namespace {

constexpr const char* kTrying = "trying to export a key";

class Attempts {
 public:
  Attempts(Connection& tpm, const LoadedObject& key, BootTime deadline) noexcept
      : tpm_(tpm), key_(key), deadline_(deadline) {}

  // A key that could leave its TPM would do it here: its duplication role is authorised by a policy that says so, and
  // the new parent is none, which gives the private part in clear (Part 3 §13.1).
  Result<void> duplicate(ExportReport& report) noexcept {
    AuthSession policy(tpm_);
    HOLDFAST_TRY(policy.start_policy(deadline_));
    Command say(TPM2_CC_PolicyCommandCode);
    say.handle(policy.handle());
    say.parameters().u32(TPM2_CC_Duplicate);
    HOLDFAST_TRY(tpm_.run(say, kTrying, deadline_));
    Command command(TPM2_CC_Duplicate);
    command.handle(key_.handle, key_.name.view()).handle(TPM2_RH_NULL).with_session(policy, {});
    command.parameters().sized({}).u16(TPM2_ALG_NULL);
    return note(report, "duplicate it to no parent", command);
  }

  // The public key as the other side: with the shared secret of one's own point nothing is lost.
  Result<void> derive(ExportReport& report) noexcept {
    const auto point = key_.public_area.point();
    if (!point) return failure(Status::device_fault, Layer::tpm2, kTrying).about("the key has no point");
    std::array<std::byte, 68> coordinates{};
    ByteWriter out(coordinates);
    out.sized(point->bytes().subspan(1, kCoordinateSize)).sized(point->bytes().subspan(1 + kCoordinateSize));
    Command command(TPM2_CC_ECDH_ZGen);
    command.handle(key_.handle, key_.name.view()).with_empty_auth();
    command.parameters().sized(out.written());
    return note(report, "use it to agree on a secret", command);
  }

  Result<void> unseal(ExportReport& report) noexcept {
    Command command(TPM2_CC_Unseal);
    command.handle(key_.handle, key_.name.view()).with_empty_auth();
    return note(report, "unseal it", command);
  }

 private:
  Result<void> note(ExportReport& report, std::string_view name, Command& command) noexcept {
    const auto answer = tpm_.run(command, kTrying, deadline_);
    ExportAttempt attempt;
    attempt.name = name;
    if (answer) {
      attempt.outcome = ExportAttempt::Outcome::gave_way;
    } else {
      const Error& error = answer.error();
      if (!tpm_.is_usable() || error.status == Status::deadline_exceeded) return error;
      const bool is_unknown = base_of(static_cast<ResponseCode>(error.native)) == TPM2_RC_COMMAND_CODE;
      attempt.outcome = is_unknown ? ExportAttempt::Outcome::not_offered : ExportAttempt::Outcome::refused;
      attempt.native = error.native;
      attempt.native_name = error.native_name;
    }
    report.attempts[report.count++] = attempt;
    return {};
  }

  Connection& tpm_;
  const LoadedObject& key_;
  BootTime deadline_;
};

}  // namespace

Result<ExportReport> ExportAttempts::try_export(Scheme scheme, BootTime deadline) noexcept {
  return device_.visit(deadline, [&]() noexcept -> Result<ExportReport> {
    if (scheme != Scheme::es256) {
      return failure(Status::scheme_unsupported, Layer::tpm2, kTrying)
          .about("no TPM offers Ed25519")
          .with_hint("make an ES256 key (--scheme es256), or keep an Ed25519 key in a PKCS#11 token");
    }
    Connection& tpm = device_.connection();
    device_.unload_keys();
    HOLDFAST_TRY(device_.root().resolve(0, device_.pinned_root(), deadline));
    const auto attempt = [&]() noexcept -> Result<ExportReport> {
      const WrappedKey wrapped =
          HOLDFAST_TRY(create_key(tpm, device_.root().object(), KeyUse::signing, {}, {}, deadline));
      const LoadedObject key = HOLDFAST_TRY(load_key(tpm, device_.root().object(), wrapped, deadline));
      ExportReport report;
      Attempts attempts(tpm, key, deadline);
      Result<void> done = attempts.duplicate(report);
      if (done) done = attempts.derive(report);
      if (done) done = attempts.unseal(report);
      device_.discard(key);
      if (!done) return done.error();
      return report;
    };
    auto report = attempt();
    device_.release_root();
    return report;
  });
}

}  // namespace holdfast::hal::tpm2
