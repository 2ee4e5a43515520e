// SPDX-License-Identifier: Apache-2.0
// Layers as they were sent: what is proved, and how few of them are read.
#include "bpfman/image/layer_blobs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/image/extract.h"
#include "bpfman/image/image_test_support.h"

namespace bpfman::image {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class BlobsTest : public ::testing::Test {
 protected:
  BlobsTest() : directory_(*TempDir::create("bpfman-blobs")) {}

  // Adds a layer on top; its blob is what `sent` says.
  void add(const LayerWriter& layer, const Bytes& sent) {
    std::size_t index = blobs_.size();
    diff_ids_.push_back(layer.diff_id());
    blobs_.push_back(
        LayerBlob{.digest = Digest::sha256_of(sent),
                  .size = sent.size(),
                  .media_type = "application/vnd.oci.image.layer.v1.tar",
                  .open = [this, sent, index]() -> Result<std::unique_ptr<ByteSource>> {
                    opened_.push_back(index);
                    return make_source(sent);
                  }});
  }

  void add(const LayerWriter& layer) { add(layer, layer.tar()); }

  static LayerWriter with(const std::string& name, const Bytes& data) {
    return std::move(LayerWriter().file(name, data));
  }

  Result<BlobObject> extract(std::uint64_t limit = kSmallBlob) {
    return extract_from_blobs(blobs_, diff_ids_, labels_, "x:dev", host_platform(), limit);
  }

  // By the whole flow, with the directories of these layers where there are any.
  Result<Extracted> extract_image(const std::vector<LayerWriter>& directories = {}) {
    image_.about = describe(make_config(diff_ids_));
    image_.blobs = [this] { return Result<std::vector<LayerBlob>>(blobs_); };
    if (!directories.empty()) {
      image_.layers = [this, directories]() -> Result<std::vector<LayerDirectory>> {
        std::vector<LayerDirectory> out;
        for (std::size_t i = 0; i < directories.size(); ++i) {
          std::string path = join_path(directory_.path(), std::to_string(i));
          out.push_back(make_layer_directory(path, directories[i], {.recipe = false}));
          out.back().claimed_diff_id = Digest();
          out.back().blob = blobs_[i];
        }
        return out;
      };
    }
    return extract_local(image_, "x:dev", host_platform());
  }

  void throw_away(std::size_t index) {
    blobs_[index].open = []() -> Result<std::unique_ptr<ByteSource>> {
      return Error(Code::NotFound, "blob gone");
    };
  }

  const Bytes object_ = make_object({"pass"});
  const LayerWriter layer_ = with("x.o", object_);
  const LayerWriter filler_ = with("filler", bytes_of("nothing"));
  EbpfLabels labels_;
  std::vector<LayerBlob> blobs_;
  std::vector<Digest> diff_ids_;
  std::vector<std::size_t> opened_;
  TempDir directory_;
  FakeImage image_;
};

TEST_F(BlobsTest, AreReadHoweverTheyWereCompressed) {
  for (const Bytes& sent : {layer_.tar(), gzip(layer_.tar()), zstd(layer_.tar())}) {
    blobs_.clear();
    diff_ids_.clear();
    add(layer_, sent);
    Result<BlobObject> found = extract();
    ASSERT_TRUE(found.ok()) << found.error().message();
    EXPECT_EQ(found->bytes, object_);
    EXPECT_EQ(found->path, "x.o");
  }
}

TEST_F(BlobsTest, MustMatchDigestAndDiffId) {
  add(layer_, gzip(layer_.tar()));
  Digest blob = std::exchange(blobs_[0].digest, Digest::sha256_of(object_));
  EXPECT_EQ(extract().error().code(), Code::DataLoss);
  blobs_[0].digest = blob;
  diff_ids_[0] = Digest::sha256_of(object_);
  Result<BlobObject> other = extract();
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code(), Code::DataLoss);
  EXPECT_THAT(other.error().message(), HasSubstr("image config"));
}

