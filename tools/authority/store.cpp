// SPDX-License-Identifier: Apache-2.0
#include "tools/authority/store.hpp"

#include "tools/authority/database.hpp"

#include <sodium.h>

#include <array>
#include <mutex>

namespace holdfast::authority {
namespace {

constexpr std::string_view kApplicationId = "1212563781";  // "HFAE" in ASCII
constexpr std::string_view kSchemaVersion = "1";
constexpr std::size_t kBearerBytes = 32;
constexpr std::size_t kIdBytes = 16;

constexpr const char* kSchema = R"sql(
BEGIN IMMEDIATE;
CREATE TABLE bearer (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  token TEXT NOT NULL CHECK (length(token) >= 32)
) STRICT;
CREATE TABLE agent (
  runtime_id TEXT PRIMARY KEY,
  public_key TEXT NOT NULL,
  agent_version TEXT NOT NULL,
  harness_id TEXT NOT NULL,
  running_location TEXT NOT NULL,
  capabilities TEXT NOT NULL,
  ttl INTEGER CHECK (ttl > 0),
  registered_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE task (
  task_id TEXT PRIMARY KEY,
  runtime_id TEXT NOT NULL REFERENCES agent (runtime_id),
  registered_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
PRAGMA application_id = 1212563781;
PRAGMA user_version = 1;
)sql";

std::string random_text(std::size_t byte_count) {
  std::array<unsigned char, kBearerBytes> bytes{};
  std::array<char, sodium_base64_ENCODED_LEN(kBearerBytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING)> text{};
  randombytes_buf(bytes.data(), byte_count);
  sodium_bin2base64(text.data(), text.size(), bytes.data(), byte_count, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
  return text.data();
}

Result<void> make_schema(Database& database) {
  HOLDFAST_TRY(database.execute(kSchema, "making the tables"));
  Statement insert = HOLDFAST_TRY(database.prepare("INSERT INTO bearer VALUES (1, ?1)"));
  const std::string token = random_text(kBearerBytes);
  (void)HOLDFAST_TRY(insert.begin().bind(1, std::string_view(token)).step("making the bearer"));
  return database.execute("COMMIT", "making the tables");
}

// Makes the tables in an empty file; otherwise the file must be ours, of a version we know, and whole.
Result<void> check_schema(Database& database) {
  const std::string application_id = HOLDFAST_TRY(database.scalar("PRAGMA application_id"));
  const std::string version = HOLDFAST_TRY(database.scalar("PRAGMA user_version"));
  if (application_id == "0" && version == "0" &&
      HOLDFAST_TRY(database.scalar("SELECT count(*) FROM sqlite_schema")) == "0") {
    return make_schema(database);
  }
  if (application_id != kApplicationId) {
    return failure(Status::file_invalid, Layer::system, "opening the database")
        .about("the file belongs to another program")
        .with_hint("name another file with --database; a new one is made if it does not exist");
  }
  if (version != kSchemaVersion) {
    return failure(Status::file_invalid, Layer::system, "opening the database")
        .about("the database has version " + version + ", this program knows version 1")
        .with_hint("use the holdfast-authority that made it, or another file");
  }
  const std::string verdict = HOLDFAST_TRY(database.scalar("PRAGMA quick_check(1)"));
  if (verdict != "ok") {
    return failure(Status::file_invalid, Layer::system, "checking the database")
        .about("the database is damaged: " + verdict)
        .with_hint("move it away: a new one, with a new bearer and no agents, is made in its place");
  }
  return {};
}

}  // namespace

struct Store::State {
  std::mutex mutex;
  Database database;  // outlives the statements
  Statement insert_agent;
  Statement select_agent;
  Statement insert_task;
  Statement select_task;
  Statement probe;
  std::string bearer;
};

Store::Store(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

Result<Store> Store::open(const std::string& path) noexcept try {
  if (sodium_init() < 0) return failure(Status::resource_exhausted, Layer::core, "starting libsodium");
  auto state = std::make_unique<State>();
  state->database = HOLDFAST_TRY(Database::open(path));
  HOLDFAST_TRY(check_schema(state->database));
  state->insert_agent =
      HOLDFAST_TRY(state->database.prepare("INSERT INTO agent VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"));
  state->select_agent = HOLDFAST_TRY(state->database.prepare(
      "SELECT runtime_id, public_key, agent_version, harness_id, running_location, capabilities, ttl, registered_at "
      "FROM agent WHERE runtime_id = ?1"));
  state->insert_task = HOLDFAST_TRY(state->database.prepare("INSERT INTO task VALUES (?1, ?2, ?3)"));
  state->select_task = HOLDFAST_TRY(state->database.prepare("SELECT runtime_id FROM task WHERE task_id = ?1"));
  state->probe = HOLDFAST_TRY(state->database.prepare("SELECT count(*) FROM bearer"));
  state->bearer = HOLDFAST_TRY(state->database.scalar("SELECT token FROM bearer"));
  if (state->bearer.empty()) {
    return failure(Status::file_invalid, Layer::system, "opening the database").about("the database has no bearer");
  }
  return Store(std::move(state));
} catch (const std::bad_alloc&) {
  return failure(Status::resource_exhausted, Layer::core, "opening the database");
}

const std::string& Store::bearer() const noexcept { return state_->bearer; }

Result<void> Store::add_agent(const Agent& agent) noexcept {
  const std::lock_guard lock(state_->mutex);
  state_->insert_agent.begin()
      .bind(1, std::string_view(agent.runtime_id))
      .bind(2, std::string_view(agent.public_key))
      .bind(3, std::string_view(agent.agent_version))
      .bind(4, std::string_view(agent.harness_id))
      .bind(5, std::string_view(agent.running_location))
      .bind(6, std::string_view(agent.capabilities))
      .bind(7, agent.ttl)
      .bind(8, agent.registered_at.value);
  (void)HOLDFAST_TRY(state_->insert_agent.step("storing an agent"));
  return {};
}

Result<std::optional<Agent>> Store::find_agent(std::string_view runtime_id) noexcept try {
  const std::lock_guard lock(state_->mutex);
  Statement& row = state_->select_agent;
  if (!HOLDFAST_TRY(row.begin().bind(1, runtime_id).step("looking up an agent"))) return std::optional<Agent>();
  Agent agent;
  agent.runtime_id = row.text(0);
  agent.public_key = row.text(1);
  agent.agent_version = row.text(2);
  agent.harness_id = row.text(3);
  agent.running_location = row.text(4);
  agent.capabilities = row.text(5);
  agent.ttl = row.number(6);
  agent.registered_at = WallSeconds{row.number(7).value_or(0)};
  row.begin();
  return std::optional<Agent>(std::move(agent));
} catch (const std::bad_alloc&) {
  return failure(Status::resource_exhausted, Layer::core, "looking up an agent");
}

Result<void> Store::add_task(std::string_view task_id, std::string_view runtime_id, WallSeconds now) noexcept {
  const std::lock_guard lock(state_->mutex);
  (void)HOLDFAST_TRY(
      state_->insert_task.begin().bind(1, task_id).bind(2, runtime_id).bind(3, now.value).step("storing a task"));
  return {};
}

Result<std::optional<std::string>> Store::find_task_owner(std::string_view task_id) noexcept try {
  const std::lock_guard lock(state_->mutex);
  Statement& row = state_->select_task;
  if (!HOLDFAST_TRY(row.begin().bind(1, task_id).step("looking up a task"))) return std::optional<std::string>();
  std::optional<std::string> owner(row.text(0));
  row.begin();
  return owner;
} catch (const std::bad_alloc&) {
  return failure(Status::resource_exhausted, Layer::core, "looking up a task");
}

Result<std::int64_t> Store::forget_tasks() noexcept try {
  const std::lock_guard lock(state_->mutex);
  Statement count = HOLDFAST_TRY(state_->database.prepare("SELECT count(*) FROM task"));
  (void)HOLDFAST_TRY(count.begin().step("counting tasks"));
  const std::int64_t tasks = count.number(0).value_or(0);
  count.begin();
  HOLDFAST_TRY(state_->database.execute("DELETE FROM task", "forgetting tasks"));
  return tasks;
} catch (const std::bad_alloc&) {
  return failure(Status::resource_exhausted, Layer::core, "forgetting tasks");
}

Result<void> Store::check() noexcept {
  const std::lock_guard lock(state_->mutex);
  (void)HOLDFAST_TRY(state_->probe.begin().step("asking the database"));
  state_->probe.begin();
  return {};
}

std::string random_id(std::string_view prefix) { return std::string(prefix) + random_text(kIdBytes); }

}  // namespace holdfast::authority
