// SPDX-License-Identifier: Apache-2.0
#include "bpfman/store/store.h"

#include <chrono>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>

#include "bpfman/base/file.h"
#include "bpfman/base/overload.h"
#include "bpfman/store/health.h"
#include "bpfman/store/ledger_sql.h"
#include "bpfman/store/records_sql.h"
#include "bpfman/store/salvage.h"
#include "bpfman/store/schema.h"
#include "bpfman/store/sqlite.h"
#include "bpfman/store/store_state.h"

namespace bpfman::store {
namespace {

constexpr std::size_t kBlobLimit = std::size_t{16} << 20;

// How long a commit lives: Process survives SIGKILL, Power also a power cut (the write-ahead log is
// synced).
enum class Durable { Process, Power };

Result<void> set_durability(Database& database, Durable durable) {
  return database.execute(durable == Durable::Power ? "PRAGMA synchronous = FULL"
                                                    : "PRAGMA synchronous = NORMAL");
}

// A new file is made with its mode: neither it nor the files that SQLite puts beside it, which take
// its mode, are for others at any time. One that is there is not opened: closing it would drop the
// locks of this process's other connections.
Result<void> create_file(const std::string& path) {
  Result<UniqueFd> made = open_file(path, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (!made.ok() && made.error().code() != Code::AlreadyExists) {
    return std::move(made).error();
  }
  return {};
}

// WAL is a property of the file. While others use the file SQLite refuses at once to change it,
// without waiting for them.
Result<void> use_write_ahead_log(Database& database) {
  constexpr int kAttempts = 500;
  for (int attempt = 1;; ++attempt) {
    Result<void> done = database.execute("PRAGMA journal_mode = WAL");
    if (done.ok() || done.error().code() != Code::Unavailable || attempt == kAttempts) {
      return done;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

Result<void> configure(Database& database) {
  return database.execute("PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL");
}

// Which file has the name of the database.
Result<std::uint64_t> inode_of(const std::string& path) {
  std::optional<struct ::stat> info = TRY(stat_path(path));
  return info.has_value() ? std::uint64_t{info->st_ino} : 0;
}

// The database with its own log. A reader holds no lock: a rescue may put another file in its place
// between the opening of the one and of the other, which is when the version is read.
Result<Database> open_with_log(const Layout& layout) {
  constexpr int kAttempts = 10;
  std::string path = layout.database();
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    TRY(finish_rescue_for_reading(layout));
    std::uint64_t before = TRY(inode_of(path));
    Result<Database> database = Database::open(path, Access::ReadWrite);
    Result<int> version = database.ok() ? schema_version(*database) : Result<int>(0);
    std::uint64_t after = TRY(inode_of(path));
    if (before == after && !is_decided(layout)) {
      return version.ok() ? std::move(database) : Result<Database>(std::move(version).error());
    }
  }
  return Error(Code::Unavailable, path + " is being replaced all the time");
}

}  // namespace

Store StoreState::make(const Layout& layout, Database database) {
  return Store(std::make_unique<StoreState>(StoreState{layout, std::move(database)}));
}

StoreState& StoreState::of(Store& store) {
  return *store.state_;
}

Store::Store(std::unique_ptr<StoreState> state) : state_(std::move(state)) {}

Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

Result<Store> Store::open(const Layout& layout) {
  TRY(make_directories(parent_path(layout.state_directory()), 0755));
  TRY(make_directories(layout.blob_directory(), 0700));
  TRY(finish_rescue(layout));
  TRY(expect_not_emptied(layout));
  TRY(create_file(layout.database()));
  Database database = TRY(Database::open(layout.database(), Access::ReadWriteCreate));
  TRY(configure(database));
  int version = TRY(schema_version(database));
  if (version == 0) {
    // Fresh, or its maker was killed before the first migration.
    TRY(use_write_ahead_log(database));
  }
  TRY(migrate(database));
  return StoreState::make(layout, std::move(database));
}

Result<std::optional<Store>> Store::open_existing(const Layout& layout) {
  std::optional<struct ::stat> info = TRY(stat_path(layout.database()));
  if (!info.has_value()) {
    return std::optional<Store>();
  }
  TRY(expect_not_emptied(layout));
  Database database = TRY(open_with_log(layout));
  TRY(configure(database));
  int version = TRY(schema_version(database));
  if (version == 0) {
    // Its maker was killed before the first migration: there is nothing in it yet.
    TRY(expect_known_version(database, version));
    return std::optional<Store>();
  }
  if (version != kSchemaVersion) {
    TRY(migrate(database));
  }
  return std::optional<Store>(StoreState::make(layout, std::move(database)));
}

Result<std::vector<ProgramRecord>> Store::list_programs() {
  Transaction snapshot = TRY(Transaction::begin_reading(state_->database));
  return read_programs(state_->database);
}

Result<std::vector<LinkRecord>> Store::list_links() {
  Transaction snapshot = TRY(Transaction::begin_reading(state_->database));
  return read_links(state_->database);
}

Result<std::vector<ChainRecord>> Store::list_chains() {
  Transaction snapshot = TRY(Transaction::begin_reading(state_->database));
  return read_chains(state_->database);
}

Result<std::vector<SavedMap>> Store::list_saved_maps() {
  return read_saved_maps(state_->database);
}

Result<void> Store::save_map_contents(const SavedMap& map, ByteView contents) {
  return put_map_contents(state_->database, map, contents);
}

Result<Bytes> Store::read_map_contents(ProgramKey program, const std::string& name) {
  return store::read_map_contents(state_->database, program, name);
}

Result<bool> Store::has_leases() {
  return store::has_leases(state_->database);
}

Result<std::vector<SelectorRecord>> Store::list_selectors() {
  Transaction snapshot = TRY(Transaction::begin_reading(state_->database));
  return read_selectors(state_->database);
}

Result<std::vector<std::string>> Store::list_versioned() {
  Transaction snapshot = TRY(Transaction::begin_reading(state_->database));
  std::vector<std::string> out;
  Statement rows = TRY(state_->database.prepare("SELECT DISTINCT application FROM versions"));
  while (TRY(rows.step())) {
    out.push_back(rows.text(0));
  }
  return out;
}

Result<std::vector<ApplicationVersion>> Store::list_versions(const std::string& application) {
  Transaction snapshot = TRY(Transaction::begin_reading(state_->database));
  return read_versions(state_->database, application);
}

Result<std::vector<LedgerEntry>> Store::list_ledger(const LedgerQuery& query) {
  Transaction snapshot = TRY(Transaction::begin_reading(state_->database));
  return read_ledger(state_->database, query);
}

Result<std::vector<ImageRecord>> Store::list_images() {
  Transaction snapshot = TRY(Transaction::begin_reading(state_->database));
  return read_images(state_->database, nullptr);
}

Result<std::optional<ImageRecord>> Store::find_image(const std::string& reference) {
  Transaction snapshot = TRY(Transaction::begin_reading(state_->database));
  std::vector<ImageRecord> found = TRY(read_images(state_->database, &reference));
  return found.empty() ? std::optional<ImageRecord>() : std::optional(std::move(found.front()));
}

Result<std::vector<ImageHistoryEntry>> Store::list_history(const std::string& reference) {
  Transaction snapshot = TRY(Transaction::begin_reading(state_->database));
  return read_history(state_->database, reference);
}

namespace {

// SQLite keeps the highest key ever given out of an AUTOINCREMENT table in sqlite_sequence.
Result<std::uint64_t> next_key(Database& database, const char* table) {
  Statement row = TRY(database.prepare("SELECT seq FROM sqlite_sequence WHERE name = ?"));
  bool found = TRY(row.bind(table).step());
  return found ? row.unsigned_integer(0) + 1 : 1;
}

}  // namespace

Result<OperationId> Store::next_operation() {
  std::uint64_t key = TRY(next_key(state_->database, "journal"));
  return OperationId(key);
}

Result<LinkId> Store::next_link() {
  std::uint64_t key = TRY(next_key(state_->database, "links"));
  return LinkId(key);
}

Result<ProgramKey> Store::next_program() {
  std::uint64_t key = TRY(next_key(state_->database, "programs"));
  return ProgramKey(key);
}

Result<SelectorId> Store::next_selector() {
  std::uint64_t key = TRY(next_key(state_->database, "selectors"));
  return SelectorId(key);
}

Result<void> Store::begin_operation(const JournalEntry& entry) {
  Statement row =
      TRY(state_->database.prepare("INSERT INTO journal (id, verb, boot_id, started_at, pid, plan, "
                                   "bindings) VALUES (?,?,?,?,?,?,?)"));
  return row.bind(entry.id.value())
      .bind(entry.verb)
      .bind(entry.boot_id)
      .bind(entry.started_at)
      .bind(entry.pid)
      .bind(entry.plan_json)
      .bind(entry.bindings_json)
      .run();
}

Result<void> Store::save_bindings(OperationId id, const std::string& bindings_json) {
  Statement row = TRY(state_->database.prepare("UPDATE journal SET bindings = ? WHERE id = ?"));
  return row.bind(bindings_json).bind(id.value()).run();
}

Result<std::vector<JournalEntry>> Store::open_operations() {
  std::vector<JournalEntry> out;
  Statement rows = TRY(state_->database.prepare(
      "SELECT id, verb, boot_id, started_at, pid, plan, bindings FROM journal ORDER BY id"));
  while (TRY(rows.step())) {
    out.push_back(JournalEntry{.id = OperationId(rows.unsigned_integer(0)),
                               .verb = rows.text(1),
                               .boot_id = rows.text(2),
                               .started_at = rows.integer(3),
                               .pid = rows.integer(4),
                               .plan_json = rows.text(5),
                               .bindings_json = rows.text(6)});
  }
  return out;
}

Result<void> Store::commit_operation(OperationId id,
                                     const std::vector<StoredChange>& changes,
                                     const std::optional<LedgerEntry>& ledger,
                                     const std::optional<Rest>& rest) {
  Database& database = state_->database;
  TRY(set_durability(database, Durable::Power));
  auto commit = [&]() -> Result<void> {
    Transaction transaction = TRY(Transaction::begin(database));
    for (const StoredChange& change : changes) {
      TRY(std::visit(
          Overload{
              [&](const PutProgram& c) { return insert_program(database, c.record); },
              [&](const PutLink& c) { return insert_link(database, c.record); },
              [&](const ChangeProgram& c) { return change_program(database, c.record); },
              [&](const ChangeLink& c) { return change_link(database, c.record); },
              [&](const StoreChain& c) { return put_chain(database, c.record); },
              [&](const plan::DeleteChain& c) { return delete_chain(database, c.hook, c.boot_id); },
              [&](const plan::PutSelector& c) { return put_selector(database, c.record); },
              [&](const plan::DeleteSelector& c) { return delete_selector(database, c.id); },
              [&](const plan::PutVersion& c) { return put_version(database, c.record); },
              [&](const plan::DeleteVersions& c) {
                return delete_versions(database, c.application);
              },
              [&](const plan::DeleteLink& c) { return delete_link(database, c.id); },
              [&](const plan::DeleteProgram& c) { return delete_program(database, c.key); },
              [&](const plan::PutImage& c) { return put_image(database, c.record); },
              [&](const plan::TouchImage& c) { return touch_image(database, c.reference, c.at); },
              [&](const plan::DeleteImage& c) { return delete_image(database, c.reference); },
          },
          change));
    }
    if (ledger.has_value()) {
      TRY(append_ledger(database, *ledger));
    }
    if (rest.has_value()) {
      Statement row =
          TRY(database.prepare("UPDATE journal SET plan = ?, bindings = ? WHERE id = ?"));
      TRY(row.bind(rest->plan_json).bind(rest->bindings_json).bind(id.value()).run());
    } else {
      Statement row = TRY(database.prepare("DELETE FROM journal WHERE id = ?"));
      TRY(row.bind(id.value()).run());
    }
    return transaction.commit();
  };
  Result<void> done = commit();
  Result<void> restored = set_durability(database, Durable::Process);
  return done.ok() ? std::move(restored) : std::move(done);
}

Result<void> Store::abandon_operation(OperationId id, const std::optional<LedgerEntry>& ledger) {
  Transaction transaction = TRY(Transaction::begin(state_->database));
  if (ledger.has_value()) {
    TRY(append_ledger(state_->database, *ledger));
  }
  Statement row = TRY(state_->database.prepare("DELETE FROM journal WHERE id = ?"));
  TRY(row.bind(id.value()).run());
  return transaction.commit();
}

Result<void> Store::put_blob(const Digest& digest, ByteView bytes) {
  if (bytes.size() > kBlobLimit) {
    return Error(
        Code::ResourceExhausted,
        "bytecode of " + std::to_string(bytes.size()) + " bytes is over the limit of 16 MiB");
  }
  std::string path = state_->layout.blob(digest);
  Result<Bytes> present = read_file(path, kBlobLimit);
  if (present.ok() && present->size() == bytes.size() && Digest::sha256_of(*present) == digest) {
    return {};
  }
  // Absent, torn or damaged: written anew as a whole.
  return write_file_atomic(path, bytes, 0600);
}

Result<Bytes> Store::read_blob(const Digest& digest) {
  std::string path = state_->layout.blob(digest);
  Result<Bytes> bytes = read_file(path, kBlobLimit);
  if (!bytes.ok() && bytes.error().code() != Code::ResourceExhausted) {
    return bytes;
  }
  // No blob of ours is over the limit.
  if (!bytes.ok() || Digest::sha256_of(*bytes) != digest) {
    return Error(Code::DataLoss, "stored bytecode " + path + " does not match its digest")
        .with_hint("load the image again with --pull-policy Always: that writes it anew");
  }
  return bytes;
}

bool Store::has_blob(const Digest& digest) const {
  return path_exists(state_->layout.blob(digest));
}

Result<std::vector<StoredBlob>> Store::list_blobs() const {
  Result<std::vector<std::string>> names = list_directory(state_->layout.blob_directory());
  std::vector<StoredBlob> out;
  if (!names.ok()) {
    if (names.error().code() == Code::NotFound) {
      return out;
    }
    return std::move(names).error();
  }
  for (const std::string& name : *names) {
    std::optional<Digest> digest = Digest::from_sha256_hex(name);
    if (!digest.has_value()) {
      continue;  // one that is being written
    }
    std::optional<struct ::stat> info = TRY(stat_path(state_->layout.blob(*digest)));
    if (info.has_value()) {
      out.push_back(StoredBlob{*digest, static_cast<std::uint64_t>(info->st_size)});
    }
  }
  return out;
}

Result<void> Store::remove_unused_blob(const Digest& digest) {
  Statement row =
      TRY(state_->database.prepare("SELECT EXISTS (SELECT 1 FROM programs WHERE bytecode = ?1) OR "
                                   "EXISTS (SELECT 1 FROM images WHERE bytecode = ?1) OR "
                                   "EXISTS (SELECT 1 FROM version_bytecode WHERE bytecode = ?1)"));
  TRY(row.bind(digest.text()).step());
  if (row.integer(0) != 0) {
    return {};
  }
  return remove_file(state_->layout.blob(digest));
}

}  // namespace bpfman::store
