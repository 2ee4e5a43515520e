// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/plan_json.h"

#include <gtest/gtest.h>

#include "bpfman/plan/plan_test_values.h"

namespace bpfman::plan {
namespace {

using namespace testing;

Plan full_plan() {
  BytecodeFacts facts = one_program();
  facts.provenance.image_id = digest_of("image");
  facts.provenance.verification = Verification::Content;
  facts.provenance.fetched_at = 12;
  facts.image->labels = {{"io.ebpf.programs", "{\"pass\":\"xdp\"}"}};
  facts.image->provenance = facts.provenance;
  LoadSpec spec = load_on_eth0();
  spec.globals = {{"limit", {std::byte{1}, std::byte{0xff}}}};
  spec.metadata = {{"owner", "net team \"a\"\n"}};
  spec.lease.holder = LeaseHolder{{.pid = 3, .started = 4, .pid_namespace = 5}, ""};
  spec.budget = Budget{.max_cpu_ppm = 6, .max_ns_per_run = 7};
  spec.attach = AttachSpec{.target = ChainTarget{.interface = "eth0",
                                                 .netns = "/run/netns/a",
                                                 .mode = XdpMode::Generic,
                                                 .order = {.role = "lb", .before = {"x"}}},
                           .cookie = 7,
                           .metadata = {{"k", "v"}},
                           .lease = {.expires_at = 8}};
  Plan plan = *plan_load(spec, facts, at(spec, free_hook()), seen(free_hook()));
  plan.cleanup = {RemoveUnusedBlob{digest_of("object")}};
  plan.steps.push_back(
      Step{BuildChain{.directory = "/d", .members = {Member{.slot = 3}}}, {DropChain{"/d"}}});
  plan.steps.push_back(Step{JoinChain{HookKind::TcEgress, "/d", {Member{.program = ProgramId(5)}}},
                            {LeaveChain{"/d", {1, 2}}}});
  plan.steps.push_back(Step{SetLive{"/d", 5, {{0, 4U}, {2, 8U}}}, {}});
  plan.steps.push_back(Step{SwitchHook{Seat{.mode = XdpMode::Native}, Runner{.pin = "/p"}}, {}});
  for (AttachTarget target : {AttachTarget(ListTarget{}),
                              AttachTarget(TracepointTarget{"a/b"}),
                              AttachTarget(KprobeTarget{{"f", "g"}, 4}),
                              AttachTarget(UprobeTarget{.pid = 3}),
                              AttachTarget(FixedTarget{"h"}),
                              AttachTarget(CgroupTarget{"/c"}),
                              AttachTarget(PerfTarget{.cpu = 1}),
                              AttachTarget(SockmapTarget{"/m"}),
                              AttachTarget(NetnsTarget{"/n"}),
                              AttachTarget(NetfilterTarget{.priority = -5}),
                              AttachTarget(IterTarget{"task", ""})}) {
    plan.steps.push_back(Step{AttachLink{.program = ProgramId(5), .target = target}, {}});
  }
  plan.commit.push_back(UpdateLink{LinkRecord{.target = FixedTarget{"x"}}});
  plan.commit.push_back(DeleteChain{HookKey{HookKind::Xdp, NetnsId{1, 2}, Ifindex(3)}, "boot"});
  plan.commit.push_back(
      PutSelector{SelectorRecord{.id = SelectorId(3),
                                 .program_key = ProgramKey(8),
                                 .spec = AttachSpec{.target = ListTarget{.interface = "eth*"},
                                                    .cookie = 5,
                                                    .strategy = StrategyChoice::Auto,
                                                    .container = "web",
                                                    .metadata = {{"k", "v"}},
                                                    .lease = {.expires_at = 7}},
                                 .except = {"eth0"},
                                 .created_at = 4}});
  plan.commit.push_back(DeleteSelector{SelectorId(3)});
  plan.steps.push_back(Step{RepinProgram{ProgramId(5), "/p"}, {}});
  plan.steps.push_back(Step{RepinMap{MapId(6), "/m"}, {}});
  plan.steps.push_back(Step{FillMap{ProgramKey(5), "seen", "/m"}, {}});
  plan.commit.push_back(UpdateProgram{Slot{1}, ProgramRecord{.name = "again"}, "/staged"});
  plan.commit.push_back(ReattachLink{ProgramId(5), LinkRecord{.selector = SelectorId(4)}});
  plan.steps.push_back(
      Step{SwitchLink{LinkId(4), "/l", Slot{1}, KernelLinkId(9), CgroupTarget{.path = "/cg"}},
           {SwitchLink{LinkId(4), "/l", ProgramId(7), std::nullopt, NetnsTarget{.netns = "/n"}}}});
  plan.commit.push_back(
      PutVersion{ApplicationVersion{.application = "app",
                                    .number = 2,
                                    .replaced_at = 5,
                                    .programs = {ProgramRecord{.name = "before"}}}});
  plan.commit.push_back(DeleteVersions{"app"});
  plan.commit.push_back(DeleteLink{LinkId(9)});
  plan.commit.push_back(DeleteProgram{ProgramKey(8)});
  return plan;
}

TEST(PlanJson, APlanSurvivesTheJournal) {
  Plan plan = full_plan();
  Result<Plan> back = plan_from_json(to_json(plan));
  ASSERT_TRUE(back.ok()) << back.error().message();
  EXPECT_EQ(*back, plan);
}

TEST(PlanJson, BindingsSurviveTheJournal) {
  Bindings bindings;
  bindings.programs[Slot{1}] = BoundProgram{ProgramId(44), {{"stats", "/x/stats", MapId(5)}}};
  bindings.links[LinkId(3)] = BoundLink{KernelLinkId(8), TracepointTarget{"a/b"}};
  bindings.hook_modes[free_hook().key()] = XdpMode::Generic;
  Result<Bindings> back = bindings_from_json(to_json(bindings));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, bindings);
  EXPECT_EQ(*bindings_from_json(to_json(Bindings{})), Bindings{});
}

TEST(PlanJson, WhatIsNoPlanIsDataLoss) {
  std::string good = to_json(full_plan());
  for (std::string text :
       {std::string(),
        std::string("{}"),
        std::string("[]"),
        good.substr(0, good.size() / 2),
        std::string(R"({"verb":"load","subject":"","recovery":"undo","steps":[{"action":)"
                    R"({"action":"fly"},"undo":[]}],"commit":[],"cleanup":[]})")}) {
    Result<Plan> back = plan_from_json(text);
    ASSERT_FALSE(back.ok()) << text;
    EXPECT_EQ(back.error().code(), Code::DataLoss);
  }
  EXPECT_EQ(bindings_from_json("{\"programs\":3,\"links\":[],\"hook_modes\":[]}").error().code(),
            Code::DataLoss);
}

TEST(PlanJson, ANumberThatDoesNotFitIsRefused) {
  std::string text = to_json(full_plan());
  std::string wanted = "\"ifindex\":4";
  text.replace(text.find(wanted), wanted.size(), "\"ifindex\":4294967300");
  EXPECT_FALSE(plan_from_json(text).ok());
}

TEST(PlanJson, TextThatIsNoUtf8DoesNotStopTheJournal) {
  Plan plan{.verb = "load", .subject = "\xff\xfe"};
  EXPECT_TRUE(plan_from_json(to_json(plan)).ok());
}

TEST(PlanJson, AnEntryOfAnOlderVersionCanStillBeUndone) {
  Plan plan = *plan_image_pull(one_program(), empty_snapshot());
  std::string text = to_json(plan);
  std::string member = "\"last_used\":1700000000,";
  std::size_t at = text.find(member);
  ASSERT_NE(at, std::string::npos) << text;
  Result<Plan> read = plan_from_json(text.erase(at, member.size()));
  ASSERT_TRUE(read.ok()) << read.error().message();
  std::get<PutImage>(plan.commit[0]).record.last_used = 0;
  EXPECT_EQ(*read, plan);
}

TEST(PlanJson, RemovalsOfImagesComeBackAsTheyWere) {
  Plan plan{.verb = "image rm", .recovery = Recovery::Finish};
  plan.commit = {DeleteImage{"docker.io/library/x:1"}, TouchImage{"y", 7}};
  plan.cleanup = {RemoveUnusedBlob{digest_of("x")}};
  EXPECT_EQ(*plan_from_json(to_json(plan)), plan);
}

}  // namespace
}  // namespace bpfman::plan
