/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOLDFAST_HOLDFAST_H
#define HOLDFAST_HOLDFAST_H

/** @file
 *  The C ABI: the only binary promise of Holdfast. C11, and C++20 reads it, too.
 *
 *  Two libraries have it. `holdfast` has all of it; `holdfast-sign` has the first part, down to the line that says
 * so, and brings neither HTTP nor JSON: for a host that gets its task id elsewhere.
 *
 *  **Calls.** Each answers a `holdfast_status` (status.h); HOLDFAST_OK is 0. Order: object, inputs, outputs, error.
 *  Texts are UTF-8, end with a NUL and are copied or used during the call only. An optional text may be null or "".
 *  A null handle, a required pointer that is null, a structure of another size, a reserved member that is not 0 and
 * an unknown flag are HOLDFAST_INVALID_ARGUMENT, and nothing is done then.
 *  **Structures** begin with `struct_size`, set by their HOLDFAST_..._INIT. Members are only appended. Options of the
 *  size that an earlier header gave them are taken as well, what they lack being 0.
 *  **Buffers** are the caller's. Too small: HOLDFAST_BUFFER_TOO_SMALL, the size needed (the NUL included) is written
 *  and the token is not touched. After any failure a buffer is all zeroes, a handle null.
 *  **Errors.** `out_error` may be null: the status alone is answered then. Nothing is global, nothing to free.
 *  **Threads.** Any number may use one handle at once; none while it is closed.
 *  **Fork.** In a forked child every call that signs or registers answers HOLDFAST_FORKED; close the handle there and
 * open another.
 *  **Time.** A `timeout_ms` of 0 means 30,000. It bounds every wait of ours, not a native call that never returns.
 *  **Log.** There is none, unless a handle's options name a function: see holdfast_log_function. What happened in a
 *  call is in its error, and the counters count it, in any case. */

#include "holdfast/event.h"
#include "holdfast/status.h"

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define HOLDFAST_API __attribute__((visibility("default")))
#else
#define HOLDFAST_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** The largest `Authorization` value and its NUL, in bytes: a buffer of this size always suffices. */
#define HOLDFAST_AUTHORIZATION_CAPACITY 590
/** The longest runtime or task id and its NUL, in bytes. */
#define HOLDFAST_IDENTIFIER_CAPACITY 129

/** Who noticed a failure: a part of Holdfast, or the system below it. */
enum {
  HOLDFAST_LAYER_CORE = 0,
  HOLDFAST_LAYER_PKCS11 = 1,
  HOLDFAST_LAYER_TPM2 = 2,
  HOLDFAST_LAYER_SYSTEM = 3,
  HOLDFAST_LAYER_HTTP = 4,
  HOLDFAST_LAYER_REGISTRAR = 5,
  HOLDFAST_LAYER_IDENTITY = 6,
  HOLDFAST_LAYER_VERIFICATION = 7
};

/** What the caller can do about a status. */
enum {
  HOLDFAST_REMEDY_NONE = 0,
  HOLDFAST_REMEDY_FIX_CALL = 1,
  HOLDFAST_REMEDY_ASK_PERSON = 2,
  HOLDFAST_REMEDY_WAIT = 3,
  HOLDFAST_REMEDY_RECONNECT = 4,
  HOLDFAST_REMEDY_STOP = 5
};

/** What a call tells of its failure; after success all members but the size are 0. Holds no secret. */
typedef struct holdfast_error {
  uint32_t struct_size;
  holdfast_status status;
  uint32_t layer;    /**< HOLDFAST_LAYER_... */
  uint32_t remedy;   /**< HOLDFAST_REMEDY_... */
  uint64_t native;   /**< CK_RV, TSS2_RC, HTTP status, curl code or errno, exactly as it came; 0: none */
  char message[512]; /**< `<what failed>: <detail> (<layer>: <NATIVE_NAME> while <doing>)`, cut to what fits */
  char hint[256];    /**< the next action for a person */
} holdfast_error;
#define HOLDFAST_ERROR_INIT                        \
  {                                                \
    sizeof(holdfast_error), 0, 0, 0, 0, {0}, { 0 } \
  }

