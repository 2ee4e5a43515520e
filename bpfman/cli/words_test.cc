// SPDX-License-Identifier: Apache-2.0
// From words to what the Api is asked, and what is said of words that cannot be right.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/base/text.h"
#include "bpfman/cli/cli_test_support.h"
#include "bpfman/cli/command.h"

namespace bpfman::cli::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

FakeApi::Answers loaded() {
  FakeApi::Answers answers;
  answers.load.programs = {example_program()};
  answers.load.links = {example_link()};
  answers.load.provenance = example_provenance();
  answers.programs = {example_program()};
  answers.links = {example_link()};
  answers.attach.links = {example_link()};
  return answers;
}

struct Refused {
  const char* words;
  const char* message;
  const char* hint;
};

// Names the case in the test's output.
void PrintTo(const Refused& refused, std::ostream* out) {  // NOLINT: GoogleTest's name
  *out << refused.words;
}

class RefusedWords : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedWords, SayWhatAndWhatToDoAndOpenNothing) {
  Outcome outcome = run_words(GetParam().words, loaded());
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.err, HasSubstr(GetParam().message));
  EXPECT_THAT(outcome.err, HasSubstr(GetParam().hint));
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.asked.made, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Words,
    RefusedWords,
    ::testing::Values(
        Refused{"laod image x", "unknown command \"bpfman laod\"", "did you mean load?"},
        Refused{"--root-dir load lsit", "unknown command \"bpfman lsit\"", "did you mean list"},
        Refused{"load imgae x", "unknown command \"bpfman load imgae\"", "did you mean image?"},
        Refused{"load", "missing command after \"bpfman load\"", "one of image, file"},
        Refused{"load image x xpd --iface eth0",
                "unknown flag --iface for bpfman load image",
                "bpfman load image --help"},
        Refused{"load image x xpd", "unknown command \"bpfman load image xpd\"", "mean xdp?"},
        Refused{"load image x xdp --ifcae eth0", "unknown flag --ifcae", "did you mean --iface"},
        Refused{"load image x xdp --ifcae=eth0", "unknown flag --ifcae", "did you mean --iface"},
        Refused{"list --outptu json", "unknown flag --outptu", "did you mean --output"},
        Refused{"load image", "missing IMAGE", "bpfman load image my-ebpf-prog:dev"},
        Refused{"load image a --image-url b", "IMAGE is given twice", "hint"},
        Refused{"load image x xdp",
                "missing --iface",
                "bpfman load image my-ebpf-prog:dev xdp --iface eth0"},
        Refused{"load file x xdp", "missing --iface", "bpfman load file pass.bpf.o xdp --iface"},
        Refused{"attach 57 xdp", "missing --iface", "bpfman attach my-ebpf-prog/pass xdp --iface"},
        Refused{"-o json list", "flag -o stands before its command", "behind: bpfman list -o"},
        Refused{"load image x -p Sometimes", "unknown pull policy \"Sometimes\"", "Always"},
        Refused{"load image x --programs xdp", "expected TYPE:NAME format", "xdp:pass"},
        Refused{"load image x --programs xpd:a", "unknown type \"xpd\"", "valid: xdp, tc"},
        Refused{"load image x -m novalue", "invalid value \"novalue\" for --metadata", "KEY=VALUE"},
        Refused{"load image x -m =v", "for --metadata", "KEY=VALUE"},
        Refused{"load image x -g limit=0", "for --global", "NAME=HEX"},
        Refused{"load image x -g limit=0g", "for --global", "NAME=HEX"},
        Refused{"load image x xdp -i e --mode quick", "for --mode", "native, generic, offload"},
        Refused{"load image x xdp -i e --priority soon", "for --priority", "0 (runs first)"},
        Refused{"load image x xdp -i e --proceed-on hold", "unknown XDP action \"hold\"", "pass"},
        Refused{"load image x -o xml", "for --output", "table, wide, json"},
        Refused{"attach xdp --iface eth0", "missing PROGRAM", "attach my-ebpf-prog/pass"},
        Refused{"attach 57", "missing the kind of hook", "xdp --iface"},
        Refused{"detach", "missing LINK", "detach 1"},
        Refused{"unload", "missing PROGRAM", "unload"},
        Refused{"unload --all 57", "--all and single programs", "one or the other"},
        Refused{"get program", "missing PROGRAM", "get program"},
        Refused{"get link 1 2", "unexpected word \"2\"", "bpfman get link --help"},
        Refused{"list -p prob", "unknown type \"prob\"", "xdp"},
        Refused{"map dump seen --limit 0", "for --limit", "from 1 on"},
        Refused{"map dump seen --limit -3", "for --limit", "from 1 on"},
        Refused{"--lock-timeout soon list", "for --lock-timeout", "1m30s"},
        Refused{"--log loud list", "loud", "hint"},
        Refused{"list --output", "--output", "bpfman list --help"}));

