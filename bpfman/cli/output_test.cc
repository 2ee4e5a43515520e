// SPDX-License-Identifier: Apache-2.0
// What people and programs are shown.
#include "bpfman/cli/output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/base/file.h"
#include "bpfman/cli/cli_test_support.h"

namespace bpfman::cli::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

FakeApi::Answers output_answers() {
  FakeApi::Answers out;
  out.load.programs = {example_program()};
  out.load.links = {example_link()};
  out.load.provenance = example_provenance();
  out.load.lookup_ns = 600'000;
  out.load.total_ns = 4'100'000;
  out.programs = {example_program()};
  out.links = {example_link()};
  out.change.done = {"link 3 (eth0)"};
  out.dump.name = "seen";
  out.dump.typed = true;
  return out;
}

TEST(LoadOutput, TellsProgramLinkModeSourceAndTime) {
  EXPECT_EQ(run_words("load image prog:dev xdp --iface eth0", output_answers()).out,
            "program id:  57\n"
            "name:        prog/pass\n"
            "type:        xdp\n"
            "link id:     3\n"
            "interface:   eth0\n"
            "mode:        native\n"
            "source:      docker (overlay2), sha256:aaaaaaaaaaaa, content verified\n"
            "time:        4.10 ms (0.60 ms of it to find the bytecode)\n");
}

TEST(LoadOutput, TellsThatTheDatabaseWasReadAndWarnsOnStderr) {
  FakeApi::Answers given = output_answers();
  given.load.from_database = true;
  given.load.warnings = {"podman holds another prog:dev"};
  Outcome outcome = run_words("load image prog:dev", given);
  EXPECT_THAT(outcome.out, HasSubstr("content verified, from bpfman's database\n"));
  EXPECT_EQ(outcome.err, "warning: podman holds another prog:dev\n");
}

TEST(ListOutput, IsATableWithoutBorders) {
  EXPECT_EQ(run_words("list", output_answers()).out,
            "PROGRAM ID  APPLICATION  TYPE  FUNCTION NAME  LINK IDS  STATE\n"
            "57          prog         xdp   pass           3         attached\n");
  EXPECT_EQ(run_words("list links", output_answers()).out,
            "LINK ID  KIND  PROGRAM ID  PROGRAM    ATTACHMENT  MODE    STATE\n"
            "3        xdp   57          prog/pass  eth0        native  attached\n");
}

TEST(ListOutput, TellsWhatIsGone) {
  FakeApi::Answers given = output_answers();
  given.programs[0].kernel.reset();
  given.links[0].state = LinkState::InterfaceGone;
  given.links.push_back(example_link());
  given.links[1].state = LinkState::NotAttached;
  EXPECT_THAT(run_words("list", given).out, HasSubstr("not loaded"));
  std::string links = run_words("list links", given).out;
  EXPECT_THAT(links, HasSubstr("interface gone"));
  EXPECT_THAT(links, HasSubstr("not attached"));
}

TEST(ListOutput, KeepsControlCharactersOfOthersFromTheTerminal) {
  FakeApi::Answers given = output_answers();
  given.programs[0].record->name = "pass\x1b[2J\x7f\xc2\x9b\n";
  EXPECT_THAT(run_words("list", given).out, HasSubstr("pass\\x1b[2J\\x7f\xc2\\x9b\\x0a"));
  EXPECT_EQ(printable("gr\xc3\xbc\xc3\x9f Gott"), "gr\xc3\xbc\xc3\x9f Gott");
}

TEST(ListOutput, ShowsProgramsOfOthersAsSuch) {
  FakeApi::Answers given = output_answers();
  ProgramView foreign = example_program();
  foreign.record.reset();
  foreign.links.clear();
  given.programs = {foreign};
  EXPECT_EQ(run_words("list --all", given).out,
            "PROGRAM ID  APPLICATION  TYPE  FUNCTION NAME  LINK IDS  STATE\n"
            "57          <none>       xdp   pass           <none>    not ours\n");
}

