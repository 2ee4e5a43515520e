// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/planners.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/plan/plan_test_values.h"

namespace bpfman::plan {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

TEST(PlanLoad, LoadsAndAttachesTheOnlyProgramOfAnImage) {
  Result<Plan> plan =
      plan_load(load_on_eth0(), one_program(), at(load_on_eth0(), free_hook()), seen(free_hook()));
  ASSERT_TRUE(plan.ok()) << plan.error().message();

  EXPECT_EQ(plan->recovery, Recovery::Undo);
  ASSERT_THAT(plan->steps, SizeIs(5));
  EXPECT_EQ(plan->steps[0].action, Action(EnsureRuntime{}));
  EXPECT_EQ(plan->steps[1],
            (Step{StoreBlob{digest_of("object"), 6}, {RemoveUnusedBlob{digest_of("object")}}}));
  std::string staged = "/r/run/bpfman/fs/op_7_0";
  LoadProgram load{.slot = {0},
                   .bytecode = digest_of("object"),
                   .name = "pass",
                   .type = ProgramType::Xdp,
                   .staged_program = staged,
                   .staged_maps = staged + "_maps"};
  EXPECT_EQ(plan->steps[2], (Step{load, {RemovePins{staged, staged + "_maps"}}}));
  EXPECT_EQ(plan->steps[3],
            (Step{PublishProgram{{0}, staged, staged + "_maps"}, {UnpublishProgram{{0}}}}));
  Seat seat{.interface = "eth0",
            .ifindex = Ifindex(4),
            .netns_id = NetnsId{3, 4026531840},
            .link_pin = "/r/run/bpfman/fs/xdp/dispatcher_4026531840_4_link"};
  Runner runner{.program = Slot{0}};
  EXPECT_EQ(plan->steps[4], (Step{AttachHook{seat, runner}, {DetachHook{seat, {runner}}}}));

  ASSERT_THAT(plan->commit, SizeIs(4));
  EXPECT_TRUE(std::holds_alternative<PutImage>(plan->commit[0]));
  const auto& program = std::get<InsertProgram>(plan->commit[1]).record;
  EXPECT_EQ(program.key, ProgramKey(11));
  EXPECT_EQ(program.stable_name(), "my-ebpf-prog/pass");
  EXPECT_EQ(program.created_at, 1'700'000'000);
  const ChainRecord& chain = std::get<PutChain>(plan->commit[2]).record;
  EXPECT_EQ(chain.strategy, Strategy::Direct);
  EXPECT_EQ(chain.slots, (std::map<LinkId, unsigned>{{LinkId(3), 0}}));
  EXPECT_TRUE(std::get<PutChain>(plan->commit[2]).binds_mode);
  const auto& link = std::get<InsertLink>(plan->commit[3]).record;
  EXPECT_EQ(link.id, LinkId(3));
  EXPECT_EQ(link.program_key, ProgramKey(11));
  EXPECT_EQ(link.chain()->order.priority, 50);
  EXPECT_THAT(link.chain()->proceed_on, ElementsAre(2, 31));
}

TEST(PlanLoad, WithoutAttachMakesNoLink) {
  LoadSpec spec = load_on_eth0();
  spec.attach.reset();
  Result<Plan> plan = plan_load(spec, one_program(), {}, empty_snapshot());
  ASSERT_TRUE(plan.ok());
  EXPECT_THAT(plan->steps, SizeIs(4));
  EXPECT_THAT(plan->commit, SizeIs(2));
}

TEST(PlanLoad, SeveralProgramsGetSlotsAndKeysOfTheirOwn) {
  BytecodeFacts facts = one_program();
  facts.elf.programs.push_back({"drop", "xdp", ProgramType::Xdp});
  LoadSpec spec;
  spec.source = FileSource{"x.o"};
  spec.programs = {{.name = "drop"}, {.name = "pass"}};
  Result<Plan> plan = plan_load(spec, facts, {}, empty_snapshot());
  ASSERT_TRUE(plan.ok());
  ASSERT_THAT(plan->steps, SizeIs(6));
  EXPECT_EQ(std::get<LoadProgram>(plan->steps[2].action).name, "drop");
  EXPECT_EQ(std::get<LoadProgram>(plan->steps[4].action).slot, Slot{1});
  EXPECT_EQ(std::get<LoadProgram>(plan->steps[4].action).staged_program, "/r/run/bpfman/fs/op_7_1");
  EXPECT_EQ(std::get<InsertProgram>(plan->commit[2]).record.key, ProgramKey(12));
}

TEST(PlanLoad, ListsTheProgramsWhenSeveralFitAndNoneIsChosen) {
  BytecodeFacts facts = one_program();
  facts.elf.programs.push_back({"drop", "xdp", ProgramType::Xdp});
  Result<Plan> plan =
      plan_load(load_on_eth0(), facts, at(load_on_eth0(), free_hook()), seen(free_hook()));
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code(), Code::InvalidArgument);
  EXPECT_EQ(plan.error().message(), "the object file has 2 xdp programs: pass (xdp), drop (xdp)");
  EXPECT_THAT(plan.error().hints(), ElementsAre("choose one: --name pass"));
}

TEST(PlanLoad, LabelsNarrowTheChoice) {
  BytecodeFacts facts = one_program();
  facts.elf.programs.push_back({"drop", "xdp", ProgramType::Xdp});
  facts.labels.programs = {{"drop", "xdp"}};
  Result<Plan> plan =
      plan_load(load_on_eth0(), facts, at(load_on_eth0(), free_hook()), seen(free_hook()));
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(std::get<LoadProgram>(plan->steps[2].action).name, "drop");
}

TEST(PlanLoad, SaysWhenTheLabelNamesNoProgramOfTheObject) {
  BytecodeFacts facts = one_program();
  facts.labels.programs = {{"other", "xdp"}};
  Result<Plan> plan =
      plan_load(load_on_eth0(), facts, at(load_on_eth0(), free_hook()), seen(free_hook()));
  ASSERT_FALSE(plan.ok());
  EXPECT_THAT(plan.error().message(), HasSubstr("names [other], but its object file has [pass]"));
}

TEST(PlanLoad, OtherKindsBesideTheOnlyXdpProgramDoNotMatter) {
  BytecodeFacts facts = one_program();
  facts.elf.programs.push_back({"classify", "tc", ProgramType::Tc});
  EXPECT_TRUE(
      plan_load(load_on_eth0(), facts, at(load_on_eth0(), free_hook()), seen(free_hook())).ok());
}

TEST(PlanLoad, UnknownNamesAreAllReportedWithSuggestions) {
  LoadSpec spec = load_on_eth0();
  spec.programs = {{.name = "pas"}, {.name = "nothing"}};
  Result<Plan> plan = plan_load(spec, one_program(), at(spec, free_hook()), seen(free_hook()));
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code(), Code::NotFound);
  EXPECT_EQ(plan.error().message(),
            "program(s) not found in object file: [pas, nothing]; available programs: [pass]");
  EXPECT_THAT(plan.error().hints(), ElementsAre("did you mean pass?"));
}

