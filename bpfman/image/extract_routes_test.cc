// SPDX-License-Identifier: Apache-2.0
// From one route to the next: only because a route does not exist.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/xattr.h>

#include "bpfman/image/extract.h"
#include "bpfman/image/image_test_support.h"

namespace bpfman::image {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class RoutesTest : public ::testing::Test {
 protected:
  RoutesTest() : directory_(*TempDir::create("bpfman-routes")) { be_labelled({}); }

  void be_labelled(const Labels& labels) {
    image_.about = describe(make_config({layer_.diff_id()}, labels));
  }

  // A copy-out that gives this tar.
  void copy_out(const LayerWriter& layer) {
    image_.file = [tar = layer.tar()](const std::string&) -> Result<std::unique_ptr<ByteSource>> {
      return make_source(tar);
    };
  }

  // An export with this layer, as Docker 25 writes it.
  void export_image(const LayerWriter& layer) {
    LayerWriter archive;
    std::string config = image_.about.config_json;
    archive.file("blobs/sha256/" + std::string(layer.diff_id().hex()), layer.tar());
    archive.file("blobs/sha256/" + std::string(image_.about.image_id.hex()), config);
    image_.archive = [tar = archive.tar()]() -> Result<std::unique_ptr<ByteSource>> {
      return make_source(tar);
    };
  }

  Result<Extracted> extract() { return extract_local(image_, "x:dev", host_platform()); }

  const Bytes object_ = make_object({"pass"});
  LayerWriter layer_ = std::move(LayerWriter().file("x.o", object_));
  TempDir directory_;
  FakeImage image_;
};

TEST_F(RoutesTest, CopiesOutTheFileThatALabelNames) {
  be_labelled({{"io.ebpf.filename", "/x.o"}});
  copy_out(layer_);
  Result<Extracted> found = extract();
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(found->bytes, object_);
  EXPECT_EQ(found->file_name, "x.o");
  EXPECT_EQ(found->route, "archive");
  EXPECT_EQ(found->verification, Verification::Daemon);
  EXPECT_THAT(found->labels, ElementsAre(Pair("io.ebpf.filename", "/x.o")));
  EXPECT_THAT(image_.asked, ElementsAre("layers", "file /x.o"));
}

TEST_F(RoutesTest, ExportsTheImageWhereNoLabelNamesAFile) {
  copy_out(layer_);
  export_image(layer_);
  Result<Extracted> found = extract();
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(found->bytes, object_);
  EXPECT_EQ(found->route, "export");
  EXPECT_EQ(found->verification, Verification::Content);
  EXPECT_THAT(image_.asked, ElementsAre("layers", "archive"));
}

TEST_F(RoutesTest, ExportsTheImageWhereNothingCanBeCopiedOut) {
  be_labelled({{"io.ebpf.filename", "x.o"}});
  export_image(layer_);
  EXPECT_EQ(extract()->route, "export");
  EXPECT_THAT(image_.asked, ElementsAre("layers", "file /x.o", "archive"));
}

TEST_F(RoutesTest, ExportsTheImageWhereTheLabelNamesNothing) {
  be_labelled({{"io.ebpf.filename", "none.o"}});
  image_.file = [](const std::string&) -> Result<std::unique_ptr<ByteSource>> {
    return Error(Code::NotFound, "no such file");
  };
  export_image(layer_);
  EXPECT_EQ(extract()->route, "export");
}

TEST_F(RoutesTest, ExportsTheImageWhereTheLabelNamesNoObject) {
  be_labelled({{"io.ebpf.filename", "x.o"}});
  copy_out(LayerWriter().symlink("x.o", "y.o"));
  export_image(layer_);
  EXPECT_EQ(extract()->route, "export");
}

TEST_F(RoutesTest, AsksForNoFileOutsideOfTheImage) {
  be_labelled({{"io.ebpf.filename", "../../etc/passwd"}});
  copy_out(layer_);
  export_image(layer_);
  EXPECT_EQ(extract()->route, "export");
  EXPECT_THAT(image_.asked, ElementsAre("layers", "archive"));
}

TEST_F(RoutesTest, LeavesADirectoryWhoseDataLiesElsewhere) {
  std::string path = join_path(directory_.path(), "layer");
  auto opened = std::make_shared<LayerDirectory>(make_layer_directory(path, layer_));
  ASSERT_EQ(::setxattr((path + "/x.o").c_str(), "trusted.overlay.metacopy", "", 0, 0), 0);
  image_.layers = [opened]() -> Result<std::vector<LayerDirectory>> {
    std::vector<LayerDirectory> out;
    out.push_back(std::move(*opened));
    return out;
  };
  export_image(layer_);
  EXPECT_EQ(extract()->route, "export");
}

TEST_F(RoutesTest, SaysWhyTheBestRouteWasLeftWhereThereIsNoOther) {
  std::string path = join_path(directory_.path(), "layer");
  auto opened = std::make_shared<LayerDirectory>(make_layer_directory(path, layer_));
  ASSERT_EQ(::setxattr((path + "/x.o").c_str(), "trusted.overlay.metacopy", "", 0, 0), 0);
  image_.layers = [opened]() -> Result<std::vector<LayerDirectory>> {
    std::vector<LayerDirectory> out;
    out.push_back(std::move(*opened));
    return out;
  };
  Result<Extracted> found = extract();
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code(), Code::Unimplemented);
  EXPECT_THAT(found.error().message(), HasSubstr("metacopy"));
}

