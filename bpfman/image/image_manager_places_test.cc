// SPDX-License-Identifier: Apache-2.0
// The database before the local runtimes, and the registry behind them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/image/image_manager_test_fixture.h"
#include "bpfman/image/registry_test_fixture.h"

namespace bpfman::image {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;

constexpr const char* kName = "docker.io/library/x:dev";

class DatabaseFirst : public ImageManagerTest {};

TEST_F(DatabaseFirst, UsesItsCopyAfterOneLookThatReadsNothing) {
  RuntimeScript& docker = add(SourceKind::Docker, "docker");
  docker.find = [this]() -> Answer {
    std::unique_ptr<FakeImage> image = make_image(object_);
    image->archive = nullptr;
    return holding(std::move(image));
  };
  remember(kName, object_, SourceKind::Docker).labels = {{"io.ebpf.programs", R"({"a":"xdp"})"}};
  Result<ResolvedImage> found = resolve("x:dev");
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_TRUE(found->from_database);
  EXPECT_EQ(*found->bytecode.bytes, object_);
  EXPECT_EQ(found->record, database_.images.at(kName));
  EXPECT_THAT(found->labels.programs, ElementsAre(Pair("a", "xdp")));
  EXPECT_THAT(found->warnings, IsEmpty());
  EXPECT_EQ(docker.asked, 1);
}

TEST_F(DatabaseFirst, LetsARebuiltImageWin) {
  let_hold(add(SourceKind::Docker, "docker"), other_);
  remember(kName, object_, SourceKind::Docker);
  Result<ResolvedImage> found = resolve("x:dev");
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_FALSE(found->from_database);
  EXPECT_EQ(*found->bytecode.bytes, other_);
  EXPECT_THAT(found->warnings, ElementsAre(HasSubstr("is another image in docker now")));
}

TEST_F(DatabaseFirst, LetsALocalImageWinOverAnEarlierPull) {
  let_hold(add(SourceKind::Docker, "docker"), other_);
  remember(kName, object_, SourceKind::Registry);
  EXPECT_EQ(*resolve("x:dev")->bytecode.bytes, other_);
}

TEST_F(DatabaseFirst, IsSilentAboutARebuiltImageWithTheSameProgram) {
  let_hold(add(SourceKind::Docker, "docker"), object_, {{"built", "again"}});
  remember(kName, object_, SourceKind::Docker);
  Result<ResolvedImage> found = resolve("x:dev");
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_FALSE(found->from_database);
  EXPECT_THAT(found->warnings, IsEmpty());
}

TEST_F(DatabaseFirst, NeverServesTheOldProgramWhenTheRebuiltImageIsDamaged) {
  add(SourceKind::Docker, "docker").find = [this]() -> Answer {
    std::unique_ptr<FakeImage> image = make_image(other_);
    image->layers = []() -> Result<std::vector<LayerDirectory>> {
      return Error(Code::DataLoss, "the layer does not match its digest");
    };
    return holding(std::move(image));
  };
  remember(kName, object_, SourceKind::Docker);
  EXPECT_EQ(resolve("x:dev").error().code(), Code::DataLoss);
}

TEST_F(DatabaseFirst, SaysThatTheImageIsInNoLocalStoreAnyMore) {
  add(SourceKind::Docker, "docker");
  remember(kName, object_, SourceKind::Docker);
  Result<ResolvedImage> found = resolve("x:dev");
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_TRUE(found->from_database);
  EXPECT_THAT(found->warnings, ElementsAre(HasSubstr("in no local store any more")));
}

TEST_F(DatabaseFirst, ExpectsNoLocalImageWhereItCameFromARegistry) {
  add(SourceKind::Docker, "docker");
  remember(kName, object_, SourceKind::Registry);
  EXPECT_THAT(resolve("x:dev")->warnings, IsEmpty());
}

TEST_F(DatabaseFirst, SaysThatARuntimeCouldNotBeAsked) {
  let_fail(add(SourceKind::Docker, "docker"), Code::Unavailable, "docker is silent");
  remember(kName, object_, SourceKind::Docker);
  Result<ResolvedImage> found = resolve("x:dev");
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_TRUE(found->from_database);
  EXPECT_THAT(found->warnings, ElementsAre(HasSubstr("docker is silent")));
}

TEST_F(DatabaseFirst, AsksNobodyWhenTheDatabaseIsTrusted) {
  RuntimeScript& docker = add(SourceKind::Docker, "docker");
  let_hold(docker, other_);
  remember(kName, object_, SourceKind::Docker);
  options_.trust_database = true;
  Result<ResolvedImage> found = resolve("x:dev");
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(*found->bytecode.bytes, object_);
  EXPECT_EQ(docker.asked, 0);
}

TEST_F(DatabaseFirst, IsNotAskedUnderAlways) {
  let_hold(add(SourceKind::Docker, "docker"), other_);
  remember(kName, object_, SourceKind::Docker);
  EXPECT_EQ(*resolve("x:dev", PullPolicy::Always)->bytecode.bytes, other_);
  EXPECT_EQ(database_.asked, 0);
}

TEST_F(DatabaseFirst, IsAskedUnderNever) {
  remember(kName, object_, SourceKind::Registry);
  EXPECT_TRUE(resolve("x:dev", PullPolicy::Never)->from_database);
}

TEST_F(DatabaseFirst, ReadsTheImageAgainWhereItsCopyIsDamaged) {
  let_hold(add(SourceKind::Docker, "docker"), object_);
  remember(kName, object_, SourceKind::Docker);
  database_.blobs.clear();
  Result<ResolvedImage> found = resolve("x:dev");
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_FALSE(found->from_database);
  EXPECT_EQ(*found->bytecode.bytes, object_);
  EXPECT_THAT(found->warnings, ElementsAre(HasSubstr("is damaged")));
}

TEST_F(DatabaseFirst, ListsItsDamagedCopyWhereTheImageIsNowhereElse) {
  remember(kName, object_, SourceKind::Docker);
  database_.blobs.clear();
  Result<ResolvedImage> found = resolve("x:dev", PullPolicy::Never);
  EXPECT_EQ(found.error().code(), Code::NotFound);
  EXPECT_THAT(found.error().hints(),
              Contains(AllOf(StartsWith("bpfman's database"), HasSubstr("is damaged"))));
}

TEST_F(DatabaseFirst, PassesItsErrorsOn) {
  let_hold(add(SourceKind::Docker, "docker"), object_);
  database_.failure = Error(Code::DataLoss, "the database is corrupt");
  EXPECT_EQ(resolve("x:dev").error().code(), Code::DataLoss);
}

// ---- the registry at last -----------------------------------------------------------------------

class RegistryLast : public ImageManagerTest {
 protected:
  RegistryLast() { content_.add_image("me/prog", "dev", LayerWriter().file("x.o", object_)); }

