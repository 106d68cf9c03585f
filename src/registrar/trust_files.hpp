// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/registrar.hpp"

#include <string>

namespace holdfast {

/// The files that say who the authority is and who we are to it, as libcurl is to open them: links resolved, so that
/// what was checked is what is opened. Empty where the options name none.
struct TrustFiles {
  std::string ca_file;
  std::string ca_directory;
  std::string client_certificate;
  std::string client_key;
};

/// Checks owner and mode of what `options` names, as of an identity file (hal/trusted_file.hpp): of each file, of the
/// CA directory and of every file in it. `file_untrusted` if somebody else could change it or its path is not
/// absolute, `file_invalid` if it is missing; both name the path. The system's own certificates are not looked at.
/// Blocks on the disk; throws when memory runs out.
[[nodiscard]] Result<TrustFiles> check_trust_files(const RegistrarOptions& options);

}  // namespace holdfast
