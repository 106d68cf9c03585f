// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>

namespace holdfast::test {

/// A thread whose stack is filled with a pattern beforehand, to see afterwards how much of it was used.
class PaintedStack {
 public:
  PaintedStack();
  PaintedStack(const PaintedStack&) = delete;
  PaintedStack& operator=(const PaintedStack&) = delete;
  ~PaintedStack();

  /// Runs `prepare` and then, on the stack painted anew below that point, `work`; returns the bytes that `work` used
  /// at most, with all that it called. Under a sanitizer, which makes every frame larger, the number means nothing.
  [[nodiscard]] std::size_t used_by(const std::function<void()>& prepare, const std::function<void()>& work);

  /// In `work`: the bytes of stack between its beginning and the caller's frame. In `prepare`: 0.
  [[nodiscard]] std::size_t depth_here() const noexcept;

 private:
  static void* run(void* self);
  void paint_and_work() noexcept;

  std::byte* memory_ = nullptr;
  const std::byte* begin_ = nullptr;  // of the work's frame
  std::size_t used_ = 0;
  const std::function<void()>* prepare_ = nullptr;
  const std::function<void()>* work_ = nullptr;
};

}  // namespace holdfast::test