  void serve() { registry_.emplace(content_); }

  std::string name() const { return registry_->address() + "/me/prog:dev"; }

  RegistryContent content_;
  std::optional<FakeRegistry> registry_;
};

TEST_F(RegistryLast, IsAskedWhenAllOtherPlacesMissed) {
  RuntimeScript& docker = add(SourceKind::Docker, "docker");
  serve();
  Result<ResolvedImage> found = resolve(name());
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(*found->bytecode.bytes, object_);
  EXPECT_EQ(docker.asked, 1);
  const Provenance& provenance = found->record.provenance;
  EXPECT_EQ(provenance.source, SourceKind::Registry);
  EXPECT_EQ(provenance.location, registry_->address());
  EXPECT_EQ(provenance.route, "registry");
  EXPECT_EQ(provenance.canonical_name, name());
  EXPECT_EQ(provenance.verification, Verification::Content);
  EXPECT_EQ(provenance.trust, "registry-unsigned-allowed");
  EXPECT_FALSE(provenance.manifest_digest.empty());
}

TEST_F(RegistryLast, IsNotAskedWhereALocalStoreHasTheImage) {
  let_hold(add(SourceKind::Docker, "docker"), other_);
  serve();
  EXPECT_EQ(*resolve(name(), PullPolicy::Always)->bytecode.bytes, other_);
  EXPECT_THAT(registry_->lines(), IsEmpty());
}

TEST_F(RegistryLast, IsNotAskedWhereARuntimeDoesNotAnswer) {
  let_fail(add(SourceKind::Docker, "docker"), Code::Unavailable, "docker is silent");
  serve();
  EXPECT_EQ(resolve(name()).error().code(), Code::Unavailable);
  EXPECT_THAT(registry_->lines(), IsEmpty());
}

TEST_F(RegistryLast, IsNotAskedUnderNever) {
  serve();
  Result<ResolvedImage> found = resolve(name(), PullPolicy::Never);
  EXPECT_EQ(found.error().code(), Code::NotFound);
  EXPECT_THAT(found.error().hints(), Contains(HasSubstr("the pull policy is Never")));
  EXPECT_THAT(registry_->lines(), IsEmpty());
}

TEST_F(RegistryLast, IsNeverAskedForNamesOfThisHost) {
  Result<ResolvedImage> found = resolve("localhost/x:dev", PullPolicy::Always);
  EXPECT_EQ(found.error().code(), Code::NotFound);
  EXPECT_THAT(found.error().hints(), Contains(HasSubstr("never leave this host")));
}

TEST_F(RegistryLast, IsNeverAskedForAnImageId) {
  Result<ResolvedImage> found = resolve("sha256:" + std::string(64, '0'));
  EXPECT_EQ(found.error().code(), Code::NotFound);
  EXPECT_THAT(found.error().hints(), Not(Contains(HasSubstr("registry"))));
}

TEST_F(RegistryLast, IsListedWithWhatItSaid) {
  add(SourceKind::Docker, "docker");
  serve();
  Result<ResolvedImage> found = resolve(registry_->address() + "/me/other:dev");
  EXPECT_EQ(found.error().code(), Code::NotFound);
  EXPECT_THAT(found.error().hints(),
              AllOf(Contains(StartsWith("docker (/run/docker)")),
                    Contains(AllOf(StartsWith("registry 127.0.0.1"), HasSubstr("NAME_UNKNOWN")))));
}

TEST_F(RegistryLast, NeverHidesDamage) {
  content_.reply("/v2/me/prog/manifests/dev")
      .headers.emplace_back("Docker-Content-Digest", Digest::sha256_of(as_bytes("another")).text());
  serve();
  EXPECT_EQ(resolve(name()).error().code(), Code::DataLoss);
}

TEST_F(RegistryLast, IsAskedAtOnceWhenItsTransportIsNamed) {
  RuntimeScript& docker = add(SourceKind::Docker, "docker");
  let_hold(docker, other_);
  serve();
  remember(name(), other_, SourceKind::Docker);
  EXPECT_EQ(*resolve("docker://" + name())->bytecode.bytes, object_);
  EXPECT_EQ(docker.asked, 0);
  EXPECT_EQ(database_.asked, 0);
}

TEST_F(RegistryLast, SpeaksForItselfWhenItsTransportIsNamed) {
  serve();
  Result<ResolvedImage> found = resolve("docker://" + registry_->address() + "/me/other:dev");
  EXPECT_EQ(found.error().code(), Code::NotFound);
  EXPECT_THAT(found.error().message(), HasSubstr("NAME_UNKNOWN"));
}

// ---- which kinds of sources are asked

TEST_F(ImageManagerTest, FromLimitsAndOrdersWhatIsAsked) {
  RuntimeScript& docker = add(SourceKind::Docker, "docker");
  RuntimeScript& podman = add(SourceKind::Podman, "podman");
  RuntimeScript& containerd = add(SourceKind::Containerd, "containerd");
  let_hold(docker, object_);
  let_hold(podman, object_);
  let_hold(containerd, object_);
  Result<ResolvedImage> found =
      resolve("x:dev", PullPolicy::IfNotPresent, {SourceKind::Containerd, SourceKind::Podman});
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(found->record.provenance.source, SourceKind::Containerd);
  EXPECT_EQ(docker.asked, 0);
}

TEST_F(ImageManagerTest, AMissTellsWhatWasNotAskedAndWhoSaysSo) {
  RuntimeScript& docker = add(SourceKind::Docker, "docker");
  RuntimeScript& containerd = add(SourceKind::Containerd, "containerd");
  let_hold(containerd, object_);
  options_.sources = {.kinds = {SourceKind::Docker}, .file = "/etc/bpfman/bpfman.toml"};
  Result<ResolvedImage> found = resolve("x:dev");
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code(), Code::NotFound);
  EXPECT_THAT(found.error().hints(),
              Contains("containerd: not asked: not in images.sources of /etc/bpfman/bpfman.toml"));
  EXPECT_THAT(found.error().hints(),
              Contains("registry: not asked: not in images.sources of /etc/bpfman/bpfman.toml"));
  EXPECT_EQ(docker.asked, 1);
  EXPECT_EQ(containerd.asked, 0);
}

