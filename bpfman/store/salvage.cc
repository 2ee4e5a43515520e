// SPDX-License-Identifier: Apache-2.0
#include "bpfman/store/salvage.h"

#include <algorithm>
#include <limits>

#include <fcntl.h>

#include "bpfman/base/file.h"
#include "bpfman/store/health.h"
#include "bpfman/store/records_sql.h"
#include "bpfman/store/salvage_pages.h"
#include "bpfman/store/schema.h"
#include "bpfman/store/store_state.h"

namespace bpfman::store {

// Where the new database is built. What an attempt before this one left in it is of no use.
struct Workshop {
  std::string directory;

  std::string copy() const { return join_path(directory, "copy.db"); }

  std::string raw() const { return join_path(directory, "raw.db"); }

  std::string fresh() const { return join_path(directory, "new.db"); }
};

namespace {

constexpr std::size_t kGreatestFile = std::size_t{4} << 30;

Result<void> clear(const Workshop& workshop) {
  TRY(make_directories(workshop.directory, 0700));
  std::vector<std::string> names = TRY(list_directory(workshop.directory));
  for (const std::string& name : names) {
    TRY(remove_file(join_path(workshop.directory, name)));
  }
  return {};
}

Result<void> copy_file(const std::string& from, const std::string& to) {
  Bytes bytes = TRY(read_file(from, kGreatestFile));
  return write_file_atomic(to, bytes, 0600);
}

// SQLite takes the log of a file of 0 bytes away: it gets pages when the schema is put into it.
Result<int> prepare_copy(const Layout& layout, const Workshop& workshop) {
  TRY(copy_file(layout.database(), workshop.copy()));
  std::string log = layout.database() + "-wal";
  if (path_exists(log)) {
    TRY(copy_file(log, workshop.copy() + "-wal"));
  }
  return make_readable(workshop.copy());
}

Result<Database> make_database(const std::string& path, int version) {
  TRY(open_file(path, O_RDWR | O_CREAT | O_EXCL, 0600));
  Database database = TRY(Database::open(path, Access::ReadWrite));
  TRY(migrate_to(database, version));
  return database;
}

void count(std::vector<SalvagedTable>& tables, const SalvagedTable& more) {
  auto found = std::find_if(tables.begin(), tables.end(), [&](const SalvagedTable& one) {
    return one.name == more.name;
  });
  if (found == tables.end()) {
    tables.push_back(more);
    return;
  }
  // Of a second copy: what it keeps is what is kept.
  found->kept = more.kept;
  found->lost += more.lost;
}

// Everything of `from` that `to` takes and, if asked for, that records can be made of.
Result<void> copy_tables(Database& from,
                         Database& to,
                         bool readable_only,
                         std::vector<SalvagedTable>& tables) {
  std::vector<TableShape> shapes = TRY(tables_of(to));
  Database probe = TRY(make_probe());
  Transaction transaction = TRY(Transaction::begin(to));
  for (const TableShape& shape : shapes) {
    RowFilter filter;
    if (readable_only) {
      filter = readable_rows(probe, shape);
    }
    SalvagedTable table = TRY(copy_rows(from, to, shape, filter));
    count(tables, table);
  }
  TRY(copy_sequences(from, to));
  return transaction.commit();
}

// A database of one file that is to have a log from now on; nothing is in that yet.
Result<void> close_as_one_file(Database database, const std::string& path) {
  TRY(database.execute("PRAGMA journal_mode = WAL"));
  {
    Database closed = std::move(database);
  }
  TRY(remove_file(path + "-wal"));
  return remove_file(path + "-shm");
}

Result<void> expect_whole(Database& database) {
  Statement row = TRY(database.prepare("PRAGMA integrity_check(1)"));
  TRY(row.step());
  if (row.text(0) != "ok") {
    return Error(Code::Internal, "the new database is not whole: " + row.text(0));
  }
  Statement orphan = TRY(database.prepare("PRAGMA foreign_key_check"));
  bool found = TRY(orphan.step());
  if (found) {
    return Error(Code::Internal, "the new database has rows without parents in " + orphan.text(0));
  }
  return {};
}

}  // namespace

struct Salvage::State {
  Layout layout;
  Workshop workshop;
  std::vector<SalvagedTable> tables;
  std::optional<Store> store;

