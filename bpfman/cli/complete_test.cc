// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/base/text.h"
#include "bpfman/cli/cli_test_support.h"

namespace bpfman::cli::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

FakeApi::Answers complete_answers() {
  FakeApi::Answers out;
  ProgramRecord record{.id = ProgramId(12), .application = "lab", .name = "pass"};
  record.maps = {MapRecord{.name = "counts"}};
  out.programs = {ProgramView{.record = record}};
  out.links = {LinkView{.record = LinkRecord{.id = LinkId(3)}, .program_name = "lab/pass"}};
  out.images = {ImageRecord{.reference = "docker.io/library/prog:dev"}};
  return out;
}

// The candidates, without what is said about them.
std::vector<std::string> complete(const std::vector<std::string>& words, unsigned uid = 0) {
  Environment environment;
  environment.effective_uid = uid;
  Outcome outcome = run_words("__complete -- " + join(words, " "), complete_answers(), environment);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.err, IsEmpty());
  std::vector<std::string> out;
  for (const std::string& line : split(outcome.out, '\n')) {
    if (!line.empty()) {
      out.push_back(line.substr(0, line.find('\t')));
    }
  }
  return out;
}

TEST(Complete, Commands) {
  EXPECT_THAT(complete({""}), AllOf(Contains("load"), Contains("image"), Contains("completion")));
  EXPECT_THAT(complete({"lo"}), ElementsAre("load", "log"));
  EXPECT_THAT(complete({"image", "pu"}), ElementsAre("pull", "push"));
  EXPECT_THAT(complete({"attach", "lab/pass", "tc"}), ElementsAre("tc", "tcx"));
  EXPECT_THAT(complete({"nosuch", ""}), Contains("load"));
}

TEST(Complete, Flags) {
  std::vector<std::string> flags = complete({"attach", "lab/pass", "xdp", "--"});
  EXPECT_THAT(flags, AllOf(Contains("--iface"), Contains("--priority"), Contains("--root-dir")));
  EXPECT_THAT(complete({"attach", "lab/pass", "xdp", "--mode", "native", "--mo"}), IsEmpty());
  EXPECT_THAT(complete({"attach", "lab/pass", "xdp", "--mo"}), ElementsAre("--mode"));
}

TEST(Complete, ValuesOfFlags) {
  EXPECT_THAT(complete({"attach", "1", "tc", "-d", ""}), ElementsAre("ingress", "egress"));
  EXPECT_THAT(complete({"attach", "1", "tc", "--direction=e"}), ElementsAre("--direction=egress"));
  EXPECT_THAT(complete({"attach", "1", "xdp", "--proceed-on", "pass,d"}),
              ElementsAre("pass,drop", "pass,dispatcher_return"));
  EXPECT_THAT(complete({"attach", "1", "xdp", "--iface", "l"}), Contains("lo"));
  EXPECT_THAT(complete({"load", "image", "-i", "docker"}),
              ElementsAre("docker.io/library/prog:dev"));
  EXPECT_THAT(complete({"--config", ""}), ElementsAre(":files"));
}

TEST(Complete, LiveObjects) {
  EXPECT_THAT(complete({"unload", ""}), ElementsAre("lab/pass", "12"));
  EXPECT_THAT(complete({"get", "program", "l"}), ElementsAre("lab/pass"));
  EXPECT_THAT(complete({"detach", ""}), ElementsAre("3"));
  EXPECT_THAT(complete({"upgrade", ""}), ElementsAre("lab"));
  EXPECT_THAT(complete({"map", "dump", ""}), ElementsAre("lab/pass:counts"));
  EXPECT_THAT(complete({"image", "rm", "doc"}), ElementsAre("docker.io/library/prog:dev"));
  EXPECT_THAT(complete({"load", "file", ""}), Contains(":files"));
}

TEST(Complete, WithoutRootThereAreNoneAndNoError) {
  EXPECT_THAT(complete({"unload", ""}, 1000), IsEmpty());
  EXPECT_THAT(complete({"lo"}, 1000), ElementsAre("load", "log"));
}

TEST(Complete, AScriptForEachShell) {
  EXPECT_THAT(run_words("completion bash").out, HasSubstr("complete -F _bpfman bpfman"));
  EXPECT_THAT(run_words("completion zsh").out, HasSubstr("compdef _bpfman bpfman"));
  EXPECT_THAT(run_words("completion fish").out, HasSubstr("complete -c bpfman"));
  Outcome other = run_words("completion tcsh");
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(run_words("--help").out, Not(HasSubstr("__complete")));
}

// Every word that is offered for a flag is one that the flag takes.
TEST(Complete, OfferedWordsAreTaken) {
  const std::vector<std::pair<std::string, std::string>> flags = {
      {"attach 1 xdp -i eth0", "--mode"},
      {"attach 1 xdp -i eth0", "--strategy"},
      {"attach 1 xdp -i eth0", "--class"},
      {"attach 1 tc -i eth0", "--direction"},
      {"attach 1 netfilter --hook input", "--family"},
      {"load image x:dev", "--pull-policy"},
      {"load image x:dev", "--from"},
      {"load image x:dev", "--progress"},
      {"list programs", "--output"},
      {"list programs", "--log"}};
  for (const auto& [command, flag] : flags) {
    std::vector<std::string> words = split(command + " " + flag + " ", ' ');
    std::vector<std::string> offered = complete(words);
    EXPECT_THAT(offered, Not(IsEmpty())) << command << " " << flag;
    for (const std::string& word : offered) {
      Outcome outcome = run_words(command + " " + flag + " " + word, complete_answers());
      EXPECT_EQ(outcome.status, 0) << command << " " << flag << " " << word << ": " << outcome.err;
    }
  }
}

}  // namespace
}  // namespace bpfman::cli::testing