TEST_F(ImageManagerTest, FromCountsMoreThanTheConfiguration) {
  RuntimeScript& containerd = add(SourceKind::Containerd, "containerd");
  let_hold(containerd, object_);
  options_.sources = {.kinds = {SourceKind::Docker}, .file = "/b.toml"};
  EXPECT_TRUE(resolve("x:dev", PullPolicy::IfNotPresent, {SourceKind::Containerd}).ok());
}

TEST_F(ImageManagerTest, FromUsesAStoredCopyOnlyFromTheseKinds) {
  RuntimeScript& podman = add(SourceKind::Podman, "podman");
  remember("docker.io/library/x:dev", object_, SourceKind::Docker);
  Result<ResolvedImage> found = resolve("x:dev", PullPolicy::IfNotPresent, {SourceKind::Podman});
  ASSERT_FALSE(found.ok());
  EXPECT_THAT(found.error().hints(),
              Contains("bpfman's database: its copy came from docker, which is not in --from"));
  let_hold(podman, other_);
  found = resolve("x:dev", PullPolicy::IfNotPresent, {SourceKind::Podman});
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(found->bytecode.digest, Digest::sha256_of(other_));
  found = resolve("x:dev", PullPolicy::IfNotPresent, {SourceKind::Docker});
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_TRUE(found->from_database);
}

