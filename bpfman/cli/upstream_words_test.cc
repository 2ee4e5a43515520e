// SPDX-License-Identifier: Apache-2.0
// The noun-verb grammar: words to what the Api is asked, statuses, errors, text.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/cli/cli_test_support.h"
#include "bpfman/cli/upstream.h"

namespace bpfman::cli::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

FakeApi::Answers upstream_answers() {
  FakeApi::Answers out;
  out.load.programs = {example_program()};
  out.programs = {example_program()};
  out.links = {example_link()};
  out.attach.links = {example_link()};
  return out;
}

FakeApi::Answers with_type(ProgramType type) {
  FakeApi::Answers out = upstream_answers();
  out.programs.front().record->type = type;
  return out;
}

Error missing_program(const std::string& id) {
  return {Code::NotFound, "program " + id + " does not exist"};
}

using Words = std::vector<std::string>;

TEST(NounWords, ThatMayBeLeftOutArePutIn) {
  EXPECT_EQ(complete_words({"program"}), (Words{"program", "list"}));
  EXPECT_EQ(complete_words({"link", "-o", "json"}), (Words{"link", "list", "-o", "json"}));
  EXPECT_EQ(complete_words({"program", "--config", "f", "get", "1"}),
            (Words{"program", "--config", "f", "get", "1"}));
  EXPECT_EQ(complete_words({"--log=debug", "program", "load", "a.o"}),
            (Words{"--log=debug", "program", "load", "file", "a.o"}));
  EXPECT_EQ(complete_words({"program", "load", "image", "x"}),
            (Words{"program", "load", "image", "x"}));
  EXPECT_EQ(complete_words({"program", "--help"}), (Words{"program", "--help"}));
  EXPECT_EQ(complete_words({"--csi-support", "--log", "info"}),
            (Words{"serve", "--csi-support", "--log", "info"}));
  EXPECT_EQ(complete_words({"list", "programs"}), (Words{"list", "programs"}));
}

TEST(OlderWords, MayHoldSeveralValuesBehindOneFlag) {
  EXPECT_EQ(
      complete_words(
          {"load", "file", "--path", "a.o", "--programs", "xdp:a", "tc:b", "-g", "x=01", "y=02"}),
      (Words{"load",
             "file",
             "--path",
             "a.o",
             "--programs",
             "xdp:a",
             "--programs",
             "tc:b",
             "-g",
             "x=01",
             "-g",
             "y=02"}));
  EXPECT_EQ(complete_words({"load", "image", "--programs", "xdp:a", "tc:b"}),
            (Words{"load", "image", "--programs", "xdp:a", "tc:b"}))
      << "the second is the image";
  EXPECT_EQ(
      complete_words({"load", "image", "-i", "x", "--programs", "xdp:a", "xdp", "--iface", "e"}),
      (Words{"load", "image", "-i", "x", "--programs", "xdp:a", "xdp", "--iface", "e"}));
  Outcome outcome =
      run_words("attach 57 xdp -i eth0 -p 1 --proceed-on pass drop TX", upstream_answers());
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(std::get<ChainTarget>(outcome.asked.attach->target).proceed_on, ElementsAre(2, 1, 3));
  outcome = run_words("attach 57 uprobe -t libc -f malloc -p 5 -c 6", upstream_answers());
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(std::get<UprobeTarget>(outcome.asked.attach->target).pid, 5);
  EXPECT_EQ(std::get<UprobeTarget>(outcome.asked.attach->target).container_pid, 6);
}

TEST(OlderWords, FilterLinksByTheirPrograms) {
  FakeApi::Answers some = upstream_answers();
  EXPECT_EQ(run_words("list links -q --application prog", some).out, "3\n");
  Outcome outcome = run_words("list links -q -p xdp -m owner=me", some);
  EXPECT_EQ(outcome.out, "3\n");
  EXPECT_EQ(outcome.asked.query->type, ProgramType::Xdp);
  some.programs.front().record->key = ProgramKey(8);
  EXPECT_EQ(run_words("list links -q --application prog", some).out, "")
      << "the program of another link";
}

TEST(OlderWords, NameFamiliesOfPrograms) {
  FakeApi::Answers some = upstream_answers();
  EXPECT_EQ(run_words("list programs -q -p probe", some).out, "");
  some.programs.front().record->type = ProgramType::Kretprobe;
  EXPECT_EQ(run_words("list programs -q -p probe", some).out, "57\n");
  some.programs.front().record->type = ProgramType::Fexit;
  EXPECT_EQ(run_words("list programs -q -p tracing", some).out, "57\n");
}

