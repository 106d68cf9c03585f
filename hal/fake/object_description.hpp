// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "hal/fake/token.hpp"

/// How the fake's objects look from outside.
namespace holdfast::hal::fake {

/// `fake:object=LABEL;id=HEX`
[[nodiscard]] FixedText<kMaxKeyUriSize> uri_of(const FakeObject& object) noexcept;
[[nodiscard]] KeyDescription describe_object(const FakeObject& object) noexcept;

}  // namespace holdfast::hal::fake
