// SPDX-License-Identifier: Apache-2.0
// Places among programs of others.
#include "bpfman/plan/neighbours.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/plan/chain_conflicts.h"
#include "bpfman/plan/plan_test_values.h"
#include "bpfman/plan/target_json.h"

namespace bpfman::plan {
namespace {

using namespace testing;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

using Side = Anchor::Side;

Occupant linked(std::uint32_t link, std::string name) {
  return Occupant{.seat = SeatKind::TcxLink,
                  .program = ProgramId(900 + link),
                  .name = std::move(name),
                  .link = KernelLinkId(link)};
}

Occupant bare(std::uint32_t program, std::string name) {
  return Occupant{
      .seat = SeatKind::TcxProgram, .program = ProgramId(program), .name = std::move(name)};
}

NetHook hook_with(std::vector<Occupant> occupants) {
  NetHook hook = free_hook();
  hook.kind = HookKind::TcIngress;
  hook.has_tcx = true;
  hook.occupants = std::move(occupants);
  return hook;
}

ChainTarget target_at(const std::string& place) {
  ChainTarget target{.hook = HookKind::TcIngress, .interface = "eth0", .proceed_on = {3, 30}};
  target.place = place.empty() ? Place{} : *parse_place(place);
  return target;
}

ProgramRecord classifier(std::uint64_t key, std::uint32_t id, std::string name) {
  ProgramRecord program = program_record(key, id, std::move(name));
  program.type = ProgramType::Tc;
  return program;
}

Result<Plan> attach_at(const std::string& place, const NetHook& hook, const Snapshot& snapshot) {
  return plan_attach(
      classifier(77, 88, "joiner"), at(AttachSpec{.target = target_at(place)}, hook), snapshot);
}

Error error_at(const std::string& place, const NetHook& hook) {
  Result<Plan> plan = attach_at(place, hook, seen(hook));
  EXPECT_FALSE(plan.ok()) << place;
  return plan.ok() ? Error(Code::Internal, "planned") : plan.error();
}

std::optional<Anchor> anchor_of(const Plan& plan) {
  for (const Step& step : plan.steps) {
    if (const auto* hook = std::get_if<AttachHook>(&step.action)) {
      return hook->seat.anchor;
    }
    if (const auto* link = std::get_if<AttachLink>(&step.action)) {
      return link->anchor;
    }
  }
  return std::nullopt;
}

// A chain with one member, which runs as program 99 among the occupants.
Snapshot chain_among(const NetHook& hook, const std::string& place, bool alive = true) {
  Snapshot snapshot = seen(hook);
  ProgramRecord program = classifier(1, 99, "first");
  LinkRecord link = link_on(hook, program, 1);
  link.target = target_at(place);
  snapshot.programs = {program};
  snapshot.links = {link};
  snapshot.chains = {
      ChainRecord{.hook = hook.key(),
                  .boot_id = "boot-1",
                  .interface = "eth0",
                  .strategy = Strategy::Direct,
                  .link_pin = snapshot.layout.hook_link(hook.kind, hook.netns_id, hook.ifindex),
                  .slots = {{LinkId(1), 0}}}};
  snapshot.sights[0].ours = alive;
  if (alive) {
    snapshot.sights[0].running = ProgramId(99);
  }
  return snapshot;
}

Occupant our_chain() {
  return Occupant{.seat = SeatKind::TcxLink,
                  .program = ProgramId(99),
                  .name = "first",
                  .link = KernelLinkId(50)};
}

TEST(PlaceOfAChain, BecomesAnAnchor) {
  NetHook hook = hook_with({linked(7, "cil_from_netdev"), bare(31, "counter")});
  for (const auto& [place, anchor] : std::vector<std::pair<std::string, Anchor>>{
           {"", {}},
           {"last", {}},
           {"first", {.side = Side::Head}},
           {"before:cil_from_netdev",
            {.side = Side::Before, .link = KernelLinkId(7), .program = ProgramId(907)}},
           {"after:link:7",
            {.side = Side::After, .link = KernelLinkId(7), .program = ProgramId(907)}},
           {"after:counter", {.side = Side::After, .program = ProgramId(31)}},
           {"before:31", {.side = Side::Before, .program = ProgramId(31)}}}) {
    Result<Plan> plan = attach_at(place, hook, seen(hook));
    ASSERT_TRUE(plan.ok()) << place << ": " << plan.error().message();
    EXPECT_EQ(anchor_of(*plan), anchor) << place;
    EXPECT_THAT(plan->warnings, IsEmpty());
  }
}

TEST(PlaceOfAChain, TakesANameAsTheKernelCutsIt) {
  NetHook hook = hook_with({linked(7, "a_program_with_a_long_name")});
  EXPECT_TRUE(attach_at("before:a_program_with_", hook, seen(hook)).ok()) << "15 bytes";
  EXPECT_FALSE(attach_at("before:a_program_with", hook, seen(hook)).ok());
  EXPECT_FALSE(attach_at("before:a_program_with_a", hook, seen(hook)).ok());
}

TEST(PlaceOfAChain, BesideSomebodyWhoIsNotThereTellsWhoIs) {
  NetHook hook = hook_with({linked(7, "cil_from_netdev")});
  hook.occupants.push_back(Occupant{.seat = SeatKind::TcxLink, .name = "other"});
  Error error = error_at("before:nobody", hook);
  EXPECT_EQ(error.code(), Code::NotFound);
  EXPECT_THAT(error.message(), HasSubstr("\"nobody\" of others is on the kernel's list of eth0"));
  EXPECT_THAT(error.hints(), Contains(HasSubstr("\"cil_from_netdev\" (program 907, link:7), ")));
  EXPECT_THAT(error_at("after:x", hook_with({})).hints(), Contains("nobody else is on that list"));
}

TEST(PlaceOfAChain, BesideOneOfSeveralNeedsAnId) {
  NetHook hook = hook_with({linked(7, "twin"), linked(8, "twin")});
  Error error = error_at("before:twin", hook);
  EXPECT_EQ(error.code(), Code::InvalidArgument);
  EXPECT_THAT(error.message(), HasSubstr("(program 907, link:7), \"twin\" (program 908, link:8)"));
  EXPECT_TRUE(attach_at("before:link:8", hook, seen(hook)).ok());
}

TEST(PlaceOfAChain, BesideOneOfOursIsAMatterOfPriorities) {
  NetHook hook = hook_with({our_chain(), linked(7, "foreign")});
  for (const char* place : {"before:first", "before:99", "after:link:50", "after:app/first"}) {
    Result<Plan> plan = attach_at(place, hook, chain_among(hook, ""));
    ASSERT_FALSE(plan.ok()) << place;
    EXPECT_EQ(plan.error().code(), Code::InvalidArgument);
    EXPECT_THAT(plan.error().message(), HasSubstr("is bpfman's own"));
    EXPECT_THAT(plan.error().hints(), Contains(HasSubstr("--priority")));
  }
}

TEST(PlaceOfAChain, DoesNotExistWithoutTcxAndForFiltersAndForXdp) {
  NetHook old = hook_with({});
  old.has_tcx = false;
  Error error = error_at("first", old);
  EXPECT_EQ(error.code(), Code::Unimplemented);
  EXPECT_EQ(std::get<MissingFeature>(error.detail()),
            (MissingFeature{.feature = "TCX", .minimum_kernel = "6.6"}));
  NetHook filters = hook_with({Occupant{
      .seat = SeatKind::Filter, .program = ProgramId(5), .name = "f", .filter_priority = 3}});
  error = error_at("first", filters);
  EXPECT_EQ(error.code(), Code::FailedPrecondition);
  EXPECT_THAT(error.message(), HasSubstr("run as a clsact filter"));
  EXPECT_THAT(error.hints(), Contains(HasSubstr("\"f\" (program 5)")));
  ChainTarget xdp{.interface = "eth0", .place = {.side = Place::Side::First}};
  Result<Plan> plan = plan_attach(
      program_record(77, 88, "x"), at(AttachSpec{.target = xdp}, free_hook()), seen(free_hook()));
  ASSERT_FALSE(plan.ok());
  EXPECT_THAT(plan.error().message(), HasSubstr("runs one XDP program"));
}

TEST(PlaceOfAChain, BesideAFilterTellsThatFiltersRunBehind) {
  NetHook hook = hook_with({our_chain(),
                            Occupant{.seat = SeatKind::Filter,
                                     .program = ProgramId(5),
                                     .name = "filter",
                                     .filter_priority = 3}});
  Result<Plan> plan = attach_at("before:filter", hook, chain_among(hook, ""));
  ASSERT_FALSE(plan.ok());
  EXPECT_THAT(plan.error().hints(), Contains(HasSubstr("behind all programs of the list")));
}

TEST(PlaceOfAChain, ThatRunsAlreadyIsKeptNotChanged) {
  NetHook hook = hook_with({linked(7, "a"), our_chain(), linked(8, "b")});
  for (const char* place : {"after:a", "before:b"}) {
    EXPECT_TRUE(attach_at(place, hook, chain_among(hook, "")).ok()) << place;
  }
  for (const char* place : {"first", "last", "before:a", "after:b"}) {
    Result<Plan> plan = attach_at(place, hook, chain_among(hook, ""));
    ASSERT_FALSE(plan.ok()) << place;
    EXPECT_EQ(plan.error().code(), Code::FailedPrecondition);
    EXPECT_THAT(plan.error().message(),
                HasSubstr("\"a\" (program 907, link:7), bpfman, \"b\" (program 908, link:8)"));
    EXPECT_THAT(plan.error().hints(), Contains(HasSubstr("see each program twice")));
    EXPECT_THAT(plan.error().hints(), Contains(HasSubstr("bpfman detach 1;")));
  }
  NetHook alone = hook_with({our_chain()});
  for (const char* place : {"first", "last"}) {
    EXPECT_TRUE(attach_at(place, alone, chain_among(alone, "")).ok()) << place;
  }
}

TEST(PlaceOfAChain, IsOneForAllMembers) {
  NetHook hook = hook_with({our_chain(), linked(7, "a")});
  Result<Plan> plan = attach_at("before:a", hook, chain_among(hook, "first"));
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code(), Code::InvalidArgument);
  EXPECT_THAT(plan.error().message(),
              HasSubstr("link 1 (app/first) asks for the place \"first\", this one for "
                        "\"before:a\""));
  EXPECT_TRUE(attach_at("first", hook, chain_among(hook, "first")).ok());
  EXPECT_TRUE(attach_at("", hook, chain_among(hook, "first")).ok());
}

TEST(PlaceOfAChain, IsUsedAgainWhenOthersTookItOff) {
  NetHook hook = hook_with({linked(7, "a"), linked(8, "b")});
  Result<Plan> plan = attach_at("", hook, chain_among(hook, "before:b", false));
  ASSERT_TRUE(plan.ok()) << plan.error().message();
  EXPECT_EQ(anchor_of(*plan),
            (Anchor{.side = Side::Before, .link = KernelLinkId(8), .program = ProgramId(908)}));
  EXPECT_THAT(plan->warnings, IsEmpty());
  plan = attach_at("", hook, chain_among(hook, "before:gone", false));
  ASSERT_TRUE(plan.ok()) << plan.error().message();
  EXPECT_EQ(anchor_of(*plan), Anchor{});
  EXPECT_THAT(plan->warnings,
              Contains(HasSubstr("runs last, not at the place \"before:gone\" of link 1")));
  EXPECT_FALSE(attach_at("before:gone", hook, chain_among(hook, "before:gone", false)).ok())
      << "who asks for it now is told";
}

// ---- filters without a program

Occupant flower(std::uint32_t priority, std::uint32_t handle) {
  return Occupant{.seat = SeatKind::Filter,
                  .filter_priority = priority,
                  .filter_handle = handle,
                  .filter_kind = "flower"};
}

const ChainRecord& chain_in(const Plan& plan) {
  for (const RecordChange& change : plan.commit) {
    if (const auto* put = std::get_if<PutChain>(&change)) {
      return put->record;
    }
  }
  throw std::logic_error("the plan has no chain");
}

TEST(OtherFilters, DoNotMakeAChainAFilterButTakePriorities) {
  NetHook hook = hook_with({flower(50, 1), flower(50, 2), flower(51, 1)});
  Result<Plan> plan = attach_at("first", hook, seen(hook));
  ASSERT_TRUE(plan.ok()) << plan.error().message();
  EXPECT_NE(chain_in(*plan).link_pin, "");
  EXPECT_EQ(neighbour_warnings(hook, chain_in(*plan)).size(), 2U) << "once for each priority";
  EXPECT_THAT(neighbour_warnings(hook, chain_in(*plan))[0],
              HasSubstr("a flower filter (handle 0x1): it does not see packets on which"));
  hook.has_tcx = false;
  plan = attach_at("", hook, seen(hook));
  ASSERT_TRUE(plan.ok()) << plan.error().message();
  EXPECT_EQ(chain_in(*plan).filter_priority, 52U);
  EXPECT_THAT(neighbour_warnings(hook, chain_in(*plan))[0],
              HasSubstr("at filter priority 50, before bpfman's programs (52)"));
  hook.occupants = {flower(60, 1)};
  plan = attach_at("", hook, seen(hook));
  EXPECT_THAT(neighbour_warnings(hook, chain_in(*plan))[0],
              HasSubstr("behind bpfman's programs (50): it does not see"));
}

TEST(OtherFilters, OfASharedBlockLeaveTheChainATcxLink) {
  NetHook hook = hook_with({Occupant{
      .seat = SeatKind::Filter, .program = ProgramId(5), .name = "f", .filter_priority = 3}});
  hook.qdisc = "clsact";
  hook.shared_block = 22;
  Result<Plan> plan = attach_at("", hook, seen(hook));
  ASSERT_TRUE(plan.ok()) << plan.error().message();
  EXPECT_NE(chain_in(*plan).link_pin, "");
  hook.has_tcx = false;
  plan = attach_at("", hook, seen(hook));
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code(), Code::FailedPrecondition);
  EXPECT_THAT(plan.error().message(), HasSubstr("(block 22)"));
}

