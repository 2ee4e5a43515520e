// SPDX-License-Identifier: Apache-2.0
// Images into files and back, over a real store; and built from object files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/base/file.h"
#include "bpfman/image/image_writer.h"
#include "bpfman/manager/manager.h"
#include "bpfman/manager/session.h"
#include "bpfman/store/sqlite.h"
#include "tests/support/fake_kernel.h"

namespace bpfman {
namespace {

using bpfman::testing::FakeKernel;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string kObject = BPFMAN_EXAMPLE_OBJECT;

class ImageFilesTest : public ::testing::Test {
 protected:
  ImageFilesTest() : directory_(*TempDir::create("bpfman-image-files")) {
    kernel_.world.bpffs = true;
    manager_ = make("one");
  }

  std::unique_ptr<Manager> make(const std::string& root) {
    ManagerOptions options;
    options.layout.root = directory_.path() + "/" + root;
    options.environment = environment_;
    options.runtimes.docker_hosts = {"unix://" + directory_.path() + "/no-docker.sock"};
    options.runtimes.storage_roots = {directory_.path() + "/no-storage"};
    options.lock_timeout_ms = 1000;
    return std::make_unique<Manager>(std::move(options), kernel_);
  }

  static BuildSpec tagged(const std::string& tag) { return {.paths = {kObject}, .tag = tag}; }

  std::string path(const std::string& name) const { return directory_.path() + "/" + name; }

