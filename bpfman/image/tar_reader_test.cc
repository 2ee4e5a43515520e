// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/tar_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/image/image_test_support.h"

namespace bpfman::image {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// One entry with its data, as text.
struct Seen {
  std::string name;
  TarType type = TarType::File;
  std::string data;
  std::string link;
  bool operator==(const Seen&) const = default;
};

Result<std::vector<Seen>> list(const Bytes& tar, std::size_t piece = 1 << 20) {
  std::unique_ptr<ByteSource> source = make_source(tar, piece);
  TarReader reader(*source);
  std::vector<Seen> out;
  for (;;) {
    std::optional<TarEntry> entry = TRY(reader.next());
    if (!entry.has_value()) {
      return out;
    }
    Bytes data = TRY(reader.read_entry(1 << 20));
    out.push_back(Seen{entry->name, entry->type, text_of(data), entry->link});
  }
}

Error failure(const Bytes& tar) {
  Result<std::vector<Seen>> seen = list(tar);
  EXPECT_FALSE(seen.ok()) << "it can be read";
  return seen.ok() ? Error(Code::Internal, "none") : seen.error();
}

// The whole of a tar whose only entry is given as raw blocks.
Bytes closed(const std::string& blocks) {
  return bytes_of(blocks + std::string(1024, '\0'));
}

std::string padded(const std::string& data) {
  return data + std::string((512 - data.size() % 512) % 512, '\0');
}

TEST(TarReader, GivesEntriesOfEveryKindInOrder) {
  LayerWriter layer;
  layer.directory("etc").file("etc/x", "text").symlink("s", "../etc/x").hardlink("h", "./etc/x");
  layer.entry({.name = "c", .type = '3', .major = 5, .minor = 1}).entry({.name = "p", .type = '6'});
  EXPECT_THAT(*list(layer.tar()),
              ElementsAre(Seen{"etc", TarType::Directory, "", ""},
                          Seen{"etc/x", TarType::File, "text", ""},
                          Seen{"s", TarType::Symlink, "", "../etc/x"},
                          Seen{"h", TarType::Hardlink, "", "etc/x"},
                          Seen{"c", TarType::CharDevice, "", ""},
                          Seen{"p", TarType::Fifo, "", ""}));
}

TEST(TarReader, TellsDeviceNumbers) {
  LayerWriter layer;
  layer.entry({.name = "c", .type = '3', .major = 5, .minor = 130});
  std::unique_ptr<ByteSource> source = make_source(layer.tar());
  TarReader reader(*source);
  std::optional<TarEntry> entry = *reader.next();
  EXPECT_EQ(entry->device_major, 5U);
  EXPECT_EQ(entry->device_minor, 130U);
}

TEST(TarReader, DoesNotCareHowTheStreamIsCut) {
  LayerWriter layer;
  layer.file("a", std::string(1300, 'a')).file("b", "b");
  EXPECT_EQ(*list(layer.tar(), 1), *list(layer.tar()));
}

TEST(TarReader, SkipsWhatIsLeftOfAnEntry) {
  LayerWriter layer;
  layer.file("big", std::string(5000, 'x')).file("next", "n");
  std::unique_ptr<ByteSource> source = make_source(layer.tar());
  TarReader reader(*source);
  ASSERT_EQ((*reader.next())->name, "big");
  std::array<std::byte, 10> some{};
  ASSERT_EQ(*reader.read(some), 10U);
  EXPECT_EQ((*reader.next())->name, "next");
}

TEST(TarReader, JoinsThePrefixOfUstarNames) {
  EXPECT_THAT(*list(closed(tar_header({.name = "c.o", .prefix = "a/b"}))),
              ElementsAre(Seen{"a/b/c.o", TarType::File, "", ""}));
}

TEST(TarReader, LeavesWhatGnuKeepsInPlaceOfThePrefixAlone) {
  TarFields fields = {.name = "c.o", .prefix = "a/b"};
  fields.magic = std::string("ustar  \0", 8);
  EXPECT_THAT(*list(closed(tar_header(fields))), ElementsAre(Seen{"c.o", TarType::File, "", ""}));
}

TEST(TarReader, TakesNamesThatFillTheirField) {
  std::string name(100, 'n');
  EXPECT_THAT(*list(closed(tar_header({.name = name}))),
              ElementsAre(Seen{name, TarType::File, "", ""}));
}

TEST(TarReader, ReadsGnuLongNamesAndLinks) {
  std::string name(300, 'n');
  std::string link(200, 'l');
  LayerWriter layer;
  layer.entry({.name = "././@LongLink", .type = 'L', .size = 301}, name + '\0');
  layer.entry({.name = "././@LongLink", .type = 'K', .size = 201}, link + '\0');
  layer.symlink(name, link).file("next", "");
  EXPECT_THAT(
      *list(layer.tar()),
      ElementsAre(Seen{name, TarType::Symlink, "", link}, Seen{"next", TarType::File, "", ""}));
}

TEST(TarReader, ReadsPaxNamesLinksAndSizes) {
  std::string name(300, 'n');
  std::string records = pax_record("mtime", "1.5") + pax_record("path", name) +
                        pax_record("linkpath", "t") + pax_record("size", "4");
  std::string blocks = tar_header({.name = "pax", .type = 'x', .size = records.size()}) +
                       padded(records) + tar_header({.name = "short", .size = 0}) + padded("data");
  EXPECT_THAT(
      *list(closed(blocks + tar_header({.name = "next"}))),
      ElementsAre(Seen{name, TarType::File, "data", "t"}, Seen{"next", TarType::File, "", ""}));
}

TEST(TarReader, KeepsNewlinesInPaxNames) {
  std::string records = pax_record("path", "a.o\nb") + pax_record("comment", "c");
  LayerWriter layer;
  layer.entry({.name = "pax", .type = 'x', .size = records.size()}, records).file("short", "");
  EXPECT_EQ((*list(layer.tar()))[0].name, "a.o\nb");
}

TEST(TarReader, TakesTheHeadersNameWhereThePaxNameIsEmpty) {
  std::string records = pax_record("path", "");
  LayerWriter layer;
  layer.entry({.name = "pax", .type = 'x', .size = records.size()}, records).file("plain", "");
  EXPECT_EQ((*list(layer.tar()))[0].name, "plain");
}

TEST(TarReader, IgnoresGlobalPaxHeaders) {
  std::string records = pax_record("path", "everything");
  LayerWriter layer;
  layer.entry({.name = "pax_global", .type = 'g', .size = records.size()}, records).file("f", "d");
  EXPECT_THAT(*list(layer.tar()), ElementsAre(Seen{"f", TarType::File, "d", ""}));
}

TEST(TarReader, RefusesDamagedPaxHeaders) {
  for (const std::string& records : {std::string("12 path=abcd"),         // no newline
                                     std::string("999 path=a\n"),         // longer than all
                                     std::string("x path=a\n"),           // no length
                                     std::string("8 path\n\n"),           // no value
                                     std::string("3 \n"),                 // nothing
                                     pax_record("size", "four"),          // no number
                                     pax_record("path", {"a\0b", 3})}) {  // no name
    LayerWriter layer;
    layer.entry({.name = "pax", .type = 'x', .size = records.size()}, records).file("f", "");
    EXPECT_EQ(failure(layer.tar()).code(), Code::DataLoss) << records;
  }
}

TEST(TarReader, RefusesSparseFiles) {
  LayerWriter old_style;
  old_style.entry({.name = "s", .type = 'S'});
  EXPECT_EQ(failure(old_style.tar()).code(), Code::Unimplemented);
  std::string records = pax_record("GNU.sparse.major", "1");
  LayerWriter new_style;
  new_style.entry({.name = "pax", .type = 'x', .size = records.size()}, records).file("s", "");
  EXPECT_EQ(failure(new_style.tar()).code(), Code::Unimplemented);
}

TEST(TarReader, ReadsSizesInBase256) {
  std::string size = std::string("\x80", 1) + std::string(9, '\0') + std::string("\x01\x02", 2);
  std::string blocks =
      tar_header({.name = "f", .size_field = size}) + padded(std::string(258, 'f'));
  EXPECT_EQ((*list(closed(blocks)))[0].data, std::string(258, 'f'));
}

TEST(TarReader, RefusesUnreasonableSizes) {
  for (const std::string& size : {"\x80" + std::string(11, '\x7f'),             // 2^87
                                  std::string(12, '\xff'),                      // negative
                                  std::string("00000000008\0", 12),             // no octal digit
                                  "\x80" + std::string(5, '\0') + "zzzzzz"}) {  // beyond 2^44
    Error error = failure(closed(tar_header({.name = "f", .size_field = size})));
    EXPECT_EQ(error.code(), Code::DataLoss) << size;
  }
}

TEST(TarReader, RefusesAWrongChecksum) {
  LayerWriter layer;
  layer.file("a", "1").file("b", "2");
  Bytes tar = layer.tar();
  tar[1024 + 100] ^= std::byte{1};
  Error error = failure(tar);
  EXPECT_EQ(error.code(), Code::DataLoss);
  EXPECT_THAT(error.message(), HasSubstr("checksum"));
}

TEST(TarReader, RefusesWhatIsNoTar) {
  EXPECT_EQ(failure(bytes_of(std::string(512, 'x'))).code(), Code::DataLoss);
}

TEST(TarReader, NoticesAnEndInTheMiddle) {
  LayerWriter layer;
  layer.file("a", std::string(700, 'a'));
  Bytes tar = layer.tar();
  for (std::size_t size : {1U, 511U, 513U, 1100U, 1535U}) {
    Bytes cut(tar.begin(), tar.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(failure(cut).code(), Code::DataLoss) << size;
  }
}

TEST(TarReader, EndsWithTheStreamWhereTheEndBlocksAreMissing) {
  LayerWriter layer;
  layer.file("a", "1");
  Bytes tar = layer.tar();
  tar.resize(1024);
  EXPECT_THAT(*list(tar), ElementsAre(Seen{"a", TarType::File, "1", ""}));
  EXPECT_THAT(*list(Bytes()), IsEmpty());
}

TEST(TarReader, NormalisesNames) {
  EXPECT_EQ(normalise_tar_name("./a//b/./c/"), "a/b/c");
  EXPECT_EQ(normalise_tar_name("/a"), "a");
  EXPECT_EQ(normalise_tar_name("./"), "");
  EXPECT_EQ(normalise_tar_name("a/..b/c..d"), "a/..b/c..d");
  EXPECT_EQ(normalise_tar_name("a/../b"), std::nullopt);
  EXPECT_EQ(normalise_tar_name(".."), std::nullopt);
}

TEST(TarReader, RefusesNamesThatLeadOutOfTheArchive) {
  for (const char* name : {"../x.o", "a/../../x.o", "/.."}) {
    Error error = failure(closed(tar_header({.name = name})));
    EXPECT_EQ(error.code(), Code::InvalidArgument);
    EXPECT_THAT(error.message(), HasSubstr(name));
  }
}

TEST(TarReader, GivesHardLinksThatLeadOutNoTarget) {
  LayerWriter layer;
  layer.entry({.name = "h", .type = '1', .link = "../../etc/shadow"});
  EXPECT_THAT(*list(layer.tar()), ElementsAre(Seen{"h", TarType::Hardlink, "", ""}));
}

TEST(TarReader, LimitsExtensionHeaders) {
  std::string header = tar_header({.name = "L", .type = 'L', .size = (1U << 20) + 1});
  Error error = failure(bytes_of(header + padded(std::string((1U << 20) + 1, 'n'))));
  EXPECT_EQ(error.code(), Code::ResourceExhausted);
}

TEST(TarReader, LimitsWhatIsReadOfAnEntry) {
  LayerWriter layer;
  layer.file("a", "12345");
  std::unique_ptr<ByteSource> source = make_source(layer.tar());
  TarReader reader(*source);
  ASSERT_TRUE(reader.next().ok());
  EXPECT_EQ(reader.read_entry(4).error().code(), Code::ResourceExhausted);
  EXPECT_EQ(text_of(*reader.read_entry(5)), "12345");
}

TEST(TarReader, LimitsTheNumberOfEntries) {
  LayerWriter layer;
  layer.directory("1").directory("2").directory("3");
  std::unique_ptr<ByteSource> source = make_source(layer.tar());
  TarReader reader(*source, 2);
  ASSERT_TRUE(reader.next().ok());
  ASSERT_TRUE(reader.next().ok());
  EXPECT_EQ(reader.next().error().code(), Code::ResourceExhausted);
}

TEST(TarReader, PassesErrorsOfTheStreamOn) {
  LayerWriter layer;
  layer.file("a", std::string(2000, 'a'));
  Bytes tar = layer.tar();
  tar.resize(1000);
  std::unique_ptr<ByteSource> source =
      make_source(tar, 100, Error(Code::Unavailable, "connection lost"));
  TarReader reader(*source);
  ASSERT_TRUE(reader.next().ok());
  EXPECT_EQ(reader.read_entry(4096).error().code(), Code::Unavailable);
}

}  // namespace
}  // namespace bpfman::image