TEST(OtherQdiscs, HoldUpEgressWhereThereIsNoTcx) {
  NetHook hook = hook_with({});
  hook.qdisc = "ingress";
  hook.has_tcx = false;
  EXPECT_TRUE(attach_at("", hook, seen(hook)).ok()) << "ingress works with it";
  hook.kind = HookKind::TcEgress;
  ChainTarget target{.hook = HookKind::TcEgress, .interface = "eth0", .proceed_on = {3, 30}};
  ProgramRecord program = classifier(77, 88, "joiner");
  Result<Plan> plan = plan_attach(program, at(AttachSpec{.target = target}, hook), seen(hook));
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code(), Code::FailedPrecondition);
  EXPECT_THAT(plan.error().hints(), Contains(HasSubstr("tc qdisc add dev eth0 clsact")));
  hook.has_tcx = true;
  EXPECT_TRUE(plan_attach(program, at(AttachSpec{.target = target}, hook), seen(hook)).ok());
}

// ---- links of their own

struct OwnLink {
  std::uint32_t kernel_id = 0;
  std::int32_t priority = 50;
};

Result<Plan> list_at(const std::string& place,
                     std::int32_t priority,
                     const NetHook& hook,
                     const std::vector<OwnLink>& ours) {
  Snapshot snapshot = seen(hook);
  ProgramRecord program = classifier(1, 98, "listed");
  snapshot.programs = {program};
  for (const OwnLink& one : ours) {
    LinkRecord link = link_on(hook, program, snapshot.links.size() + 1);
    link.target = ListTarget{.interface = "eth0", .priority = one.priority};
    link.kernel_id = KernelLinkId(one.kernel_id);
    snapshot.links.push_back(link);
  }
  snapshot.next_link = LinkId(40);
  ListTarget target{.interface = "eth0", .priority = priority};
  target.place = place.empty() ? Place{} : *parse_place(place);
  return plan_attach(
      classifier(77, 88, "joiner"), at(AttachSpec{.target = target}, hook), snapshot);
}

