// SPDX-License-Identifier: Apache-2.0
// What a host takes away from itself once its signer is open.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

enum class BackEnd { pkcs11, tpm2 };

// Whom root becomes.
struct Account {
  uid_t uid;
  gid_t gid;
};

struct SandboxOptions {
  BackEnd back_end = BackEnd::pkcs11;
  std::optional<Account> account{};  // none for a host that is not root's
  std::vector<std::string> writable{};
  bool unix_sockets = false;            // for a TPM simulator or a remote module: they connect again and again
  std::vector<std::string> readable{};  // what only a recovery reads: softhsm2.conf, the TPM key's file
};

// Looks `user` up while /etc can be read; an empty name is nobody's. False, with the reason on standard error, for
// root and for who is not there; also if root names nobody.
bool choose_account(const std::string& user, SandboxOptions& options);

// Becomes that account for good; does nothing without one. For the host and for its registrar: neither could end the
// other any more if they were of different users.
bool drop_privileges(const SandboxOptions& options) noexcept;

// All of it, in the order in which each step still may be taken: memory locked, privileges dropped, no new ones, no
// core and no debugger, Landlock, seccomp. One thread only: Landlock and no_new_privs bind the thread that asks.
// False, with the reason on standard error, if one of them cannot be had.
bool close_sandbox(const SandboxOptions& options);

// Tries what must not work any more, one line each on standard error; false if something did.
bool test_sandbox();

// Asks for another program. Does not return where the sandbox holds: the kernel ends the process by SIGSYS.
void provoke_sandbox();