TEST(PlanLoad, RefusesATypeThatContradictsTheSection) {
  LoadSpec spec = load_on_eth0();
  spec.programs = {{.name = "pass", .type = ProgramType::Kprobe}};
  Result<Plan> plan = plan_load(spec, one_program(), at(spec, free_hook()), seen(free_hook()));
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().message(),
            "program type mismatch: caller specified kprobe but ELF section \"xdp\" implies xdp");
}

TEST(PlanLoad, ASectionOfNoKnownKindIsRefusedUnlessTheUserSaysWhatItIs) {
  BytecodeFacts facts = one_program();
  facts.elf.programs = {{"odd", "my_section", ProgramType::Other}};
  LoadSpec spec;
  spec.source = FileSource{"x.o"};
  Result<Plan> plan = plan_load(spec, facts, {}, empty_snapshot());
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code(), Code::Unimplemented);
  EXPECT_THAT(plan.error().hints()[0], HasSubstr("--programs TYPE:odd"));
  spec.programs = {{.name = "odd", .type = ProgramType::Xdp}};
  plan = plan_load(spec, facts, {}, empty_snapshot());
  ASSERT_TRUE(plan.ok()) << plan.error().message();
  EXPECT_EQ(std::get<LoadProgram>(plan->steps[2].action).type, ProgramType::Xdp);
}