TEST(NounWords, AreTheirOwnGrammar) {
  EXPECT_EQ(grammar_of({"program", "list"}), Grammar::Nouns);
  EXPECT_EQ(grammar_of({"--root-dir", "/r", "dispatcher", "list"}), Grammar::Nouns);
  EXPECT_EQ(grammar_of({"link", "attach", "xdp"}), Grammar::Nouns);
  EXPECT_EQ(grammar_of({"link", "--strict", "set", "1"}), Grammar::Own);
  EXPECT_EQ(grammar_of({"list", "program"}), Grammar::Own);
  EXPECT_EQ(grammar_of({"load", "file", "program"}), Grammar::Own);
}

struct Refused {
  const char* words;
  const char* message;
};

// Names the case in the test's output.
void PrintTo(const Refused& refused, std::ostream* out) {  // NOLINT: GoogleTest's name
  *out << refused.words;
}

class RefusedNouns : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedNouns, ExitWith80AndUsageOnStdoutAndOpenNothing) {
  Outcome outcome = run_words(GetParam().words, upstream_answers());
  EXPECT_EQ(outcome.status, 80);
  EXPECT_THAT(outcome.err, StartsWith("bpfman: error: "));
  EXPECT_THAT(outcome.err, HasSubstr(GetParam().message));
  EXPECT_THAT(outcome.out, StartsWith("Usage: bpfman"));
  EXPECT_THAT(outcome.out, HasSubstr("--help\" for more information."));
  EXPECT_EQ(outcome.asked.made, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Words,
    RefusedNouns,
    ::testing::Values(
        Refused{"program lst", "did you mean list?"},
        Refused{"program get", "expected \"<id>\""},
        Refused{"program get app/pass", "invalid program ID \"app/pass\""},
        Refused{"program get 0x10", "invalid program ID"},
        Refused{"program get 4294967296", "invalid program ID"},
        Refused{"program get 1 -o yaml", "--output must be one of \"text\",\"json\""},
        Refused{"program get 1 --recursive", "unknown flag --recursive"},
        Refused{"program unload", "expected \"<id>\""},
        Refused{"program unload 1 two", "invalid program ID \"two\""},
        Refused{"program delete", "expected \"<id>\""},
        Refused{"program delete --all 1", "exclude each other"},
        Refused{"program load", "expected \"<path>\""},
        Refused{"program load a.o", "missing flags: --programs"},
        Refused{"program load file a.o --programs pass", "expected TYPE:NAME format"},
        Refused{"program load file a.o --programs xpd:pass", "unknown type \"xpd\" (valid: "},
        Refused{"program load file a.o --programs XDP:pass", "unknown type \"XDP\""},
        Refused{"program load file a.o --programs fentry:f", "fentry requires attach function"},
        Refused{"program load file a.o --programs lsm:f", "lsm requires attach function"},
        Refused{"program load file a.o --programs xdp:p -g x=0g", "--global"},
        Refused{"program load file a.o --programs xdp:p -m =v", "--metadata"},
        Refused{"program load file a.o --programs xdp:p --map-owner-id app", "program ID"},
        Refused{"program load image x --programs xdp:p -p Some", "unknown pull policy \"Some\""},
        Refused{"program list --attached --unattached", "can't be used together"},
        Refused{"program list --type probe", "unknown type \"probe\""},
        Refused{"program list -l =x", "invalid label selector"},
        Refused{"link get one", "invalid link ID \"one\""},
        Refused{"link attach xdp 57", "expected \"<iface>\""},
        Refused{"link attach xdp 57 eth0", "missing flags: --priority=PRIORITY"},
        Refused{"link attach xdp 57 eth0 -p soon", "--priority"},
        Refused{"link attach xdp 57 eth0 -p 1 --proceed-on hold", "unknown XDP action \"hold\""},
        Refused{"link attach tc 57 eth0 in -p 1", "invalid TC direction \"in\""},
        Refused{"link attach tc 57 eth0 -p 1", "expected \"<direction>\""},
        Refused{"link attach tc 57 e ingress -p 1 --proceed-on hold", "unknown TC action \"hold\""},
        Refused{"link attach tracepoint 57 sched_switch", "invalid tracepoint"},
        Refused{"link attach tracepoint 57 a/b/c", "invalid tracepoint"},
        Refused{"link attach kprobe 57 do_exit --offset -1", "--offset"},
        Refused{"link attach usdt 57 x", "unknown command"},
        Refused{"dispatcher get xdp 1", "expected \"<ifindex>\""},
        Refused{"dispatcher get tcx 1 2", "unknown dispatcher type \"tcx\""},
        Refused{"program list --lock-timeout soon", "--lock-timeout"},
        Refused{"program list --runtime-dir here", "no absolute path"}));

TEST(NounWords, FailAtRunTimeWith1) {
  Outcome outcome = run_words("link attach xdp 57 eth0 --priority=-1", upstream_answers());
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(outcome.err, "bpfman: error: priority must be non-negative, got -1\n");
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.asked.made, 0);
  FakeApi::Answers broken = upstream_answers();
  broken.error = Error(Code::FailedPrecondition, "broken");
  EXPECT_EQ(run_words("program list", broken).status, 1);
  EXPECT_EQ(run_words("list programs", broken).status, 6) << "ours stay as they are";
}