TEST(ListOutput, IsEmptyWithoutRowsAndOneIdALineWhenQuiet) {
  EXPECT_EQ(run_words("list").out, "");
  EXPECT_EQ(run_words("list links").out, "");
  EXPECT_EQ(run_words("list -q", output_answers()).out, "57\n");
  EXPECT_EQ(run_words("list links -q", output_answers()).out, "3\n");
}

TEST(JsonOutput, OfAnEmptyListIsAnEmptyArray) {
  EXPECT_EQ(run_words("list -o json").out, "{\n  \"version\": 1,\n  \"programs\": []\n}\n");
  EXPECT_EQ(run_words("list links -o json").out, "{\n  \"version\": 1,\n  \"links\": []\n}\n");
  EXPECT_EQ(run_words("image list -o json").out, "{\n  \"version\": 1,\n  \"images\": []\n}\n");
}

TEST(JsonOutput, OfALinkHasEveryMember) {
  EXPECT_EQ(run_words("get link 3 -o json", output_answers()).out,
            R"({
  "version": 1,
  "link_id": 3,
  "program_id": 57,
  "program": "prog/pass",
  "kind": "xdp",
  "attachment": "eth0",
  "interface": "eth0",
  "ifindex": 2,
  "netns": null,
  "netns_inode": 4026531840,
  "strategy": "direct",
  "mode": "native",
  "position": 0,
  "counts": null,
  "hook": "xdp",
  "priority": 50,
  "class": null,
  "before": [],
  "after": [],
  "proceed_on": [
    "pass",
    "dispatcher_return"
  ],
  "place": null,
  "cookie": 0,
  "pin_path": "/run/bpfman/fs/xdp/dispatcher_4026531840_2_link",
  "kernel_link_id": 11,
  "others": null,
  "attached": true,
  "state": "attached",
  "selector_id": null,
  "metadata": {},
  "created_at": "2023-11-14T22:13:20Z",
  "lease": null
}
)");
}

TEST(JsonOutput, HasNullWhereThereIsNothing) {
  FakeApi::Answers given = output_answers();
  given.programs[0].record.reset();
  std::string out = run_words("get program 57 -o json", given).out;
  EXPECT_THAT(out, HasSubstr("\"managed\": false"));
  EXPECT_THAT(out, HasSubstr("\"provenance\": null"));
  EXPECT_THAT(out, HasSubstr("\"tag\": \"0123456789abcdef\""));
}

TEST(JsonOutput, SurvivesNamesThatAreNoUtf8) {
  FakeApi::Answers given = output_answers();
  given.programs[0].record->metadata = {{"k", "\xff\xfe"}};
  Outcome outcome = run_words("list -o json", given);
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.out, HasSubstr("\"metadata\""));
}

TEST(MapOutput, AddsUpCountersOfAllCpus) {
  FakeApi::Answers given = output_answers();
  given.dump.per_cpu = true;
  auto stats = [](std::uint64_t packets) {
    return TypedValue{TypedStruct{{{"packets", TypedValue{packets}}}}};
  };
  given.dump.entries = {{TypedValue{std::uint64_t{0}}, {stats(2), stats(5)}}};
  EXPECT_EQ(run_words("map dump seen", given).out,
            "0: {packets: 7}\n  cpu 0: {packets: 2}\n  cpu 1: {packets: 5}\n");
}

TEST(MapOutput, SaysWhenEntriesAreMissingOrUntyped) {
  FakeApi::Answers given = output_answers();
  given.dump.entries = {{TypedValue{Bytes{std::byte{1}}}, {TypedValue{Bytes{std::byte{2}}}}}};
  given.dump.typed = false;
  given.dump.truncated = true;
  Outcome outcome = run_words("map dump seen --limit 1", given);
  EXPECT_EQ(outcome.out, "0x01: 0x02\n");
  EXPECT_EQ(outcome.asked.limit, 1U);
  EXPECT_THAT(outcome.err, HasSubstr("no BTF"));
  EXPECT_THAT(outcome.err, HasSubstr("only the first 1 entries"));
}

