// SPDX-License-Identifier: Apache-2.0
#include "bpfman/store/schema.h"

#include <array>

namespace bpfman::store {
namespace {

// 1: programs, links, images, journal.
//
// The columns from_* are a Provenance (model/image.h). Digests are "sha256:..." or ''. Times are
// unix seconds. Lists of numbers are comma texts. AUTOINCREMENT: a key that was ever committed is
// never given out again.
constexpr const char* kMigration1 = R"sql(
CREATE TABLE programs (
  key             INTEGER PRIMARY KEY AUTOINCREMENT,
  kernel_id       INTEGER NOT NULL,
  boot_id         TEXT    NOT NULL,
  application     TEXT    NOT NULL,
  name            TEXT    NOT NULL,
  type            TEXT    NOT NULL,
  section         TEXT    NOT NULL,
  bytecode        TEXT    NOT NULL,
  license         TEXT    NOT NULL,
  pin_path        TEXT    NOT NULL,
  map_directory   TEXT    NOT NULL,
  image_reference TEXT    NOT NULL,
  created_at      INTEGER NOT NULL,
  from_source TEXT NOT NULL, from_route TEXT NOT NULL, from_location TEXT NOT NULL, from_name TEXT NOT NULL,
  from_image_id TEXT NOT NULL, from_manifest TEXT NOT NULL, from_verification TEXT NOT NULL,
  from_uid INTEGER NOT NULL, from_fetched_at INTEGER NOT NULL, from_trust TEXT NOT NULL,
  UNIQUE (boot_id, kernel_id)
) STRICT;
CREATE TABLE program_maps (
  program  INTEGER NOT NULL REFERENCES programs (key) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  name     TEXT    NOT NULL,
  pin_path TEXT    NOT NULL,
  map_id   INTEGER NOT NULL,
  PRIMARY KEY (program, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE program_metadata (
  program INTEGER NOT NULL REFERENCES programs (key) ON DELETE CASCADE,
  name    TEXT    NOT NULL,
  value   TEXT    NOT NULL,
  PRIMARY KEY (program, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE program_globals (
  program INTEGER NOT NULL REFERENCES programs (key) ON DELETE CASCADE,
  name    TEXT    NOT NULL,
  value   BLOB    NOT NULL,
  PRIMARY KEY (program, name)
) STRICT, WITHOUT ROWID;
-- A program with links cannot be deleted: a link without its program would be a lie.
CREATE TABLE links (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  program        INTEGER NOT NULL REFERENCES programs (key) ON DELETE RESTRICT,
  program_id     INTEGER NOT NULL,
  boot_id        TEXT    NOT NULL,
  kind           TEXT    NOT NULL,
  strategy       TEXT    NOT NULL,
  interface      TEXT    NOT NULL,
  ifindex        INTEGER NOT NULL,
  netns          TEXT    NOT NULL,
  netns_device   INTEGER NOT NULL,
  netns_inode    INTEGER NOT NULL,
  mode           TEXT    NOT NULL,
  priority       INTEGER NOT NULL,
  proceed_on     TEXT    NOT NULL,
  pin_path       TEXT    NOT NULL,
  kernel_id      INTEGER,
  created_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX links_by_program ON links (program);
CREATE TABLE link_metadata (
  link  INTEGER NOT NULL REFERENCES links (id) ON DELETE CASCADE,
  name  TEXT    NOT NULL,
  value TEXT    NOT NULL,
  PRIMARY KEY (link, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE images (
  reference     TEXT    PRIMARY KEY,
  typed         TEXT    NOT NULL,
  bytecode      TEXT    NOT NULL,
  bytecode_size INTEGER NOT NULL,
  file_name     TEXT    NOT NULL,
  from_source TEXT NOT NULL, from_route TEXT NOT NULL, from_location TEXT NOT NULL, from_name TEXT NOT NULL,
  from_image_id TEXT NOT NULL, from_manifest TEXT NOT NULL, from_verification TEXT NOT NULL,
  from_uid INTEGER NOT NULL, from_fetched_at INTEGER NOT NULL, from_trust TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE image_labels (
  reference TEXT NOT NULL REFERENCES images (reference) ON DELETE CASCADE,
  name      TEXT NOT NULL,
  value     TEXT NOT NULL,
  PRIMARY KEY (reference, name)
) STRICT, WITHOUT ROWID;
-- Operations that did not get to an end; a closed one is deleted.
CREATE TABLE journal (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  verb       TEXT    NOT NULL,
  boot_id    TEXT    NOT NULL,
  started_at INTEGER NOT NULL,
  pid        INTEGER NOT NULL,
  plan       TEXT    NOT NULL,
  bindings   TEXT    NOT NULL
) STRICT;
PRAGMA user_version = 1;
)sql";

// 2: when an image was used the last time, and what a reference has meant.
//
// History ends with its reference (store: delete_image). It is not tied to it by a key, because an
// image's row is replaced when the reference gets another meaning.
constexpr const char* kMigration2 = R"sql(
ALTER TABLE images ADD COLUMN last_used INTEGER NOT NULL DEFAULT 0;
UPDATE images SET last_used = from_fetched_at;
CREATE TABLE image_history (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  reference     TEXT    NOT NULL,
  bytecode      TEXT    NOT NULL,
  bytecode_size INTEGER NOT NULL,
  file_name     TEXT    NOT NULL,
  from_source TEXT NOT NULL, from_route TEXT NOT NULL, from_location TEXT NOT NULL, from_name TEXT NOT NULL,
  from_image_id TEXT NOT NULL, from_manifest TEXT NOT NULL, from_verification TEXT NOT NULL,
  from_uid INTEGER NOT NULL, from_fetched_at INTEGER NOT NULL, from_trust TEXT NOT NULL
) STRICT;
CREATE INDEX image_history_by_reference ON image_history (reference);
INSERT INTO image_history (reference, bytecode, bytecode_size, file_name, from_source, from_route, from_location,
  from_name, from_image_id, from_manifest, from_verification, from_uid, from_fetched_at, from_trust)
SELECT reference, bytecode, bytecode_size, file_name, from_source, from_route, from_location,
  from_name, from_image_id, from_manifest, from_verification, from_uid, from_fetched_at, from_trust
FROM images ORDER BY reference;
PRAGMA user_version = 2;
)sql";

// 3: trust: the index that led to an image, the policy that let it in, and its signatures as found.
constexpr const char* kMigration3 = R"sql(
ALTER TABLE programs ADD COLUMN from_index TEXT NOT NULL DEFAULT '';
ALTER TABLE programs ADD COLUMN from_policy TEXT NOT NULL DEFAULT '';
ALTER TABLE images ADD COLUMN from_index TEXT NOT NULL DEFAULT '';
ALTER TABLE images ADD COLUMN from_policy TEXT NOT NULL DEFAULT '';
ALTER TABLE image_history ADD COLUMN from_index TEXT NOT NULL DEFAULT '';
ALTER TABLE image_history ADD COLUMN from_policy TEXT NOT NULL DEFAULT '';
CREATE TABLE image_signatures (
  reference TEXT    NOT NULL REFERENCES images (reference) ON DELETE CASCADE,
  position  INTEGER NOT NULL,
  format    TEXT    NOT NULL,
  location  TEXT    NOT NULL,
  document  TEXT    NOT NULL,
  PRIMARY KEY (reference, position)
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 3;
)sql";

// 4: links of every kind, and chains.
//
// What a link is attached to is a JSON text (plan/target_json.h), as is a chain's record beside its
// key. Until now every link was an XDP program alone on its interface, which is now a chain of one.
constexpr const char* kMigration4 = R"sql(
ALTER TABLE programs ADD COLUMN map_owner INTEGER NOT NULL DEFAULT 0;
ALTER TABLE programs ADD COLUMN attach_function TEXT NOT NULL DEFAULT '';
CREATE TABLE chains (
  kind         TEXT    NOT NULL,
  netns_device INTEGER NOT NULL,
  netns_inode  INTEGER NOT NULL,
  ifindex      INTEGER NOT NULL,
  boot_id      TEXT    NOT NULL,
  record       TEXT    NOT NULL,
  PRIMARY KEY (kind, netns_device, netns_inode, ifindex, boot_id)
) STRICT, WITHOUT ROWID;
INSERT INTO chains (kind, netns_device, netns_inode, ifindex, boot_id, record)
SELECT 'xdp', netns_device, netns_inode, ifindex, boot_id, json_object(
  'hook', json_object('kind', 'xdp', 'ifindex', ifindex,
    'netns', json_object('device', netns_device, 'inode', netns_inode)),
  'boot_id', boot_id, 'interface', interface, 'netns', netns, 'mode', mode, 'strategy', 'direct',
  'wanted', NULL, 'reason', 'alone on the hook', 'revision', 0, 'link_pin', pin_path,
  'filter_priority', 0, 'filter_handle', 0, 'directory', '', 'capacity', 0,
  'slots', json_array(json_array(id, 0)), 'frags', json('false'), 'timing', json('false'))
FROM links WHERE kind = 'xdp';
ALTER TABLE links ADD COLUMN target TEXT NOT NULL DEFAULT '';
ALTER TABLE links ADD COLUMN cookie INTEGER NOT NULL DEFAULT 0;
UPDATE links SET pin_path = '', target = json_object(
  'is', 'chain', 'hook', 'xdp', 'interface', interface, 'netns', netns, 'mode', mode,
  'order', json_object('priority', priority, 'role', '', 'before', json_array(), 'after', json_array()),
  'proceed_on', json('[' || proceed_on || ']'));
ALTER TABLE links DROP COLUMN strategy;
ALTER TABLE links DROP COLUMN interface;
ALTER TABLE links DROP COLUMN netns;
ALTER TABLE links DROP COLUMN mode;
ALTER TABLE links DROP COLUMN priority;
ALTER TABLE links DROP COLUMN proceed_on;
PRAGMA user_version = 4;
)sql";

// 5: selectors: attachments to interfaces that are there, or come. A record is a JSON text.
constexpr const char* kMigration5 = R"sql(
CREATE TABLE selectors (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  program INTEGER NOT NULL REFERENCES programs (key),
  record  TEXT    NOT NULL
) STRICT;
ALTER TABLE links ADD COLUMN selector INTEGER NOT NULL DEFAULT 0;
PRAGMA user_version = 5;
)sql";

// 6: what applications were before their programs were replaced. A record is a JSON text.
constexpr const char* kMigration6 = R"sql(
CREATE TABLE versions (
  application TEXT    NOT NULL,
  number      INTEGER NOT NULL,
  record      TEXT    NOT NULL,
  PRIMARY KEY (application, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE version_bytecode (
  application TEXT    NOT NULL,
  number      INTEGER NOT NULL,
  bytecode    TEXT    NOT NULL,
  PRIMARY KEY (application, number, bytecode),
  FOREIGN KEY (application, number) REFERENCES versions (application, number) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 6;
)sql";

// 7: the ledger. The last 100,000 entries (kMaxLedger) are neither changed nor deleted.
constexpr const char* kMigration7 = R"sql(
CREATE TABLE ledger (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  at        INTEGER NOT NULL,
  verb      TEXT    NOT NULL,
  subject   TEXT    NOT NULL,
  outcome   TEXT    NOT NULL,
  error     TEXT    NOT NULL,
  boot_id   TEXT    NOT NULL,
  pid       INTEGER NOT NULL,
  uid       INTEGER NOT NULL,
  login_uid INTEGER,
  objects   TEXT    NOT NULL
) STRICT;
CREATE TRIGGER ledger_is_not_changed BEFORE UPDATE ON ledger
BEGIN
  SELECT RAISE(ABORT, 'the ledger is append-only');
END;
CREATE TRIGGER ledger_is_not_shortened BEFORE DELETE ON ledger
WHEN OLD.id > (SELECT max(id) FROM ledger) - 100000
BEGIN
  SELECT RAISE(ABORT, 'the ledger is append-only');
END;
PRAGMA user_version = 7;
)sql";

// 8: leases and budgets, as JSON texts; '' for none. Whether a rebuilt image is followed.
// Maps whose contents outlive a reboot (their names, a comma text), and these contents
// (kernel/map_contents.h). A selector's lease is in its record.
constexpr const char* kMigration8 = R"sql(
ALTER TABLE programs ADD COLUMN lease TEXT NOT NULL DEFAULT '';
ALTER TABLE programs ADD COLUMN budget TEXT NOT NULL DEFAULT '';
ALTER TABLE programs ADD COLUMN on_rebuild INTEGER NOT NULL DEFAULT 0;
ALTER TABLE links ADD COLUMN lease TEXT NOT NULL DEFAULT '';
ALTER TABLE selectors ADD COLUMN leased INTEGER NOT NULL DEFAULT 0;
ALTER TABLE programs ADD COLUMN kept_maps TEXT NOT NULL DEFAULT '';
CREATE TABLE map_contents (
  program  INTEGER NOT NULL REFERENCES programs (key) ON DELETE CASCADE,
  name     TEXT    NOT NULL,
  saved_at INTEGER NOT NULL,
  contents BLOB    NOT NULL,
  PRIMARY KEY (program, name)
) STRICT;
CREATE INDEX leased_programs ON programs (key) WHERE lease <> '';
CREATE INDEX leased_links ON links (id) WHERE lease <> '';
PRAGMA user_version = 8;
)sql";

constexpr std::array<const char*, kSchemaVersion> kMigrations = {kMigration1,
                                                                 kMigration2,
                                                                 kMigration3,
                                                                 kMigration4,
                                                                 kMigration5,
                                                                 kMigration6,
                                                                 kMigration7,
                                                                 kMigration8};

}  // namespace

Result<int> schema_version(Database& database) {
  Statement statement = TRY(database.prepare("PRAGMA user_version"));
  TRY(statement.step());
  return static_cast<int>(statement.integer(0));
}

Result<void> migrate(Database& database) {
  return migrate_to(database, kSchemaVersion);
}

Result<void> expect_known_version(Database& database, int version) {
  if (version < 0) {
    return Error(Code::DataLoss,
                 database.path() + ": schema version " + std::to_string(version) + " cannot be")
        .with_hint(kDamagedHint);
  }
  if (version > kSchemaVersion) {
    return Error(Code::FailedPrecondition,
                 database.path() + ": the database has schema version " + std::to_string(version) +
                     ", this bpfman knows versions up to " + std::to_string(kSchemaVersion))
        .with_hint("it was written by a newer bpfman: use that one");
  }
  if (version != 0) {
    return {};
  }
  // One statement: another process may be migrating.
  Statement row = TRY(database.prepare(
      "SELECT user_version, (SELECT count(*) FROM sqlite_schema) FROM pragma_user_version"));
  TRY(row.step());
  if (row.integer(0) == 0 && row.integer(1) != 0) {
    return Error(Code::DataLoss, database.path() + ": there are tables without a schema version")
        .with_hint(kDamagedHint);
  }
  return {};
}

Result<void> migrate_to(Database& database, int wanted) {
  int version = TRY(schema_version(database));
  if (version == wanted) {
    return {};
  }
  TRY(expect_known_version(database, version));
  Transaction transaction = TRY(Transaction::begin(database));
  // Another process may have migrated between the first look and the lock.
  version = TRY(schema_version(database));
  TRY(expect_known_version(database, version));
  for (int next = version; next < wanted; ++next) {
    TRY(database.execute(kMigrations[static_cast<std::size_t>(next)]));
  }
  return transaction.commit();
}

}  // namespace bpfman::store