/** The library's version, such as "0.1.0". Belongs to the library, as the next four texts do. */
HOLDFAST_API const char* holdfast_version(void);
/** The status' short name ("pin_incorrect"), one sentence, the next action for a person: of docs/errors.md. For a
 * value outside the table: "unknown", and texts that say so. */
HOLDFAST_API const char* holdfast_status_name(holdfast_status status);
HOLDFAST_API const char* holdfast_status_text(holdfast_status status);
HOLDFAST_API const char* holdfast_status_hint(holdfast_status status);
/** HOLDFAST_REMEDY_... of the status. */
HOLDFAST_API uint32_t holdfast_status_remedy(holdfast_status status);
/** The exit code for a program that ends with this status: 0 done, 1 failed, 2 wrong use, 3 a person is needed,
 *  4 device, 5 authority. */
HOLDFAST_API int32_t holdfast_status_exit_code(holdfast_status status);

/* ---- Signer: a key on a token or a TPM that signs for one runtime id ---- */

enum { HOLDFAST_SCHEME_ED25519 = 1, HOLDFAST_SCHEME_ES256 = 2 };

/** How strong a key's own restrictions must be; a key that has less is HOLDFAST_KEY_REFUSED at open. */
enum {
  HOLDFAST_PROFILE_STRICT = 1,   /**< made inside the device, never outside it, signing only */
  HOLDFAST_PROFILE_IMPORTED = 2, /**< as strict, but it was brought in once */
  HOLDFAST_PROFILE_SHARED = 3    /**< TPM only: may also decrypt, or has an open scheme */
};

/** Flags of `holdfast_signer_options`. */
enum {
  /** Another user of the PKCS#11 module is in this process: no module reset then. */
  HOLDFAST_SIGNER_SHARES_MODULE = 1,
  /** Check signatures after open and recovery only; without it every one is checked before it leaves. */
  HOLDFAST_SIGNER_VERIFIES_AFTER_OPEN_AND_RECOVERY = 2,
  /** The process ignores SIGPIPE as long as the signer lives, checked at open: spares each signature two system
   *  calls. */
  HOLDFAST_SIGNER_SIGPIPE_IS_IGNORED = 4
};

/** Flag of a call that makes a header: ask the device, do not hand out the task's last header again. For a WebSocket
 *  dial. */
enum { HOLDFAST_FRESH = 1 };

typedef struct holdfast_signer holdfast_signer;

