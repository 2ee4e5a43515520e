// SPDX-License-Identifier: Apache-2.0
#include "bpfman/cli/reshape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/cli/cli_test_support.h"

namespace bpfman::cli::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

FakeApi::Answers reshaped_answers() {
  FakeApi::Answers out;
  out.programs = {example_program()};
  out.links = {example_link()};
  out.images = {ImageRecord{.reference = "docker.io/library/prog:dev"}};
  return out;
}

TEST(Reshape, YamlOfALoad) {
  Outcome outcome = run_words("list programs -o yaml", reshaped_answers());
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.out, StartsWith("version: 1\nprograms:\n- program_id: "));
}

TEST(Reshape, NamesAreWhatOtherCommandsTake) {
  EXPECT_EQ(run_words("list programs -o name", reshaped_answers()).out,
            reshaped_answers().programs[0].record->stable_name() + "\n");
  EXPECT_EQ(run_words("list links -o name", reshaped_answers()).out,
            std::to_string(reshaped_answers().links[0].record.id.value()) + "\n");
  EXPECT_EQ(run_words("image list -o name", reshaped_answers()).out,
            "docker.io/library/prog:dev\n");
  Outcome none = run_words("version -o name", reshaped_answers());
  EXPECT_EQ(none.status, 2);
  EXPECT_THAT(none.err, HasSubstr("nothing that has a name"));
}

TEST(Reshape, AnEmptyListHasNoNames) {
  Outcome outcome = run_words("list programs -o name");
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.out, IsEmpty());
}

TEST(Reshape, JsonPath) {
  EXPECT_EQ(run_words("list programs -o jsonpath={.programs[*].name}", reshaped_answers()).out,
            reshaped_answers().programs[0].record->name);
  Outcome bad = run_words("unload app/pass -o jsonpath={.a", reshaped_answers());
  EXPECT_EQ(bad.status, 2);
  EXPECT_THAT(bad.err, HasSubstr("jsonpath: \"}\" is missing"));
  EXPECT_THAT(bad.asked.calls, IsEmpty()) << "nothing is done before the template is known";
}

TEST(Reshape, LinesAreDocumentsOfTheirOwn) {
  FakeApi::Answers given = reshaped_answers();
  given.ledger = {LedgerEntry{.id = 1, .verb = "load"}, LedgerEntry{.id = 2, .verb = "unload"}};
  EXPECT_EQ(run_words("log -o jsonpath={.verb};", given).out, "load;unload;");
  EXPECT_THAT(run_words("log -o yaml", given).out, StartsWith("---\n"));
}

TEST(Reshape, OtherFormatsAreRefusedAsBefore) {
  Outcome outcome = run_words("list programs -o xml", reshaped_answers());
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.err, HasSubstr("one of table, wide, json, yaml, name, jsonpath=TEMPLATE"));
}

}  // namespace
}  // namespace bpfman::cli::testing
