// SPDX-License-Identifier: Apache-2.0
// What is written is read by the reader of any layout, and always the same.
#include "bpfman/image/image_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/image/image_file.h"
#include "bpfman/image/image_test_support.h"
#include "bpfman/image/tar_writer.h"

namespace bpfman::image {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ImageWriterTest : public ::testing::Test {
 protected:
  ImageWriterTest() : directory_(*TempDir::create("bpfman-image-writer")) {}

  static PlatformObject object(const std::string& architecture, unsigned salt) {
    return PlatformObject{.platform = {.architecture = architecture},
                          .file_name = "prog.o",
                          .bytes = make_object({"pass"}, salt),
                          .labels = {{"io.ebpf.programs", R"({"pass":"xdp"})"}}};
  }

  Result<FileImage> read(Transport transport, const Bytes& tar, const std::string& wanted = "") {
    std::string path = directory_.path() + "/image.tar";
    EXPECT_TRUE(write_file_atomic(path, tar, 0600).ok());
    return read_image_file(transport, path, wanted, host_platform());
  }

  TempDir directory_;
  std::string host_ = host_platform().architecture;
};

TEST_F(ImageWriterTest, OneFileIsAnOciArchiveAndADockerArchive) {
  LayoutWriter writer;
  Result<MadeImage> made =
      writer.add(NewImage{.name = "docker.io/library/x:dev", .objects = {object(host_, 1)}});
  ASSERT_TRUE(made.ok()) << made.error().message();
  Bytes tar = *writer.tar(host_platform());
  for (Transport transport : {Transport::OciArchive, Transport::DockerArchive}) {
    Result<FileImage> found = read(transport, tar, "x:dev");
    ASSERT_TRUE(found.ok()) << found.error().message();
    EXPECT_EQ(found->extracted.bytes, make_object({"pass"}, 1));
    EXPECT_EQ(found->extracted.file_name, "prog.o");
    EXPECT_EQ(found->extracted.ebpf.programs.at("pass"), "xdp");
    EXPECT_EQ(found->image_id, made->platforms[0].image_id);
    EXPECT_EQ(found->extracted.verification, Verification::Content);
  }
  EXPECT_EQ(read(Transport::OciArchive, tar)->manifest_digest, made->digest);
}

TEST_F(ImageWriterTest, TheSameInputIsTheSameFile) {
  NewImage image{.name = "x:dev", .objects = {object(host_, 1)}, .created = 1'700'000'000};
  LayoutWriter one;
  LayoutWriter other;
  Digest digest = one.add(image)->digest;
  EXPECT_EQ(other.add(image)->digest, digest);
  EXPECT_EQ(*one.tar(host_platform()), *other.tar(host_platform()));
  image.created = 0;
  LayoutWriter third;
  EXPECT_NE(third.add(image)->digest, digest);
}

TEST_F(ImageWriterTest, SeveralPlatformsAreUnderAnIndex) {
  std::string foreign = host_ == "riscv64" ? "arm64" : "riscv64";
  LayoutWriter writer;
  Result<MadeImage> made =
      writer.add(NewImage{.name = "x:dev", .objects = {object(foreign, 1), object(host_, 2)}});
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->platforms.size(), 2U);
  Bytes tar = *writer.tar(host_platform());
  for (Transport transport : {Transport::OciArchive, Transport::DockerArchive}) {
    Result<FileImage> found = read(transport, tar);
    ASSERT_TRUE(found.ok()) << found.error().message();
    EXPECT_EQ(found->extracted.bytes, make_object({"pass"}, 2));
  }
}

TEST_F(ImageWriterTest, SeveralImagesKeepTheirNames) {
  LayoutWriter writer;
  ASSERT_TRUE(writer.add(NewImage{.name = "a:1", .objects = {object(host_, 1)}}).ok());
  ASSERT_TRUE(writer.add(NewImage{.name = "b:1", .objects = {object(host_, 2)}}).ok());
  Bytes tar = *writer.tar(host_platform());
  EXPECT_EQ(read(Transport::OciArchive, tar, "b:1")->extracted.bytes, make_object({"pass"}, 2));
  EXPECT_EQ(read(Transport::DockerArchive, tar, "a:1")->extracted.bytes, make_object({"pass"}, 1));
  EXPECT_THAT(*names_in_file(Transport::OciArchive, directory_.path() + "/image.tar"),
              ElementsAre("a:1", "b:1"));
}

TEST_F(ImageWriterTest, TwoImagesWithoutNamesAreNotTakenForOne) {
  LayoutWriter writer;
  ASSERT_TRUE(writer.add(NewImage{.objects = {object(host_, 1)}}).ok());
  ASSERT_TRUE(writer.add(NewImage{.objects = {object(host_, 2)}}).ok());
  Result<FileImage> found = read(Transport::OciArchive, *writer.tar(host_platform()));
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code(), Code::InvalidArgument);
}

TEST_F(ImageWriterTest, NamesThatDoNotFitAreRefused) {
  LayoutWriter writer;
  PlatformObject long_name = object(host_, 1);
  long_name.file_name = std::string(101, 'x');
  EXPECT_EQ(writer.add(NewImage{.objects = {long_name}}).error().code(), Code::InvalidArgument);
  EXPECT_EQ(writer.add(NewImage{}).error().code(), Code::InvalidArgument);
  EXPECT_THAT(write_tar({{"", {}}}, 0).error().message(), HasSubstr("empty"));
}

}  // namespace
}  // namespace bpfman::image
