// SPDX-License-Identifier: Apache-2.0
// The recipe of a layer, and the tar that it gives back from the layer's directory.
#include "bpfman/image/tar_split.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "bpfman/base/text.h"
#include "bpfman/image/image_test_support.h"

namespace bpfman::image {
namespace {

using ::testing::HasSubstr;

TEST(SplitLine, OfRawBytesHoldsThem) {
  Result<SplitEntry> entry = parse_split_line(R"({"type":2,"payload":"aGVsbG8=","position":0})");
  ASSERT_TRUE(entry.ok());
  EXPECT_FALSE(entry->is_file);
  EXPECT_EQ(text_of(entry->raw), "hello");
}

TEST(SplitLine, OfAFileHoldsItsNameAndSize) {
  Result<SplitEntry> entry =
      parse_split_line(R"({"type":1,"name":"./x.o","size":7,"payload":"AAAAAAAAAAA="})");
  ASSERT_TRUE(entry.ok());
  EXPECT_TRUE(entry->is_file);
  EXPECT_EQ(entry->name, "./x.o");
  EXPECT_EQ(entry->size, 7U);
}

TEST(SplitLine, WithoutASizeInsertsNothing) {
  EXPECT_EQ(parse_split_line(R"({"type":1,"name":"dir/"})")->size, 0U);
}

TEST(SplitLine, TakesARawNameBeforeAPlainOne) {
  Result<SplitEntry> entry =
      parse_split_line(R"({"type":1,"name":"?","name_raw":"/2E=","size":1})");
  ASSERT_TRUE(entry.ok());
  EXPECT_EQ(entry->name, "\xff\x61");
}

TEST(SplitLine, OfAnotherFormIsDamage) {
  for (const char* line : {"",
                           "{",
                           "[]",
                           "{}",
                           R"({"type":3})",
                           R"({"type":"1"})",
                           R"({"type":-1})",
                           R"({"type":2,"payload":"***"})",
                           R"({"type":1,"name":"x","size":-1})",
                           R"({"type":1,"name":"x","size":"1"})",
                           R"({"type":1,"name_raw":"***"})"}) {
    EXPECT_EQ(parse_split_line(line).error().code(), Code::DataLoss) << line;
  }
}

class SplitTest : public ::testing::Test {
 protected:
  SplitTest() : directory_(*TempDir::create("bpfman-split")) {}

  std::string at(const std::string& name) const { return join_path(directory_.path(), name); }

  // A recipe out of a file of these bytes.
  Result<SplitRecipe> read(const Bytes& file) const {
    TRY(write_file_atomic(at("recipe"), file, 0600));
    UniqueFd fd = TRY(open_file(at("recipe"), O_RDONLY));
    return read_split_recipe(fd.get());
  }

  Result<SplitRecipe> read(const std::string& lines) const { return read(gzip(as_bytes(lines))); }

  // The tar that the recipe makes of the directory "layer".
  Result<Bytes> rebuild(const SplitRecipe& recipe) const {
    UniqueFd layer = TRY(open_directory(at("layer")));
    std::unique_ptr<ByteSource> source = make_split_source(recipe, layer.get());
    return read_all(*source, std::size_t{1} << 24);
  }

  // What becomes of a file x of 4 bytes that the test makes in its own way.
  Error failure_of_x() const {
    Result<SplitRecipe> recipe = read(std::string(R"({"type":1,"name":"x","size":4})"));
    EXPECT_TRUE(recipe.ok());
    Result<Bytes> tar = rebuild(*recipe);
    EXPECT_FALSE(tar.ok());
    return tar.ok() ? Error(Code::Internal, "none") : tar.error();
  }

