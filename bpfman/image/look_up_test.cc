// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/look_up.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bpfman::image {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

using enum SourceKind;

Result<LookUp> plan(const std::string& name,
                    const std::vector<SourceKind>& from = {},
                    const SourceSettings& settings = {}) {
  ImageReference reference = TRY(ImageReference::parse(name));
  return plan_look_up(reference, ImageSource{.reference = name, .from = from}, settings);
}

TEST(LookUp, AsksEverythingUnlessToldOtherwise) {
  Result<LookUp> all = plan("x:dev");
  ASSERT_TRUE(all.ok());
  EXPECT_THAT(all->kinds, ElementsAre(Docker, Podman, Containerd, Registry));
  EXPECT_THAT(all->unasked, IsEmpty());
  EXPECT_FALSE(all->only_named);
}

TEST(LookUp, FollowsTheSettingsAndNamesTheirFile) {
  Result<LookUp> some = plan("x:dev", {}, {.kinds = {Containerd, Docker}, .file = "/b.toml"});
  ASSERT_TRUE(some.ok());
  EXPECT_THAT(some->kinds, ElementsAre(Containerd, Docker));
  EXPECT_THAT(some->unasked, ElementsAre(Podman, Registry));
  EXPECT_EQ(some->why_unasked, "not in images.sources of /b.toml");
}

TEST(LookUp, ACommandsWordCountsMoreThanTheSettings) {
  Result<LookUp> some = plan("x:dev", {Registry, Podman}, {.kinds = {Docker}, .file = "/b.toml"});
  ASSERT_TRUE(some.ok());
  EXPECT_THAT(some->kinds, ElementsAre(Registry, Podman));
  EXPECT_THAT(some->unasked, ElementsAre(Docker, Containerd));
  EXPECT_EQ(some->why_unasked, "not in --from");
  EXPECT_TRUE(some->only_named);
}

TEST(LookUp, ATransportLeavesItsOwnSource) {
  EXPECT_THAT(plan("docker-daemon:x:dev")->kinds, ElementsAre(Docker));
  EXPECT_THAT(plan("containers-storage:x:dev")->kinds, ElementsAre(Podman));
  EXPECT_THAT(plan("containerd:x:dev")->kinds, ElementsAre(Containerd));
  EXPECT_THAT(plan("docker://x:dev")->kinds, ElementsAre(Registry));
  EXPECT_THAT(plan("docker://x:dev")->unasked, IsEmpty());
  EXPECT_THAT(plan("docker-daemon:x:dev", {Docker, Podman})->kinds, ElementsAre(Docker));
}

TEST(LookUp, ATransportWhoseSourceIsDisabledIsAMissAndNotGuessedAround) {
  Result<LookUp> none = plan("containerd:x:dev", {}, {.kinds = {Docker}});
  ASSERT_TRUE(none.ok());
  EXPECT_THAT(none->kinds, IsEmpty());
  EXPECT_THAT(none->unasked, ElementsAre(Containerd));
}

TEST(LookUp, ANameAndACommandThatContradictEachOtherAreRefused) {
  for (const char* name : {"containerd:x:dev", "oci-archive:/x.tar", "docker://x:dev"}) {
    Result<LookUp> refused = plan(name, {Docker, Podman});
    ASSERT_FALSE(refused.ok()) << name;
    EXPECT_EQ(refused.error().code(), Code::InvalidArgument);
    EXPECT_THAT(refused.error().message(), StartsWith(name));
    EXPECT_THAT(refused.error().message(), HasSubstr("docker,podman of --from"));
  }
}

TEST(LookUp, AnIdIsAskedOfNoRegistry) {
  std::string id = "sha256:" + std::string(64, 'a');
  EXPECT_THAT(plan(id)->kinds, ElementsAre(Docker, Podman, Containerd));
  EXPECT_THAT(plan(id, {Registry})->kinds, IsEmpty());
}

TEST(NotFound, TellsEveryPlaceAndWhatWasNotAsked) {
  Result<LookUp> some = plan("x:dev", {}, {.kinds = {Docker, Podman}, .file = "/b.toml"});
  Error error =
      not_found(*ImageReference::parse("x:dev"), {{"docker (/run/d)", "no such image"}}, *some);
  EXPECT_EQ(error.code(), Code::NotFound);
  EXPECT_EQ(error.message(), "image x:dev is in no source");
  EXPECT_THAT(error.hints(),
              ElementsAre("docker (/run/d): no such image",
                          "containerd: not asked: not in images.sources of /b.toml",
                          "registry: not asked: not in images.sources of /b.toml",
                          StartsWith("build it (docker build -t x:dev")));
}

}  // namespace
}  // namespace bpfman::image
