// SPDX-License-Identifier: Apache-2.0
#include "src/identity/rotation_journal.hpp"

#include "hal/display.hpp"
#include "hal/key_device.hpp"
#include "hal/system_error.hpp"
#include "src/identity/atomic_file.hpp"
#include "src/json/json.hpp"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace holdfast {
namespace {

constexpr std::int64_t kVersion = 1;
constexpr std::size_t kMaxJournalSize = std::size_t{16} * 1024;
constexpr std::int64_t kLastSecond = 253'402'300'799;  // the year 9999
constexpr std::size_t kIdDigits = 32;
constexpr std::int64_t kMostRegistrations = 1'000'000;
constexpr std::int64_t kMostNameless = 1'000'000;
constexpr const char* kReading = "reading the journal of a key rotation";
constexpr const char* kHint =
    "nothing was changed: the identity file holds; look at the keys (holdfast key list), remove what is not in use, "
    "and "
    "move the journal away";

struct StageName {
  RotationStage stage;
  std::string_view name;
};
constexpr std::array kStages{
    StageName{RotationStage::making, "making"}, StageName{RotationStage::registering, "registering"},
    StageName{RotationStage::registered, "registered"}, StageName{RotationStage::switched, "switched"}};

Error refusal(std::string_view member, std::string_view why) {
  return failure(Status::file_invalid, Layer::identity, kReading)
      .about(std::string(member) + " " + std::string(why))
      .with_hint(kHint);
}

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// What only this program makes up: nothing else may be taken for a key that can be discarded.
bool is_made_up_name(std::string_view name) {
  constexpr std::string_view kFileEnd = ".pem";
  constexpr std::size_t kMarkSize = 2 + 8;
  if (name.ends_with(kFileEnd)) name.remove_suffix(kFileEnd.size());
  if (name.size() <= kMarkSize) return false;
  const std::string_view mark = name.substr(name.size() - kMarkSize);
  return mark.starts_with("-r") && is_hex(mark.substr(2));
}

class Reader {
 public:
  Reader(const Json& document, const char* part) : object_(document), part_(part) {}
  // `missing` is what an absent member reads as; none: it must be there.
  Result<std::string> text(std::string_view name, std::optional<std::string_view> missing = std::nullopt) const {
    const auto found = object_.member(name);
    if (!found && missing) return std::string(*missing);
    if (!found) return refusal(full(name), "is missing");
    auto value = found->as_string();
    if (!value) return refusal(full(name), "is not a string");
    if (value->size() > hal::kMaxKeyUriSize) return refusal(full(name), "is too long");
    if (!hal::is_printable(*value)) return refusal(full(name), "holds a control character");
    if (!missing && value->empty()) return refusal(full(name), "is empty");
    return std::move(*value);
  }
  Result<std::int64_t> number(std::string_view name, std::int64_t largest) const {
    const auto found = object_.member(name);
    if (!found) return refusal(full(name), "is missing");
    const auto value = found->as_integer();
    if (!value || *value < 0 || *value > largest) return refusal(full(name), "is no number that can be");
    return *value;
  }
  Result<std::string> id(std::string_view name) const {
    std::string value = HOLDFAST_TRY(text(name, ""));
    if (value.empty() || (value.size() == kIdDigits && is_hex(value))) return value;
    return refusal(full(name), "is not the id of a key that a rotation makes");
  }
  Result<PublicKey> key(std::string_view name) const {
    const auto value = parse_ssh_public_key(HOLDFAST_TRY(text(name)));
    if (!value) return refusal(full(name), "is no public key");
    return *value;
  }
  Result<RuntimeId> runtime_id(std::string_view name) const {
    const auto value = RuntimeId::parse(HOLDFAST_TRY(text(name)));
    if (!value) return refusal(full(name), "is no runtime id");
    return *value;
  }
  Result<Json> object(std::string_view name) const {
    auto found = object_.member(name);
    if (!found || !found->is_object()) return refusal(full(name), "is no object");
    return std::move(*found);
  }

