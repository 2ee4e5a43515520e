// SPDX-License-Identifier: Apache-2.0
// Looking an image up in the local runtimes.
#include "bpfman/image/image_manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/image/image_manager_test_fixture.h"

namespace bpfman::image {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::StartsWith;

TEST_F(ImageManagerTest, TakesTheFirstRuntimeThatHasTheName) {
  add(SourceKind::Docker, "docker");
  let_hold(add(SourceKind::Podman, "podman"), object_);
  Result<ResolvedImage> found = resolve("x:dev");
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(*found->bytecode.bytes, object_);
  EXPECT_EQ(found->record.provenance.source, SourceKind::Podman);
  EXPECT_FALSE(found->from_database);
  EXPECT_THAT(found->warnings, IsEmpty());
}

TEST_F(ImageManagerTest, SaysAllAboutWhereItCameFrom) {
  Labels labels = {{"io.ebpf.programs", R"({"pass":"xdp"})"}};
  let_hold(add(SourceKind::Docker, "docker"), object_, labels);
  environment_.effective_uid = 0;
  environment_.invoking_user = UserAccount{.uid = 1000};
  options_.now = 1'700'000'000;
  Result<ResolvedImage> found = resolve("x:dev");
  ASSERT_TRUE(found.ok()) << found.error().message();
  std::unique_ptr<FakeImage> image = make_image(object_, labels);
  ImageRecord expected;
  expected.reference = "docker.io/library/x:dev";
  expected.typed = "x:dev";
  expected.bytecode = Digest::sha256_of(object_);
  expected.bytecode_size = object_.size();
  expected.file_name = "x.o";
  expected.labels = labels;
  expected.provenance = Provenance{.source = SourceKind::Docker,
                                   .route = "export",
                                   .location = "/run/docker",
                                   .canonical_name = "docker.io/library/x:dev",
                                   .image_id = image->about.image_id,
                                   .verification = Verification::Content,
                                   .requested_by_uid = 1000,
                                   .fetched_at = 1'700'000'000,
                                   .trust = "local"};
  EXPECT_EQ(found->record, expected);
  EXPECT_EQ(found->bytecode.digest, expected.bytecode);
  EXPECT_EQ(found->bytecode.file_name, "x.o");
  EXPECT_THAT(found->labels.programs, ElementsAre(Pair("pass", "xdp")));
}

TEST_F(ImageManagerTest, StopsAtARuntimeThatDoesNotAnswer) {
  let_fail(add(SourceKind::Docker, "docker"), Code::Unavailable, "docker is silent");
  RuntimeScript& podman = add(SourceKind::Podman, "podman");
  let_hold(podman, object_);
  Result<ResolvedImage> found = resolve("x:dev");
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code(), Code::Unavailable);
  EXPECT_THAT(found.error().message(), AllOf(HasSubstr("x:dev"), HasSubstr("docker is silent")));
  EXPECT_EQ(podman.asked, 0);
}

TEST_F(ImageManagerTest, ListsEveryPlaceAndWhyItMissed) {
  add(SourceKind::Docker, "docker");
  add(SourceKind::Podman, "podman");
  Result<ResolvedImage> found = resolve("x:dev", PullPolicy::Never);
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code(), Code::NotFound);
  EXPECT_EQ(found.error().message(), "image x:dev is in no source");
  EXPECT_THAT(found.error().hints(),
              ElementsAre("bpfman's database: not there",
                          "docker (/run/docker): no such image in docker",
                          "podman (/run/podman): no such image in podman",
                          "registry docker.io: not asked: the pull policy is Never",
                          HasSubstr("docker build -t x:dev")));
}

TEST_F(ImageManagerTest, RefusesWhatIsNoReference) {
  EXPECT_EQ(resolve("Not:A:Name").error().code(), Code::InvalidArgument);
}

