// SPDX-License-Identifier: Apache-2.0
// bpfman.toml under the command line: what the Api is made with, and which commands read the file.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/base/file.h"
#include "bpfman/cli/cli_test_support.h"

namespace bpfman::cli::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ConfigFlags : public ::testing::Test {
 protected:
  ConfigFlags() : directory_(*TempDir::create("bpfman-config-flags")) {
    answers_.load.programs = {example_program()};
    answers_.load.provenance = example_provenance();
  }

  std::string put(const std::string& name, std::string_view text) const {
    std::string path = join_path(directory_.path(), name);
    EXPECT_TRUE(make_directories(parent_path(path), 0755).ok());
    EXPECT_TRUE(write_file_atomic(path, as_bytes(text), 0644).ok());
    return path;
  }

  Outcome run(const std::string& words) const { return run_words(words, answers_, environment_); }

  TempDir directory_;
  Environment environment_;
  FakeApi::Answers answers_;
};

constexpr const char* kAll = R"([images]
sources = ["podman", "registry"]
pull_policy = "Never"
strict = true
trust_database = true
max_store_size = "1MiB"
[images.docker]
host = "unix:///file.sock"
[images.podman]
root = "/file/storage"
[images.containerd]
address = "/file/c.sock"
root = "/file/c"
namespaces = ["mine"]
)";

TEST_F(ConfigFlags, WhatTheFileSaysIsUsed) {
  std::string path = put("b.toml", kAll);
  Outcome outcome = run("--config " + path + " load image x:dev");
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const GlobalOptions& global = outcome.asked.global;
  EXPECT_THAT(global.sources, ElementsAre(SourceKind::Podman, SourceKind::Registry));
  EXPECT_EQ(global.sources_file, path);
  EXPECT_TRUE(global.strict);
  EXPECT_TRUE(global.trust_database);
  EXPECT_EQ(global.max_store_bytes, 1U << 20U);
  EXPECT_THAT(global.docker_hosts, ElementsAre("unix:///file.sock"));
  EXPECT_THAT(global.storage_roots, ElementsAre("/file/storage"));
  EXPECT_THAT(global.containerd_addresses, ElementsAre("/file/c.sock"));
  EXPECT_THAT(global.containerd_roots, ElementsAre("/file/c"));
  EXPECT_THAT(global.containerd_namespaces, ElementsAre("mine"));
  EXPECT_EQ(std::get<ImageSource>(outcome.asked.load->source).policy, PullPolicy::Never);
}

TEST_F(ConfigFlags, FlagsCountMoreThanTheFile) {
  std::string path = put("b.toml", kAll);
  Outcome outcome = run("--config " + path +
                        " --strict=false --trust-database=false --docker-host unix:///flag.sock"
                        " --storage-root /flag --containerd-address /flag.c"
                        " image pull x:dev -p Always --from docker");
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const GlobalOptions& global = outcome.asked.global;
  EXPECT_FALSE(global.strict);
  EXPECT_FALSE(global.trust_database);
  EXPECT_THAT(global.docker_hosts, ElementsAre("unix:///flag.sock"));
  EXPECT_THAT(global.storage_roots, ElementsAre("/flag"));
  EXPECT_THAT(global.containerd_addresses, ElementsAre("/flag.c"));
  EXPECT_THAT(global.containerd_roots, IsEmpty()) << "that of another address";
  EXPECT_EQ(outcome.asked.pull->policy, PullPolicy::Always);
  EXPECT_THAT(outcome.asked.pull->from, ElementsAre(SourceKind::Docker));
}

TEST_F(ConfigFlags, VariablesOfTheSameMeaningCountMoreThanTheFile) {
  environment_.variables["BPFMAN_CONFIG"] = put("b.toml", kAll);
  environment_.variables["DOCKER_HOST"] = "unix:///variable.sock";
  environment_.variables["CONTAINERD_ADDRESS"] = "/variable.sock";
  Outcome outcome = run("image pull x:dev");
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.asked.global.docker_hosts, IsEmpty());
  EXPECT_THAT(outcome.asked.global.containerd_addresses, IsEmpty());
  EXPECT_THAT(outcome.asked.global.containerd_roots, IsEmpty());
  EXPECT_THAT(outcome.asked.global.storage_roots, ElementsAre("/file/storage"));
}

