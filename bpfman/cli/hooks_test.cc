// SPDX-License-Identifier: Apache-2.0
// Words about hooks, and what is printed of chains.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/cli/cli_test_support.h"

namespace bpfman::cli::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

FakeApi::Answers attached() {
  FakeApi::Answers answers;
  answers.attach.links = {example_link()};
  return answers;
}

AttachTarget target_of(const std::string& words) {
  Outcome outcome = run_words("attach p " + words, attached());
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  return outcome.asked.attach.value_or(AttachSpec()).target;
}

TEST(HookWords, OfEveryKindBecomeItsTarget) {
  EXPECT_EQ(
      target_of("tc -i eth0 -d Egress --class lb --after a/b,c"),
      AttachTarget(ChainTarget{.hook = HookKind::TcEgress,
                               .interface = "eth0",
                               .order = {.priority = 600, .role = "lb", .after = {"a/b", "c"}},
                               .proceed_on = {3, 30}}));
  EXPECT_EQ(target_of("tcx -i eth0 -d ingress -p 7"),
            AttachTarget(ListTarget{.interface = "eth0", .priority = 7}));
  ChainTarget placed{.hook = HookKind::TcIngress, .interface = "eth0", .proceed_on = {3, 30}};
  placed.place = {.side = Place::Side::After, .who = "link:4"};
  EXPECT_EQ(target_of("tc -i eth0 -d ingress --place after:link:4"), AttachTarget(placed));
  EXPECT_EQ(target_of("netkit -i nk0 -d peer --place first"),
            AttachTarget(ListTarget{.list = ListKind::NetkitPeer,
                                    .interface = "nk0",
                                    .place = {.side = Place::Side::First}}));
  EXPECT_EQ(target_of("netkit -i nk0 -d peer"),
            AttachTarget(ListTarget{.list = ListKind::NetkitPeer, .interface = "nk0"}));
  EXPECT_EQ(target_of("tracepoint"), AttachTarget(TracepointTarget{}));
  EXPECT_EQ(target_of("raw_tracepoint -t sched_switch"),
            AttachTarget(TracepointTarget{"sched_switch"}));
  EXPECT_EQ(target_of("kprobe -f do_unlinkat --offset 0x10"),
            AttachTarget(KprobeTarget{{"do_unlinkat"}, 16}));
  EXPECT_EQ(target_of("uprobe -t libc -f malloc,free --pid 4 --container-pid 5"),
            AttachTarget(UprobeTarget{
                .binary = "libc", .functions = {"malloc", "free"}, .pid = 4, .container_pid = 5}));
  EXPECT_EQ(target_of("lsm"), AttachTarget(FixedTarget{}));
  EXPECT_EQ(target_of("cgroup --path /sys/fs/cgroup/x"),
            AttachTarget(CgroupTarget{"/sys/fs/cgroup/x"}));
  EXPECT_EQ(target_of("perf_event"), AttachTarget(PerfTarget{.frequency = 99}));
  EXPECT_EQ(target_of("perf_event --event Cycles --period 1000 --cpu 1"),
            AttachTarget(PerfTarget{.event = "cycles", .period = 1000, .cpu = 1}));
  EXPECT_EQ(target_of("netfilter --hook input --family ipv6 -p -10 --defragment"),
            AttachTarget(NetfilterTarget{
                .family = "ipv6", .hook = "input", .priority = -10, .defragment = true}));
  EXPECT_EQ(target_of("netns -n /run/netns/a"), AttachTarget(NetnsTarget{"/run/netns/a"}));
  EXPECT_EQ(target_of("sockmap --map /m"), AttachTarget(SockmapTarget{"/m"}));
  EXPECT_EQ(target_of("iter"), AttachTarget(IterTarget{}));
}

TEST(HookWords, OfTheLinkItselfAreKept) {
  Outcome outcome = run_words("attach p -m k=v kprobe -f f --cookie 0x20", attached());
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.asked.attach->cookie, 32U);
  EXPECT_EQ(outcome.asked.attach->metadata.at("k"), "v");
  outcome = run_words("attach p xdp -i e --container web --strategy FUSED", attached());
  EXPECT_EQ(outcome.asked.attach->container, "web");
  EXPECT_EQ(outcome.asked.attach->strategy, StrategyChoice::Fused);
}

