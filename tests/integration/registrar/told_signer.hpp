// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/support/stub_signer.hpp"

#include <atomic>
#include <string>
#include <vector>

namespace holdfast::test {

/// A signer that tells when it is asked.
class ToldSigner final : public TypedSigner {
 public:
  Result<std::size_t> authorization(const TaskId& task, std::chrono::nanoseconds timeout, std::span<char> out,
                                    Freshness freshness) noexcept override {
    return stub_.authorization(task, timeout, out, freshness);
  }
  Result<TaskRegistration> sign_task_registration(std::chrono::nanoseconds timeout) noexcept override {
    signatures.fetch_add(1);
    return stub_.sign_task_registration(timeout);
  }
  void forget_headers() noexcept override {}
  const RuntimeId& runtime_id() const noexcept override { return stub_.runtime_id(); }
  const PublicKey& public_key() const noexcept override { return stub_.public_key(); }
  SealedTaskOpener* sealed_tasks() noexcept override { return opener; }
  SealedTaskOpener* opener = nullptr;
  std::atomic<int> signatures{0};
  StubSigner& stub() { return stub_; }

 private:
  StubSigner stub_;
};

/// Opens nothing but one text, and tells what it was asked.
class ToldOpener final : public SealedTaskOpener {
 public:
  Result<TaskId> open_sealed_task(std::string_view sealed, std::chrono::nanoseconds timeout) noexcept override {
    asked.emplace_back(sealed);
    had_time = timeout.count() > 0;
    if (sealed == "opens") return TaskId::parse("task-123");
    return failure(Status::authority_answer_invalid, Layer::core, "opening in a test");
  }
  std::vector<std::string> asked;
  bool had_time = false;
};

}  // namespace holdfast::test