TEST_F(ImageManagerTest, AsksOnlyTheKindOfRuntimeThatTheTransportNames) {
  RuntimeScript& docker = add(SourceKind::Docker, "docker");
  RuntimeScript& podman = add(SourceKind::Podman, "podman");
  let_hold(docker, object_);
  let_hold(podman, other_);
  EXPECT_EQ(*resolve("docker-daemon:x:dev")->bytecode.bytes, object_);
  EXPECT_EQ(podman.asked, 0);
  docker.asked = 0;
  EXPECT_EQ(*resolve("containers-storage:x:dev")->bytecode.bytes, other_);
  EXPECT_EQ(docker.asked, 0);
}

TEST_F(ImageManagerTest, GoesNowhereElseWhenATransportIsNamed) {
  add(SourceKind::Docker, "docker");
  RuntimeScript& podman = add(SourceKind::Podman, "podman");
  let_hold(podman, object_);
  remember("docker.io/library/x:dev", object_, SourceKind::Docker);
  Result<ResolvedImage> found = resolve("docker-daemon:x:dev");
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code(), Code::NotFound);
  EXPECT_THAT(found.error().hints(),
              ElementsAre(StartsWith("docker (/run/docker)"), HasSubstr("build")));
  EXPECT_EQ(podman.asked, 0);
  EXPECT_EQ(database_.asked, 0);
}

// ---- several runtimes with the name -------------------------------------------------------------

TEST_F(ImageManagerTest, WarnsOfAnotherProgramOfTheSameName) {
  let_hold(add(SourceKind::Docker, "docker"), object_);
  let_hold(add(SourceKind::Podman, "podman"), other_);
  Result<ResolvedImage> found = resolve("x:dev");
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(*found->bytecode.bytes, object_);
  EXPECT_THAT(
      found->warnings,
      ElementsAre(AllOf(HasSubstr("podman (/run/podman)"), HasSubstr("different program"))));
}

TEST_F(ImageManagerTest, RefusesAnotherProgramOfTheSameNameWhenStrict) {
  let_hold(add(SourceKind::Docker, "docker"), object_);
  let_hold(add(SourceKind::Podman, "podman"), other_);
  options_.strict = true;
  Result<ResolvedImage> found = resolve("x:dev");
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code(), Code::FailedPrecondition);
  EXPECT_THAT(found.error().message(), AllOf(HasSubstr("podman"), HasSubstr("docker")));
  EXPECT_THAT(found.error().hints(), ElementsAre(HasSubstr("docker-daemon:x:dev")));
}

TEST_F(ImageManagerTest, IsSilentAboutAnotherImageWithTheSameProgram) {
  let_hold(add(SourceKind::Docker, "docker"), object_);
  let_hold(add(SourceKind::Podman, "podman"), object_, {{"built", "by buildah"}});
  options_.strict = true;
  Result<ResolvedImage> found = resolve("x:dev");
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_THAT(found->warnings, IsEmpty());
}

TEST_F(ImageManagerTest, NeverReadsTheSameImageTwice) {
  let_hold(add(SourceKind::Docker, "docker"), object_);
  RuntimeScript& podman = add(SourceKind::Podman, "podman");
  podman.find = [this]() -> Answer {
    std::unique_ptr<FakeImage> image = make_image(object_);
    image->archive = []() -> Result<std::unique_ptr<ByteSource>> {
      ADD_FAILURE() << "it was read";
      return Error(Code::Internal, "read");
    };
    return holding(std::move(image));
  };
  EXPECT_TRUE(resolve("x:dev").ok());
  EXPECT_EQ(podman.asked, 1);
}

TEST_F(ImageManagerTest, IsNotTroubledByALaterRuntimeThatDoesNotAnswer) {
  let_hold(add(SourceKind::Docker, "docker"), object_);
  let_fail(add(SourceKind::Podman, "podman"), Code::Unavailable, "silent");
  EXPECT_TRUE(resolve("x:dev").ok());
}

// ---- changes while reading ----------------------------------------------------------------------

