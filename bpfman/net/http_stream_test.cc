// SPDX-License-Identifier: Apache-2.0
// HttpClient::open: bodies that are read as they arrive.
#include <atomic>
#include <chrono>
#include <future>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/base/file.h"
#include "bpfman/net/http.h"
#include "tests/support/http_server.h"

namespace bpfman::net {
namespace {

using bpfman::testing::HttpServer;
using bpfman::testing::ServerReply;
using bpfman::testing::ServerRequest;
using ::testing::HasSubstr;

// Bytes whose place tells them apart, so that a lost, doubled or swapped piece is seen.
std::string pattern(std::size_t size, unsigned seed) {
  std::string text(size, '\0');
  unsigned state = seed;
  for (char& c : text) {
    state = state * 1664525U + 1013904223U;
    c = static_cast<char>(state >> 24);
  }
  return text;
}

constexpr std::size_t kLarge = std::size_t{8} << 20;

class StreamTest : public ::testing::Test {
 protected:
  StreamTest()
      : directory_(*TempDir::create("bpfman-http")),
        socket_(join_path(directory_.path(), "s")),
        server_(socket_, [this](const ServerRequest& asked) { return replies_.at(asked.target); }) {
  }

  HttpRequest request(const std::string& target = "/x") const {
    HttpRequest request;
    request.url = "http://engine" + target;
    request.unix_socket = socket_;
    return request;
  }

  std::unique_ptr<ByteSource> open(const HttpRequest& request) {
    Result<HttpClient::Streaming> opened = client_.open(request);
    EXPECT_TRUE(opened.ok()) << opened.error().message();
    EXPECT_NE(opened->source, nullptr);
    return std::move(opened->source);
  }

  // Reads up to `count` bytes in one piece.
  static Result<std::string> read(ByteSource& source, std::size_t count) {
    std::string piece(count, '\0');
    std::size_t got = TRY(source.read(std::as_writable_bytes(std::span(piece))));
    piece.resize(got);
    return piece;
  }

  // Reads to the end in pieces of `piece` bytes.
  static Result<std::string> read_rest(ByteSource& source, std::size_t piece) {
    std::string all;
    for (;;) {
      std::string part = TRY(read(source, piece));
      if (part.empty()) {
        return all;
      }
      all += part;
    }
  }

