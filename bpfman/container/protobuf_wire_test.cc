// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/protobuf_wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bpfman::container {
namespace {

using namespace std::string_literals;

// What a walk through a message finds: "NUMBER=VALUE" or "NUMBER:TEXT", and "broken" at its end.
std::string walk(std::string_view message) {
  ProtobufReader reader(message);
  ProtobufField field;
  std::string out;
  while (reader.next(field)) {
    out += std::to_string(field.number);
    out += field.is_bytes ? ":" + std::string(field.bytes) : "=" + std::to_string(field.value);
    out += ' ';
  }
  return out + (reader.failed() ? "broken" : "");
}

TEST(ProtobufWriter, WritesWhatContainerdReads) {
  EXPECT_EQ(ProtobufWriter().text(1, "x:dev").encoded(), "\x0a\x05x:dev");
  EXPECT_EQ(ProtobufWriter().number(2, 300).encoded(), "\x10\xac\x02");
  EXPECT_EQ(ProtobufWriter().number(2, 0).text(1, "").encoded(), "");
  EXPECT_EQ(ProtobufWriter().map_entry(3, "k", "v").encoded(), "\x1a\x06\x0a\x01k\x12\x01v");
}

TEST(ProtobufReader, ReadsTextsAndNumbers) {
  EXPECT_EQ(walk("\x0a\x05x:dev\x10\xac\x02"), "1:x:dev 2=300 ");
  EXPECT_EQ(walk(""), "");
  EXPECT_EQ(walk("\x0a\x00"s), "1: ");
  EXPECT_EQ(walk("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "1=18446744073709551615 ");
}

TEST(ProtobufReader, PassesOverFixedNumbers) {
  EXPECT_EQ(walk("\x09"
                 "12345678\x15"
                 "1234\x10\x01"),
            "1=0 2=0 2=1 ");
}

TEST(ProtobufReader, StopsAtWhatIsNoMessage) {
  for (const std::string& bad : {"\x0a"s,       // no length
                                 "\x0a\x05x"s,  // cut off
                                 "\x0a\xff\xff\xff\xff\x0fx"s,
                                 "\x08"s,  // no value
                                 "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"s,
                                 "\x00\x00"s,  // field 0
                                 "\x0b"s,      // a group
                                 "\x0f"s,      // a kind that there is not
                                 "\x09"
                                 "1234"s,
                                 "\x0d"
                                 "123"s}) {
    EXPECT_EQ(walk(bad), "broken") << ::testing::PrintToString(bad);
  }
}

TEST(ProtobufReader, StaysBroken) {
  ProtobufReader reader("\x0b\x0a\x01x");
  ProtobufField field;
  EXPECT_FALSE(reader.next(field));
  EXPECT_FALSE(reader.next(field));
  EXPECT_TRUE(reader.failed());
}

TEST(ProtobufText, IsTheLastOfItsField) {
  EXPECT_EQ(protobuf_text("\x0a\x01x\x0a\x01y\x12\x01z", 1), "y");
  EXPECT_EQ(protobuf_text("\x0a\x01x", 2), "");
  EXPECT_EQ(protobuf_text("\x0a\x01x\x0b", 1), "") << "of a broken message nothing is believed";
}

}  // namespace
}  // namespace bpfman::container