Anchor link_anchor(Side side, std::uint32_t link) {
  return {.side = side, .link = KernelLinkId(link), .program = ProgramId(900 + link)};
}

// foreign a (1), ours (2), foreign b (3), ours (4), foreign c (5).
NetHook mixed() {
  NetHook hook = hook_with(
      {linked(1, "a"), linked(2, "listed"), linked(3, "b"), linked(4, "listed"), linked(5, "c")});
  hook.list = ListKind::TcxIngress;
  return hook;
}

TEST(PlaceOfALink, IsBetweenOursByPriorityAndAmongOthersByPlace) {
  const std::vector<OwnLink> ours = {{2, 10}, {4, 90}};
  for (const auto& [place, priority, anchor] :
       std::vector<std::tuple<std::string, std::int32_t, Anchor>>{
           {"", 50, link_anchor(Side::Before, 4)},
           {"last", 95, {}},
           {"", 95, {}},
           {"first", 5, {.side = Side::Head}},
           {"last", 5, link_anchor(Side::Before, 2)},
           {"before:b", 50, link_anchor(Side::Before, 3)},
           {"after:b", 50, link_anchor(Side::After, 3)},
           {"before:c", 50, link_anchor(Side::Before, 4)},
           {"after:a", 50, link_anchor(Side::After, 2)},
           {"after:a", 5, link_anchor(Side::After, 1)},
           {"before:link:1", 5, link_anchor(Side::Before, 1)}}) {
    Result<Plan> plan = list_at(place, priority, mixed(), ours);
    ASSERT_TRUE(plan.ok()) << place << ": " << plan.error().message();
    EXPECT_EQ(anchor_of(*plan), anchor) << place << " " << priority;
    bool last_among_all = place == "last" && priority == 5;
    EXPECT_THAT(plan->warnings, SizeIs(last_among_all ? 1 : 0)) << place << " " << priority;
  }
}

