// SPDX-License-Identifier: Apache-2.0
#include "bpfman/store/records_sql.h"

#include <gmock/gmock.h>

#include "bpfman/store/schema.h"
#include "bpfman/store/store_test_values.h"

namespace bpfman::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RecordsTest : public ::testing::Test {
 protected:
  RecordsTest() : database_(*Database::open(":memory:", Access::ReadWriteCreate)) {
    EXPECT_TRUE(database_.execute("PRAGMA foreign_keys = ON").ok());
    EXPECT_TRUE(migrate(database_).ok());
  }

  Database database_;
};

TEST_F(RecordsTest, BareRecordsComeBackBare) {
  ProgramRecord program{.key = ProgramKey(1)};
  LinkRecord link{.id = LinkId(1), .program_key = ProgramKey(1)};
  ImageRecord image{.reference = "x"};
  ASSERT_TRUE(insert_program(database_, program).ok());
  ASSERT_TRUE(insert_link(database_, link).ok());
  ASSERT_TRUE(put_image(database_, image).ok());
  EXPECT_THAT(*read_programs(database_), ElementsAre(program));
  EXPECT_THAT(*read_links(database_), ElementsAre(link));
  EXPECT_THAT(*read_images(database_, nullptr), ElementsAre(image));
}

TEST_F(RecordsTest, EveryProgramTypeComesBack) {
  std::vector<ProgramRecord> records;
  for (ProgramType type : {ProgramType::Xdp,
                           ProgramType::Tc,
                           ProgramType::Tcx,
                           ProgramType::Tracepoint,
                           ProgramType::Kprobe,
                           ProgramType::Kretprobe,
                           ProgramType::Uprobe,
                           ProgramType::Uretprobe,
                           ProgramType::Fentry,
                           ProgramType::Fexit,
                           ProgramType::Lsm,
                           ProgramType::Other}) {
    records.push_back(full_program(records.size() + 1));
    records.back().type = type;
    ASSERT_TRUE(insert_program(database_, records.back()).ok());
  }
  EXPECT_EQ(*read_programs(database_), records);
}

TEST_F(RecordsTest, EveryTargetOfALinkComesBackAndCanBeChanged) {
  ASSERT_TRUE(insert_program(database_, full_program(1)).ok());
  std::vector<LinkRecord> records;
  for (const AttachTarget& target :
       {AttachTarget(ChainTarget{.mode = XdpMode::Offload}),
        AttachTarget(ListTarget{.list = ListKind::NetkitPeer}),
        AttachTarget(UprobeTarget{.binary = "/bin/\xc3\xa4", .functions = {"a", "b"}}),
        AttachTarget(NetfilterTarget{.defragment = true})}) {
    records.push_back(full_link(records.size() + 1, 1));
    records.back().target = target;
    ASSERT_TRUE(insert_link(database_, records.back()).ok());
  }
  EXPECT_EQ(*read_links(database_), records);
  records[0].target = ChainTarget{.order = {.priority = 8}};
  ASSERT_TRUE(change_link(database_, records[0]).ok());
  EXPECT_EQ(*read_links(database_), records);
  EXPECT_EQ(change_link(database_, full_link(9, 1)).error().code(), Code::NotFound);
}

TEST_F(RecordsTest, AChainHasOneRecordPerHookAndBoot) {
  ChainRecord chain{.hook = {HookKind::TcEgress, NetnsId{3, 4}, Ifindex(5)},
                    .boot_id = "a",
                    .interface = "eth0",
                    .mode = XdpMode::Generic,
                    .strategy = Strategy::Freplace,
                    .wanted = Strategy::Freplace,
                    .reason = "as set",
                    .revision = 3,
                    .filter_priority = 50,
                    .filter_handle = 1,
                    .directory = "/d",
                    .capacity = 32,
                    .slots = {{LinkId(7), 3}},
                    .frags = true,
                    .timing = true};
  ASSERT_TRUE(put_chain(database_, chain).ok());
  chain.revision = 4;
  ASSERT_TRUE(put_chain(database_, chain).ok());
  ChainRecord other = chain;
  other.boot_id = "b";
  ASSERT_TRUE(put_chain(database_, other).ok());
  EXPECT_THAT(*read_chains(database_), ElementsAre(chain, other));
  ASSERT_TRUE(delete_chain(database_, chain.hook, "a").ok());
  ASSERT_TRUE(delete_chain(database_, chain.hook, "a").ok());
  EXPECT_THAT(*read_chains(database_), ElementsAre(other));
}