  TempDir directory_;
  Environment environment_;
  FakeKernel kernel_;
  std::unique_ptr<Manager> manager_;
};

TEST_F(ImageFilesTest, ABuiltImageIsInTheDatabaseWithItsLabels) {
  Result<BuildImageReply> built = manager_->build_image(tagged("x:dev"), DryRun::No);
  ASSERT_TRUE(built.ok()) << built.error().message();
  EXPECT_EQ(built->reference, "docker.io/library/x:dev");
  EXPECT_EQ(built->labels.at("io.ebpf.programs"), R"({"pass_counter":"xdp"})");
  EXPECT_EQ(built->labels.at("io.ebpf.maps"), R"({"packet_stats":"per_cpu_array"})");
  ASSERT_THAT(built->platforms, SizeIs(1));
  Result<InspectImageReply> stored = manager_->inspect_image("x:dev");
  ASSERT_TRUE(stored.ok());
  EXPECT_EQ(stored->record.labels, built->labels);
  EXPECT_EQ(stored->record.provenance.image_id, built->platforms[0].image_id);
  EXPECT_EQ(stored->record.bytecode, Digest::sha256_of(*read_file(kObject, 1 << 20)));
}

TEST_F(ImageFilesTest, BuildingTwiceIsTheSameAndWithoutATagTheIdIsTheName) {
  Result<BuildImageReply> first = manager_->build_image(tagged(""), DryRun::No);
  Result<BuildImageReply> second = make("two")->build_image(tagged(""), DryRun::No);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->digest, second->digest);
  EXPECT_EQ(first->reference, first->platforms[0].image_id.text());
  EXPECT_TRUE(manager_->inspect_image(first->platforms[0].image_id.short_hex()).ok());
}

TEST_F(ImageFilesTest, SourceDateEpochChangesTheDigestAndMustBeATime) {
  Digest plain = manager_->build_image(tagged(""), DryRun::Yes)->digest;
  environment_.variables["SOURCE_DATE_EPOCH"] = "1700000000";
  EXPECT_NE(make("two")->build_image(tagged(""), DryRun::Yes)->digest, plain);
  environment_.variables["SOURCE_DATE_EPOCH"] = "yesterday";
  EXPECT_EQ(make("three")->build_image(tagged(""), DryRun::Yes).error().code(),
            Code::InvalidArgument);
}

TEST_F(ImageFilesTest, ADryRunOfABuildTouchesNothing) {
  Result<BuildImageReply> built = manager_->build_image(tagged("x:dev"), DryRun::Yes);
  ASSERT_TRUE(built.ok());
  EXPECT_THAT(built->plan.steps, SizeIs(1));
  EXPECT_FALSE(path_exists(path("one")));
}

TEST_F(ImageFilesTest, SavedImagesComeBackTheSameOnAnotherHost) {
  ASSERT_TRUE(manager_->build_image(tagged("x:dev"), DryRun::No).ok());
  ASSERT_TRUE(manager_->build_image(tagged("quay.io/me/y:1"), DryRun::No).ok());
  Result<SaveImagesReply> saved =
      manager_->save_images({"x:dev", "quay.io/me/y:1", "x:dev"}, path("images.tar"), std::nullopt);
  ASSERT_TRUE(saved.ok()) << saved.error().message();
  EXPECT_THAT(saved->references, ElementsAre("docker.io/library/x:dev", "quay.io/me/y:1"));
  std::unique_ptr<Manager> other = make("two");
  Result<LoadImagesReply> dry = other->load_images(path("images.tar"), "", DryRun::Yes);
  ASSERT_TRUE(dry.ok()) << dry.error().message();
  EXPECT_FALSE(path_exists(path("two")));
  Result<LoadImagesReply> loaded = other->load_images(path("images.tar"), "", DryRun::No);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message();
  std::vector<ImageRecord> before = *manager_->list_images();
  std::vector<ImageRecord> after = *other->list_images();
  ASSERT_THAT(after, SizeIs(2));
  for (std::size_t i = 0; i < after.size(); ++i) {
    EXPECT_EQ(after[i].reference, before[i].reference);
    EXPECT_EQ(after[i].bytecode, before[i].bytecode);
    EXPECT_EQ(after[i].labels, before[i].labels);
    EXPECT_EQ(after[i].provenance.source, SourceKind::Archive);
  }
  Bytes first = *read_file(path("images.tar"), 1 << 20);
  ASSERT_TRUE(
      other->save_images({"x:dev", "quay.io/me/y:1"}, path("again.tar"), std::nullopt).ok());
  EXPECT_EQ(*read_file(path("again.tar"), 1 << 20), first) << "what was saved is reproducible";
}

TEST_F(ImageFilesTest, ALoadThatFailsLeavesNothing) {
  ASSERT_TRUE(manager_->build_image(tagged("x:dev"), DryRun::No).ok());
  ASSERT_TRUE(manager_->save_images({"x:dev"}, path("images.tar"), std::nullopt).ok());
  std::unique_ptr<Manager> other = make("two");
  Layout layout{.root = path("two")};
  Digest digest = Digest::sha256_of(*read_file(kObject, 1 << 20));
  {
    store::Store store = *store::Store::open(layout);
  }
  // The step: a directory lies where the bytecode goes.
  ASSERT_TRUE(make_directories(layout.blob(digest), 0700).ok());
  EXPECT_FALSE(other->load_images(path("images.tar"), "", DryRun::No).ok());
  EXPECT_THAT(*other->list_images(), IsEmpty());
  ASSERT_TRUE(remove_directory(layout.blob(digest)).ok());
  // The commit.
  {
    store::Database database =
        *store::Database::open(layout.database(), store::Access::ReadWriteCreate);
    ASSERT_TRUE(database
                    .execute("CREATE TRIGGER refused BEFORE INSERT ON images BEGIN SELECT "
                             "RAISE(ABORT, 'refused'); END")
                    .ok());
  }
  EXPECT_FALSE(other->load_images(path("images.tar"), "", DryRun::No).ok());
  EXPECT_THAT(*other->list_images(), IsEmpty());
  store::Store store = *store::Store::open(layout);
  EXPECT_FALSE(store.has_blob(digest));
  EXPECT_THAT(*store.open_operations(), IsEmpty());
}

TEST_F(ImageFilesTest, ALabelThatNamesProgramsWhichAreNotThereIsAWarning) {
  image::LayoutWriter writer;
  image::PlatformObject object{
      .platform = host_platform(),
      .file_name = "x.o",
      .bytes = *read_file(kObject, 1 << 20),
      .labels = {{"io.ebpf.programs", R"({"pass_counter":"xdp","gone":"xdp"})"}}};
  ASSERT_TRUE(writer.add(image::NewImage{.name = "x:dev", .objects = {object}}).ok());
  ASSERT_TRUE(write_file_atomic(path("image.tar"), *writer.tar(host_platform()), 0600).ok());
  Result<LoadImagesReply> loaded = manager_->load_images(path("image.tar"), "", DryRun::Yes);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message();
  EXPECT_THAT(loaded->warnings,
              ElementsAre(AllOf(HasSubstr("names gone, which x.o does not hold"),
                                HasSubstr("correct the label"))));
}

TEST_F(ImageFilesTest, ATagNamesASingleImageOnly) {
  ASSERT_TRUE(manager_->build_image(tagged("x:dev"), DryRun::No).ok());
  ASSERT_TRUE(manager_->build_image(tagged("y:dev"), DryRun::No).ok());
  ASSERT_TRUE(manager_->save_images({"x:dev"}, path("one.tar"), std::nullopt).ok());
  ASSERT_TRUE(manager_->save_images({"x:dev", "y:dev"}, path("two.tar"), std::nullopt).ok());
  std::unique_ptr<Manager> other = make("two");
  ASSERT_TRUE(other->load_images(path("one.tar"), "z:1", DryRun::No).ok());
  EXPECT_EQ(other->list_images()->front().reference, "docker.io/library/z:1");
  EXPECT_EQ(other->load_images(path("two.tar"), "z:1", DryRun::No).error().code(),
            Code::InvalidArgument);
}

TEST_F(ImageFilesTest, AnImageWithoutANameWantsATag) {
  BuildSpec spec = tagged("");
  spec.target = BuildTarget::OciArchive;
  spec.output_path = path("unnamed.tar");
  ASSERT_TRUE(manager_->build_image(spec, DryRun::No).ok());
  Result<LoadImagesReply> unnamed = manager_->load_images(path("unnamed.tar"), "", DryRun::No);
  EXPECT_EQ(unnamed.error().code(), Code::InvalidArgument);
  EXPECT_THAT(unnamed.error().hints(), ElementsAre(HasSubstr("--tag")));
  EXPECT_TRUE(manager_->load_images(path("unnamed.tar"), "x:1", DryRun::No).ok());
}

TEST_F(ImageFilesTest, ADirectoryOfBpf2goIsAnIndexAndALayoutIsWrittenOnce) {
  ASSERT_TRUE(make_directories(path("project"), 0700).ok());
  Bytes object = *read_file(kObject, 1 << 20);
  for (const char* name : {"bpf_x86_bpfel.o", "bpf_arm64_bpfel.o"}) {
    ASSERT_TRUE(write_file_atomic(path("project/") + name, object, 0600).ok());
  }
  ASSERT_TRUE(write_file_atomic(path("project/main.o"), as_bytes("no bpf"), 0600).ok());
  BuildSpec spec{.paths = {path("project")}, .tag = "x:dev", .target = BuildTarget::OciLayout};
  spec.output_path = path("layout");
  Result<BuildImageReply> built = manager_->build_image(spec, DryRun::No);
  ASSERT_TRUE(built.ok()) << built.error().message();
  EXPECT_THAT(built->platforms, SizeIs(2));
  EXPECT_EQ(built->destination, path("layout"));
  EXPECT_TRUE(path_exists(path("layout/index.json")));
  EXPECT_EQ(manager_->build_image(spec, DryRun::No).error().code(), Code::AlreadyExists);
  EXPECT_TRUE(manager_->load_images(path("layout"), "", DryRun::No).ok());
  Result<BuildArgumentsReply> arguments = manager_->build_arguments({path("project")});
  ASSERT_TRUE(arguments.ok());
  EXPECT_EQ(arguments->arguments[0].first, "BC_AMD64_EL");
  EXPECT_THAT(arguments->platforms, ElementsAre("linux/amd64", "linux/arm64"));
}

TEST_F(ImageFilesTest, WhatCannotBeBuiltIsSaidByName) {
  BuildSpec absent{.paths = {"/no/such.o"}};
  EXPECT_EQ(manager_->build_image(absent, DryRun::No).error().code(), Code::NotFound);
  EXPECT_EQ(manager_->build_image(tagged("oci:x"), DryRun::No).error().code(),
            Code::InvalidArgument);
  EXPECT_EQ(manager_->build_image(tagged(std::string(64, 'a')), DryRun::No).error().code(),
            Code::InvalidArgument);
  BuildSpec docker = tagged("x:dev");
  docker.target = BuildTarget::Docker;
  EXPECT_EQ(manager_->build_image(docker, DryRun::No).error().code(), Code::Unavailable);
  EXPECT_EQ(manager_->load_images("/no/such.tar", "", DryRun::No).error().code(), Code::NotFound);
}

}  // namespace
}  // namespace bpfman
