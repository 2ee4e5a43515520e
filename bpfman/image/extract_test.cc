// SPDX-License-Identifier: Apache-2.0
// Taking the object out of a local image: which route, and what is proved.
#include "bpfman/image/extract.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "bpfman/image/image_test_support.h"

namespace bpfman::image {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class ExtractTest : public ::testing::Test {
 protected:
  ExtractTest() : directory_(*TempDir::create("bpfman-extract")) {}

  std::string at(const std::string& name) const { return join_path(directory_.path(), name); }

  std::string place_of(std::size_t layer) const { return at("layer" + std::to_string(layer)); }

  // Lets the image consist of these layers, bottom first, in directories "layer0", "layer1", ...
  void consist_of(const std::vector<LayerWriter>& layers,
                  const Labels& labels = {},
                  const std::vector<LayerOptions>& options = {}) {
    std::vector<Digest> diff_ids;
    auto opened = std::make_shared<std::vector<LayerDirectory>>();
    for (std::size_t i = 0; i < layers.size(); ++i) {
      diff_ids.push_back(layers[i].diff_id());
      opened->push_back(make_layer_directory(
          place_of(i), layers[i], i < options.size() ? options[i] : LayerOptions()));
    }
    image_.about = describe(make_config(diff_ids, labels));
    image_.layers = [opened]() -> Result<std::vector<LayerDirectory>> {
      return std::move(*opened);
    };
  }

  void put(std::size_t layer, const std::string& name, const Bytes& bytes) const {
    ASSERT_TRUE(write_file_atomic(join_path(place_of(layer), name), bytes, 0644).ok());
  }

  Result<Extracted> extract() { return extract_local(image_, "x:dev", host_platform()); }

  Error failure() {
    Result<Extracted> found = extract();
    EXPECT_FALSE(found.ok()) << "it is found by route " << found->route;
    return found.ok() ? Error(Code::Internal, "none") : found.error();
  }

