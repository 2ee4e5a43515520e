// SPDX-License-Identifier: Apache-2.0
// Layers as tar streams, and what shows through when they lie on top of each other.
#include "bpfman/image/layers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/image/image_test_support.h"

namespace bpfman::image {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Result<LayerObjects> read(const LayerWriter& layer) {
  std::unique_ptr<ByteSource> source = make_source(layer.tar());
  return read_tar_layer(*source);
}

// An object of this many bytes.
Bytes object_of(std::size_t size) {
  Bytes bytes = make_object({"pass"});
  bytes.resize(size);
  return bytes;
}

TEST(TarLayer, KeepsObjectsAndNamesTheRest) {
  Bytes object = make_object({"pass"});
  LayerWriter layer;
  layer.directory("lib").file("lib/x.o", object).file("readme", "text").symlink("y.o", "lib/x.o");
  LayerObjects read_layer = *read(layer);
  EXPECT_THAT(read_layer.listing.objects, ElementsAre("lib/x.o"));
  EXPECT_THAT(read_layer.listing.others, ElementsAre("lib", "readme", "y.o"));
  EXPECT_THAT(read_layer.listing.directories, ElementsAre("lib"));
  EXPECT_THAT(read_layer.listing.whiteouts, IsEmpty());
  EXPECT_EQ(read_layer.content.at("lib/x.o"), object);
  EXPECT_EQ(read_layer.content_bytes, object.size());
}

TEST(TarLayer, TellsAnObjectByItsBytesNotByItsName) {
  LayerWriter layer;
  layer.file("program", make_object({"pass"}))
      .file("x.o",
            "\x7f"
            "ELF, but not quite")
      .file("e.o", "");
  EXPECT_THAT(read(layer)->listing.objects, ElementsAre("program"));
}

TEST(TarLayer, ReadsWhiteoutsAsMarkers) {
  LayerWriter layer;
  layer.file(".wh.x.o", "").file("lib/.wh.y.o", "").file("etc/.wh..wh..opq", "");
  LayerListing listing = read(layer)->listing;
  EXPECT_THAT(listing.whiteouts, ElementsAre("lib/y.o", "x.o"));
  EXPECT_THAT(listing.opaque, ElementsAre("etc"));
  EXPECT_THAT(listing.others, IsEmpty());
}

TEST(TarLayer, ReadsAnOpaqueRoot) {
  LayerWriter layer;
  layer.file(".wh..wh..opq", "");
  EXPECT_THAT(read(layer)->listing.opaque, ElementsAre(""));
}

TEST(TarLayer, GivesAHardLinkTheObjectOfItsTarget) {
  Bytes object = make_object({"pass"});
  LayerWriter layer;
  layer.file("x.o", object).hardlink("y.o", "x.o").hardlink("z", "nothing");
  LayerObjects read_layer = *read(layer);
  EXPECT_EQ(read_layer.content.at("y.o"), object);
  EXPECT_THAT(read_layer.listing.others, ElementsAre("z"));
}

TEST(TarLayer, TakesTheLastEntryOfAName) {
  Bytes second = make_object({"pass"}, 2);
  LayerWriter layer;
  layer.file("x.o", make_object({"pass"}, 1)).file("x.o", second);
  layer.file("y.o", second).symlink("y.o", "x.o").file("z", "").file("z", second);
  LayerObjects read_layer = *read(layer);
  EXPECT_THAT(read_layer.listing.objects, ElementsAre("x.o", "z"));
  EXPECT_THAT(read_layer.listing.others, ElementsAre("y.o"));
  EXPECT_EQ(read_layer.content.at("x.o"), second);
  EXPECT_FALSE(read_layer.content.contains("y.o"));
}

TEST(TarLayer, TakesObjectsUpToSixteenMebibytes) {
  EXPECT_TRUE(read(LayerWriter().file("x.o", object_of(kObjectLimit))).ok());
  Result<LayerObjects> larger = read(LayerWriter().file("x.o", object_of(kObjectLimit + 1)));
  EXPECT_EQ(larger.error().code(), Code::ResourceExhausted);
  EXPECT_THAT(larger.error().message(), HasSubstr("x.o"));
}

TEST(TarLayer, LimitsAllObjectsTogetherHardLinksIncluded) {
  LayerWriter layer;
  layer.file("x.o", object_of(kObjectLimit));
  for (const char* name : {"1", "2", "3"}) {
    layer.hardlink(name, "x.o");
  }
  EXPECT_TRUE(read(layer).ok());
  layer.hardlink("4", "x.o");
  EXPECT_EQ(read(layer).error().code(), Code::ResourceExhausted);
}

TEST(TarLayer, LetsOtherFilesHaveAnySize) {
  EXPECT_TRUE(read(LayerWriter().file("data", std::string(kObjectLimit + 1, 'd'))).ok());
}

// ---- merging ------------------------------------------------------------------------------------

TEST(Merging, ShowsObjectsOfAllLayers) {
  EXPECT_THAT(merge_layers({{.objects = {"a.o"}}, {.objects = {"b.o"}}}),
              ElementsAre(ObjectFile{"a.o", 0}, ObjectFile{"b.o", 1}));
}

TEST(Merging, ShowsTheUpperOfTwoObjects) {
  EXPECT_THAT(merge_layers({{.objects = {"a.o"}}, {.objects = {"a.o"}}, {}}),
              ElementsAre(ObjectFile{"a.o", 1}));
}

TEST(Merging, HidesAnObjectBehindAnyOtherUpperFile) {
  EXPECT_THAT(merge_layers({{.objects = {"a.o"}}, {.others = {"a.o"}}}), IsEmpty());
}

TEST(Merging, HidesWhatAWhiteoutRemoves) {
  EXPECT_THAT(merge_layers({{.objects = {"a.o", "b.o"}}, {.whiteouts = {"a.o"}}}),
              ElementsAre(ObjectFile{"b.o", 0}));
}

TEST(Merging, HidesAllBelowARemovedDirectory) {
  EXPECT_THAT(merge_layers({{.objects = {"d/e/a.o", "dd/b.o"}}, {.whiteouts = {"d"}}}),
              ElementsAre(ObjectFile{"dd/b.o", 0}));
}

TEST(Merging, LetsALayerBringBackWhatItRemoves) {
  LayerListing upper = {.objects = {"a.o"}, .whiteouts = {"a.o"}};
  EXPECT_THAT(merge_layers({{.objects = {"a.o"}}, upper}), ElementsAre(ObjectFile{"a.o", 1}));
}

TEST(Merging, LetsAnUpperLayerBringBackWhatALowerRemoved) {
  EXPECT_THAT(merge_layers({{.objects = {"a.o"}}, {.whiteouts = {"a.o"}}, {.objects = {"a.o"}}}),
              ElementsAre(ObjectFile{"a.o", 2}));
}

TEST(Merging, HidesWhatLiesBelowAnOpaqueDirectoryButNotItsOwn) {
  LayerListing lower = {.objects = {"d/a.o", "d/e/b.o", "c.o"}};
  LayerListing upper = {.objects = {"d/new.o"}, .opaque = {"d"}};
  EXPECT_THAT(merge_layers({lower, upper}),
              ElementsAre(ObjectFile{"c.o", 0}, ObjectFile{"d/new.o", 1}));
}

TEST(Merging, HidesEverythingBelowAnOpaqueRoot) {
  EXPECT_THAT(merge_layers({{.objects = {"a.o", "d/b.o"}}, {.objects = {"c.o"}, .opaque = {""}}}),
              ElementsAre(ObjectFile{"c.o", 1}));
}

TEST(Merging, HidesADirectoryBehindAnUpperFile) {
  EXPECT_THAT(merge_layers({{.objects = {"d/a.o"}}, {.others = {"d"}}}), IsEmpty());
  EXPECT_THAT(merge_layers({{.objects = {"d/a.o"}}, {.objects = {"d"}}}),
              ElementsAre(ObjectFile{"d", 1}));
}

TEST(Merging, ShowsADirectoryThroughAnUpperOne) {
  LayerListing upper = {.others = {"d", "d/b"}, .directories = {"d"}};
  EXPECT_THAT(merge_layers({{.objects = {"d/a.o"}}, upper}), ElementsAre(ObjectFile{"d/a.o", 0}));
}

}  // namespace
}  // namespace bpfman::image
