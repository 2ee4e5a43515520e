// SPDX-License-Identifier: Apache-2.0
// A new database out of a damaged one. The damaged file is read as a copy and stays as it is until
// the new one is whole; then it is kept beside, and the new one takes its place in steps of which
// each may be the last:
//
//   build     rescue/new.db       complete and synced; nothing else has changed
//   keep      bpfman.db.damaged-TIME, with -wal and -shm: further names of the damaged files
//   decide    rename rescue/new.db to bpfman.db.rescued: from here on the new one is meant
//   finish    the old -wal and -shm go (their names), then rename to bpfman.db
//
// Who dies before `decide` leaves the damaged database as it was. Who dies behind it leaves the
// file bpfman.db.rescued: nothing is read or written until `finish` is done by the next who has the
// writer lock. So a log of the old database never meets the new one.
#pragma once

#include <memory>
#include <optional>

#include "bpfman/store/salvage_rows.h"
#include "bpfman/store/store.h"

namespace bpfman::store {

// What is left of a program whose row is lost.
struct LostProgram {
  ProgramKey key;
  std::vector<ProgramId> ids;  // that links of it name
  std::vector<MapRecord> maps;
  std::map<std::string, std::string> metadata;
  std::map<std::string, Bytes> globals;
  bool operator==(const LostProgram&) const = default;
};

class Salvage {
 public:
  // Builds the new database of all rows that can be read. REQUIRES: the writer lock, until the end.
  // FailedPrecondition: it was written by a newer bpfman.
  static Result<Salvage> begin(const Layout& layout);

  Salvage(Salvage&&) noexcept;
  Salvage& operator=(Salvage&&) = delete;
  Salvage(const Salvage&) = delete;
  Salvage& operator=(const Salvage&) = delete;
  ~Salvage();

  // The new database, to put into it what else is known. Rows may still lack their parents.
  Store& store();
  // Programs that rows of others belong to.
  Result<std::vector<LostProgram>> lost_programs();
  // Puts a program in the place of a lost one, whose maps, metadata and globals are replaced.
  Result<void> adopt(const ProgramRecord& record);
  // Ids up to this are not given out.
  Result<void> reserve(const std::string& table, std::uint64_t id);

  struct Outcome {
    std::vector<SalvagedTable> tables;
    std::string kept;  // the path of the damaged file
  };

  // Drops rows without parents and puts the new database in its place. `now`: unix seconds.
  Result<Outcome> finish(std::int64_t now);

 private:
  struct State;
  explicit Salvage(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// ---- the steps, for who wants to stop in between

// Further names for the damaged files; the path of the database among them.
Result<std::string> keep_damaged(const Layout& layout, std::int64_t now);
Result<void> decide_for(const Layout& layout, const std::string& database);
bool is_decided(const Layout& layout);
// The same for who holds no lock: it is taken, for as long as that takes.
Result<void> finish_rescue_for_reading(const Layout& layout);
// What `finish` does; nothing when nothing is decided. REQUIRES: the writer lock.
Result<void> finish_rescue(const Layout& layout);

}  // namespace bpfman::store
