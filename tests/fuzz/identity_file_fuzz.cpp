// SPDX-License-Identifier: Apache-2.0
// An identity file (src/identity/identity_document.cpp). What is taken can be written into a new document, and into
// the one it came from, and read from both as it was; members we do not know stay.
#include "hal/display.hpp"
#include "src/identity/identity_document.hpp"
#include "tests/fuzz/refusal.hpp"

#include <string>

using namespace holdfast;
using fuzz::promise;

namespace {

bool is_same(const Identity& a, const Identity& b) {
  return a.runtime_id == b.runtime_id && a.key_uri == b.key_uri && a.public_key == b.public_key &&
         a.profile == b.profile && a.authority_url == b.authority_url && a.authority_ca_file == b.authority_ca_file &&
         a.account.account_id == b.account.account_id && a.account.user_id == b.account.user_id &&
         a.account.email == b.account.email && a.account.plan_type == b.account.plan_type &&
         a.account.is_fedramp == b.account.is_fedramp && a.attributes == b.attributes &&
         a.export_probe == b.export_probe && a.storage_root_name == b.storage_root_name && a.twin_uri == b.twin_uri &&
         a.imported_from == b.imported_from && a.import_check == b.import_check;
}

// Everything of it may be shown by a tool or handed to C.
void judge(const Identity& identity) {
  for (const std::string* text :
       {&identity.key_uri, &identity.authority_url, &identity.authority_ca_file, &identity.account.account_id,
        &identity.account.user_id, &identity.account.email, &identity.account.plan_type, &identity.export_probe,
        &identity.storage_root_name, &identity.twin_uri, &identity.imported_from, &identity.import_check}) {
    promise(hal::is_printable(*text), "every text is printable");
  }
  for (const auto& [name, value] : identity.attributes) promise(hal::is_printable(name), "so is an attribute's name");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  const auto identity = read_identity_document(text);
  if (!fuzz::is_taken(identity, Status::file_invalid)) return 0;
  judge(*identity);

  Json fresh;
  write_identity_document(*identity, fresh);
  const auto again = read_identity_document(fresh.dump(2));
  promise(again.has_value() && is_same(*again, *identity), "a new document says the same");

  auto kept = open_identity_document(text);
  promise(kept.has_value(), "what is read can be rewritten");
  const auto members = kept->member_names();
  write_identity_document(*identity, *kept);
  const auto rewritten = read_identity_document(kept->dump(2));
  promise(rewritten.has_value() && is_same(*rewritten, *identity), "a document rewritten says the same");
  const auto there = kept->member_names();
  for (const std::string& name : members) {
    const bool is_ours = name == "storage_root_name" || name == "twin_uri";  // taken out where they are empty
    promise(is_ours || std::ranges::find(there, name) != there.end(), "members that were there stay");
  }
  return 0;
}
