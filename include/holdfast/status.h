/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOLDFAST_STATUS_H
#define HOLDFAST_STATUS_H

#include <stdint.h>

/** How a call ended. Zero is success, every other value says what to do next: the statuses are chosen
 *  by remedy, not by cause. Values never change their meaning; new ones are appended.
 *  The text, remedy and hint of each stand in one table (src/status/status_table.cpp), from which
 *  docs/errors.md is generated. */
typedef int32_t holdfast_status;

enum {
  HOLDFAST_OK = 0,

  /* The caller can fix it. */
  HOLDFAST_INVALID_ARGUMENT = 1,
  HOLDFAST_INVALID_IDENTIFIER = 2,
  HOLDFAST_INVALID_URI = 3,
  HOLDFAST_BUFFER_TOO_SMALL = 4,
  HOLDFAST_SCHEME_UNSUPPORTED = 5,
  HOLDFAST_BACKEND_NOT_BUILT = 6,

  /* A person is needed. */
  HOLDFAST_PIN_REQUIRED = 7,
  HOLDFAST_PIN_INCORRECT = 8,
  HOLDFAST_PIN_LOCKED = 9,
  HOLDFAST_PIN_REFUSED_BEFORE = 10,
  HOLDFAST_PERMISSION_DENIED = 11,
  HOLDFAST_FILE_UNTRUSTED = 12,
  HOLDFAST_FILE_INVALID = 13,
  HOLDFAST_TOKEN_NOT_FOUND = 14,
  HOLDFAST_KEY_NOT_FOUND = 15,
  HOLDFAST_AMBIGUOUS_MATCH = 16,
  HOLDFAST_KEY_REFUSED = 17,
  HOLDFAST_ALREADY_EXISTS = 18,
  HOLDFAST_MODULE_UNUSABLE = 19,
  HOLDFAST_SEALED_ANSWER = 20,
  HOLDFAST_CLOCK_IMPLAUSIBLE = 21,

  /* Waiting may help. */
  HOLDFAST_DEADLINE_EXCEEDED = 22,
  HOLDFAST_AUTHORITY_UNAVAILABLE = 23,

  /* Reconnecting may help. */
  HOLDFAST_DEVICE_GONE = 24,
  HOLDFAST_STALE_KEY = 25,
  HOLDFAST_RESET_NOT_OURS = 26,
  HOLDFAST_FORKED = 27,

  /* Stop. */
  HOLDFAST_SIGNATURE_MISMATCH = 28,
  HOLDFAST_KEY_CHANGED = 29,
  HOLDFAST_DEVICE_FAULT = 30,
  HOLDFAST_RESOURCE_EXHAUSTED = 31,
  HOLDFAST_AUTHORITY_REFUSED = 32,
  HOLDFAST_AUTHORITY_ANSWER_INVALID = 33,
  HOLDFAST_HEADER_REFUSED = 34,
  HOLDFAST_ATTESTATION_REFUSED = 35,

  /* A person is needed. */
  HOLDFAST_ATTESTATION_UNPROVEN = 36,

  HOLDFAST_STATUS_COUNT = 37
};

#endif
