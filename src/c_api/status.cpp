// SPDX-License-Identifier: Apache-2.0
#include "holdfast/holdfast.h"
#include "holdfast/result.hpp"

using holdfast::Remedy;
using holdfast::Status;

static_assert(HOLDFAST_REMEDY_NONE == static_cast<int>(Remedy::none) &&
              HOLDFAST_REMEDY_FIX_CALL == static_cast<int>(Remedy::fix_call) &&
              HOLDFAST_REMEDY_ASK_PERSON == static_cast<int>(Remedy::ask_person) &&
              HOLDFAST_REMEDY_WAIT == static_cast<int>(Remedy::wait) &&
              HOLDFAST_REMEDY_RECONNECT == static_cast<int>(Remedy::reconnect) &&
              HOLDFAST_REMEDY_STOP == static_cast<int>(Remedy::stop));

// The table's texts are string literals, so each ends with a NUL.
const char* holdfast_version(void) { return HOLDFAST_VERSION; }

const char* holdfast_status_name(holdfast_status status) { return holdfast::status_name(Status{status}).data(); }

const char* holdfast_status_text(holdfast_status status) { return holdfast::status_text(Status{status}).data(); }

const char* holdfast_status_hint(holdfast_status status) { return holdfast::status_hint(Status{status}).data(); }

uint32_t holdfast_status_remedy(holdfast_status status) {
  return static_cast<uint32_t>(holdfast::status_remedy(Status{status}));
}

int32_t holdfast_status_exit_code(holdfast_status status) { return holdfast::status_exit_code(Status{status}); }