 private:
  [[nodiscard]] std::string full(std::string_view name) const { return part_ + std::string(name); }
  const Json& object_;
  std::string part_;
};

Result<RotationStage> read_stage(const Reader& reader) {
  const std::string name = HOLDFAST_TRY(reader.text("stage"));
  const auto* row = std::ranges::find(kStages, std::string_view(name), &StageName::name);
  if (row == kStages.end()) return refusal("stage", "is none that this version knows");
  return row->stage;
}

Result<void> read_new_key(const Reader& reader, RotationJournal& journal) {
  journal.new_name = HOLDFAST_TRY(reader.text("name"));
  if (!is_made_up_name(journal.new_name)) {
    return refusal("new.name", "is not the name of a key that a rotation makes");
  }
  journal.nameless_before = HOLDFAST_TRY(reader.number("nameless_before", kMostNameless));
  journal.new_id = HOLDFAST_TRY(reader.id("id"));
  journal.new_twin_id = HOLDFAST_TRY(reader.id("twin_id"));
  if (journal.stage >= RotationStage::registering) journal.new_public_key = HOLDFAST_TRY(reader.key("public_key"));
  if (journal.stage >= RotationStage::registered) {
    journal.new_runtime_id = HOLDFAST_TRY(reader.runtime_id("runtime_id"));
  }
  return {};
}

Result<RotationJournal> read_journal(std::string_view text) {
  std::string_view why;
  const auto document = Json::parse(text, why);
  if (!document) return refusal("the file", why);
  if (!document->is_object()) return refusal("the file", "is not a JSON object");
  const Reader reader(*document, "");
  const auto version = document->integer_member("version");
  if (version != kVersion) {
    return refusal("version", "is not 1: a newer holdfast began this rotation, or the file is damaged");
  }
  const Json old_key = HOLDFAST_TRY(reader.object("old"));
  const Reader old_reader(old_key, "old.");
  RotationJournal journal{.old_runtime_id = HOLDFAST_TRY(old_reader.runtime_id("runtime_id"))};
  journal.stage = HOLDFAST_TRY(read_stage(reader));
  journal.keep_for = HOLDFAST_TRY(reader.number("keep_for_seconds", kMaxOverlap));
  journal.unanswered_registrations = HOLDFAST_TRY(reader.number("unanswered_registrations", kMostRegistrations));
  if (journal.stage == RotationStage::switched) {
    journal.old_key_until = WallSeconds{HOLDFAST_TRY(reader.number("old_key_until", kLastSecond))};
  }
  journal.old_public_key = HOLDFAST_TRY(old_reader.key("public_key"));
  journal.old_key_uri = HOLDFAST_TRY(old_reader.text("key_uri"));
  journal.old_twin_uri = HOLDFAST_TRY(old_reader.text("twin_uri", ""));
  const Json new_key = HOLDFAST_TRY(reader.object("new"));
  HOLDFAST_TRY(read_new_key(Reader(new_key, "new."), journal));
  if (journal.new_public_key == journal.old_public_key) return refusal("new.public_key", "is the old key's");
  return journal;
}

std::string write_journal(const RotationJournal& journal) {
  Json old_key = Json::object();
  old_key.set("runtime_id", journal.old_runtime_id.view())
      .set("public_key", to_ssh_public_key(journal.old_public_key).view())
      .set("key_uri", journal.old_key_uri);
  if (!journal.old_twin_uri.empty()) old_key.set("twin_uri", journal.old_twin_uri);
  Json new_key = Json::object();
  new_key.set("name", journal.new_name).set("nameless_before", journal.nameless_before);
  if (!journal.new_id.empty()) new_key.set("id", journal.new_id);
  if (!journal.new_twin_id.empty()) new_key.set("twin_id", journal.new_twin_id);
  if (journal.new_public_key) new_key.set("public_key", to_ssh_public_key(*journal.new_public_key).view());
  if (journal.new_runtime_id) new_key.set("runtime_id", journal.new_runtime_id->view());
  Json document = Json::object();
  document.set("version", kVersion)
      .set("stage", std::ranges::find(kStages, journal.stage, &StageName::stage)->name)
      .set("keep_for_seconds", journal.keep_for)
      .set("unanswered_registrations", journal.unanswered_registrations)
      .set("old", std::move(old_key))
      .set("new", std::move(new_key));
  if (journal.stage == RotationStage::switched) document.set("old_key_until", journal.old_key_until.value);
  return document.dump(2) + "\n";
}

}  // namespace

std::string rotation_journal_path(const std::string& identity_path) { return identity_path + ".rotation"; }

Result<std::optional<RotationJournal>> load_rotation_journal(const std::string& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0 && errno == ENOENT) return std::optional<RotationJournal>();
  const hal::FileDescriptor file = HOLDFAST_TRY(hal::open_trusted(path, hal::FilePrivacy::readable));
  std::string text(kMaxJournalSize, '\0');
  const auto size = hal::read_all(file.get(), std::as_writable_bytes(std::span(text)));
  if (!size) return refusal(path, "cannot be read, or is larger than 16 KiB");
  text.resize(*size);
  auto journal = read_journal(text);
  if (journal) return std::optional(std::move(*journal));
  Error error = journal.error();
  error.detail = std::string_view(path + ": " + std::string(error.detail.view()));
  return error;
}

Result<void> store_rotation_journal(const RotationJournal& journal, const std::string& path) {
  const std::string text = write_journal(journal);
  const auto read_back = read_journal(text);
  if (!read_back || text.size() > kMaxJournalSize) {
    return failure(Status::invalid_argument, Layer::identity, "writing the journal of a key rotation")
        .about(read_back ? std::string_view("it would be too large") : read_back.error().detail.view());
  }
  return write_file_atomically(path, text, Existing::replaced);
}

Result<void> remove_rotation_journal(const std::string& path) {
  constexpr const char* kRemoving = "removing the journal of a key rotation";
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return hal::system_error(errno, kRemoving, path);
  const std::string folder_path = path.substr(0, path.rfind('/') + 1);
  const hal::FileDescriptor folder(open(folder_path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || fsync(folder.get()) != 0) return hal::system_error(errno, kRemoving, folder_path);
  return {};
}

Result<hal::FileDescriptor> lock_rotation(const std::string& identity_path) {
  constexpr const char* kLocking = "keeping other rotations away";
  const std::string folder_path = identity_path.substr(0, identity_path.rfind('/') + 1);
  hal::FileDescriptor folder(open(folder_path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return hal::system_error(errno, kLocking, folder_path);
  if (flock(folder.get(), LOCK_EX | LOCK_NB) == 0) return folder;
  if (errno != EWOULDBLOCK) return hal::system_error(errno, kLocking, folder_path);
  return failure(Status::resource_exhausted, Layer::identity, kLocking)
      .about("another rotation of an identity in " + folder_path + " is under way")
      .with_hint("wait until it ends, then try again");
}

}  // namespace holdfast
