// SPDX-License-Identifier: Apache-2.0
// The journal of a key rotation (src/identity/rotation_journal.cpp): what it says decides which keys are removed.
// What is taken can be written, and says the same read again.
#include "src/identity/rotation_journal.hpp"
#include "tests/fuzz/refusal.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace holdfast;
using fuzz::promise;

namespace {

bool is_same(const RotationJournal& a, const RotationJournal& b) {
  return a.stage == b.stage && a.new_name == b.new_name && a.new_id == b.new_id && a.new_twin_id == b.new_twin_id &&
         a.nameless_before == b.nameless_before && a.new_public_key == b.new_public_key &&
         a.new_runtime_id == b.new_runtime_id && a.old_runtime_id == b.old_runtime_id &&
         a.old_public_key == b.old_public_key && a.old_key_uri == b.old_key_uri && a.old_twin_uri == b.old_twin_uri &&
         a.keep_for == b.keep_for && a.old_key_until == b.old_key_until &&
         a.unanswered_registrations == b.unanswered_registrations;
}

// Only keys that this program made up a name for may be removed by it.
void judge(const RotationJournal& journal) {
  promise(journal.new_name.find("-r") != std::string::npos && journal.new_name != journal.old_key_uri,
          "the new key has a made-up name");
  promise(journal.keep_for >= 0 && journal.keep_for <= kMaxOverlap, "the old key is kept for a bounded time");
  promise(journal.new_public_key.has_value() == (journal.stage >= RotationStage::registering),
          "a stage has what it stands for");
  promise(journal.new_runtime_id.has_value() == (journal.stage >= RotationStage::registered),
          "a stage has what it stands for");
  promise(!journal.new_public_key || *journal.new_public_key != journal.old_public_key, "the keys are two");
  for (const std::string* text :
       {&journal.new_name, &journal.new_id, &journal.new_twin_id, &journal.old_key_uri, &journal.old_twin_uri}) {
    promise(hal::is_printable(*text), "what is shown is printable");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const test::TemporaryFolder folder;
  const std::string path = folder.write("identity.json.rotation", fuzz::text_of(data, size), 0644);
  const auto journal = load_rotation_journal(path);
  if (!fuzz::is_taken(journal, Status::file_invalid)) return 0;
  promise(journal->has_value(), "the file is there");
  judge(**journal);
  promise(store_rotation_journal(**journal, path).has_value(), "what is read can be written");
  const auto again = load_rotation_journal(path);
  promise(again.has_value() && again->has_value() && is_same(**again, **journal), "written anew it says the same");
  return 0;
}
