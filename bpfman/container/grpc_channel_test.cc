// SPDX-License-Identifier: Apache-2.0
// Frames and statuses; calls that succeed are made of a real containerd (tests/acceptance).
#include "bpfman/container/grpc_channel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/base/file.h"
#include "bpfman/container/container_test_support.h"

namespace bpfman::container {
namespace {

using namespace std::string_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Cut {
  std::vector<std::string> messages;
  std::optional<Code> error;
};

Cut cut(const std::string& body) {
  std::unique_ptr<ByteSource> source = make_memory_source(as_bytes(body));
  GrpcFrames frames(*source);
  Cut out;
  for (;;) {
    Result<std::optional<std::string>> message = frames.next();
    if (!message.ok()) {
      out.error = message.error().code();
      return out;
    }
    if (!message->has_value()) {
      return out;
    }
    out.messages.push_back(std::move(**message));
  }
}

TEST(GrpcFrames, AreCutApart) {
  Cut two = cut("\0\0\0\0\1a\0\0\0\0\0\0\0\0\0\2bc"s);
  EXPECT_THAT(two.messages, ElementsAre("a", "", "bc"));
  EXPECT_FALSE(two.error.has_value());
  EXPECT_TRUE(cut("").messages.empty());
}

TEST(GrpcFrames, ThatAreCutOffAreErrors) {
  EXPECT_EQ(cut("\0\0\0"s).error, Code::Unavailable);
  EXPECT_EQ(cut("\0\0\0\0\5abc"s).error, Code::Unavailable);
}

TEST(GrpcFrames, AreNeitherCompressedNorHuge) {
  EXPECT_EQ(cut("\1\0\0\0\1a"s).error, Code::Unavailable);
  EXPECT_EQ(cut("\0\1\0\0\1"s).error, Code::ResourceExhausted);
  EXPECT_EQ(cut("\0\xff\xff\xff\xff"s).error, Code::ResourceExhausted);
}

TEST(GrpcStatus, BecomesAnError) {
  EXPECT_EQ(GrpcStatus{.code = 5}.to_error("x").code(), Code::NotFound);
  EXPECT_EQ(GrpcStatus{.code = 16}.to_error("x").code(), Code::PermissionDenied);
  EXPECT_EQ(GrpcStatus{.code = 99}.to_error("x").code(), Code::Unavailable);
  Error error = GrpcStatus{.code = 5, .message = "image \"y\": not found"}.to_error("Get");
  EXPECT_EQ(error.message(), "Get: image \"y\": not found");
}

class ChannelTest : public ::testing::Test {
 protected:
  ChannelTest()
      : directory_(*TempDir::create("bpfman-grpc")), socket_(join_path(directory_.path(), "s")) {}

  Error fail() {
    GrpcChannel channel(socket_);
    Result<GrpcChannel::Reply> reply = channel.call("x.Y/Z", "", {});
    EXPECT_FALSE(reply.ok());
    return reply.ok() ? Error(Code::Internal, "no error") : reply.error();
  }

  TempDir directory_;
  std::string socket_;
};

TEST_F(ChannelTest, NoSocketIsNotFound) {
  EXPECT_EQ(fail().code(), Code::NotFound);
}

TEST_F(ChannelTest, ASocketOnWhichNobodyListensIsUnavailable) {
  leave_socket(socket_);
  Error error = fail();
  EXPECT_EQ(error.code(), Code::Unavailable);
  EXPECT_EQ(error.os(), ECONNREFUSED);
}

TEST_F(ChannelTest, APeerThatSpeaksSomethingElseIsUnavailable) {
  FakeEngine engine(socket_, {});
  EXPECT_EQ(fail().code(), Code::Unavailable);
}

TEST_F(ChannelTest, ASilentPeerIsWaitedForTwoSeconds) {
  bpfman::testing::HttpServer server(socket_, [](const bpfman::testing::ServerRequest&) {
    return bpfman::testing::ServerReply{.hang = true};
  });
  Error error = fail();
  EXPECT_EQ(error.code(), Code::Unavailable);
  EXPECT_THAT(error.message(), HasSubstr("no answer within 2000 ms"));
}

}  // namespace
}  // namespace bpfman::container
