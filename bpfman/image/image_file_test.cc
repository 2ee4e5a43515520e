// SPDX-License-Identifier: Apache-2.0
// Files of each form, and through the look-up flow.
#include "bpfman/image/image_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "bpfman/image/image_manager.h"
#include "bpfman/image/image_test_support.h"

namespace bpfman::image {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ImageFileTest : public ::testing::Test {
 protected:
  ImageFileTest() : directory_(*TempDir::create("bpfman-image-file")) {
    layer_.file("prog.o", object_);
    config_ = make_config({layer_.diff_id()});
  }

  // As docker save writes it, before version 25.
  Bytes saved(const std::string& manifest) const {
    LayerWriter writer;
    writer.file("1/layer.tar", layer_.tar());
    writer.file("config.json", std::string_view(config_));
    writer.file("manifest.json", std::string_view(manifest));
    return writer.tar();
  }

  std::string write(const std::string& name, const Bytes& content) const {
    std::string path = directory_.path() + "/" + name;
    EXPECT_TRUE(write_file_atomic(path, content, 0600).ok());
    return path;
  }

  Result<ResolvedImage> resolve(const std::string& reference) const {
    Environment environment;
    ImageManager images({}, nullptr, environment, ImageManagerOptions{.now = 7});
    return images.resolve(ImageSource{.reference = reference, .policy = PullPolicy::Never});
  }

  TempDir directory_;
  Bytes object_ = make_object({"pass"});
  LayerWriter layer_;
  std::string config_;
};

const char* const kOne =
    R"([{"Config":"config.json","RepoTags":["prog:dev"],"Layers":["1/layer.tar"]}])";

TEST_F(ImageFileTest, ADockerArchiveIsReadByTagOrAlone) {
  std::string path = write("saved.tar", saved(kOne));
  EXPECT_EQ(*tell_format(path), Transport::DockerArchive);
  EXPECT_THAT(*names_in_file(Transport::DockerArchive, path), ElementsAre("prog:dev"));
  for (const char* wanted : {"", "prog:dev", "docker.io/library/prog:dev"}) {
    Result<FileImage> found =
        read_image_file(Transport::DockerArchive, path, wanted, host_platform());
    ASSERT_TRUE(found.ok()) << found.error().message();
    EXPECT_EQ(found->extracted.bytes, object_);
    EXPECT_EQ(found->extracted.verification, Verification::Content);
    EXPECT_EQ(found->image_id, Digest::sha256_of(as_bytes(config_)));
  }
  Error missing =
      read_image_file(Transport::DockerArchive, path, "other:dev", host_platform()).error();
  EXPECT_EQ(missing.code(), Code::NotFound);
  EXPECT_THAT(missing.message(), HasSubstr("it has prog:dev"));
}

TEST_F(ImageFileTest, ADockerArchiveMayBeCompressed) {
  std::string path = write("saved.tar.gz", gzip(saved(kOne)));
  EXPECT_EQ(*tell_format(path), Transport::DockerArchive);
  EXPECT_TRUE(read_image_file(Transport::DockerArchive, path, "", host_platform()).ok());
}

TEST_F(ImageFileTest, ManifestsThatAreNoneAreRefused) {
  for (const char* manifest : {"[]",
                               "{}",
                               "[1]",
                               R"([{"Config":"../../etc/passwd"}])",
                               R"([{"Config":7}])",
                               R"([{"Config":"absent.json"}])",
                               R"([{"Config":"1/layer.tar"}])"}) {
    std::string path = write("bad.tar", saved(manifest));
    EXPECT_FALSE(read_image_file(Transport::DockerArchive, path, "", host_platform()).ok())
        << manifest;
  }
}

TEST_F(ImageFileTest, TheLookUpFlowTellsWhereItCameFrom) {
  std::string path = write("saved.tar", saved(kOne));
  Result<ResolvedImage> found = resolve("docker-archive:" + path + ":prog:dev");
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(found->record.reference, "docker-archive:" + path + ":prog:dev");
  EXPECT_EQ(found->record.provenance.source, SourceKind::Archive);
  EXPECT_EQ(found->record.provenance.route, "docker-archive");
  EXPECT_EQ(found->record.provenance.location, path);
  EXPECT_EQ(found->record.provenance.canonical_name, "prog:dev");
  EXPECT_EQ(describe_source(found->record.provenance), "archive (" + path + ")");
}

TEST_F(ImageFileTest, FilesOfAnotherKindSayWhichTheyAre) {
  std::string path = write("saved.tar", saved(kOne));
  Error layout = resolve("oci-archive:" + path).error();
  EXPECT_THAT(layout.hints(), ElementsAre(HasSubstr("docker-archive:")));
  EXPECT_THAT(resolve("oci:" + path).error().hints(), ElementsAre(HasSubstr("oci-archive:")));
  EXPECT_THAT(resolve("oci-archive:" + directory_.path()).error().hints(),
              ElementsAre(HasSubstr("oci:")));
  for (const char* transport : {"oci:", "oci-archive:", "docker-archive:"}) {
    EXPECT_EQ(resolve(std::string(transport) + "/no/such/file").error().code(), Code::NotFound);
  }
  std::string text = write("text", bytes_of("no tar at all"));
  EXPECT_FALSE(resolve("docker-archive:" + text).ok());
  EXPECT_FALSE(resolve("oci-archive:" + text).ok());
}

TEST_F(ImageFileTest, AFifoIsNotWaitedFor) {
  std::string path = directory_.path() + "/fifo";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(resolve("oci-archive:" + path).error().code(), Code::InvalidArgument);
  EXPECT_EQ(resolve("docker-archive:" + path).error().code(), Code::InvalidArgument);
}

}  // namespace
}  // namespace bpfman::image