TEST(PlaceOfALink, ThatPrioritiesDoNotAllowIsComeNearToWithAWarning) {
  const std::vector<OwnLink> ours = {{2, 10}, {4, 90}};
  for (const auto& [place, priority, anchor] :
       std::vector<std::tuple<std::string, std::int32_t, Anchor>>{
           {"before:a", 50, link_anchor(Side::After, 2)},
           {"after:c", 50, link_anchor(Side::Before, 4)},
           {"first", 50, link_anchor(Side::After, 2)},
           {"last", 50, link_anchor(Side::Before, 4)}}) {
    Result<Plan> plan = list_at(place, priority, mixed(), ours);
    ASSERT_TRUE(plan.ok()) << place << ": " << plan.error().message();
    EXPECT_EQ(anchor_of(*plan), anchor) << place;
    EXPECT_THAT(plan->warnings, Contains(HasSubstr("count first"))) << place;
  }
}

TEST(PlaceOfALink, IsRefusedAsThatOfAChainIs) {
  EXPECT_EQ(list_at("before:x", 50, mixed(), {}).error().code(), Code::NotFound);
  Error error = list_at("before:link:2", 50, mixed(), {{2, 10}}).error();
  EXPECT_EQ(error.code(), Code::InvalidArgument);
  NetHook old = mixed();
  old.has_tcx = false;
  EXPECT_EQ(list_at("first", 50, old, {}).error().code(), Code::Unimplemented);
  EXPECT_TRUE(list_at("", 50, old, {}).ok()) << "the kernel says it itself";
}

TEST(PlaceText, IsReadAndWritten) {
  for (const char* text : {"first", "last", "before:x", "after:link:3"}) {
    EXPECT_EQ(to_string(*parse_place(text)), text);
  }
  for (const char* text : {"", "any", "before", "before:", "first:x", "beside:x", "last:"}) {
    EXPECT_EQ(parse_place(text), std::nullopt) << text;
  }
  EXPECT_EQ(to_string(Place{}), "");
}

TEST(PlaceText, IsInTheDatabaseOnlyWhereItSaysSomething) {
  for (AttachTarget target : {AttachTarget(target_at("")), AttachTarget(ListTarget{})}) {
    EXPECT_THAT(to_json(target), Not(HasSubstr("place")));
    EXPECT_EQ(*target_from_json(to_json(target)), target);
  }
  ListTarget list{.place = {.side = Place::Side::Before, .who = "a"}};
  for (AttachTarget target : {AttachTarget(target_at("after:link:3")), AttachTarget(list)}) {
    EXPECT_EQ(*target_from_json(to_json(target)), target);
  }
}

}  // namespace
}  // namespace bpfman::plan