TEST(Words, OfTheMainJobBecomeOneLoadWithItsAttachment) {
  Outcome outcome = run_words("load image --image-url my-ebpf-prog:dev xdp --iface eth0", loaded());
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.asked.calls, ElementsAre("load"));
  LoadSpec expected;
  expected.source = ImageSource{.reference = "my-ebpf-prog:dev"};
  expected.attach = AttachSpec{.target = ChainTarget{.interface = "eth0"}};
  EXPECT_EQ(outcome.asked.load, expected);
}

TEST(Words, MayUseEveryFlagOfALoad) {
  Environment environment;
  environment.variables["BPFMAN_REGISTRY_AUTH"] = "dTpw";
  Outcome outcome = run_words(
      "load image prog:dev -p never --programs xdp:a,xdp:b --programs fentry:c:do_it -a app "
      "-m k=v,l=a=b -m k=w -g x=0a0b --dry-run xdp -i eth0 -n /run/netns/n --mode skb -p 7 "
      "--proceed-on pass,tx --proceed-on drop",
      loaded(),
      environment);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.asked.calls, ElementsAre("load (dry run)"));
  LoadSpec expected;
  expected.source =
      ImageSource{.reference = "prog:dev", .policy = PullPolicy::Never, .registry_auth = "dTpw"};
  expected.programs = {{"a", ProgramType::Xdp, ""},
                       {"b", ProgramType::Xdp, ""},
                       {"c", ProgramType::Fentry, "do_it"}};
  expected.application = "app";
  expected.metadata = {{"k", "w"}, {"l", "a=b"}};
  expected.globals = {{"x", Bytes{std::byte{0x0a}, std::byte{0x0b}}}};
  expected.attach = AttachSpec{.target = ChainTarget{.interface = "eth0",
                                                     .netns = "/run/netns/n",
                                                     .mode = XdpMode::Generic,
                                                     .order = {.priority = 7},
                                                     .proceed_on = {2, 3, 1}}};
  EXPECT_EQ(outcome.asked.load, expected);
}

TEST(Words, MayPutAPathInFrontOrBehindAFlag) {
  for (const char* words : {"load file a.o --name pass", "load file --path a.o --name=pass"}) {
    Outcome outcome = run_words(words, loaded());
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    LoadSpec expected;
    expected.source = FileSource{.path = "a.o"};
    expected.programs = {{"pass", std::nullopt, ""}};
    EXPECT_EQ(outcome.asked.load, expected) << words;
  }
}

