// SPDX-License-Identifier: Apache-2.0
#include "bpfman/manager/manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/base/file.h"
#include "tests/support/fake_kernel.h"

namespace bpfman {
namespace {

using bpfman::testing::FakeKernel;
using bpfman::testing::FakeWorld;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// An object with the one program "pass_counter", made by the build.
constexpr const char* kExample = BPFMAN_EXAMPLE_OBJECT;

class ManagerTest : public ::testing::Test {
 protected:
  ManagerTest() : directory_(*TempDir::create("bpfman-manager")) {
    kernel_.world.bpffs = true;
    manager_ = make("");
  }

  // A manager that looks for images nowhere on this host.
  std::unique_ptr<Manager> make(const std::string& below) {
    ManagerOptions options;
    options.layout.root = directory_.path() + below;
    options.runtimes.docker_hosts = {"unix://" + directory_.path() + "/no-docker.sock"};
    options.runtimes.storage_roots = {directory_.path() + "/no-storage"};
    options.runtimes.containerd_addresses = {directory_.path() + "/no-containerd.sock"};
    options.lock_timeout_ms = 1000;
    return std::make_unique<Manager>(std::move(options), kernel_);
  }

  static LoadSpec file(const std::string& path) {
    LoadSpec spec;
    spec.source = FileSource{path};
    return spec;
  }

  static LoadSpec file_on(const std::string& interface) {
    LoadSpec spec = file(kExample);
    spec.attach = AttachSpec{.target = ChainTarget{.interface = interface}};
    return spec;
  }

