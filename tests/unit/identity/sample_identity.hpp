// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "holdfast/identity.hpp"

#include <array>

namespace holdfast::test {

/// The public key of protocol.md §7, vector 1.
inline constexpr std::string_view kSampleKeyLine =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";

/// An identity with every member set.
inline Identity sample_identity() {
  Identity identity{.runtime_id = *RuntimeId::parse("agent-123"),
                    .public_key = *parse_ssh_public_key(kSampleKeyLine)};
  identity.key_uri = "pkcs11:token=agents;serial=01;object=agent?module-path=/usr/lib/softhsm/libsofthsm2.so";
  identity.profile = KeyProfile::imported;
  identity.authority_url = "https://authority.example/api";
  identity.authority_ca_file = "/etc/holdfast/authority.pem";
  identity.account = {"account-1", "user-1", "someone@example.org", "team", true};
  identity.attributes = {{"CKA_EXTRACTABLE", false}, {"CKA_SENSITIVE", true}};
  identity.export_probe = "refused";
  identity.storage_root_name = "000b12ab";
  identity.twin_uri = "pkcs11:token=agents;object=twin";
  identity.imported_from = "jwt";
  identity.import_check = "unverified";
  return identity;
}

/// The smallest document that is accepted.
inline constexpr std::string_view kSmallestDocument =
    R"({"version":1,"agent_runtime_id":"agent-123","key_uri":"pkcs11:token=a;object=b","scheme":"ed25519",)"
    R"("public_key":"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs",)"
    R"("key_profile":"strict","authority":{"url":"https://authority.example"}})";

/// `kSmallestDocument` with the first `from` replaced.
inline std::string edited(std::string_view from, std::string_view to) {
  std::string text(kSmallestDocument);
  const std::size_t place = text.find(from);
  if (place == std::string::npos) return "the text to replace is not there";
  return text.replace(place, from.size(), to);
}

}  // namespace holdfast::test
