// SPDX-License-Identifier: Apache-2.0
#include "src/signer/plausible_time.hpp"

namespace holdfast {

Result<TimestampText> plausible_timestamp(WallSeconds wall, const char* doing) noexcept {
  auto text = format_timestamp(wall);
  if (text && wall >= kEarliestPlausible) return text;
  Error error = failure(Status::clock_implausible, Layer::core, doing).about("it says ");
  error.detail.append(text ? text->view() : "a year beyond 9999");
  return error;
}

}  // namespace holdfast