TEST(NounWords, NeedRoot) {
  Environment user;
  user.effective_uid = 1000;
  Outcome outcome = run_words("program list", upstream_answers(), user);
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, HasSubstr("must run as root"));
}

TEST(NounWords, ReachTheApi) {
  struct Case {
    const char* words;
    std::vector<std::string> calls;
  };

  for (const Case& c :
       std::vector<Case>{{"program list", {"list programs"}},
                         {"program", {"list programs"}},
                         {"program list --attached", {"list programs", "list links"}},
                         {"program get 57", {"describe program 57"}},
                         {"program unload 57 58", {"unload 57", "unload 58"}},
                         {"program delete --all", {"list programs", "unload 57"}},
                         {"program delete -r 57", {"describe program 57", "unload 57"}},
                         {"link list", {"list links", "list programs"}},
                         {"link get 3", {"get link 3"}},
                         {"link detach 3 4", {"detach 3", "detach 4"}},
                         {"link delete 3", {"get link 3", "detach 3", "get program 57"}},
                         {"link attach xdp 57 eth0 -p 1", {"get program 57", "attach 57"}},
                         {"dispatcher list", {"list chains"}}}) {
    Outcome outcome = run_words(c.words, upstream_answers());
    EXPECT_EQ(outcome.status, 0) << c.words << ": " << outcome.err;
    EXPECT_EQ(outcome.asked.calls, c.calls) << c.words;
  }
}

TEST(NounWords, OfALoadBecomeASpec) {
  Outcome outcome = run_words(
      "program load image prog:dev --programs xdp:a,fentry:c:do_it --programs tc:b -a shop "
      "-m k=v,bpfman.io/application=no -g x=0x0a0b,y=ff -p never --registry-auth dTpw",
      upstream_answers());
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  LoadSpec expected;
  expected.source =
      ImageSource{.reference = "prog:dev", .policy = PullPolicy::Never, .registry_auth = "dTpw"};
  expected.programs = {
      {"a", ProgramType::Xdp, ""}, {"c", ProgramType::Fentry, "do_it"}, {"b", ProgramType::Tc, ""}};
  expected.application = "shop";
  expected.metadata = {{"k", "v"}, {"bpfman.io/application", "shop"}};
  expected.globals = {{"x", Bytes{std::byte{0x0a}, std::byte{0x0b}}},
                      {"y", Bytes{std::byte{0xff}}}};
  EXPECT_EQ(outcome.asked.load, expected);
  outcome = run_words("program load a.o --programs xdp:a", upstream_answers());
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  expected = LoadSpec{.source = FileSource{.path = "a.o"}};
  expected.programs = {{"a", ProgramType::Xdp, ""}};
  EXPECT_EQ(outcome.asked.load, expected);
}

TEST(NounWords, NameAMapOwnerEvenWhenItHasGone) {
  Outcome outcome =
      run_words("program load a.o --programs xdp:a --map-owner-id 57", upstream_answers());
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.asked.load->map_owner, "57");
  EXPECT_EQ(outcome.asked.load->metadata,
            (std::map<std::string, std::string>{{"bpfman.io/map-owner-id", "57"}}));
  FakeApi::Answers user = upstream_answers();
  user.programs.front().record->id = ProgramId(60);
  user.programs.front().record->map_owner = ProgramKey(4);
  user.programs.front().record->metadata["bpfman.io/map-owner-id"] = "57";
  outcome = run_words("program load a.o --programs xdp:a --map-owner-id 57", user);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.asked.load->map_owner, "60") << "which uses the maps of 57";
  outcome = run_words("program load a.o --programs xdp:a --map-owner-id 60", user);
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, HasSubstr("map_owner_id 60 does not exist"));
}

