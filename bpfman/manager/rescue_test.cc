// SPDX-License-Identifier: Apache-2.0
// A damaged database: what every verb says of it, and how the kernel's truth comes back into it.
// The database is a real one, damaged as disks do it.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "bpfman/base/file.h"
#include "bpfman/manager/manager.h"
#include "bpfman/store/sqlite.h"
#include "tests/support/fake_kernel.h"

namespace bpfman {
namespace {

using bpfman::testing::FakeKernel;
using bpfman::testing::FakeLink;
using bpfman::testing::FakeWorld;
using bpfman::testing::Fault;
using bpfman::testing::Killed;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::size_t kPage = 4096;

class RescueTest : public ::testing::Test {
 protected:
  RescueTest() : directory_(*TempDir::create("bpfman-rescue")) {
    kernel_.world.bpffs = true;
    options_.layout.root = directory_.path();
    options_.lock_timeout_ms = 1000;
    manager_ = std::make_unique<Manager>(options_, kernel_);
  }

  LoadSpec spec_on(const std::string& interface, std::int32_t priority, const std::string& name) {
    LoadSpec spec;
    spec.source = FileSource{BPFMAN_EXAMPLE_OBJECT};
    spec.application = name;
    spec.metadata = {{"owner", "me"}};
    ChainTarget target{.interface = interface};
    target.order.priority = priority;
    spec.attach = AttachSpec{.target = target};
    return spec;
  }

  void load_on(const std::string& interface, std::int32_t priority, const std::string& name = "a") {
    Result<LoadReply> done = manager_->load(spec_on(interface, priority, name), DryRun::No);
    ASSERT_TRUE(done.ok()) << done.error().message();
    // What the kernel tells of it: its own name, and its map.
    ProgramRecord record = *done->programs.front().record;
    kernel_.facts[record.id] = KernelProgram{.id = record.id,
                                             .name = record.name,
                                             .type = "xdp",
                                             .loaded_at = 1'700'000'000,
                                             .map_ids = {record.maps.front().id}};
  }

  // The pins as files, where they are looked for.
  void show_pins() {
    auto put = [](const std::string& path) {
      ASSERT_TRUE(make_directories(parent_path(path), 0755).ok());
      ASSERT_TRUE(write_file_atomic(path, {}, 0600).ok());
    };
    for (const auto& [path, program] : kernel_.world.program_pins) {
      put(path);
    }
    for (const auto& [path, link] : kernel_.world.link_pins) {
      put(path);
    }
    for (const auto& [path, names] : kernel_.world.map_directories) {
      for (const std::string& name : names) {
        put(join_path(path, name));
      }
    }
    for (const auto& [path, chain] : kernel_.world.chains) {
      put(join_path(path, "counters"));
      if (chain.strategy == Strategy::Freplace) {
        put(join_path(path, "config"));
      }
    }
  }

  // A dispatcher's slots are links to extensions that are made of the members.
  void show_slots() {
    FakeWorld& world = kernel_.world;
    std::uint32_t next = 9000;
    std::vector<LinkView> links = *manager_->list_links();
    for (const auto& [path, chain] : world.chains) {
      for (const auto& [slot, member] : chain.slots) {
        auto link = std::find_if(links.begin(), links.end(), [&](const LinkView& one) {
          return one.record.id == member.first;
        });
        ProgramId extension(++next);
        kernel_.facts[extension] = kernel_.facts.at(link->record.program);
        kernel_.facts[extension].id = extension;
        world.link_pins[join_path(path, "link_" + std::to_string(slot))] =
            FakeLink{KernelLinkId(next), extension, ""};
      }
    }
  }

  store::Database connect() const {
    return *store::Database::open(options_.layout.database(), store::Access::ReadWrite);
  }