TEST_F(ConfigFlags, TheUsualFileIsBelowTheRootDirectoryAndMayBeAbsent) {
  Outcome without = run("--root-dir " + directory_.path() + " image pull x:dev");
  ASSERT_EQ(without.status, 0) << without.err;
  EXPECT_FALSE(without.asked.global.strict);
  put("etc/bpfman/bpfman.toml", "[images]\nstrict = true\n");
  Outcome with = run("--root-dir " + directory_.path() + " image pull x:dev");
  ASSERT_EQ(with.status, 0) << with.err;
  EXPECT_TRUE(with.asked.global.strict);
}

TEST_F(ConfigFlags, AFileThatWasNamedMustBeThereAndRight) {
  Outcome missing = run("--config /nowhere/b.toml image pull x:dev");
  EXPECT_EQ(missing.status, 3);
  EXPECT_THAT(missing.err, HasSubstr("configuration file /nowhere/b.toml does not exist"));
  EXPECT_THAT(missing.err, HasSubstr("BPFMAN_CONFIG"));
  std::string path = put("b.toml", "[images]\nstrict = \n");
  Outcome broken = run("--config " + path + " list programs");
  EXPECT_EQ(broken.status, 2);
  EXPECT_THAT(broken.err, HasSubstr(path + ":2:"));
  EXPECT_EQ(broken.asked.made, 0);
}

TEST_F(ConfigFlags, ABrokenUsualFileKeepsNobodyFromTakingAProgramOff) {
  put("etc/bpfman/bpfman.toml", "[images]\nstrikt = true\n");
  EXPECT_EQ(run("--root-dir " + directory_.path() + " detach 1").status, 0);
  Outcome pull = run("--root-dir " + directory_.path() + " image pull x:dev");
  EXPECT_EQ(pull.status, 2);
  EXPECT_THAT(pull.err, HasSubstr("bpfman.toml:2:10: unknown key images.strikt"));
  EXPECT_THAT(pull.err, HasSubstr("did you mean images.strict"));
}

TEST_F(ConfigFlags, MaxSizeCountsInsteadOfTheConfiguredLimit) {
  std::string path = put("b.toml", "[images]\nmax_store_size = \"1MiB\"\n");
  Outcome outcome = run("--config " + path + " image pull x:dev --max-size 2MiB");
  EXPECT_EQ(outcome.asked.global.max_store_bytes, 0U);
  ASSERT_TRUE(outcome.asked.prune.has_value());
  EXPECT_EQ(outcome.asked.prune->max_bytes, 2U << 20U);
}

TEST_F(ConfigFlags, WhatWasPrunedIsANoteOnStderr) {
  answers_.load.pruned = {"docker.io/library/old:dev"};
  Outcome outcome = run("load image x:dev");
  EXPECT_THAT(outcome.err,
              HasSubstr("note: removed docker.io/library/old:dev, the least recently used, to stay "
                        "below images.max_store_size\n"));
}

TEST(From, TakesKindsOfSourcesInTheirOrder) {
  FakeApi::Answers answers;
  answers.load.programs = {example_program()};
  answers.load.provenance = example_provenance();
  Outcome outcome = run_words("load image x:dev --from containerd,docker --from registry", answers);
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(std::get<ImageSource>(outcome.asked.load->source).from,
              ElementsAre(SourceKind::Containerd, SourceKind::Docker, SourceKind::Registry));
}

TEST(From, RefusesOtherWords) {
  Outcome outcome = run_words("image pull x:dev --from dockre");
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.err, HasSubstr("--from: unknown source \"dockre\""));
  EXPECT_THAT(outcome.err, HasSubstr("docker, podman, containerd, registry"));
  outcome = run_words("image pull x:dev --from docker,docker");
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.err, HasSubstr("source \"docker\" is named twice"));
  EXPECT_EQ(outcome.asked.made, 0);
}

}  // namespace
}  // namespace bpfman::cli::testing
