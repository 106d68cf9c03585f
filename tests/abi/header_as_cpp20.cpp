// SPDX-License-Identifier: Apache-2.0
//
// The C headers are C++20, too: the same file, by the other compiler, beside every header of the C++ API.
#include "tests/abi/header_as_c11.c"

#include <holdfast/assertion.hpp>
#include <holdfast/attestation.hpp>
#include <holdfast/event.hpp>
#include <holdfast/identity.hpp>
#include <holdfast/public_key.hpp>
#include <holdfast/registrar.hpp>
#include <holdfast/result.hpp>
#include <holdfast/session.hpp>
#include <holdfast/signer.hpp>
#include <holdfast/verifier.hpp>