TEST_F(ImageManagerTest, ARegistryThatStandsFirstIsAskedFirst) {
  RuntimeScript& docker = add(SourceKind::Docker, "docker");
  let_hold(docker, object_);
  // localhost/ is never asked for: that it was looked at can be seen nevertheless.
  Result<ResolvedImage> found = resolve(
      "localhost/x:dev", PullPolicy::IfNotPresent, {SourceKind::Registry, SourceKind::Docker});
  ASSERT_TRUE(found.ok()) << found.error().message();
  docker.find = [] { return Answer(ContainerRuntime::Answer{nullptr, "no such image"}); };
  found = resolve(
      "localhost/x:dev", PullPolicy::IfNotPresent, {SourceKind::Registry, SourceKind::Docker});
  ASSERT_FALSE(found.ok());
  const std::vector<std::string>& hints = found.error().hints();
  auto place = [&](const std::string& text) {
    return std::find_if(hints.begin(), hints.end(), [&](const std::string& hint) {
      return hint.starts_with(text);
    });
  };
  ASSERT_NE(place("docker (/run/docker)"), hints.end());
  EXPECT_LT(place("registry localhost"), place("docker (/run/docker)"));
}

TEST_F(ImageManagerTest, SourcesThatAreNotAskedAreShownAsSuchAndNotProbed) {
  add(SourceKind::Docker, "docker");
  add(SourceKind::Containerd, "containerd");
  options_.sources = {.kinds = {SourceKind::Containerd}, .file = "/b.toml"};
  std::vector<std::unique_ptr<ContainerRuntime>> runtimes;
  for (RuntimeScript& script : scripts_) {
    runtimes.push_back(std::make_unique<ScriptedRuntime>(script));
  }
  ImageManager manager(std::move(runtimes), nullptr, environment_, options_);
  std::vector<RuntimeStatus> status = manager.probe_sources();
  ASSERT_EQ(status.size(), 2U);
  EXPECT_EQ(status[0].name, "containerd");
  EXPECT_EQ(status[1].name, "docker");
  EXPECT_FALSE(status[1].usable);
  EXPECT_EQ(status[1].reason, "not asked: not in images.sources of /b.toml");
}

}  // namespace
}  // namespace bpfman::image
