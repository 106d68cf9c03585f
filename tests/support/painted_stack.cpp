// SPDX-License-Identifier: Apache-2.0
#include "tests/support/painted_stack.hpp"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include <algorithm>
#include <stdexcept>

namespace holdfast::test {
namespace {

constexpr std::size_t kSize = std::size_t{512} * 1024;
constexpr std::size_t kRed = 1024;  // below the frame that paints: what it calls to paint
constexpr std::byte kPaint{0xA5};

}  // namespace

PaintedStack::PaintedStack() {
  void* memory = mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) throw std::runtime_error("no memory for a stack");
  memory_ = static_cast<std::byte*>(memory);
}

PaintedStack::~PaintedStack() { munmap(memory_, kSize); }

std::size_t PaintedStack::used_by(const std::function<void()>& prepare, const std::function<void()>& work) {
  prepare_ = &prepare;
  work_ = &work;
  begin_ = nullptr;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, memory_, kSize);
  pthread_t thread{};
  const bool is_started = pthread_create(&thread, &attributes, run, this) == 0;
  pthread_attr_destroy(&attributes);
  if (!is_started) throw std::runtime_error("no thread on a painted stack");
  pthread_join(thread, nullptr);
  return used_;
}

std::size_t PaintedStack::depth_here() const noexcept {
  if (begin_ == nullptr) return 0;
  const auto* here = static_cast<const std::byte*>(__builtin_frame_address(0));
  return static_cast<std::size_t>(begin_ - here);
}

void* PaintedStack::run(void* self) {
  auto& stack = *static_cast<PaintedStack*>(self);
  (*stack.prepare_)();
  stack.paint_and_work();
  return nullptr;
}

[[gnu::noinline]] void PaintedStack::paint_and_work() noexcept {
  begin_ = static_cast<const std::byte*>(__builtin_frame_address(0));
  const auto room = static_cast<std::size_t>(begin_ - memory_) - kRed;
  memset(memory_, static_cast<int>(kPaint), room);
  (*work_)();
  const std::byte* lowest = std::find_if(memory_, memory_ + room, [](std::byte byte) { return byte != kPaint; });
  used_ = static_cast<std::size_t>(begin_ - lowest);
}

}  // namespace holdfast::test