TEST(HookWords, ThatCannotBeRightAreRefused) {
  for (const auto& [words, text] : std::vector<std::pair<std::string, std::string>>{
           {"attach p", "kinds: xdp, tc, tcx"},
           {"attach p tc -i eth0", "missing --direction"},
           {"attach p tc -i eth0 -d up", "ingress or egress"},
           {"attach p xdp -i e --class fast", "one of capture, ddos, firewall, lb, observe"},
           {"attach p xdp -i e --class lb -p 3", "twice"},
           {"attach p tc -i e -d ingress --proceed-on drop", "unknown TC action"},
           {"attach p xdp -i e --strategy best", "one of auto, direct, freplace, fused"},
           {"attach p xdp -i e -n /x --container y", "exclude each other"},
           {"attach p kprobe -f f --offset 1x", "for --offset"},
           {"attach p tcx -i e -d ingress --place before", "before:WHO or after:WHO"},
           {"attach p cgroup", "missing --path"},
           {"attach p netfilter", "missing --hook"},
           {"attach p netfilter --hook input --family ipx", "ipv4 or ipv6"},
           {"attach p perf_event --frequency 1 --period 2", "exclude each other"},
           {"link set 3", "missing what to change"},
           {"link set 3 -p 1 --class lb", "twice"},
           {"chain set eth0", "missing what to change"},
           {"chain set eth0 --timing maybe", "on or off"},
           {"explain chain", "missing INTERFACE"},
           {"explain chain eth0 --hook ingress", "one of xdp, tc-ingress, tc-egress"}}) {
    Outcome outcome = run_words(words);
    EXPECT_EQ(outcome.status, 2) << words;
    EXPECT_THAT(outcome.err, HasSubstr(text)) << words;
    EXPECT_EQ(outcome.out, "") << words;
  }
}

TEST(LinkSet, TellsTheApiOnlyWhatChanges) {
  FakeApi::Answers answers;
  answers.links = {example_link()};
  answers.set_link.link = example_link();
  Outcome outcome = run_words("link set 3 --class observe --before none --after a,b", answers);
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.asked.calls, ElementsAre("link set 3"));
  EXPECT_EQ(*outcome.asked.link_change,
            (plan::LinkChange{.role = "observe",
                              .before = std::vector<std::string>(),
                              .after = std::vector<std::string>{"a", "b"}}));
}

SelectorRecord example_selector() {
  SelectorRecord selector;
  selector.id = SelectorId(2);
  selector.program_key = ProgramKey(1);
  selector.spec.target = ChainTarget{.interface = "eth*"};
  selector.except = {"eth9"};
  selector.created_at = 1'700'000'000;
  return selector;
}

TEST(Selectors, AreShownWithTheirLinks) {
  FakeApi::Answers answers = attached();
  answers.attach.selector = example_selector();
  Outcome attach = run_words("attach p xdp -i eth* --allow-none", answers);
  EXPECT_TRUE(attach.asked.attach->allow_none);
  EXPECT_THAT(attach.out, HasSubstr("selector:   2 (eth*)"));
  EXPECT_THAT(run_words("attach p xdp -i eth* -o json", answers).out,
              HasSubstr("\"selector\": {\n    \"selector_id\": 2,\n    \"kind\": \"xdp\",\n    "
                        "\"interfaces\": \"eth*\""));
  answers.selectors = {SelectorView{example_selector(), "prog/pass", {example_link()}}};
  EXPECT_EQ(run_words("list selectors", answers).out,
            "SELECTOR ID  PROGRAM    ATTACHMENT  INTERFACES  EXCEPT\n"
            "2            prog/pass  xdp eth*    eth0        eth9\n");
  EXPECT_EQ(run_words("list selectors -q", answers).out, "2\n");
  EXPECT_THAT(run_words("detach --selector 2,3", answers).asked.calls,
              ElementsAre("remove selectors 2 3"));
  EXPECT_EQ(run_words("detach 1 --selector 2", answers).status, 2);
}

