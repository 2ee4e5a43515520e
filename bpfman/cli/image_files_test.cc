// SPDX-License-Identifier: Apache-2.0
// image save, load, build and generate-build-args: what they ask and print.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/cli/cli_test_support.h"

namespace bpfman::cli::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Digest digest(char digit) {
  return *Digest::parse("sha256:" + std::string(64, digit));
}

FakeApi::Answers file_answers() {
  FakeApi::Answers out;
  out.saved = {.references = {"docker.io/library/x:dev"}, .path = "/tmp/x.tar", .size = 10240};
  out.loaded_images.records = {ImageRecord{.reference = "docker.io/library/x:dev",
                                           .bytecode = digest('b'),
                                           .bytecode_size = 2048,
                                           .provenance = example_provenance()}};
  out.built = {.reference = "docker.io/library/x:dev",
               .digest = digest('d'),
               .platforms = {{Platform{.architecture = "amd64"}, digest('a'), digest('d')}},
               .labels = {{"io.ebpf.programs", R"({"pass":"xdp"})"}},
               .destination = "bpfman's database"};
  out.arguments.arguments = {{"BYTECODE_FILE", "prog.o"}};
  out.arguments.labels.programs = {{"pass", "xdp"}};
  out.arguments.labels.maps = {{"seen", "array"}};
  return out;
}

Environment somebody() {
  Environment environment;
  environment.effective_uid = 1000;
  return environment;
}

TEST(ImageSave, WritesOneFile) {
  Outcome outcome = run_words("image save x:dev y:dev -o /tmp/x.tar", file_answers());
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.asked.calls, ElementsAre("save x:dev y:dev to /tmp/x.tar"));
  EXPECT_EQ(outcome.out, "saved docker.io/library/x:dev\nto /tmp/x.tar (10.0 KiB)\n");
  EXPECT_THAT(run_words("image save x:dev", file_answers()).err, HasSubstr("missing --output"));
  EXPECT_THAT(run_words("image save -o x", file_answers()).err, HasSubstr("missing IMAGE"));
}

TEST(ImageLoad, TellsWhatIsInTheDatabaseNow) {
  Outcome outcome = run_words("image load -i x.tar --tag x:dev", file_answers());
  EXPECT_THAT(outcome.asked.calls, ElementsAre("load images of x.tar as x:dev"));
  EXPECT_EQ(outcome.out, "loaded docker.io/library/x:dev (" + digest('b').text() + ", 2.0 KiB)\n");
  EXPECT_THAT(run_words("image load --input x.tar -o json", file_answers()).out,
              HasSubstr("\"reference\": \"docker.io/library/x:dev\""));
  EXPECT_THAT(run_words("image load", file_answers()).err, HasSubstr("missing --input"));
}

TEST(ImageSave, CopiesAPolicyAlong) {
  EXPECT_THAT(run_words("image save docker://x -o x.tar --with-policy", file_answers()).asked.calls,
              ElementsAre("save docker://x to x.tar with policy "));
  EXPECT_THAT(
      run_words("image save docker://x -o x.tar --with-policy p.toml", file_answers()).asked.calls,
      ElementsAre("save docker://x to x.tar with policy p.toml"));
}

TEST(ImageLoad, InstallsThePolicyFirstWhereItIsTold) {
  FakeApi::Answers given = file_answers();
  given.installed = {.path = "/etc/bpfman/policy.toml",
                     .digest = digest('a'),
                     .copies = {"/etc/bpfman/policy.toml.123"}};
  Outcome outcome = run_words("image load -i x.tar --install-policy --force", given);
  EXPECT_THAT(outcome.asked.calls,
              ElementsAre("install policy of x.tar by force", "load images of x.tar as "));
  EXPECT_THAT(outcome.err,
              HasSubstr("installed policy " + digest('a').text() +
                        " as /etc/bpfman/policy.toml\n"
                        "what was there before is /etc/bpfman/policy.toml.123\n"));
  EXPECT_THAT(run_words("image load -i x.tar --force", given).err, HasSubstr("--install-policy"));
}

TEST(ImageBuild, GoesIntoTheDatabaseUnlessSaidOtherwise) {
  Outcome outcome = run_words("image build -t x:dev prog.o", file_answers());
  ASSERT_TRUE(outcome.asked.build.has_value()) << outcome.err;
  EXPECT_EQ(outcome.asked.build->target, BuildTarget::Database);
  EXPECT_THAT(outcome.asked.build->paths, ElementsAre("prog.o"));
  EXPECT_THAT(outcome.out, HasSubstr("platforms:         linux/amd64\n"));
  EXPECT_THAT(outcome.out, HasSubstr(R"(io.ebpf.programs:  {"pass":"xdp"})"));
  EXPECT_THAT(run_words("image build prog.o --format json", file_answers()).out,
              HasSubstr("\"manifest_digest\""));
}