typedef struct holdfast_signer_options {
  uint32_t struct_size;
  uint32_t flags;                  /**< HOLDFAST_SIGNER_... */
  const char* runtime_id;          /**< required */
  const char* key_uri;             /**< required: `pkcs11:...` (RFC 7512) or `tpm2:...` */
  const char* twin_uri;            /**< the key's derivation twin; optional */
  const char* expected_public_key; /**< `ssh-ed25519 AAAA...`; another key under the URI is HOLDFAST_KEY_CHANGED */
  const char* pin_source;          /**< `fd:N`, `file:/PATH`, `credential:NAME`, `env:NAME`, `prompt`; optional */
  const char* module_path;         /**< explicit PKCS#11 module; optional: the URI's */
  uint32_t profile;                /**< HOLDFAST_PROFILE_...; 0: strict */
  uint32_t scheme;                 /**< HOLDFAST_SCHEME_... that the key must fit; 0: any */
  uint32_t max_tasks;              /**< tasks whose headers are kept, 1 to 100,000; 0: 16 */
  uint32_t max_age_s;              /**< how old a reused header may be, 0 to 120 s; 0: of the same second */
  uint32_t sessions;               /**< signatures under way at once, 1 to 64; 0: 4 */
  uint32_t reserved;               /**< 0 */
  holdfast_log_function log;       /**< optional; recoveries, a refused PIN, a signer that stopped */
  void* log_context;               /**< handed to `log` as it is; null without one */
} holdfast_signer_options;
#define HOLDFAST_SIGNER_OPTIONS_INIT \
  { sizeof(holdfast_signer_options), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/** A signed task registration, for `POST .../task/register`. Both texts end with a NUL. */
typedef struct holdfast_task_registration {
  uint32_t struct_size;
  uint32_t reserved;
  char timestamp[24]; /**< RFC 3339, UTC, whole seconds */
  char signature[96]; /**< standard padded base64 */
} holdfast_task_registration;
#define HOLDFAST_TASK_REGISTRATION_INIT               \
  {                                                   \
    sizeof(holdfast_task_registration), 0, {0}, { 0 } \
  }

/** The key, and the policy it is held to. */
typedef struct holdfast_key_info {
  uint32_t struct_size;
  uint32_t scheme;          /**< HOLDFAST_SCHEME_... */
  uint32_t profile;         /**< HOLDFAST_PROFILE_... it was opened with */
  uint32_t verifies_always; /**< 1: every signature is checked before it leaves; 0: after open and recovery only */
  uint32_t max_age_s;       /**< how old a reused header may be */
  uint32_t public_key_size; /**< 32 (Ed25519) or 65 (uncompressed P-256 point) bytes */
  uint8_t public_key[72];
  char runtime_id[136];     /**< with its NUL */
  char ssh_public_key[168]; /**< `ssh-ed25519 AAAA...` with its NUL */
} holdfast_key_info;
#define HOLDFAST_KEY_INFO_INIT                                \
  {                                                           \
    sizeof(holdfast_key_info), 0, 0, 0, 0, 0, {0}, {0}, { 0 } \
  }

/** What a signer did so far; every number only grows. */
typedef struct holdfast_counters {
  uint32_t struct_size;
  uint32_t reserved;
  uint64_t headers;         /**< handed out */
  uint64_t headers_reused;  /**< of these, without the device */
  uint64_t signatures;      /**< asked of the device */
  uint64_t verifications;   /**< signatures checked */
  uint64_t device_errors;   /**< calls the device answered with an error */
  uint64_t resets;          /**< connections to the device built anew */
  uint64_t recoveries;      /**< times the key was lost and signed again */
  uint64_t abandoned_calls; /**< calls given up because they did not return long after their deadline */
} holdfast_counters;
#define HOLDFAST_COUNTERS_INIT \
  { sizeof(holdfast_counters), 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/** Opens the device, finds the key and checks its attributes against the profile. The only call of a signer that
 *  allocates, but for `holdfast_signer_open_sealed_task`; blocks on the device and the PIN source. A refused PIN is
 *  tried once.
 *  Worth handling: PIN_INCORRECT (do not repeat it), PIN_REFUSED_BEFORE, KEY_REFUSED, KEY_CHANGED, TOKEN_NOT_FOUND.
 */
HOLDFAST_API holdfast_status holdfast_signer_open(const holdfast_signer_options* options,
                                                  holdfast_signer** out_signer, holdfast_error* out_error);
/** Closes the signer; null is accepted. In a forked child nothing is sent to the device. */
HOLDFAST_API void holdfast_signer_close(holdfast_signer* signer);

/** Writes the value of an `Authorization` header for `task_id` and a NUL; `out_value_size` is its length without the
 *  NUL. Allocates nothing; blocks on the device alone. `flags`: HOLDFAST_FRESH or 0.
 *  Worth handling: DEADLINE_EXCEEDED, DEVICE_GONE, SIGNATURE_MISMATCH and KEY_CHANGED (this signer is finished). */
HOLDFAST_API holdfast_status holdfast_signer_authorization(holdfast_signer* signer, const char* task_id,
                                                           uint32_t flags, uint32_t timeout_ms, char* out_value,
                                                           size_t value_capacity, size_t* out_value_size,
                                                           holdfast_error* out_error);
/** Signs a task registration at the time of the call. As `holdfast_signer_authorization`; never reused. */
HOLDFAST_API holdfast_status holdfast_signer_sign_task_registration(holdfast_signer* signer, uint32_t timeout_ms,
                                                                    holdfast_task_registration* out_registration,
                                                                    holdfast_error* out_error);
/** Opens the task id that an authority sealed to the key (its answer's text, standard base64) and writes it with a
 *  NUL; needs the derivation twin (HOLDFAST_SEALED_ANSWER without one) and HOLDFAST_IDENTIFIER_CAPACITY bytes.
 *  Allocates: reads the twin's URI, and locks a page of memory for the shared secret as long as it takes. */
HOLDFAST_API holdfast_status holdfast_signer_open_sealed_task(holdfast_signer* signer, const char* sealed,
                                                              uint32_t timeout_ms, char* out_task_id,
                                                              size_t task_id_capacity, size_t* out_task_id_size,
                                                              holdfast_error* out_error);
/** Drops every kept header: after the authority rejected one. */
HOLDFAST_API holdfast_status holdfast_signer_forget_headers(holdfast_signer* signer, holdfast_error* out_error);
HOLDFAST_API holdfast_status holdfast_signer_key_info(holdfast_signer* signer, holdfast_key_info* out_info,
                                                      holdfast_error* out_error);
HOLDFAST_API holdfast_status holdfast_signer_counters(holdfast_signer* signer, holdfast_counters* out_counters,
                                                      holdfast_error* out_error);

/* ---- Verification: for a server that gets such headers; no handle, any thread ---- */

/** What an `Authorization` value says. */
typedef struct holdfast_assertion {
  uint32_t struct_size;
  uint32_t reserved;
  int64_t time_s; /**< seconds since 1970-01-01T00:00:00Z */
  char runtime_id[136];
  char task_id[136];
  char timestamp[24];
} holdfast_assertion;
#define HOLDFAST_ASSERTION_INIT                       \
  {                                                   \
    sizeof(holdfast_assertion), 0, 0, {0}, {0}, { 0 } \
  }

/** Reads `value_size` bytes of an `Authorization` value and verifies nothing: to look up the key by the runtime id.
 *  HOLDFAST_HEADER_REFUSED says which rule was broken. */
HOLDFAST_API holdfast_status holdfast_parse_authorization(const char* value, size_t value_size,
                                                          holdfast_assertion* out_assertion,
                                                          holdfast_error* out_error);
/** Reads such a value, checks its signature with `ssh_public_key` and that its time lies within `window_s` seconds of
 *  `now_s` (seconds since 1970), both sides inclusive. HOLDFAST_HEADER_REFUSED or HOLDFAST_SIGNATURE_MISMATCH. Keeps
 * no state: a header can be replayed inside the window. Allocates for an es256 key. */
HOLDFAST_API holdfast_status holdfast_verify_authorization(const char* value, size_t value_size,
                                                           const char* ssh_public_key, int64_t now_s,
                                                           uint32_t window_s, holdfast_assertion* out_assertion,
                                                           holdfast_error* out_error);
/** Checks the signature of a task registration and its time in the same way. */
HOLDFAST_API holdfast_status holdfast_verify_task_registration(const char* runtime_id, const char* timestamp,
                                                               const char* signature, const char* ssh_public_key,
                                                               int64_t now_s, uint32_t window_s,
                                                               holdfast_error* out_error);

/* ==== `holdfast-sign` ends here; what follows is in `holdfast` alone ==== */

/* ---- Registrar: a process of its own that speaks HTTPS for a host which may not ---- */

typedef struct holdfast_registrar holdfast_registrar;

enum {
  HOLDFAST_REGISTRAR_RUNNING = 1,
  HOLDFAST_REGISTRAR_GONE = 2 /**< it ended, was killed, or broke the protocol and was put down */
};

/** Flag of `holdfast_registrar_options`: do not start where the kernel has no Landlock (HOLDFAST_PERMISSION_DENIED).
 */
enum { HOLDFAST_REGISTRAR_REQUIRES_LANDLOCK = 1 };

/** Called in the new process when its own sandbox is closed, before the first request: a place for a seccomp filter
 * of the host's own, which must leave what libcurl and name look-up need. 0 ends the process. */
typedef int32_t (*holdfast_sandbox_function)(void* sandbox_context);

typedef struct holdfast_registrar_options {
  uint32_t struct_size;
  uint32_t flags;                          /**< HOLDFAST_REGISTRAR_... */
  const char* identity_file;               /**< read for the authority, unless `authority_url` is given; optional:
                                                searched for */
  const char* authority_url;               /**< optional: the identity's */
  const char* ca_file;                     /**< PEM bundle; optional: the identity's, else the system's */
  const char* client_certificate;          /**< PEM file, for mutual TLS; optional */
  const char* client_key;                  /**< PEM file; optional */
  const char* proxy;                       /**< explicit proxy URL; optional: none */
  holdfast_sandbox_function enter_sandbox; /**< optional; is called at each restart, too */
  void* sandbox_context;                   /**< handed to `enter_sandbox` as it is; null without one */
  uint32_t start_timeout_ms;               /**< for the new process to be ready; 0: 10,000 */
  uint32_t reserved;                       /**< 0 */
} holdfast_registrar_options;
#define HOLDFAST_REGISTRAR_OPTIONS_INIT \
  { sizeof(holdfast_registrar_options), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/** Forks the registrar and waits until it is ready. It carries registrations for the sessions that name it
 *  (`holdfast_session_options`): the host signs, and it gets nothing but a signed registration for each attempt.
 *
 *  **Order.** The new process is a copy of the host: call this first, before threads are made, before a session or a
 *  signer is opened, and before the host locks itself down. It ends with the thread that called this, and when the
 *  handle is closed. After a change of user the host can no longer end one that hangs.
 *  Worth handling: FILE_INVALID (the identity; or libcurl is missing), PERMISSION_DENIED, RESOURCE_EXHAUSTED (no
 *  process), DEADLINE_EXCEEDED. */
HOLDFAST_API holdfast_status holdfast_registrar_start(const holdfast_registrar_options* options,
                                                      holdfast_registrar** out_registrar, holdfast_error* out_error);
/** Uses a registrar that another process, the host's parent, started and whose `holdfast_registrar_socket` it passed
 *  on: by inheritance, or with SCM_RIGHTS. Takes the descriptor over, whatever it answers.
 *  Worth handling: INVALID_ARGUMENT if it is no sequenced-packet unix socket. */
HOLDFAST_API holdfast_status holdfast_registrar_attach(int32_t socket, holdfast_registrar** out_registrar,
                                                       holdfast_error* out_error);
/** Puts a registrar that the host's parent started in the place of one that is gone, or ends one that hangs: for a
 * host that may not fork. The sessions that name the handle go on. As `holdfast_registrar_attach`. */
HOLDFAST_API holdfast_status holdfast_registrar_reattach(holdfast_registrar* registrar, int32_t socket,
                                                         holdfast_error* out_error);
/** Ends the process and waits for its end, of an attached one closes the socket; after every session that names it.
 * Null is accepted. In a forked child the process is the parent's and goes on. */
HOLDFAST_API void holdfast_registrar_close(holdfast_registrar* registrar);
/** Writes HOLDFAST_REGISTRAR_..., without waiting. While it is gone registrations are HOLDFAST_AUTHORITY_UNAVAILABLE
 *  and the present task is as good as before. */
HOLDFAST_API holdfast_status holdfast_registrar_state(holdfast_registrar* registrar, uint32_t* out_state,
                                                      holdfast_error* out_error);
/** Puts a new process in the place of one that is gone, or ends one that hangs, where the host may still fork. It is
 * a copy of the host as it is now: PINs are empty pages in it, but not what a token's module keeps in this process.
 *  Failures as `holdfast_registrar_start`; INVALID_ARGUMENT for an attached one. */
HOLDFAST_API holdfast_status holdfast_registrar_restart(holdfast_registrar* registrar, holdfast_error* out_error);
/** Writes the process id; -1 when it is gone or attached. For a supervisor: do not wait for it, the handle does. */
HOLDFAST_API holdfast_status holdfast_registrar_process_id(holdfast_registrar* registrar, int32_t* out_process_id,
                                                           holdfast_error* out_error);
/** Writes the descriptor of the host's end, close-on-exec, for a parent that passes it on; -1 when the process is
 *  gone. It stays the handle's: pass on a copy (dup(2)) where both live in one process. Who passed it on and does not
 *  use it itself keeps the handle: closing it ends the process. */
HOLDFAST_API holdfast_status holdfast_registrar_socket(holdfast_registrar* registrar, int32_t* out_socket,
                                                       holdfast_error* out_error);

/* ---- Session: an identity file, its signer and one run task in memory ---- */

typedef struct holdfast_session holdfast_session;

enum {
  HOLDFAST_SESSION_NO_IDENTITY = 1,   /**< no identity file could be read */
  HOLDFAST_SESSION_IDENTITY_ONLY = 2, /**< the identity is known, its key cannot be used */
  HOLDFAST_SESSION_READY = 3          /**< the key is open; a session never leaves this state */
};

/** Flags of `holdfast_session_options`. */
enum {
  /** Succeed without an identity or its key, too; the state tells. */
  HOLDFAST_SESSION_ALLOWS_UNREADY = 1,
  /** Never register a task: they come from `holdfast_session_adopt_task` only. */
  HOLDFAST_SESSION_REGISTERS_NO_TASKS = 2,
  /** As HOLDFAST_SIGNER_SIGPIPE_IS_IGNORED. */
  HOLDFAST_SESSION_SIGPIPE_IS_IGNORED = 4
};

typedef struct holdfast_session_options {
  uint32_t struct_size;
  uint32_t flags;                  /**< HOLDFAST_SESSION_... */
  const char* identity_file;       /**< optional: searched for */
  const char* pin_source;          /**< as a signer's; optional */
  const char* module_path;         /**< as a signer's; optional */
  const char* expected_public_key; /**< as a signer's; optional */
  const char* const* origins;      /**< `https://HOST[:PORT]` or `wss://...`; also http and ws for loopback hosts */
  uint64_t origins_count;          /**< 0: `holdfast_session_headers_for` refuses every URL */
  const char* authority_url;       /**< optional: the identity's */
  const char* ca_file;             /**< PEM bundle for the authority; optional: the identity's, else the system's */
  const char* client_certificate;  /**< PEM file, for mutual TLS; optional */
  const char* client_key;          /**< PEM file; optional */
  const char* proxy;               /**< explicit proxy URL; optional: none */
  uint32_t minimum_profile;        /**< HOLDFAST_PROFILE_...; 0: strict. The identity's is this one or strict */
  uint32_t max_age_s;              /**< as a signer's */
  uint32_t registration_timeout_ms;
  uint32_t signing_timeout_ms;
  uint32_t rejection_interval_ms; /**< rejections lead to one registration in this time; 1,000 to a day; 0: 60,000 */
  uint32_t reserved;              /**< 0 */
  holdfast_log_function log;      /**< optional; as a signer's, and what happens to the task */
  void* log_context;              /**< handed to `log` as it is; null without one */
  holdfast_registrar* registrar;  /**< who registers tasks; outlives the session. Null: this process does. With one,
                                       what says how to reach the authority is its own: null here */
} holdfast_session_options;
#define HOLDFAST_SESSION_OPTIONS_INIT \
  { sizeof(holdfast_session_options), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/** One header of a request, both texts with a NUL. It *replaces* every header of that name the request has. */
typedef struct holdfast_header {
  const char* name;
  const char* value;
} holdfast_header;

/** Everything a request to a listed origin carries: `Authorization`, whose value is in the caller's buffer, then its
 *  companions, whose values belong to the session. */
typedef struct holdfast_headers {
  uint32_t struct_size;
  uint32_t count; /**< of `fields`, how many there are */
  uint64_t generation;
  holdfast_header fields[4];
} holdfast_headers;
#define HOLDFAST_HEADERS_INIT          \
  {                                    \
    sizeof(holdfast_headers), 0, 0, {  \
      {0, 0}, {0, 0}, {0, 0}, { 0, 0 } \
    }                                  \
  }

/** Who the account behind an agent is; texts belong to the session, "" for what the identity does not say. */
typedef struct holdfast_account {
  uint32_t struct_size;
  uint32_t is_fedramp; /**< 0 or 1 */
  const char* account_id;
  const char* user_id;
  const char* email;
  const char* plan_type;
  const char* authority_url;
} holdfast_account;
#define HOLDFAST_ACCOUNT_INIT \
  { sizeof(holdfast_account), 0, 0, 0, 0, 0, 0 }

/** Reads the identity file and opens the signer. No network; allocates. Failures as `holdfast_signer_open`, and
 *  FILE_INVALID, FILE_UNTRUSTED. */
HOLDFAST_API holdfast_status holdfast_session_open(const holdfast_session_options* options,
                                                   holdfast_session** out_session, holdfast_error* out_error);
/** Closes the session; null is accepted. */
HOLDFAST_API void holdfast_session_close(holdfast_session* session);

/** Writes HOLDFAST_SESSION_... */
HOLDFAST_API holdfast_status holdfast_session_state(holdfast_session* session, uint32_t* out_state,
                                                    holdfast_error* out_error);
/** Why the session is not ready; HOLDFAST_OK if it is. In a forked child HOLDFAST_FORKED, whatever the state says. */
HOLDFAST_API holdfast_status holdfast_session_state_error(holdfast_session* session, holdfast_error* out_error);
/** Tries again what the open did not reach; a refused PIN is not tried again. */
HOLDFAST_API holdfast_status holdfast_session_reopen(holdfast_session* session, holdfast_error* out_error);
/** Writes 1 if another file stands where the identity was read, else 0. */
HOLDFAST_API holdfast_status holdfast_session_identity_file_changed(holdfast_session* session, uint32_t* out_changed,
                                                                    holdfast_error* out_error);

/** Registers a task unless there is one; threads that ask at once share one registration. `timeout_ms` 0: the
 *  session's. Worth handling: AUTHORITY_UNAVAILABLE, AUTHORITY_REFUSED, AUTHORITY_UNTRUSTED, SEALED_ANSWER,
 *  DEADLINE_EXCEEDED. */
HOLDFAST_API holdfast_status holdfast_session_register_task(holdfast_session* session, uint32_t timeout_ms,
                                                            holdfast_error* out_error);
/** From now on headers speak for `task_id`, which somebody else registered. `out_generation` may be null. */
HOLDFAST_API holdfast_status holdfast_session_adopt_task(holdfast_session* session, const char* task_id,
                                                         uint64_t* out_generation, holdfast_error* out_error);
/** The present task's generation; 0 if there is none. */
HOLDFAST_API holdfast_status holdfast_session_generation(holdfast_session* session, uint64_t* out_generation,
                                                         holdfast_error* out_error);

/** As `holdfast_signer_authorization`, for the present task, which is registered first if there is none. As the
 * task's size is not known before, `value_capacity` must be HOLDFAST_AUTHORIZATION_CAPACITY or more. `out_generation`
 * may be null. Says nothing about where the header goes: prefer `holdfast_session_headers_for`. */
HOLDFAST_API holdfast_status holdfast_session_authorization(holdfast_session* session, uint32_t flags,
                                                            char* out_value, size_t value_capacity,
                                                            size_t* out_value_size, uint64_t* out_generation,
                                                            holdfast_error* out_error);
/** The headers of a request to `url`, if its origin is on the session's list; else HOLDFAST_ORIGIN_NOT_LISTED, or
 *  HOLDFAST_INVALID_ARGUMENT for a URL that no listed origin can have or that readers could understand in different
 *  ways, before anything is signed. `value_buffer` holds the value of `Authorization` and needs
 * HOLDFAST_AUTHORIZATION_CAPACITY bytes; its size needed is written to `out_value_size`. */
HOLDFAST_API holdfast_status holdfast_session_headers_for(holdfast_session* session, const char* url, uint32_t flags,
                                                          char* value_buffer, size_t value_capacity,
                                                          size_t* out_value_size, holdfast_headers* out_headers,
                                                          holdfast_error* out_error);
/** Reports that a request with a header of `generation` was answered 401 or 403. HOLDFAST_OK means: send once more,
 *  with a new header. Any failure means: that answer is the one to hand on. */
HOLDFAST_API holdfast_status holdfast_session_rejected(holdfast_session* session, uint64_t generation,
                                                       int32_t http_status, holdfast_error* out_error);

HOLDFAST_API holdfast_status holdfast_session_key_info(holdfast_session* session, holdfast_key_info* out_info,
                                                       holdfast_error* out_error);
HOLDFAST_API holdfast_status holdfast_session_account(holdfast_session* session, holdfast_account* out_account,
                                                      holdfast_error* out_error);
HOLDFAST_API holdfast_status holdfast_session_counters(holdfast_session* session, holdfast_counters* out_counters,
                                                       holdfast_error* out_error);

#ifdef __cplusplus
}
#endif

#endif
