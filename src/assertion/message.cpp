// SPDX-License-Identifier: Apache-2.0
#include "src/assertion/message.hpp"

#include <cstring>

namespace holdfast {

// Without a bounds check: the capacity is the sum of what the parts' own types can hold.
template <std::size_t Capacity>
SignedMessage<Capacity>& SignedMessage<Capacity>::join(std::string_view text) noexcept {
  if (size_ != 0) characters_[size_++] = ':';
  std::memcpy(characters_.data() + size_, text.data(), text.size());
  size_ += text.size();
  return *this;
}

AssertionMessage build_assertion_message(const RuntimeId& runtime, const TaskId& task,
                                         const TimestampText& timestamp) noexcept {
  AssertionMessage message;
  message.join(runtime.view()).join(task.view()).join(timestamp.view());
  return message;
}

RegistrationMessage build_registration_message(const RuntimeId& runtime, const TimestampText& timestamp) noexcept {
  RegistrationMessage message;
  message.join(runtime.view()).join(timestamp.view());
  return message;
}

}  // namespace holdfast