TEST(NounWords, OfAnAttachBecomeATarget) {
  struct Case {
    const char* words;
    ProgramType type;
    AttachTarget target;
  };

  ChainTarget xdp{.interface = "eth0", .netns = "/run/netns/n", .proceed_on = {3, 2}};
  xdp.order.priority = 0;
  ChainTarget tc{.hook = HookKind::TcEgress, .interface = "eth0", .proceed_on = {3, 30}};
  tc.order.priority = 7;
  for (const Case& c : std::vector<Case>{
           {"xdp 57 eth0 -p 0 -n /run/netns/n --proceed-on TX,pass", ProgramType::Xdp, xdp},
           {"tc 57 eth0 EGRESS --priority 7", ProgramType::Tc, tc},
           {"tcx 57 eth0 ingress -p 3",
            ProgramType::Tcx,
            ListTarget{.list = ListKind::TcxIngress, .interface = "eth0", .priority = 3}},
           {"tracepoint 57 sched/sched_switch",
            ProgramType::Tracepoint,
            TracepointTarget{.name = "sched/sched_switch"}},
           {"kprobe 57 do_exit --offset 4",
            ProgramType::Kretprobe,
            KprobeTarget{.functions = {"do_exit"}, .offset = 4}},
           {"uprobe 57 libc -f malloc --pid 5 --container-pid 6",
            ProgramType::Uprobe,
            UprobeTarget{.binary = "libc", .functions = {"malloc"}, .pid = 5, .container_pid = 6}},
           {"lsm 57", ProgramType::Lsm, FixedTarget{}}}) {
    Outcome outcome = run_words(std::string("link attach -m k=v ") + c.words, with_type(c.type));
    EXPECT_EQ(outcome.status, 80) << "flags of a verb do not stand before it: " << c.words;
    outcome = run_words(std::string("link attach ") + c.words + " -m k=v", with_type(c.type));
    EXPECT_EQ(outcome.status, 0) << c.words << ": " << outcome.err;
    AttachSpec expected{.target = c.target, .metadata = {{"k", "v"}}};
    EXPECT_EQ(outcome.asked.attach, expected) << c.words;
  }
}

TEST(NounWords, SayWhatAnAttachTakes) {
  Outcome outcome = run_words("link attach tc 57 eth0 ingress -p 1", upstream_answers());
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, HasSubstr("program 57 is a xdp program; the tc attach accepts tc"));
  outcome = run_words("link attach kprobe 57 do_exit", upstream_answers());
  EXPECT_THAT(outcome.err, HasSubstr("the kprobe attach accepts kprobe or kretprobe"));
  outcome = run_words("link attach uprobe 57 libc", upstream_answers());
  EXPECT_THAT(outcome.err,
              HasSubstr("uprobe attach requires a function name or a non-zero offset"));
}

TEST(NounWords, AreAnsweredInWordsThatScriptsKnow) {
  struct Case {
    const char* words;
    ProgramType type;
    Error error;
    const char* text;
  };

  for (const Case& c : std::vector<Case>{
           {"xdp 57 eth9 -p 1",
            ProgramType::Xdp,
            {Code::NotFound, "no interface \"eth9\" in this namespace"},
            "resolve interface \"eth9\" in netns \"\": interface not found: no interface"},
           {"xdp 57 eth0 -p 1",
            ProgramType::Xdp,
            {Code::AlreadyExists, "eth0 already has an XDP program: program 9"},
            "create link: file exists: interface already has an XDP program attached: eth0"},
           {"tracepoint 57 sched/sched_swich",
            ProgramType::Tracepoint,
            {Code::NotFound, "there is no tracepoint sched/sched_swich"},
            "tracepoint \"sched/sched_swich\" not found: "},
           {"uprobe 57 libnone -f malloc",
            ProgramType::Uprobe,
            {Code::NotFound, "no library \"libnone\""},
            "resolve target \"libnone\": not found in /etc/ld.so.cache: "},
           {"uprobe 57 /bin/sh -f main --container-pid 999",
            ProgramType::Uprobe,
            {Code::NotFound, "there is no process 999"},
            "container namespace for PID 999 not accessible: "}}) {
    FakeApi::Answers failing = with_type(c.type);
    failing.errors.emplace("attach 57", c.error);
    Outcome outcome = run_words(std::string("link attach ") + c.words, failing);
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(outcome.err, HasSubstr(c.text));
  }
}

