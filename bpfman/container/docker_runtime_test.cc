// SPDX-License-Identifier: Apache-2.0
// A Docker engine as a runtime: up, down, silent, lying, and with or without a store to read.
#include <chrono>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpfman/base/file.h"
#include "bpfman/container/container_test_support.h"
#include "bpfman/container/runtimes.h"

namespace bpfman::container {
namespace {

using bpfman::testing::ServerReply;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr const char* kInspect = "GET /images/x:dev/json";
// Far more than a look-up may take, far less than for ever.
constexpr std::chrono::seconds kSoon{5};

class DockerRuntimeTest : public ::testing::Test {
 protected:
  DockerRuntimeTest()
      : directory_(*TempDir::create("bpfman-docker")),
        socket_(at("s")),
        store_(at("root")),
        image_(store_.add_image({"x:dev"}, {"bottom", "top"})),
        runtime_(make_docker_runtime("docker", "unix://" + socket_, "")) {}

  std::string at(const std::string& name) const { return join_path(directory_.path(), name); }

  Result<ContainerRuntime::Answer> find(const std::string& name = "x:dev") {
    return runtime_->find(reference(name));
  }

  // With the store behind it named, as for the engine of the system.
  void name_data_root(const std::string& root) {
    runtime_ = make_docker_runtime("docker", "unix://" + socket_, root);
  }

  Error error_of(const std::string& name = "x:dev") {
    Result<ContainerRuntime::Answer> answer = find(name);
    EXPECT_FALSE(answer.ok());
    return answer.ok() ? Error(Code::Internal, "an answer") : std::move(answer).error();
  }

  std::string why_missing(const std::string& name = "x:dev") {
    Result<ContainerRuntime::Answer> answer = find(name);
    EXPECT_TRUE(answer.ok()) << answer.error().message();
    EXPECT_TRUE(!answer.ok() || answer->image == nullptr);
    return answer.ok() ? answer->why_missing : "";
  }

