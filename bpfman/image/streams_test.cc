// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/streams.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/image/image_test_support.h"

namespace bpfman::image {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

Result<Bytes> inflate(Bytes bytes, std::uint64_t limit = 64 * kMiB, std::size_t piece = 1 << 20) {
  std::unique_ptr<ByteSource> inner = make_source(std::move(bytes), piece);
  std::unique_ptr<ByteSource> plain = TRY(make_inflating_source(*inner, limit));
  return read_all(*plain, limit * 2);
}

Bytes joined(const std::vector<Bytes>& parts) {
  Bytes out;
  for (const Bytes& part : parts) {
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

// 300 KB that no compressor makes small, the same every time.
Bytes noise() {
  std::minstd_rand random(3);  // NOLINT(bugprone-random-generator-seed): the same every time
  Bytes out(300'000);
  for (std::byte& byte : out) {
    byte = static_cast<std::byte>(random() >> 8 & 0xff);
  }
  return out;
}

Bytes skippable_frame(const std::string& content) {
  std::string size(4, '\0');
  size[0] = static_cast<char>(content.size());
  return bytes_of("\x53\x2a\x4d\x18" + size + content);
}

TEST(Inflating, GivesPlainBytesAsTheyAre) {
  for (const char* text : {"", "a", "ab", "abc", "plain text, longer than its first bytes"}) {
    EXPECT_EQ(text_of(*inflate(bytes_of(text))), text);
  }
}

TEST(Inflating, UnpacksGzip) {
  EXPECT_EQ(text_of(*inflate(gzip(as_bytes("hello")))), "hello");
  EXPECT_EQ(*inflate(gzip(noise())), noise());
}

TEST(Inflating, UnpacksSeveralGzipMembers) {
  Bytes bytes = joined({gzip(as_bytes("one ")), gzip(as_bytes("")), gzip(as_bytes("two"))});
  EXPECT_EQ(text_of(*inflate(bytes)), "one two");
}

TEST(Inflating, IgnoresPaddingBehindTheLastGzipMember) {
  EXPECT_EQ(text_of(*inflate(joined({gzip(as_bytes("x")), Bytes(512)}))), "x");
}

TEST(Inflating, UnpacksZstd) {
  EXPECT_EQ(text_of(*inflate(zstd(as_bytes("hello")))), "hello");
  EXPECT_EQ(*inflate(zstd(noise())), noise());
}

TEST(Inflating, UnpacksSeveralZstdFramesAndSkipsSkippableOnes) {
  Bytes bytes = joined({skippable_frame("first"),
                        zstd(as_bytes("one ")),
                        skippable_frame("table of contents"),
                        zstd(as_bytes("two")),
                        skippable_frame("")});
  EXPECT_EQ(text_of(*inflate(bytes)), "one two");
}

TEST(Inflating, DoesNotCareHowTheStreamIsCut) {
  Bytes members = joined({gzip(as_bytes("one ")), gzip(as_bytes("two"))});
  EXPECT_EQ(text_of(*inflate(members, kMiB, 1)), "one two");
  Bytes frames = joined({zstd(as_bytes("one ")), skippable_frame("s"), zstd(as_bytes("two"))});
  EXPECT_EQ(text_of(*inflate(frames, kMiB, 1)), "one two");
}

TEST(Inflating, NoticesAnEndInTheMiddle) {
  for (const Bytes& whole : {gzip(as_bytes("hello, world")), zstd(as_bytes("hello, world"))}) {
    for (std::size_t size = 4; size < whole.size(); ++size) {
      Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      EXPECT_EQ(inflate(cut).error().code(), Code::DataLoss) << size;
    }
  }
}

TEST(Inflating, NoticesDamage) {
  Bytes gzipped = gzip(noise());
  gzipped[gzipped.size() - 8] ^= std::byte{1};  // the checksum at its end
  EXPECT_EQ(inflate(gzipped).error().code(), Code::DataLoss);
  Bytes frame = zstd(noise());
  frame[frame.size() / 2] ^= std::byte{1};
  frame.resize(frame.size() - 100);
  EXPECT_EQ(inflate(frame).error().code(), Code::DataLoss);
  Bytes second = joined({zstd(as_bytes("x")), bytes_of("no frame")});
  EXPECT_EQ(inflate(second).error().code(), Code::DataLoss);
}

TEST(Inflating, StopsAtItsLimit) {
  Bytes plain(2 * kMiB, std::byte{'x'});
  for (const Bytes& bytes : {plain, gzip(plain), zstd(plain)}) {
    EXPECT_TRUE(inflate(bytes, 2 * kMiB).ok());
    Result<Bytes> more = inflate(bytes, 2 * kMiB - 1);
    EXPECT_EQ(more.error().code(), Code::ResourceExhausted);
  }
}

TEST(Inflating, StopsWhereAStreamGrowsMoreThanAThousandfold) {
  Bytes zeros(64 * kMiB);
  for (const Bytes& bytes : {gzip(zeros), zstd(zeros)}) {
    Result<Bytes> all = inflate(bytes, 1024 * kMiB);
    ASSERT_FALSE(all.ok());
    EXPECT_EQ(all.error().code(), Code::ResourceExhausted);
    EXPECT_THAT(all.error().message(), HasSubstr("thousandfold"));
  }
}

TEST(Inflating, ForgivesAnyGrowthWhileLittleComesOut) {
  EXPECT_TRUE(inflate(zstd(Bytes(16 * kMiB))).ok());
}

TEST(Inflating, PassesErrorsOfTheStreamOn) {
  Bytes whole = gzip(noise());
  Bytes half(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(whole.size() / 2));
  std::unique_ptr<ByteSource> inner =
      make_source(half, 1000, Error(Code::Unavailable, "connection lost"));
  std::unique_ptr<ByteSource> plain = *make_inflating_source(*inner, kMiB);
  EXPECT_EQ(read_all(*plain, kMiB).error().code(), Code::Unavailable);
}

TEST(Hashing, CoversWhatPasses) {
  std::unique_ptr<ByteSource> inner = make_source(bytes_of("some bytes"), 3);
  HashingSource hashing(*inner);
  EXPECT_EQ(text_of(*read_all(hashing, 100)), "some bytes");
  EXPECT_EQ(hashing.size(), 10U);
  EXPECT_EQ(hashing.finish(), Digest::sha256_of(as_bytes("some bytes")));
}

TEST(Hashing, CoversWhatNobodyReadWhenDrained) {
  std::unique_ptr<ByteSource> inner = make_source(bytes_of("some bytes"));
  HashingSource hashing(*inner);
  std::array<std::byte, 4> some{};
  ASSERT_TRUE(hashing.read(some).ok());
  ASSERT_TRUE(hashing.drain().ok());
  EXPECT_EQ(hashing.finish(), Digest::sha256_of(as_bytes("some bytes")));
}

TEST(Hashing, NeverTakesAFailedStreamForAFinishedOne) {
  std::unique_ptr<ByteSource> inner =
      make_source(bytes_of("half"), 100, Error(Code::Unavailable, "connection lost"));
  HashingSource hashing(*inner);
  EXPECT_EQ(read_all(hashing, 100).error().code(), Code::Unavailable);
  EXPECT_EQ(hashing.drain().error().code(), Code::Unavailable);
}

TEST(Limited, GivesAsManyBytesAsWereAnnounced) {
  std::unique_ptr<ByteSource> inner = make_source(bytes_of("12345"), 2);
  std::unique_ptr<ByteSource> limited = make_limited_source(*inner, 5);
  EXPECT_EQ(text_of(*read_all(*limited, 100)), "12345");
}

TEST(Limited, RefusesOneByteMore) {
  std::unique_ptr<ByteSource> inner = make_source(bytes_of("12345"), 2);
  std::unique_ptr<ByteSource> limited = make_limited_source(*inner, 4);
  EXPECT_EQ(read_all(*limited, 100).error().code(), Code::DataLoss);
}

}  // namespace
}  // namespace bpfman::image