  TempDir directory_;
};

TEST_F(SplitTest, GivesBackTheVeryTar) {
  LayerWriter layer;
  layer.directory("d").file("d/x.o", make_object({"pass"})).file("./empty", "");
  layer.symlink("s", "d/x.o").hardlink("h.o", "d/x.o").file("big", std::string(100'000, 'b'));
  layer.unpack(at("layer"));
  Result<SplitRecipe> recipe = read(layer.recipe());
  ASSERT_TRUE(recipe.ok()) << recipe.error().message();
  EXPECT_EQ(recipe->stream_bytes, layer.tar().size());
  Result<Bytes> tar = rebuild(*recipe);
  ASSERT_TRUE(tar.ok()) << tar.error().message();
  EXPECT_EQ(*tar, layer.tar());
}

TEST_F(SplitTest, ReadsARecipeFromItsBeginningEachTime) {
  LayerWriter layer;
  layer.file("x", "1");
  ASSERT_TRUE(write_file_atomic(at("recipe"), gzip(as_bytes(layer.recipe())), 0600).ok());
  UniqueFd fd = *open_file(at("recipe"), O_RDONLY);
  EXPECT_EQ(read_split_recipe(fd.get())->entries.size(),
            read_split_recipe(fd.get())->entries.size());
}

TEST_F(SplitTest, FindsFilesByTheirRawNames) {
  ASSERT_TRUE(make_directories(at("layer"), 0755).ok());
  ASSERT_TRUE(write_file_atomic(at("layer/\xff\x61"), as_bytes("data"), 0600).ok());
  Result<SplitRecipe> recipe = read(std::string(R"({"type":1,"name_raw":"/2E=","size":4})"));
  EXPECT_EQ(text_of(*rebuild(*recipe)), "data");
}

TEST_F(SplitTest, MentionsWhatTheLayerHasAnEntryFor) {
  LayerWriter layer;
  layer.file("./d/x.o", "object").hardlink("h.o", "d/x.o");
  Result<SplitRecipe> recipe = read(layer.recipe());
  EXPECT_TRUE(recipe->mentions("d/x.o"));
  EXPECT_TRUE(recipe->mentions("h.o"));
  EXPECT_FALSE(recipe->mentions("x.o"));
}

TEST_F(SplitTest, IgnoresEmptyLines) {
  Result<SplitRecipe> recipe = read(
      "\n"
      R"({"type":2,"payload":"YQ=="})"
      "\n\n");
  ASSERT_TRUE(recipe.ok());
  EXPECT_EQ(recipe->entries.size(), 1U);
}

TEST_F(SplitTest, RefusesADamagedRecipe) {
  EXPECT_EQ(read(std::string("no json\n")).error().code(), Code::DataLoss);
  Bytes cut = gzip(as_bytes(LayerWriter().file("x", "1").recipe()));
  cut.resize(cut.size() / 2);
  EXPECT_EQ(read(cut).error().code(), Code::DataLoss);
}

TEST_F(SplitTest, RefusesARecipeThatIsNoRegularFile) {
  UniqueFd directory = *open_directory(directory_.path());
  EXPECT_EQ(read_split_recipe(directory.get()).error().code(), Code::DataLoss);
}

TEST_F(SplitTest, RefusesUnreasonableSizes) {
  std::string huge = R"({"type":1,"name":"x","size":17592186044417})"
                     "\n";
  EXPECT_EQ(read(huge).error().code(), Code::ResourceExhausted);
  std::string half = R"({"type":1,"name":"x","size":10000000000000})"
                     "\n";
  EXPECT_EQ(read(half + half).error().code(), Code::ResourceExhausted);
}

TEST_F(SplitTest, RefusesARecipeOfTooMuchText) {
  std::string text(std::size_t{65} << 20, '\n');
  EXPECT_EQ(read(text).error().code(), Code::ResourceExhausted);
}

TEST_F(SplitTest, SaysThatAFileVanished) {
  ASSERT_TRUE(make_directories(at("layer"), 0755).ok());
  Error error = failure_of_x();
  EXPECT_EQ(error.code(), Code::NotFound);
  EXPECT_THAT(error.message(), HasSubstr("x"));
}

TEST_F(SplitTest, NoticesAFileThatIsShorterThanItsRecipeSays) {
  ASSERT_TRUE(make_directories(at("layer"), 0755).ok());
  ASSERT_TRUE(write_file_atomic(at("layer/x"), as_bytes("123"), 0600).ok());
  EXPECT_EQ(failure_of_x().code(), Code::DataLoss);
}

TEST_F(SplitTest, TakesNoMoreOfAFileThanItsRecipeSays) {
  ASSERT_TRUE(make_directories(at("layer"), 0755).ok());
  ASSERT_TRUE(write_file_atomic(at("layer/x"), as_bytes("12345"), 0600).ok());
  Result<SplitRecipe> recipe = read(std::string(R"({"type":1,"name":"x","size":4})"));
  EXPECT_EQ(text_of(*rebuild(*recipe)), "1234");
}

TEST_F(SplitTest, NeverWaitsForAFifo) {
  ASSERT_TRUE(make_directories(at("layer"), 0755).ok());
  ASSERT_EQ(::mkfifo(at("layer/x").c_str(), 0600), 0);
  Error error = failure_of_x();
  EXPECT_EQ(error.code(), Code::DataLoss);
  EXPECT_THAT(error.message(), HasSubstr("no regular file"));
}

TEST_F(SplitTest, NeverFollowsASymlink) {
  ASSERT_TRUE(make_directories(at("layer"), 0755).ok());
  ASSERT_TRUE(write_file_atomic(at("secret"), as_bytes("1234"), 0600).ok());
  ASSERT_EQ(::symlink("../secret", at("layer/x").c_str()), 0);
  EXPECT_EQ(failure_of_x().code(), Code::DataLoss);
}

TEST_F(SplitTest, NeverReadsASocketOrADirectory) {
  ASSERT_TRUE(make_directories(at("layer/x"), 0755).ok());
  EXPECT_EQ(failure_of_x().code(), Code::DataLoss);
  ASSERT_TRUE(remove_directory(at("layer/x")).ok());
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::string path = at("layer/x");
  ASSERT_LT(path.size(), sizeof(address.sun_path));
  std::copy(path.begin(), path.end(), std::begin(address.sun_path));
  UniqueFd socket = UniqueFd::adopt(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(failure_of_x().code(), Code::DataLoss);
}

TEST_F(SplitTest, NeverLeavesTheDirectory) {
  ASSERT_TRUE(make_directories(at("layer"), 0755).ok());
  ASSERT_TRUE(write_file_atomic(at("secret"), as_bytes("1234"), 0600).ok());
  Result<SplitRecipe> recipe = read(std::string(R"({"type":1,"name":"../secret","size":4})"));
  EXPECT_EQ(rebuild(*recipe).error().code(), Code::DataLoss);
}

}  // namespace
}  // namespace bpfman::image
