// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/container/container_test_support.h"
#include "bpfman/container/docker_inspect.h"

namespace bpfman::container {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

std::string id_member(char digit) {
  return R"("Id":")" + digest_of_digits(digit).text() + "\"";
}

TEST(DockerInspect, ReadsWhatAGraphDriverShows) {
  // Cut down from Docker 20.10.24.
  std::string text = "{" + id_member('a') + R"(,"RepoTags":["x:dev","y:1"],"RepoDigests":[],
    "Config":{"Labels":{"io.ebpf.programs":"{\"pass\":\"xdp\"}","n":1}},
    "Architecture":"arm64","Variant":"v8","Os":"linux",
    "GraphDriver":{"Name":"overlay2","Data":{"UpperDir":"/d/overlay2/u/diff",
      "LowerDir":"/d/overlay2/l1/diff:/d/overlay2/l2/diff","MergedDir":"/m","WorkDir":"/w"}},
    "RootFS":{"Type":"layers","Layers":[")" +
                     digest_of_digits('1').text() + R"(",")" + digest_of_digits('2').text() +
                     R"("]}})";
  Result<DockerInspect> image = parse_docker_inspect(text);
  ASSERT_TRUE(image.ok()) << image.error().message();
  EXPECT_EQ(image->id, digest_of_digits('a'));
  EXPECT_THAT(image->repo_tags, ElementsAre("x:dev", "y:1"));
  EXPECT_THAT(image->labels,
              UnorderedElementsAre(Pair("io.ebpf.programs", R"({"pass":"xdp"})"), Pair("n", "")));
  EXPECT_THAT(image->diff_ids, ElementsAre(digest_of_digits('1'), digest_of_digits('2')));
  EXPECT_EQ(to_string(image->platform), "linux/arm64/v8");
  EXPECT_EQ(image->driver, "overlay2");
  EXPECT_EQ(image->upper_directory, "/d/overlay2/u/diff");
  EXPECT_THAT(image->lower_directories, ElementsAre("/d/overlay2/l1/diff", "/d/overlay2/l2/diff"));
}

TEST(DockerInspect, TakesNullAndAbsenceForNothing) {
  for (
      const char* more :
      {"",
       R"(,"RepoTags":null,"Config":null,"RootFS":null,"GraphDriver":null)",
       R"(,"Config":{"Labels":null},"RootFS":{},"GraphDriver":{"Data":null,"Name":"overlayfs"})"}) {
    Result<DockerInspect> image = parse_docker_inspect("{" + id_member('a') + more + "}");
    ASSERT_TRUE(image.ok()) << more;
    EXPECT_THAT(image->labels, IsEmpty());
    EXPECT_THAT(image->diff_ids, IsEmpty());
    EXPECT_EQ(image->upper_directory, "");
    EXPECT_THAT(image->lower_directories, IsEmpty());
  }
}

TEST(DockerInspect, OfSomethingElseIsNoAnswerOfAnEngine) {
  for (const char* text : {"", "[]", "<html>", "{}", R"({"Id":"x"})", R"({"Id":1})"}) {
    Result<DockerInspect> image = parse_docker_inspect(text);
    ASSERT_FALSE(image.ok()) << text;
    EXPECT_EQ(image.error().code(), Code::Unavailable) << text;
    EXPECT_THAT(image.error().hints(), ElementsAre(HasSubstr("something else listening")));
  }
}

TEST(DockerInspect, WithALayerThatIsNoDigestIsDamage) {
  std::string text = "{" + id_member('a') + R"(,"RootFS":{"Layers":["sha256:1"]}})";
  EXPECT_EQ(parse_docker_inspect(text).error().code(), Code::DataLoss);
}

TEST(DockerVersion, IsReadOrIsNoAnswer) {
  EXPECT_EQ(parse_docker_version(R"({"Version":"28.5.2"})")->version, "28.5.2");
  EXPECT_EQ(parse_docker_version(R"({"Version":1})").error().code(), Code::Unavailable);
  EXPECT_EQ(parse_docker_version("nonsense").error().code(), Code::Unavailable);
}

TEST(DockerInfo, NamesTheDriverAndTheRoot) {
  Result<DockerInfo> info =
      parse_docker_info(R"({"Driver":"overlay2","DriverStatus":[["Backing Filesystem","extfs"]],
                            "DockerRootDir":"/var/lib/docker"})");
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->driver, "overlay2");
  EXPECT_EQ(info->root, "/var/lib/docker");
}

TEST(DockerInfo, TellsTheContainerdStoreByItsStatus) {
  Result<DockerInfo> info = parse_docker_info(
      R"({"Driver":"overlayfs","DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]]})");
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->driver, "containerd");
  EXPECT_EQ(info->containerd_address, "") << "before API 1.46 it does not say";
}

TEST(DockerInfo, TellsWhereContainerdIs) {
  // Docker 28.5 with the containerd image store.
  Result<DockerInfo> info = parse_docker_info(
      R"({"Driver":"overlayfs","DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]],)"
      R"("Containerd":{"Address":"/run/docker/containerd/containerd.sock",)"
      R"("Namespaces":{"Containers":"moby","Plugins":"plugins.moby"}}})");
  ASSERT_TRUE(info.ok()) << info.error().message();
  EXPECT_EQ(info->driver, "containerd");
  EXPECT_EQ(info->containerd_address, "/run/docker/containerd/containerd.sock");
  EXPECT_EQ(info->containerd_namespace, "moby");
}

