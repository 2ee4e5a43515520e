// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/docker_engine.h"

#include <array>
#include <chrono>
#include <ctime>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/base/file.h"
#include "bpfman/container/container_test_support.h"

namespace bpfman::container {
namespace {

using bpfman::testing::ServerReply;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kList =
    "GET /containers/json?all=1&filters=%7B%22label%22%3A%5B%22io.bpfman.tmp%22%5D%7D";
constexpr const char* kCreate = "POST /containers/create";
constexpr const char* kArchive = "GET /containers/c1/archive?path=/dir/prog%20x.o";
constexpr const char* kDelete = "DELETE /containers/c1?force=1&v=1";

class DockerEngineTest : public ::testing::Test {
 protected:
  DockerEngineTest()
      : directory_(*TempDir::create("bpfman-engine")), socket_(directory_.path() + "/s") {}

  // An engine on which a file can be copied out of an image.
  static FakeEngine::Replies replies() {
    return {{kList, reply_with("[]")},
            {kCreate, reply_with(R"({"Id":"c1"})", 201)},
            {kArchive, reply_with("the tar")},
            {kDelete, reply_with("", 204)}};
  }

  DockerEngine engine() const { return *DockerEngine::create("unix://" + socket_); }

  static Result<std::unique_ptr<ByteSource>> copy_out(DockerEngine& engine) {
    return engine.archive_file("sha256:12", "/dir/prog x.o");
  }

