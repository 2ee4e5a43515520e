// SPDX-License-Identifier: Apache-2.0
#include "bpfman/store/records_sql.h"

#include <limits>
#include <map>

#include "bpfman/base/text.h"
#include "bpfman/plan/target_json.h"
#include "bpfman/store/columns_sql.h"

namespace bpfman::store {
namespace {

// A column that holds a T; SQLite's integers have 64 bits.
template <typename T>
Result<T> read_number(const Statement& row, int column) {
  std::int64_t value = row.integer(column);
  if (value < std::numeric_limits<T>::min() || value > std::numeric_limits<T>::max()) {
    return damaged("a number of 32 bits", std::to_string(value));
  }
  return static_cast<T>(value);
}

// ---- enumerations and lists
// -------------------------------------------------------------------------------------

Result<ProgramType> read_program_type(const std::string& text) {
  if (text == to_string(ProgramType::Other)) {
    return ProgramType::Other;
  }
  std::optional<ProgramType> type = parse_program_type(text);
  if (!type.has_value()) {
    return damaged("a program type", text);
  }
  return *type;
}

// ---- child tables
// -----------------------------------------------------------------------------------------------

using Pairs = std::map<std::string, std::string>;

// All (owner, name, value) rows of a query, by owner. Owners are texts: keys are written out.
Result<std::map<std::string, Pairs>> read_pairs(Database& database, const char* sql) {
  Statement rows = TRY(database.prepare(sql));
  std::map<std::string, Pairs> out;
  while (TRY(rows.step())) {
    out[rows.text(0)][rows.text(1)] = rows.text(2);
  }
  return out;
}

template <typename Owner>
Result<void> insert_pairs(Database& database, const char* sql, Owner owner, const Pairs& pairs) {
  if (pairs.empty()) {
    return {};
  }
  Statement statement = TRY(database.prepare(sql));
  for (const auto& [name, value] : pairs) {
    TRY(statement.bind(owner).bind(name).bind(value).run());
  }
  return {};
}

Result<void> insert_maps(Database& database, const ProgramRecord& record) {
  Statement map_row = TRY(database.prepare(
      "INSERT INTO program_maps (program, position, name, pin_path, map_id) VALUES (?,?,?,?,?)"));
  std::uint64_t position = 0;
  for (const MapRecord& map : record.maps) {
    TRY(map_row.bind(record.key.value())
            .bind(position++)
            .bind(map.name)
            .bind(map.pin_path)
            .bind(map.id.value())
            .run());
  }
  return {};
}

// What a program has in tables of its own.
Result<void> insert_parts(Database& database, const ProgramRecord& record) {
  TRY(insert_maps(database, record));
  Statement global_row =
      TRY(database.prepare("INSERT INTO program_globals (program, name, value) VALUES (?,?,?)"));
  for (const auto& [name, value] : record.globals) {
    TRY(global_row.bind(record.key.value()).bind(name).bind_blob(value).run());
  }
  return insert_pairs(database,
                      "INSERT INTO program_metadata (program, name, value) VALUES (?,?,?)",
                      record.key.value(),
                      record.metadata);
}

void bind_kernel_id(Statement& row, const LinkRecord& record) {
  if (record.kernel_id.has_value()) {
    row.bind(record.kernel_id->value());
  } else {
    row.bind_null();
  }
}

Result<void> delete_one(Database& database,
                        const char* sql,
                        std::uint64_t key,
                        const std::string& what) {
  Statement statement = TRY(database.prepare(sql));
  // RETURNING tells whether there was such a row.
  bool found = TRY(statement.bind(key).step());
  if (!found) {
    return Error(Code::NotFound, what + " " + std::to_string(key) + " is not in the database");
  }
  return statement.run();
}

}  // namespace

Result<std::vector<ProgramRecord>> read_programs(Database& database) {
  std::map<std::string, Pairs> metadata =
      TRY(read_pairs(database, "SELECT program, name, value FROM program_metadata"));
  std::map<std::uint64_t, std::vector<MapRecord>> maps;
  Statement map_rows = TRY(database.prepare(
      "SELECT program, name, pin_path, map_id FROM program_maps ORDER BY program, position"));
  while (TRY(map_rows.step())) {
    std::uint32_t id = TRY(read_number<std::uint32_t>(map_rows, 3));
    maps[map_rows.unsigned_integer(0)].push_back(
        MapRecord{.name = map_rows.text(1), .pin_path = map_rows.text(2), .id = MapId(id)});
  }
  std::map<std::uint64_t, std::map<std::string, Bytes>> globals;
  Statement global_rows = TRY(database.prepare("SELECT program, name, value FROM program_globals"));
  while (TRY(global_rows.step())) {
    globals[global_rows.unsigned_integer(0)][global_rows.text(1)] = global_rows.blob(2);
  }

  std::vector<ProgramRecord> out;
  Statement rows = TRY(database.prepare(
      "SELECT key, kernel_id, boot_id, application, name, type, section, "
      "bytecode, license, pin_path, map_directory, "
      "image_reference, created_at, from_source, from_route, from_location, "
      "from_name, from_image_id, from_manifest, "
      "from_verification, from_uid, from_fetched_at, from_trust, from_index, "
      "from_policy, map_owner, attach_function, lease, budget, on_rebuild, kept_maps FROM programs "
      "ORDER BY kernel_id, key"));
  while (TRY(rows.step())) {
    ProgramRecord record;
    record.key = ProgramKey(rows.unsigned_integer(0));
    std::uint32_t id = TRY(read_number<std::uint32_t>(rows, 1));
    record.id = ProgramId(id);
    record.boot_id = rows.text(2);
    record.application = rows.text(3);
    record.name = rows.text(4);
    record.type = TRY(read_program_type(rows.text(5)));
    record.section = rows.text(6);
    record.bytecode = TRY(read_digest(rows, 7));
    record.license = rows.text(8);
    record.pin_path = rows.text(9);
    record.map_directory = rows.text(10);
    record.image_reference = rows.text(11);
    record.created_at = rows.integer(12);
    record.provenance = TRY(read_provenance(rows, 13));
    record.map_owner = ProgramKey(rows.unsigned_integer(13 + kProvenanceColumns));
    record.attach_function = rows.text(14 + kProvenanceColumns);
    record.lease = TRY(plan::lease_from_json(rows.text(15 + kProvenanceColumns)));
    record.budget = TRY(plan::budget_from_json(rows.text(16 + kProvenanceColumns)));
    std::string kept = rows.text(18 + kProvenanceColumns);
    record.kept_maps = kept.empty() ? std::vector<std::string>() : split(kept, ',');
    record.on_rebuild = rows.integer(17 + kProvenanceColumns) != 0;
    record.metadata = std::move(metadata[rows.text(0)]);
    record.maps = std::move(maps[record.key.value()]);
    record.globals = std::move(globals[record.key.value()]);
    out.push_back(std::move(record));
  }
  return out;
}

Result<std::vector<LinkRecord>> read_links(Database& database) {
  std::map<std::string, Pairs> metadata =
      TRY(read_pairs(database, "SELECT link, name, value FROM link_metadata"));
  std::vector<LinkRecord> out;
  Statement rows = TRY(database.prepare(
      "SELECT id, program, program_id, boot_id, kind, target, cookie, ifindex, netns_device, "
      "netns_inode, pin_path, kernel_id, created_at, selector, lease FROM links ORDER BY id"));
  while (TRY(rows.step())) {
    LinkRecord record;
    record.id = LinkId(rows.unsigned_integer(0));
    record.program_key = ProgramKey(rows.unsigned_integer(1));
    std::uint32_t program = TRY(read_number<std::uint32_t>(rows, 2));
    record.program = ProgramId(program);
    record.boot_id = rows.text(3);
    record.kind = TRY(read_program_type(rows.text(4)));
    record.target = TRY(plan::target_from_json(rows.text(5)));
    record.cookie = rows.unsigned_integer(6);
    std::uint32_t ifindex = TRY(read_number<std::uint32_t>(rows, 7));
    record.ifindex = Ifindex(ifindex);
    record.netns_id = NetnsId{rows.unsigned_integer(8), rows.unsigned_integer(9)};
    record.pin_path = rows.text(10);
    if (!rows.is_null(11)) {
      std::uint32_t kernel_id = TRY(read_number<std::uint32_t>(rows, 11));
      record.kernel_id = KernelLinkId(kernel_id);
    }
    record.created_at = rows.integer(12);
    record.selector = SelectorId(rows.unsigned_integer(13));
    record.lease = TRY(plan::lease_from_json(rows.text(14)));
    record.metadata = std::move(metadata[rows.text(0)]);
    out.push_back(std::move(record));
  }
  return out;
}

Result<void> insert_program(Database& database, const ProgramRecord& record) {
  Statement row = TRY(database.prepare(
      "INSERT INTO programs (key, kernel_id, boot_id, application, name, type, "
      "section, bytecode, license, pin_path, "
      "map_directory, image_reference, created_at, from_source, from_route, "
      "from_location, from_name, from_image_id, "
      "from_manifest, from_verification, from_uid, from_fetched_at, from_trust, "
      "from_index, from_policy, map_owner, attach_function, lease, budget, on_rebuild, "
      "kept_maps) "
      "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"));
  static_assert(13 + kProvenanceColumns == 25);
  row.bind(record.key.value())
      .bind(record.id.value())
      .bind(record.boot_id)
      .bind(record.application)
      .bind(record.name)
      .bind(to_string(record.type))
      .bind(record.section)
      .bind(record.bytecode.text())
      .bind(record.license)
      .bind(record.pin_path)
      .bind(record.map_directory)
      .bind(record.image_reference)
      .bind(record.created_at);
  bind_provenance(row, record.provenance);
  row.bind(record.map_owner.value())
      .bind(record.attach_function)
      .bind(plan::to_json(record.lease))
      .bind(plan::to_json(record.budget))
      .bind(record.on_rebuild ? 1 : 0)
      .bind(join(record.kept_maps, ","));
  TRY(row.run());
  return insert_parts(database, record);
}

Result<void> insert_link(Database& database, const LinkRecord& record) {
  Statement row = TRY(database.prepare(
      "INSERT INTO links (id, program, program_id, boot_id, kind, target, cookie, ifindex, "
      "netns_device, netns_inode, pin_path, kernel_id, created_at, selector, lease) "
      "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"));
  row.bind(record.id.value())
      .bind(record.program_key.value())
      .bind(record.program.value())
      .bind(record.boot_id)
      .bind(to_string(record.kind))
      .bind(plan::to_json(record.target))
      .bind(record.cookie)
      .bind(record.ifindex.value())
      .bind(record.netns_id.device)
      .bind(record.netns_id.inode)
      .bind(record.pin_path);
  bind_kernel_id(row, record);
  TRY(row.bind(record.created_at)
          .bind(record.selector.value())
          .bind(plan::to_json(record.lease))
          .run());
  return insert_pairs(database,
                      "INSERT INTO link_metadata (link, name, value) VALUES (?,?,?)",
                      record.id.value(),
                      record.metadata);
}

Result<void> change_program(Database& database, const ProgramRecord& record) {
  Statement row = TRY(database.prepare(
      "UPDATE programs SET kernel_id = ?, boot_id = ?, type = ?, section = ?, bytecode = ?, "
      "license = ?, pin_path = ?, map_directory = ?, image_reference = ?, from_source = ?, "
      "from_route = ?, from_location = ?, from_name = ?, from_image_id = ?, from_manifest = ?, "
      "from_verification = ?, from_uid = ?, from_fetched_at = ?, from_trust = ?, from_index = ?, "
      "from_policy = ?, map_owner = ?, attach_function = ? WHERE key = ? RETURNING key"));
  row.bind(record.id.value())
      .bind(record.boot_id)
      .bind(to_string(record.type))
      .bind(record.section)
      .bind(record.bytecode.text())
      .bind(record.license)
      .bind(record.pin_path)
      .bind(record.map_directory)
      .bind(record.image_reference);
  bind_provenance(row, record.provenance);
  row.bind(record.map_owner.value()).bind(record.attach_function);
  bool found = TRY(row.bind(record.key.value()).step());
  if (!found) {
    return Error(Code::NotFound,
                 "program record " + to_string(record.key) + " is not in the database");
  }
  TRY(row.run());
  for (const char* table : {"DELETE FROM program_maps WHERE program = ?",
                            "DELETE FROM program_globals WHERE program = ?",
                            "DELETE FROM program_metadata WHERE program = ?"}) {
    Statement old = TRY(database.prepare(table));
    TRY(old.bind(record.key.value()).run());
  }
  return insert_parts(database, record);
}

Result<void> change_link(Database& database, const LinkRecord& record) {
  Statement row = TRY(database.prepare(
      "UPDATE links SET program_id = ?, boot_id = ?, target = ?, ifindex = ?, netns_device = ?, "
      "netns_inode = ?, pin_path = ?, kernel_id = ? WHERE id = ? RETURNING id"));
  row.bind(record.program.value())
      .bind(record.boot_id)
      .bind(plan::to_json(record.target))
      .bind(record.ifindex.value())
      .bind(record.netns_id.device)
      .bind(record.netns_id.inode)
      .bind(record.pin_path);
  bind_kernel_id(row, record);
  bool found = TRY(row.bind(record.id.value()).step());
  if (!found) {
    return Error(Code::NotFound, "link " + to_string(record.id) + " is not in the database");
  }
  return row.run();
}

Result<void> delete_program(Database& database, ProgramKey key) {
  return delete_one(
      database, "DELETE FROM programs WHERE key = ? RETURNING key", key.value(), "program record");
}

Result<void> delete_link(Database& database, LinkId id) {
  return delete_one(database, "DELETE FROM links WHERE id = ? RETURNING id", id.value(), "link");
}

}  // namespace bpfman::store