TEST(ChangeOutput, NamesEachObject) {
  EXPECT_EQ(run_words("detach 3", output_answers()).out, "detached link 3 (eth0)\n");
}

TEST(ErrorOutput, IsOneLineAndHintsOnStderr) {
  FakeApi::Answers given = output_answers();
  given.error = Error(Code::NotFound, "link 9 does not exist").with_hint("see bpfman list links");
  Outcome outcome = run_words("detach 9", given);
  EXPECT_EQ(outcome.status, 3);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "bpfman: error: link 9 does not exist\nhint: see bpfman list links\n");
}

TEST(ErrorOutput, ShowsTheEndOfAVerifierLogAndAllOfItOnDemand) {
  FakeApi::Answers given = output_answers();
  given.error = Error(Code::InvalidArgument, "the verifier refused program pass")
                    .with_detail(VerifierLog{.tail = {"R1 invalid mem access 'inv'"},
                                             .omitted_lines = 12,
                                             .full = "0: r0 = 0\nR1 invalid mem access 'inv'\n"});
  std::string brief = run_words("load file a.o", given).err;
  EXPECT_THAT(brief, HasSubstr("  R1 invalid mem access"));
  EXPECT_THAT(brief, HasSubstr("(12 lines omitted; --verbose shows all)"));
  std::string whole = run_words("--verbose load file a.o", given).err;
  EXPECT_THAT(whole, HasSubstr("0: r0 = 0\nR1 invalid"));
  EXPECT_THAT(whole, Not(HasSubstr("omitted")));
}

TEST(ErrorOutput, NamesTheKernelVersionThatIsNeeded) {
  FakeApi::Answers given = output_answers();
  given.error = Error(Code::Unimplemented, "attach to eth0")
                    .with_detail(MissingFeature{.feature = "XDP links", .minimum_kernel = "5.9"});
  Outcome outcome = run_words("load file a.o", given);
  EXPECT_EQ(outcome.status, 10);
  EXPECT_THAT(outcome.err, HasSubstr("lacks XDP links, which Linux has since 5.9"));
}

TEST(Version, IsShownThreeWays) {
  EXPECT_EQ(run_words("version").out, "bpfman 1.2.3\n");
  EXPECT_EQ(run_words("--version").out, "bpfman 1.2.3\n");
  EXPECT_THAT(run_words("version -o json").out, HasSubstr("\"bpfman\": \"1.2.3\""));
}

std::string document(const std::string& name) {
  Result<Bytes> text = read_file(BPFMAN_DOCUMENTS "/" + name, 1 << 20);
  EXPECT_TRUE(text.ok()) << text.error().message();
  return text.ok() ? std::string(as_text(*text)) : std::string();
}

// A verb counts as mentioned with "bpfman VERB", a flag with its own name.
TEST(Documents, MentionEveryVerbAndFlag) {
  std::string text = document("cli.md") + document("upstream.md");
  for (const std::string& word : vocabulary()) {
    std::size_t flag = word.find(" -") == std::string::npos ? word.find('-') : word.find(" -") + 1;
    bool is_flag = word.starts_with('-') || word.find(" -") != std::string::npos;
    std::string wanted = is_flag ? word.substr(flag) : "bpfman " + word;
    EXPECT_NE(text.find(wanted), std::string::npos)
        << "docs/cli.md and upstream.md do not mention " << word;
  }
}

TEST(Documents, TellTheExitStatusOfEveryCode) {
  std::string text = document("errors.md");
  for (Code code : {Code::InvalidArgument,
                    Code::NotFound,
                    Code::AlreadyExists,
                    Code::PermissionDenied,
                    Code::FailedPrecondition,
                    Code::ResourceExhausted,
                    Code::Unavailable,
                    Code::Aborted,
                    Code::Unimplemented,
                    Code::DataLoss,
                    Code::Internal}) {
    std::string row =
        "| " + std::to_string(exit_status(code)) + " | " + std::string(to_string(code)) + " |";
    EXPECT_NE(text.find(row), std::string::npos) << "docs/errors.md has no row " << row;
  }
}

}  // namespace
}  // namespace bpfman::cli::testing