  TempDir directory_;
  std::string socket_;
  OverlayBuilder store_;
  MadeImage image_;
  std::unique_ptr<ContainerRuntime> runtime_;
};

TEST_F(DockerRuntimeTest, SaysWhoItIs) {
  EXPECT_EQ(runtime_->kind(), SourceKind::Docker);
  EXPECT_EQ(runtime_->name(), "docker");
  EXPECT_EQ(runtime_->location(), "unix://" + socket_);
}

TEST_F(DockerRuntimeTest, DescribesAnImageByTheConfigInTheStore) {
  FakeEngine fake(socket_, {{kInspect, reply_with(store_.inspect_json(image_))}});
  Result<ContainerRuntime::Answer> answer = find();
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  ASSERT_NE(answer->image, nullptr);
  const ImageDescription& description = answer->image->description();
  EXPECT_EQ(description.image_id, image_.config_digest);
  EXPECT_EQ(description.canonical_name, "docker.io/library/x:dev");
  EXPECT_EQ(description.config_json, image_.config);
  EXPECT_EQ(description.diff_ids, image_.diff_ids);
  EXPECT_TRUE(description.manifest_digest.empty());
  EXPECT_EQ(answer->image->route(), "overlay2");
  EXPECT_THAT(fake.asked(), ElementsAre(kInspect)) << "one question is enough";
}

TEST_F(DockerRuntimeTest, ReadsTheLayersOutOfTheStore) {
  FakeEngine fake(socket_, {{kInspect, reply_with(store_.inspect_json(image_))}});
  std::unique_ptr<LocalImage> image = std::move(find()->image);
  std::vector<LayerDirectory> layers = *image->open_layers();
  ASSERT_THAT(layers, SizeIs(2));
  EXPECT_EQ(program_in(layers[0]), "bottom");
  EXPECT_EQ(recipe_of(layers[1]), "recipe of top");
}

TEST_F(DockerRuntimeTest, AsksForFamiliarNamesAndForIdsAsTyped) {
  FakeEngine fake(socket_, {});
  for (const std::string& name : {std::string("docker.io/library/x:dev"),
                                  std::string("quay.io/x"),
                                  "sha256:" + hex_of('a'),
                                  std::string("sha256:abcdef123456"),
                                  std::string("abcdef123456")}) {
    EXPECT_FALSE(find(name).ok()) << name;
  }
  EXPECT_THAT(fake.asked(),
              ElementsAre(kInspect,
                          "GET /images/quay.io/x:latest/json",
                          "GET /images/sha256:" + hex_of('a') + "/json",
                          "GET /images/sha256:abcdef123456/json",
                          "GET /images/abcdef123456/json"));
}

TEST_F(DockerRuntimeTest, AnImageFoundByIdIsCalledByItsTag) {
  FakeEngine fake(
      socket_, {{"GET /images/" + image_.id + "/json", reply_with(store_.inspect_json(image_))}});
  EXPECT_EQ(find(image_.id)->image->description().canonical_name, "x:dev");
}

TEST_F(DockerRuntimeTest, NoSuchImageIsACleanMiss) {
  FakeEngine fake(socket_, {{kInspect, no_such_image("x:dev")}});
  EXPECT_EQ(why_missing(), "no image named x:dev");
}

TEST_F(DockerRuntimeTest, ANameThatDockerCannotHaveIsACleanMissInItsWords) {
  FakeEngine fake(socket_,
                  {{"GET /images/Foo/bar:latest/json",
                    reply_with(R"({"message":"repository name must be lowercase"})", 400)}});
  EXPECT_EQ(why_missing("Foo/bar"), "repository name must be lowercase");
}

TEST_F(DockerRuntimeTest, AnEngineInTroubleIsNoMiss) {
  for (const ServerReply& reply : {reply_with(R"({"message":"disk on fire"})", 500),
                                   reply_with("<html>"),
                                   reply_with("404 page not found", 404),
                                   ServerReply{.close = true},
                                   ServerReply{.raw = "no HTTP at all"}}) {
    FakeEngine fake(socket_, {{kInspect, reply}});
    Error error = error_of();
    EXPECT_EQ(error.code(), Code::Unavailable) << error.message();
    EXPECT_THAT(error.hints(), Contains(HasSubstr("containers-storage:NAME")));
  }
}

TEST_F(DockerRuntimeTest, ASilentEngineIsGivenUpInTime) {
  FakeEngine fake(socket_, {{kInspect, ServerReply{.hang = true}}});
  name_data_root(at("root"));
  auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(error_of().code(), Code::Unavailable) << "its store is not read behind its back";
  EXPECT_LT(std::chrono::steady_clock::now() - begin, kSoon);
}

TEST_F(DockerRuntimeTest, AnEngineThatFallsSilentInItsAnswerIsGivenUpInTime) {
  FakeEngine fake(
      socket_,
      {{kInspect,
        ServerReply{.body = store_.inspect_json(image_), .stop_after = 10, .hang_at_stop = true}}});
  auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(error_of().code(), Code::Unavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, kSoon);
}

TEST_F(DockerRuntimeTest, ASocketThatMayNotBeUsedIsNoMiss) {
  FakeEngine fake(socket_, {});
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
  Unreadable socket(socket_);
  WithoutPrivileges nobody;
  Error error = error_of();
  EXPECT_EQ(error.code(), Code::PermissionDenied);
  EXPECT_THAT(error.hints(), Contains(HasSubstr("run bpfman as root")));
}

TEST_F(DockerRuntimeTest, AHostOutOfReachIsNoMiss) {
  // A label of more than 63 characters: no name server is asked.
  for (const std::string& host : {std::string("127.0.0.1:1"), std::string(64, 'a') + ":2375"}) {
    runtime_ = make_docker_runtime("docker", "tcp://" + host, "");
    EXPECT_EQ(error_of().code(), Code::Unavailable) << host;
  }
}

TEST_F(DockerRuntimeTest, AHostOfAnotherKindIsNoMiss) {
  runtime_ = make_docker_runtime("docker", "ssh://me@host", "");
  EXPECT_EQ(error_of().code(), Code::Unimplemented);
  RuntimeStatus status = runtime_->probe();
  EXPECT_TRUE(status.present);
  EXPECT_FALSE(status.usable);
  EXPECT_THAT(status.reason, HasSubstr("ssh://me@host"));
}

// ---- stores that cannot be read, or do not fit

TEST_F(DockerRuntimeTest, WithAContainerdStoreTheEnginesWordIsTaken) {
  FakeEngine fake(socket_,
                  {{kInspect,
                    reply_with(R"({"Id":")" + digest_of_digits('a').text() +
                               R"(","Config":{"Labels":{"k":"v"}},"Os":"linux",)" +
                               R"("Architecture":"arm64","RootFS":{"Layers":[")" +
                               digest_of_digits('1').text() +
                               R"("]},"GraphDriver":{"Data":null,"Name":"overlayfs"}})")},
                   {"GET /images/" + digest_of_digits('a').text() + "/get", reply_with("all")}});
  Result<ContainerRuntime::Answer> answer = find();
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  const ImageDescription& description = answer->image->description();
  EXPECT_EQ(description.config_json, "");
  EXPECT_EQ(description.labels.at("k"), "v");
  EXPECT_THAT(description.diff_ids, ElementsAre(digest_of_digits('1')));
  EXPECT_EQ(description.platform.architecture, "arm64");
  EXPECT_EQ(answer->image->route(), "archive");
  EXPECT_EQ(answer->image->open_layers().error().code(), Code::Unimplemented);
  EXPECT_EQ(text_of(std::move(*answer->image->open_image_archive())), "all");
}

