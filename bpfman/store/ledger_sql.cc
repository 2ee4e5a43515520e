// SPDX-License-Identifier: Apache-2.0
#include "bpfman/store/ledger_sql.h"

#include <algorithm>

#include "bpfman/plan/target_json.h"
#include "bpfman/store/columns_sql.h"

namespace bpfman::store {

Result<void> append_ledger(Database& database, const LedgerEntry& entry) {
  Statement row =
      TRY(database.prepare("INSERT INTO ledger (at, verb, subject, outcome, error, boot_id, pid, "
                           "uid, login_uid, objects) "
                           "VALUES (?,?,?,?,?,?,?,?,?,?) RETURNING id"));
  row.bind(entry.at)
      .bind(entry.verb)
      .bind(entry.subject)
      .bind(to_string(entry.outcome))
      .bind(entry.error)
      .bind(entry.boot_id)
      .bind(entry.pid)
      .bind(std::uint64_t{entry.uid});
  if (entry.login_uid.has_value()) {
    row.bind(std::uint64_t{*entry.login_uid});
  } else {
    row.bind_null();
  }
  TRY(row.bind(plan::to_json(entry.objects)).step());
  std::uint64_t id = row.unsigned_integer(0);
  TRY(row.run());
  if (id <= kMaxLedger) {
    return {};
  }
  Statement old = TRY(database.prepare("DELETE FROM ledger WHERE id <= ?"));
  return old.bind(id - kMaxLedger).run();
}

Result<std::vector<LedgerEntry>> read_ledger(Database& database, const LedgerQuery& query) {
  std::vector<LedgerEntry> out;
  Statement rows = TRY(database.prepare(
      "SELECT id, at, verb, subject, outcome, error, boot_id, pid, uid, login_uid, objects "
      "FROM ledger WHERE at >= ? AND id > ? ORDER BY id DESC"));
  rows.bind(query.since).bind(query.after);
  while (out.size() < query.limit) {
    bool found = TRY(rows.step());
    if (!found) {
      break;
    }
    std::optional<LedgerOutcome> outcome = parse_ledger_outcome(rows.text(4));
    if (!outcome.has_value()) {
      return damaged("an outcome", rows.text(4));
    }
    LedgerEntry entry{.id = rows.unsigned_integer(0),
                      .at = rows.integer(1),
                      .verb = rows.text(2),
                      .subject = rows.text(3),
                      .outcome = *outcome,
                      .error = rows.text(5),
                      .boot_id = rows.text(6),
                      .pid = rows.integer(7),
                      .uid = static_cast<std::uint32_t>(rows.unsigned_integer(8))};
    if (!rows.is_null(9)) {
      entry.login_uid = static_cast<std::uint32_t>(rows.unsigned_integer(9));
    }
    entry.objects = TRY(plan::ledger_objects_from_json(rows.text(10)));
    if (query.name.empty() || is_about(entry, query.name)) {
      out.push_back(std::move(entry));
    }
  }
  std::reverse(out.begin(), out.end());
  return out;
}

}  // namespace bpfman::store
