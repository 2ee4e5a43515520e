// SPDX-License-Identifier: Apache-2.0
// containerd whose daemon is down, absent or deaf; one that answers is in tests/acceptance.
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/base/file.h"
#include "bpfman/container/container_test_support.h"
#include "bpfman/container/containerd_daemon.h"
#include "bpfman/container/runtimes.h"

namespace bpfman::container {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kTarget = "9f72cdb5b52b725269153743ee0fd2ee15b49e1799ef6315a896862e6b4770ba";
constexpr const char* kConfig = "d5eb75becac7b2074597b2d3ed91fa7dde0b225726f9828ef988d6030c8540af";
constexpr const char* kLayer = "30940e387874c467b65e178f992352c4011ecbb054a7d2b8c28c0ae6f684d00d";
constexpr const char* kBlobs = "root/io.containerd.content.v1.content/blobs/sha256/";

class ContainerdTest : public ::testing::Test {
 protected:
  ContainerdTest() : directory_(*TempDir::create("bpfman-containerd")), socket_(at("s")) {
    const std::string data = BPFMAN_TEST_DATA "/containerd/";
    copy(data + "meta.db", at("root/io.containerd.metadata.v1.bolt/meta.db"));
    copy(data + "metadata.db", at("root/io.containerd.snapshotter.v1.overlayfs/metadata.db"));
    for (const char* blob : {kTarget, kConfig, kLayer}) {
      copy(data + "blobs/sha256/" + blob, at(kBlobs + std::string(blob)));
    }
  }

  static void copy(const std::string& from, const std::string& to) {
    Bytes bytes = *read_file(from, std::size_t{1} << 20);
    put_file(to, as_text(bytes));
  }

  std::string at(const std::string& name) const { return join_path(directory_.path(), name); }

  std::unique_ptr<ContainerRuntime> runtime(bool with_root = true) const {
    return make_containerd_runtime(
        {.name = "containerd", .socket = socket_, .root = with_root ? at("root") : ""});
  }

  Result<ContainerRuntime::Answer> find(const std::string& name) const {
    return runtime()->find(reference(name));
  }

  std::string why_missing(const std::string& name) const {
    Result<ContainerRuntime::Answer> answer = find(name);
    EXPECT_TRUE(answer.ok()) << answer.error().message();
    return answer.ok() && answer->image == nullptr ? answer->why_missing : "found";
  }

  TempDir directory_;
  std::string socket_;
};

TEST_F(ContainerdTest, ADirectoryIsReadWhileTheDaemonIsDown) {
  leave_socket(socket_);
  Result<ContainerRuntime::Answer> answer = find("x:plain");
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  ASSERT_NE(answer->image, nullptr) << answer->why_missing;
  const ImageDescription& about = answer->image->description();
  EXPECT_EQ(about.canonical_name, "k8s.io/docker.io/library/x:plain");
  EXPECT_EQ(about.image_id.hex(), kConfig);
  EXPECT_EQ(about.manifest_digest.hex(), kTarget);
  EXPECT_EQ(digest_of(about.config_json).hex(), kConfig);
  std::vector<LayerBlob> blobs = *answer->image->open_blobs();
  ASSERT_THAT(blobs, SizeIs(1));
  EXPECT_EQ(blobs[0].digest.hex(), kLayer);
  EXPECT_EQ(digest_of(text_of(*blobs[0].open())).hex(), kLayer);
}

TEST_F(ContainerdTest, NamespacesThatWereChosenReplaceTheUsualOnes) {
  auto look = [this](const std::vector<std::string>& spaces) {
    return make_containerd_runtime({.name = "containerd",
                                    .socket = socket_,
                                    .root = at("root"),
                                    .owner = std::nullopt,
                                    .namespaces = spaces})
        ->find(reference("x:plain"));
  };
  Result<ContainerRuntime::Answer> found = look({"mine", "k8s.io"});
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_NE(found->image, nullptr);
  Result<ContainerRuntime::Answer> missing = look({"mine"});
  ASSERT_TRUE(missing.ok()) << missing.error().message();
  EXPECT_THAT(missing->why_missing, HasSubstr("none of its namespaces"));
}

class OwnedContainerdTest : public ContainerdTest {
 protected:
  std::unique_ptr<ContainerRuntime> owned(const std::string& root) const {
    return make_containerd_runtime(
        {.name = "containerd (user alice)",
         .socket = "",
         .root = root,
         .owner = UserAccount{.uid = uid_, .name = "alice", .home = directory_.path()}});
  }

