// SPDX-License-Identifier: Apache-2.0
// Databases of every former version of the schema, with full rows in every table that there was,
// opened by the program of today. A table or column that is new needs a value in rows_of(): the
// test says which.
#include <map>
#include <variant>

#include <gmock/gmock.h>

#include "bpfman/base/text.h"
#include "bpfman/plan/target_json.h"
#include "bpfman/store/schema.h"
#include "bpfman/store/sqlite.h"
#include "bpfman/store/store_test_values.h"

namespace bpfman::store {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;

using Value = std::variant<std::int64_t, std::string, Bytes>;
using Row = std::map<std::string, Value>;

struct TableRow {
  std::string table;
  Row row;
};

constexpr const char* kReference = "docker.io/library/x:1";

Value unsigned_value(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

// ---- records as an upgraded database must have them

Provenance provenance_of(int version, const std::string& tag) {
  Provenance out = full_provenance(tag);
  if (version >= 3) {
    out.index_digest = digest_of("index " + tag);
    out.policy = digest_of("policy " + tag);
  }
  return out;
}

ProgramRecord program_of(int version) {
  ProgramRecord out = full_program(1);
  out.provenance = provenance_of(version, "1");
  if (version >= 4) {
    out.map_owner = ProgramKey(9);
    out.attach_function = "vfs_read";
  }
  if (version < 8) {
    out.lease = Lease();
    out.budget = Budget();
    out.on_rebuild = false;
    out.kept_maps.clear();
  }
  return out;
}

LinkRecord link_of(int version) {
  LinkRecord out = full_link(3, 1);
  if (version < 4) {  // an XDP program alone on its interface, now a member of a chain
    out.kind = ProgramType::Xdp;
    out.target = ChainTarget{.interface = "eth3",
                             .netns = "/run/netns/3",
                             .mode = XdpMode::Generic,
                             .order = {.priority = 70},
                             .proceed_on = {2, 31}};
    out.netns_id = NetnsId{4, 4'026'531'840U};
    out.pin_path = "";
    out.cookie = 0;
  }
  out.selector = version < 5 ? SelectorId() : out.selector;
  out.lease = version < 8 ? Lease() : out.lease;
  return out;
}

ChainRecord chain_of(int version) {
  ChainRecord out{
      .hook = HookKey{HookKind::Xdp, NetnsId{4, 4'026'531'840U}, Ifindex(4'000'000'002U)},
      .boot_id = "boot 3",
      .interface = "eth3",
      .netns = "/run/netns/3",
      .mode = XdpMode::Generic,
      .strategy = Strategy::Direct,
      .wanted = std::nullopt,
      .reason = "alone on the hook",
      .revision = 0,
      .link_pin = "/run/bpfman/fs/links/3",
      .slots = {{LinkId(3), 0}}};
  if (version >= 4) {
    out.strategy = Strategy::Freplace;
    out.wanted = Strategy::Freplace;
    out.revision = 8;
    out.directory = "/run/bpfman/fs/xdp/dispatcher_8";
    out.capacity = 32;
    out.stale = {"/old"};
    out.frags = true;
    out.timing = true;
  }
  return out;
}

ImageRecord image_of(int version) {
  ImageRecord out = full_image(kReference);
  out.provenance = provenance_of(version, "image");
  out.last_used = version < 2 ? out.provenance.fetched_at : 1'700'000'099;
  if (version >= 3) {
    out.signatures = {SignatureDocument{
        .format = SignatureFormat::Bundle, .document = "{}", .location = "registry"}};
  }
  return out;
}

ImageHistoryEntry history_of(int version) {
  ImageHistoryEntry out{.bytecode = digest_of("old"),
                        .bytecode_size = 77,
                        .file_name = "old.o",
                        .provenance = provenance_of(version, "history")};
  if (version < 2) {  // what the image is begins its history
    ImageRecord image = image_of(version);
    out = {image.bytecode, image.bytecode_size, image.file_name, image.provenance};
  }
  return out;
}

ApplicationVersion version_record() {
  return ApplicationVersion{.application = "app 1",
                            .number = 4,
                            .replaced_at = 1'700'000'011,
                            .programs = {full_program(8)}};
}

LedgerEntry ledger_entry() {
  return LedgerEntry{.id = 12,
                     .at = 1'700'000'012,
                     .verb = "attach",
                     .subject = "app 1/name 1",
                     .outcome = LedgerOutcome::Failed,
                     .error = "no",
                     .boot_id = "boot 1",
                     .pid = 813,
                     .uid = 4'000'000'000U,
                     .login_uid = 1000,
                     .objects = {LedgerObject{.what = "attached", .kind = "link", .id = "3"}}};
}

// ---- the same as rows

void add(Row& row, const Provenance& from) {
  row["from_source"] = std::string(to_string(from.source));
  row["from_route"] = from.route;
  row["from_location"] = from.location;
  row["from_name"] = from.canonical_name;
  row["from_image_id"] = from.image_id.text();
  row["from_manifest"] = from.manifest_digest.text();
  row["from_verification"] = std::string(to_string(from.verification));
  row["from_uid"] = unsigned_value(from.requested_by_uid);
  row["from_fetched_at"] = from.fetched_at;
  row["from_trust"] = from.trust;
  row["from_index"] = from.index_digest.text();
  row["from_policy"] = from.policy.text();
}

void add_program(std::vector<TableRow>& out, const ProgramRecord& record) {
  Row row{{"key", unsigned_value(record.key.value())},
          {"kernel_id", unsigned_value(record.id.value())},
          {"boot_id", record.boot_id},
          {"application", record.application},
          {"name", record.name},
          {"type", std::string(to_string(record.type))},
          {"section", record.section},
          {"bytecode", record.bytecode.text()},
          {"license", record.license},
          {"pin_path", record.pin_path},
          {"map_directory", record.map_directory},
          {"image_reference", record.image_reference},
          {"created_at", record.created_at},
          {"map_owner", unsigned_value(record.map_owner.value())},
          {"attach_function", record.attach_function},
          {"lease", plan::to_json(record.lease)},
          {"budget", plan::to_json(record.budget)},
          {"on_rebuild", std::int64_t{record.on_rebuild}},
          {"kept_maps", join(record.kept_maps, ",")}};
  add(row, record.provenance);
  out.push_back({"programs", row});
  std::int64_t position = 0;
  for (const MapRecord& map : record.maps) {
    out.push_back({"program_maps",
                   {{"program", unsigned_value(record.key.value())},
                    {"position", position++},
                    {"name", map.name},
                    {"pin_path", map.pin_path},
                    {"map_id", unsigned_value(map.id.value())}}});
  }
  for (const auto& [name, value] : record.metadata) {
    out.push_back(
        {"program_metadata",
         {{"program", unsigned_value(record.key.value())}, {"name", name}, {"value", value}}});
  }
  for (const auto& [name, value] : record.globals) {
    out.push_back(
        {"program_globals",
         {{"program", unsigned_value(record.key.value())}, {"name", name}, {"value", value}}});
  }
}

void add_link(std::vector<TableRow>& out, const LinkRecord& record, int version) {
  Row row{{"id", unsigned_value(record.id.value())},
          {"program", unsigned_value(record.program_key.value())},
          {"program_id", unsigned_value(record.program.value())},
          {"boot_id", record.boot_id},
          {"kind", std::string(to_string(record.kind))},
          {"ifindex", unsigned_value(record.ifindex.value())},
          {"netns_device", unsigned_value(record.netns_id.device)},
          {"netns_inode", unsigned_value(record.netns_id.inode)},
          {"pin_path", version < 4 ? chain_of(version).link_pin : record.pin_path},
          {"kernel_id", unsigned_value(record.kernel_id->value())},
          {"created_at", record.created_at},
          {"target", plan::to_json(record.target)},
          {"cookie", unsigned_value(record.cookie)},
          {"selector", unsigned_value(record.selector.value())},
          {"lease", plan::to_json(record.lease)},
          // Of the first versions.
          {"strategy", std::string("direct")},
          {"interface", std::string("eth3")},
          {"netns", std::string("/run/netns/3")},
          {"mode", std::string("generic")},
          {"priority", std::int64_t{70}},
          {"proceed_on", std::string("2,31")}};
  out.push_back({"links", row});
  for (const auto& [name, value] : record.metadata) {
    out.push_back(
        {"link_metadata",
         {{"link", unsigned_value(record.id.value())}, {"name", name}, {"value", value}}});
  }
}

void add_image(std::vector<TableRow>& out,
               const ImageRecord& image,
               const ImageHistoryEntry& past) {
  Row row{{"reference", image.reference},
          {"typed", image.typed},
          {"bytecode", image.bytecode.text()},
          {"bytecode_size", unsigned_value(image.bytecode_size)},
          {"file_name", image.file_name},
          {"last_used", image.last_used}};
  add(row, image.provenance);
  out.push_back({"images", row});
  for (const auto& [name, value] : image.labels) {
    out.push_back(
        {"image_labels", {{"reference", image.reference}, {"name", name}, {"value", value}}});
  }
  for (const SignatureDocument& one : image.signatures) {
    out.push_back({"image_signatures",
                   {{"reference", image.reference},
                    {"position", std::int64_t{0}},
                    {"format", std::string(to_string(one.format))},
                    {"location", one.location},
                    {"document", one.document}}});
  }
  Row history{{"id", std::int64_t{5}},
              {"reference", image.reference},
              {"bytecode", past.bytecode.text()},
              {"bytecode_size", unsigned_value(past.bytecode_size)},
              {"file_name", past.file_name}};
  add(history, past.provenance);
  out.push_back({"image_history", history});
}

void add_operations(std::vector<TableRow>& out) {
  JournalEntry entry = full_entry(6);
  out.push_back({"journal",
                 {{"id", std::int64_t{6}},
                  {"verb", entry.verb},
                  {"boot_id", entry.boot_id},
                  {"started_at", entry.started_at},
                  {"pid", entry.pid},
                  {"plan", entry.plan_json},
                  {"bindings", entry.bindings_json}}});
  LedgerEntry ledger = ledger_entry();
  out.push_back({"ledger",
                 {{"id", unsigned_value(ledger.id)},
                  {"at", ledger.at},
                  {"verb", ledger.verb},
                  {"subject", ledger.subject},
                  {"outcome", std::string(to_string(ledger.outcome))},
                  {"error", ledger.error},
                  {"boot_id", ledger.boot_id},
                  {"pid", ledger.pid},
                  {"uid", unsigned_value(ledger.uid)},
                  {"login_uid", unsigned_value(*ledger.login_uid)},
                  {"objects", plan::to_json(ledger.objects)}}});
}

// Of all tables that ever were, parents first.
std::vector<TableRow> rows_of(int version) {
  std::vector<TableRow> out;
  add_program(out, program_of(version));
  add_link(out, link_of(version), version);
  add_image(out, image_of(version), history_of(version));
  ChainRecord chain = chain_of(version);
  out.push_back({"chains",
                 {{"kind", std::string(to_string(chain.hook.kind))},
                  {"netns_device", unsigned_value(chain.hook.netns.device)},
                  {"netns_inode", unsigned_value(chain.hook.netns.inode)},
                  {"ifindex", unsigned_value(chain.hook.ifindex.value())},
                  {"boot_id", chain.boot_id},
                  {"record", plan::to_json(chain)}}});
  SelectorRecord selector = full_selector(7, 1);
  out.push_back({"selectors",
                 {{"id", std::int64_t{7}},
                  {"program", std::int64_t{1}},
                  {"leased", std::int64_t{1}},
                  {"record", plan::to_json(selector)}}});
  out.push_back({"map_contents",
                 {{"program", std::int64_t{1}},
                  {"name", std::string("z_first")},
                  {"saved_at", std::int64_t{1'700'000'013}},
                  {"contents", bytes_of("held")}}});
  ApplicationVersion former = version_record();
  out.push_back({"versions",
                 {{"application", former.application},
                  {"number", unsigned_value(former.number)},
                  {"record", plan::to_json(former)}}});
  out.push_back({"version_bytecode",
                 {{"application", former.application},
                  {"number", unsigned_value(former.number)},
                  {"bytecode", former.programs.front().bytecode.text()}}});
  add_operations(out);
  return out;
}

class MigrationTest : public StoreFixture {
 protected:
  static std::vector<std::string> texts(Database& database, const std::string& sql) {
    std::vector<std::string> out;
    Statement rows = *database.prepare(sql.c_str());
    while (*rows.step()) {
      out.push_back(rows.text(0));
    }
    return out;
  }

  // The columns that the table has in this version; each must have its value.
  static void insert(Database& database, const TableRow& row) {
    std::vector<std::string> columns =
        texts(database, "SELECT name FROM pragma_table_info('" + row.table + "')");
    std::string names;
    std::string marks;
    for (const std::string& column : columns) {
      ASSERT_THAT(row.row, Contains(Key(column))) << "a column of " << row.table;
      names += (names.empty() ? "" : ", ") + column;
      marks += marks.empty() ? "?" : ", ?";
    }
    Statement statement = *database.prepare(
        ("INSERT INTO " + row.table + " (" + names + ") VALUES (" + marks + ")").c_str());
    for (const std::string& column : columns) {
      const Value& value = row.row.at(column);
      if (const auto* number = std::get_if<std::int64_t>(&value)) {
        statement.bind(*number);
      } else if (const auto* text = std::get_if<std::string>(&value)) {
        statement.bind(*text);
      } else {
        statement.bind_blob(std::get<Bytes>(value));
      }
    }
    Result<void> done = statement.run();
    ASSERT_TRUE(done.ok()) << done.error().message();
  }

  static std::vector<std::string> tables(Database& database) {
    return texts(
        database,
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
  }

  // A database as the program of that version would have left it.
  void make(const Layout& layout, int version) const {
    ASSERT_TRUE(make_directories(layout.state_directory(), 0700).ok());
    Database database = *Database::open(layout.database(), Access::ReadWriteCreate);
    ASSERT_TRUE(database.execute("PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON").ok());
    ASSERT_TRUE(migrate_to(database, version).ok());
    std::vector<std::string> present = tables(database);
    for (const TableRow& row : rows_of(version)) {
      if (std::find(present.begin(), present.end(), row.table) != present.end()) {
        insert(database, row);
      }
    }
    for (const std::string& table : present) {
      EXPECT_NE(texts(database, "SELECT count(*) FROM " + table), std::vector<std::string>{"0"})
          << table << " is empty";
    }
  }

  static void expect_all(Store& store, int version) {
    EXPECT_THAT(*store.list_programs(), ElementsAre(program_of(version)));
    EXPECT_THAT(*store.list_links(), ElementsAre(link_of(version)));
    EXPECT_THAT(*store.list_chains(), ElementsAre(chain_of(version)));
    EXPECT_THAT(*store.list_images(), ElementsAre(image_of(version)));
    EXPECT_THAT(*store.list_history(kReference), ElementsAre(history_of(version)));
    EXPECT_THAT(*store.open_operations(), ElementsAre(full_entry(6)));
    std::vector<SelectorRecord> selectors;
    std::vector<ApplicationVersion> former;
    std::vector<LedgerEntry> ledger;
    if (version >= 5) {
      selectors.push_back(full_selector(7, 1));
    }
    if (version >= 6) {
      former.push_back(version_record());
    }
    if (version >= 7) {
      ledger.push_back(ledger_entry());
    }
    EXPECT_EQ(store.list_saved_maps()->size(), version >= 8 ? 1U : 0U);
    EXPECT_EQ(*store.list_selectors(), selectors);
    EXPECT_EQ(*store.list_versions("app 1"), former);
    EXPECT_EQ(*store.list_ledger(LedgerQuery()), ledger);
    EXPECT_EQ(*store.next_link(), LinkId(4));
    EXPECT_EQ(*store.next_program(), ProgramKey(2));
    EXPECT_EQ(*store.next_operation(), OperationId(7));
  }

  // Everything that is in the file, as SQL would make it again.
  static std::vector<std::string> dump(Database& database) {
    std::vector<std::string> out = texts(database, "SELECT sql FROM sqlite_schema ORDER BY name");
    for (const std::string& table : tables(database)) {
      std::vector<std::string> columns =
          texts(database, "SELECT name FROM pragma_table_info('" + table + "')");
      for (const std::string& column : columns) {
        std::vector<std::string> values =
            texts(database, "SELECT quote(" + column + ") FROM " + table + " ORDER BY 1");
        out.insert(out.end(), values.begin(), values.end());
      }
    }
    return out;
  }

  Layout layout_of(int version) const {
    return Layout{.root = join_path(layout_.root, std::to_string(version))};
  }
};

TEST_F(MigrationTest, EveryVersionComesOverFieldByField) {
  for (int version = 1; version <= kSchemaVersion; ++version) {
    SCOPED_TRACE("version " + std::to_string(version));
    Layout layout = layout_of(version);
    ASSERT_NO_FATAL_FAILURE(make(layout, version));
    {
      Result<Store> store = Store::open(layout);
      ASSERT_TRUE(store.ok()) << store.error().message();
      expect_all(*store, version);
    }
    Database database = *Database::open(layout.database(), Access::ReadWrite);
    EXPECT_EQ(*schema_version(database), kSchemaVersion);
    EXPECT_THAT(texts(database, "PRAGMA foreign_key_check"), IsEmpty());
    EXPECT_THAT(texts(database, "PRAGMA integrity_check"), ElementsAre("ok"));
  }
}

TEST_F(MigrationTest, EveryVersionComesToTheSameSchema) {
  Database newest = *Database::open(":memory:", Access::ReadWriteCreate);
  ASSERT_TRUE(migrate(newest).ok());
  for (int version = 1; version < kSchemaVersion; ++version) {
    ASSERT_NO_FATAL_FAILURE(make(layout_of(version), version));
    ASSERT_TRUE(Store::open_existing(layout_of(version)).ok()) << "a reader migrates, too";
    Database database = *Database::open(layout_of(version).database(), Access::ReadWrite);
    const char* schema = "SELECT sql FROM sqlite_schema ORDER BY name";
    EXPECT_EQ(texts(database, schema), texts(newest, schema)) << version;
  }
}

TEST_F(MigrationTest, OneThatFailsInTheMiddleLeavesTheOldVersionUntouched) {
  // A table of a later version is in the way of its own migration: all before it are undone.
  Database newest = *Database::open(":memory:", Access::ReadWriteCreate);
  ASSERT_TRUE(migrate(newest).ok());
  for (int version = 1; version < kSchemaVersion; ++version) {
    SCOPED_TRACE("version " + std::to_string(version));
    Layout layout = layout_of(version);
    ASSERT_NO_FATAL_FAILURE(make(layout, version));
    Database database = *Database::open(layout.database(), Access::ReadWrite);
    std::vector<std::string> present = tables(database);
    std::string obstacle;
    for (const std::string& table : tables(newest)) {
      if (std::find(present.begin(), present.end(), table) == present.end()) {
        obstacle = table;  // the last one
      }
    }
    if (obstacle.empty()) {
      continue;  // the rest makes no tables
    }
    ASSERT_TRUE(database.execute(("CREATE TABLE " + obstacle + " (x)").c_str()).ok());
    std::vector<std::string> before = dump(database);
    for (int attempt = 0; attempt < 2; ++attempt) {
      Result<Store> store = Store::open(layout);
      ASSERT_FALSE(store.ok());
      EXPECT_THAT(store.error().message(), HasSubstr(obstacle));
    }
    EXPECT_EQ(dump(database), before);
    EXPECT_EQ(*schema_version(database), version);
    ASSERT_TRUE(database.execute(("DROP TABLE " + obstacle).c_str()).ok());
    Store store = *Store::open(layout);
    expect_all(store, version);
  }
}

TEST_F(MigrationTest, AVersionBehindTheNewestIsRefusedWithItsNumberAndLeftAlone) {
  for (int ahead : {1, 2, 100}) {
    Layout layout = layout_of(ahead);
    ASSERT_NO_FATAL_FAILURE(make(layout, kSchemaVersion));
    std::string number = std::to_string(kSchemaVersion + ahead);
    Database database = *Database::open(layout.database(), Access::ReadWrite);
    ASSERT_TRUE(database.execute(("PRAGMA user_version = " + number).c_str()).ok());
    std::vector<std::string> before = dump(database);
    for (const Error& error : {Store::open(layout).error(), Store::open_existing(layout).error()}) {
      EXPECT_EQ(error.code(), Code::FailedPrecondition);
      EXPECT_THAT(error.message(), HasSubstr("schema version " + number));
      EXPECT_THAT(error.message(), HasSubstr("up to " + std::to_string(kSchemaVersion)));
      EXPECT_THAT(error.hints(), ElementsAre(HasSubstr("newer bpfman")));
    }
    EXPECT_EQ(dump(database), before);
  }
}

}  // namespace
}  // namespace bpfman::store