TEST(DockerInfo, LivesWithAStatusThatIsNoTable) {
  for (const char* status : {"null", "1", "[1,[],[\"a\"],[1,2]]"}) {
    Result<DockerInfo> info =
        parse_docker_info(R"({"Driver":"vfs","DriverStatus":)" + std::string(status) + "}");
    ASSERT_TRUE(info.ok()) << status;
    EXPECT_EQ(info->driver, "vfs");
  }
  EXPECT_EQ(parse_docker_info("{}").error().code(), Code::Unavailable);
}

TEST(DockerError, IsTheMessageOrNothing) {
  EXPECT_EQ(docker_error_message(R"({"message":"No such image: x"})"), "No such image: x");
  EXPECT_EQ(docker_error_message(R"({"message":1})"), "");
  EXPECT_EQ(docker_error_message("404 page not found"), "");
}

TEST(DockerContainers, AreListedByTheirIds) {
  EXPECT_THAT(*parse_container_ids(R"([{"Id":"a","Created":1},{"Id":"b"},{"Names":["/c"]},1])"),
              ElementsAre("a", "b"));
  EXPECT_THAT(*parse_container_ids("[]"), IsEmpty());
  EXPECT_EQ(parse_container_ids(R"({"message":"x"})").error().code(), Code::Unavailable);
}

TEST(DockerContainers, AreListedUpToAnAge) {
  EXPECT_THAT(
      *parse_container_ids(
          R"([{"Id":"old","Created":99},{"Id":"new","Created":100},{"Id":"ageless"}])", 100),
      ElementsAre("old", "ageless"));
}

TEST(DockerContainers, AreMadeWithoutNetworkAndWithOurLabel) {
  EXPECT_EQ(container_request("sha256:12", "io.bpfman.tmp"),
            R"({"Cmd":["none"],"HostConfig":{"NetworkMode":"none"},"Image":"sha256:12",)"
            R"("Labels":{"io.bpfman.tmp":"1"},"NetworkDisabled":true})");
}

TEST(DockerContainers, HaveAnIdWhenTheyWereMade) {
  EXPECT_EQ(*parse_created_container(R"({"Id":"c0ffee","Warnings":[]})"), "c0ffee");
  for (const char* text : {"", "{}", R"({"Id":""})", R"({"Id":5})", "[]"}) {
    EXPECT_EQ(parse_created_container(text).error().code(), Code::Unavailable) << text;
  }
}

std::string repositories() {
  return R"({"Repositories":{"x":{"x:dev":")" + digest_of_digits('a').text() + R"(","x@sha256:)" +
         hex_of('f') + R"(":")" + digest_of_digits('a').text() + R"("},"quay.io/me/y":)" +
         R"({"quay.io/me/y:1":")" + digest_of_digits('b').text() + R"("},"bad":{"bad:1":"12"}}})";
}

TEST(DockerRepositories, GiveTheIdOfAName) {
  EXPECT_EQ(*find_in_repositories(repositories(), "x:dev"), digest_of_digits('a'));
  EXPECT_EQ(*find_in_repositories(repositories(), "x@sha256:" + hex_of('f')),
            digest_of_digits('a'));
  EXPECT_EQ(*find_in_repositories(repositories(), "quay.io/me/y:1"), digest_of_digits('b'));
  EXPECT_EQ(*find_in_repositories(repositories(), "x"), std::nullopt);
  EXPECT_EQ(*find_in_repositories(repositories(), "x:latest"), std::nullopt);
}

TEST(DockerRepositories, ListAllIds) {
  EXPECT_THAT(
      *repository_ids(repositories()),
      UnorderedElementsAre(digest_of_digits('a'), digest_of_digits('a'), digest_of_digits('b')));
}

TEST(DockerRepositories, AreDamagedWhenTheyAreNoListOrHoldNoDigest) {
  EXPECT_EQ(find_in_repositories(repositories(), "bad:1").error().code(), Code::DataLoss);
  for (const char* text : {"", "[]", "{}", R"({"Repositories":[]})", R"({"Repositories":{)"}) {
    EXPECT_EQ(find_in_repositories(text, "x:dev").error().code(), Code::DataLoss) << text;
    EXPECT_EQ(repository_ids(text).error().code(), Code::DataLoss) << text;
  }
}

TEST(ImageConfig, ListsItsLayers) {
  EXPECT_THAT(*parse_diff_ids(config_json({digest_of_digits('1'), digest_of_digits('2')})),
              ElementsAre(digest_of_digits('1'), digest_of_digits('2')));
  for (const char* text : {"", "{}", R"({"rootfs":{}})", R"({"rootfs":{"diff_ids":[1]}})"}) {
    EXPECT_EQ(parse_diff_ids(text).error().code(), Code::DataLoss) << text;
  }
}

TEST(DockerConfiguration, SaysNothingWhereItIsNoConfiguration) {
  EXPECT_EQ(data_root_of(R"({"data-root":"/d"})"), "/d");
  EXPECT_EQ(current_context_of(R"({"currentContext":"c"})"), "c");
  EXPECT_EQ(context_host_of(R"({"Endpoints":{"docker":{"Host":"unix:///s"}}})"), "unix:///s");
  for (const char* text : {"",
                           "x",
                           "[]",
                           "{}",
                           R"({"data-root":1,"currentContext":[]})",
                           R"({"Endpoints":{"docker":[]}})"}) {
    EXPECT_EQ(data_root_of(text), "") << text;
    EXPECT_EQ(current_context_of(text), "") << text;
    EXPECT_EQ(context_host_of(text), "") << text;
  }
}

}  // namespace
}  // namespace bpfman::container