  std::uint32_t uid_ = ::geteuid();
};

TEST_F(OwnedContainerdTest, ADirectoryOfAUserIsReadWithoutAnySocket) {
  std::unique_ptr<ContainerRuntime> runtime = owned(at("root"));
  EXPECT_EQ(runtime->location(), at("root"));
  EXPECT_TRUE(runtime->probe().usable);
  Result<ContainerRuntime::Answer> answer = runtime->find(reference("x:plain"));
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_NE(answer->image, nullptr);
}

TEST_F(OwnedContainerdTest, ALinkOnTheWayIsNotFollowed) {
  ASSERT_EQ(::symlink(at("root").c_str(), at("link").c_str()), 0);
  Result<ContainerRuntime::Answer> answer = owned(at("link"))->find(reference("x:plain"));
  EXPECT_FALSE(answer.ok());
}

TEST_F(OwnedContainerdTest, ADirectoryOfSomebodyElseIsNotRead) {
  uid_ = ::geteuid() + 1;
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(at("root").c_str(), 4242, 4242), 0);
  }
  Result<ContainerRuntime::Answer> answer = owned(at("root"))->find(reference("x:plain"));
  ASSERT_FALSE(answer.ok());
  EXPECT_THAT(answer.error().message(), HasSubstr("does not belong to user alice"));
}

TEST_F(OwnedContainerdTest, ADirectoryOutsideOfTheHomeIsNotRead) {
  Result<ContainerRuntime::Answer> answer = owned("/nowhere/root")->find(reference("x:plain"));
  ASSERT_FALSE(answer.ok());
  EXPECT_THAT(answer.error().message(), HasSubstr("not in the home"));
}

TEST_F(ContainerdTest, IdsAndDigestsAreFound) {
  std::string target(kTarget);
  for (const std::string& name : {target,
                                  "sha256:" + target,
                                  target.substr(0, 12),
                                  "x@sha256:" + target,
                                  std::string("containerd:x:plain"),
                                  std::string("containerd:k8s.io/x:plain")}) {
    EXPECT_EQ(why_missing(name), "found") << name;
  }
  EXPECT_THAT(why_missing("containerd:default/x:plain"), HasSubstr("none of its namespaces"));
  EXPECT_THAT(why_missing("x:other"), HasSubstr("no image named docker.io/library/x:other"));
  EXPECT_NE(why_missing("x:plain@" + digest_of_digits('a').text()), "found");
}

TEST_F(ContainerdTest, LayersAreDirectoriesOfOverlayfs) {
  make_tree(at("root/io.containerd.snapshotter.v1.overlayfs/snapshots/1/fs"));
  std::unique_ptr<LocalImage> image = std::move(find("x:plain")->image);
  EXPECT_EQ(image->route(), "overlayfs");
  Result<std::vector<LayerDirectory>> layers = image->open_layers();
  ASSERT_TRUE(layers.ok()) << layers.error().message();
  ASSERT_THAT(*layers, SizeIs(1));
  EXPECT_THAT(layers->front().path, HasSubstr("snapshots/1/fs"));
  ASSERT_TRUE(layers->front().blob.has_value());
  EXPECT_EQ(layers->front().blob->digest.hex(), kLayer);
}