  // Zeroes the page on which a table begins: the whole of it, as small as these are.
  void lose(const char* table) const {
    std::int64_t root = 0;
    {
      store::Database database = connect();
      ASSERT_TRUE(database.execute("PRAGMA wal_checkpoint(TRUNCATE)").ok());
      store::Statement row = *database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = ?");
      ASSERT_TRUE(*row.bind(table).step());
      root = row.integer(0);
    }
    Bytes file = *read_file(options_.layout.database(), std::size_t{1} << 30);
    auto start = file.begin() + (root - 1) * std::int64_t{kPage};
    std::fill_n(start, kPage, std::byte{0});
    ASSERT_TRUE(write_file_atomic(options_.layout.database(), file, 0600).ok());
  }

  void lose_everything() const {
    ASSERT_TRUE(remove_file(options_.layout.database() + "-wal").ok());
    ASSERT_TRUE(remove_file(options_.layout.database() + "-shm").ok());
    std::string garbage(20 * kPage, 'z');
    ASSERT_TRUE(write_file_atomic(options_.layout.database(), as_bytes(garbage), 0600).ok());
  }

  RescueReply rescue() {
    show_pins();
    EXPECT_THAT(manager_->doctor()->damage, Not(IsEmpty()));
    FakeWorld before = kernel_.world;
    Result<RescueReply> done = manager_->rescue();
    EXPECT_TRUE(done.ok()) << done.error().message();
    EXPECT_EQ(kernel_.world, before) << "a rescue changes records only";
    EXPECT_TRUE(path_exists(done->kept));
    EXPECT_THAT(manager_->doctor()->damage, IsEmpty());
    return *done;
  }

  std::vector<std::string> differences() {
    std::vector<std::string> out;
    Result<DoctorReply> reply = manager_->doctor();
    EXPECT_TRUE(reply.ok()) << reply.error().message();
    for (const plan::Drift& drift : reply->drifts) {
      out.push_back(drift.what);
    }
    return out;
  }

  // Names in the order in which they run, on hooks that run them.
  std::vector<std::string> order() {
    std::vector<std::string> names;
    std::vector<ChainView> chains = *manager_->list_chains();
    for (const ChainView& chain : chains) {
      EXPECT_EQ(chain.state, LinkState::Attached);
      for (const ChainMemberView& member : chain.members) {
        names.push_back(member.link.program_name);
      }
    }
    return names;
  }

  // Everything goes from the kernel with the records that the rescue made.
  void expect_unload_takes_all() {
    ASSERT_TRUE(manager_->unload_all(DryRun::No).ok());
    EXPECT_THAT(kernel_.world.program_pins, IsEmpty());
    EXPECT_THAT(kernel_.world.hooks, IsEmpty());
    EXPECT_THAT(kernel_.world.chains, IsEmpty());
  }

