// SPDX-License-Identifier: Apache-2.0
// Putting an image into an engine.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/base/file.h"
#include "bpfman/container/container_test_support.h"
#include "bpfman/container/docker_engine.h"
#include "bpfman/container/runtimes.h"

namespace bpfman::container {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kLoad = "POST /images/load?quiet=1";

class DockerLoadTest : public ::testing::Test {
 protected:
  DockerLoadTest()
      : directory_(*TempDir::create("bpfman-load")), socket_(directory_.path() + "/s") {}

  static FakeEngine::Replies replies(const std::string& answer, int status = 200) {
    return {{"GET /version", reply_with(R"({"Version":"20.10.24"})")},
            {kLoad, reply_with(answer, status)}};
  }

  Result<std::string> load(const std::vector<std::string>& hosts) const {
    RuntimeOptions options{.docker_hosts = hosts, .containers_storage = false};
    return load_into_docker({}, options, as_bytes("the tar"));
  }

  TempDir directory_;
  std::string socket_;
};

TEST_F(DockerLoadTest, TheFirstEngineThatAnswersTakesIt) {
  FakeEngine fake(socket_, replies(R"({"stream":"Loaded image: x:dev\n"})"));
  Result<std::string> place = load({"unix:///nowhere/docker.sock", "unix://" + socket_});
  ASSERT_TRUE(place.ok()) << place.error().message();
  EXPECT_THAT(*place, HasSubstr("unix://" + socket_));
}

TEST_F(DockerLoadTest, AnErrorInTheMiddleOfTheAnswerIsOne) {
  FakeEngine fake(socket_,
                  replies("{\"stream\":\"\"}\n{\"errorDetail\":{\"message\":\"no space\"}}\n"));
  Result<std::string> place = load({"unix://" + socket_});
  ASSERT_FALSE(place.ok());
  EXPECT_THAT(place.error().message(), HasSubstr("no space"));
}

TEST_F(DockerLoadTest, ARefusalIsSaid) {
  FakeEngine fake(socket_, replies(R"({"message":"out of disk"})", 500));
  EXPECT_THAT(load({"unix://" + socket_}).error().message(), HasSubstr("out of disk"));
}

TEST_F(DockerLoadTest, WithoutAnEngineEachPlaceIsNamed) {
  Result<std::string> place = load({"unix:///nowhere/docker.sock"});
  ASSERT_FALSE(place.ok());
  EXPECT_EQ(place.error().code(), Code::Unavailable);
  EXPECT_THAT(place.error().hints(),
              ElementsAre(HasSubstr("/nowhere/docker.sock"), HasSubstr("--docker-host")));
}

}  // namespace
}  // namespace bpfman::container