TEST_F(DockerRuntimeTest, AStoreOfAnotherMountNamespaceIsNotThere) {
  std::string elsewhere = store_.inspect_json(image_);
  ASSERT_TRUE(rename_path(at("root"), at("moved")).ok());
  FakeEngine fake(socket_, {{kInspect, reply_with(elsewhere)}});
  Result<ContainerRuntime::Answer> answer = find();
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_EQ(answer->image->route(), "archive");
  EXPECT_EQ(answer->image->open_layers().error().code(), Code::Unimplemented);
}

TEST_F(DockerRuntimeTest, AStoreThatMayNotBeReadIsNotThere) {
  std::string inspect = store_.inspect_json(image_);
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
  FakeEngine fake(socket_, {{kInspect, reply_with(inspect)}});
  ASSERT_EQ(::chmod(socket_.c_str(), 0666), 0);
  Unreadable root(at("root"));
  WithoutPrivileges nobody;
  Result<ContainerRuntime::Answer> answer = find();
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_EQ(answer->image->route(), "archive");
}

TEST_F(DockerRuntimeTest, AConfigThatDoesNotHashToTheImageIdIsDamage) {
  std::string inspect = store_.inspect_json(image_);
  put_file(store_.config_path(image_), image_.config + " ");
  FakeEngine fake(socket_, {{kInspect, reply_with(inspect)}});
  EXPECT_EQ(error_of().code(), Code::DataLoss);
}

TEST_F(DockerRuntimeTest, AnEngineThatPointsToAFifoIsNotFollowed) {
  std::string inspect = store_.inspect_json(image_);
  ASSERT_TRUE(remove_file(store_.config_path(image_)).ok());
  ASSERT_EQ(::mkfifo(store_.config_path(image_).c_str(), 0600), 0);
  FakeEngine fake(socket_, {{kInspect, reply_with(inspect)}});
  EXPECT_EQ(error_of().code(), Code::DataLoss);
}

// ---- the engine is down

TEST_F(DockerRuntimeTest, NoSocketAndNoStoreMeansNotInstalled) {
  EXPECT_EQ(why_missing(), "not installed: nothing at unix://" + socket_);
  RuntimeStatus status = runtime_->probe();
  EXPECT_FALSE(status.present);
  EXPECT_EQ(status.reason, "not installed: no socket there");
}

TEST_F(DockerRuntimeTest, NoSocketAndAStoreThatMayNotBeReadMeansNotInstalled) {
  name_data_root(at("root"));
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
  Unreadable root(at("root"));
  WithoutPrivileges nobody;
  EXPECT_EQ(why_missing(), "not installed: nothing at unix://" + socket_);
}

