// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/target_json.h"
#include "bpfman/store/records_sql.h"

namespace bpfman::store {
namespace {

void bind_key(Statement& row, const HookKey& hook, const std::string& boot_id) {
  row.bind(to_string(hook.kind))
      .bind(hook.netns.device)
      .bind(hook.netns.inode)
      .bind(hook.ifindex.value())
      .bind(boot_id);
}

}  // namespace

Result<std::vector<ChainRecord>> read_chains(Database& database) {
  std::vector<ChainRecord> out;
  Statement rows = TRY(database.prepare(
      "SELECT record FROM chains ORDER BY boot_id, netns_inode, ifindex, kind DESC"));
  while (TRY(rows.step())) {
    ChainRecord chain = TRY(plan::chain_from_json(rows.text(0)));
    out.push_back(std::move(chain));
  }
  return out;
}

Result<void> put_chain(Database& database, const ChainRecord& record) {
  Statement row = TRY(database.prepare(
      "INSERT OR REPLACE INTO chains (kind, netns_device, netns_inode, ifindex, boot_id, record) "
      "VALUES (?,?,?,?,?,?)"));
  bind_key(row, record.hook, record.boot_id);
  return row.bind(plan::to_json(record)).run();
}

Result<void> delete_chain(Database& database, const HookKey& hook, const std::string& boot_id) {
  Statement row = TRY(database.prepare(
      "DELETE FROM chains WHERE kind = ? AND netns_device = ? AND netns_inode = ? AND ifindex = ? "
      "AND boot_id = ?"));
  bind_key(row, hook, boot_id);
  return row.run();
}

Result<std::vector<SelectorRecord>> read_selectors(Database& database) {
  std::vector<SelectorRecord> out;
  Statement rows = TRY(database.prepare("SELECT record FROM selectors ORDER BY id"));
  while (TRY(rows.step())) {
    SelectorRecord selector = TRY(plan::selector_from_json(rows.text(0)));
    out.push_back(std::move(selector));
  }
  return out;
}

Result<void> put_selector(Database& database, const SelectorRecord& record) {
  Statement row = TRY(database.prepare(
      "INSERT INTO selectors (id, program, record, leased) VALUES (?,?,?,?) "
      "ON CONFLICT (id) DO UPDATE SET program = excluded.program, record = excluded.record, "
      "leased = excluded.leased"));
  return row.bind(record.id.value())
      .bind(record.program_key.value())
      .bind(plan::to_json(record))
      .bind(record.spec.lease.has_end() ? 1 : 0)
      .run();
}

Result<bool> has_leases(Database& database) {
  Statement row =
      TRY(database.prepare("SELECT EXISTS (SELECT 1 FROM programs WHERE lease <> '') OR "
                           "EXISTS (SELECT 1 FROM links WHERE lease <> '') OR "
                           "EXISTS (SELECT 1 FROM selectors WHERE leased <> 0)"));
  TRY(row.step());
  return row.integer(0) != 0;
}

Result<void> delete_selector(Database& database, SelectorId id) {
  Statement row = TRY(database.prepare("DELETE FROM selectors WHERE id = ? RETURNING id"));
  bool found = TRY(row.bind(id.value()).step());
  if (!found) {
    return Error(Code::NotFound, "selector " + to_string(id) + " is not in the database");
  }
  return row.run();
}

}  // namespace bpfman::store