TEST(PlanLoad, AProgramOfAnotherKindIsNotAttachedThere) {
  BytecodeFacts facts = one_program();
  facts.elf.programs = {{"classify", "tc", ProgramType::Tc}};
  LoadSpec spec = load_on_eth0();
  Result<Plan> plan = plan_load(spec, facts, at(spec, free_hook()), seen(free_hook()));
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().message(), "no xdp program in the object file: it has classify (tc)");
  spec.programs = {{.name = "classify"}};
  plan = plan_load(spec, facts, at(spec, free_hook()), seen(free_hook()));
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().message(),
            "program classify is a tc program; the xdp attach does not take it");
}

TEST(PlanLoad, SharedMapsComeFromTheirOwnerOrItsOwner) {
  Snapshot snapshot = empty_snapshot();
  ProgramRecord owner = program_record(1, 12, "owner");
  owner.maps = {{"stats", "/r/run/bpfman/fs/maps/12/stats", MapId(5)}};
  ProgramRecord user = program_record(2, 13, "user");
  user.map_owner = ProgramKey(1);
  user.maps = owner.maps;
  snapshot.programs = {owner, user};
  LoadSpec spec;
  spec.source = FileSource{"x.o"};
  spec.map_owner = "app/user";
  Result<Plan> plan = plan_load(spec, one_program(), {}, snapshot);
  ASSERT_TRUE(plan.ok()) << plan.error().message();
  EXPECT_EQ(std::get<LoadProgram>(plan->steps[2].action).shared_maps, owner.maps);
  EXPECT_EQ(std::get<InsertProgram>(plan->commit[1]).record.map_owner, ProgramKey(1));
  spec.map_owner = "nobody";
  EXPECT_EQ(plan_load(spec, one_program(), {}, snapshot).error().code(), Code::NotFound);
}

TEST(PlanUnload, MapsThatOthersUseStayUntilTheLastOneGoes) {
  Snapshot snapshot = empty_snapshot();
  ProgramRecord owner = program_record(1, 12, "owner");
  owner.maps = {{"stats", owner.map_directory + "/stats", MapId(5)}};
  ProgramRecord user = program_record(2, 13, "user");
  user.map_owner = ProgramKey(1);
  user.maps = owner.maps;
  snapshot.programs = {owner, user};
  Result<Plan> first = plan_unload({owner}, snapshot);
  ASSERT_TRUE(first.ok());
  EXPECT_THAT(first->steps, ElementsAre(Step{RemovePins{owner.pin_path, ""}, {}}));
  snapshot.programs = {user};
  Result<Plan> last = plan_unload({user}, snapshot);
  EXPECT_THAT(last->steps,
              ElementsAre(Step{RemovePins{user.pin_path, user.map_directory}, {}},
                          Step{RemovePins{"", owner.map_directory}, {}}));
}

TEST(PlanLoad, APriorityOutOfRangeIsRefused) {
  for (std::int32_t priority : {-1, 1001, 5000}) {
    LoadSpec spec = load_on_eth0();
    spec.attach = AttachSpec{
        .target = ChainTarget{.interface = "eth0", .order = Order{.priority = priority}}};
    Result<Plan> plan = plan_load(spec, one_program(), at(spec, free_hook()), seen(free_hook()));
    ASSERT_FALSE(plan.ok()) << priority;
    EXPECT_EQ(plan.error().code(), Code::InvalidArgument);
    EXPECT_THAT(plan.error().message(), HasSubstr("got " + std::to_string(priority)));
  }
}

