// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/base/file.h"
#include "bpfman/cli/cli_test_support.h"

namespace bpfman::cli::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

plan::ExportedApplication exported(const std::string& name) {
  plan::ExportedApplication out{.name = name};
  out.wanted = WantedApplication{
      .kind = "BpfApplication",
      .name = name,
      .source = ImageSource{.reference = "img:dev"},
      .programs = {WantedProgram{.choice = {.name = "pass", .type = ProgramType::Xdp}}}};
  return out;
}

FakeApi::Answers exported_answers() {
  FakeApi::Answers out;
  out.exported.applications = {exported("a"), exported("b")};
  out.exported.applications[1].notes = {"metadata of link 1 is left out\nx"};
  return out;
}

TEST(Export, DocumentsOneAfterAnother) {
  Outcome outcome = run_words("export a b", exported_answers());
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.asked.calls, ElementsAre("export a b"));
  Result<std::vector<WantedApplication>> read = parse_applications(outcome.out, "x");
  ASSERT_TRUE(read.ok()) << read.error().message();
  ASSERT_EQ(read->size(), 2U);
  EXPECT_EQ((*read)[0].name, "a");
  EXPECT_EQ((*read)[1].name, "b");
  EXPECT_THAT(outcome.out, HasSubstr("---\n# metadata of link 1 is left out"));
  EXPECT_THAT(outcome.err, HasSubstr("metadata of link 1 is left out"));
}

TEST(Export, NothingThereIsNoError) {
  Outcome outcome = run_words("export", FakeApi::Answers());
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "");
}

TEST(Export, IntoAFile) {
  TempDir directory = *TempDir::create("bpfman-export");
  std::string path = directory.path() + "/all.yaml";
  Outcome outcome = run_words("export -o " + path, exported_answers());
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "");
  Bytes written = *read_file(path, 4096);
  EXPECT_EQ(as_text(written), run_words("export -o -", exported_answers()).out);
}

TEST(Export, WhatCannotBeSaidIsAnErrorAndTheRestIsPrinted) {
  FakeApi::Answers some = exported_answers();
  some.exported.applications[0].error = Error(Code::Unimplemented, "a shares maps");
  Outcome outcome = run_words("export", some);
  EXPECT_EQ(outcome.status, exit_status(Code::Unimplemented));
  EXPECT_THAT(outcome.err, HasSubstr("a shares maps"));
  EXPECT_THAT(outcome.err, HasSubstr("1 of 2 applications"));
  EXPECT_THAT(outcome.out, HasSubstr("name: b"));
  EXPECT_THAT(outcome.out, Not(HasSubstr("name: a")));
  TempDir directory = *TempDir::create("bpfman-export");
  std::string path = directory.path() + "/all.yaml";
  EXPECT_THAT(run_words("export -o " + path, some).err, HasSubstr("was not written"));
  EXPECT_FALSE(path_exists(path));
  some.exported.applications.pop_back();
  Outcome alone = run_words("export a", some);
  EXPECT_THAT(alone.err, HasSubstr("a shares maps"));
  EXPECT_THAT(alone.err, Not(HasSubstr("1 of 1")));
}

}  // namespace
}  // namespace bpfman::cli::testing