TEST_F(RoutesTest, EndWithAnErrorThatIsNotAMissingRoute) {
  for (Code code : {Code::NotFound, Code::DataLoss, Code::PermissionDenied, Code::Unavailable}) {
    FakeImage image;
    image.about = image_.about;
    image.layers = [code]() -> Result<std::vector<LayerDirectory>> {
      return Error(code, "no layers");
    };
    Result<Extracted> found = extract_local(image, "x:dev", host_platform());
    EXPECT_EQ(found.error().code(), code);
    EXPECT_THAT(found.error().message(), HasSubstr("image x:dev"));
    EXPECT_THAT(image.asked, ElementsAre("layers"));
  }
}

// Layers that are made when they are opened; `opened` counts them.
std::vector<LayerBlob> remade(const std::vector<Bytes>& tars, std::vector<std::size_t>& opened) {
  std::vector<LayerBlob> out;
  for (const Bytes& tar : tars) {
    out.push_back(LayerBlob{
        .digest = {}, .size = tar.size(), .media_type = "", .open = [tar, i = out.size(), &opened] {
          opened.push_back(i);
          return make_source(tar);
        }});
  }
  return out;
}

TEST_F(RoutesTest, TakeALayerMadeAnewWhereNeitherBlobsNorDirectoriesCanBeRead) {
  std::vector<std::size_t> opened;
  image_.remade = [&]() -> Result<std::vector<LayerBlob>> {
    return remade({layer_.tar()}, opened);
  };
  Result<Extracted> found = extract();
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(found->route, "diff");
  EXPECT_EQ(found->verification, Verification::Daemon);
}

TEST_F(RoutesTest, HaveNoLayerMadeAnewThatIsLargeAndBelow) {
  std::vector<std::size_t> opened;
  image_.remade = [&]() -> Result<std::vector<LayerBlob>> {
    std::vector<LayerBlob> blobs =
        remade({LayerWriter().file("base", "b").tar(), layer_.tar()}, opened);
    blobs.front().size = std::uint64_t{1} << 30;
    return blobs;
  };
  Result<Extracted> found = extract();
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_THAT(opened, ElementsAre(1U));
}

TEST_F(RoutesTest, EndWithAnErrorOfALayerMadeAnew) {
  image_.remade = []() -> Result<std::vector<LayerBlob>> {
    LayerBlob blob;
    blob.open = []() -> Result<std::unique_ptr<ByteSource>> {
      return Error(Code::Unavailable, "the daemon went away");
    };
    return std::vector<LayerBlob>{blob};
  };
  EXPECT_EQ(extract().error().code(), Code::Unavailable);
}

TEST_F(RoutesTest, EndWithAnErrorOfTheCopyOut) {
  be_labelled({{"io.ebpf.filename", "x.o"}});
  image_.file = [](const std::string&) -> Result<std::unique_ptr<ByteSource>> {
    return Error(Code::Unavailable, "hung");
  };
  export_image(layer_);
  EXPECT_EQ(extract().error().code(), Code::Unavailable);
}

TEST_F(RoutesTest, EndWithAnErrorInTheMiddleOfTheCopyOut) {
  be_labelled({{"io.ebpf.filename", "x.o"}});
  image_.file = [this](const std::string&) -> Result<std::unique_ptr<ByteSource>> {
    Bytes tar = layer_.tar();
    tar.resize(600);
    return make_source(tar, 100, Error(Code::Unavailable, "connection lost"));
  };
  export_image(layer_);
  EXPECT_EQ(extract().error().code(), Code::Unavailable);
}

}  // namespace
}  // namespace bpfman::image
