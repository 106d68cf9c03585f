// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/event.hpp"
#include "holdfast/holdfast.h"

namespace holdfast::c_api {

/// A C host's log function as the core's log.
class CallbackLog final : public EventLog {
 public:
  /// `function` may be null: see `log`.
  CallbackLog(holdfast_log_function function, void* context) noexcept : function_(function), context_(context) {}

  void record(const Event& event) noexcept override;

  /// What is handed to the core: null without a function, so that nobody puts together what nobody reads.
  [[nodiscard]] EventLog* log() noexcept { return function_ == nullptr ? nullptr : this; }

 private:
  holdfast_log_function function_;
  void* context_;
};

}  // namespace holdfast::c_api