  TempDir directory_;
  std::string socket_;
  std::map<std::string, ServerReply> replies_;
  HttpServer server_;
  HttpClient client_;
};

TEST_F(StreamTest, HaveTheHeaderBeforeTheBody) {
  std::promise<void> header_seen;
  replies_["/x"] = {
      .headers = {{"X-Kind", "tar"}}, .body = "body", .stop_after = 0, .at_stop = [&] {
        header_seen.get_future().wait();
        return true;
      }};
  Result<HttpClient::Streaming> opened = client_.open(request());
  header_seen.set_value();
  ASSERT_TRUE(opened.ok()) << opened.error().message();
  EXPECT_EQ(opened->response.status, 200);
  EXPECT_EQ(opened->response.header("x-kind"), "tar");
  EXPECT_EQ(opened->response.body, "");
  EXPECT_EQ(*read_rest(*opened->source, 100), "body");
}

TEST_F(StreamTest, ALargeBodyReadInSmallPiecesArrivesWhole) {
  for (bool chunked : {false, true}) {
    replies_["/x"] = {.body = pattern(kLarge, 1), .chunked = chunked};
    std::unique_ptr<ByteSource> source = open(request());
    Result<std::string> all = read_rest(*source, 1000);
    ASSERT_TRUE(all.ok()) << all.error().message();
    EXPECT_TRUE(*all == replies_["/x"].body) << all->size() << " bytes, chunked " << chunked;
  }
}

TEST_F(StreamTest, ASlowReaderHoldsThePeerBack) {
  // The server gets to its stop only when the reader has taken what lies before.
  std::atomic<bool> reached = false;
  replies_["/x"] = {
      .body = pattern(kLarge, 1), .stop_after = static_cast<int>(kLarge - 10), .at_stop = [&] {
        reached = true;
        return true;
      }};
  std::unique_ptr<ByteSource> source = open(request());
  ASSERT_TRUE(read(*source, 10).ok());
  EXPECT_FALSE(reached) << "8 MiB were taken into memory for a reader of 10 bytes";
  EXPECT_EQ(read_rest(*source, 65536)->size(), kLarge - 10);
  EXPECT_TRUE(reached);
}

TEST_F(StreamTest, TheEndIsToldAgain) {
  replies_["/x"] = {.body = "x"};
  std::unique_ptr<ByteSource> source = open(request());
  EXPECT_EQ(*read_rest(*source, 10), "x");
  EXPECT_EQ(*read(*source, 10), "");
}

TEST_F(StreamTest, TrailersAreThereAtTheEndOfTheBody) {
  replies_["/x"] = {
      .raw =
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Grpc-Status\r\n\r\n"
          "1\r\nx\r\n0\r\nGrpc-Status: 5\r\n\r\n"};
  Result<HttpClient::Streaming> opened = client_.open(request());
  ASSERT_TRUE(opened.ok()) << opened.error().message();
  EXPECT_EQ(*read_rest(*opened->source, 10), "x");
  ASSERT_EQ(opened->response.trailers->count("grpc-status"), 1U);
  EXPECT_EQ(opened->response.trailers->find("grpc-status")->second, "5");
  EXPECT_EQ(opened->response.headers.count("grpc-status"), 0U);
}

TEST_F(StreamTest, AnEmptyBodyEndsAtOnce) {
  for (bool chunked : {false, true}) {
    replies_["/x"] = {.chunked = chunked};
    EXPECT_EQ(*read_rest(*open(request()), 10), "");
  }
}

TEST_F(StreamTest, ACutBodyIsAnErrorThatStays) {
  replies_["/x"] = {.body = std::string(1000, 'x'), .stop_after = 500};
  std::unique_ptr<ByteSource> source = open(request());
  Result<std::string> first = read(*source, 500);
  ASSERT_TRUE(first.ok()) << "what arrived before is handed out: " << first.error().message();
  EXPECT_EQ(read_rest(*source, 100).error().code(), Code::Unavailable);
  Result<std::string> again = read(*source, 100);
  ASSERT_FALSE(again.ok()) << "a short success of " << again->size() << " bytes";
  EXPECT_EQ(again.error().code(), Code::Unavailable);
}

TEST_F(StreamTest, SilenceIsAnErrorThatStays) {
  std::promise<void> timed_out;
  replies_["/x"] = {.body = std::string(1000, 'x'), .stop_after = 500, .at_stop = [&] {
                      timed_out.get_future().wait();
                      return true;
                    }};
  HttpRequest impatient = request();
  impatient.idle_timeout_ms = 150;
  std::unique_ptr<ByteSource> source = open(impatient);
  Result<std::string> silent = read_rest(*source, 100);
  timed_out.set_value();
  ASSERT_FALSE(silent.ok());
  EXPECT_THAT(silent.error().message(), HasSubstr("silent for 150 ms"));
  EXPECT_FALSE(read_rest(*source, 100).ok()) << "a body with a hole in its history";
}

TEST_F(StreamTest, TheReadersOwnPausesAreNotThePeersSilence) {
  // The peer pauses longer than the idle time, but most of it while nobody waits for it.
  std::promise<void> never;
  replies_["/x"] = {.body = "12", .stop_after = 1, .at_stop = [&] {
                      return never.get_future().wait_for(std::chrono::milliseconds(700)) ==
                             std::future_status::timeout;
                    }};
  replies_["/silent"] = {.hang = true};
  HttpRequest patient = request();
  patient.idle_timeout_ms = 500;
  std::unique_ptr<ByteSource> source = open(patient);
  ASSERT_EQ(*read(*source, 10), "1");
  HttpRequest elsewhere = request("/silent");
  elsewhere.first_byte_timeout_ms = 600;
  EXPECT_FALSE(client_.send(elsewhere).ok());
  Result<std::string> rest = read_rest(*source, 10);
  ASSERT_TRUE(rest.ok()) << rest.error().message();
  EXPECT_EQ(*rest, "2");
}

TEST_F(StreamTest, DroppingTheSourceEndsTheTransferAndLeavesTheClientUsable) {
  replies_["/x"] = {.body = pattern(kLarge, 1)};
  replies_["/small"] = {.body = "small"};
  std::unique_ptr<ByteSource> source = open(request());
  ASSERT_TRUE(read(*source, 10).ok());
  source.reset();
  Result<HttpResponse> after = client_.send(request("/small"));
  ASSERT_TRUE(after.ok()) << after.error().message();
  EXPECT_EQ(after->body, "small");
  EXPECT_EQ(server_.connections(), 2U) << "the first is full of what nobody wants";
}

TEST_F(StreamTest, ASourceOutlivesItsClient) {
  replies_["/x"] = {.body = pattern(kLarge, 1)};
  std::unique_ptr<ByteSource> source;
  {
    HttpClient client;
    source = std::move(client.open(request())->source);
  }
  EXPECT_EQ(read_rest(*source, 65536)->size(), kLarge);
}

TEST_F(StreamTest, AConnectionIsUsedAgainAfterAStreamReadToItsEnd) {
  replies_["/x"] = {.body = pattern(1000, 1)};
  EXPECT_EQ(read_rest(*open(request()), 100)->size(), 1000U);
  EXPECT_EQ(read_rest(*open(request()), 100)->size(), 1000U);
  EXPECT_EQ(server_.connections(), 1U);
}

TEST_F(StreamTest, AnythingButSuccessIsCollected) {
  for (int status : {301, 404, 500}) {
    replies_["/x"] = {.status = status, .body = "{\"message\":\"no\"}"};
    Result<HttpClient::Streaming> opened = client_.open(request());
    ASSERT_TRUE(opened.ok()) << opened.error().message();
    EXPECT_EQ(opened->response.status, status);
    EXPECT_EQ(opened->response.body, "{\"message\":\"no\"}");
    EXPECT_EQ(opened->source, nullptr);
  }
}

TEST_F(StreamTest, ALongErrorIsCollectedInPart) {
  replies_["/x"] = {.status = 500, .body = pattern(kLarge, 1)};
  Result<HttpClient::Streaming> opened = client_.open(request());
  ASSERT_TRUE(opened.ok()) << opened.error().message();
  EXPECT_EQ(opened->response.body, replies_["/x"].body.substr(0, std::size_t{64} << 10));
}

TEST_F(StreamTest, TwoStreamsOfOneClientDoNotDisturbEachOther) {
  replies_["/a"] = {.body = pattern(kLarge, 1)};
  replies_["/b"] = {.body = pattern(kLarge, 2), .chunked = true};
  std::unique_ptr<ByteSource> a = open(request("/a"));
  std::unique_ptr<ByteSource> b = open(request("/b"));
  std::string of_a;
  std::string of_b;
  while (of_a.size() < kLarge || of_b.size() < kLarge) {
    // In uneven steps: each of them waits full while the other is read.
    Result<std::string> piece_a = read(*a, 70'000);
    Result<std::string> piece_b = read(*b, 7'000);
    ASSERT_TRUE(piece_a.ok() && piece_b.ok());
    ASSERT_FALSE(piece_a->empty() && piece_b->empty());
    of_a += *piece_a;
    of_b += *piece_b;
  }
  EXPECT_TRUE(of_a == replies_["/a"].body);
  EXPECT_TRUE(of_b == replies_["/b"].body);
}

TEST_F(StreamTest, ARequestInTheMiddleOfAStreamIsAnswered) {
  replies_["/x"] = {.body = pattern(kLarge, 1)};
  replies_["/small"] = {.body = "small"};
  std::unique_ptr<ByteSource> source = open(request());
  std::string first = *read(*source, 1000);
  EXPECT_EQ(client_.send(request("/small"))->body, "small");
  EXPECT_TRUE(first + *read_rest(*source, 65536) == replies_["/x"].body);
}

TEST_F(StreamTest, ACutThatHappensWhileAnotherStreamIsReadIsStillSeen) {
  std::promise<void> opened;
  replies_["/cut"] = {.body = std::string(1000, 'x'), .stop_after = 500, .at_stop = [&] {
                        opened.get_future().wait();
                        return false;
                      }};
  replies_["/small"] = {.body = "small"};
  std::unique_ptr<ByteSource> source = open(request("/cut"));
  opened.set_value();
  // The other transfers, not the stream's own reads, are told by libcurl that it ended.
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(client_.send(request("/small")).ok());
  }
  Result<std::string> all = read_rest(*source, 100);
  ASSERT_FALSE(all.ok()) << "a short success of " << all->size() << " bytes";
  EXPECT_EQ(all.error().code(), Code::Unavailable);
}

}  // namespace
}  // namespace bpfman::net