TEST_F(ContainerdTest, WithoutSnapshotsThereAreNoDirectories) {
  std::unique_ptr<LocalImage> image = std::move(find("x:plain")->image);
  ASSERT_TRUE(remove_file(at("root/io.containerd.snapshotter.v1.overlayfs/metadata.db")).ok());
  EXPECT_EQ(image->open_layers().error().code(), Code::Unimplemented);
  EXPECT_EQ(image->open_file_archive("/x").error().code(), Code::Unimplemented);
  EXPECT_EQ(image->open_image_archive().error().code(), Code::Unimplemented);
}

TEST_F(ContainerdTest, ADocumentThatIsNotWhatItsDigestSaysIsDamage) {
  // The config first: without the manifest nobody would ask for it.
  for (const char* blob : {kConfig, kTarget}) {
    put_file(at(kBlobs + std::string(blob)), "{}");
    Result<ContainerRuntime::Answer> answer = find("x:plain");
    ASSERT_FALSE(answer.ok());
    EXPECT_EQ(answer.error().code(), Code::DataLoss);
    EXPECT_THAT(answer.error().message(), HasSubstr(blob));
  }
}

TEST_F(ContainerdTest, ANameWhoseManifestIsGoneIsNoMiss) {
  ASSERT_TRUE(remove_file(at(kBlobs + std::string(kTarget))).ok());
  EXPECT_EQ(find("x:plain").error().code(), Code::DataLoss);
}

TEST_F(ContainerdTest, ALayerThatIsGoneIsNotFoundWhenItIsOpened) {
  ASSERT_TRUE(remove_file(at(kBlobs + std::string(kLayer))).ok());
  std::unique_ptr<LocalImage> image = std::move(find("x:plain")->image);
  EXPECT_EQ((*image->open_blobs())[0].open().error().code(), Code::NotFound);
}

TEST_F(ContainerdTest, NoSocketAndNoDirectoryIsAMiss) {
  Result<ContainerRuntime::Answer> answer = runtime(false)->find(reference("x:plain"));
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_EQ(answer->image, nullptr);
  EXPECT_THAT(answer->why_missing, HasSubstr("not installed"));
  EXPECT_FALSE(runtime(false)->probe().present);
}

TEST_F(ContainerdTest, ASocketOnWhichNobodyListensIsNoMiss) {
  leave_socket(socket_);
  Result<ContainerRuntime::Answer> answer = runtime(false)->find(reference("x:plain"));
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code(), Code::Unavailable);
  EXPECT_THAT(answer.error().hints(), SizeIs(1));
  RuntimeStatus status = runtime(false)->probe();
  EXPECT_TRUE(status.present);
  EXPECT_FALSE(status.usable);
}

TEST_F(ContainerdTest, SomethingElseOnTheSocketIsNoMissEvenWithADirectory) {
  FakeEngine engine(socket_, {});
  EXPECT_EQ(find("x:plain").error().code(), Code::Unavailable);
}

TEST_F(ContainerdTest, ProbingTellsOfTheDirectory) {
  RuntimeStatus status = runtime()->probe();
  EXPECT_EQ(status.kind, SourceKind::Containerd);
  EXPECT_TRUE(status.usable);
  EXPECT_THAT(status.reason, HasSubstr(at("root")));
}

TEST(LayerDirectories, AreTheMountsOfAView) {
  EXPECT_THAT(layer_directories({{"bind", "/s/1/fs", {"ro", "rbind"}}}), ElementsAre("/s/1/fs"));
  EXPECT_THAT(
      layer_directories({{"overlay", "overlay", {"index=off", "lowerdir=/s/2/fs:/s/1/fs"}}}),
      ElementsAre("/s/2/fs", "/s/1/fs"));
  EXPECT_THAT(layer_directories({{"erofs", "/x", {}}}), IsEmpty());
  EXPECT_THAT(layer_directories({{"bind", "/a", {}}, {"bind", "/b", {}}}), IsEmpty());
  EXPECT_THAT(layer_directories({}), IsEmpty());
}

}  // namespace
}  // namespace bpfman::container