  const Bytes object_ = make_object({"pass"}, 1);
  const Bytes other_ = make_object({"pass"}, 2);
  TempDir directory_;
  FakeImage image_;
};

TEST_F(ExtractTest, ProvesAFileByRebuildingItsLayer) {
  consist_of({LayerWriter().file("x.o", object_)}, {{"io.ebpf.programs", R"({"pass":"xdp"})"}});
  Result<Extracted> found = extract();
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(found->bytes, object_);
  EXPECT_EQ(found->file_name, "x.o");
  EXPECT_EQ(found->verification, Verification::Content);
  EXPECT_EQ(found->route, "overlay2");
  EXPECT_THAT(found->ebpf.programs, ElementsAre(Pair("pass", "xdp")));
  EXPECT_THAT(found->labels, ElementsAre(Pair("io.ebpf.programs", R"({"pass":"xdp"})")));
  EXPECT_EQ(found->platform.architecture, host_platform().architecture);
  EXPECT_THAT(image_.asked, ElementsAre("layers"));
}

TEST_F(ExtractTest, StopsAtOneFlippedByteAndTriesNoOtherRoute) {
  consist_of({LayerWriter().file("x.o", object_)}, {{"io.ebpf.filename", "x.o"}});
  Bytes flipped = object_;
  flipped[flipped.size() / 2] ^= std::byte{1};
  put(0, "x.o", flipped);
  Error error = failure();
  EXPECT_EQ(error.code(), Code::DataLoss);
  EXPECT_THAT(error.message(), AllOf(HasSubstr(place_of(0)), HasSubstr("does not match")));
  EXPECT_THAT(image_.asked, ElementsAre("layers"));
}

TEST_F(ExtractTest, StopsWhereAnotherFileOfTheLayerIsDamaged) {
  consist_of({LayerWriter().file("readme", "text").file("x.o", object_)});
  put(0, "readme", bytes_of("TEXT"));
  EXPECT_EQ(failure().code(), Code::DataLoss);
}

TEST_F(ExtractTest, StopsWhereAFileIsShorter) {
  consist_of({LayerWriter().file("x.o", object_)});
  Bytes cut = object_;
  cut.pop_back();
  put(0, "x.o", cut);
  EXPECT_EQ(failure().code(), Code::DataLoss);
}

TEST_F(ExtractTest, SaysThatAFileOfTheLayerVanished) {
  consist_of({LayerWriter().file("readme", "text").file("x.o", object_)});
  ASSERT_TRUE(remove_file(join_path(place_of(0), "readme")).ok());
  EXPECT_EQ(failure().code(), Code::NotFound);
}

TEST_F(ExtractTest, TakesADirectorysWordWhereThereIsNoRecipe) {
  consist_of({LayerWriter().file("x.o", object_)}, {}, {{.recipe = false}});
  Result<Extracted> found = extract();
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(found->bytes, object_);
  EXPECT_EQ(found->verification, Verification::Daemon);
}

TEST_F(ExtractTest, TakesADaemonsWordWhereThereIsNoConfig) {
  LayerWriter layer;
  layer.file("x.o", object_);
  consist_of({layer});
  image_.about.config_json.clear();
  image_.about.diff_ids = {layer.diff_id()};
  image_.about.labels = {{"a", "1"}};
  image_.about.platform = Platform{.architecture = "arm64"};
  Result<Extracted> found = extract();
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(found->verification, Verification::Daemon);
  EXPECT_THAT(found->labels, ElementsAre(Pair("a", "1")));
  EXPECT_EQ(found->platform.architecture, "arm64");
}

TEST_F(ExtractTest, RefusesAFileThatIsNotInTheRecipeOfItsLayer) {
  consist_of({LayerWriter().file("readme", "text")});
  put(0, "planted.o", object_);
  Error error = failure();
  EXPECT_EQ(error.code(), Code::DataLoss);
  EXPECT_THAT(error.message(), HasSubstr("planted.o"));
}

TEST_F(ExtractTest, NeverTrustsTheNamesOfARecipe) {
  // The recipe calls good bytes by a bad name: the stream's own header decides.
  LayerWriter layer;
  layer.file("real.o", object_);
  consist_of({layer});
  std::string lines = layer.recipe();
  lines.replace(lines.find("real.o"), 6, "fake.o");
  ASSERT_TRUE(write_file_atomic(place_of(0) + ".tar-split.gz", gzip(as_bytes(lines)), 0600).ok());
  ASSERT_TRUE(rename_path(place_of(0) + "/real.o", place_of(0) + "/fake.o").ok());
  image_.layers = [this, layer]() -> Result<std::vector<LayerDirectory>> {
    std::vector<LayerDirectory> out(1);
    out[0].directory = *open_directory(place_of(0));
    out[0].path = place_of(0);
    out[0].tar_split = *open_file(place_of(0) + ".tar-split.gz", 0);
    return out;
  };
  EXPECT_EQ(failure().code(), Code::DataLoss);
}

TEST_F(ExtractTest, RefusesADamagedRecipe) {
  consist_of({LayerWriter().file("x.o", object_)});
  ASSERT_TRUE(write_file_atomic(at("garbage"), bytes_of("garbage"), 0600).ok());
  image_.layers = [this]() -> Result<std::vector<LayerDirectory>> {
    std::vector<LayerDirectory> out(1);
    out[0].directory = *open_directory(place_of(0));
    out[0].path = place_of(0);
    out[0].tar_split = *open_file(at("garbage"), 0);
    return out;
  };
  EXPECT_EQ(failure().code(), Code::DataLoss);
}

TEST_F(ExtractTest, RefusesLayersThatAreNotThoseOfTheConfig) {
  LayerWriter layer;
  layer.file("x.o", object_);
  consist_of({layer}, {}, {{.claimed = Digest::sha256_of(as_bytes("another"))}});
  EXPECT_EQ(failure().code(), Code::DataLoss);
}

TEST_F(ExtractTest, RefusesAnotherNumberOfLayersThanTheConfigLists) {
  LayerWriter layer;
  layer.file("x.o", object_);
  consist_of({layer});
  image_.about = describe(make_config({layer.diff_id(), layer.diff_id()}));
  EXPECT_EQ(failure().code(), Code::DataLoss);
}

TEST_F(ExtractTest, RefusesAConfigThatIsNone) {
  consist_of({LayerWriter().file("x.o", object_)});
  image_.about.config_json = "{}";
  Error error = failure();
  EXPECT_EQ(error.code(), Code::DataLoss);
  EXPECT_THAT(error.message(), HasSubstr("x:dev"));
}

TEST_F(ExtractTest, RefusesLabelsThatAreNone) {
  consist_of({LayerWriter().file("x.o", object_)}, {{"io.ebpf.programs", "pass"}});
  EXPECT_EQ(failure().code(), Code::InvalidArgument);
}

// ---- several layers -----------------------------------------------------------------------------

TEST_F(ExtractTest, TakesTheUpperOfTwoFilesOfOneName) {
  consist_of({LayerWriter().file("x.o", object_), LayerWriter().file("x.o", other_)});
  EXPECT_EQ(extract()->bytes, other_);
}

TEST_F(ExtractTest, FindsNothingWhereAnUpperLayerHidesTheFile) {
  LayerWriter upper;
  upper.entry({.name = ".wh.x.o"});
  consist_of({LayerWriter().file("x.o", object_), upper});
  ASSERT_EQ(::mknod((place_of(1) + "/x.o").c_str(), S_IFCHR | 0600, ::makedev(0, 0)), 0);
  Error error = failure();
  EXPECT_EQ(error.code(), Code::InvalidArgument);
  EXPECT_THAT(error.message(), HasSubstr("holds no eBPF object file"));
}

TEST_F(ExtractTest, LooksBelowTheRootOnlyWhereTheRootHasNone) {
  consist_of({LayerWriter().directory("lib").file("lib/x.o", object_)});
  Result<Extracted> found = extract();
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(found->file_name, "lib/x.o");
  EXPECT_EQ(found->verification, Verification::Content);
}

TEST_F(ExtractTest, PrefersTheRootToWhatLiesDeeper) {
  consist_of({LayerWriter().directory("lib").file("lib/y.o", other_).file("x.o", object_)});
  EXPECT_EQ(extract()->file_name, "x.o");
}

TEST_F(ExtractTest, ChoosesByTheFunctionsOfProvedFiles) {
  consist_of({LayerWriter().file("a.o", make_object({"a"})).file("b.o", make_object({"b"}))},
             {{"io.ebpf.programs", R"({"b":"xdp"})"}});
  EXPECT_EQ(extract()->file_name, "b.o");
}

TEST_F(ExtractTest, ProvesAHardLinkByItsTarget) {
  consist_of({LayerWriter()
                  .file("data", "d")
                  .directory("lib")
                  .file("lib/x.o", object_)
                  .hardlink("x.o", "lib/x.o")});
  Result<Extracted> found = extract();
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(found->file_name, "x.o");
  EXPECT_EQ(found->bytes, object_);
}

// ---- merged directories (vfs) -------------------------------------------------------------------

constexpr LayerOptions kMerged = {.merged = true};

class MergedExtractTest : public ExtractTest {
 protected:
  // As consist_of, but each directory holds all layers up to its own.
  void consist_of_merged(const std::vector<LayerWriter>& layers,
                         const std::vector<LayerOptions>& options) {
    consist_of(layers, {}, options);
    for (std::size_t i = 1; i < layers.size(); ++i) {
      for (std::size_t below = i; below-- > 0;) {
        add(layers[below], place_of(i));
      }
    }
  }