  Database& database() { return StoreState::of(*store).database; }
};

Salvage::Salvage(std::unique_ptr<State> state) : state_(std::move(state)) {}

Salvage::Salvage(Salvage&&) noexcept = default;
Salvage::~Salvage() = default;

Result<Salvage> Salvage::begin(const Layout& layout) {
  auto state = std::make_unique<State>();
  state->layout = layout;
  state->workshop.directory = join_path(layout.state_directory(), "rescue");
  const Workshop& workshop = state->workshop;
  TRY(clear(workshop));
  int version = TRY(prepare_copy(layout, workshop));
  {
    Database copy = TRY(Database::open(workshop.copy(), Access::ReadWrite));
    Database raw = TRY(make_database(workshop.raw(), version));
    TRY(copy_tables(copy, raw, false, state->tables));
    TRY(migrate(raw));
    Database fresh = TRY(make_database(workshop.fresh(), kSchemaVersion));
    TRY(copy_tables(raw, fresh, true, state->tables));
    state->store = StoreState::make(layout, std::move(fresh));
  }
  return Salvage(std::move(state));
}

Store& Salvage::store() {
  return *state_->store;
}

Result<void> Salvage::reserve(const std::string& table, std::uint64_t id) {
  return raise_sequence(state_->database(), table, id);
}

namespace {

LostProgram& lost_program(std::map<ProgramKey, LostProgram>& lost, const Statement& row) {
  ProgramKey key(row.unsigned_integer(0));
  LostProgram& program = lost[key];
  program.key = key;
  return program;
}

}  // namespace

Result<std::vector<LostProgram>> Salvage::lost_programs() {
  Database& database = state_->database();
  std::map<ProgramKey, LostProgram> lost;
  Statement links =
      TRY(database.prepare("SELECT DISTINCT program, program_id FROM links WHERE program NOT IN "
                           "(SELECT key FROM programs)"));
  while (TRY(links.step())) {
    lost_program(lost, links).ids.emplace_back(static_cast<std::uint32_t>(links.integer(1)));
  }
  Statement maps = TRY(
      database.prepare("SELECT program, name, pin_path, map_id FROM program_maps WHERE program NOT "
                       "IN (SELECT key FROM programs) ORDER BY program, position"));
  while (TRY(maps.step())) {
    lost_program(lost, maps)
        .maps.push_back(MapRecord{.name = maps.text(1),
                                  .pin_path = maps.text(2),
                                  .id = MapId(static_cast<std::uint32_t>(maps.integer(3)))});
  }
  Statement metadata =
      TRY(database.prepare("SELECT program, name, value FROM program_metadata WHERE program NOT IN "
                           "(SELECT key FROM programs)"));
  while (TRY(metadata.step())) {
    lost_program(lost, metadata).metadata[metadata.text(1)] = metadata.text(2);
  }
  Statement globals =
      TRY(database.prepare("SELECT program, name, value FROM program_globals WHERE program NOT IN "
                           "(SELECT key FROM programs)"));
  while (TRY(globals.step())) {
    lost_program(lost, globals).globals[globals.text(1)] = globals.blob(2);
  }
  std::vector<LostProgram> out;
  for (auto& [key, program] : lost) {
    out.push_back(std::move(program));
  }
  return out;
}

Result<void> Salvage::adopt(const ProgramRecord& record) {
  Database& database = state_->database();
  Transaction transaction = TRY(Transaction::begin(database));
  for (const char* sql : {"DELETE FROM program_maps WHERE program = ?",
                          "DELETE FROM program_globals WHERE program = ?",
                          "DELETE FROM program_metadata WHERE program = ?"}) {
    Statement old = TRY(database.prepare(sql));
    TRY(old.bind(record.key.value()).run());
  }
  TRY(insert_program(database, record));
  return transaction.commit();
}

Result<Salvage::Outcome> Salvage::finish(std::int64_t now) {
  Outcome out{.tables = state_->tables, .kept = ""};
  TRY(drop_orphans(state_->database(), out.tables));
  TRY(expect_whole(state_->database()));
  std::string path = state_->workshop.fresh();
  Database database = std::move(state_->database());
  state_->store.reset();
  TRY(close_as_one_file(std::move(database), path));
  out.kept = TRY(keep_damaged(state_->layout, now));
  TRY(decide_for(state_->layout, path));
  TRY(finish_rescue(state_->layout));
  TRY(clear(state_->workshop));
  TRY(remove_directory(state_->workshop.directory));
  return out;
}

}  // namespace bpfman::store
