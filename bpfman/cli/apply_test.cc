// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/base/file.h"
#include "bpfman/cli/cli_test_support.h"

namespace bpfman::cli::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string document(const std::string& name) {
  return "apiVersion: bpfman.io/v1alpha1\nkind: XdpProgram\nmetadata:\n  name: " + name +
         "\nspec:\n  bpfProgram:\n    image: my-ebpf-prog:dev\n";
}

class ApplyTest : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) {
    std::string path = directory_.path() + "/" + name;
    EXPECT_TRUE(write_file_atomic(path, as_bytes(text), 0600).ok());
    return path;
  }

  FakeApi::Answers answers_ = [] {
    FakeApi::Answers out;
    out.applied.applications.push_back(
        AppliedApplication{.title = "xdpprogram.bpfman.io/a",
                           .outcome = ApplyOutcome::Created,
                           .steps = {"load pass, attach it to xdp eth0"},
                           .error = {},
                           .warnings = {"something to know"}});
    out.applied.applications.push_back(AppliedApplication{.title = "xdpprogram.bpfman.io/b"});
    return out;
  }();
  TempDir directory_ = *TempDir::create("bpfman-apply");
};

TEST_F(ApplyTest, SaysWhatBecameOfEachDocument) {
  std::string path = write("all.yaml", document("a") + "---\n" + document("b"));
  Outcome outcome = run_words("apply -f " + path, answers_);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out,
            "xdpprogram.bpfman.io/a created\n  load pass, attach it to xdp eth0\n"
            "xdpprogram.bpfman.io/b unchanged\n");
  EXPECT_THAT(outcome.err, HasSubstr("something to know"));
  EXPECT_THAT(outcome.asked.calls,
              ElementsAre("apply xdpprogram.bpfman.io/a xdpprogram.bpfman.io/b"));
  Outcome dry = run_words("apply --dry-run -f " + path, answers_);
  EXPECT_THAT(dry.out, HasSubstr("xdpprogram.bpfman.io/a would be created\n"));
  EXPECT_THAT(dry.asked.calls.front(), HasSubstr("(dry run)"));
}

TEST_F(ApplyTest, DirectoriesAndSeveralFiles) {
  write("2.yaml", document("b"));
  write("1.json",
        R"({"apiVersion": "bpfman.io/v1alpha1", "kind": "XdpProgram", "metadata": {"name": "a"},
           "spec": {"bpfProgram": {"image": "x"}}})");
  write("README", "no document");
  std::string other = write("other.txt", document("c"));
  Outcome outcome = run_words("apply -f " + directory_.path() + " -f " + other, answers_);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.asked.calls,
              ElementsAre("apply xdpprogram.bpfman.io/a xdpprogram.bpfman.io/b "
                          "xdpprogram.bpfman.io/c"));
  Outcome twice = run_words("apply -f " + directory_.path() + " -f " + directory_.path(), answers_);
  EXPECT_EQ(twice.status, 2);
  EXPECT_THAT(twice.err, HasSubstr("application a stands in " + directory_.path() + "/1.json:1"));
  EXPECT_THAT(twice.asked.calls, IsEmpty());
}

TEST_F(ApplyTest, DiffFailsWhenSomethingDiffers) {
  std::string path = write("a.yaml", document("a"));
  Outcome outcome = run_words("diff -f " + path, answers_);
  EXPECT_EQ(outcome.status, exit_status(Code::FailedPrecondition));
  EXPECT_THAT(outcome.out, HasSubstr("would be created"));
  EXPECT_THAT(outcome.err, HasSubstr("1 of 2 applications differs from"));
  answers_.applied.applications.erase(answers_.applied.applications.begin());
  EXPECT_EQ(run_words("diff -f " + path, answers_).status, 0);
}

TEST_F(ApplyTest, FailuresAreToldAndCounted) {
  std::string path = write("a.yaml", document("a"));
  answers_.applied.applications[0].error = Error(Code::NotFound, "a.yaml:1: no image");
  Outcome one = run_words("apply -f " + path, answers_);
  EXPECT_EQ(one.status, exit_status(Code::NotFound));
  EXPECT_THAT(one.err, HasSubstr("a.yaml:1: no image"));
  EXPECT_THAT(one.out, HasSubstr("b unchanged"));
  EXPECT_THAT(one.out, Not(HasSubstr("/a")));
  answers_.applied.applications[1].error = Error(Code::AlreadyExists, "taken");
  Outcome both = run_words("apply -f " + path, answers_);
  EXPECT_THAT(both.err, HasSubstr("taken"));
  EXPECT_THAT(both.err, HasSubstr("2 of 2 applications failed"));
}

TEST_F(ApplyTest, DeleteTakesNamesAndFiles) {
  std::string path = write("a.yaml", document("a"));
  answers_.applied.applications.pop_back();
  answers_.applied.applications[0].outcome = ApplyOutcome::Deleted;
  Outcome outcome = run_words("delete other -f " + path, answers_);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.asked.calls, ElementsAre("delete other xdpprogram.bpfman.io/a"));
  EXPECT_THAT(outcome.out, HasSubstr("xdpprogram.bpfman.io/a deleted"));
  answers_.applied.applications[0].error = Error(Code::NotFound, "no such application");
  EXPECT_EQ(run_words("delete other", answers_).status, exit_status(Code::NotFound));
  EXPECT_EQ(run_words("delete --ignore-not-found other", answers_).status, 0);
}

TEST_F(ApplyTest, JsonHasEveryMember) {
  std::string path = write("a.yaml", document("a"));
  Outcome outcome = run_words("apply -o json -f " + path, answers_);
  for (const char* member : {"\"version\"",
                             "\"applications\"",
                             "\"name\"",
                             "\"outcome\"",
                             "\"steps\"",
                             "\"error\"",
                             "\"warnings\"",
                             "\"created\""}) {
    EXPECT_THAT(outcome.out, HasSubstr(member));
  }
}

TEST_F(ApplyTest, MistakesComeBeforeAnythingIsDone) {
  std::string bad = write("bad.yaml", document("a") + "  priority: many\n");
  for (const std::string& words : {std::string("apply"),
                                   "apply -f " + bad,
                                   std::string("apply -f /nowhere/x.yaml"),
                                   std::string("delete"),
                                   "apply -o yaml -f " + bad}) {
    Outcome outcome = run_words(words, answers_);
    EXPECT_NE(outcome.status, 0) << words;
    EXPECT_THAT(outcome.asked.calls, IsEmpty()) << words;
  }
  EXPECT_THAT(run_words("apply -f " + bad, answers_).err, HasSubstr("bad.yaml:8: spec.priority: "));
}

}  // namespace
}  // namespace bpfman::cli::testing
