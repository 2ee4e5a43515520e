// SPDX-License-Identifier: Apache-2.0
// Layers as directories of an overlay: whiteouts are devices there, and marks are attributes. Needs
// root to make them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "bpfman/image/image_test_support.h"
#include "bpfman/image/layers.h"

namespace bpfman::image {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DirectoryLayer : public ::testing::Test {
 protected:
  DirectoryLayer() : directory_(*TempDir::create("bpfman-layer")) {}

  std::string at(const std::string& name) const { return join_path(directory_.path(), name); }

  void put(const std::string& name, const Bytes& bytes) const {
    ASSERT_TRUE(make_directories(parent_path(at(name)), 0755).ok());
    ASSERT_TRUE(write_file_atomic(at(name), bytes, 0644).ok());
  }

  void mark(const std::string& name, const char* attribute, std::string_view value) const {
    ASSERT_EQ(::setxattr(at(name).c_str(), attribute, value.data(), value.size(), 0), 0)
        << attribute << " on " << at(name);
  }

  Result<LayerListing> list(Depth depth) const {
    LayerDirectory layer;
    layer.directory = *open_directory(directory_.path());
    layer.path = directory_.path();
    return list_directory_layer(layer, depth);
  }

  const Bytes object_ = make_object({"pass"});
  TempDir directory_;
};

TEST_F(DirectoryLayer, OfDepthRootNamesWhatIsInTheRoot) {
  put("x.o", object_);
  put("lib/y.o", object_);
  put("readme", bytes_of("text"));
  LayerListing listing = *list(Depth::Root);
  EXPECT_THAT(listing.objects, ElementsAre("x.o"));
  EXPECT_THAT(listing.others, ElementsAre("lib", "readme"));
  EXPECT_THAT(listing.directories, ElementsAre("lib"));
}

TEST_F(DirectoryLayer, OfDepthAllNamesTheWholeTree) {
  put("x.o", object_);
  put("lib/deep/y.o", object_);
  LayerListing listing = *list(Depth::All);
  EXPECT_THAT(listing.objects, ElementsAre("lib/deep/y.o", "x.o"));
  EXPECT_THAT(listing.directories, ElementsAre("lib", "lib/deep"));
}

TEST_F(DirectoryLayer, TakesDevicesOfNumberZeroForWhiteouts) {
  put("lib/y.o", object_);
  ASSERT_EQ(::mknod(at("x.o").c_str(), S_IFCHR | 0600, ::makedev(0, 0)), 0);
  ASSERT_EQ(::mknod(at("lib/z.o").c_str(), S_IFCHR | 0600, ::makedev(0, 0)), 0);
  EXPECT_THAT(list(Depth::Root)->whiteouts, ElementsAre("x.o"));
  EXPECT_THAT(list(Depth::All)->whiteouts, ElementsAre("lib/z.o", "x.o"));
}

TEST_F(DirectoryLayer, TakesOtherDevicesForFiles) {
  ASSERT_EQ(::mknod(at("null").c_str(), S_IFCHR | 0600, ::makedev(1, 3)), 0);
  LayerListing listing = *list(Depth::Root);
  EXPECT_THAT(listing.whiteouts, IsEmpty());
  EXPECT_THAT(listing.others, ElementsAre("null"));
}

TEST_F(DirectoryLayer, TakesMarkerFilesForWhiteoutsToo) {
  put(".wh.x.o", Bytes());
  put("lib/.wh..wh..opq", Bytes());
  LayerListing listing = *list(Depth::All);
  EXPECT_THAT(listing.whiteouts, ElementsAre("x.o"));
  EXPECT_THAT(listing.opaque, ElementsAre("lib"));
}

TEST_F(DirectoryLayer, IsOpaqueWhereAnAttributeSaysSo) {
  for (const char* attribute :
       {"trusted.overlay.opaque", "user.overlay.opaque", "user.fuseoverlayfs.opaque"}) {
    std::string name = std::string(attribute) + ".d";
    ASSERT_TRUE(make_directories(at(name), 0755).ok());
    mark(name, attribute, "y");
  }
  ASSERT_TRUE(make_directories(at("plain"), 0755).ok());
  mark("plain", "trusted.overlay.opaque", "n");
  EXPECT_THAT(
      list(Depth::All)->opaque,
      ElementsAre(
          "trusted.overlay.opaque.d", "user.fuseoverlayfs.opaque.d", "user.overlay.opaque.d"));
}

TEST_F(DirectoryLayer, MayHaveAnOpaqueRoot) {
  mark("", "trusted.overlay.opaque", "y");
  EXPECT_THAT(list(Depth::Root)->opaque, ElementsAre(""));
}

TEST_F(DirectoryLayer, WithAFileWhoseDataLiesElsewhereIsLeftToAnotherRoute) {
  for (const char* attribute : {"trusted.overlay.metacopy",
                                "trusted.overlay.redirect",
                                "user.overlay.metacopy",
                                "user.overlay.redirect"}) {
    put("x.o", object_);
    mark("x.o", attribute, "/somewhere");
    EXPECT_EQ(list(Depth::Root).error().code(), Code::Unimplemented) << attribute;
  }
}

TEST_F(DirectoryLayer, RefusesAMetacopyFileThoughItReadsAsZeros) {
  // As the kernel leaves it: of the right size, without bytes, the attribute empty.
  put("x.o", Bytes());
  ASSERT_EQ(::truncate(at("x.o").c_str(), 5000), 0);
  mark("x.o", "trusted.overlay.metacopy", "");
  Result<LayerListing> listing = list(Depth::Root);
  ASSERT_FALSE(listing.ok());
  EXPECT_EQ(listing.error().code(), Code::Unimplemented);
  EXPECT_THAT(listing.error().message(), HasSubstr("x.o"));
}

TEST_F(DirectoryLayer, RefusesARenamedDirectoryOfALowerLayer) {
  ASSERT_TRUE(make_directories(at("lib"), 0755).ok());
  mark("lib", "trusted.overlay.redirect", "/old");
  EXPECT_TRUE(list(Depth::Root).ok());
  EXPECT_EQ(list(Depth::All).error().code(), Code::Unimplemented);
}

TEST_F(DirectoryLayer, NeitherFollowsSymlinksNorWaitsForFifos) {
  put("elsewhere/x.o", object_);
  ASSERT_EQ(::symlink("elsewhere/x.o", at("link.o").c_str()), 0);
  ASSERT_EQ(::symlink("elsewhere", at("link").c_str()), 0);
  ASSERT_EQ(::mkfifo(at("fifo.o").c_str(), 0600), 0);
  LayerListing listing = *list(Depth::All);
  EXPECT_THAT(listing.objects, ElementsAre("elsewhere/x.o"));
  EXPECT_THAT(listing.others, ElementsAre("elsewhere", "fifo.o", "link", "link.o"));
  EXPECT_THAT(listing.directories, ElementsAre("elsewhere"));
}

TEST_F(DirectoryLayer, LooksAtSoManyFilesOnly) {
  ASSERT_TRUE(make_directories(at("many"), 0755).ok());
  put("many/0", Bytes());
  for (int i = 1; i <= 20'000; ++i) {
    ASSERT_EQ(::link(at("many/0").c_str(), at("many/" + std::to_string(i)).c_str()), 0);
  }
  EXPECT_TRUE(list(Depth::Root).ok());
  Result<LayerListing> listing = list(Depth::All);
  EXPECT_EQ(listing.error().code(), Code::ResourceExhausted);
  EXPECT_THAT(listing.error().hints(), ElementsAre(HasSubstr("root directory")));
}

TEST_F(DirectoryLayer, ThatWasRemovedIsNotTakenForAnEmptyOne) {
  LayerDirectory layer;
  ASSERT_TRUE(make_directories(at("gone"), 0755).ok());
  layer.directory = *open_directory(at("gone"));
  layer.path = at("gone");
  ASSERT_TRUE(remove_directory(at("gone")).ok());
  Result<LayerListing> listing = list_directory_layer(layer, Depth::Root);
  ASSERT_FALSE(listing.ok());
  EXPECT_EQ(listing.error().code(), Code::NotFound);
  EXPECT_THAT(listing.error().message(), HasSubstr(at("gone")));
}

}  // namespace
}  // namespace bpfman::image
