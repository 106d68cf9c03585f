// SPDX-License-Identifier: Apache-2.0
#include "tools/authority/database.hpp"

#include "hal/trusted_file.hpp"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

namespace holdfast::authority {
namespace {

constexpr int kBusyTimeoutMs = 2'000;

Status status_of(int code) noexcept {
  switch (code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return Status::resource_exhausted;
    case SQLITE_PERM:
    case SQLITE_READONLY:
      return Status::permission_denied;
    case SQLITE_CONSTRAINT:
      return Status::already_exists;
    default:
      return Status::file_invalid;
  }
}

// SQLite's codes look like errno's, but are not.
const char* name_of(int code) noexcept {
  switch (code & 0xff) {
    case SQLITE_BUSY:
      return "SQLITE_BUSY";
    case SQLITE_FULL:
      return "SQLITE_FULL";
    case SQLITE_NOMEM:
      return "SQLITE_NOMEM";
    case SQLITE_READONLY:
      return "SQLITE_READONLY";
    case SQLITE_CANTOPEN:
      return "SQLITE_CANTOPEN";
    case SQLITE_IOERR:
      return "SQLITE_IOERR";
    case SQLITE_NOTADB:
      return "SQLITE_NOTADB";
    case SQLITE_CORRUPT:
      return "SQLITE_CORRUPT";
    case SQLITE_CONSTRAINT:
      return "SQLITE_CONSTRAINT";
    default:
      return "SQLite";
  }
}

Error database_error(sqlite3* connection, int code, const char* doing) noexcept {
  Error error = failure(status_of(code), Layer::system, doing);
  error.native = static_cast<std::uint64_t>(code);
  error.native_name = name_of(code);
  switch (code & 0xff) {
    case SQLITE_BUSY:
      error.detail.append("the database is in use by another process");
      error.hint = "stop the other holdfast-authority, or give this one a --database of its own";
      break;
    case SQLITE_NOTADB:
      error.detail.append("the file is not an SQLite database");
      error.hint = "name another file with --database; a new one is made if it does not exist";
      break;
    case SQLITE_CORRUPT:
      error.detail.append("the database is damaged");
      error.hint = "move it away: a new one, with a new bearer and no agents, is made in its place";
      break;
    default:
      error.detail.append(connection != nullptr ? sqlite3_errmsg(connection) : sqlite3_errstr(code));
  }
  return error;
}

// SQLite would make the file with the process' umask. The descriptor is closed again before SQLite opens the file:
// closing it later would drop SQLite's own POSIX locks.
Result<void> make_private_file(const std::string& path) noexcept {
  const hal::FileDescriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600));
  struct stat info {};
  if (!file || fstat(file.get(), &info) != 0) {
    const int code = errno;
    const bool is_denied = code == EACCES || code == EPERM || code == EROFS;
    Error error =
        failure(is_denied ? Status::permission_denied : Status::file_invalid, Layer::system, "opening the database");
    error.native = static_cast<std::uint64_t>(code);
    error.native_name = strerrorname_np(code);
    error.detail.append(path);
    return error;
  }
  if (!S_ISREG(info.st_mode)) {
    return failure(Status::file_invalid, Layer::system, "opening the database")
        .about(path + " is not a regular file");
  }
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return failure(Status::file_untrusted, Layer::system, "opening the database")
        .about(path + " may be used by others")
        .with_hint("it holds the bearer; take the permissions of group and others away: chmod 600 FILE");
  }
  return {};
}

}  // namespace

Statement& Statement::begin() noexcept {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
  bind_code_ = SQLITE_OK;
  return *this;
}

Statement& Statement::bind(int parameter, std::string_view text) noexcept {
  const int code = sqlite3_bind_text64(statement_.get(), parameter, text.data() != nullptr ? text.data() : "",
                                       text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  if (code != SQLITE_OK) bind_code_ = code;
  return *this;
}

Statement& Statement::bind(int parameter, std::optional<std::int64_t> number) noexcept {
  const int code = number ? sqlite3_bind_int64(statement_.get(), parameter, *number)
                          : sqlite3_bind_null(statement_.get(), parameter);
  if (code != SQLITE_OK) bind_code_ = code;
  return *this;
}

Result<bool> Statement::step(const char* doing) noexcept {
  const int code = bind_code_ != SQLITE_OK ? bind_code_ : sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  Result<bool> end(false);
  if (code != SQLITE_DONE) end = database_error(sqlite3_db_handle(statement_.get()), code, doing);
  sqlite3_reset(statement_.get());
  return end;
}

std::string Statement::text(int column) const {
  const unsigned char* bytes = sqlite3_column_text(statement_.get(), column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return bytes != nullptr ? std::string(reinterpret_cast<const char*>(bytes), size) : std::string();
}

std::optional<std::int64_t> Statement::number(int column) const noexcept {
  if (sqlite3_column_type(statement_.get(), column) != SQLITE_INTEGER) return std::nullopt;
  return sqlite3_column_int64(statement_.get(), column);
}

Result<Database> Database::open(const std::string& path) noexcept {
  HOLDFAST_TRY(make_private_file(path));
  Database database;
  sqlite3* connection = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &connection,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  database.connection_.reset(connection);
  if (code != SQLITE_OK) return database_error(connection, code, "opening the database");
  sqlite3_busy_timeout(connection, kBusyTimeoutMs);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  // WAL with NORMAL survives the process at any moment without a disk flush per request. EXCLUSIVE keeps the
  // lock from the first access on, so two authorities cannot share a file.
  HOLDFAST_TRY(
      database.execute("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
                       "PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;",
                       "locking the database"));
  return database;
}

Result<void> Database::execute(const char* statements, const char* doing) noexcept {
  const int code = sqlite3_exec(connection_.get(), statements, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return database_error(connection_.get(), code, doing);
  return {};
}

Result<Statement> Database::prepare(std::string_view statement) noexcept {
  sqlite3_stmt* prepared = nullptr;
  const int code = sqlite3_prepare_v3(connection_.get(), statement.data(), static_cast<int>(statement.size()),
                                      SQLITE_PREPARE_PERSISTENT, &prepared, nullptr);
  if (code != SQLITE_OK) return database_error(connection_.get(), code, "preparing a statement");
  return Statement(prepared);
}

Result<std::string> Database::scalar(std::string_view statement) noexcept {
  Statement query = HOLDFAST_TRY(prepare(statement));
  const bool has_row = HOLDFAST_TRY(query.step("reading the database"));
  return has_row ? query.text(0) : std::string();
}

}  // namespace holdfast::authority
