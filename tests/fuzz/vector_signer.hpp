// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/signer.hpp"

namespace holdfast::fuzz {

/// Signs nothing: answers with the texts of protocol.md §7, vector 1, whatever it is asked; opens a sealed task id by
/// taking its text for the id.
class VectorSigner final : public TypedSigner, private SealedTaskOpener {
 public:
  explicit VectorSigner(bool opens_sealed) noexcept : opens_sealed_(opens_sealed) {}

  static constexpr std::string_view kSignature =
      "RrvOb9wXUGTmWxz3wQEFnWjPE0Hn2lq5khr11e0+FoVRwf01T9haqhwnj3lsAsqz72jy+obmRPu8R2HlYeNJAQ==";

  Result<std::size_t> authorization(const TaskId& /*task*/, std::chrono::nanoseconds /*timeout*/,
                                    std::span<char> /*out*/, Freshness /*freshness*/) noexcept override {
    return failure(Status::device_fault, Layer::core, "signing for a fuzzer");
  }
  Result<TaskRegistration> sign_task_registration(std::chrono::nanoseconds /*timeout*/) noexcept override {
    ++signatures_;
    TaskRegistration registration;
    registration.timestamp = std::string_view("2026-04-20T00:00:00Z");
    registration.signature = kSignature;
    return registration;
  }
  void forget_headers() noexcept override {}
  SealedTaskOpener* sealed_tasks() noexcept override { return opens_sealed_ ? this : nullptr; }
  const RuntimeId& runtime_id() const noexcept override { return runtime_id_; }
  const PublicKey& public_key() const noexcept override { return public_key_; }

  [[nodiscard]] int signatures() const noexcept { return signatures_; }

 private:
  Result<TaskId> open_sealed_task(std::string_view sealed, std::chrono::nanoseconds /*timeout*/) noexcept override {
    return TaskId::parse(sealed);
  }

  bool opens_sealed_;
  int signatures_ = 0;
  RuntimeId runtime_id_ = RuntimeId::parse("agent-123").value();
  PublicKey public_key_{};
};

}  // namespace holdfast::fuzz