TEST_F(ImageManagerTest, LooksAgainWhenSomethingVanishedWhileItWasRead) {
  RuntimeScript& docker = add(SourceKind::Docker, "docker");
  docker.find = [this, &docker]() -> Answer {
    std::unique_ptr<FakeImage> image = make_image(docker.asked < 3 ? object_ : other_);
    if (docker.asked < 3) {
      image->layers = []() -> Result<std::vector<LayerDirectory>> {
        return Error(Code::NotFound, "the layer vanished");
      };
    }
    return holding(std::move(image));
  };
  Result<ResolvedImage> found = resolve("x:dev");
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(*found->bytecode.bytes, other_);
  EXPECT_EQ(found->record.provenance.image_id, make_image(other_)->about.image_id);
}

TEST_F(ImageManagerTest, SaysThatAnImageWasRemovedWhileItWasRead) {
  RuntimeScript& docker = add(SourceKind::Docker, "docker");
  docker.find = [this, &docker]() -> Answer {
    if (docker.asked > 1) {
      return ContainerRuntime::Answer{nullptr, "gone"};
    }
    std::unique_ptr<FakeImage> image = make_image(object_);
    image->layers = []() -> Result<std::vector<LayerDirectory>> {
      return Error(Code::NotFound, "the layer vanished");
    };
    return holding(std::move(image));
  };
  Result<ResolvedImage> found = resolve("x:dev");
  EXPECT_EQ(found.error().code(), Code::NotFound);
  EXPECT_THAT(found.error().message(), HasSubstr("was removed from docker"));
}

TEST_F(ImageManagerTest, StopsAtDamageThatStays) {
  RuntimeScript& docker = add(SourceKind::Docker, "docker");
  docker.find = [this]() -> Answer {
    std::unique_ptr<FakeImage> image = make_image(object_);
    image->layers = []() -> Result<std::vector<LayerDirectory>> {
      return Error(Code::DataLoss, "the layer does not match its digest");
    };
    return holding(std::move(image));
  };
  RuntimeScript& podman = add(SourceKind::Podman, "podman");
  let_hold(podman, object_);
  Result<ResolvedImage> found = resolve("x:dev");
  EXPECT_EQ(found.error().code(), Code::DataLoss);
  EXPECT_EQ(docker.asked, 3);
  EXPECT_EQ(podman.asked, 0);
}

TEST_F(ImageManagerTest, WarnsOfAnImageForAnotherArchitecture) {
  add(SourceKind::Docker, "docker").find = [this]() -> Answer {
    return holding(make_image(object_, {}, Platform{.architecture = "vax"}));
  };
  Result<ResolvedImage> found = resolve("x:dev");
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_THAT(found->warnings, ElementsAre(HasSubstr("is for linux/vax")));
}

TEST_F(ImageManagerTest, ProbesItsRuntimesInOrder) {
  std::vector<std::unique_ptr<ContainerRuntime>> runtimes;
  for (const char* name : {"docker", "podman"}) {
    runtimes.push_back(std::make_unique<ScriptedRuntime>(add(SourceKind::Docker, name)));
  }
  ImageManager manager(std::move(runtimes), nullptr, environment_, options_);
  std::vector<RuntimeStatus> found = manager.probe_sources();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].name, "docker");
  EXPECT_EQ(found[1].name, "podman");
}

TEST_F(ImageManagerTest, NeedsNoDatabase) {
  std::vector<std::unique_ptr<ContainerRuntime>> runtimes;
  RuntimeScript& docker = add(SourceKind::Docker, "docker");
  let_hold(docker, object_);
  runtimes.push_back(std::make_unique<ScriptedRuntime>(docker));
  ImageManager manager(std::move(runtimes), nullptr, environment_, options_);
  EXPECT_TRUE(manager.resolve(ImageSource{.reference = "x:dev"}).ok());
}

}  // namespace
}  // namespace bpfman::image
