// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/signer.hpp"

#include <optional>
#include <string>

namespace holdfast::test {

/// Signs nothing: answers with the texts of protocol.md §7, vector 1, and another timestamp at each call.
class StubSigner final : public TypedSigner {
 public:
  Result<std::size_t> authorization(const TaskId&, std::chrono::nanoseconds, std::span<char>,
                                    Freshness) noexcept override {
    return failure(Status::device_fault, Layer::core, "signing in a test");
  }
  Result<TaskRegistration> sign_task_registration(std::chrono::nanoseconds timeout) noexcept override {
    last_timeout = timeout;
    if (fails_with) return failure(*fails_with, Layer::core, "signing in a test");
    TaskRegistration registration;
    registration.timestamp = *format_timestamp(WallSeconds{1'776'643'200 + signatures++});
    registration.signature = std::string_view(kSignature);
    return registration;
  }
  void forget_headers() noexcept override {}
  const RuntimeId& runtime_id() const noexcept override { return runtime_id_; }
  const PublicKey& public_key() const noexcept override { return public_key_; }

  static constexpr const char* kSignature =
      "RrvOb9wXUGTmWxz3wQEFnWjPE0Hn2lq5khr11e0+FoVRwf01T9haqhwnj3lsAsqz72jy+obmRPu8R2HlYeNJAQ==";
  static constexpr const char* kKeyLine =
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";

  int signatures = 0;
  std::optional<Status> fails_with;
  std::chrono::nanoseconds last_timeout{0};

 private:
  RuntimeId runtime_id_ = *RuntimeId::parse("agent-123");
  PublicKey public_key_ = *parse_ssh_public_key(kKeyLine);
};

}  // namespace holdfast::test
