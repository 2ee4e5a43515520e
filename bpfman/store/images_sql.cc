// SPDX-License-Identifier: Apache-2.0
// Images and what their references have meant.
#include <map>

#include "bpfman/store/columns_sql.h"
#include "bpfman/store/records_sql.h"
#include "bpfman/store/store.h"

namespace bpfman::store {
namespace {

// Adds an entry unless the last one says the same: other bytecode, or the same out of another
// image.
Result<void> note_history(Database& database, const ImageRecord& record) {
  Statement last = TRY(database.prepare(
      "SELECT bytecode, from_image_id FROM image_history WHERE reference = ? ORDER BY id DESC "
      "LIMIT 1"));
  bool known = TRY(last.bind(record.reference).step());
  if (known && last.text(0) == record.bytecode.text() &&
      last.text(1) == record.provenance.image_id.text()) {
    return {};
  }
  Statement row = TRY(database.prepare(
      "INSERT INTO image_history (reference, bytecode, bytecode_size, file_name, from_source, "
      "from_route, from_location, from_name, from_image_id, from_manifest, from_verification, "
      "from_uid, from_fetched_at, from_trust, from_index, from_policy) VALUES "
      "(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"));
  row.bind(record.reference)
      .bind(record.bytecode.text())
      .bind(record.bytecode_size)
      .bind(record.file_name);
  bind_provenance(row, record.provenance);
  TRY(row.run());
  Statement oldest = TRY(
      database.prepare("DELETE FROM image_history WHERE reference = ?1 AND id NOT IN (SELECT id "
                       "FROM image_history WHERE reference = ?1 ORDER BY id DESC LIMIT ?2)"));
  return oldest.bind(record.reference).bind(kMaxHistory).run();
}

}  // namespace

Result<std::vector<ImageRecord>> read_images(Database& database, const std::string* reference) {
  std::map<std::string, std::map<std::string, std::string>> labels;
  Statement label_rows = TRY(database.prepare(
      "SELECT reference, name, value FROM image_labels WHERE ?1 IS NULL OR reference = ?1"));
  Statement rows = TRY(database.prepare(
      "SELECT reference, typed, bytecode, bytecode_size, file_name, "
      "from_source, from_route, from_location, from_name, "
      "from_image_id, from_manifest, from_verification, from_uid, "
      "from_fetched_at, from_trust, from_index, from_policy, last_used FROM images "
      "WHERE ?1 IS NULL OR reference = ?1 ORDER BY reference"));
  std::map<std::string, std::vector<SignatureDocument>> signatures;
  Statement signature_rows =
      TRY(database.prepare("SELECT reference, format, location, document FROM image_signatures "
                           "WHERE ?1 IS NULL OR reference = ?1 ORDER BY reference, position"));
  for (Statement* statement : {&label_rows, &rows, &signature_rows}) {
    if (reference == nullptr) {
      statement->bind_null();
    } else {
      statement->bind(*reference);
    }
  }
  while (TRY(label_rows.step())) {
    labels[label_rows.text(0)][label_rows.text(1)] = label_rows.text(2);
  }
  while (TRY(signature_rows.step())) {
    std::optional<SignatureFormat> format = parse_signature_format(signature_rows.text(1));
    if (!format.has_value()) {
      return damaged("the format of a signature", signature_rows.text(1));
    }
    signatures[signature_rows.text(0)].push_back(SignatureDocument{
        .format = *format, .document = signature_rows.text(3), .location = signature_rows.text(2)});
  }
  std::vector<ImageRecord> out;
  while (TRY(rows.step())) {
    ImageRecord record;
    record.reference = rows.text(0);
    record.typed = rows.text(1);
    record.bytecode = TRY(read_digest(rows, 2));
    record.bytecode_size = rows.unsigned_integer(3);
    record.file_name = rows.text(4);
    record.provenance = TRY(read_provenance(rows, 5));
    record.last_used = rows.integer(5 + kProvenanceColumns);
    record.labels = std::move(labels[record.reference]);
    record.signatures = std::move(signatures[record.reference]);
    out.push_back(std::move(record));
  }
  return out;
}

Result<void> put_image(Database& database, const ImageRecord& record) {
  // The labels of the replaced row go with it.
  Statement old = TRY(database.prepare("DELETE FROM images WHERE reference = ?"));
  TRY(old.bind(record.reference).run());
  Statement row =
      TRY(database.prepare("INSERT INTO images (reference, typed, bytecode, bytecode_size, "
                           "file_name, from_source, from_route, from_location, "
                           "from_name, from_image_id, from_manifest, from_verification, from_uid, "
                           "from_fetched_at, from_trust, from_index, from_policy, last_used) "
                           "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"));
  row.bind(record.reference)
      .bind(record.typed)
      .bind(record.bytecode.text())
      .bind(record.bytecode_size)
      .bind(record.file_name);
  bind_provenance(row, record.provenance);
  TRY(row.bind(record.last_used).run());
  Statement label =
      TRY(database.prepare("INSERT INTO image_labels (reference, name, value) VALUES (?,?,?)"));
  for (const auto& [name, value] : record.labels) {
    TRY(label.bind(record.reference).bind(name).bind(value).run());
  }
  Statement signature = TRY(database.prepare(
      "INSERT INTO image_signatures (reference, position, format, location, document) "
      "VALUES (?,?,?,?,?)"));
  std::int64_t position = 0;
  for (const SignatureDocument& document : record.signatures) {
    TRY(signature.bind(record.reference)
            .bind(position++)
            .bind(to_string(document.format))
            .bind(document.location)
            .bind(document.document)
            .run());
  }
  return note_history(database, record);
}

Result<void> touch_image(Database& database, const std::string& reference, std::int64_t at) {
  Statement row =
      TRY(database.prepare("UPDATE images SET last_used = max(last_used, ?) WHERE reference = ?"));
  return row.bind(at).bind(reference).run();
}

Result<void> delete_image(Database& database, const std::string& reference) {
  for (const char* sql : {"DELETE FROM images WHERE reference = ?",
                          "DELETE FROM image_history WHERE reference = ?"}) {
    Statement row = TRY(database.prepare(sql));
    TRY(row.bind(reference).run());
  }
  return {};
}

Result<std::vector<ImageHistoryEntry>> read_history(Database& database,
                                                    const std::string& reference) {
  std::vector<ImageHistoryEntry> out;
  Statement rows = TRY(database.prepare(
      "SELECT bytecode, bytecode_size, file_name, from_source, from_route, from_location, "
      "from_name, from_image_id, from_manifest, from_verification, from_uid, from_fetched_at, "
      "from_trust, from_index, from_policy FROM image_history WHERE reference = ? ORDER BY id"));
  rows.bind(reference);
  while (TRY(rows.step())) {
    ImageHistoryEntry entry;
    entry.bytecode = TRY(read_digest(rows, 0));
    entry.bytecode_size = rows.unsigned_integer(1);
    entry.file_name = rows.text(2);
    entry.provenance = TRY(read_provenance(rows, 3));
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace bpfman::store