TEST(Reconcile, TellsWhatWasDoneAndWhatCouldNotBe) {
  FakeApi::Answers answers;
  answers.reconciled.repairs = {
      {"attach a/b to eth7", std::nullopt},
      {"attach a/b to eth8", Error(Code::AlreadyExists, "taken by \"other\"")}};
  Outcome outcome = run_words("reconcile", answers);
  EXPECT_EQ(outcome.out, "attach a/b to eth7\n");
  EXPECT_THAT(outcome.err, HasSubstr("could not attach a/b to eth8: taken by \"other\""));
  EXPECT_EQ(outcome.status, 4);
  EXPECT_THAT(run_words("reconcile --dry-run -o json", answers).asked.calls,
              ElementsAre("reconcile (dry run)"));
  EXPECT_EQ(run_words("serve --interval 0", answers).status, 2);
}

TEST(Doctor, SaysThatTheDatabaseIsDamagedAndWhatToDo) {
  FakeApi::Answers answers;
  answers.doctor.damage = {"page 7 is\x1b gone"};
  Outcome outcome = run_words("doctor", answers);
  EXPECT_EQ(outcome.status, 6);
  EXPECT_THAT(outcome.out,
              HasSubstr("the database is damaged\n  why: page 7 is\\x1b gone\n  fix: "));
  EXPECT_THAT(outcome.err, HasSubstr("hint: bpfman doctor --fix"));
  outcome = run_words("doctor -o json", answers);
  EXPECT_THAT(outcome.out, HasSubstr("\"database_damage\": [\n"));
  EXPECT_THAT(outcome.out, HasSubstr("\"rescue\": null"));
}

TEST(Doctor, TellsWhatWasRescuedAndLeavesPinsOfLostRecords) {
  FakeApi::Answers answers;
  EXPECT_THAT(run_words("doctor --fix", answers).asked.calls,
              ElementsAre("rescue", "reconcile and orphans", "doctor"));
  answers.rescue =
      RescueReply{.damage = {"page 7"},
                  .kept = "/x.damaged",
                  .tables = {{"images", 3, 1, true}, {"links", 2, 0, false}, {"selectors"}},
                  .adopted = {"program a/b"},
                  .left = {"prog_7: why"}};
  Outcome outcome = run_words("doctor --fix", answers);
  EXPECT_EQ(outcome.out,
            "the damaged database is kept as /x.damaged\n"
            "  images: 3 saved, 1 lost, a part cannot be read\n"
            "  links: 2 saved\n"
            "recorded again, as the kernel has it: program a/b\n"
            "left as it is: prog_7: why\n"
            "The kernel has what the records say.\n");
  EXPECT_THAT(outcome.asked.calls, ElementsAre("rescue", "reconcile", "doctor"));
  EXPECT_THAT(run_words("doctor --fix -o json", answers).out,
              HasSubstr("\"kept_as\": \"/x.damaged\""));
}

ChainView example_chain() {
  ChainView chain;
  chain.state = LinkState::Attached;
  chain.record = *example_link().chain;
  chain.record.strategy = Strategy::Fused;
  chain.record.reason = "the kernel refuses extension programs";
  ChainMemberView member{.link = example_link(), .why = "priority 50"};
  member.link.counts = MemberCounts{.runs = 12, .time_ns = 600, .verdicts = {{2, 11}}};
  member.link.counts->other_verdicts = 1;
  chain.members = {member};
  chain.neighbours.others = {plan::Occupant{.seat = plan::SeatKind::Filter,
                                            .program = ProgramId(9),
                                            .name = "cil_from_netdev",
                                            .filter_priority = 1,
                                            .holder = "cilium-agent (pid 7)"}};
  return chain;
}

