/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOLDFAST_EVENT_H
#define HOLDFAST_EVENT_H

#include "holdfast/status.h"

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What an operator wants to know of, although the call during which it happened may succeed. */
enum {
  HOLDFAST_EVENT_RECOVERY_BEGUN = 1,  /**< the key was lost; the way back to it is looked for */
  HOLDFAST_EVENT_RECOVERY_ENDED = 2,  /**< the key signs again */
  HOLDFAST_EVENT_PIN_REFUSED = 3,     /**< it is not sent again before a person corrected it; told once */
  HOLDFAST_EVENT_SIGNER_STOPPED = 4,  /**< a wrong signature or another key: this handle signs no more; told once */
  HOLDFAST_EVENT_TASK_REGISTERED = 5, /**< by the session, with the new generation */
  HOLDFAST_EVENT_TASK_REJECTED = 6,   /**< reported by the host; told once for each generation */
  HOLDFAST_EVENT_REGISTRATION_FAILED =
      7 /**< the registrar gave up, after all its attempts; the next call tries anew */
};
enum {
  HOLDFAST_SEVERITY_INFO = 1,
  HOLDFAST_SEVERITY_WARNING = 2, /**< may pass by itself */
  HOLDFAST_SEVERITY_ERROR = 3    /**< does not pass without a person */
};

/** One thing that happened. Holds no PIN, no header, no signature and no task id; may name a token, a key, a file or
 * an authority, as errors do. It and its texts, which end with a NUL, are to be read during the call only. */
typedef struct holdfast_event {
  uint32_t struct_size;   /**< of the library's structure: a host reads no member beyond it */
  uint32_t kind;          /**< HOLDFAST_EVENT_...; later versions may have more */
  uint32_t severity;      /**< HOLDFAST_SEVERITY_... */
  holdfast_status status; /**< why; HOLDFAST_OK where nothing failed, and then the next three are 0 */
  uint32_t layer;         /**< HOLDFAST_LAYER_... */
  uint32_t remedy;        /**< HOLDFAST_REMEDY_... */
  uint64_t native;        /**< as in holdfast_error */
  uint64_t generation;    /**< of the task that it is about; 0: about none */
  const char* message;    /**< one line, less than 512 bytes */
  const char* hint;       /**< the next action for a person, "" where there is none */
} holdfast_event;

/** A host's log, named in the options of one handle and called for that handle alone, with the `log_context` of its
 *  options.
 *
 *  **When.** In the middle of a call on the handle, its open included; never in the background, and never for a
 *  signature that is good at the first try. A recovery is told when it begins and when the key signs again, however
 *  many callers wait for it.
 *  **Threads.** On the thread of that call; several threads may be in it at once. Locks of the handle are held and
 *  other callers wait behind them: be quick, do not block.
 *  **Reentrancy.** It may call what takes no handle, and ..._counters, ..._key_info, ..._account, ..._state and
 *  ..._generation of its own. Any other call on that handle waits for the one that it is in: until its deadline, or
 * for ever. It does not throw, jump out or fork.
 *  **End.** Not called after the handle's close has returned, and not in a forked child that keeps to its rule. */
typedef void (*holdfast_log_function)(void* log_context, const holdfast_event* event);

#ifdef __cplusplus
}
#endif

#endif