TEST_F(RecordsTest, EverySourceAndVerificationComesBack) {
  std::vector<ImageRecord> records;
  for (SourceKind source :
       {SourceKind::File, SourceKind::Docker, SourceKind::Podman, SourceKind::Registry}) {
    for (Verification verification : {Verification::Daemon, Verification::Content}) {
      records.push_back(full_image("image " + std::to_string(records.size())));
      records.back().provenance.source = source;
      records.back().provenance.verification = verification;
      ASSERT_TRUE(put_image(database_, records.back()).ok());
    }
  }
  EXPECT_EQ(*read_images(database_, nullptr), records);
}

TEST_F(RecordsTest, LongerDigestsComeBack) {
  ImageRecord image = full_image("x");
  image.provenance.image_id = *Digest::parse("sha512:" + std::string(128, 'a'));
  ASSERT_TRUE(put_image(database_, image).ok());
  EXPECT_THAT(*read_images(database_, nullptr), ElementsAre(image));
}

TEST_F(RecordsTest, TextsAreTakenAsTheyAre) {
  for (const std::string& text : {std::string("'); DROP TABLE images; --"),
                                  std::string("a\0b", 3),
                                  std::string("\xff\xfe"),
                                  std::string("%_?1"),
                                  std::string(100'000, 'x')}) {
    ImageRecord image = full_image(text);
    image.labels = {{text, text}};
    ASSERT_TRUE(put_image(database_, image).ok()) << text;
    EXPECT_THAT(*read_images(database_, &text), ElementsAre(image)) << text;
  }
}

TEST_F(RecordsTest, ChildrenGoToTheirOwnRecords) {
  ProgramRecord first = full_program(1);
  ProgramRecord second = full_program(11);
  second.maps = {{.name = "only", .pin_path = "/p", .id = MapId(3)}};
  second.metadata = {{"k", "v"}};
  second.globals = {{"g", {std::byte{1}}}};
  ASSERT_TRUE(insert_program(database_, first).ok());
  ASSERT_TRUE(insert_program(database_, second).ok());
  LinkRecord link = full_link(1, 1);
  LinkRecord other = full_link(11, 11);
  other.metadata = {};
  ASSERT_TRUE(insert_link(database_, link).ok());
  ASSERT_TRUE(insert_link(database_, other).ok());
  EXPECT_THAT(*read_programs(database_), ElementsAre(first, second));
  EXPECT_THAT(*read_links(database_), ElementsAre(link, other));
}

TEST_F(RecordsTest, DeletingLeavesTheOthers) {
  ASSERT_TRUE(insert_program(database_, full_program(1)).ok());
  ASSERT_TRUE(insert_program(database_, full_program(2)).ok());
  ASSERT_TRUE(insert_link(database_, full_link(1, 1)).ok());
  ASSERT_TRUE(insert_link(database_, full_link(2, 1)).ok());
  ASSERT_TRUE(delete_link(database_, LinkId(1)).ok());
  ASSERT_TRUE(delete_program(database_, ProgramKey(2)).ok());
  EXPECT_THAT(*read_links(database_), ElementsAre(full_link(2, 1)));
  EXPECT_THAT(*read_programs(database_), ElementsAre(full_program(1)));
}

TEST_F(RecordsTest, DeletingWhatIsNotThereIsNotFound) {
  EXPECT_EQ(delete_link(database_, LinkId(7)).error().code(), Code::NotFound);
  EXPECT_THAT(delete_link(database_, LinkId(7)).error().message(), HasSubstr("link 7"));
  EXPECT_EQ(delete_program(database_, ProgramKey(7)).error().code(), Code::NotFound);
}

TEST_F(RecordsTest, WordsThatNobodyWroteAreDataLoss) {
  struct Case {
    const char* damage;
    const char* word;
  };

  const std::vector<Case> cases = {
      {"UPDATE programs SET type = 'xpd'", "xpd"},
      {"UPDATE programs SET bytecode = 'sha256:12'", "sha256:12"},
      {"UPDATE programs SET from_source = 'moon'", "moon"},
      {"UPDATE programs SET from_verification = 'hope'", "hope"},
      {"UPDATE programs SET from_image_id = 'md5:1'", "md5:1"},
      {"UPDATE programs SET from_manifest = 'x'", "\"x\""},
      {"UPDATE links SET kind = 'xpd'", "xpd"},
      {"UPDATE links SET target = ''", "target"},
      {"UPDATE links SET target = '{\"is\":\"moon\"}'", "target"},
      {"UPDATE images SET bytecode = 'x'", "\"x\""},
      {"UPDATE images SET from_source = ''", "\""},
  };

  ASSERT_TRUE(insert_program(database_, full_program(1)).ok());
  ASSERT_TRUE(insert_link(database_, full_link(1, 1)).ok());
  ASSERT_TRUE(put_image(database_, full_image("x")).ok());
  for (const auto& one : cases) {
    Transaction undone = *Transaction::begin(database_);
    ASSERT_TRUE(database_.execute(one.damage).ok()) << one.damage;
    std::vector<Error> errors;
    Result<std::vector<ProgramRecord>> programs = read_programs(database_);
    Result<std::vector<LinkRecord>> links = read_links(database_);
    Result<std::vector<ImageRecord>> images = read_images(database_, nullptr);
    for (const Error* error : {programs.ok() ? nullptr : &programs.error(),
                               links.ok() ? nullptr : &links.error(),
                               images.ok() ? nullptr : &images.error()}) {
      if (error != nullptr) {
        errors.push_back(*error);
      }
    }
    ASSERT_EQ(errors.size(), 1U) << one.damage;
    EXPECT_EQ(errors[0].code(), Code::DataLoss) << one.damage;
    EXPECT_THAT(errors[0].message(), HasSubstr(one.word));
    EXPECT_THAT(errors[0].hints(), ::testing::Not(IsEmpty())) << one.damage;
  }
}

TEST_F(RecordsTest, NumbersThatFitNoFieldAreDataLoss) {
  ASSERT_TRUE(insert_program(database_, full_program(1)).ok());
  ASSERT_TRUE(insert_link(database_, full_link(1, 1)).ok());
  for (const char* damage : {"UPDATE programs SET kernel_id = 4294967296",
                             "UPDATE programs SET kernel_id = -1",
                             "UPDATE programs SET from_uid = -1",
                             "UPDATE program_maps SET map_id = 4294967296"}) {
    Transaction undone = *Transaction::begin(database_);
    ASSERT_TRUE(database_.execute(damage).ok()) << damage;
    Result<std::vector<ProgramRecord>> programs = read_programs(database_);
    ASSERT_FALSE(programs.ok()) << damage;
    EXPECT_EQ(programs.error().code(), Code::DataLoss) << damage;
  }
  for (const char* damage : {"UPDATE links SET program_id = 4294967296",
                             "UPDATE links SET ifindex = -1",
                             "UPDATE links SET kernel_id = 4294967296"}) {
    Transaction undone = *Transaction::begin(database_);
    ASSERT_TRUE(database_.execute(damage).ok()) << damage;
    Result<std::vector<LinkRecord>> links = read_links(database_);
    ASSERT_FALSE(links.ok()) << damage;
    EXPECT_EQ(links.error().code(), Code::DataLoss) << damage;
  }
}

}  // namespace
}  // namespace bpfman::store