TEST_F(DockerRuntimeTest, WithoutSocketTheStoreIsReadDirectly) {
  name_data_root(at("root"));
  Result<ContainerRuntime::Answer> answer = find();
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  ASSERT_NE(answer->image, nullptr) << answer->why_missing;
  EXPECT_EQ(answer->image->description().image_id, image_.config_digest);
  EXPECT_EQ(answer->image->description().config_json, image_.config);
  EXPECT_EQ(program_in(answer->image->open_layers()->back()), "top");
  EXPECT_EQ(answer->image->open_file_archive("/x").error().code(), Code::Unimplemented);
  EXPECT_EQ(answer->image->open_image_archive().error().code(), Code::Unimplemented);
}

TEST_F(DockerRuntimeTest, BehindASocketWhereNobodyListensTheStoreIsReadDirectly) {
  leave_socket(socket_);
  name_data_root(at("root"));
  Result<ContainerRuntime::Answer> answer = find(image_.id.substr(0, 12));
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  ASSERT_NE(answer->image, nullptr) << answer->why_missing;
  RuntimeStatus status = runtime_->probe();
  EXPECT_TRUE(status.usable);
  EXPECT_EQ(status.driver, "overlay2");
  EXPECT_THAT(status.reason, HasSubstr("the daemon is down"));
}

TEST_F(DockerRuntimeTest, ASocketWhereNobodyListensAndNoStoreIsNoMiss) {
  leave_socket(socket_);
  EXPECT_EQ(error_of().code(), Code::Unavailable);
  RuntimeStatus status = runtime_->probe();
  EXPECT_TRUE(status.present);
  EXPECT_FALSE(status.usable);
  EXPECT_THAT(status.reason, HasSubstr("nobody listens"));
}

TEST_F(DockerRuntimeTest, ANameThatTheIdleStoreDoesNotHaveIsAMiss) {
  name_data_root(at("root"));
  EXPECT_THAT(why_missing("y:dev"), HasSubstr("the daemon is down and its store"));
  EXPECT_THAT(why_missing(std::string(12, '0')), HasSubstr("has no image"));
  ASSERT_TRUE(remove_file(at("root/image/overlay2/repositories.json")).ok());
  EXPECT_THAT(why_missing(), HasSubstr("has no image x:dev"));
}

TEST_F(DockerRuntimeTest, ADamagedIdleStoreIsNoMiss) {
  name_data_root(at("root"));
  put_file(store_.config_path(image_), "{}");
  EXPECT_EQ(error_of().code(), Code::DataLoss);
}

TEST_F(DockerRuntimeTest, ANameWhoseConfigIsGoneIsDamageAndNoMiss) {
  name_data_root(at("root"));
  ASSERT_TRUE(remove_file(store_.config_path(image_)).ok());
  EXPECT_EQ(error_of().code(), Code::DataLoss);
}

// ---- probes

TEST_F(DockerRuntimeTest, AProbeTellsVersionAndDriver) {
  FakeEngine fake(socket_,
                  {{"GET /version", reply_with(R"({"Version":"20.10.24"})")},
                   {"GET /info",
                    reply_with(R"({"Driver":"overlay2","DockerRootDir":")" + at("root") + "\"}")}});
  EXPECT_EQ(runtime_->probe(),
            (RuntimeStatus{.kind = SourceKind::Docker,
                           .name = "docker",
                           .location = "unix://" + socket_,
                           .version = "20.10.24",
                           .driver = "overlay2",
                           .present = true,
                           .usable = true,
                           .reason = ""}));
}

TEST_F(DockerRuntimeTest, AProbeSaysWhenLayersCannotBeReadHere) {
  FakeEngine fake(
      socket_,
      {{"GET /version", reply_with(R"({"Version":"29"})")},
       {"GET /info", reply_with(R"({"Driver":"overlay2","DockerRootDir":"/nowhere"})")}});
  RuntimeStatus status = runtime_->probe();
  EXPECT_TRUE(status.usable);
  EXPECT_THAT(status.reason, HasSubstr("copied out by the engine"));
}

TEST_F(DockerRuntimeTest, AProbeOfSomethingElseSaysThatItIsOfNoUse) {
  FakeEngine fake(socket_, {});
  RuntimeStatus status = runtime_->probe();
  EXPECT_TRUE(status.present);
  EXPECT_FALSE(status.usable);
  EXPECT_THAT(status.reason, HasSubstr("status 404"));
}

}  // namespace
}  // namespace bpfman::container