TEST(ImageBuild, KnowsItsOtherPlaces) {
  struct Place {
    const char* word;
    BuildTarget target;
    const char* path;
  };

  for (const Place& place : {Place{"oci-archive:/tmp/x.tar", BuildTarget::OciArchive, "/tmp/x.tar"},
                             Place{"oci:dir", BuildTarget::OciLayout, "dir"},
                             Place{"docker", BuildTarget::Docker, ""},
                             Place{"podman", BuildTarget::Podman, ""},
                             Place{"containerd", BuildTarget::Containerd, ""},
                             Place{"containerd:k8s.io", BuildTarget::Containerd, "k8s.io"}}) {
    Outcome outcome = run_words(
        std::string("image build prog.o --output ") + place.word, file_answers(), somebody());
    ASSERT_TRUE(outcome.asked.build.has_value()) << outcome.err;
    EXPECT_EQ(outcome.asked.build->target, place.target);
    EXPECT_EQ(outcome.asked.build->output_path, place.path);
  }
  for (const char* word : {"oci:", "registry", "tar:x", "dockerx", "containerd:"}) {
    EXPECT_EQ(run_words(std::string("image build prog.o --output ") + word, file_answers()).status,
              2)
        << word;
  }
}

TEST(ImageBuild, PushesToTheRegistryOfItsTagOrOfItsOutput) {
  for (const char* words : {"image build -t quay.io/me/x:1 --push -r dTpw prog.o",
                            "image build --output docker://quay.io/me/x:1 -r dTpw prog.o",
                            "image build --push --output docker://quay.io/me/x:1 -r dTpw prog.o"}) {
    Outcome outcome = run_words(words, file_answers(), somebody());
    ASSERT_TRUE(outcome.asked.build.has_value()) << words << outcome.err;
    EXPECT_EQ(outcome.asked.build->target, BuildTarget::Registry);
    EXPECT_EQ(outcome.asked.build->tag, "quay.io/me/x:1");
    EXPECT_EQ(outcome.asked.build->registry_auth, "dTpw");
  }
  EXPECT_THAT(run_words("image build --push prog.o", file_answers()).err,
              HasSubstr("missing --tag"));
  EXPECT_EQ(run_words("image build --push -t q.io/x --output podman x.o", file_answers()).status,
            2);
  EXPECT_EQ(run_words("image build --push -t q.io/x --dry-run x.o", file_answers()).status, 2);
  EXPECT_EQ(run_words("image build --output docker:// x.o", file_answers()).status, 2);
}

TEST(ImagePush, SaysWhatWasSent) {
  FakeApi::Answers with = file_answers();
  with.pushed = {.reference = "quay.io/me/x:1",
                 .registry = "quay.io",
                 .digest = digest('d'),
                 .uploaded = 1,
                 .present = 2,
                 .bytes = 2048,
                 .warnings = {"a file is damaged"}};
  Outcome outcome = run_words("image push x:dev quay.io/me/x:1", with);
  EXPECT_THAT(outcome.asked.calls, ElementsAre("push x:dev to quay.io/me/x:1"));
  EXPECT_THAT(outcome.out, HasSubstr("1 of 3 parts (2.0 KiB)"));
  EXPECT_THAT(outcome.err, HasSubstr("a file is damaged"));
  EXPECT_THAT(run_words("image push x:dev -o json", with).out, HasSubstr("\"present\": 2"));
  EXPECT_EQ(run_words("image push", with).status, 2);
  EXPECT_EQ(run_words("image push a b c", with).status, 2);
  EXPECT_EQ(run_words("image push x:dev", with, somebody()).status, 5);
  EXPECT_EQ(run_words("image push oci:dir quay.io/me/x:1", with, somebody()).status, 0);
}

TEST(ImageBuild, TheDatabaseWantsRootAndADryRunTheDatabase) {
  Outcome outcome = run_words("image build prog.o", file_answers(), somebody());
  EXPECT_EQ(outcome.status, 5);
  EXPECT_THAT(outcome.err, HasSubstr("oci-archive:image.tar"));
  EXPECT_THAT(outcome.asked.calls, IsEmpty());
  EXPECT_EQ(run_words("image build prog.o --output docker --dry-run", file_answers()).status, 2);
  EXPECT_THAT(run_words("image build prog.o --dry-run", file_answers()).asked.calls,
              ElementsAre("build (dry run)"));
  EXPECT_THAT(run_words("image build", file_answers()).err, HasSubstr("missing an object file"));
}

TEST(GenerateBuildArgs, PrintsUpstreamsLines) {
  Outcome outcome =
      run_words("image generate-build-args --bytecode prog.o", file_answers(), somebody());
  EXPECT_EQ(outcome.out,
            "BYTECODE_FILE=prog.o\nPROGRAMS={\"pass\":\"xdp\"}\nMAPS={\"seen\":\"array\"}\n");
  EXPECT_THAT(run_words("image generate-build-args -c dir", file_answers()).asked.calls,
              ElementsAre("build arguments dir"));
  std::string json = run_words("image generate-build-args -b prog.o -o json", file_answers()).out;
  EXPECT_THAT(json, HasSubstr("\"platforms\": []"));
  EXPECT_THAT(json, HasSubstr("\"BYTECODE_FILE=prog.o\""));
  EXPECT_EQ(run_words("image generate-build-args", file_answers()).status, 2);
}

}  // namespace
}  // namespace bpfman::cli::testing