TEST_F(BlobsTest, OfAnotherSizeAreDamaged) {
  add(layer_);
  blobs_[0].size -= 1;
  EXPECT_EQ(extract().error().code(), Code::DataLoss);
  blobs_[0].size += 2;
  EXPECT_EQ(extract().error().code(), Code::DataLoss);
}

TEST_F(BlobsTest, ALargeOneBelowTheObjectIsNotRead) {
  add(filler_);
  add(layer_);
  blobs_[0].size = std::uint64_t{1} << 30;
  ASSERT_TRUE(extract().ok());
  EXPECT_THAT(opened_, ElementsAre(1U));
}

TEST_F(BlobsTest, ASmallOneBelowIsLookedAtForASecondObject) {
  add(with("other.o", make_object({"other"})));
  add(layer_);
  Result<BlobObject> found = extract();
  ASSERT_FALSE(found.ok());
  EXPECT_THAT(found.error().message(), HasSubstr("several eBPF object files"));
}

TEST_F(BlobsTest, OneBelowThatIsGoneIsNoMatter) {
  add(filler_);
  add(layer_);
  throw_away(0);
  EXPECT_TRUE(extract().ok());
}

TEST_F(BlobsTest, ALargeOneAboveTheObjectIsLeftToAnotherRoute) {
  add(layer_);
  add(filler_);
  blobs_[1].size = kSmallBlob + 1;
  EXPECT_EQ(extract().error().code(), Code::Unimplemented);
  EXPECT_THAT(opened_, IsEmpty());
}

TEST_F(BlobsTest, AWhiteoutAboveHidesTheObject) {
  add(layer_);
  add(std::move(LayerWriter().file(".wh.x.o", "")));
  Result<BlobObject> found = extract();
  ASSERT_FALSE(found.ok());
  EXPECT_THAT(found.error().message(), HasSubstr("no eBPF object"));
}

TEST_F(BlobsTest, AnObjectInADirectoryIsTakenWhenNoneIsInTheRoot) {
  add(with("bpf/x.o", object_));
  add(filler_);
  EXPECT_EQ(extract()->path, "bpf/x.o");
}

// ---- the whole flow

TEST_F(BlobsTest, AreTheFirstRoute) {
  add(layer_);
  Result<Extracted> found = extract_image({layer_});
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(found->route, "content");
  EXPECT_EQ(found->verification, Verification::Content);
  EXPECT_THAT(image_.asked, ElementsAre("blobs"));
}

TEST_F(BlobsTest, ProveTheFileOfADirectory) {
  add(layer_);
  add(filler_);
  throw_away(1);
  Result<Extracted> found = extract_image({layer_, filler_});
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(found->route, "overlay2");
  EXPECT_EQ(found->verification, Verification::Content);
  EXPECT_EQ(found->bytes, object_);
}

TEST_F(BlobsTest, ThatAreGoneLeaveTheDirectorysWord) {
  add(layer_);
  throw_away(0);
  Result<Extracted> found = extract_image({layer_});
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(found->verification, Verification::Daemon);
}

TEST_F(BlobsTest, AFileThatIsNotTheOneThatWasSentIsDamage) {
  add(layer_);
  add(filler_);
  throw_away(1);
  Result<Extracted> found = extract_image({with("x.o", make_object({"pass"}, 1)), filler_});
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code(), Code::DataLoss);
}

TEST_F(BlobsTest, WithoutDirectoriesALargeOneIsReadAfterAll) {
  add(layer_);
  std::string noise;
  for (unsigned state = 1; noise.size() <= kSmallBlob;) {
    state = state * 1664525U + 1013904223U;
    noise.push_back(static_cast<char>(state >> 24));
  }
  add(with("filler", bytes_of(noise)));
  Result<Extracted> found = extract_image();
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(found->route, "content");
  EXPECT_THAT(image_.asked, ElementsAre("blobs", "layers", "blobs"));
}

TEST_F(BlobsTest, OfAnotherNumberThanDiffIdsAreDamage) {
  add(layer_);
  diff_ids_.push_back(filler_.diff_id());
  EXPECT_EQ(extract_image().error().code(), Code::DataLoss);
}

}  // namespace
}  // namespace bpfman::image