  // What of `layer` is not there yet.
  void add(const LayerWriter& layer, const std::string& path) const {
    std::string apart = path + ".below";
    layer.unpack(apart);
    std::vector<std::string> names = *list_directory(apart);
    for (const std::string& name : names) {
      if (!path_exists(join_path(path, name))) {
        ASSERT_TRUE(rename_path(join_path(apart, name), join_path(path, name)).ok());
      } else {
        ASSERT_TRUE(remove_file(join_path(apart, name)).ok());
      }
    }
    ASSERT_TRUE(remove_directory(apart).ok());
  }
};

TEST_F(MergedExtractTest, ProvesAFileByTheLayerThatBroughtIt) {
  consist_of_merged({LayerWriter().file("x.o", object_), LayerWriter().file("readme", "text")},
                    {kMerged, kMerged});
  Result<Extracted> found = extract();
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(found->bytes, object_);
  EXPECT_EQ(found->verification, Verification::Content);
}

TEST_F(MergedExtractTest, TakesTheUpperOfTwoFilesOfOneName) {
  consist_of_merged({LayerWriter().file("x.o", object_), LayerWriter().file("x.o", other_)},
                    {kMerged, kMerged});
  EXPECT_EQ(extract()->bytes, other_);
}

TEST_F(MergedExtractTest, TakesAnUpperHardLinkBeforeALowerFile) {
  consist_of_merged(
      {LayerWriter().file("x.o", object_), LayerWriter().file("y", other_).hardlink("x.o", "y")},
      {kMerged, kMerged});
  image_.about = describe(make_config(parse_image_config(image_.about.config_json)->diff_ids,
                                      {{"io.ebpf.filename", "x.o"}}));
  Result<Extracted> found = extract();
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(found->bytes, other_);
}

TEST_F(MergedExtractTest, NeverTakesALowerFileWhereAnUpperLayerHasNoRecipe) {
  consist_of_merged({LayerWriter().file("x.o", object_), LayerWriter().file("x.o", other_)},
                    {kMerged, {.recipe = false, .merged = true}});
  Result<Extracted> found = extract();
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(found->bytes, other_);
  EXPECT_EQ(found->verification, Verification::Daemon);
}

TEST_F(MergedExtractTest, StopsAtAFlippedByte) {
  consist_of_merged({LayerWriter().file("x.o", object_)}, {kMerged});
  put(0, "x.o", other_);
  EXPECT_EQ(failure().code(), Code::DataLoss);
}

}  // namespace
}  // namespace bpfman::image
