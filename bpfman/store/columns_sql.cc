// SPDX-License-Identifier: Apache-2.0
#include "bpfman/store/columns_sql.h"

namespace bpfman::store {

void bind_provenance(Statement& statement, const Provenance& provenance) {
  statement.bind(to_string(provenance.source))
      .bind(provenance.route)
      .bind(provenance.location)
      .bind(provenance.canonical_name)
      .bind(provenance.image_id.text())
      .bind(provenance.manifest_digest.text())
      .bind(to_string(provenance.verification))
      .bind(provenance.requested_by_uid)
      .bind(provenance.fetched_at)
      .bind(provenance.trust)
      .bind(provenance.index_digest.text())
      .bind(provenance.policy.text());
}

Error damaged(const std::string& what, const std::string& value) {
  return Error(Code::DataLoss, "the database holds \"" + value + "\" as " + what)
      .with_hint(kDamagedHint);
}

Result<Digest> read_digest(const Statement& row, int column) {
  std::string text = row.text(column);
  if (text.empty()) {
    return Digest();
  }
  std::optional<Digest> digest = Digest::parse(text);
  if (!digest.has_value()) {
    return damaged("a digest", text);
  }
  return *digest;
}

Result<Provenance> read_provenance(const Statement& row, int first) {
  Provenance out;
  std::optional<SourceKind> source = parse_source_kind(row.text(first));
  std::optional<Verification> verification = parse_verification(row.text(first + 6));
  if (!source.has_value() || !verification.has_value()) {
    return damaged("a source", row.text(first) + "/" + row.text(first + 6));
  }
  out.source = *source;
  out.route = row.text(first + 1);
  out.location = row.text(first + 2);
  out.canonical_name = row.text(first + 3);
  out.image_id = TRY(read_digest(row, first + 4));
  out.manifest_digest = TRY(read_digest(row, first + 5));
  std::int64_t uid = row.integer(first + 7);
  if (uid < 0 || uid > UINT32_MAX) {
    return damaged("a number of 32 bits", std::to_string(uid));
  }
  out.verification = *verification;
  out.requested_by_uid = static_cast<std::uint32_t>(uid);
  out.fetched_at = row.integer(first + 8);
  out.trust = row.text(first + 9);
  out.index_digest = TRY(read_digest(row, first + 10));
  out.policy = TRY(read_digest(row, first + 11));
  return out;
}

}  // namespace bpfman::store