TEST(PlanLoad, AForeignProgramOnTheHookIsNamedAndLeftAlone) {
  NetHook hook = free_hook();
  hook.occupants = {Occupant{.program = ProgramId(12),
                             .name = "xdp_dispatcher",
                             .mode = XdpMode::Native,
                             .link = KernelLinkId(5),
                             .holder = "xdp-loader (pid 812)"}};
  Result<Plan> plan =
      plan_load(load_on_eth0(), one_program(), at(load_on_eth0(), hook), seen(hook));
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code(), Code::AlreadyExists);
  EXPECT_EQ(
      plan.error().message(),
      "interface already has an XDP program attached: eth0 runs \"xdp_dispatcher\" (program 12, "
      "native mode, link 5, held by xdp-loader (pid 812)), which is not bpfman's");
  EXPECT_THAT(plan.error().hints(),
              ElementsAre(HasSubstr("never touches"), HasSubstr("xdp-loader unload eth0")));
}

TEST(PlanLoad, AnApplicationNameMayNotHoldASlash) {
  LoadSpec spec = load_on_eth0();
  spec.application = "a/b";
  EXPECT_EQ(plan_load(spec, one_program(), at(spec, free_hook()), seen(free_hook())).error().code(),
            Code::InvalidArgument);
}

TEST(PlanAttach, AProgramOfAFormerBootCannotBeAttached) {
  Snapshot snapshot = empty_snapshot();
  ProgramRecord program = program_record(1, 12, "pass");
  program.boot_id = "boot-0";
  Result<Plan> plan = plan_attach(
      program, at(AttachSpec{.target = ChainTarget{.interface = "eth0"}}, free_hook()), snapshot);
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code(), Code::FailedPrecondition);
  EXPECT_THAT(plan.error().message(), HasSubstr("before the last reboot"));
}

TEST(PlanUnload, DetachesAllLinksBeforeThePinsGo) {
  Snapshot snapshot = empty_snapshot();
  ProgramRecord program = program_record(1, 12, "watch");
  program.type = ProgramType::Tracepoint;
  snapshot.programs = {program, program_record(2, 13, "other")};
  for (std::uint64_t id : {5U, 7U}) {
    LinkRecord link = link_on(free_hook(), program, id);
    link.target = TracepointTarget{"sched/sched_switch"};
    link.pin_path = snapshot.layout.link_pin(link.id);
    snapshot.links.push_back(link);
  }
  Result<Plan> plan = plan_unload({program}, snapshot);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->recovery, Recovery::Finish);
  EXPECT_THAT(plan->steps,
              ElementsAre(Step{DetachLink{"/r/run/bpfman/fs/links/5"}, {}},
                          Step{DetachLink{"/r/run/bpfman/fs/links/7"}, {}},
                          Step{RemovePins{program.pin_path, program.map_directory}, {}}));
  EXPECT_THAT(plan->commit,
              ElementsAre(RecordChange(DeleteLink{LinkId(5)}),
                          RecordChange(DeleteLink{LinkId(7)}),
                          RecordChange(DeleteProgram{ProgramKey(1)})));
  EXPECT_THAT(plan->cleanup, ElementsAre(Action(RemoveUnusedBlob{program.bytecode})));
}

TEST(PlanUnload, LeavesPinsAloneThatAnotherBootMayHaveGivenToAnotherProgram) {
  Snapshot snapshot = empty_snapshot();
  ProgramRecord program = program_record(1, 12, "pass");
  program.boot_id = "boot-0";
  Result<Plan> plan = plan_unload({program}, snapshot);
  ASSERT_TRUE(plan.ok());
  EXPECT_THAT(plan->steps, SizeIs(0));
  EXPECT_THAT(plan->commit, SizeIs(1));
}

TEST(FindProgram, TakesAnIdAStableNameOrAUniqueName) {
  Snapshot snapshot = empty_snapshot();
  snapshot.programs = {program_record(1, 12, "pass"), program_record(2, 13, "drop")};
  for (const char* word : {"13", "app/drop", "drop"}) {
    Result<ProgramRecord> found = find_program(word, snapshot);
    ASSERT_TRUE(found.ok()) << word;
    EXPECT_EQ(found->key, ProgramKey(2)) << word;
  }
}