TEST(ExplainChain, TellsWhoRunsWhereAndWhyAndWhoElseIsThere) {
  FakeApi::Answers answers;
  answers.chains = {example_chain()};
  EXPECT_EQ(run_words("explain chain eth0", answers).out,
            "eth0 xdp\n"
            "  Strategy: fused (the kernel refuses extension programs); attached\n"
            "POS  PROGRAM    LINK  WHY HERE     GOES ON AFTER           RUNS\n"
            "1    prog/pass  3     priority 50  pass,dispatcher_return  12\n"
            "  Behind the last one: pass: the packet goes to the network stack.\n"
            "  Lower priorities run first; then by name, then by link id.\n"
            "  Programs of others on this hook, which bpfman leaves alone:\n"
            "    \"cil_from_netdev\" (program 9, clsact filter priority 1, held by cilium-agent "
            "(pid 7))\n");
  EXPECT_EQ(run_words("explain chain eth0").out, "Nobody runs a program on eth0.\n");
}

TEST(ListChains, IsATable) {
  FakeApi::Answers answers;
  answers.chains = {example_chain()};
  EXPECT_EQ(run_words("list chains", answers).out,
            "HOOK  INTERFACE  STRATEGY  PROGRAMS   PLACE   NEIGHBOURS  STATE     WHY\n"
            "xdp   eth0       fused     prog/pass  <none>  <none>      attached  the kernel "
            "refuses extension programs\n");
  EXPECT_THAT(run_words("list chains -o json", answers).out, HasSubstr("\"why\": \"priority 50\""));
}

// On TCX, asked to run before "late": behind one of others, before another.
ChainView placed_chain() {
  ChainView chain = example_chain();
  ChainTarget target{.hook = HookKind::TcIngress, .interface = "eth0", .proceed_on = {3}};
  target.place = {.side = Place::Side::Before, .who = "late"};
  chain.record.hook.kind = HookKind::TcIngress;
  chain.members[0].link.record.target = target;
  chain.neighbours = {
      .others = {plan::Occupant{.seat = plan::SeatKind::TcxLink,
                                .program = ProgramId(8),
                                .name = "early",
                                .link = KernelLinkId(4)},
                 plan::Occupant{
                     .seat = plan::SeatKind::TcxProgram, .program = ProgramId(9), .name = "late"}},
      .before = 1};
  chain.members[0].link.neighbours = chain.neighbours;
  chain.members[0].link.chain = chain.record;
  return chain;
}

TEST(Places, AreShownWithTheNeighboursInTheirOrder) {
  FakeApi::Answers answers;
  answers.chains = {placed_chain()};
  std::string explained = run_words("explain chain eth0", answers).out;
  EXPECT_THAT(explained, HasSubstr("Place asked for among others: before:late."));
  EXPECT_THAT(explained, HasSubstr("before ours: \"early\" (program 8, TCX link 4)"));
  EXPECT_THAT(explained, HasSubstr("after ours: \"late\" (program 9, TCX program)"));
  EXPECT_THAT(run_words("list chains", answers).out,
              HasSubstr("prog/pass  before:late  early > bpfman > late"));
  std::string json = run_words("list chains -o json", answers).out;
  EXPECT_THAT(json, HasSubstr("\"place\": \"before:late\""));
  EXPECT_THAT(json, HasSubstr("\"runs\": \"after\""));
  answers.links = {placed_chain().members[0].link};
  std::string link = run_words("get link 3", answers).out;
  EXPECT_THAT(link, HasSubstr("Place:              before:late\n"));
  EXPECT_THAT(link, HasSubstr("Others before:      \"early\" (program 8, link:4)\n"));
  EXPECT_THAT(link, HasSubstr("Others after:       \"late\" (program 9)\n"));
}

TEST(GetLink, ShowsWhatAMemberDid) {
  FakeApi::Answers answers;
  answers.links = {example_chain().members[0].link};
  std::string out = run_words("get link 3", answers).out;
  EXPECT_THAT(out, HasSubstr("12 in 600 ns (50 ns each)"));
  EXPECT_THAT(out, HasSubstr("pass 11, others 1"));
  EXPECT_THAT(out, HasSubstr("1 of 1"));
}

}  // namespace
}  // namespace bpfman::cli::testing