  TempDir directory_;
  FakeKernel kernel_;
  ManagerOptions options_;
  std::unique_ptr<Manager> manager_;
};

TEST_F(RescueTest, AWholeDatabaseIsLeftAlone) {
  load_on("eth0", 50);
  Result<RescueReply> done = manager_->rescue();
  ASSERT_TRUE(done.ok()) << done.error().message();
  EXPECT_THAT(done->damage, IsEmpty());
  EXPECT_EQ(done->kept, "");
  EXPECT_THAT(manager_->doctor()->damage, IsEmpty());
}

TEST_F(RescueTest, EveryVerbNamesTheRemedy) {
  load_on("eth0", 50);
  lose_everything();
  auto expect_remedy = [&](const Error& error) {
    EXPECT_EQ(error.code(), Code::DataLoss) << error.message();
    EXPECT_THAT(error.message(), HasSubstr(options_.layout.database()));
    EXPECT_THAT(error.hints(), Contains(HasSubstr("bpfman doctor --fix")));
  };
  expect_remedy(manager_->list_programs({}).error());
  expect_remedy(manager_->list_links().error());
  expect_remedy(manager_->list_images().error());
  expect_remedy(manager_->unload({"pass_counter"}, DryRun::No).error());
  expect_remedy(manager_->load(spec_on("eth1", 50, "b"), DryRun::No).error());
  expect_remedy(manager_->reconcile({}).error());
  expect_remedy(manager_->log({}).error());
  EXPECT_THAT(manager_->doctor()->damage, ElementsAre(HasSubstr("not a database")));
}

TEST_F(RescueTest, WithoutAnyRecordTheKernelTells) {
  load_on("eth0", 50);
  ProgramRecord before = *manager_->get_program("pass_counter")->record;
  lose_everything();
  RescueReply done = rescue();
  EXPECT_THAT(done.left, IsEmpty());
  EXPECT_THAT(done.adopted, SizeIs(3)) << "program, link, chain";
  ProgramRecord after = *manager_->get_program("rescued/pass_counter")->record;
  EXPECT_EQ(after.id, before.id);
  EXPECT_EQ(after.bytecode, before.bytecode);
  EXPECT_EQ(after.section, before.section);
  EXPECT_EQ(after.license, before.license);
  EXPECT_EQ(after.maps, before.maps);
  EXPECT_EQ(after.map_directory, before.map_directory);
  EXPECT_THAT(differences(), IsEmpty());
  EXPECT_THAT(order(), ElementsAre("rescued/pass_counter"));
  EXPECT_THAT(manager_->log({})->back().verb, "rescue");
  expect_unload_takes_all();
}

TEST_F(RescueTest, OfALostProgramTheLedgerAndTheOtherTablesTell) {
  load_on("eth0", 70, "first");
  load_on("eth1", 30, "second");
  std::vector<ProgramView> before = *manager_->list_programs({});
  std::vector<LinkView> links = *manager_->list_links();
  lose("programs");
  RescueReply done = rescue();
  EXPECT_THAT(done.adopted, SizeIs(2));
  std::vector<ProgramView> after = *manager_->list_programs({});
  ASSERT_THAT(after, SizeIs(2));
  for (std::size_t at = 0; at < after.size(); ++at) {
    ProgramRecord wanted = *before[at].record;
    const ProgramRecord& got = *after[at].record;
    EXPECT_EQ(got.key, wanted.key);
    EXPECT_EQ(got.stable_name(), wanted.stable_name());
    EXPECT_EQ(got.metadata, wanted.metadata);
    EXPECT_EQ(got.maps, wanted.maps);
    EXPECT_EQ(got.bytecode, wanted.bytecode);
    EXPECT_EQ(got.type, wanted.type);
  }
  std::vector<LinkView> links_after = *manager_->list_links();
  ASSERT_THAT(links_after, SizeIs(2));
  for (std::size_t at = 0; at < links.size(); ++at) {
    EXPECT_EQ(links_after[at].record, links[at].record) << "links are as they were";
  }
  EXPECT_THAT(differences(), IsEmpty());
  expect_unload_takes_all();
}

class RescuedChainTest : public RescueTest, public ::testing::WithParamInterface<StrategyChoice> {};

TEST_P(RescuedChainTest, IsFoundOnItsHook) {
  load_on("eth0", 70, "late");
  load_on("eth0", 10, "early");
  ASSERT_TRUE(
      manager_->set_chain({.interface = "eth0"}, {.strategy = GetParam()}, DryRun::No).ok());
  ChainRecord before = manager_->list_chains()->front().record;
  show_slots();
  lose("chains");
  RescueReply done = rescue();
  EXPECT_THAT(done.adopted, SizeIs(1));
  EXPECT_THAT(done.left, IsEmpty());
  ChainRecord after = manager_->list_chains()->front().record;
  EXPECT_EQ(after.strategy, before.strategy);
  EXPECT_EQ(after.slots, before.slots);
  EXPECT_EQ(after.directory, before.directory);
  EXPECT_EQ(after.revision, before.revision);
  EXPECT_EQ(after.capacity, before.capacity);
  EXPECT_EQ(after.link_pin, before.link_pin);
  EXPECT_THAT(order(), ElementsAre("early/pass_counter", "late/pass_counter"));
  EXPECT_THAT(differences(), IsEmpty());
  expect_unload_takes_all();
}

INSTANTIATE_TEST_SUITE_P(Strategies,
                         RescuedChainTest,
                         ::testing::Values(StrategyChoice::Freplace, StrategyChoice::Fused));

TEST_F(RescueTest, MembersOfADispatcherAreFoundByTheirMaps) {
  load_on("eth0", 70, "late");
  load_on("eth0", 10, "early");
  ASSERT_TRUE(
      manager_->set_chain({.interface = "eth0"}, {.strategy = StrategyChoice::Freplace}, DryRun::No)
          .ok());
  show_slots();
  lose("links");
  RescueReply done = rescue();
  EXPECT_THAT(done.left, IsEmpty());
  std::vector<LinkView> links = *manager_->list_links();
  ASSERT_THAT(links, SizeIs(2));
  EXPECT_EQ(links.front().record.id, LinkId(3)) << "ids are not given again";
  EXPECT_THAT(differences(), IsEmpty());
  expect_unload_takes_all();
}

TEST_F(RescueTest, WhatCannotBeKnownStaysAndIsTold) {
  load_on("eth0", 50);
  ProgramRecord program = *manager_->get_program("pass_counter")->record;
  lose_everything();
  ASSERT_TRUE(remove_file(options_.layout.blob(program.bytecode)).ok());
  RescueReply done = rescue();
  EXPECT_THAT(done.adopted, IsEmpty());
  EXPECT_THAT(
      done.left,
      ElementsAre(HasSubstr(program.pin_path + " (program pass_counter): its bytecode is not"),
                  HasSubstr("the chain on xdp of interface 2: it runs program")));
  EXPECT_THAT(differences(), Contains(HasSubstr(program.pin_path + " is pinned, and no record")));
  FakeWorld before = kernel_.world;
  ASSERT_TRUE(manager_->reconcile({.dry_run = DryRun::No, .remove_orphans = false}).ok());
  EXPECT_EQ(kernel_.world, before);
}

TEST_F(RescueTest, AChainOfWhichNoMemberIsKnownIsNoRecord) {
  load_on("eth0", 50);
  ProgramRecord program = *manager_->get_program("pass_counter")->record;
  ASSERT_TRUE(remove_file(options_.layout.blob(program.bytecode)).ok());
  lose("programs");
  RescueReply done = rescue();
  EXPECT_THAT(done.adopted, IsEmpty());
  EXPECT_THAT(*manager_->list_chains(), IsEmpty());
  EXPECT_THAT(differences(), Contains(HasSubstr("_link is pinned, and no record knows it")));
}

TEST_F(RescueTest, ALinkWhoseHookRunsSomethingElseWaits) {
  load_on("eth0", 50);
  kernel_.world.hooks.erase("eth0");
  kernel_.world.link_pins.clear();
  lose("chains");
  RescueReply done = rescue();
  EXPECT_THAT(done.left, Contains(HasSubstr("waits to be attached again")));
  EXPECT_THAT(differences(), ElementsAre("link 1 (eth0) is not attached"));
  ASSERT_TRUE(manager_->reconcile({}).ok());
  EXPECT_THAT(order(), ElementsAre("a/pass_counter"));
}

TEST_F(RescueTest, WhatADeadProcessLeftIsUndoneNotAdopted) {
  load_on("eth0", 50);
  FakeWorld before = kernel_.world;
  kernel_.arm(Fault::KillAfter, 4);
  try {
    (void)manager_->load(spec_on("eth1", 50, "b"), DryRun::No);
    FAIL() << "not killed";
  } catch (const Killed&) {
  }
  kernel_.arm(Fault::None, 0);
  ASSERT_NE(kernel_.world, before);
  lose("images");
  Result<RescueReply> done = manager_->rescue();
  ASSERT_TRUE(done.ok()) << done.error().message();
  EXPECT_THAT(done->adopted, IsEmpty());
  EXPECT_EQ(kernel_.world, before);
  EXPECT_THAT(order(), ElementsAre("a/pass_counter"));
}

}  // namespace
}  // namespace bpfman