TEST(Words, OfGlobalFlagsStandBeforeOrBehindTheCommand) {
  for (const char* words :
       {"--root-dir /r --strict --lock-timeout 1m30s --docker-host unix:///a --docker-host "
        "unix:///b --storage-root /s --containerd-address /c --containerd-root /d --trust-database "
        "list programs",
        "list programs --root-dir /r --strict --lock-timeout 1m30s --docker-host unix:///a "
        "--docker-host unix:///b --storage-root /s --containerd-address /c --containerd-root /d "
        "--trust-database"}) {
    Outcome outcome = run_words(words, loaded());
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    const GlobalOptions& global = outcome.asked.global;
    EXPECT_EQ(global.root_dir, "/r");
    EXPECT_TRUE(global.strict);
    EXPECT_TRUE(global.trust_database);
    EXPECT_EQ(global.lock_timeout_ms, 90'000);
    EXPECT_THAT(global.docker_hosts, ElementsAre("unix:///a", "unix:///b"));
    EXPECT_THAT(global.storage_roots, ElementsAre("/s"));
    EXPECT_THAT(global.containerd_addresses, ElementsAre("/c"));
    EXPECT_THAT(global.containerd_roots, ElementsAre("/d"));
  }
}

TEST(Words, GiveWayToFlagsOverVariables) {
  Environment environment;
  environment.variables["BPFMAN_ROOT_DIR"] = "/from-variable";
  environment.variables["BPFMAN_LOCK_TIMEOUT"] = "500ms";
  GlobalOptions global = run_words("list", loaded(), environment).asked.global;
  EXPECT_EQ(global.root_dir, "/from-variable");
  EXPECT_EQ(global.lock_timeout_ms, 500);
  global = run_words("--root-dir /flag list", loaded(), environment).asked.global;
  EXPECT_EQ(global.root_dir, "/flag");
}

TEST(Words, OfTheOtherVerbsReachTheApi) {
  struct Case {
    const char* words;
    const char* call;
  };

  for (const Case& c : {Case{"attach prog/pass xdp --iface eth0", "attach prog/pass"},
                        Case{"attach prog/pass --dry-run xdp -i e", "attach prog/pass (dry run)"},
                        Case{"detach 1 2", "detach 1 2"},
                        Case{"detach --dry-run 1", "detach 1 (dry run)"},
                        Case{"unload prog/pass 7", "unload prog/pass 7"},
                        Case{"unload --all", "unload all"},
                        Case{"list", "list programs"},
                        Case{"list program", "list programs"},
                        Case{"list links", "list links"},
                        Case{"list link", "list links"},
                        Case{"get program 57", "get program 57"},
                        Case{"get link 3", "get link 3"},
                        Case{"image pull prog:dev", "pull"},
                        Case{"image pull -i prog:dev --dry-run", "pull (dry run)"},
                        Case{"image list", "list images"},
                        Case{"image sources", "list sources"},
                        Case{"map dump seen", "dump seen"}}) {
    Outcome outcome = run_words(c.words, loaded());
    EXPECT_EQ(outcome.status, 0) << c.words << ": " << outcome.err;
    EXPECT_THAT(outcome.asked.calls, ElementsAre(c.call)) << c.words;
  }
}

TEST(Words, OfAListBecomeAQuery) {
  Outcome outcome = run_words("list programs -a -p XDP --application prog -m owner=me", loaded());
  ASSERT_TRUE(outcome.asked.query.has_value()) << outcome.err;
  EXPECT_TRUE(outcome.asked.query->all);
  EXPECT_EQ(outcome.asked.query->type, ProgramType::Xdp);
  EXPECT_EQ(outcome.asked.query->application, "prog");
  EXPECT_EQ(outcome.asked.query->metadata, (std::map<std::string, std::string>{{"owner", "me"}}));
}

TEST(Words, OtherThanHelpAndSourcesNeedRoot) {
  Environment user;
  user.effective_uid = 1000;
  for (const char* words : {"list", "load file a.o", "image list", "detach 1", "get link 1"}) {
    Outcome outcome = run_words(words, loaded(), user);
    EXPECT_EQ(outcome.status, 5) << words;
    EXPECT_THAT(outcome.err, HasSubstr("must run as root"));
    EXPECT_THAT(outcome.err, HasSubstr(std::string("sudo bpfman ") + words));
    EXPECT_EQ(outcome.asked.made, 0);
  }
  for (const char* words : {"image sources", "version", "--help", "load --help", "--version"}) {
    EXPECT_EQ(run_words(words, loaded(), user).status, 0) << words;
  }
}

TEST(Words, AskingForHelpOpenNothingAndSucceed) {
  for (const char* words :
       {"--help", "-h", "help", "load image --help", "help load image", "load image x xdp -h"}) {
    Outcome outcome = run_words(words, loaded());
    EXPECT_EQ(outcome.status, 0) << words;
    EXPECT_THAT(outcome.out, HasSubstr("Usage: bpfman")) << words;
    EXPECT_EQ(outcome.err, "");
    EXPECT_EQ(outcome.asked.made, 0);
  }
  EXPECT_THAT(run_words("help load image").out, HasSubstr("--pull-policy"));
  EXPECT_THAT(run_words("help load image xdp").out, HasSubstr("--iface"));
}

TEST(Words, MissingAltogetherShowHelpAsAnError) {
  Outcome outcome = run_words("");
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.err, HasSubstr("Usage: bpfman"));
}

TEST(Durations, AreSumsOfNumbersWithUnits) {
  struct Case {
    const char* text;
    std::int64_t ms;
  };

  for (const Case& c : {Case{"0", 0},
                        Case{"500ms", 500},
                        Case{"30s", 30'000},
                        Case{"1m30s", 90'000},
                        Case{"2h", 7'200'000},
                        Case{"1d", 86'400'000}}) {
    Result<std::int64_t> parsed = parse_duration_ms("--ttl", c.text);
    ASSERT_TRUE(parsed.ok()) << c.text;
    EXPECT_EQ(*parsed, c.ms) << c.text;
  }
  for (const char* text : {"", "5", "s", "-1s", "1.5s", "1w", "99999999999999999999s", "1s 2s"}) {
    EXPECT_FALSE(parse_duration_ms("--ttl", text).ok()) << text;
  }
}

TEST(Lists, SplitAtCommasUnlessABackslashKeepsOne) {
  EXPECT_THAT(split_lists({"a,b", "c"}), ElementsAre("a", "b", "c"));
  EXPECT_THAT(split_lists({R"(a\,b)", "c"}), ElementsAre("a,b", "c"));
  EXPECT_THAT(split_lists({}), IsEmpty());
}

TEST(Vocabulary, HoldsVerbsAndTheirFlags) {
  std::vector<std::string> words = vocabulary();
  EXPECT_THAT(words, ::testing::Contains("load image"));
  EXPECT_THAT(words, ::testing::Contains("attach xdp --iface"));
  EXPECT_THAT(words, ::testing::Contains("--root-dir"));
  EXPECT_THAT(words, Not(::testing::Contains("load image --iface")));
}

}  // namespace
}  // namespace bpfman::cli::testing