TEST(FindProgram, SaysWhichProgramsAnAmbiguousNameMeans) {
  Snapshot snapshot = empty_snapshot();
  snapshot.programs = {program_record(1, 12, "pass"), program_record(2, 13, "pass")};
  Result<ProgramRecord> found = find_program("pass", snapshot);
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().message(),
            "\"pass\" means several programs: 12 (app/pass), 13 (app/pass)");
}

TEST(FindProgram, AnIdMeansThePresentBoot) {
  Snapshot snapshot = empty_snapshot();
  ProgramRecord old = program_record(1, 12, "old");
  old.boot_id = "boot-0";
  snapshot.programs = {old, program_record(2, 12, "new")};
  EXPECT_EQ(find_program("12", snapshot)->key, ProgramKey(2));
}

TEST(FindProgram, SuggestsWhatIsNear) {
  Snapshot snapshot = empty_snapshot();
  snapshot.programs = {program_record(1, 12, "pass_counter")};
  Result<ProgramRecord> found = find_program("pass_conter", snapshot);
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().message(), "program pass_conter does not exist");
  EXPECT_THAT(found.error().hints(), ElementsAre("did you mean pass_counter?"));
  EXPECT_EQ(find_program("99", snapshot).error().message(), "program 99 does not exist");
}

TEST(FindLink, WantsANumber) {
  Snapshot snapshot = empty_snapshot();
  EXPECT_EQ(find_link("eth0", snapshot).error().code(), Code::InvalidArgument);
  EXPECT_EQ(find_link("4", snapshot).error().message(), "link 4 does not exist");
}

TEST(PlanLoad, OfATracerTakesTheFunctionOfTheProgramThatItNames) {
  Snapshot snapshot = seen(free_hook());
  snapshot.programs = {program_record(1, 12, "member")};
  BytecodeFacts facts = one_program();
  facts.elf.programs = {{"on_member", "fentry", ProgramType::Fentry}};
  LoadSpec spec;
  spec.attach_program = "app/member";
  auto loaded = [&] {
    Result<Plan> plan = plan_load(spec, facts, {}, snapshot);
    EXPECT_TRUE(plan.ok()) << plan.error().message();
    return std::pair(std::get<LoadProgram>(plan->steps[2].action),
                     std::get<InsertProgram>(plan->commit[1]).record);
  };
  EXPECT_EQ(loaded().first.attach_function, "member");
  EXPECT_EQ(loaded().first.attach_pin, "/r/run/bpfman/fs/prog_12");
  EXPECT_EQ(loaded().second.attach_function, "member of app/member");
  facts.elf.programs[0].section = "fentry/helper";
  EXPECT_EQ(loaded().first.attach_function, "helper");
  spec.programs = {{.name = "on_member", .attach_function = "other"}};
  EXPECT_EQ(loaded().first.attach_function, "other");
}

TEST(PlanLoad, OfATracerOfNoProgramIsRefused) {
  Snapshot snapshot = seen(free_hook());
  snapshot.programs = {program_record(1, 12, "member")};
  BytecodeFacts facts = one_program();
  LoadSpec spec;
  spec.attach_program = "app/member";
  Error error = plan_load(spec, facts, {}, snapshot).error();
  EXPECT_EQ(error.code(), Code::InvalidArgument);
  EXPECT_THAT(error.message(), HasSubstr("pass is a xdp program"));
  facts.elf.programs = {{"on_member", "fexit", ProgramType::Fexit}};
  snapshot.programs[0].boot_id = "boot-0";
  EXPECT_EQ(plan_load(spec, facts, {}, snapshot).error().code(), Code::FailedPrecondition);
  spec.attach_program = "nobody";
  EXPECT_EQ(plan_load(spec, facts, {}, snapshot).error().code(), Code::NotFound);
}

}  // namespace
}  // namespace bpfman::plan