TEST(NounWords, SayThatAnImageIsNotStored) {
  FakeApi::Answers none = upstream_answers();
  none.errors.emplace("load", Error(Code::NotFound, "image x:1 is in no source"));
  Outcome outcome = run_words("program load image x:1 --programs xdp:a -p Never", none);
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, HasSubstr("image x:1 not in cache and pull policy is Never: "));
  outcome = run_words("program load image x:1 --programs xdp:a", none);
  EXPECT_THAT(outcome.err, Not(HasSubstr("pull policy is Never")));
}

TEST(NounWords, RefuseATcxProgramTwiceOnOneHook) {
  FakeApi::Answers twice = with_type(ProgramType::Tcx);
  twice.links.front().record.target = ListTarget{.list = ListKind::TcxEgress, .interface = "eth0"};
  Outcome outcome = run_words("link attach tcx 57 eth0 egress -p 1", twice);
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(
      outcome.err,
      HasSubstr("program 57 is already attached to eth0 egress as link 3; detach it first"));
  EXPECT_EQ(run_words("link attach tcx 57 eth0 ingress -p 1", twice).status, 0);
}

TEST(NounBatches, GoOnBehindAFailureAndCount) {
  FakeApi::Answers some = upstream_answers();
  some.errors.emplace("unload 1", missing_program("1"));
  some.errors.emplace(
      "unload 2",
      Error(Code::FailedPrecondition, "program 2 exists in kernel but is not managed by bpfman"));
  Outcome outcome = run_words("program unload 1 2 3", some);
  EXPECT_EQ(outcome.status, 1);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err,
            "program 1: program 1 does not exist\n"
            "program 2: program 2 exists in kernel but is not managed by bpfman\n"
            "bpfman: error: 2 of 3 program(s) failed to unload\n");
  EXPECT_THAT(outcome.asked.calls, ElementsAre("unload 1", "unload 2", "unload 3"));
  outcome = run_words("program unload --ignore-missing 1 2 3", some);
  EXPECT_THAT(outcome.err, HasSubstr("1 of 3 program(s) failed to unload"));
  some.errors.erase("unload 2");
  EXPECT_EQ(run_words("program unload --ignore-missing 1 2 3", some).status, 0);
  some.errors.emplace("detach 7", Error(Code::NotFound, "link 7 does not exist"));
  outcome = run_words("link detach 7 3", some);
  EXPECT_THAT(outcome.err, HasSubstr("link 7: link 7 does not exist\n"));
  EXPECT_THAT(outcome.err, HasSubstr("1 of 2 link(s) failed to detach"));
  EXPECT_EQ(run_words("link detach --ignore-missing 7 3", some).status, 0);
}

TEST(NounBatches, TakeProgramsThatUseTheMapsFirst) {
  FakeApi::Answers some = upstream_answers();
  some.details = {ProgramDetails{.program = example_program(),
                                 .map_users = {ProgramId(57), ProgramId(60), ProgramId(61)}}};
  Outcome outcome = run_words("program delete --recursive 57", some);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.asked.calls,
              ElementsAre("describe program 57", "unload 60", "unload 61", "unload 57"));
}

TEST(NounBatches, UnloadAProgramWithItsLastLink) {
  FakeApi::Answers last = upstream_answers();
  last.programs.front().links = {};
  EXPECT_THAT(run_words("link delete 3", last).asked.calls,
              ElementsAre("get link 3", "detach 3", "get program 57", "unload 57"));
}

TEST(NounAnswers, OfWhatIsNotThere) {
  FakeApi::Answers none = upstream_answers();
  none.errors.emplace("describe program 9", missing_program("9"));
  none.errors.emplace("get link 9", Error(Code::NotFound, "link 9 does not exist"));
  Outcome outcome = run_words("program get 9", none);
  EXPECT_EQ(outcome.status, 1);
  EXPECT_THAT(outcome.err, HasSubstr("program 9: record not found"));
  EXPECT_THAT(run_words("link get 9", none).err, HasSubstr("link 9: not found"));
  EXPECT_THAT(run_words("dispatcher get xdp 4026531840 9", none).err,
              HasSubstr("dispatcher (xdp, 4026531840, 9): record not found"));
  none.programs.front().kernel = std::nullopt;
  EXPECT_THAT(run_words("program get 57", none).err,
              HasSubstr("program 57 exists in store but not in kernel (requires reconciliation)"));
  none.programs.front().record = std::nullopt;
  none.programs.front().kernel = KernelProgram{.id = ProgramId(57)};
  EXPECT_THAT(run_words("program get 57", none).err, HasSubstr("record not found"));
}

