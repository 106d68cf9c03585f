// SPDX-License-Identifier: Apache-2.0
#include "tools/holdfast/rotation_report.hpp"

#include "tools/holdfast/key_rotation.hpp"

namespace holdfast::tool {
namespace {

// A journal may be a step behind: the identity file is written before it is.
bool is_done(const RotationJournal& journal, const Identity& identity) {
  return journal.stage == RotationStage::switched || is_switched(journal, identity);
}

}  // namespace

std::string time_text(WallSeconds time) {
  const auto text = format_timestamp(time);
  return text ? std::string(text->view()) : "a year beyond 9999";
}

std::string rotation_in_words(const RotationJournal& journal, const Identity& identity, WallSeconds now,
                              std::string_view options) {
  const std::string rotate = "holdfast agent rotate" + std::string(options);
  if (!is_done(journal, identity)) {
    return "under way, the key above is in use; go on with " + rotate + ", or take it back with --undo";
  }
  if (journal.stage != RotationStage::switched) return "done, but cut off at its end; " + rotate + " records it";
  const std::string until = time_text(journal.old_key_until);
  if (now < journal.old_key_until) return "done; the old key is kept until " + until;
  return "done; the old key may go since " + until + ": holdfast agent retire" + std::string(options);
}

void add_rotation(Report& report, const Identity& identity, const std::optional<RotationJournal>& journal,
                  WallSeconds now, std::string_view options) {
  if (!journal) {
    report.for_programs("rotation", Json());
    return;
  }
  const bool is_noted = journal->stage == RotationStage::switched;
  const bool is_past = is_done(*journal, identity);
  Json value = Json::object();
  value.set("is_done", Json::boolean(is_past))
      .set("new_key", journal->new_name)
      .set("old_key_uri", journal->old_key_uri)
      .set("old_key_until", is_noted ? Json::string(time_text(journal->old_key_until)) : Json());
  report.row("rotation", "rotation", rotation_in_words(*journal, identity, now, options), std::move(value));
  if (is_past) report.text("", "old key", journal->old_key_uri);
}

}  // namespace holdfast::tool