  TempDir directory_;
  std::string socket_;
};

TEST_F(DockerEngineTest, SpeaksOverUnixSocketsAndTcpOnly) {
  EXPECT_TRUE(DockerEngine::create("unix:///s").ok());
  EXPECT_TRUE(DockerEngine::create("tcp://127.0.0.1:2375").ok());
  for (const char* host : {"ssh://me@host", "npipe:////./pipe/docker", "", "/s", "fd://"}) {
    EXPECT_EQ(DockerEngine::create(host).error().code(), Code::Unimplemented) << host;
  }
}

TEST_F(DockerEngineTest, AsksForAnImageWithoutNamingAVersion) {
  FakeEngine fake(socket_,
                  {{"GET /images/quay.io:443/me/x:dev/json",
                    reply_with(R"({"Id":")" + digest_of_digits('a').text() + "\"}")}});
  DockerEngine docker = engine();
  Result<std::optional<DockerInspect>> image = docker.inspect("quay.io:443/me/x:dev");
  ASSERT_TRUE(image.ok()) << image.error().message();
  EXPECT_EQ((*image)->id, digest_of_digits('a'));
}

TEST_F(DockerEngineTest, KnowsAnImageThatIsNotThereByDockersWordAndByPodmans) {
  FakeEngine fake(
      socket_,
      {{"GET /images/x:dev/json", no_such_image("x:dev")},
       {"GET /images/y:dev/json",
        reply_with(R"({"cause":"image not known","message":"failed to find image y:dev"})", 404)}});
  DockerEngine docker = engine();
  EXPECT_EQ(*docker.inspect("x:dev"), std::nullopt);
  EXPECT_EQ(*docker.inspect("y:dev"), std::nullopt);
}

TEST_F(DockerEngineTest, A404OfSomethingElseDoesNotTellThatAnImageIsNotThere) {
  FakeEngine fake(socket_, {{"GET /images/y:dev/json", reply_with("404 page not found", 404)}});
  DockerEngine docker = engine();
  for (const char* name : {"x:dev", "y:dev"}) {
    Result<std::optional<DockerInspect>> image = docker.inspect(name);
    ASSERT_FALSE(image.ok()) << name;
    EXPECT_EQ(image.error().code(), Code::Unavailable) << name;
  }
}

TEST_F(DockerEngineTest, OtherStatusesAreErrorsWithTheEnginesWord) {
  for (int status : {500, 503}) {
    FakeEngine fake(
        socket_,
        {{"GET /images/x:dev/json", reply_with(R"({"message":"disk on fire"})", status)},
         {"GET /version", reply_with("", status)},
         {"GET /info", reply_with("", status)}});
    DockerEngine docker = engine();
    Result<std::optional<DockerInspect>> image = docker.inspect("x:dev");
    ASSERT_FALSE(image.ok()) << status;
    EXPECT_EQ(image.error().code(), Code::Unavailable);
    EXPECT_EQ(image.error().message(),
              "look for image x:dev: status " + std::to_string(status) + ": disk on fire");
    EXPECT_EQ(docker.version().error().code(), Code::Unavailable);
    EXPECT_EQ(docker.info().error().code(), Code::Unavailable);
  }
}

TEST_F(DockerEngineTest, ANameOutsideOfItsGrammarIsInvalid) {
  FakeEngine fake(socket_,
                  {{"GET /images/x:dev/json", reply_with(R"({"message":"bad name"})", 400)}});
  Result<std::optional<DockerInspect>> image = engine().inspect("x:dev");
  ASSERT_FALSE(image.ok());
  EXPECT_EQ(image.error().code(), Code::InvalidArgument);
  EXPECT_EQ(image.error().message(), "bad name");
}

TEST_F(DockerEngineTest, TellsItsVersionAndState) {
  FakeEngine fake(socket_,
                  {{"GET /version", reply_with(R"({"Version":"28.5.2"})")},
                   {"GET /info", reply_with(R"({"Driver":"overlay2","DockerRootDir":"/d"})")}});
  DockerEngine docker = engine();
  EXPECT_EQ(*docker.version(), "28.5.2");
  EXPECT_EQ(docker.info()->root, "/d");
}

TEST_F(DockerEngineTest, IsAskedOverTcpToo) {
  FakeEngine fake("", {{"GET /version", reply_with(R"({"Version":"1"})")}});
  DockerEngine docker = *DockerEngine::create("tcp://" + fake.address());
  EXPECT_EQ(*docker.version(), "1");
}

// ---- one file, by create + archive + delete

TEST_F(DockerEngineTest, CopiesAFileOutOfAContainerThatItTakesAwayAgain) {
  FakeEngine fake(socket_, replies());
  DockerEngine docker = engine();
  Result<std::unique_ptr<ByteSource>> stream = copy_out(docker);
  ASSERT_TRUE(stream.ok()) << stream.error().message();
  EXPECT_THAT(fake.asked(), Not(Contains(kDelete)));
  EXPECT_EQ(text_of(std::move(*stream)), "the tar");
  EXPECT_THAT(fake.asked(), ElementsAre(kList, kCreate, kArchive, kDelete));
}

TEST_F(DockerEngineTest, TheContainerIsMarkedAndCannotDoAnything) {
  FakeEngine fake(socket_, replies());
  DockerEngine docker = engine();
  ASSERT_TRUE(copy_out(docker).ok());
  bpfman::testing::ServerRequest create = fake.requests()[1];
  EXPECT_EQ(create.headers["content-type"], "application/json");
  EXPECT_EQ(create.body, container_request("sha256:12", "io.bpfman.tmp"));
}

TEST_F(DockerEngineTest, TakesTheContainerAwayWhenNobodyReadsToTheEnd) {
  FakeEngine::Replies with_silence = replies();
  with_silence[kArchive] = ServerReply{.body = "the tar", .stop_after = 3, .hang_at_stop = true};
  FakeEngine fake(socket_, with_silence);
  DockerEngine docker = engine();
  {
    Result<std::unique_ptr<ByteSource>> stream = copy_out(docker);
    ASSERT_TRUE(stream.ok()) << stream.error().message();
    std::array<std::byte, 3> buffer = {};
    EXPECT_TRUE((*stream)->read(buffer).ok());
  }
  EXPECT_EQ(fake.asked().back(), kDelete);
}

TEST_F(DockerEngineTest, TakesTheContainerAwayWhenTheFileCannotBeRead) {
  struct Case {
    ServerReply reply;
    Code code;
  };

  for (const Case& fault : {Case{reply_with(R"({"message":"no such file"})", 404), Code::NotFound},
                            Case{reply_with("", 500), Code::Unavailable},
                            Case{ServerReply{.close = true}, Code::Unavailable},
                            Case{ServerReply{.raw = "nonsense\r\n\r\n"}, Code::Unavailable}}) {
    FakeEngine::Replies faulty = replies();
    faulty[kArchive] = fault.reply;
    FakeEngine fake(socket_, faulty);
    DockerEngine docker = engine();
    Result<std::unique_ptr<ByteSource>> stream = copy_out(docker);
    ASSERT_FALSE(stream.ok());
    EXPECT_EQ(stream.error().code(), fault.code) << stream.error().message();
    EXPECT_EQ(fake.asked().back(), kDelete);
  }
}

TEST_F(DockerEngineTest, AFileThatIsCutOffIsAnErrorAndTheContainerGoes) {
  FakeEngine::Replies cut = replies();
  cut[kArchive] = ServerReply{.body = "the tar", .stop_after = 3};
  FakeEngine fake(socket_, cut);
  DockerEngine docker = engine();
  {
    Result<std::unique_ptr<ByteSource>> stream = copy_out(docker);
    bool whole = stream.ok() && read_all(**stream, 100).ok();
    EXPECT_FALSE(whole);
  }
  EXPECT_EQ(fake.asked().back(), kDelete);
}

TEST_F(DockerEngineTest, AContainerThatIsGoneAlreadyDoesNotMatter) {
  FakeEngine::Replies gone = replies();
  gone[kDelete] = reply_with(R"({"message":"No such container"})", 404);
  FakeEngine fake(socket_, gone);
  DockerEngine docker = engine();
  EXPECT_EQ(text_of(std::move(*copy_out(docker))), "the tar");
}

TEST_F(DockerEngineTest, WithoutAContainerThereIsNothingToTakeAway) {
  struct Case {
    ServerReply reply;
    Code code;
  };

  for (const Case& fault : {Case{no_such_image("sha256:12"), Code::NotFound},
                            Case{reply_with(R"({"message":"denied"})", 403), Code::Unavailable},
                            Case{reply_with("{}", 201), Code::Unavailable}}) {
    FakeEngine::Replies faulty = replies();
    faulty[kCreate] = fault.reply;
    FakeEngine fake(socket_, faulty);
    DockerEngine docker = engine();
    EXPECT_EQ(copy_out(docker).error().code(), fault.code);
    EXPECT_THAT(fake.asked(), ElementsAre(kList, kCreate));
  }
}

TEST_F(DockerEngineTest, SweepsOnceWhatAnInterruptedRunLeft) {
  FakeEngine::Replies with_leftovers = replies();
  with_leftovers[kList] = reply_with(R"([{"Id":"old1","Created":1700000000},{"Id":"old2"}])");
  FakeEngine fake(socket_, with_leftovers);
  DockerEngine docker = engine();
  ASSERT_TRUE(copy_out(docker).ok());
  ASSERT_TRUE(copy_out(docker).ok());
  EXPECT_THAT(fake.asked(),
              ElementsAre(kList,
                          "DELETE /containers/old1?force=1&v=1",
                          "DELETE /containers/old2?force=1&v=1",
                          kCreate,
                          kArchive,
                          kDelete,
                          kCreate,
                          kArchive,
                          kDelete));
}

TEST_F(DockerEngineTest, SparesAContainerThatAnotherBpfmanMayBeReadingFrom) {
  FakeEngine::Replies with_young = replies();
  with_young[kList] =
      reply_with(R"([{"Id":"young","Created":)" + std::to_string(std::time(nullptr)) + "}]");
  FakeEngine fake(socket_, with_young);
  DockerEngine docker = engine();
  ASSERT_TRUE(copy_out(docker).ok());
  EXPECT_THAT(fake.asked(), ElementsAre(kList, kCreate, kArchive, kDelete));
}

TEST_F(DockerEngineTest, AFailedSweepDoesNotStopTheCopy) {
  FakeEngine::Replies without_list = replies();
  without_list[kList] = reply_with("<html>", 200);
  FakeEngine fake(socket_, without_list);
  DockerEngine docker = engine();
  EXPECT_EQ(text_of(std::move(*copy_out(docker))), "the tar");
}

// ---- the whole image

TEST_F(DockerEngineTest, ExportsAnImageAsAStream) {
  FakeEngine fake(
      socket_, {{"GET /images/sha256:12/get", ServerReply{.body = "the image", .chunked = true}}});
  DockerEngine docker = engine();
  Result<std::unique_ptr<ByteSource>> stream = docker.export_image("sha256:12");
  ASSERT_TRUE(stream.ok()) << stream.error().message();
  EXPECT_EQ(text_of(std::move(*stream)), "the image");
}

TEST_F(DockerEngineTest, AnExportThatTheEngineRefusesIsAnError) {
  FakeEngine fake(socket_,
                  {{"GET /images/gone/get", no_such_image("gone")},
                   {"GET /images/full/get", reply_with(R"({"message":"disk full"})", 500)}});
  DockerEngine docker = engine();
  EXPECT_EQ(docker.export_image("gone").error().code(), Code::NotFound);
  Error full = docker.export_image("full").error();
  EXPECT_EQ(full.code(), Code::Unavailable);
  EXPECT_THAT(full.message(), HasSubstr("disk full"));
}

TEST_F(DockerEngineTest, AnExportThatIsCutOffIsAnError) {
  FakeEngine fake(socket_,
                  {{"GET /images/x/get", ServerReply{.body = "the image", .stop_after = 3}}});
  DockerEngine docker = engine();
  Result<std::unique_ptr<ByteSource>> stream = docker.export_image("x");
  bool whole = stream.ok() && read_all(**stream, 100).ok();
  EXPECT_FALSE(whole);
}

}  // namespace
}  // namespace bpfman::container