TEST(NounAnswers, OfEmptyListsAreNothingOrAnEmptyArray) {
  FakeApi::Answers nothing;
  EXPECT_EQ(run_words("program list", nothing).out, "");
  EXPECT_EQ(run_words("program list -o json", nothing).out, "{\n  \"programs\": []\n}\n");
  EXPECT_EQ(run_words("link list", nothing).out, "");
  EXPECT_EQ(run_words("link list -o json", nothing).out, "{\n  \"links\": []\n}\n");
  EXPECT_EQ(run_words("dispatcher list -o json", nothing).out, "{\n  \"dispatchers\": []\n}\n");
}

TEST(NounAnswers, AreTablesWithAnApplicationWhereThereIsOne) {
  FakeApi::Answers some = upstream_answers();
  EXPECT_EQ(run_words("program list", some).out,
            "PROGRAM ID  TYPE  FUNCTION NAME  LINK IDS\n"
            "57          xdp   pass           3\n");
  EXPECT_EQ(run_words("program list -q", some).out, "57\n");
  EXPECT_EQ(run_words("link list", some).out,
            "LINK ID  KERNEL LINK ID  KIND  PROGRAM ID  FUNCTION NAME  ATTACHMENT\n"
            "3        11              xdp   57          pass           eth0 pos-0\n");
  some.programs.front().record->metadata["bpfman.io/application"] = "shop";
  EXPECT_EQ(run_words("program list", some).out,
            "PROGRAM ID  APPLICATION  TYPE  FUNCTION NAME  LINK IDS\n"
            "57          shop         xdp   pass           3\n");
  EXPECT_THAT(run_words("link list", some).out, HasSubstr("APPLICATION"));
}

TEST(NounAnswers, OfOneObjectAreNestedAndAligned) {
  std::string program = run_words("program get 57", upstream_answers()).out;
  EXPECT_THAT(program, StartsWith("Program ID: 57\n  Spec:\n    Application:      None\n"));
  EXPECT_THAT(program, HasSubstr("\n    Pin Path:                 /run/bpfman/fs/prog_57\n"));
  EXPECT_THAT(program, HasSubstr("\n    Links: None\n"));
  EXPECT_THAT(program, HasSubstr("\n  Stats:\n    Recursion Misses:  0\n"));
  FakeApi::Answers gone = upstream_answers();
  gone.links.front().kernel = std::nullopt;
  std::string link = run_words("link get 3", gone).out;
  EXPECT_THAT(link, StartsWith("Link ID: 3\n  Spec:\n    Attachment:"));
  EXPECT_THAT(link, HasSubstr("dispatcher_4026531840_2_link (missing)\n"));
}

TEST(NounAnswers, PutATcxLinkAmongOurs) {
  LinkView first = example_link();
  first.record.target = ListTarget{.interface = "eth0", .priority = 5};
  LinkView second = first;
  second.record.id = LinkId(4);
  LinkView other = first;
  other.record.id = LinkId(5);
  other.record.ifindex = Ifindex(9);
  std::vector<LinkView> all = {first, second, other};
  upstream::set_list_position(second, all);
  EXPECT_EQ(second.position, 1U) << "equal priorities: as they were attached";
  upstream::set_list_position(other, all);
  EXPECT_EQ(other.position, 0U) << "another interface";
  std::get<ListTarget>(all[1].record.target).priority = 4;
  upstream::set_list_position(first, all);
  EXPECT_EQ(first.position, 1U);
}

TEST(Configuration, OfAttachingReachesTheManager) {
  GlobalOptions global =
      run_words("--runtime-dir /r/b/ program list", upstream_answers()).asked.global;
  EXPECT_EQ(global.runtime_dir, "/r/b");
  global = run_words("--runtime-dir /run/bpfman program list", upstream_answers()).asked.global;
  EXPECT_EQ(global.runtime_dir, "") << "the default of both";
  Environment environment;
  environment.variables["BPFMAN_RUNTIME_DIR"] = "/v";
  EXPECT_EQ(run_words("list", upstream_answers(), environment).asked.global.runtime_dir, "/v");
}

TEST(NounHelp, IsShownByHelpToo) {
  Outcome outcome = run_words("help program unload");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.out, HasSubstr("--ignore-missing"));
  EXPECT_THAT(run_words("program --help").out, Not(HasSubstr("delete")));
}

}  // namespace
}  // namespace bpfman::cli::testing