  TempDir directory_;
  FakeKernel kernel_;
  std::unique_ptr<Manager> manager_;
};

TEST_F(ManagerTest, LoadsAFileOntoAnInterfaceAndSaysWhatItDid) {
  Result<LoadReply> reply = manager_->load(file_on("eth0"), DryRun::No);
  ASSERT_TRUE(reply.ok()) << reply.error().message();
  ASSERT_THAT(reply->programs, SizeIs(1));
  const ProgramView& program = reply->programs[0];
  EXPECT_EQ(program.record->id, ProgramId(100));
  EXPECT_EQ(program.record->stable_name(), "xdp_pass_counter/pass_counter");
  EXPECT_THAT(program.links, ElementsAre(LinkId(1)));
  ASSERT_THAT(reply->links, SizeIs(1));
  EXPECT_EQ(reply->links[0].program_name, "xdp_pass_counter/pass_counter");
  EXPECT_TRUE(reply->links[0].kernel.has_value());
  EXPECT_EQ(reply->provenance.source, SourceKind::File);
  EXPECT_EQ(reply->provenance.location, kExample);
  EXPECT_GT(reply->total_ns, reply->lookup_ns);
}

TEST_F(ManagerTest, ADryRunShowsThePlanAndTouchesNothing) {
  FakeWorld before = kernel_.world;
  Result<LoadReply> reply = manager_->load(file_on("eth0"), DryRun::Yes);
  ASSERT_TRUE(reply.ok()) << reply.error().message();
  EXPECT_THAT(reply->plan.steps, SizeIs(5));
  EXPECT_THAT(reply->programs, IsEmpty());
  EXPECT_EQ(kernel_.world, before);
  EXPECT_THAT(*list_directory(directory_.path()), IsEmpty());
}

TEST_F(ManagerTest, ACheckLeavesNothing) {
  FakeWorld before = kernel_.world;
  Result<CheckReply> reply = manager_->check(file(kExample));
  ASSERT_TRUE(reply.ok()) << reply.error().message();
  ASSERT_THAT(reply->programs, SizeIs(1));
  EXPECT_EQ(reply->programs[0].program.name, "pass_counter");
  EXPECT_EQ(reply->programs[0].figures->instruction_limit, 1'000'000U);
  EXPECT_FALSE(reply->programs[0].error.has_value());
  EXPECT_FALSE(reply->attach_error.has_value());
  EXPECT_EQ(kernel_.world, before);
  EXPECT_EQ(kernel_.effects(), 0);
  EXPECT_FALSE(path_exists(directory_.path() + "/var"));
}

TEST_F(ManagerTest, ACheckSaysWhoIsOnTheHookAlready) {
  kernel_.world.hooks["eth0"] = plan::Occupant{.program = ProgramId(42), .name = "stranger"};
  Result<CheckReply> reply = manager_->check(file_on("eth0"));
  ASSERT_TRUE(reply.ok()) << reply.error().message();
  EXPECT_TRUE(reply->programs[0].figures.has_value());
  ASSERT_TRUE(reply->attach_error.has_value());
  EXPECT_EQ(reply->attach_error->code(), Code::AlreadyExists);
  EXPECT_FALSE(reply->attach_error->hints().empty());
  EXPECT_FALSE(manager_->check(file_on("eth1"))->attach_error.has_value());
}

TEST_F(ManagerTest, ASecondProgramJoinsTheFirst) {
  ASSERT_TRUE(manager_->load(file_on("eth0"), DryRun::No).ok());
  LoadSpec second = file_on("eth0");
  second.application = "second";
  std::get<ChainTarget>(second.attach->target).order.priority = 10;
  Result<LoadReply> reply = manager_->load(second, DryRun::No);
  ASSERT_TRUE(reply.ok()) << reply.error().message();
  ASSERT_THAT(reply->links, SizeIs(1));
  EXPECT_EQ(reply->links[0].position, 0U);
  EXPECT_EQ(reply->links[0].state, LinkState::Attached);
  EXPECT_EQ(reply->links[0].chain->strategy, Strategy::Freplace);
  EXPECT_EQ(reply->links[0].counts->runs, 7U);
  Result<std::vector<ChainView>> chains = manager_->explain_chain({.interface = "eth0"});
  ASSERT_TRUE(chains.ok());
  ASSERT_THAT(*chains, SizeIs(1));
  ASSERT_THAT(chains->front().members, SizeIs(2));
  EXPECT_EQ(chains->front().members[0].link.program_name, "second/pass_counter");
  EXPECT_EQ(chains->front().members[0].why, "priority 10");
  EXPECT_THAT(chains->front().neighbours.others, IsEmpty());
}

TEST_F(ManagerTest, TellsAllAboutAProgramThatOthersShareMapsWith) {
  ASSERT_TRUE(manager_->load(file_on("eth0"), DryRun::No).ok());
  LoadSpec second = file(kExample);
  second.application = "second";
  second.map_owner = "100";
  ASSERT_TRUE(manager_->load(second, DryRun::No).ok());
  Result<ProgramDetails> owner = manager_->describe_program("100");
  ASSERT_TRUE(owner.ok()) << owner.error().message();
  EXPECT_THAT(owner->map_users, ElementsAre(ProgramId(100), ProgramId(101)));
  EXPECT_EQ(owner->program.kernel->memlock_bytes, 4096U);
  ASSERT_THAT(owner->links, SizeIs(1));
  EXPECT_EQ(owner->links[0].state, LinkState::Attached);
  ASSERT_FALSE(owner->maps.empty());
  EXPECT_TRUE(owner->maps[0].kernel.has_value());
  EXPECT_TRUE(owner->maps[0].pinned);
  EXPECT_EQ(manager_->describe_program("second/pass_counter")->map_users, owner->map_users);
  EXPECT_EQ(manager_->describe_program("999").error().code(), Code::NotFound);
  Result<std::vector<ProgramView>> listed = manager_->list_programs({.whole = true});
  ASSERT_TRUE(listed.ok());
  EXPECT_EQ(listed->front().kernel->memlock_bytes, 4096U);
}

TEST_F(ManagerTest, AConfiguredStrategyGivesAProgramAloneADispatcher) {
  ManagerOptions options;
  options.layout.root = directory_.path() + "/configured";
  options.attach.strategy = StrategyChoice::Freplace;
  Manager configured(options, kernel_);
  Result<LoadReply> reply = configured.load(file_on("eth0"), DryRun::No);
  ASSERT_TRUE(reply.ok()) << reply.error().message();
  EXPECT_EQ(reply->links[0].chain->strategy, Strategy::Freplace);
  EXPECT_TRUE(reply->links[0].dispatcher.has_value());
  EXPECT_EQ(configured.list_chains()->front().runs, reply->links[0].dispatcher);
  LoadSpec direct = file_on("eth1");
  direct.attach->strategy = StrategyChoice::Auto;
  reply = configured.load(direct, DryRun::No);
  ASSERT_TRUE(reply.ok()) << reply.error().message();
  EXPECT_EQ(reply->links[0].chain->strategy, Strategy::Direct) << "a command counts more";
  EXPECT_EQ(reply->links[0].dispatcher, std::nullopt);
}

TEST_F(ManagerTest, AProgramThatCannotBeAnExtensionMakesTheChainFused) {
  ASSERT_TRUE(manager_->load(file_on("eth0"), DryRun::No).ok());
  kernel_.no_extension = "pass_counter";
  Result<LoadReply> reply = manager_->load(file_on("eth0"), DryRun::No);
  ASSERT_TRUE(reply.ok()) << reply.error().message();
  EXPECT_EQ(reply->links[0].chain->strategy, Strategy::Fused);
  EXPECT_THAT(reply->warnings, ElementsAre(HasSubstr("has no type information")));
  LoadSpec strict = file_on("eth0");
  strict.attach->strategy = StrategyChoice::Freplace;
  EXPECT_FALSE(manager_->load(strict, DryRun::No).ok()) << "what the user set is not replaced";
  EXPECT_THAT(*manager_->list_links(), SizeIs(2));
}

TEST_F(ManagerTest, LinksAndChainsAreChangedWhereTheyAre) {
  ASSERT_TRUE(manager_->load(file_on("eth0"), DryRun::No).ok());
  ASSERT_TRUE(manager_->load(file_on("eth0"), DryRun::No).ok());
  Result<SetLinkReply> link = manager_->set_link("1", {.priority = 90}, DryRun::No);
  ASSERT_TRUE(link.ok()) << link.error().message();
  EXPECT_EQ(link->link.position, 1U);
  Result<SetChainReply> chain =
      manager_->set_chain({.interface = "eth0"}, {.strategy = StrategyChoice::Fused}, DryRun::No);
  ASSERT_TRUE(chain.ok()) << chain.error().message();
  EXPECT_EQ(chain->chains[0].record.strategy, Strategy::Fused);
  EXPECT_EQ(chain->chains[0].record.reason, "as set");
  EXPECT_EQ(manager_->set_chain({.interface = "eth1"}, {}, DryRun::No).error().code(),
            Code::NotFound);
}

TEST_F(ManagerTest, ADisplacedChainIsSaidToBe) {
  ASSERT_TRUE(manager_->load(file_on("eth0"), DryRun::No).ok());
  kernel_.world.hooks.erase("eth0");
  EXPECT_EQ((*manager_->list_links())[0].state, LinkState::NotAttached);
  ASSERT_TRUE(manager_->load(file_on("eth0"), DryRun::No).ok());
  EXPECT_EQ((*manager_->list_links())[0].state, LinkState::Attached) << "attached again with it";
}

TEST_F(ManagerTest, AMistypedInterfaceIsSaidBeforeTheImageIsLookedFor) {
  LoadSpec spec;
  spec.source = ImageSource{.reference = "no/such/image:dev", .policy = PullPolicy::Never};
  spec.attach = AttachSpec{.target = ChainTarget{.interface = "eth7"}};
  Result<LoadReply> reply = manager_->load(spec, DryRun::No);
  ASSERT_FALSE(reply.ok());
  EXPECT_THAT(reply.error().message(), HasSubstr("eth7"));
}

TEST_F(ManagerTest, FilesThatCannotBeRightAreRefusedByName) {
  EXPECT_EQ(manager_->load(file("/no/such.o"), DryRun::No).error().message(),
            "object file \"/no/such.o\" does not exist");
  Result<LoadReply> directory = manager_->load(file(directory_.path()), DryRun::No);
  EXPECT_EQ(directory.error().code(), Code::InvalidArgument);
  EXPECT_THAT(directory.error().message(), HasSubstr("is a directory"));
  std::string text = directory_.path() + "/text.o";
  ASSERT_TRUE(write_file_atomic(text, as_bytes("no object"), 0600).ok());
  Result<LoadReply> reply = manager_->load(file(text), DryRun::No);
  EXPECT_EQ(reply.error().code(), Code::InvalidArgument);
  EXPECT_THAT(reply.error().message(), HasSubstr(text));
}

TEST_F(ManagerTest, AttachesDetachesAndUnloadsByName) {
  ASSERT_TRUE(manager_->load(file(kExample), DryRun::No).ok());
  Result<AttachReply> attached = manager_->attach(
      "pass_counter", AttachSpec{.target = ChainTarget{.interface = "eth1"}}, DryRun::No);
  ASSERT_TRUE(attached.ok()) << attached.error().message();
  EXPECT_EQ(*interface_of(attached->links[0].record.target), "eth1");
  EXPECT_EQ(attached->links[0].program_name, "xdp_pass_counter/pass_counter");
  Result<ChangeReply> detached = manager_->detach({"1", "1"}, DryRun::No);
  ASSERT_TRUE(detached.ok());
  EXPECT_THAT(detached->done, ElementsAre("link 1 (eth1)"));
  EXPECT_THAT(kernel_.world.hooks, IsEmpty());
  Result<ChangeReply> unloaded = manager_->unload({"xdp_pass_counter/pass_counter"}, DryRun::No);
  ASSERT_TRUE(unloaded.ok());
  EXPECT_THAT(kernel_.world.program_pins, IsEmpty());
  EXPECT_THAT(*manager_->list_programs({}), IsEmpty());
}

TEST_F(ManagerTest, OneUnknownNameLeavesAllTheOthersAlone) {
  ASSERT_TRUE(manager_->load(file(kExample), DryRun::No).ok());
  EXPECT_EQ(manager_->unload({"pass_counter", "nothing"}, DryRun::No).error().code(),
            Code::NotFound);
  EXPECT_THAT(*manager_->list_programs({}), SizeIs(1));
}

TEST_F(ManagerTest, LinkIdsAreNeverUsedAgain) {
  ASSERT_TRUE(manager_->load(file_on("eth0"), DryRun::No).ok());
  ASSERT_TRUE(manager_->detach({"1"}, DryRun::No).ok());
  Result<AttachReply> attached = manager_->attach(
      "pass_counter", AttachSpec{.target = ChainTarget{.interface = "eth0"}}, DryRun::No);
  ASSERT_TRUE(attached.ok());
  EXPECT_EQ(attached->links[0].record.id, LinkId(2));
}

TEST_F(ManagerTest, ProgramsOfOthersAreShownButNotTouched) {
  kernel_.world.hooks["eth0"] =
      plan::Occupant{.program = ProgramId(42), .name = "stranger", .mode = XdpMode::Native};
  ListProgramsQuery all;
  all.all = true;
  Result<std::vector<ProgramView>> programs = manager_->list_programs(all);
  ASSERT_THAT(*programs, SizeIs(1));
  EXPECT_FALSE((*programs)[0].record.has_value());
  EXPECT_EQ(manager_->get_program("42")->kernel->name, "stranger");
  Result<ChangeReply> unloaded = manager_->unload({"42"}, DryRun::No);
  ASSERT_FALSE(unloaded.ok());
  EXPECT_EQ(unloaded.error().code(), Code::FailedPrecondition);
  EXPECT_EQ(unloaded.error().message(), "program 42 exists in kernel but is not managed by bpfman");
  EXPECT_EQ(manager_->load(file_on("eth0"), DryRun::No).error().code(), Code::AlreadyExists);
  EXPECT_EQ(kernel_.world.hooks["eth0"].program, ProgramId(42));
}

TEST_F(ManagerTest, AfterARebootTheRecordIsShownAsNotLoadedAndCanBeUnloaded) {
  ASSERT_TRUE(manager_->load(file_on("eth0"), DryRun::No).ok());
  kernel_.boot = "boot-2";
  kernel_.world = FakeWorld{.bpffs = true};
  Result<std::vector<ProgramView>> programs = manager_->list_programs({});
  ASSERT_THAT(*programs, SizeIs(1));
  EXPECT_FALSE((*programs)[0].kernel.has_value());
  EXPECT_FALSE((*manager_->list_links())[0].kernel.has_value());
  EXPECT_TRUE(manager_->unload_all(DryRun::No).ok());
  EXPECT_THAT(*manager_->list_programs({}), IsEmpty());
}

TEST_F(ManagerTest, BytecodeThatNoRecordNamesGoesWithItsLastProgram) {
  Result<LoadReply> reply = manager_->load(file(kExample), DryRun::No);
  ASSERT_TRUE(reply.ok());
  ASSERT_TRUE(manager_->load(file(kExample), DryRun::No).ok());
  Layout layout{.root = directory_.path()};
  ASSERT_TRUE(manager_->unload({"100"}, DryRun::No).ok());
  EXPECT_TRUE(path_exists(layout.blob(reply->bytecode)));
  ASSERT_TRUE(manager_->unload_all(DryRun::No).ok());
  EXPECT_FALSE(path_exists(layout.blob(reply->bytecode)));
}

TEST_F(ManagerTest, QueriesSelectByTypeApplicationAndMetadata) {
  LoadSpec spec = file(kExample);
  spec.application = "shop";
  spec.metadata = {{"owner", "net"}};
  ASSERT_TRUE(manager_->load(spec, DryRun::No).ok());
  ASSERT_TRUE(manager_->load(file(kExample), DryRun::No).ok());
  EXPECT_THAT(*manager_->list_programs({.application = "shop"}), SizeIs(1));
  EXPECT_THAT(*manager_->list_programs({.metadata = {{"owner", "net"}}}), SizeIs(1));
  EXPECT_THAT(*manager_->list_programs({.metadata = {{"owner", "other"}}}), IsEmpty());
  EXPECT_THAT(*manager_->list_programs({.metadata = {{"bpfman.io/application", "shop"}}}),
              SizeIs(1));
  EXPECT_THAT(*manager_->list_programs({.type = ProgramType::Tc}), IsEmpty());
  EXPECT_THAT(*manager_->list_programs({.type = ProgramType::Xdp}), SizeIs(2));
}

TEST_F(ManagerTest, MapsAreFoundByProgramAndName) {
  ASSERT_TRUE(manager_->load(file(kExample), DryRun::No).ok());
  EXPECT_EQ(manager_->dump_map("stats", 10)->map.id, MapId(1100));
  EXPECT_EQ(manager_->dump_map("pass_counter:stats", 10)->map.id, MapId(1100));
  EXPECT_EQ(manager_->dump_map("7", 10)->map.id, MapId(7));
  Result<MapDump> missing = manager_->dump_map("stat", 10);
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(missing.error().hints(), ElementsAre("did you mean stats?"));
  ASSERT_TRUE(manager_->load(file(kExample), DryRun::No).ok());
  EXPECT_EQ(manager_->dump_map("stats", 10).error().code(), Code::InvalidArgument);
}

TEST_F(ManagerTest, TwoRootsKnowNothingOfEachOther) {
  std::unique_ptr<Manager> other = make("/other");
  ASSERT_TRUE(manager_->load(file_on("eth0"), DryRun::No).ok());
  ASSERT_TRUE(other->load(file_on("eth1"), DryRun::No).ok());
  EXPECT_THAT(*manager_->list_links(), SizeIs(1));
  EXPECT_THAT(*other->list_links(), SizeIs(1));
  ASSERT_TRUE(other->unload_all(DryRun::No).ok());
  EXPECT_TRUE(kernel_.world.hooks.contains("eth0"));
}

}  // namespace
}  // namespace bpfman
