// SPDX-License-Identifier: Apache-2.0
// What is kept of maps, to be put back after a reboot. It goes with its program.
#include "bpfman/store/records_sql.h"

namespace bpfman::store {

Result<void> put_map_contents(Database& database, const SavedMap& map, ByteView contents) {
  Statement row = TRY(database.prepare(
      "INSERT OR REPLACE INTO map_contents (program, name, saved_at, contents) VALUES (?,?,?,?)"));
  return row.bind(map.program.value()).bind(map.name).bind(map.saved_at).bind_blob(contents).run();
}

Result<std::vector<SavedMap>> read_saved_maps(Database& database) {
  std::vector<SavedMap> out;
  Statement rows = TRY(database.prepare(
      "SELECT program, name, saved_at, length(contents) FROM map_contents ORDER BY program, name"));
  while (TRY(rows.step())) {
    out.push_back(SavedMap{.program = ProgramKey(rows.unsigned_integer(0)),
                           .name = rows.text(1),
                           .saved_at = rows.integer(2),
                           .size = rows.unsigned_integer(3)});
  }
  return out;
}

Result<Bytes> read_map_contents(Database& database, ProgramKey program, const std::string& name) {
  Statement row =
      TRY(database.prepare("SELECT contents FROM map_contents WHERE program = ? AND name = ?"));
  bool found = TRY(row.bind(program.value()).bind(name).step());
  if (!found) {
    return Error(Code::NotFound, "nothing is kept of map " + name);
  }
  return row.blob(0);
}

}  // namespace bpfman::store
